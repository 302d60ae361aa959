"""Handing over one message: what each answer, at each moment, says of it."""

import pytest
from modem_script import Talk, play

from drivers.bearer import Remedy
from drivers.modem.commands import At, Timings
from drivers.modem.script import Escape, Silent, Write
from drivers.modem.submit import Failed, Sent, submit

T = Timings()
TPDU = bytes.fromhex("01000B913316325476F8000005C8329BFD06")
ASK = f"AT+CMGS={len(TPDU)}"


def handed(table):
    return play(submit(At(T), T, TPDU), Talk(table))


def test_the_length_leaves_the_service_centre_out_and_the_pdu_names_none():
    result, talk = handed({ASK: ">", "PDU": "+CMGS: 7\nOK"})
    assert isinstance(result, Sent)
    assert result.mr == 7
    assert [step.payload for step in talk.log if isinstance(step, Write)] == ["00" + TPDU.hex().upper()]


def test_a_reference_that_can_not_be_read_is_sent_all_the_same():
    assert handed({ASK: ">", "PDU": "+CMGS: many\nOK"})[0].mr is None


@pytest.mark.parametrize(
    ("answer", "remedy"),
    [
        ("+CMS ERROR: 38", Remedy.RETRY),
        ("+CMS ERROR: 21", Remedy.NEXT_ROUTE),
        ("+CMS ERROR: 1", Remedy.GIVE_UP),
        ("+CMS ERROR: 500", None),
        ("+CMS ERROR: 512", None),
        ("+CME ERROR: 100", None),
        ("ERROR", None),
        (None, None),
    ],
)
def test_after_ctrl_z_only_a_known_cause_says_that_it_was_not_sent(answer, remedy):
    result, _ = handed({ASK: ">", "PDU": answer})
    assert isinstance(result, Failed)
    assert result.verdict.remedy is remedy
    assert result.silent is (answer is None)
    assert result.verdict.text


@pytest.mark.parametrize(
    "answer", ["ERROR", "+CMS ERROR: 500", "+CME ERROR: 100", "+CMS ERROR: 322", "+CMS ERROR: 38"]
)
def test_before_the_prompt_nothing_was_sent(answer):
    result, talk = handed({ASK: answer})
    assert result.verdict.remedy is Remedy.RETRY
    assert not any(isinstance(step, Write) for step in talk.log)


def test_no_prompt_is_left_by_esc_and_never_by_ctrl_z():
    result, talk = handed({ASK: None, "AT": "OK"})
    assert result.verdict.remedy is Remedy.RETRY
    assert any(isinstance(step, Escape) for step in talk.log)
    assert not any(isinstance(step, Write) for step in talk.log)


def test_no_prompt_and_no_life():
    with pytest.raises(Silent):
        handed({ASK: None, "AT": None})
