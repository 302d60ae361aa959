"""The two clocks."""

from gateway import clock as module
from gateway.clock import SystemClock


def test_a_wall_clock_set_back_stands_still(monkeypatch):
    times = iter([5_000_000_000, 7_999_999_999, 3_000_000_000, 7_000_000_000, 9_000_000_000])
    monkeypatch.setattr(module.time, "time_ns", lambda: next(times))
    clock = SystemClock()
    assert [clock.wall_ms() for _ in range(5)] == [5000, 7999, 7999, 7999, 9000]


def test_the_steady_clock_rises():
    clock = SystemClock()
    first = clock.now()
    assert clock.now() >= first
