"""optouts: the list of objections, with proofs; added to, withdrawn from, imported and exported by operators.

Each act is in the audit log; each entry's own proof is in the store. An import comes in slices, each durable when
it is answered, so that one that is broken off can simply be run again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.control.acts import Act, audit
from gateway.control.parts import Args, Gateway, Refusal, Tell, View
from gateway.control.words import Asked, entries, moment
from gateway.rules.optouts import scope_fault
from gateway.stops import Entry
from gateway.stores.optout_table import ACTIVE

__all__ = ["OPTOUT_ACTS", "optouts", "scope_of_nobody"]

MOST = 10_000
LONGEST = 200
_COLUMNS = {"number": str, "scope": str, "Unix ms or 0": int, "evidence": str}
_PAGE = 1_000


async def optouts(gateway: Gateway, args: Args) -> View:
    """What holds now; with a number also everything that led to it."""
    asked = Asked(args)
    scope, number = _scope(asked), asked.recipient("number")
    limit = asked.number("limit", 50, 1, MOST)
    key = gateway.stops.optouts.digest(number) if number else None
    found = await gateway.stops.table.page(scope, key, (0, 0), limit + 1)
    story = await gateway.stops.table.story(key) if key is not None else []
    return {
        "total": len(gateway.stops.optouts),
        "counts": await gateway.stops.table.counts(),
        "optouts": [_shown(row, asked) for row in found[:limit]],
        "more": len(found) > limit,
        "story": [
            {
                "at": moment(at),
                "act": act,
                "scope": of,
                "source": source,
                "evidence": evidence,
                "text": raw if asked.flag("unmasked") else None,
            }
            for at, act, of, _, source, evidence, raw in story
        ],
    }


def _shown(row: tuple[Any, ...], asked: Asked) -> View:
    _, key, scope, number, state, at, until, source, evidence = row
    return {
        "number": asked.shown(number) if number else None,
        "key": f"{key & 2**64 - 1:016x}",
        "scope": scope,
        "state": "opted out" if state == ACTIVE else "review",
        "at": moment(at),
        "until": moment(until),
        "source": source,
        "evidence": evidence,
    }


def _scope(asked: Asked) -> str:
    scope = asked.text("scope")
    fault = scope_fault(scope) if scope else ""
    if fault:
        raise Refusal(f"--scope: {fault}", 2)
    return scope


def scope_of_nobody(gateway: Gateway, scope: str) -> str:
    """What is wrong with an account or a brand that nobody has, as one misspelt, which would cover nothing."""
    kind, _, name = scope.partition(":")
    if kind == "account" and gateway.accounts.get(name) is None:
        there = ", ".join(sorted(account.name for account in gateway.accounts)) or "none"
        return f"{scope}: no such account; there are {there}"
    brands = {account.brand for account in gateway.accounts if account.brand}
    if kind == "brand" and name not in brands:
        return f"{scope}: no account has this brand; there are {', '.join(sorted(brands)) or 'none'}"
    return ""


def _entry(gateway: Gateway, asked: Asked) -> Entry:
    """The one number and scope that an operator named."""
    number, scope = asked.recipient("number"), _scope(asked)
    if not number.startswith("+"):
        raise Refusal("say which number, in international form: +33612345678", 2)
    if not scope:
        raise Refusal("say what it covers: --scope short_code:36180, account:NAME, brand:NAME or global", 2)
    evidence = asked.text("evidence")
    if len(evidence) > LONGEST:
        raise Refusal(f"--evidence has {len(evidence)} characters: at most {LONGEST}", 2)
    return scope, number, gateway.clock.wall_ms(), evidence


async def add(gateway: Gateway, args: Args, who: str, tell: Tell) -> View:  # noqa: ARG001 - an Act
    """One number; what waits for it is refused."""
    asked = Asked(args)
    entry = _entry(gateway, asked)
    if fault := scope_of_nobody(gateway, entry[0]):
        raise Refusal(f"--scope {fault}", 2)
    added = await gateway.stops.add([entry], who)
    await audit(gateway, who, "optouts add", f"{Asked({}).shown(entry[1])} {entry[0]}: {added} added")
    return {"added": added, "scope": entry[0], "number": asked.shown(entry[1])}


async def remove(gateway: Gateway, args: Args, who: str, tell: Tell) -> View:  # noqa: ARG001 - an Act
    """One number in one scope; the reason is its proof, so there must be one."""
    asked = Asked(args)
    entry = _entry(gateway, asked)
    if not entry[3]:
        raise Refusal("say on what proof it is withdrawn: --evidence «…»", 2)
    removed = await gateway.stops.remove([entry], who)
    if not removed and (
        fault := scope_of_nobody(gateway, entry[0])
    ):  # one that is gone can still be withdrawn
        raise Refusal(f"--scope {fault}", 2)
    await audit(gateway, who, "optouts remove", f"{Asked({}).shown(entry[1])} {entry[0]}: {removed} removed")
    return {"removed": removed, "scope": entry[0], "number": asked.shown(entry[1])}


async def import_(gateway: Gateway, args: Args, who: str, tell: Tell) -> View:  # noqa: ARG001 - an Act
    """A slice of a file: entries [number, scope, Unix ms or 0, evidence]; "begin" and "end" only write the audit."""
    asked = Asked(args)
    file = asked.text("file")
    for step in ("begin", "end"):
        if asked.text(step):
            await audit(gateway, who, f"optouts import {step}", f"{file}: {asked.text(step)}")
            return {"added": 0, "known": 0}
    now = gateway.clock.wall_ms()
    found: list[Entry] = []
    for number, scope, at, evidence in entries(args, _COLUMNS):
        fault = (
            scope_fault(scope)
            or scope_of_nobody(gateway, scope)
            or ("" if number else "an entry has no number")
        )
        if fault or len(evidence) > LONGEST:
            raise Refusal(fault or f"evidence has {len(evidence)} characters: at most {LONGEST}", 2)
        found.append((scope, number, at or now, evidence))
    added = await gateway.stops.add(found, f"import of {file} by {who}", "import")
    return {"added": added, "known": len(found) - added}


async def scope_(gateway: Gateway, args: Args, who: str, tell: Tell) -> View:  # noqa: ARG001 - an Act
    """What is wrong with an account or a brand that a file names, before anything of it is imported."""
    return {"fault": scope_of_nobody(gateway, Asked(args).text("scope"))}


async def order(gateway: Gateway, args: Args, who: str, tell: Tell) -> View:  # noqa: ARG001 - an Act
    """Where the store keeps these numbers, to be imported in that order: what is written together lies together."""
    numbers = args.get("numbers") or []
    if not isinstance(numbers, list) or not all(isinstance(n, str) and n.isascii() for n in numbers):
        raise Refusal("numbers must be a list of texts", 2)
    return {"keys": list(map(gateway.stops.optouts.digest, numbers))}


async def export(gateway: Gateway, args: Args, who: str, tell: Tell) -> View:  # noqa: ARG001 - an Act
    """A page of the list; whole numbers are an act, which the audit log tells of."""
    asked = Asked(args)
    scope = _scope(asked)
    after = _place(args.get("after"))
    if after == (0, 0) and asked.flag("unmasked"):
        await audit(gateway, who, "optouts export", f"{scope or 'all'}, numbers in full")
    found = await gateway.stops.table.page(scope, None, after, _PAGE)
    last = found[-1][:2] if len(found) == _PAGE else None
    return {
        "optouts": [_shown(row, asked) for row in found if row[4] == ACTIVE],
        "after": [str(number) for number in last] if last else None,
    }


def _place(value: object) -> tuple[int, int]:
    """Where the page before ended: two numbers as texts, since JSON's are not good for 64 bits everywhere."""
    if value is None:
        return 0, 0
    try:
        scope, key = map(int, value)  # type: ignore[call-overload]  # whatever it is, it is judged here
    except (TypeError, ValueError) as error:
        raise Refusal("after is the two numbers of the page before", 2) from error
    return scope, key


OPTOUT_ACTS: Mapping[str, Act] = {
    "optouts.add": add,
    "optouts.remove": remove,
    "optouts.import": import_,
    "optouts.scope": scope_,
    "optouts.order": order,
    "optouts.export": export,
}
