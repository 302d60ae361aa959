"""consents: proofs of consent, by account or brand and number; looked at, added, revoked, imported, exported.

As for opt-outs, each act is in the audit log, and an import comes in slices that are durable when answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

from gateway.consents import Proof
from gateway.control.acts import Act, audit
from gateway.control.optouts import scope_of_nobody
from gateway.control.parts import Args, Gateway, Refusal, Tell, View
from gateway.control.words import LATEST, Asked, entries, moment
from gateway.masking import masked
from gateway.rules.kept_consents import consent_scope_fault
from gateway.stores.consent_table import GIVEN

__all__ = ["CONSENT_ACTS", "consents", "story_of"]

MOST = 10_000
LONGEST_REFERENCE, LONGEST_TEXT = 128, 1_000
_PAGE = 500
_COLUMNS = {
    "number or empty": str, "scope": str, "reference": str, "source": str, "text": str, "Unix ms or 0": int,
    "state": str,
}  # fmt: skip
STATES = ("", "given", "revoked")
"""What a line may say; "" is given."""


async def consents(gateway: Gateway, args: Args) -> View:
    """What holds now, revoked ones too; with a number or a reference also everything that led to it."""
    asked = Asked(args)
    scope, number = _scope(asked), asked.recipient("number")
    limit = asked.number("limit", 50, 1, MOST)
    reference = asked.text("reference")
    key = gateway.consents.kept.key(number, reference) if number or reference else None
    found = await gateway.consents.table.page(scope, key, (0, 0), limit + 1)
    return {
        "total": len(gateway.consents.kept),
        "counts": await gateway.consents.table.counts(),
        "consents": [_shown(row, asked) for row in found[:limit]],
        "more": len(found) > limit,
        "story": await story_of(gateway, key) if key is not None else [],
    }


async def story_of(gateway: Gateway, key: int) -> list[View]:
    """Every act about one number, oldest first."""
    return [
        {
            "noted": moment(noted),
            "at": moment(at),
            "act": act,
            "scope": scope,
            "reference": reference,
            "source": source,
            "text": text,
            "who": who,
        }
        for noted, at, act, scope, reference, source, text, who in await gateway.consents.table.story(key)
    ]


def _shown(row: tuple[Any, ...], asked: Asked) -> View:
    _, key, scope, number, state, at, reference, source, text = row
    return {
        "number": asked.shown(number) if number else number,
        "key": f"{key & 2**64 - 1:016x}",
        "scope": scope,
        "state": "given" if state == GIVEN else "revoked",
        "at": moment(at),
        "reference": reference,
        "source": source,
        "text": text,
    }


def _scope(asked: Asked) -> str:
    scope = asked.text("scope")
    fault = consent_scope_fault(scope) if scope else ""
    if fault:
        raise Refusal(f"--scope: {fault}", 2)
    return scope


def _proof(gateway: Gateway, asked: Asked) -> Proof:
    """The one number or reference, and scope, that an operator named."""
    scope, number, reference = _scope(asked), asked.recipient("number"), asked.text("reference")
    if not scope:
        raise Refusal("say whose marketing it covers: --scope account:NAME or brand:NAME", 2)
    if not number and not reference:
        raise Refusal("say whose consent: a number, or --reference for a proof that covers many", 2)
    now = gateway.clock.wall_ms()
    at = asked.number("at", now, 0, LATEST - 1)
    proof = (scope, number, reference, asked.text("source"), asked.text("text"), at)
    if fault := _fault(proof):
        raise Refusal(fault, 2)
    kept = gateway.consents.kept.has(scope, gateway.consents.kept.key(number, reference))
    fault = "" if kept else scope_of_nobody(gateway, scope)  # one that is gone can still be withdrawn
    if fault:
        raise Refusal(f"--scope {fault}", 2)
    return proof


def _fault(proof: Proof) -> str:
    scope, number, reference, source, text, _ = proof
    if number and (not number.startswith("+") or not number[1:].isdecimal()):
        return f"{number!r} is not in international form: use +33612345678"
    if not number and not reference:
        return "neither a number nor a reference"
    if len(reference) > LONGEST_REFERENCE:
        return f"the reference has {len(reference)} characters: TLV 0x1502 holds {LONGEST_REFERENCE}"
    if max(len(source), len(text)) > LONGEST_TEXT:
        return f"source and text have at most {LONGEST_TEXT} characters"
    return consent_scope_fault(scope)


def _named(proof: Proof) -> str:
    """As the audit log may say it."""
    return Asked({}).shown(proof[1]) or str(masked(f"reference {proof[2]}"))


async def add(gateway: Gateway, args: Args, who: str, tell: Tell) -> View:  # noqa: ARG001 - an Act
    """One proof."""
    asked = Asked(args)
    proof = _proof(gateway, asked)
    if not proof[3]:
        raise Refusal("say where it was given: --source «shop till, form 12»", 2)
    added = await gateway.consents.give([proof], who)
    await audit(gateway, who, "consents add", f"{_named(proof)} {proof[0]}: {added} added")
    return {"added": added, "scope": proof[0], "number": asked.shown(proof[1]), "reference": proof[2]}


async def revoke(gateway: Gateway, args: Args, who: str, tell: Tell) -> View:  # noqa: ARG001 - an Act
    """One number, or all that rests on a reference which stands for many; the proof stays, and why it ended."""
    asked = Asked(args)
    proof = _proof(gateway, asked)
    if not proof[3]:
        raise Refusal("say why it is withdrawn: --source «letter of 3 March»", 2)
    revoked = await gateway.consents.revoke([proof], who)
    await audit(gateway, who, "consents revoke", f"{_named(proof)} {proof[0]}: {revoked} revoked")
    return {"revoked": revoked, "scope": proof[0], "number": asked.shown(proof[1]), "reference": proof[2]}


async def import_(gateway: Gateway, args: Args, who: str, tell: Tell) -> View:  # noqa: ARG001 - an Act
    """A slice of a file: entries as _COLUMNS has them; "begin", "end"."""
    asked = Asked(args)
    file = asked.text("file")
    for step in ("begin", "end"):
        if asked.text(step):
            await audit(gateway, who, f"consents import {step}", f"{file}: {asked.text(step)}")
            return {"added": 0, "revoked": 0, "known": 0}
    now = gateway.clock.wall_ms()
    counts = {"added": 0, "revoked": 0, "known": 0}
    by = f"import of {file} by {who}"
    judged = [(row[-1], _imported(gateway, row, file, now)) for row in entries(args, _COLUMNS)]
    for state, rows in groupby(judged, key=itemgetter(0)):  # in the file's order
        proofs = [proof for _, proof in rows]
        if state == "revoked":
            done = await gateway.consents.revoke(proofs, by)
            counts["revoked"] += done
        else:
            done = await gateway.consents.give(proofs, by, "import")
            counts["added"] += done
        counts["known"] += len(proofs) - done
    return counts


def _imported(gateway: Gateway, row: list[Any], file: str, now: int) -> Proof:
    number, scope, reference, source, text, at, state = row
    proof = (scope, number, reference, source or file, text, at or now)
    fault = _fault(proof) or scope_of_nobody(gateway, scope)
    if not fault and state not in STATES:
        fault = f"{state!r} is no state of a consent: use {', '.join(filter(None, STATES))}"
    if fault:
        raise Refusal(fault, 2)
    return proof


async def export(gateway: Gateway, args: Args, who: str, tell: Tell) -> View:  # noqa: ARG001 - an Act
    """A page of the list; whole numbers are an act, which the audit log tells of."""
    asked = Asked(args)
    scope = _scope(asked)
    after = _place(args.get("after"))
    if after == (0, 0) and asked.flag("unmasked"):
        await audit(gateway, who, "consents export", f"{scope or 'all'}, numbers in full")
    found = await gateway.consents.table.page(scope, None, after, _PAGE)
    last = found[-1][:2] if len(found) == _PAGE else None
    return {
        "consents": [_shown(row, asked) for row in found],
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


CONSENT_ACTS: Mapping[str, Act] = {
    "consents.add": add,
    "consents.revoke": revoke,
    "consents.import": import_,
    "consents.export": export,
}
