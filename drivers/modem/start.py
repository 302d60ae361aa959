"""Initialisation, in order: wake, identity, PIN, alphabet, PDU mode, memories, routing of messages, service centre.

All of it is volatile: it runs after each opening, reset, boot banner and change of SIM. What a modem refuses
and can do without is left out; what it can't do without is Trouble with a remedy.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.modem import answers
from drivers.modem.at import Answer, Final
from drivers.modem.commands import ICCID, IDENTITY, At, Timings
from drivers.modem.facts import Facts
from drivers.modem.numbering import numbering_of
from drivers.modem.pin import Lock, unlock
from drivers.modem.profile import Quirks
from drivers.modem.script import Escape, Pause, Script, Silent, Trouble, ask, patient
from drivers.modem.storage import choose_memories, choose_routing

__all__ = ["Plan", "identify", "read_service_centre", "start", "wake"]

_WAKINGS = 5
_HEX = "0123456789ABCDEF"


class Plan:
    """What the configuration says about this modem.

    pin: read anew at each start; where: the table that has it. imei: None for any. service_centre: set where the
    SIM has none. number: the SIM's own, "" to ask the SIM. noise(): lines so far that meant nothing: a wrong speed
    shows so.
    """

    __slots__ = ("imei", "noise", "number", "pin", "quirks", "service_centre", "where")

    def __init__(
        self,
        where: str,
        pin: str,
        imei: str | None,
        service_centre: str,
        number: str,
        quirks: Quirks,
        noise: Callable[[], int],
    ) -> None:
        self.where = where
        self.pin = pin
        self.imei = imei
        self.service_centre = service_centre
        self.number = number
        self.quirks = quirks
        self.noise = noise


def start(at: At, timings: Timings, plan: Plan) -> Script[Facts]:
    """A modem ready to receive, and to send once it has a network. Raises Trouble, Silent."""
    facts = Facts()
    yield from wake(at, timings, plan)
    for setting in ("E0", "+CMEE=1"):
        yield from ask(at.plain(setting))
    yield from identify(at, plan, facts)
    yield from unlock(at, timings, Lock(facts.card, plan.pin, plan.where, plan.quirks.pin_tries_command))
    answer = yield from patient(at.identity("+CIMI"), timings)
    facts.imsi = answers.digits_of(answer.lines, 6, 15)
    if not facts.iccid:
        yield from _iccid(at, facts)
    yield from _settle(at)
    yield from choose_memories(at, timings, facts)
    yield from choose_routing(at, facts, plan.quirks)
    yield from read_service_centre(at, timings, facts, plan)
    yield from ask(at.plain("+CLIP=0"))
    answer = yield from patient(at.own_numbers(), timings)
    facts.number = plan.number or _own_number(answer, facts)
    return facts


def wake(at: At, timings: Timings, plan: Plan) -> Script[None]:
    """ESC once: a run that crashed may have left the modem at its prompt. The first AT may go unanswered."""
    before = plan.noise()
    yield Escape()
    for _ in range(_WAKINGS):
        answer: Answer = yield at.attention()
        if answer.final is not Final.NONE:  # ERROR too: some refuse a bare AT, and are there
            yield Pause(timings.quiet)
            return
    if plan.noise() > before:
        raise Trouble(
            "modem.garbage",
            f"it says things that are no answers: set baud in {plan.where} to the modem's speed, and see that "
            "nothing else reads this port",
            recovers=True,
        )
    raise Silent(at.attention())


def identify(at: At, plan: Plan, facts: Facts) -> Script[None]:
    """Maker, model, IMEI, and the ICCID where it is told before the PIN. Raises Trouble."""
    heard: dict[str, Answer] = {}
    for text in IDENTITY:
        heard[text] = yield from ask(at.identity(text))
    facts.manufacturer, facts.model, facts.revision = (_line(heard[text]) for text in IDENTITY[:3])
    facts.imei = answers.digits_of(heard["+CGSN"].lines, 14, 16)
    if not any(answer.lines for answer in heard.values()):
        if all(answer.final is Final.OK for answer in heard.values()):
            raise Trouble("modem.says_only_ok", "it answers OK to everything: this is not a modem's AT port")
        raise Trouble(
            "modem.not_a_modem",
            f"it answers AT, and no question about itself: is {plan.where} port the modem's AT port?",
        )
    if plan.imei and facts.imei[:14] != plan.imei[:14]:
        raise Trouble(
            "modem.other_imei",
            f"the modem there has IMEI {facts.imei or 'unknown'}, the configuration says {plan.imei}: plug the "
            f"right one in, or change imei in {plan.where}",
        )
    yield from _iccid(at, facts)


def _iccid(at: At, facts: Facts) -> Script[None]:
    """Many tell it before the PIN, some only after."""
    for text in ICCID:
        answer = yield from ask(at.identity(text))
        facts.iccid = answers.digits_of(answer.lines, 18, 22, _HEX) if answer.ok else ""
        if facts.iccid:
            return


def _settle(at: At) -> Script[None]:
    """Alphabet of names and USSD, no acknowledgement of what is stored anyway, PDUs instead of text."""
    answer = yield from ask(at.plain('+CSCS="GSM"'))
    if not answer.ok:
        yield from ask(at.plain('+CSCS="IRA"'))
    yield from ask(at.plain("+CSMS=0"))
    answer = yield from ask(at.plain("+CMGF=0"))
    if not answer.ok:
        raise Trouble(
            "modem.no_pdu_mode", f"AT+CMGF=0 gives {answer.text}: this device has no SMS in PDU mode"
        )


def read_service_centre(at: At, timings: Timings, facts: Facts, plan: Plan) -> Script[None]:
    """Without one the network takes nothing: +CMS 330."""
    answer = yield from patient(at.query("+CSCA?"), timings)
    facts.service_centre = answers.quoted(answer.lines[-1]) if answer.lines else ""
    if not facts.service_centre and plan.service_centre:
        answer = yield from ask(at.slow(f'+CSCA="{plan.service_centre}",145'))
        if answer.ok:
            facts.service_centre = plan.service_centre


def _own_number(answer: Answer, facts: Facts) -> str:
    """+CNUM: "name","+33700000001",145, or its national form with 129; many SIMs have none."""
    for line in answer.lines:
        found = answers.fields(line)
        digits = found[1].removeprefix("+") if len(found) > 2 else ""
        if digits.isdecimal() and digits.isascii():
            whole = f"+{digits}" if found[2] == "145" or digits != found[1] else digits
            whole = numbering_of(facts.imsi, facts.service_centre).complete(whole)
            if whole.startswith("+"):
                return whole
    return ""


def _line(answer: Answer) -> str:
    if not (answer.ok and answer.lines):
        return ""
    line = answer.lines[-1]
    return (line.partition(":")[2] if line.startswith("+") else line).strip(' "')[:64]
