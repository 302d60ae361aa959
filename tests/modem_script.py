"""A modem that is a table: what each command is answered, for conversations that do no I/O.

play(start(at, timings, plan), {"AT+CSQ": "+CSQ: 9,99"})     unknown commands: ERROR; None: no answer
"""

from __future__ import annotations

from drivers.modem.at import Answer, Command, Final, Prompt
from drivers.modem.script import Escape, Keep, Pause, Recall, Reckon, Write

__all__ = ["Talk", "play"]

_FINALS = {"OK": Final.OK, "ERROR": Final.ERROR}


class Talk:
    """What was said. asked: commands in order; kept: the store; paused: virtual seconds."""

    def __init__(self, table, kept=None):
        self.table = dict(table)
        self.asked, self.log = [], []
        self.kept = kept if kept is not None else {}
        self.paused = 0.0

    def answer(self, command):
        """table: command -> lines, or a list of them, one for each time, the last for all further ones."""
        self.asked.append(command.text)
        said = self.table.get(command.text, "ERROR")
        if isinstance(said, list):
            said = said.pop(0) if len(said) > 1 else said[0]
        if said is None:
            return Answer(command, [], Final.NONE)
        if said == ">":
            return Prompt()
        return self.of(command, said)

    @staticmethod
    def of(command, said):
        lines = said.splitlines()
        last = lines[-1] if lines else "OK"
        if last in _FINALS:
            return Answer(command, lines[:-1], _FINALS[last], last)
        if last.startswith(("+CME ERROR", "+CMS ERROR")):
            return Answer(command, lines[:-1], Final.CME if "CME" in last else Final.CMS, last)
        return Answer(command, lines, Final.OK, "OK")

    def take(self, step):
        self.log.append(step)
        if isinstance(step, Command):
            self.last = step
            return self.answer(step)
        if isinstance(step, Write):
            said = self.table.get("PDU")
            return Answer(self.last, [], Final.NONE) if said is None else self.of(self.last, said)
        if isinstance(step, Pause):
            self.paused += step.seconds
            assert self.paused < 10_000
        elif isinstance(step, Keep):
            self.kept[step.key] = step.value
        elif isinstance(step, Recall):
            return self.kept.get(step.key, "")
        elif isinstance(step, Reckon):
            return step.work()
        else:
            assert isinstance(step, Escape)
        return None


def play(script, table, kept=None):
    """(what the conversation returns, the Talk). What it raises has the Talk as `talk`."""
    talk = table if isinstance(table, Talk) else Talk(table, kept)
    outcome = None
    try:
        while True:
            outcome = talk.take(script.send(outcome))
    except StopIteration as end:
        return end.value, talk
    except Exception as error:
        error.talk = talk
        raise
