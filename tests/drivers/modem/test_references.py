import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modem.references import References
from drivers.sms.tpdu import StatusReport

IMSI, OTHER_IMSI = "208150000000001", "208010000000002"
ANNE, BOB = "+33612345678", "+33698765432"
NOW = 1_795_342_800.0


def report(reference, recipient=ANNE, sent_at=NOW, status=0):
    return StatusReport(reference, recipient, sent_at, sent_at + 5 if sent_at else 0.0, status)


def sent(references, recipient=ANNE, reference=7, at=NOW, imsi=IMSI):
    carrier_id, matches = references.submitted(imsi, recipient, reference, at)
    assert matches == []
    return carrier_id


def found(match):
    return match and match.keys


def test_a_report_finds_its_submit():
    references = References()
    anne, bob = sent(references), sent(references, BOB, 8)
    match = references.reported(IMSI, report(8, BOB), True, NOW + 9)
    assert (match.keys, match.known, match.report.reference) == ([bob], True, 8)
    assert found(references.reported(IMSI, report(7), True, NOW + 9)) == [anne]
    assert len(references) == 0


def test_the_id_is_its_own_canonical_form_and_tells_no_number():
    references = References()
    for reference in range(256):
        carrier_id = sent(references, reference=reference)
        assert carrier_id.lower().lstrip("0x") == carrier_id
        assert re.fullmatch(r"m[0-9a-f]{6}-[0-9a-f]{2}-[0-9a-f]{4}-[0-9a-f]+", carrier_id)
    text = references.dump()
    for secret in (IMSI, ANNE[-9:], "612345"):
        assert secret not in text


@pytest.mark.parametrize("written", [ANNE, "0612345678", "33612345678", "0033612345678", "06 12 34 56 78"])
def test_the_recipient_may_be_written_otherwise(written):
    references = References()
    anne = sent(references)
    assert found(references.reported(IMSI, report(7, written), True, NOW)) == [anne]


@pytest.mark.parametrize(
    ("imsi", "other"),
    [
        (OTHER_IMSI, report(7)),
        (IMSI, report(8)),
        (IMSI, report(7, BOB)),
        (IMSI, report(7, ANNE, NOW - 1300)),
        (IMSI, report(7, ANNE, NOW + 1300)),
        (IMSI, report(7, ANNE, NOW + 20 * 86_400)),
    ],
)
def test_what_belongs_to_another_submit(imsi, other):
    references = References()
    sent(references)
    assert references.reported(imsi, other, True, NOW + 9) is None
    assert (len(references), references.held) == (1, 1)


def test_a_wrong_zone_costs_no_report():
    references = References()
    anne = sent(references)
    assert found(references.reported(IMSI, report(7, ANNE, NOW + 7200 + 20), True, NOW)) == [anne]


def test_a_report_without_a_time_fits():
    references = References()
    anne = sent(references)
    assert found(references.reported(IMSI, report(7, ANNE, 0.0), True, NOW)) == [anne]


def test_on_a_collision_the_newest_whose_time_fits():
    references = References()
    old = sent(references, at=NOW - 3000)
    new = sent(references, at=NOW)
    assert old != new
    assert found(references.reported(IMSI, report(7, ANNE, NOW - 2990), False, NOW)) == [old]
    assert found(references.reported(IMSI, report(7, ANNE, NOW + 3), False, NOW)) == [new]
    assert found(references.reported(IMSI, report(7, ANNE, 0.0), True, NOW)) == [new]
    assert found(references.reported(IMSI, report(7, ANNE, 0.0), True, NOW)) == [old]


def test_a_modem_that_counts_anew_within_one_slot():
    references = References()
    first, second = sent(references, at=NOW), sent(references, at=NOW + 2)
    assert second == first + ".2"
    assert found(references.reported(IMSI, report(7), True, NOW)) == [second]
    assert found(references.reported(IMSI, report(7), True, NOW)) == [first]


def test_a_notice_on_the_way_leaves_the_submit_waiting():
    references = References()
    anne = sent(references)
    assert found(references.reported(IMSI, report(7, status=0x30), False, NOW)) == [anne]
    assert found(references.reported(IMSI, report(7), True, NOW)) == [anne]


# ── reports that come before the OK ──────────────────────────────────────────────────────────────────────────
def test_a_report_before_the_ok_is_given_with_its_submit():
    references = References()
    assert references.reported(IMSI, report(7), True, NOW) is None
    assert references.reported(IMSI, report(7, BOB), True, NOW) is None
    carrier_id, matches = references.submitted(IMSI, ANNE, 7, NOW - 1)
    assert [(match.keys, match.known) for match in matches] == [([carrier_id], True)]
    assert (references.held, len(references)) == (1, 0)  # it was the last word
    assert references.overdue(NOW + 120) == []
    assert [match.report.recipient for match in references.overdue(NOW + 151)] == [BOB]
    assert references.overdue(NOW + 151) == []


def test_a_report_that_is_read_twice_waits_once():
    references = References()
    for wait in range(3):
        assert references.reported(IMSI, report(7), True, NOW + wait) is None
    assert references.held == 1


def test_a_clock_put_back_holds_no_report_for_ever():
    references = References()
    references.reported(IMSI, report(7), True, NOW)
    assert len(references.overdue(NOW - 1)) == 1


# ── when the table is lost ───────────────────────────────────────────────────────────────────────────────────
@given(
    st.floats(NOW, NOW + 900),
    st.floats(-600, 600),
    st.sampled_from([0, 3600, -3600, 7200, -7200]),
    st.integers(0, 255),
)
def test_a_lost_table_is_worked_out_from_the_report(at, skew, zone, reference):
    carrier_id = sent(References(), reference=reference, at=at)
    forgetful = References()
    assert forgetful.reported(IMSI, report(reference, "0612345678", at + skew + zone), True, at) is None
    [match] = forgetful.overdue(at + 200)
    assert carrier_id in match.keys
    assert not match.known
    assert (
        len(match.keys) == len(set(match.keys)) > 1
    )  # one alone would be taken without a look at the number


def test_the_likeliest_id_stands_first():
    carrier_id = sent(References())
    forgetful = References()
    forgetful.reported(IMSI, report(7, sent_at=NOW + 3), True, NOW)
    assert forgetful.overdue(NOW + 200)[0].keys[0] == carrier_id


def test_without_a_time_there_is_nothing_to_guess():
    references = References()
    references.reported(IMSI, report(7, sent_at=0.0), True, NOW)
    assert references.overdue(NOW + 200)[0].keys == []


# ── bounds and restarts ──────────────────────────────────────────────────────────────────────────────────────
def test_submits_wait_three_days():
    references = References()
    anne, bob = sent(references), sent(references, BOB, at=NOW + 10)
    assert references.expired(NOW + 259_199) == []
    assert references.expired(NOW + 259_200) == [anne]
    assert references.expired(NOW + 300_000) == [bob]
    assert len(references) == 0


def test_both_tables_are_bounded():
    references = References(capacity=10)
    ids = [sent(references, reference=reference, at=NOW + reference) for reference in range(12)]
    assert len(references) == 10
    assert found(references.reported(IMSI, report(11, sent_at=NOW + 11), True, NOW)) == [ids[11]]
    for reference in range(100, 115):
        references.reported(IMSI, report(reference), True, NOW + 1)
    assert [match.report.reference for match in references.overdue(NOW + 2)] == [100, 101, 102, 103, 104]


def test_a_restart_changes_nothing():
    references = References()
    ids = [
        sent(references, reference=7, at=NOW),
        sent(references, reference=7, at=NOW + 2),
        sent(references, BOB, 8),
    ]
    again = References()
    again.load(references.dump())
    assert again.dump() == references.dump()
    assert found(again.reported(IMSI, report(7), True, NOW)) == [ids[1]]
    assert found(again.reported(IMSI, report(7), True, NOW)) == [ids[0]]
    assert found(again.reported(IMSI, report(8, BOB), True, NOW)) == [ids[2]]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "null", '{"version": 1}', '{"version": 1, "submitted": 3}',
     '{"version": 1, "submitted": [["m-1", 2]]}', '{"version": 1, "submitted": [["a-b-c-d", "x"]]}',
     '{"version": 1, "submitted": [[3, 4]]}', '{"version": 2, "submitted": []}'],
)  # fmt: skip
def test_what_is_no_state(text):
    references = References()
    with pytest.raises(ValueError, match="delete them"):
        references.load(text)
    assert len(references) == 0


def test_a_busy_table_stays_small_as_text():
    references = References()
    for n in range(2500):
        references.submitted(IMSI, f"+336{n:08}", n % 256, NOW + 6 * n)
    assert len(json.loads(references.dump())["submitted"]) == 2000
    assert len(references.dump()) < 100_000
