"""What goes wrong with a simulated modem, and when: a script of faults by moment, and chance. Pure, seeded.

A Fault waits from its moment on for what it is about (a command, a submit, a report), strikes so many times
and is spent; those of the moment itself (a reset, an unplugged cable) strike when their time has come.
KINDS says each in a sentence: it is the command line's help too.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from random import Random

from drivers.modem.sim_behaviour import ModemBehaviour

__all__ = ["COMMAND", "KINDS", "MOMENT", "REPORT", "SUBMIT", "Fault", "Faults"]

COMMAND = {
    "mute": "the command gets no answer and is not carried out",
    "late": "it is carried out at once and answered `seconds` later, among what comes after",
    "error": "it is answered `text` (ERROR unless given) and not carried out; for +CMGS, instead of the prompt",
    "storm": "the URCs in `text`, separated by |, stand between command and answer",
}
SUBMIT = {
    "refused": "the network does not take the submit; answered `text`",
    "false-error": "the network takes it, the modem answers `text` (+CMS ERROR: 500 unless given)",
    "lost-answer": "the network takes it, no answer comes",
    "lost-submit": "neither does the network take it nor does an answer come",
}
REPORT = {
    "report-early": "the report comes before the submit's answer",
    "report-twice": "the report comes twice",
    "report-late": "the report comes `seconds` later than it would",
    "report-none": "no report comes",
}
MOMENT = {
    "reset": "the modem starts anew by itself, with its banner",
    "unplug": "the port is gone for `seconds`, and comes back under the same link",
    "hang": "nothing is answered for `seconds`, or until `text`: esc, reopen, cfun, reset or power",
    "no-network": "no registration for `seconds`",
    "full": "every memory is filled with old messages",
    "urc": "the URCs in `text`, separated by |",
    "sim-out": "the SIM is gone for `seconds`",
}
KINDS: Mapping[str, str] = {**COMMAND, **SUBMIT, **REPORT, **MOMENT}

_STORM = '+CREG: 1|^RSSI: 18|+CREG: 2,"00C3","0001A2B3"|+CREG: 1,"00C3","0001A2B3"|^HCSQ:"LTE",40,33,80,10'
_TEXTS = {"error": "ERROR", "false-error": "+CMS ERROR: 500", "storm": _STORM, "urc": _STORM}


class Fault:
    """One fault. at: seconds from the modem's start; match: the command's beginning, "" for any; times: how often.

    seconds, text: see KINDS. Raises ValueError for a kind that is none of them.
    """

    __slots__ = ("at", "kind", "match", "seconds", "text", "times")

    def __init__(
        self,
        kind: str,
        at: float = 0.0,
        match: str = "",
        times: int = 1,
        seconds: float = 5.0,
        text: str = "",
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"fault {kind!r}: must be one of {', '.join(KINDS)}")
        self.kind = kind
        self.at = at
        self.match = match.upper()
        self.times = times
        self.seconds = seconds
        self.text = text or _TEXTS.get(kind, "")

    @classmethod
    def parse(cls, line: str) -> Fault:
        """`30 error match=+CSQ text="+CME ERROR: 14" times=3` or `60 unplug seconds=5`. Raises ValueError."""
        words = shlex.split(line)
        if len(words) < 2 or any("=" not in word for word in words[2:]):
            raise ValueError(f"fault {line!r}: write `SECONDS KIND [match=] [times=] [seconds=] [text=]`")
        given = dict(word.split("=", 1) for word in words[2:])
        unknown = given.keys() - {"match", "times", "seconds", "text"}
        if unknown:
            raise ValueError(f"fault {line!r}: {', '.join(sorted(unknown))} is no part of a fault")
        try:
            at, times, seconds = float(words[0]), int(given.get("times", 1)), float(given.get("seconds", 5.0))
        except ValueError:
            raise ValueError(f"fault {line!r}: moment, times and seconds are numbers") from None
        return cls(words[1], at, given.get("match", ""), times, seconds, given.get("text", ""))

    def __repr__(self) -> str:
        more = "".join(
            f" {name}={getattr(self, name)!r}" for name in ("match", "text") if getattr(self, name)
        )
        return f"Fault({self.at:g} {self.kind}{more} times={self.times} seconds={self.seconds:g})"


class Faults:
    """The faults still to come. Assign `behaviour` to change what chance does."""

    def __init__(self, behaviour: ModemBehaviour, script: Iterable[Fault], rnd: Random, start: float) -> None:
        self.behaviour = behaviour
        self.struck: list[Fault] = []
        self._random = rnd
        self._start = start
        self._script = sorted(script, key=lambda fault: fault.at)

    def add(self, fault: Fault, now: float | None = None) -> None:
        """One more, from its own moment on; with `now`, counted from now."""
        if now is not None:
            fault.at += now - self._start
        self._script.append(fault)
        self._script.sort(key=lambda one: one.at)

    def clear(self) -> None:
        """Nothing of the script goes wrong any more; what has begun goes on."""
        self._script.clear()

    @property
    def next(self) -> float | None:
        """When the next fault of a moment strikes."""
        return next((self._start + fault.at for fault in self._script if fault.kind in MOMENT), None)

    def due(self, now: float) -> list[Fault]:
        """Those of a moment whose time has come."""
        due = [one for one in self._script if one.kind in MOMENT and self._start + one.at <= now]
        for fault in due:
            self._script.remove(fault)
        self.struck += due
        return due

    def command(self, name: str, now: float) -> Fault | None:
        """What happens to this command: of the script first, then of chance."""
        return self._armed(COMMAND, now, name) or self._drawn(("mute", "storm"))

    def submit(self, now: float) -> Fault | None:
        fault = self._armed(SUBMIT, now) or self._drawn(tuple(SUBMIT))
        if fault is not None and fault.kind == "refused" and not fault.text:
            fault.text = self.behaviour.submit_error
        return fault

    def report(self, now: float) -> Fault | None:
        return self._armed(REPORT, now) or self._drawn(tuple(REPORT))

    def _armed(self, kinds: Mapping[str, str], now: float, name: str = "") -> Fault | None:
        for fault in self._script:
            if fault.kind in kinds and self._start + fault.at <= now and name.startswith(fault.match):
                fault.times -= 1
                if fault.times <= 0:
                    self._script.remove(fault)
                self.struck.append(fault)
                return fault
        return None

    def _drawn(self, kinds: tuple[str, ...]) -> Fault | None:
        for kind in kinds:
            percent: float = getattr(self.behaviour, f"{kind.replace('-', '_')}_percent")
            if percent and self._random.random() * 100 < percent:
                return Fault(kind, seconds=self.behaviour.late_delay)
        return None
