"""One rung of the ladder: what is said to the modem, and what its lines are told of the answer."""

import asyncio

import pytest
from modem_script import play

from drivers.modem.ladder import Rung
from drivers.modem.line import PortLost
from drivers.modem.power import PowerError
from drivers.modem.profile import Quirks
from drivers.modem.recovery import climb, switch_on
from drivers.modem.script import Trouble

QUIRKS = Quirks(power_off_command="AT+CPOF")


class Line:
    """A port with a modem that is a table."""

    def __init__(self, table, open_=True):
        self.table, self.open, self.asked = table, open_, []

    async def play(self, script):
        if self.table is None:
            script.close()
            raise PortLost("gone")
        result, talk = play(script, self.table)
        self.asked += talk.asked
        return result

    def close(self):
        self.open = False


class Power:
    """Notes what it is asked."""

    usb_cycle = None
    available = frozenset({Rung.HARD_RESET, Rung.POWER_CYCLE})

    def __init__(self, running=True, fails=False):
        self.done, self.says, self.fails = [], running, fails

    def running(self):
        return self.says

    async def on(self):
        self._do("on")

    async def reset(self):
        self._do("reset")

    async def cycle(self, commanded=False):
        self._do(f"cycle commanded={commanded}")

    def _do(self, what):
        self.done.append(what)
        if self.fails:
            raise PowerError("nothing happens")


async def no_pause(seconds):
    pass


def taken(rung, line, power, quirks=QUIRKS):
    return asyncio.run(climb(rung, line, power, quirks, 0.0, no_pause, 0.0))


@pytest.mark.parametrize(
    ("table", "commanded"),
    [({"AT+CPOF": "OK"}, True), ({"AT+CPOF": "ERROR"}, False), ({"AT+CPOF": None}, False), (None, False)],
    ids=["OK", "ERROR", "silent", "port lost"],
)
def test_only_a_modem_that_said_ok_is_given_its_time_to_go(table, commanded):
    power, line = Power(), Line(table)
    assert taken(Rung.POWER_CYCLE, line, power) is False
    assert power.done == [f"cycle commanded={commanded}"]
    assert not line.open


def test_without_the_command_or_the_port_nothing_is_said():
    power = Power()
    line = Line({"AT+CPOF": "OK"})
    taken(Rung.POWER_CYCLE, line, power, Quirks())
    closed = Line({"AT+CPOF": "OK"}, open_=False)
    taken(Rung.POWER_CYCLE, closed, power)
    assert power.done == ["cycle commanded=False"] * 2
    assert not line.asked + closed.asked


def test_a_reset_line_is_pulled_with_the_port_closed():
    power, line = Power(), Line({})
    taken(Rung.HARD_RESET, line, power)
    assert (power.done, line.open, line.asked) == (["reset"], False, [])


def test_escape_tells_whether_it_answers():
    assert taken(Rung.ESCAPE, Line({"AT": "OK"}), None)
    assert not taken(Rung.ESCAPE, Line({"AT": None}), None)


@pytest.mark.parametrize("rung", [Rung.HARD_RESET, Rung.POWER_CYCLE])
def test_lines_that_do_nothing_are_trouble_with_their_own_words(rung):
    with pytest.raises(Trouble, match=r"power\.failed: nothing happens"):
        taken(rung, Line({"AT+CPOF": "OK"}), Power(fails=True))


@pytest.mark.parametrize(
    ("running", "away", "done"),
    [(False, False, ["on"]), (True, True, []), (None, False, []), (None, True, ["on"])],
)
def test_who_is_switched_on(running, away, done):
    power = Power(running)
    asyncio.run(switch_on(power, away))
    assert power.done == done


def test_nobody_is_switched_on_without_a_line_for_it():
    power = Power(running=None)
    power.available = frozenset({Rung.HARD_RESET})
    asyncio.run(switch_on(power, away=True))
    assert not power.done
