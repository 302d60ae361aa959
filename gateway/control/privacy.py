"""privacy: what is kept about a number, told to its owner (export) or taken away (erase); GDPR articles 15 and 17.

Erasing takes the number and the texts from every row and leaves what counts: states, times, segments. Objections
stay as keyed digests and go on protecting. Both acts are in the audit log under the number's digest, never under
the number. Run again, an erasure finds nothing and says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from gateway.control.acts import Act, audit
from gateway.control.parts import Args, Gateway, Refusal, Tell, View
from gateway.control.person_view import person_view
from gateway.control.words import Asked
from gateway.lifecycle import WAITING, State
from gateway.stores.consent_table import GIVEN
from gateway.stores.person import Traces, erasures, traces_of

__all__ = ["PRIVACY_ACTS"]

PATIENCE = 10.0
"""Seconds that an erasure waits for what is on the wire."""
_SLICE = 500
_OPEN = WAITING | {State.INFLIGHT}


async def _traces(gateway: Gateway, asked: Asked, tell: Tell) -> Traces:
    number = asked.recipient("number")
    if not number.startswith("+"):
        raise Refusal("say which number, in international form: --number +33612345678", 2)
    key = gateway.stops.optouts.digest(number)
    return await traces_of(gateway.store, gateway.clock.now, number, key, tell)


async def export(gateway: Gateway, args: Args, who: str, tell: Tell) -> View:
    """Everything that is kept about one number, whole."""
    found = await _traces(gateway, Asked(args), tell)
    view = await person_view(gateway, found)
    what = f"{found.mark}: {len(found.messages)} messages, {len(found.replies)} replies"
    await audit(gateway, who, "privacy export", what)
    return view


async def erase(gateway: Gateway, args: Args, who: str, tell: Tell) -> View:
    """Take the number and its texts away, for good. also_waiting: end what still waits for it first."""
    asked = Asked(args)
    found = await _traces(gateway, asked, tell)
    ended = await _end_waiting(gateway, found, asked.flag("also_waiting"))
    counts = await _erase(gateway, found, who)
    counts = {**counts, "ended": ended}
    words = ", ".join(f"{name} {count}" for name, count in counts.items() if count) or "nothing was kept"
    await audit(gateway, who, "privacy erase", f"{found.mark}: {words}")
    return {"key": found.mark, **counts, "audit_mentions": await _mentions(gateway, found)}


# ── what still waits ─────────────────────────────────────────────────────────────────────────────────────────
async def _end_waiting(gateway: Gateway, found: Traces, may: bool) -> int:
    """How many messages were ended. Raises Refusal when that was not asked for, or when one cannot be ended now."""
    open_ = _open(gateway, found)
    if not may and (open_ or found.notes or found.parts):
        what = [
            f"{len(open_)} messages to it wait or are on the wire" if open_ else "",
            f"{len(found.notes)} of its replies were not fetched yet" if found.notes else "",
            f"{len(found.parts)} parts of its replies wait for the others" if found.parts else "",
        ]
        words = "; ".join(filter(None, what))
        raise Refusal(f"{words}: --also-waiting ends them; nothing was erased")
    if found.answers:
        raise Refusal(
            "an answer of ours to this number has not left yet: try again in a moment; nothing was erased"
        )
    ended, until = 0, gateway.clock.now() + PATIENCE
    while open_:
        ended += await _cancel(gateway, open_)
        open_ = _open(gateway, found)
        if open_ and gateway.clock.now() > until:
            raise Refusal(
                f"{len(open_)} messages are on the wire, or in doubt, and can't be ended: try again when they are"
                f" settled; {ended} others were ended, nothing was erased"
            )
        if open_:
            await asyncio.sleep(0.05)
    gateway.mo.forget(found.number)
    return ended


def _open(gateway: Gateway, found: Traces) -> list[int]:
    """Those that may still be sent: point look-ups of what is durable."""
    states = gateway.store.states(found.messages)
    return [message_id for message_id, state in states.items() if state in _OPEN]


async def _cancel(gateway: Gateway, ids: Sequence[int]) -> int:
    moved = 0
    for start in range(0, len(ids), _SLICE):
        messages = (await gateway.desk.waiting(ids[start : start + _SLICE])).values()
        roads = gateway.dispatcher.roads.values()
        leaving = {s.id for road in roads for line in (*road.staged, road.unanswered) for s in line}
        ours = [m for m in messages if m.id not in leaving]
        moved += await gateway.desk.cancel(ours, "the recipient's data are erased")
    return moved


# ── erasing ──────────────────────────────────────────────────────────────────────────────────────────────────
async def _erase(gateway: Gateway, found: Traces, who: str) -> View:
    store, key = gateway.store, found.key
    # References that are in memory are filed first: what is filed is found.
    await gateway.references.filed(gateway.clock.wall_ms())
    await store.flush()
    optouts = await store.query("SELECT count(*) FROM optout_act WHERE key=? AND number IS NOT NULL", (key,))
    consents = await store.query(
        "SELECT count(*) FROM consent_act WHERE key=? AND number IS NOT NULL", (key,)
    )
    kept = await gateway.consents.table.page("", key, (0, 0), 1_000)
    given = [
        (row[2], found.number, "", "erasure", "", gateway.clock.wall_ms()) for row in kept if row[4] == GIVEN
    ]
    await gateway.consents.revoke(given, who, "erase")
    for batch in await erasures(store, found):
        await store.write_many(batch)
    suppressed = await gateway.suppressions.remove([found.number])
    gateway.writers.forget(found.number, [account.name for account in gateway.accounts])
    gateway.outbox.erase(found.number)
    for account in {account for account, _ in found.notes}:
        count = sum(of == account for of, _ in found.notes)
        gateway.outbox.dropped(store.name(account), count)
    await _blank(gateway, found)
    store.wiped = True
    await store.scrub()  # a reader may be in the way: then the sweeper tries again within half a minute
    return {
        "messages": len(found.messages),
        "replies": len(found.replies),
        "unfetched_replies": len(found.notes),
        "unfinished_replies": len(found.parts),
        "unmatched_receipts": len(found.orphans),
        "optout_acts": optouts[0][0],
        "consent_acts": consents[0][0],
        "suppressed": suppressed,
    }


async def _blank(gateway: Gateway, found: Traces) -> None:
    """What is in memory of messages whose receipt is outstanding: nothing that is learnt later may name the number."""
    states = gateway.store.states(found.messages)
    outstanding = [i for i, state in states.items() if state in (State.ENROUTE, State.UNKNOWN)]
    for stored in (await gateway.store.get(outstanding)).values():
        places = [(stored.bearer, stored.carrier_id)]
        places += [(part.bearer, part.carrier_id) for part in stored.part_states or ()]
        for bearer, carrier_id in places:
            known = gateway.correlation.known(bearer, carrier_id, stored.id) if carrier_id else None
            if known is not None:
                known.destination, known.payload, known.echo = "", b"", b""


async def _mentions(gateway: Gateway, found: Traces) -> int:
    """Lines of the audit log that hold the whole number, in an operator's own words: they can't be changed."""
    digits = found.number.removeprefix("+")
    sql = "SELECT count(*) FROM audit WHERE instr(detail, ?)"
    return int((await gateway.store.query(sql, (digits,)))[0][0])


PRIVACY_ACTS: Mapping[str, Act] = {"privacy.export": export, "privacy.erase": erase}
