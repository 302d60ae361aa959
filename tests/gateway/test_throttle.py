"""Exact in every sliding second and yet used up, on a clock with 5 ms ticks and stalls."""

import math
import random
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.throttle import Adaptive, Backoff, SlidingSecond, Throttle

START = 1000.0


def sent(throttle, seconds, rnd, stalls, rank=0, start=START):
    """Times at which a full backlog leaves: each 5 ms, and now and then after a stall of up to 50 ms."""
    now, times = start, []
    while now < start + seconds:
        count = throttle.free(now, rank)
        if count:
            throttle.take(count, now)
            times += [now] * count
        now += 0.005 + (rnd.random() * 0.05 if rnd.random() < stalls else 0.0)
    return times


def worst(times, span):
    """The most in any half-open window of `span` seconds."""
    window, most = deque(), 0
    for at in times:
        window.append(at)
        while window[0] <= at - span:
            window.popleft()
        most = max(most, len(window))
    return most


@pytest.mark.parametrize("rate", [0.5, 1, 7.5, 100, 1000])
@pytest.mark.parametrize("stalls", [0.0, 0.005, 0.02])
def test_no_sliding_second_has_too_many_and_none_is_wasted(rate, stalls):
    times = sent(Throttle(rate), 60, random.Random(int(rate * 10)), stalls)
    span = 1.0 if rate >= 1 else 1 / rate
    assert worst(times, span) <= math.ceil(rate)
    assert len(times) >= 0.99 * rate * 60 - 1


@pytest.mark.parametrize("rate", [1, 7.5, 100])
def test_a_pause_is_not_made_up_for(rate):
    throttle = Throttle(rate)
    times = sent(throttle, 5, random.Random(1), 0)
    times += sent(throttle, 5, random.Random(1), 0, start=START + 60)
    assert worst(times, 1.0) <= math.ceil(rate)
    first = [at for at in times if START + 60 <= at < START + 60.02]
    assert len(first) <= rate * 0.07 + 1


@given(
    st.lists(st.tuples(st.floats(0, 0.3), st.integers(1, 9)), max_size=80),
    st.sampled_from([0.5, 1, 3, 7.5, 40]),
)
def test_whatever_is_asked_the_limit_holds(asks, rate):
    throttle, now, times = Throttle(rate), START, []
    for wait, wanted in asks:
        now += wait
        count = min(wanted, throttle.free(now))
        if count > 0:
            throttle.take(count, now)
            times += [now] * count
    assert worst(times, 1.0 if rate >= 1 else 1 / rate) <= math.ceil(rate)


def test_an_urgent_message_finds_a_slot_at_once():
    """20 of 100 are kept for the OTPs: while all else is used up, twenty of them leave this very moment."""
    throttle = Throttle(100, (0, 20, 20, 20))
    rnd = random.Random(2)
    rest = sent(throttle, 10, rnd, 0, rank=3)
    assert 78 <= worst(rest, 1.0) <= 80
    now = START + 10
    assert throttle.free(now, 3) <= 1
    assert throttle.free(now, 0) >= 20
    throttle.take(20, now)
    after = sent(throttle, 5, rnd, 0, rank=3, start=now + 0.005)
    assert worst(rest + [now] * 20 + after, 1.0) <= 100


def test_what_is_kept_shrinks_with_the_rate():
    throttle = Throttle(100, (0, 50, 50, 50))
    throttle.set_rate(10)
    assert len(sent(throttle, 10, random.Random(3), 0, rank=3)) >= 45
    throttle.set_rate(1)
    assert len(sent(throttle, 10, random.Random(3), 0, rank=3, start=START + 30)) >= 9
    throttle.set_rate(100)
    assert worst(sent(throttle, 5, random.Random(3), 0, rank=3, start=START + 60), 1.0) <= 50


def test_a_reload_brings_another_rate_and_reserve_and_the_last_second_counts():
    throttle = Throttle(2.0)
    throttle.take(1, START)
    throttle.adopt(Throttle(10.0, (0, 3)))
    assert (throttle.rate, throttle.free(START + 0.5, 0), throttle.free(START + 1.1, 0)) == (10.0, 9, 10)
    throttle.take(7, START + 1.1)
    assert (throttle.free(START + 2.0, 0), throttle.free(START + 2.0, 1)) == (3, 0), "what is kept, too"


def test_a_lower_rate_holds_from_now_on():
    throttle = Throttle(100)
    before = sent(throttle, 2, random.Random(4), 0)
    throttle.set_rate(10)
    after = sent(throttle, 5, random.Random(4), 0, start=START + 2)
    assert worst([at for at in before + after if at >= START + 2], 1.0) <= 10
    assert after[0] >= START + 2.8  # the last second's hundred still count
    assert throttle.rate == 10


@pytest.mark.parametrize("rate", [0, -1])
def test_a_rate_must_be_positive(rate):
    with pytest.raises(ValueError, match=f"rate must be greater than 0, is {rate}"):
        Throttle(rate)


def test_a_sliding_second_may_be_asked_about_the_future():
    second = SlidingSecond(3)
    second.take(2, 10.0)
    second.take(1, 10.0)
    assert [second.free(at) for at in (10.0, 10.9, 11.0, 10.5)] == [0, 0, 3, 0]
    second.take(3, 11.5)
    assert len(second._runs) == 1


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(1, 5)), max_size=60))
def test_a_sliding_second_counts_what_a_list_would(takes):
    second, now, times = SlidingSecond(7), 0.0, []
    for wait, count in takes:
        now += wait
        second.take(count, now)
        times += [now] * count
        for ahead in (0.0, 0.02, 0.7, 3.0):
            assert second.free(now + ahead) == 7 - sum(at > now + ahead - 1.0 for at in times)


def test_a_carriers_complaints_slow_us_down_and_time_speeds_us_up():
    adaptive = Adaptive(100.0)
    assert adaptive.complain(0.0) == 0.25
    assert (adaptive.rate, adaptive.paused(0.2), adaptive.paused(0.25)) == (95.0, True, False)
    assert adaptive.complain(0.1) == pytest.approx(0.15)
    assert adaptive.rate == 95.0  # one storm, one complaint
    assert adaptive.complain(0.5) == 0.5
    assert adaptive.rate == pytest.approx(66.5)
    for _ in range(20):
        adaptive.complain(adaptive.paused_until)
    assert (adaptive.rate, adaptive.complain(adaptive.paused_until)) == (5.0, 60.0)
    now = adaptive.paused_until
    assert not adaptive.recover(now - 1)
    assert not adaptive.recover(now + 0.9)
    turns = 0
    while adaptive.rate < 100:
        now += 1
        assert adaptive.recover(now)
        turns += 1
    assert turns == 19
    assert not adaptive.recover(now + 1)
    assert adaptive.complain(now + 1000) == 0.25  # long ago: a first complaint again
    assert adaptive.rate == 95.0


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_backoff_grows_and_is_bounded(tries, draw):
    backoff = Backoff(2.0, 300.0)
    step = min(300.0, 2.0 * 2 ** min(max(tries - 1, 0), 20))
    assert 0.8 * step <= backoff.wait(tries, draw) <= 1.2 * step
    assert backoff.wait(tries + 1, draw) >= backoff.wait(tries, draw)
