import json
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modem.quotas import DAY, HOUR, MONTH, UNLIMITED, SimQuota, state_key
from drivers.terms import Quota

ICCID = "8933150000000000001"
NOW = 1_795_342_800.0
NONE = Quota(per_minute=0, per_hour=0, per_day=0, recipients_per_month=0)


def quota(**limits):
    wanted = {"per_minute": 0, "per_hour": 0, "per_day": 0, "recipients_per_month": 0} | limits
    return SimQuota(ICCID, Quota(**wanted))


def number(n):
    return f"+336{n:08}"


def test_a_silent_table_is_cautious():
    sim = SimQuota(ICCID, Quota())
    assert sim.free(NOW) == 6
    sim.take(number(1), 6, NOW)
    assert (sim.free(NOW), sim.free(NOW + 59.9), sim.free(NOW + 60)) == (0, 0, 6)
    for n in range(2, 91):
        sim.take(number(n), 1, NOW)
    assert not sim.may(number(91), NOW)
    assert sim.may(number(90), NOW)


def test_no_limit_at_all():
    sim = SimQuota(ICCID, NONE)
    for n in range(1000):
        sim.take(number(n), 10, NOW)
    assert sim.free(NOW) == UNLIMITED
    assert sim.may(number(5000), NOW)
    assert (sim.free_at(NOW, 10), sim.recipient_free_at(NOW)) == (NOW, NOW)
    assert len(sim.dump()) < 200


def test_how_many_others_may_be_written_to():
    sim = quota(recipients_per_month=3)
    assert sim.recipients_free(NOW) == 3
    for n in (1, 1, 2, 3, 4):  # what goes over the air has gone, whether it fitted or not
        sim.take(number(n), 1, NOW)
    assert sim.recipients_free(NOW + MONTH - 1) == 0
    assert sim.recipients_free(NOW + MONTH) == 3
    assert SimQuota(ICCID, NONE).recipients_free(NOW) == UNLIMITED


@pytest.mark.parametrize(("limit", "window"), [("per_minute", 60), ("per_hour", HOUR), ("per_day", DAY)])
def test_the_window_slides(limit, window):
    sim = quota(**{limit: 10})
    sim.take(number(1), 4, NOW)
    sim.take(number(1), 6, NOW + window / 2)
    assert sim.free(NOW + window / 2) == 0
    assert sim.free(NOW + window - 1) == 0
    assert sim.free(NOW + window) == 4
    assert sim.free(NOW + window * 1.5 - 1) == 4
    assert sim.free(NOW + window * 1.5) == 10


def test_when_something_becomes_free():
    sim = quota(per_minute=3, per_hour=5)
    for n in range(3):
        sim.take(number(1), 1, NOW + n)
    assert sim.free_at(NOW + 2) == NOW + 60
    assert sim.free_at(NOW + 2, 2) == NOW + 61
    assert sim.free_at(NOW + 2, 3) == NOW + HOUR
    assert sim.free_at(NOW + 2, 4) == inf
    assert sim.free_at(NOW + 70, 2) == NOW + 70


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(1, 4)), max_size=30), st.integers(1, 5))
def test_what_becomes_free_then_is_free_then(steps, segments):
    sim, now = quota(per_minute=5, per_hour=20), NOW
    for wait, count in steps:
        now += wait
        sim.take(number(1), min(count, sim.free(now)), now)
    then = sim.free_at(now, segments)
    assert then == now or sim.free(then - 0.01) < segments
    assert sim.free(then) >= segments


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 4)), max_size=60))
def test_no_sliding_window_ever_holds_more(steps):
    sim, now, sent = quota(per_minute=5, per_hour=20, per_day=50), NOW, []
    for wait, count in steps:
        now += wait
        taken = min(count, sim.free(now))
        sim.take(number(1), taken, now)
        sent.append((now, taken))
        for window, limit in ((60, 5), (HOUR, 20), (DAY, 50)):
            assert sum(taken for at, taken in sent if at > now - window) <= limit


# ── recipients ───────────────────────────────────────────────────────────────────────────────────────────────
def test_different_recipients_in_a_month():
    sim = quota(recipients_per_month=2)
    sim.take(number(1), 1, NOW)
    sim.take(number(2), 1, NOW + 10)
    sim.take(number(1), 1, NOW + 20)
    assert sim.may(number(1), NOW + 20)
    assert not sim.may(number(3), NOW + 20)
    assert sim.recipient_free_at(NOW + 20) == NOW + 10 + MONTH  # number 1 was written to since
    assert not sim.may(number(3), NOW + 10 + MONTH - 1)
    assert sim.may(number(3), NOW + 10 + MONTH)
    assert sim.recipient_free_at(NOW + 10 + MONTH) == NOW + 10 + MONTH


def test_more_recipients_than_a_limit_that_was_lowered():
    sim = quota(recipients_per_month=5)
    for n in range(5):
        sim.take(number(n), 1, NOW + n)
    lowered = quota(recipients_per_month=2)
    lowered.load(sim.dump())
    assert lowered.recipient_free_at(NOW + 9) == NOW + 3 + MONTH
    assert not lowered.may(number(9), NOW + 2 + MONTH)
    assert lowered.may(number(9), NOW + 3 + MONTH)


def test_no_number_is_kept():
    sim = quota(per_day=10, recipients_per_month=10)
    sim.take("+33612345678", 1, NOW)
    assert "12345" not in sim.dump()


# ── giving back ──────────────────────────────────────────────────────────────────────────────────────────────
def test_what_was_not_sent_is_given_back():
    sim = quota(per_day=10, recipients_per_month=2)
    sim.take(number(1), 2, NOW)
    taken = sim.take(number(2), 3, NOW + 1)
    assert not sim.may(number(3), NOW + 1)
    sim.give_back(taken)
    assert sim.free(NOW + 1) == 8
    assert sim.may(number(3), NOW + 1)


def test_giving_back_leaves_a_recipient_that_was_written_to_before_or_since():
    sim = quota(recipients_per_month=1)
    sim.take(number(1), 1, NOW)
    sim.give_back(sim.take(number(1), 1, NOW + 10))
    assert not sim.may(number(2), NOW + 10)
    assert sim.recipient_free_at(NOW + 10) == NOW + MONTH
    first = sim.take(number(1), 1, NOW + 20)
    sim.take(number(1), 1, NOW + 30)
    sim.give_back(first)
    assert sim.recipient_free_at(NOW + 30) == NOW + 30 + MONTH


def test_giving_back_long_after_takes_from_nothing_else():
    sim = quota(per_minute=10)
    taken = sim.take(number(1), 4, NOW)
    sim.take(number(1), 2, NOW + 100)
    sim.give_back(taken)
    assert sim.free(NOW + 100) == 8


def test_giving_back_while_the_clock_is_put_back():
    sim = quota(per_minute=10)
    taken = sim.take(number(1), 4, NOW)
    sim.take(number(1), 2, NOW - 5)
    sim.give_back(taken)
    assert sim.free(NOW) == 8


def test_giving_back_what_stands_with_others_by_now():
    sim = quota(per_day=100)
    taken = [sim.take(number(1), 4, NOW + n) for n in range(5)]
    assert sim.free(NOW + 2 * HOUR) == 80
    sim.give_back(taken[2])
    assert sim.free(NOW + 2 * HOUR) == 84


# ── the clock ────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("back", [1, 59, 61, 3600, 86_400, 40 * 86_400, NOW - 100])
def test_a_clock_put_back_opens_nothing(back):
    sim = quota(per_minute=5, per_hour=5, per_day=5, recipients_per_month=1)
    sim.take(number(1), 5, NOW)
    assert sim.free(NOW - back) == 0
    assert not sim.may(number(2), NOW - back)
    again = quota(per_minute=5, per_hour=5, per_day=5, recipients_per_month=1)
    again.load(sim.dump())
    assert again.free(NOW - back) == 0
    assert again.free(NOW + 30) == 0  # and set right again


def test_a_boot_without_a_clock_then_the_right_time():
    sim = quota(per_day=5)
    sim.take(number(1), 5, NOW)
    booted = quota(per_day=5)
    booted.load(sim.dump())
    assert booted.free(60.0) == 0
    assert booted.free(90.0) == 0
    assert booted.free(NOW + 300) == 0
    assert booted.free(NOW + DAY) == 5


def test_what_was_taken_under_a_clock_years_ahead_does_not_count_for_years():
    sim = quota(per_hour=5)
    sim.take(number(1), 5, NOW + 10 * 365 * DAY)
    moment = NOW
    assert sim.free(moment) == 0
    for _ in range(59):
        moment += 60
        assert sim.free(moment) == 0
    assert sim.free_at(moment) == pytest.approx(NOW + HOUR)
    assert sim.free(moment + 60) == 5


# ── over a restart ───────────────────────────────────────────────────────────────────────────────────────────
def test_a_restart_changes_nothing():
    sim = quota(per_minute=3, per_hour=20, recipients_per_month=3)
    for n in range(3):
        sim.take(number(n), 1, NOW + 61 * n)
    again = quota(per_minute=3, per_hour=20, recipients_per_month=3)
    again.load(sim.dump())
    assert again.dump() == sim.dump()
    for moment in (NOW + 122, NOW + 150, NOW + 2000, NOW + HOUR + 61):
        assert again.free(moment) == sim.free(moment)
    assert not again.may(number(9), NOW + 122)


def test_another_sim_has_its_own():
    sim = quota(per_day=5)
    sim.take(number(1), 5, NOW)
    other = SimQuota("8933150000000000002", Quota(per_day=5))
    with pytest.raises(ValueError, match="not that of SIM 8933150000000000002"):
        other.load(sim.dump())
    assert other.free(NOW) == 5
    assert state_key(ICCID) != state_key("8933150000000000002")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"version":1}', '{"version":1,"iccid":"8933150000000000001"}']
)
def test_what_is_no_state(text):
    with pytest.raises(ValueError, match="cannot be read"):
        quota(per_day=5).load(text)


def test_a_busy_day_stays_small():
    sim, now = quota(per_minute=30, per_hour=1800, per_day=40_000), NOW
    for _ in range(26 * 60 * 6):
        now += 10
        sim.take(number(1), 3, now)
    assert sim.free(now) == 30 - 18
    assert len(json.loads(sim.dump())["spent"]) < 350
    only_day = quota(per_day=40_000)
    only_day.load(sim.dump())
    assert 25_920 <= 40_000 - only_day.free(now) <= 25_920 + 200  # rounded so that nothing opens early
