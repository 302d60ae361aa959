"""The dialogue of a simulated modem: lines and bodies in, answers in order out, URCs between them, submits.

The lower half of SimulatedModem, which gives it life and time. One answer at a time: what is typed while the
modem is busy waits, as on a line. What goes wrong with a command or a submit goes wrong here. Pure.
"""

from __future__ import annotations

from functools import partial

from drivers.modem.sim_commands import CmeError, CommandError, commands_of
from drivers.modem.sim_faults import Fault, Faults
from drivers.modem.sim_general import GENERAL
from drivers.modem.sim_incoming import arrive, report_arrives
from drivers.modem.sim_messages import MESSAGES, typed
from drivers.modem.sim_network import Taken
from drivers.modem.sim_state import Awaited, State, Submission
from drivers.modem.sim_terminal import Body, Line, Terminal
from drivers.sms.tpdu import decode_submit

__all__ = ["Dialogue"]

_COMMANDS = {**GENERAL, **MESSAGES}
_LIST = "+CLAC"  # clients take a command that is not listed there for one that is not supported
_GOING = 0.1  # seconds from the OK of +CFUN=1,1 to the reset
_UNKNOWN = 4  # +CME ERROR: operation not supported


class Dialogue:
    """deaf: nothing is heard and nothing said; start: what +CFUN=1,1 does. Both are the upper half's."""

    def __init__(self, state: State, faults: Faults) -> None:
        self.state = state
        self.behaviour = state.behaviour
        self.faults = faults
        self._terminal = Terminal()
        self._out = bytearray()
        self._busy = False
        self._flying: Submission | None = None
        self._accepted = 0

    @property
    def deaf(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        raise NotImplementedError

    def output(self) -> bytes:
        """What it says; gone from here then."""
        said = bytes(self._out)
        self._out.clear()
        return said

    def _work(self) -> None:
        """Everything that was typed, up to a command that takes its time."""
        while not self._busy and (taken := self._terminal.take()) is not None:
            self._echo()
            if isinstance(taken, Line):
                self._line(taken.text)
            elif isinstance(taken, Body):
                self._body(taken.text)
            else:
                self.state.awaited = None
                self._final("OK")
        self._echo()
        self._write_urcs()

    def _echo(self) -> None:
        self._out += self._terminal.echoed
        self._terminal.echoed.clear()

    def _line(self, text: str) -> None:
        state = self.state
        secret = text.upper().startswith("AT+CPIN=")
        state.tell("command", {"line": "AT+CPIN=****" if secret else text})
        fault = self.faults.command(text[2:].strip().upper() or "AT", state.now)
        if fault is not None and fault.kind == "mute":
            return
        if fault is not None and fault.kind == "error":
            self._answer([], fault.text)
            return
        if fault is not None and fault.kind == "storm":
            self._say(*fault.text.split("|"))
        lines, final = ([], "OK") if self.behaviour.obedient else self._run(text)
        if fault is not None and fault.kind == "late":
            state.later(fault.seconds, partial(self._answered, lines, final))
        else:
            self._answer(lines, final)

    def _run(self, text: str) -> tuple[list[str], str]:
        """The lines of the answer and its end, "" when a prompt or a submit comes instead."""
        state = self.state
        lines: list[str] = []
        try:
            for command in commands_of(text) or []:
                if command.name == _LIST:
                    lines += sorted(_COMMANDS)
                    continue
                handler = _COMMANDS.get(command.name)
                if handler is None:
                    raise CmeError(_UNKNOWN)
                lines += handler(state, command)
                if command.name == "E":
                    self._terminal.echo = self.behaviour.echo_stuck or command.argument != "0"
                elif command.name in ("Z", "&F"):
                    self._terminal.echo = True
        except CommandError as error:
            return lines, error.shown(state.registers.cmee)
        return lines, "" if state.awaited or state.submission else "OK"

    def _answer(self, lines: list[str], final: str) -> None:
        state = self.state
        delay = self.behaviour.prompt if state.awaited else self.behaviour.latency
        if delay:
            self._busy = True
            state.later(delay, partial(self._answered, lines, final))
        else:
            self._answered(lines, final)

    def _answered(self, lines: list[str], final: str) -> None:
        self._busy = False
        self._say(*lines)
        state = self.state
        if final:
            self._final(final)
        elif state.awaited is not None and not self._terminal.prompting:
            self._terminal.prompting = True
            self._out += b"\r\n> "
        elif state.submission is not None:
            self._submit()
        if state.reset_wanted:
            state.reset_wanted, self._busy = False, True
            state.later(_GOING, self.start)
        else:
            self._work()

    def _body(self, text: str) -> None:
        state = self.state
        awaited = state.awaited or Awaited("+CMGS", 0)
        state.awaited = None
        try:
            lines = typed(state, awaited, text)
        except CommandError as error:
            self._final(error.shown(state.registers.cmee))
            return
        if state.submission is not None:
            self._submit()
        else:
            self._answer(lines, "OK")

    # ── submits ─────────────────────────────────────────────────────────────────────────────────────────
    def _submit(self) -> None:
        """On its way to the network, for as long as that takes."""
        self._flying, self.state.submission = self.state.submission, None
        self._busy = True
        self.state.later(self.behaviour.submit, self._landed)

    def _landed(self) -> None:
        submission = self._flying
        assert submission is not None
        self._flying = None
        self._busy = False
        fault = (
            self.faults.submit(self.state.now)
            if self.state.registered
            else Fault("refused", text="+CMS ERROR: 331")
        )
        kind = fault.kind if fault else ""
        if kind in ("refused", "lost-submit"):
            self.state.tell("refused", {"answer": fault.text if fault else ""})
        else:
            taken = self._taken(submission)
            if not kind:
                self._out += b"\r\n%b: %d\r\n" % (submission.command.encode(), taken.reference)
                self._final("OK")
        if fault is not None and kind in ("refused", "false-error"):
            self._final(fault.text)
        self._work()

    def _taken(self, submission: Submission) -> Taken:
        """The network has it: reports and replies follow."""
        state, b = self.state, self.behaviour
        taken = state.network.take(decode_submit(submission.tpdu), submission.tpdu, state.now, state.unix)
        state.tell(
            "submitted",
            {"destination": taken.destination, "reference": taken.reference, "text": taken.text},
        )
        for delay, status in state.network.reports(taken):
            fault = self.faults.report(state.now)
            kind = fault.kind if fault else ""
            if kind == "report-none":
                continue
            if kind == "report-early":
                report_arrives(state, taken, status)
                self._write_urcs(before_answer=True)
                continue
            later = fault.seconds if fault is not None and kind == "report-late" else 0.0
            for _ in range(2 if kind == "report-twice" else 1):
                state.happens(delay + later, partial(report_arrives, state, taken, status))
        self._accepted += 1
        if b.mo_every and self._accepted % b.mo_every == 0:
            state.happens(b.mo_delay, partial(self._handset, taken.destination, b.mo_text))
        return taken

    def _handset(self, source: str, text: str) -> None:
        self.state.tell("mo", {"source": source, "text": text})
        for tpdu in self.state.network.mo(source, text, self.state.unix):
            arrive(self.state, tpdu, report=False)

    # ── what it says ────────────────────────────────────────────────────────────────────────────────────
    def _say(self, *lines: str) -> None:
        for line in lines:
            self._out += f"\r\n{line}\r\n".encode("latin-1", "replace")

    def _final(self, text: str) -> None:
        self._say(text)

    def _write_urcs(self, *, before_answer: bool = False) -> None:
        """Those that may come now: not into a prompt, nor into an answer unless told to. Unheard, they are lost."""
        urcs = self.state.urcs
        if self.deaf:
            urcs.clear()
            self._out.clear()
        elif self._terminal.prompting or (self._busy and not (self.behaviour.urc_inside or before_answer)):
            return
        while urcs:
            self._say(urcs.popleft())
