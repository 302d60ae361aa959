"""suppressed: numbers that get no marketing because nobody has them; looked at, changed, imported, exported.

As for opt-outs, each act is in the audit log, and an import comes in slices that are durable when answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.control.acts import Act, audit
from gateway.control.parts import Args, Gateway, Refusal, Tell, View
from gateway.control.words import Asked, entries, moment
from gateway.suppressions import DAY_MS, Suppression

__all__ = ["SUPPRESSED_ACTS", "suppressed"]

MOST = 10_000
LONGEST = 200
_COLUMNS = {"number": str, "since, Unix ms or 0": int, "until, Unix ms or 0": int, "reason": str}
_PAGE = 1_000
_FIRST = -(2**63)


async def suppressed(gateway: Gateway, args: Args) -> View:
    """What holds now, and what is counted against numbers that are not on the list yet."""
    asked = Asked(args)
    number, limit = asked.recipient("number"), asked.number("limit", 50, 1, MOST)
    key = gateway.suppressions.numbers.digest(number) if number else None
    found = await gateway.suppressions.table.page(key, _FIRST, limit + 1)
    return {
        "total": len(gateway.suppressions.numbers),
        "suppressed": [_shown(gateway, row, asked) for row in found[:limit]],
        "more": len(found) > limit,
    }


def _shown(gateway: Gateway, row: tuple[Any, ...], asked: Asked) -> View:
    key, number, since, last, until, strikes, reason, bearer, code, message, source = row
    holds = not strikes or strikes >= gateway.suppressions.numbers.after
    return {
        "number": asked.shown(number),
        "key": f"{key & 2**64 - 1:016x}",
        "state": "suppressed" if holds else "counted",
        "since": moment(since),
        "last": moment(last),
        "until": moment(until),
        "reason": reason,
        "receipts": strikes,
        "bearer": bearer,
        "code": code,
        "message": str(message) if message else None,
        "source": source,
    }


def _number(asked: Asked) -> str:
    number = asked.recipient("number")
    if not number.startswith("+"):
        raise Refusal("say which number, in international form: +33612345678", 2)
    return number


async def add(gateway: Gateway, args: Args, who: str, tell: Tell) -> View:  # noqa: ARG001 - an Act
    """One number; what waits for it is refused when its turn comes."""
    asked = Asked(args)
    number, now = _number(asked), gateway.clock.wall_ms()
    days = asked.number("days", 0, 0, 36_500)
    reason = asked.text("reason") or "by hand"
    if len(reason) > LONGEST:
        raise Refusal(f"--reason has {len(reason)} characters: at most {LONGEST}", 2)
    added = await gateway.suppressions.add([(number, now, days and now + days * DAY_MS, reason)], who)
    await audit(gateway, who, "suppressed add", f"{Asked({}).shown(number)}: {added} added")
    return {"added": added, "number": asked.shown(number)}


async def remove(gateway: Gateway, args: Args, who: str, tell: Tell) -> View:  # noqa: ARG001 - an Act
    """One number, with what was counted against it."""
    asked = Asked(args)
    number = _number(asked)
    removed = await gateway.suppressions.remove([number])
    await audit(gateway, who, "suppressed remove", f"{Asked({}).shown(number)}: {removed} removed")
    return {"removed": removed, "number": asked.shown(number)}


async def import_(gateway: Gateway, args: Args, who: str, tell: Tell) -> View:  # noqa: ARG001 - an Act
    """A slice of a file: entries [number, since Unix ms or 0, until Unix ms or 0, reason]; "begin", "end": audit."""
    asked = Asked(args)
    file = asked.text("file")
    for step in ("begin", "end"):
        if asked.text(step):
            await audit(gateway, who, f"suppressed import {step}", f"{file}: {asked.text(step)}")
            return {"added": 0, "known": 0}
    now = gateway.clock.wall_ms()
    found: list[Suppression] = []
    for number, since, until, reason in entries(args, _COLUMNS):
        if not number or len(reason) > LONGEST:
            raise Refusal(f"an entry has a number, and a reason of at most {LONGEST} characters", 2)
        found.append((number, since or now, until, reason or "imported"))
    added = await gateway.suppressions.add(found, f"import of {file} by {who}")
    return {"added": added, "known": len(found) - added}


async def export(gateway: Gateway, args: Args, who: str, tell: Tell) -> View:  # noqa: ARG001 - an Act
    """A page of the list; whole numbers are an act, which the audit log tells of."""
    asked = Asked(args)
    after = _place(args.get("after"))
    if after == _FIRST and asked.flag("unmasked"):
        await audit(gateway, who, "suppressed export", "numbers in full")
    found = await gateway.suppressions.table.page(None, after, _PAGE)
    shown = [_shown(gateway, row, asked) for row in found]
    return {
        "suppressed": [entry for entry in shown if entry["state"] == "suppressed"],
        "after": str(found[-1][0]) if len(found) == _PAGE else None,
    }


def _place(value: object) -> int:
    """Where the page before ended: as text, since JSON's numbers are not good for 64 bits everywhere."""
    if value in (None, ""):
        return _FIRST
    try:
        return int(str(value))
    except ValueError as error:
        raise Refusal("after is the number that the page before gave", 2) from error


SUPPRESSED_ACTS: Mapping[str, Act] = {
    "suppressed.add": add,
    "suppressed.remove": remove,
    "suppressed.import": import_,
    "suppressed.export": export,
}
