"""How long a bind waits, and how often its failure is told."""

import pytest

from drivers.smpp.pdu import CommandStatus
from drivers.smpp.reconnect import Backoff, worth_a_line
from drivers.smpp.settings import Reconnect

MIDDLE = 0.5  # the random number that leaves a wait as it is


def waits(backoff, count, status=0, random=MIDDLE):
    return [round(backoff.failed(status, random), 6) for _ in range(count)]


def test_waits_double_up_to_the_limit():
    assert waits(Backoff(Reconnect(first=1, max=10)), 6) == [1, 2, 4, 8, 10, 10]


def test_jitter_is_a_fifth_each_way():
    assert Backoff(Reconnect(first=10, max=60)).failed(0, 0.0) == pytest.approx(8)
    assert Backoff(Reconnect(first=10, max=60)).failed(0, 1.0) == pytest.approx(12)


@pytest.mark.parametrize("status", [0x0D, 0x0E, 0x0F, 0x53])
def test_what_a_human_must_mend_waits_for_minutes(status):
    assert waits(Backoff(Reconnect(first=1, max=10)), 3, status) == [300, 300, 300]


def test_already_bound_waits_longer_each_time_and_beyond_the_limit():
    backoff = Backoff(Reconnect(first=1, max=10))
    assert waits(backoff, 9, CommandStatus.ESME_RALYBND) == [2, 4, 8, 16, 32, 64, 128, 256, 300]


def test_a_year_of_failures_does_not_overflow():
    backoff = Backoff(Reconnect(first=1, max=60))
    backoff.failures = 10**6
    assert waits(backoff, 1) == [60]


def test_only_a_bind_that_held_forgives_the_failures():
    backoff = Backoff(Reconnect(first=1, max=10))
    waits(backoff, 3)
    backoff.lived(9.9)
    assert waits(backoff, 1) == [8]
    backoff.lived(10)
    assert waits(backoff, 1) == [1]


def test_repetitions_are_told_at_powers_of_two():
    assert [n for n in range(1, 20) if worth_a_line(n)] == [1, 2, 4, 8, 16]
