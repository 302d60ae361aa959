"""Handing one SMS-SUBMIT to the modem: length, prompt, PDU, CTRL-Z, answer (27.005 §4.3).

Before CTRL-Z a failure is certain: nothing was sent. After it only +CMGS: says that the network took it, and only
a cause that we know that it did not; all else is a doubt, and nobody here sends it again.
"""

from __future__ import annotations

from drivers.modem import answers, causes
from drivers.modem.answers import Unreadable
from drivers.modem.at import Answer, Final, Prompt
from drivers.modem.causes import Verdict
from drivers.modem.commands import At, Timings
from drivers.modem.script import Script, Silent, Write, resync

__all__ = ["Failed", "Sent", "submit"]


class Sent:
    """The network took it. mr: the TP-MR that the modem gave it; None when it says none that can be read."""

    __slots__ = ("mr",)

    def __init__(self, mr: int | None) -> None:
        self.mr = mr


class Failed:
    """verdict: its remedy is None when it may have been sent. code: the network's or modem's, 0 for none.
    silent: no answer came to the text.
    """

    __slots__ = ("code", "silent", "verdict")

    def __init__(self, verdict: Verdict, code: int = 0, silent: bool = False) -> None:
        self.verdict = verdict
        self.code = code
        self.silent = silent


def submit(at: At, timings: Timings, tpdu: bytes) -> Script[Sent | Failed]:
    """tpdu: without service centre; "00" in front of it means the one of +CSCA. Raises Silent: not sent."""
    command = at.submit(len(tpdu))
    answer: Answer | Prompt = yield command
    if isinstance(answer, Answer):
        if answer.final is not Final.NONE:
            return _failed(answer, prompted=False)
        if not (yield from resync(timings.wake)):
            raise Silent(command)
        return Failed(Verdict(causes.error(prompted=False).remedy, causes.BUSY, "the modem gave no prompt"))
    answer = yield Write("00" + tpdu.hex().upper(), timings.submit)
    assert isinstance(answer, Answer)
    if answer.ok and answer.lines:
        try:
            return Sent(answers.reference(answer.lines))
        except Unreadable:
            return Sent(None)
    if answer.final is Final.NONE:
        text = f"no answer within {timings.submit:g} s after the text was handed over: it may have been sent"
        return Failed(Verdict(None, "", text), silent=True)
    return _failed(answer, prompted=True)


def _failed(answer: Answer, prompted: bool) -> Failed:
    code = answer.code
    if code is None:
        return Failed(causes.error(prompted))
    judge = causes.cme if answer.final is Final.CME else causes.cms
    return Failed(judge(code, prompted), code)
