"""Points are differences of samples, over exactly an hour; quantiles lie where the buckets say."""

import pytest

from gateway.listeners.http.page.history import History, merged, quantile

NOTHING = {"admitted": 0, "accepted": 0}
BOUNDS = (10, 100, 1000)


def test_a_point_is_what_happened_between_two_samples():
    history = History(BOUNDS)
    history.sample(1000, NOTHING, [0, 0, 0, 0])
    history.sample(1010, {"admitted": 300, "accepted": 250}, [0, 100, 0, 0])
    history.sample(1025, {"admitted": 330, "accepted": 250}, [0, 100, 0, 0])
    first, second = history.points()
    assert history.until == 1025
    assert (first.at, first.rates) == (1010, {"admitted": 30.0, "accepted": 25.0})
    assert (first.p50, first.p95) == (0.055, 0.0955)
    assert (second.rates["admitted"], second.p50) == (2.0, None)  # a sample that came late spans its time


def test_an_hour_is_kept_and_no_more():
    history = History(BOUNDS)
    for number in range(1000):
        history.sample(number * 10, {"admitted": number}, [0, 0, 0, 0])
    points = list(history.points())
    assert len(points) == 360
    assert points[-1].at - points[0].at == 3590


def test_a_clock_that_was_set_back_begins_anew():
    history = History(BOUNDS)
    for at in (1000, 1010, 500, 510):
        history.sample(at, NOTHING, [0, 0, 0, 0])
    assert [point.at for point in history.points()] == [510]


def test_a_name_that_is_new_counts_from_nothing():
    history = History(BOUNDS)
    history.sample(0, {}, [0, 0, 0, 0])
    history.sample(10, {"failed": 20}, [0, 0, 0, 0])
    assert next(history.points()).rates == {"failed": 2.0}


@pytest.mark.parametrize(
    ("counts", "share", "seconds"),
    [
        ([0, 0, 0, 0], 0.5, None),
        ([10, 0, 0, 0], 0.5, 0.005),
        ([0, 10, 0, 0], 1.0, 0.1),
        ([1, 0, 1, 0], 0.95, 0.91),
        ([0, 0, 0, 5], 0.5, 1.0),  # beyond the last bound: that bound is all that is known
    ],
)
def test_quantiles(counts, share, seconds):
    found = quantile(BOUNDS, counts, share)
    assert found == (None if seconds is None else pytest.approx(seconds))


def test_all_bearers_and_kinds_make_one_histogram():
    assert merged({("orange", 0): [1, 2, 3, 999], ("sim", 1): [10, 20, 30, 999]}, 3) == [11, 22, 33]
