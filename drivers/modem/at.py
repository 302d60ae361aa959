"""An AT dialogue without I/O: bytes in, events out; one command at a time (3GPP 27.007 §4, ITU-T V.250 §5).

A line is part of the answer only if the command in flight asked for its prefix; everything else is a URC, also
between a command and its answer. Final results are whole lines, never substrings: an operator may be called
OK. What answers a command that was given up is never taken for the answer of the next one. Any split of the
bytes gives the same events, and no bytes raise. Time is the owner's: it calls expire().
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum

__all__ = ["ESC", "Answer", "Command", "Dialogue", "Event", "Final", "Late", "Prompt", "Urc"]

ESC = b"\x1b"
LINE_MAX = 1024
ANSWER_MAX = 65_536
OWED_MAX = 8
LINES_MAX = 2 * 255 + 2
"""+CMGL of a full SIM: 255 headers with their PDUs, and a little."""

_JUNK = bytes(
    [*range(9), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F, 0xFF]
)  # NUL and 0xFF at boot, echoed ESC and CTRL-Z
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_CODED = re.compile(r"\+(CME|CMS) ERROR: ?(.*)")
_ECHO = re.compile(r"AT[+^$%#*&EZ]", re.IGNORECASE)
_TWO_LINES = ("+CMT:", "+CDS:", "+CBM:")
_MARKS = "+^$%#*!"
_WORDS = frozenset({
    "RDY", "RING", "CALL READY", "SMS READY", "PB DONE", "SMS DONE", "NORMAL POWER DOWN", "POWERED DOWN",
    "UNDER-VOLTAGE POWER DOWN", "UNDER-VOLTAGE WARNNING", "UNDER-VOLTAGE WARNING", "OVER-VOLTAGE POWER DOWN",
    "OVER-VOLTAGE WARNNING", "MODEM STARTUP", "APP RDY", "SYSSTART", "START",
    "NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE",
})  # fmt: skip


class Final(Enum):
    """How an answer ended."""

    OK = "OK"
    ERROR = "ERROR"
    CME = "+CME ERROR"
    CMS = "+CMS ERROR"
    NONE = "no answer"
    TOO_LONG = "too long"


_FINALS = {"OK": Final.OK, "ERROR": Final.ERROR}
"""NO CARRIER, BUSY, NO ANSWER and NO DIALTONE end a call. We never dial: they tell of somebody else's call, and
must not end a submit.
"""


class Command:
    """One command line and what its answer looks like.

    text: without CR. prefix: of its information lines, "" when it has none. bare: lines without a prefix are the
    answer (+CGMI). listed: after each line with the prefix comes a PDU. needs: an OK without any line is not
    its answer. fits: which lines with the prefix are the answer, where a URC has the same one (+CREG).
    prompts: `> ` comes, then write(). seconds: to wait for it. secret: shown in logs without what follows "=".
    """

    __slots__ = ("bare", "fits", "listed", "needs", "prefix", "prompts", "seconds", "secret", "text")

    def __init__(
        self,
        text: str,
        seconds: float,
        prefix: str = "",
        *,
        bare: bool = False,
        listed: bool = False,
        needs: bool = False,
        fits: Callable[[str], bool] | None = None,
        prompts: bool = False,
        secret: bool = False,
    ) -> None:
        self.text = text
        self.seconds = seconds
        self.prefix = prefix
        self.bare = bare
        self.listed = listed
        self.needs = needs
        self.fits = fits
        self.prompts = prompts
        self.secret = secret

    @property
    def shown(self) -> str:
        """For logs: a PIN is never shown."""
        return self.text.partition("=")[0] + "=…" if self.secret else self.text

    def __repr__(self) -> str:
        return f"Command({self.shown})"


class Answer:
    """lines: information lines with their prefix; a PDU (listed) is a line of its own. code: of +CME and +CMS
    ERROR, None when it is a text; text: the final result as it came.
    """

    __slots__ = ("code", "command", "final", "lines", "text")

    def __init__(self, command: Command, lines: list[str], final: Final, text: str = "") -> None:
        self.command = command
        self.lines = lines
        self.final = final
        self.text = text or final.value
        coded = _CODED.fullmatch(text)
        number = coded[2].strip() if coded else ""
        self.code = int(number) if number.isdecimal() and len(number) < 6 else None

    @property
    def ok(self) -> bool:
        """OK, or its lines came and only the OK is missing: some modems forget it."""
        return self.final is Final.OK or (self.final is Final.NONE and bool(self.lines))

    @property
    def shown(self) -> str:
        """For logs: how it ended. Words behind an error are the modem's own, and may hold anything."""
        coded = self.final in (Final.CME, Final.CMS) and self.code is not None
        return f"{self.final.value}: {self.code}" if coded else self.final.value

    def __repr__(self) -> str:
        return f"Answer({self.command.shown}: {self.lines} {self.text})"


class Prompt:
    """The modem waits for the PDU: write() it, or send ESC."""

    __slots__ = ()


class Urc:
    """An unsolicited line; pdu: the line after +CMT:, +CDS: or +CBM:, "" if none came."""

    __slots__ = ("line", "pdu")

    def __init__(self, line: str, pdu: str = "") -> None:
        self.line = line
        self.pdu = pdu

    def __repr__(self) -> str:
        return f"Urc({self.line!r})" if not self.pdu else f"Urc({self.line!r}, {self.pdu!r})"


class Late:
    """What answered a command that was given up."""

    __slots__ = ("answer",)

    def __init__(self, answer: Answer) -> None:
        self.answer = answer


Event = Answer | Prompt | Urc | Late


class Dialogue:
    """See the module. counts of lines that meant nothing: `noise`; of results nobody waited for: `stray`."""

    def __init__(self) -> None:
        self.command: Command | None = None
        self.noise = 0
        self.stray = 0
        self.echo = False
        self._buffer = bytearray()
        self._skipping = False  # in a line beyond LINE_MAX
        self._lines: list[str] = []
        self._octets = 0
        self._payload = ""
        self._prompted = False
        self._pdu_next = False  # the line after a +CMGL or +CMGR header
        self._headed = ""  # a two-line URC that waits for its PDU
        self._owed: list[Command] = []  # given up, and their final results have not come
        self._late_of: Command | None = None  # the one of them whose lines are coming
        self._late: list[str] = []
        self._answered_late = False
        self._events: list[Event] = []

    # ── out ──────────────────────────────────────────────────────────────────────────────────────────────
    def send(self, command: Command) -> bytes:
        """The octets of a command; the one before it is over or was expired. Raises RuntimeError if not."""
        if self.command is not None:
            raise RuntimeError(f"{self.command!r} is not over: {command!r} must wait")
        self.command = command
        self._start_answer()
        return command.text.encode("ascii") + b"\r"

    def write(self, payload: str) -> bytes:
        """The octets of what the prompt asked for, CTRL-Z included."""
        self._payload = payload
        return payload.encode("ascii") + b"\x1a"

    def expire(self) -> Answer:
        """Its time is over: what came of the answer, which from now on is late."""
        assert self.command is not None
        command = self.command
        answer = Answer(command, self._lines, Final.NONE)
        self._owed = [*self._owed[1 - OWED_MAX :], command]
        self._finish()
        return answer

    def flush_urc(self) -> list[Event]:
        """Give up waiting for the PDU of a two-line URC (1 to 2 s)."""
        if self._headed:
            self._urc(self._headed)
            self._headed = ""
        return self._take()

    @property
    def half(self) -> bool:
        """A two-line URC waits for its PDU."""
        return bool(self._headed)

    @property
    def owes(self) -> bool:
        """Whether something that was given up may still be answered, or was a moment ago."""
        return bool(self._owed) or self._answered_late

    def forget(self) -> None:
        """Nothing more will answer what was given up: it is long ago, or the modem was restarted."""
        self._owed = []
        self._late_of = None
        self._answered_late = False

    # ── in ───────────────────────────────────────────────────────────────────────────────────────────────
    def receive(self, data: bytes) -> list[Event]:
        """Everything that these octets complete."""
        for chunk in re.split(rb"([\r\n]|>)", data.translate(None, _JUNK)):
            if chunk in (b"\r", b"\n"):
                self._end_of_line()
            elif chunk == b">" and self._waits_for_prompt() and not self._buffer.strip():
                self._buffer.clear()
                self._prompted = True
                self._events.append(Prompt())
            elif not self._skipping:
                self._buffer += chunk
                if len(self._buffer) > LINE_MAX:
                    self._skipping = True
                    self._buffer.clear()
        return self._take()

    def _take(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _waits_for_prompt(self) -> bool:
        return self.command is not None and self.command.prompts and not self._prompted

    def _end_of_line(self) -> None:
        if self._skipping:
            self._skipping = False
            self.noise += 1
            return
        line = self._buffer.decode("latin-1").strip()
        self._buffer.clear()
        if line and not self._is_echo(line):
            self._line(line)

    def _is_echo(self, line: str) -> bool:
        """ATE0 is volatile and may be refused: an echo is dropped wherever it comes."""
        command = self.command
        if command is not None and line in (command.text, self._payload or command.text):
            self.echo = True
            return True
        if any(line == owed.text for owed in self._owed):
            return True
        return _ECHO.match(line) is not None or line in ("AT", ">")

    def _line(self, line: str) -> None:
        if self._headed and _HEX.fullmatch(line):
            self._events.append(Urc(self._headed, line))
            self._headed = ""
        elif line.startswith(_TWO_LINES):
            if self._headed:
                self._urc(self._headed)
            self._headed = line
        elif line in _FINALS:
            self._final(_FINALS[line], line)
        elif (coded := _CODED.fullmatch(line)) is not None:
            self._final(Final.CME if coded[1] == "CME" else Final.CMS, line)
        elif self.command is not None and self._is_information(self.command, line):
            self._keep(line)
        elif not self._is_late_line(line):
            self._urc(line)

    def _is_information(self, command: Command, line: str) -> bool:
        if self._pdu_next:
            if _HEX.fullmatch(line):
                self._pdu_next = False
                return True
            return line.startswith(command.prefix)  # a header whose message was empty: no PDU came
        if command.prompts and not self._payload:
            return False  # +CMGS: before our PDU is the answer of an older one
        if command.prefix and line.startswith(command.prefix):
            self._pdu_next = command.listed
            return command.fits is None or command.fits(line)
        return command.bare and line[0] not in _MARKS and line.upper() not in _WORDS

    def _keep(self, line: str) -> None:
        self._lines.append(line)
        self._octets += len(line)
        if self._octets > ANSWER_MAX or len(self._lines) > LINES_MAX:
            self._answer(Final.TOO_LONG, "")

    def _is_late_line(self, line: str) -> bool:
        """Keeps a line for the answer of a command that was given up."""
        if self._late_of is not None and self._late_of.listed and _HEX.fullmatch(line):
            self._late.append(line)
            return True
        for owed in self._owed:
            if owed.prefix and line.startswith(owed.prefix) and (owed.fits is None or owed.fits(line)):
                self._late = [*self._late, line] if owed is self._late_of else [line]
                self._late_of = owed
                return True
        return False

    def _final(self, final: Final, line: str) -> None:
        if self._owed and self._is_late(final):
            owed = self._late_of or self._owed[0]
            lines, self._late = (self._late if self._late_of else []), []
            self._owed.remove(owed)
            self._late_of = None
            self._answered_late = True
            self._events.append(Late(Answer(owed, lines, final, line)))
        elif self.command is None or (self._payload and final is Final.OK and not self._lines):
            self.stray += 1  # a bare OK never says that a message was taken
        else:
            self._answer(final, line)

    def _is_late(self, final: Final) -> bool:
        """Whether a final result ends a command that was given up, rather than the one in flight."""
        command = self.command
        if command is None or self._late_of is not None:
            return True
        if (
            command.prompts
        ):  # to take another's error for ours would send a message twice: better to wait in doubt
            return not self._lines
        return command.needs and not self._lines and final is Final.OK

    def _answer(self, final: Final, line: str) -> None:
        assert self.command is not None
        self._events.append(Answer(self.command, self._lines, final, line))
        self._finish()

    def _start_answer(self) -> None:
        self._lines = []
        self._octets = 0
        self._payload = ""
        self._prompted = self._pdu_next = False

    def _finish(self) -> None:
        self.command = None
        self._start_answer()

    def _urc(self, line: str) -> None:
        if line[0] in _MARKS or line.upper() in _WORDS:
            self._events.append(Urc(line))
        else:
            self.noise += 1
