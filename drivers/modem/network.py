"""Registration, operator, signal: what is asked each minute, and whether it allows to send.

A modem that roams sends only where the configuration allows it: a message abroad costs many times as much.
"""

from __future__ import annotations

from drivers.modem import answers
from drivers.modem.answers import Cell, Unreadable
from drivers.modem.at import Answer, Final
from drivers.modem.commands import REGISTRATIONS, At
from drivers.modem.facts import Facts
from drivers.modem.script import Script, ask

__all__ = ["hang_up", "subscribe", "unfit", "watch"]

WEAK = -113 + 2 * 5
"""dBm (+CSQ 5) below which submits fail oftener than not."""


def subscribe(at: At) -> Script[None]:
    """Ask to be told of changes: +CREG=2 has the cell, +CREG=1 is what older ones know."""
    for name in REGISTRATIONS[:2]:
        answer = yield from ask(at.plain(f"{name}=2"))
        if not answer.ok:
            yield from ask(at.plain(f"{name}=1"))


def watch(at: At, facts: Facts) -> Script[None]:
    """Read them all into facts. What is refused stays as it was."""
    facts.cell = yield from _cell(at)
    answer = yield from ask(at.query("+CSQ"))
    if answer.ok and answer.lines:
        try:
            facts.dbm = answers.signal(answer.lines)
        except Unreadable:
            facts.dbm = None
    if facts.cell.registered:
        yield from _operator(at, facts)
    else:
        facts.operator = facts.code = ""


def _cell(at: At) -> Script[Cell]:
    """The best of them: with 4G alone +CREG says 0, +CEREG the truth."""
    best = Cell(0)
    for name in REGISTRATIONS:
        answer: Answer = yield from ask(at.registration(name))
        if answer.ok and answer.lines:
            try:
                cell = answers.registration(answer.lines)
            except Unreadable:
                continue
            if cell.registered:
                return cell
            best = best if best.stat else cell
    return best


def _operator(at: At, facts: Facts) -> Script[None]:
    """Its MCC and MNC, and its name. The format is set back: it is shared with whoever comes after us."""
    for form, slot in (("2", "code"), ("0", "operator")):
        set_form = yield from ask(at.plain(f"+COPS=3,{form}"))
        answer = yield from ask(at.query("+COPS?"))
        if answer.final is Final.OK and set_form.ok:
            setattr(facts, slot, answers.operator_of(answer.lines)[:32])


def hang_up(at: At) -> Script[None]:
    """A voice call occupies the SIM. ATH is the old word, +CHUP that of modems with several calls."""
    for text in ("H", "+CHUP"):
        answer = yield from ask(at.plain(text))
        if answer.ok:
            return


def unfit(facts: Facts, roaming: bool, where: str) -> tuple[str, str] | None:
    """(reason, detail) why this modem may not send now; None when it may. roaming: whether it may abroad."""
    cell = facts.cell
    if cell.stat == 3:
        return (
            "network.denied",
            "the network refuses this SIM: is it activated, paid, allowed in this modem (IMEI)?",
        )
    if not cell.registered:
        strength = "no signal" if facts.dbm is None else f"signal {facts.dbm} dBm"
        return (
            "network.none",
            f"no network ({cell.words}, {strength}): see antenna, place and bands of the modem",
        )
    if cell.roaming and not roaming:
        abroad = facts.operator or facts.code or "a foreign network"
        return "network.roaming", f"it roams on {abroad}: set roaming = true in {where} if it may send there"
    if facts.dbm is not None and facts.dbm < WEAK:
        return "network.weak", f"signal {facts.dbm} dBm: too weak to send by; see the antenna and its place"
    if not facts.service_centre:
        return "sim.no_service_centre", f"the SIM has no service centre: set service_centre in {where}.link"
    return None
