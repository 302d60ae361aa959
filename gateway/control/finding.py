"""Messages by number, reference, carrier's id, tag or state: newest first, in slices of ids.

Ids rise with time, so a period is a range of ids. No index has these columns (they would cost the store its
speed), therefore the range is read in slices that are each made to take about a fifth of a second: the reader
is shared with others, and the operator sees how far it has come.
"""

from __future__ import annotations

from typing import Any

from drivers.smpp.ids import candidates
from gateway.control.parts import Args, Gateway, Refusal, Tell, View
from gateway.control.words import LATEST, STATES, Asked, admitted_at, first_id, kind_word, moment
from gateway.model import Message

__all__ = ["Where", "find", "number_of", "summary"]

DAY_MS = 86_400_000
FIRST_SLICE_MS = 600_000
LEAST_SLICE_MS = 1_000
PACE = 0.2

Where = tuple[str, list[Any]]
"""A condition of SQL on message, and its arguments."""


async def find(gateway: Gateway, args: Args, tell: Tell) -> list[View]:
    """Summaries of at most `limit` messages since `since` (Unix ms, default seven days ago)."""
    asked = Asked(args)
    limit = asked.number("limit", 50, 1, 10_000)
    wall = gateway.clock.wall_ms()
    since = asked.number("since", wall - 7 * DAY_MS, 0, LATEST - 1)
    where = await _conditions(gateway, asked)
    if where is None:
        return []
    ids = await _scan(gateway, where, since, wall + 60_000, limit, tell)
    messages = await gateway.store.get(ids)
    return [summary(messages[i], asked) for i in ids if i in messages]


async def _scan(gateway: Gateway, where: Where, since: int, until: int, limit: int, tell: Tell) -> list[int]:
    condition, arguments = where
    sql = f"SELECT id FROM message WHERE id>=? AND id<? AND {condition} ORDER BY id DESC LIMIT ?"
    newest = (await gateway.store.query("SELECT max(id) FROM message"))[0][0]
    oldest = (await gateway.store.query("SELECT min(id) FROM message"))[0][0]
    if newest is None:
        return []
    high = min(until, admitted_at(newest) + 1)
    since = max(since, admitted_at(oldest))
    whole, width = max(1, high - since), FIRST_SLICE_MS
    ids: list[int] = []
    while high > since and len(ids) < limit:
        low = max(since, high - width)
        began = gateway.clock.now()
        found = await gateway.store.query(sql, (first_id(low), first_id(high), *arguments, limit - len(ids)))
        ids += [row[0] for row in found]
        took = gateway.clock.now() - began
        width = max(LEAST_SLICE_MS, width // 2) if took > PACE else width * 2
        high = low
        await tell({"progress": {"searched_to": moment(low), "done": round(1 - (high - since) / whole, 3)}})
    return ids


async def _conditions(gateway: Gateway, asked: Asked) -> Where | None:
    """What a message must fulfil; None when it names something that the store has never seen."""
    parts: list[str] = []
    arguments: list[Any] = []
    for column, value in (
        ("destination", asked.recipient()),
        ("reference", asked.text("ref")),
        ("tag", asked.text("tag")),
    ):
        if value:
            parts.append(f"{column}=?")
            arguments.append(value)
    state = asked.text("state")
    if state:
        if state not in STATES:
            raise Refusal(f"state {state!r}: use {', '.join(STATES)}", 2)
        parts.append("state=?")
        arguments.append(int(STATES[state]))
    account = asked.text("account")
    if account:
        number = await number_of(gateway, account)
        if not number:
            return None
        parts.append("account=?")
        arguments.append(number)
    carrier_id = asked.text("carrier_id")
    if carrier_id:
        condition, keys = _by_carrier_id(carrier_id)
        parts.append(condition)
        arguments += keys
    if not parts:
        raise Refusal("say what to find: --to, --ref, --carrier-id, --tag, --account or --state", 2)
    return " AND ".join(parts), arguments


def _by_carrier_id(carrier_id: str) -> Where:
    """In any base, case and padding, in the message or in one of its parts and earlier tries."""
    keys = [key.lstrip("0x") for key in candidates(carrier_id)]
    if not keys:
        raise Refusal(f"--carrier-id {carrier_id!r} is no id", 2)
    marks = ",".join("?" * len(keys))
    one = f"(carrier_id IS NOT NULL AND ltrim(lower(carrier_id), '0x') IN ({marks}))"
    many = (
        "EXISTS (SELECT 1 FROM attempt a WHERE a.message=message.id AND a.carrier_id IS NOT NULL"
        f" AND ltrim(lower(a.carrier_id), '0x') IN ({marks}))"
    )
    return f"({one} OR {many})", keys + keys


async def number_of(gateway: Gateway, name: str) -> int:
    """The number that rows hold for a name; 0 for one that was never stored (store.number would give one)."""
    found = await gateway.store.query("SELECT id FROM name WHERE text=?", (name,))
    return int(found[0][0]) if found else 0


def summary(m: Message, asked: Asked) -> View:
    """One line about a message."""
    return {
        "id": str(m.public_id),
        "row": str(m.id),
        "admitted": moment(m.submitted_at),
        "state": m.state.name.lower(),
        "kind": kind_word(m.kind),
        "account": m.account,
        "to": asked.shown(m.destination),
        "from": asked.shown(m.source),
        "parts": m.parts,
        "tag": m.tag,
        "reference": m.reference,
        "bearer": m.bearer,
        "carrier_id": m.carrier_id,
        "error": m.error,
        "reason": m.reason,
    }
