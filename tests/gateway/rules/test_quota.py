"""Segments per day and month against a list of what was taken; days of 23 and 25 hours."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from core import account
from hypothesis import given
from hypothesis import strategies as st
from making import message

from gateway import answers
from gateway.model import EPOCH_MS
from gateway.rules.quota import QuotaRule, day_of, month_of
from gateway.rules.rule import Batch

PARIS = ZoneInfo("Europe/Paris")
HOUR = 3_600_000


def ms(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=PARIS).timestamp() * 1000)


def sent(at_ms, parts=1, **fields):
    return message((at_ms - EPOCH_MS) << 22, None, parts=parts, **fields)


def rule(**quota):
    shop = account(quota=type("Quota", (), {"segments_per_day": 0, "segments_per_month": 0} | quota))
    return QuotaRule({}, PARIS, {"shop": shop}.get), shop


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-28", 24), ("2026-03-29", 23), ("2026-10-25", 25), ("2026-12-31", 24)]
)
def test_days_are_the_calendars(day, hours):
    since, until = day_of(ms(f"{day}T13:00"), PARIS)
    assert since == ms(f"{day}T00:00")
    assert until - since == hours * HOUR
    assert day_of(since, PARIS) == day_of(until - 1, PARIS) == (since, until)


def test_months_are_the_calendars():
    assert month_of(ms("2026-12-31T23:59"), PARIS) == (ms("2026-12-01T00:00"), ms("2027-01-01T00:00"))
    assert month_of(ms("2028-02-29T12:00"), PARIS) == (ms("2028-02-01T00:00"), ms("2028-03-01T00:00"))


STEP = st.tuples(st.integers(0, 40 * HOUR), st.integers(1, 6), st.integers(0, 9), st.booleans())


@given(st.lists(STEP, max_size=80))
def test_as_a_list_counts(steps):
    """Taken when the rule lets it, now and then given back; the verdict is the list's at every step."""
    judging, shop = rule(segments_per_day=10, segments_per_month=60)
    model, now = [], ms("2026-03-20T10:00")
    for passes, parts, back, gives_back in steps:
        now += passes
        if gives_back and model:
            judging.given_back(model.pop(back % len(model)))
        m = sent(now, parts)
        day = sum(o.parts for o in model if o.submitted_at >= day_of(now, PARIS)[0])
        month = sum(o.parts for o in model if o.submitted_at >= month_of(now, PARIS)[0])
        verdict = judging.judge(m, shop, now)
        assert (verdict is None) == (day + parts <= 10 and month + parts <= 60)
        if verdict is None:
            judging.taken([m])
            model.append(m)
        else:
            assert verdict.status == answers.QUOTA_SPENT


def test_the_reason_says_what_is_spent_and_when_it_begins_anew():
    judging, shop = rule(segments_per_day=2)
    judging.taken([sent(ms("2026-03-29T01:00"), 2)])
    verdict = judging.judge(sent(ms("2026-03-29T05:00")), shop, 0)
    assert "2 of 2 segments of this day are spent" in verdict.reason
    assert "2026-03-30T00:00+02:00" in verdict.reason
    assert judging.judge(sent(ms("2026-03-30T00:00")), shop, 0) is None


def test_an_account_without_quota_is_not_counted():
    judging, shop = rule()
    judging.taken([sent(ms("2026-03-29T01:00"))])
    assert judging.judge(sent(ms("2026-03-29T01:00")), shop, 0) is None
    assert judging.usage == {}


def test_a_batch_is_cleared_when_all_of_it_fits_into_the_day_of_all_of_it():
    judging, shop = rule(segments_per_day=5, segments_per_month=7)
    noon, night = ms("2026-03-20T12:00"), ms("2026-03-21T00:00") - 1

    def asked(parts, at, last):
        return [*judging.sift(Batch(tuple(sent(at, each) for each in parts), shop, at, last))]

    assert asked([1, 2], noon, noon) == [0, 1]  # whose day and month nobody knows yet
    judging.taken([sent(noon, 1), sent(noon, 1)])
    assert asked([1, 2], noon, noon) == []
    assert asked([1, 3], noon, noon) == [0, 1]
    assert asked([1], night, night + 1) == [0]  # its id has borrowed a millisecond of the next day
    judging.taken([sent(night, 1), sent(night + 1, 4)])
    assert (judging.usage["shop"].day, judging.usage["shop"].month) == (4, 7)
    assert asked([1], night + 1, night + 1) == [0]  # the month is over
