"""The script of what goes wrong: how a fault is written, when it strikes, how often, and what chance adds."""

from random import Random

import pytest

from drivers.modem.sim_behaviour import ModemBehaviour
from drivers.modem.sim_faults import COMMAND, KINDS, MOMENT, REPORT, SUBMIT, Fault, Faults


def faults(*script, **behaviour):
    return Faults(ModemBehaviour(**behaviour), script, Random(1), 100.0)


def test_a_fault_in_words():
    fault = Fault.parse('30 error match=+csq text="+CME ERROR: 14" times=3 seconds=2.5')
    assert (fault.at, fault.kind, fault.match, fault.text, fault.times, fault.seconds) == (
        30.0, "error", "+CSQ", "+CME ERROR: 14", 3, 2.5,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("30", "write `SECONDS KIND"),
        ("30 burn", "must be one of mute, late"),
        ("soon mute", "are numbers"),
        ("1 mute times=often", "are numbers"),
        ("1 mute for=3", "for is no part of a fault"),
        ("1 mute quickly", "write `SECONDS KIND"),
    ],
)
def test_a_fault_that_is_none(line, words):
    with pytest.raises(ValueError, match=words):
        Fault.parse(line)


def test_every_kind_stands_in_one_table():
    tables = (COMMAND, SUBMIT, REPORT, MOMENT)
    assert sum(map(len, tables)) == len(KINDS)


def test_commands_are_matched_by_their_beginning_from_the_moment_on_and_so_often():
    script = faults(Fault("mute", at=5, match="+CSQ", times=2))
    assert script.command("+CSQ", 104.0) is None
    assert script.command("+CREG?", 105.0) is None
    assert [bool(script.command("+CSQ", 106.0)) for _ in range(3)] == [True, True, False]
    assert len(script.struck) == 2


def test_faults_of_a_moment_strike_once_when_due():
    script = faults(Fault("reset", at=5), Fault("unplug", at=9), Fault("mute"))
    assert script.next == 105.0
    assert [fault.kind for fault in script.due(108.0)] == ["reset"]
    assert script.due(108.0) == []
    script.add(Fault("urc", at=1), 110.0)
    assert script.next == 109.0
    assert [fault.kind for fault in script.due(111.0)] == ["unplug", "urc"]
    assert script.next is None


def test_a_refusal_without_a_text_says_what_the_behaviour_says():
    assert faults(Fault("refused"), submit_error="+CMS ERROR: 21").submit(100.0).text == "+CMS ERROR: 21"
    assert faults(Fault("refused", text="+CMS ERROR: 8")).submit(100.0).text == "+CMS ERROR: 8"


def test_chance_strikes_about_as_often_as_told():
    script = faults(mute_percent=25.0)
    struck = sum(script.command("+CSQ", 0.0) is not None for _ in range(1000))
    assert 200 < struck < 300
    assert faults().command("+CSQ", 0.0) is None
