"""What operators do: hold, release, cancel, retry, links, drain, reload, orphans; each act is written to the audit log.

The line is written once the act is done, with who asked and how many messages it moved. While the disk
refuses, acts go on and their lines wait in memory with everything else that has already happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog

from drivers.smpp.ids import candidates
from gateway.control.finding import number_of
from gateway.control.parts import Args, Gateway, Refusal, Tell, View
from gateway.control.waiting import count_of, hold_words
from gateway.control.words import Asked, kind_word, moment, state_word
from gateway.holds import Hold
from gateway.lifecycle import WAITING, State
from gateway.model import Message
from gateway.settings import ConfigError
from gateway.stores import rows
from gateway.stores.store import Orphan

__all__ = ["ACTS", "Act", "audit", "orphans"]

log = structlog.get_logger("gateway.control")

SLICE = 500
AUDIT_PATIENCE = 5.0

Act = Callable[[Gateway, Args, str, Tell], Awaitable[Any]]
"""(gateway, arguments, who, tell) -> what to answer."""
Move = Callable[[Sequence[Message]], Awaitable[int]]


async def audit(gateway: Gateway, who: str, verb: str, detail: str) -> None:
    """One line for ever."""
    log.warning("operator.act", who=who, verb=verb, detail=detail)
    written = gateway.store.write_rows(rows.INSERT_AUDIT, [(gateway.clock.wall_ms(), who, verb, detail)])
    if not gateway.store.sick:
        await asyncio.wait([written], timeout=AUDIT_PATIENCE)


# ── which messages ───────────────────────────────────────────────────────────────────────────────────────────
def _flow(asked: Asked) -> Hold:
    """(route, kind, account, tag) as the operator named them."""
    kind = asked.kind()
    word = "" if kind is None else kind_word(kind)
    return asked.text("route"), word, asked.text("account"), asked.text("tag")


async def _stored_ids(gateway: Gateway, flow: Hold) -> AsyncIterator[list[int]]:
    """Ids that wait in these flows, in slices along the backlog's own order."""
    parts: list[str] = []
    arguments: list[Any] = []
    for column, value in zip(("route", "kind", "account", "tag"), flow, strict=True):
        if not value:
            continue
        parts.append(f"{column}=?")
        if column == "kind":
            arguments.append(int(Asked({"kind": value}).kind() or 0))
        elif column == "tag":
            arguments.append(value)
        else:
            number = await number_of(gateway, value)
            if not number:
                return
            arguments.append(number)
    key = "route, kind, priority, account, tag, due, id"
    sql = (
        f"SELECT {key} FROM backlog WHERE ({key}) > (?,?,?,?,?,?,?) AND {' AND '.join(parts)}"
        f" ORDER BY {key} LIMIT {SLICE}"
    )
    after: tuple[Any, ...] = (-1, -1, -1, -1, "", -1, -1)
    while True:
        found = await gateway.store.query(sql, (*after, *arguments))
        if found:
            after = found[-1]
            yield [row[-1] for row in found]
        if len(found) < SLICE:
            return


async def _each(gateway: Gateway, asked: Asked, tell: Tell, move: Move) -> tuple[int, list[str]]:
    """Move the messages named by id, or all that wait in the flows named: (how many, why others did not)."""
    ids = asked.ids()
    moved, notes = 0, []
    if ids:
        for start in range(0, len(ids), SLICE):
            chunk = ids[start : start + SLICE]
            found = await gateway.desk.waiting(chunk)
            moved += await move(_here(gateway, list(found.values())))
            notes += [f"{i}: no such message" for i in chunk if i not in found]
            if not moved:
                notes += [f"{m.id} is {state_word(m.state)}" for m in found.values()]
        return moved, notes[:100]
    flow = _flow(asked)
    if not any(flow):
        raise Refusal("say which: ids, or --tag, --account, --kind, --route", 2)
    async for chunk in _stored_ids(gateway, flow):
        found = await gateway.desk.waiting(chunk)
        moved += await move(_here(gateway, list(found.values())))
        await tell({"progress": {"moved": moved}})
    return moved, notes


def _here(gateway: Gateway, messages: list[Message]) -> list[Message]:
    """Without those whose row waits still while they are being handed to a bearer: they are the bearer's."""
    roads = gateway.dispatcher.roads.values()
    gone = {s.id for road in roads for line in (*road.staged, road.unanswered) for s in line}
    return [m for m in messages if m.state in WAITING and m.id not in gone]


# ── the verbs ────────────────────────────────────────────────────────────────────────────────────────────────
async def hold(gateway: Gateway, args: Args, who: str, tell: Tell) -> View:
    """Messages by id, or a whole flow, with what will still come into it."""
    asked = Asked(args)
    if not asked.ids():
        wanted = _flow(asked)
        if not any(wanted):
            raise Refusal("say what to hold: ids, or --tag, --account, --kind, --route", 2)
        await gateway.holds.add(wanted)
        gateway.queue.refresh_holds()
        waiting = sum(count_of(flow) for flow in gateway.queue.flows() if flow.held)
        await audit(gateway, who, "hold", hold_words(wanted))
        return {"hold": hold_words(wanted), "waiting": waiting}
    reason = asked.text("reason") or f"held by {who}"
    moved, notes = await _each(gateway, asked, tell, lambda found: gateway.desk.hold(found, reason))
    return await _done(gateway, who, "hold", asked, moved, notes)


async def release(gateway: Gateway, args: Args, who: str, tell: Tell) -> View:
    """Messages by id, or a hold on a flow, in the same words that made it."""
    asked = Asked(args)
    if not asked.ids():
        flow = _flow(asked)
        dropped = gateway.holds.drop(flow)
        if dropped is None:
            there = "; ".join(map(hold_words, gateway.holds)) or "none"
            raise Refusal(f"there is no hold on {hold_words(flow) or 'nothing'}; holds: {there}")
        await dropped
        gateway.queue.refresh_holds()
        gateway.dispatcher.pump_all()
        await audit(gateway, who, "release", hold_words(flow))
        return {"released": hold_words(flow)}
    moved, notes = await _each(gateway, asked, tell, gateway.desk.release)
    gateway.dispatcher.pump_all()
    return await _done(gateway, who, "release", asked, moved, notes)


async def cancel(gateway: Gateway, args: Args, who: str, tell: Tell) -> View:
    """DELETED, with the receipts that this owes; only what has not left."""
    asked = Asked(args)
    reason = asked.text("reason") or f"cancelled by {who}"
    moved, notes = await _each(gateway, asked, tell, lambda found: gateway.desk.cancel(found, reason))
    return await _done(gateway, who, "cancel", asked, moved, notes)


async def retry(gateway: Gateway, args: Args, who: str, tell: Tell) -> View:
    """What waits for a later try or a later hour, tried now. What has ended is not sent again: submit it anew."""
    asked = Asked(args)
    moved, notes = await _each(gateway, asked, tell, gateway.desk.retry)
    gateway.dispatcher.pump_all()
    return await _done(gateway, who, "retry", asked, moved, notes)


async def _done(gateway: Gateway, who: str, verb: str, asked: Asked, moved: int, notes: list[str]) -> View:
    ids = asked.ids()
    if ids and not moved:
        raise Refusal(f"nothing to {verb}: {'; '.join(notes)}")
    what = " ".join(map(str, ids)) if ids else hold_words(_flow(asked))
    await audit(gateway, who, verb, f"{what}: {moved} messages")
    return {"moved": moved, "notes": notes}


async def link(gateway: Gateway, args: Args, who: str, tell: Tell) -> View:  # noqa: ARG001 - an Act
    """enable, disable or reset one bearer; until the daemon restarts, and the file stays as it is."""
    asked = Asked(args)
    name, what = asked.text("name"), asked.text("act")
    road = gateway.dispatcher.roads.get(name)
    if road is None:
        there = ", ".join(sorted(gateway.dispatcher.roads)) or "none"
        raise Refusal(f"no bearer {name!r} is open; there are: {there}")
    if what == "reset":
        road.bearer.reset()
    elif what == "disable":
        road.disabled = who + (f": {asked.text('reason')}" if asked.text("reason") else "")
        road.health.enabled = False
        gateway.dispatcher.health_changed()
        gateway.dispatcher.closed(road)
        gateway.dispatcher.pump_all()
    elif what == "enable":
        road.disabled = ""
        road.health.enabled = True
        gateway.dispatcher.health_changed()
        gateway.dispatcher.pump(road)
    else:
        raise Refusal(f"{what!r}: use enable, disable or reset", 2)
    await audit(gateway, who, f"link {what}", f"{name} {asked.text('reason')}".strip())
    return {
        "bearer": name,
        "act": what,
        "unanswered": len(road.unanswered),
        "lasts": "until the daemon restarts",
    }


async def drain(gateway: Gateway, args: Args, who: str, tell: Tell) -> View:  # noqa: ARG001 - an Act
    """Take nothing new while what is here goes on; `off` undoes it."""
    off = Asked(args).flag("off")
    gateway.drained = "" if off else f"drained by {who}"
    await audit(gateway, who, "drain off" if off else "drain", "")
    flying = sum(len(r.unanswered) + r.staged_count for r in gateway.dispatcher.roads.values())
    return {"drained": not off, "waiting": gateway.queue.count, "in_flight": flying}


async def reload(gateway: Gateway, args: Args, who: str, tell: Tell) -> list[Mapping[str, str]]:  # noqa: ARG001 - an Act
    """The configuration file again: the changes that were made. A file with faults changes nothing: exit 78."""
    try:
        changes = list(await gateway.reload())
    except ConfigError as error:
        await audit(gateway, who, "reload refused", f"{len(error.faults)} faults")
        raise Refusal(f"{error}\nNothing was changed.", 78) from error
    await audit(gateway, who, "reload", ", ".join(change["key"] for change in changes) or "no change")
    return changes


# ── orphans ──────────────────────────────────────────────────────────────────────────────────────────────────
_ORPHANS = (
    "SELECT id, bearer, carrier_id, recipient, state, final, code, at, raw FROM orphan WHERE id>?"
    " ORDER BY id LIMIT ?"
)


async def orphans(gateway: Gateway, args: Args) -> View:
    """Receipts that matched nothing, oldest first."""
    asked = Asked(args)
    limit = asked.number("limit", 50, 1, 10_000)
    total = (await gateway.store.query("SELECT count(*) FROM orphan"))[0][0]
    found = [_orphan(gateway, row) for row in await gateway.store.query(_ORPHANS, (0, limit))]
    return {
        "total": total,
        "ambiguous": gateway.receipts.ambiguous,
        "orphans": [
            {
                "id": str(o.id),
                "at": moment(o.at),
                "bearer": o.bearer,
                "carrier_id": o.carrier_id,
                "to": asked.shown(o.recipient),
                "state": state_word(o.state) if o.state in set(State) else str(o.state),
                "final": o.final,
                "code": o.code,
            }
            for o in found
        ],
    }


def _orphan(gateway: Gateway, row: tuple[Any, ...]) -> Orphan:
    return Orphan(
        row[0], gateway.store.name(row[1]), row[2], row[3], row[4], bool(row[5]), row[6], row[7], row[8]
    )


async def rematch(gateway: Gateway, args: Args, who: str, tell: Tell) -> View:
    """Try orphans again, all or those named; each that finds its message moves it, and is told of."""
    wanted = set(Asked(args).ids())
    after = tried = matched = 0
    while True:
        found = await gateway.store.query(_ORPHANS, (after, 50))
        if not found:
            break
        after = found[-1][0]
        for row in found:
            if not wanted or row[0] in wanted:
                orphan = _orphan(gateway, row)
                tried += 1
                matched += gateway.receipts.rematch(orphan, candidates(orphan.carrier_id))
        await tell({"progress": {"tried": tried, "matched": matched}})
    await audit(gateway, who, "orphans rematch", f"{matched} of {tried} matched")
    return {"tried": tried, "matched": matched}


ACTS: Mapping[str, Act] = {
    "hold": hold,
    "release": release,
    "cancel": cancel,
    "retry": retry,
    "link": link,
    "drain": drain,
    "reload": reload,
    "rematch": rematch,
}
