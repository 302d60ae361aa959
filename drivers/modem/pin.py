"""A SIM's PIN: the one error that nobody forgives. Three wrong ones lock the SIM, wherever it is.

A try is recorded before it is sent and cleared when the SIM says that it was right. While the record stands,
that PIN is never sent to that SIM again, whatever restarts: an operator must write another one into the
configuration. The record has a digest, never the PIN.
"""

from __future__ import annotations

import hashlib
import json

from drivers.modem import answers
from drivers.modem.at import Answer, Final
from drivers.modem.commands import PIN_TRIES, At, Timings
from drivers.modem.script import Keep, Pause, Recall, Reckon, Script, Trouble, ask, patient

__all__ = ["Lock", "forbidden", "pin_key", "sim_state", "tries_left", "unlock", "wanting"]

_FULL = 3
_ABOUT_THE_SIM = frozenset({10, 13, 14, 15})
"""+CME: out, failing, busy, wrong. None of them says that the PIN is, and a try may be gone all the same."""
_BY_HAND = "put the SIM in a phone, enter the right PIN there once, then change the PIN in the configuration"


class Lock:
    """What unlock() needs to know. card: the ICCID, or the modem's IMEI where the SIM tells none before its PIN;
    where: the table of the configuration that has the PIN; tries: the model's own command to count them.
    """

    __slots__ = ("card", "pin", "tries", "where")

    def __init__(self, card: str, pin: str, where: str, tries: str = "") -> None:
        self.card = card
        self.pin = pin
        self.where = where
        self.tries = tries


def pin_key(card: str) -> str:
    return f"pin/{card}"


def forbidden(digest: str, record: str) -> bool:
    """Whether this PIN was tried on this SIM and is not known to be right. record: what the store has, or ""."""
    try:
        return bool(record) and json.loads(record)["digest"] == digest
    except (ValueError, KeyError, TypeError):  # not ours, or damaged: then nothing says that it was not tried
        return True


def unlock(at: At, timings: Timings, asked: Lock) -> Script[None]:
    """Leave the SIM READY, with at most one try. Raises Trouble, Silent."""
    state = yield from sim_state(at, timings)
    if state == "READY":
        return
    if state != "SIM PIN":
        raise wanting(state)
    if not asked.pin:
        raise Trouble(
            "sim.pin_missing", f"the SIM wants a PIN: set pin_file in {asked.where}, or switch its PIN off"
        )
    record: str = yield Recall(pin_key(asked.card))
    digest: str = yield Reckon(lambda: _digest(asked))
    if forbidden(digest, record):
        raise Trouble(
            "sim.pin_refused",
            f"this PIN was refused, or its answer was lost, and is not tried again: change the PIN in {asked.where}",
        )
    yield from _count(at, asked, record)
    yield from _enter(at, timings, asked, digest)


def sim_state(at: At, timings: Timings) -> Script[str]:
    """What +CPIN? says: READY, SIM PIN, SIM PUK, …; no try is made. Raises Trouble, Silent."""
    answer = yield from patient(at.query("+CPIN?"), timings)
    if answer.code == 10:
        raise Trouble("sim.absent", "no SIM in the modem: put one in (contacts down, holder closed)")
    if answer.code in (13, 15, 310, 313):
        raise Trouble("sim.failure", f"the SIM fails ({answer.text}): take it out, clean it, or try another")
    if answer.code in (11, 311):
        return "SIM PIN"
    if answer.code in (12, 316):
        return "SIM PUK"
    if answer.final is Final.OK and not answer.lines:
        raise Trouble("modem.says_only_ok", "it answers OK to everything: this is not a modem's AT port")
    state = answers.sim_state(answer.lines) if answer.ok else ""
    if not state:
        said = answer.lines[-1] if answer.ok else answer.text
        raise Trouble("sim.unreadable", f"AT+CPIN? gives {said}: is the SIM well in?", recovers=True)
    return state


def wanting(state: str) -> Trouble:
    """What a human must do about a SIM, or a modem, that asks for another code than its PIN."""
    if "PUK" in state and "PH-" not in state:
        return Trouble("sim.puk", f"the SIM is locked ({state}): unlock it in a phone with its PUK")
    return Trouble(
        "sim.locked", f"the SIM or modem asks for {state}: it is never answered by program, {_BY_HAND}"
    )


def _count(at: At, lock: Lock, record: str) -> Script[None]:
    """Never the last try; of two, only when the operator has just changed a PIN that we had tried."""
    left = yield from tries_left(at, lock.tries)
    if left is None or left >= _FULL:
        return
    if left <= 1 or not record:
        raise Trouble("sim.pin_tries_low", f"only {left} of {_FULL} PIN tries are left: {_BY_HAND}")


def tries_left(at: At, command: str = "") -> Script[int | None]:
    """PIN tries that are left, None where the modem does not tell. command: the model's own, asked first."""
    own = command.removeprefix("AT")
    for text in dict.fromkeys([own, *PIN_TRIES] if own else PIN_TRIES):
        answer = yield from ask(at.query(text))
        left = answers.pin_tries(answer.lines) if answer.ok else None
        if left is not None:
            return left
    return None


def _enter(at: At, timings: Timings, lock: Lock, digest: str) -> Script[None]:
    yield Keep(pin_key(lock.card), json.dumps({"digest": digest}))
    answer: Answer = yield at.enter_pin(lock.pin)
    if answer.final is Final.OK or _says_ready(answer):
        yield Keep(pin_key(lock.card), "")
        yield from _until_ready(at, timings)
        return
    if answer.final is Final.NONE or answer.code in _ABOUT_THE_SIM:
        raise Trouble(
            "sim.pin_unanswered",
            "the modem did not say whether the PIN is right, and it is not tried again: see if the modem is READY "
            f"after a restart; else {_BY_HAND}",
        )
    raise Trouble(
        "sim.pin_refused", f"the SIM refused the PIN ({answer.text}): change the PIN in {lock.where}"
    )


def _says_ready(answer: Answer) -> bool:
    return any(line.startswith("+CPIN:") and answers.quoted(line).upper() == "READY" for line in answer.lines)


def _until_ready(at: At, timings: Timings) -> Script[None]:
    """Some take the PIN and ask for it for a while still: it must not be taken for a second question."""
    waited = 0.0
    while (state := (yield from sim_state(at, timings))) != "READY":
        if waited >= timings.busy:
            raise Trouble(
                "sim.not_ready", f"the PIN was right, and the SIM still says {state}", recovers=True
            )
        yield Pause(timings.retry)
        waited += timings.retry


def _digest(lock: Lock) -> str:
    """Slow on purpose, 25 ms, and salted with the SIM: a PIN has only ten thousand values."""
    return hashlib.scrypt(lock.pin.encode(), salt=lock.card.encode(), n=1 << 13, r=8, p=1, dklen=16).hex()
