"""Conversations with a modem as generators: they yield steps and get what came of them, and do no I/O.

    answer = yield from ask(at.query("+CSQ"))

A test plays the modem by answering the steps; line.py plays them over a port. Two ways to fail: Silent, when the
modem says nothing (the ladder's business), and Trouble, a state with a name that has its own remedy.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

from drivers.modem.at import Answer, Command, Final, Prompt
from drivers.modem.commands import At, Timings

__all__ = [
    "SIM_BUSY",
    "Ask",
    "Escape",
    "Keep",
    "Pause",
    "Recall",
    "Reckon",
    "Script",
    "Silent",
    "Step",
    "Trouble",
    "Write",
    "ask",
    "patient",
    "resync",
]

Result = TypeVar("Result")
SIM_BUSY = frozenset({14, 314})
"""+CME 14 and +CMS 314: after its PIN a SIM is busy for seconds. To wait, not to fail."""


class Pause:
    """Nothing is sent for so many seconds; what comes meanwhile is heard."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


class Write:
    """Answers the prompt with a PDU and CTRL-Z; gets the Answer of the command that prompted."""

    __slots__ = ("payload", "seconds")

    def __init__(self, payload: str, seconds: float) -> None:
        self.payload = payload
        self.seconds = seconds


class Escape:
    """Sends ESC: it leaves a prompt, and never submits as CTRL-Z would."""

    __slots__ = ()


class Keep:
    """Makes a fact durable; the next step comes after that. Raises Trouble where the store can't."""

    __slots__ = ("key", "value")

    def __init__(self, key: str, value: str) -> None:
        self.key = key
        self.value = value


class Recall:
    """What Keep has kept under a key, "" for nothing."""

    __slots__ = ("key",)

    def __init__(self, key: str) -> None:
        self.key = key


class Reckon:
    """What a slow function of no arguments returns: it is worked out beside all else that the gateway does."""

    __slots__ = ("work",)

    def __init__(self, work: Callable[[], object]) -> None:
        self.work = work


Step = Command | Pause | Write | Escape | Keep | Recall | Reckon
Script = Generator[Step, Any, Result]
Ask = Generator[Step, Any, Answer]


class Silent(Exception):
    """The modem did not answer."""

    def __init__(self, command: Command) -> None:
        super().__init__(f"no answer to {command.shown} within {command.seconds:g} s")


class Trouble(Exception):
    """A state in which the modem can't work. reason: a dotted word; detail: what the operator does.

    recovers: the ladder may help (a modem that hangs or talks nonsense); else it is looked at again after a
    while, for only a human or the network can.
    """

    def __init__(self, reason: str, detail: str, recovers: bool = False) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.recovers = recovers


def ask(command: Command, again: bool = True) -> Ask:
    """The answer, asked twice if need be (`again`: not for what must not happen twice). Raises Silent."""
    answer: Answer | Prompt = yield command
    assert isinstance(answer, Answer)
    if answer.lines or not (answer.final is Final.NONE or _hollow(answer)):
        return answer
    if again and (yield from resync(command.seconds)):
        answer = yield command
        assert isinstance(answer, Answer)
    if answer.final is not Final.NONE or answer.lines:
        return answer
    raise Silent(command)


def _hollow(answer: Answer) -> bool:
    """An OK without its line: what ended something else, which was asked before the port was opened anew."""
    return answer.command.needs and answer.final is Final.OK


def patient(command: Command, timings: Timings) -> Ask:
    """As ask(), waiting while the SIM is busy, at most timings.busy; then that answer is given."""
    waited = 0.0
    wait = timings.retry
    while True:
        answer = yield from ask(command)
        if answer.code not in SIM_BUSY or waited >= timings.busy:
            return answer
        yield Pause(wait)
        waited += wait
        wait = min(wait * 1.5, 10.0)


def resync(seconds: float = 1.0, tries: int = 3) -> Script[bool]:
    """Whether the modem answers AT after ESC: what it was about is over, and what comes late has come."""
    yield Escape()
    at = At(Timings(wake=min(1.0, seconds)))
    for _ in range(tries):
        answer: Answer = yield at.attention()
        if answer.final is not Final.NONE:
            yield Pause(min(0.3, seconds))
            return True
    return False
