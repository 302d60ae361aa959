"""The last hour in samples of ten seconds: what went in and out, and how long carriers took to accept. Pure.

Kept in memory, from the start on; a point is the difference of two samples of counters that only rise, so that a
sample which came late says the same as one in time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

__all__ = ["EVERY", "HOUR", "History", "Point", "merged", "quantile"]

EVERY = 10.0
"""Seconds between two samples."""
HOUR = 3600.0
_MOST = int(HOUR / EVERY) + 1


class Point:
    """What happened between two samples. at: Unix seconds, its end. rates: messages a second by name, see
    control.rates.totals. p50, p95: seconds from submission to the carrier's answer; None when it gave none.
    """

    __slots__ = ("at", "p50", "p95", "rates")

    def __init__(self, at: float, rates: Mapping[str, float], p50: float | None, p95: float | None) -> None:
        self.at = at
        self.rates = rates
        self.p50 = p50
        self.p95 = p95


class History:
    """bounds: upper bounds of the latency's buckets, in ms; a last bucket has none."""

    __slots__ = ("_bounds", "_samples")

    def __init__(self, bounds: Sequence[int]) -> None:
        self._bounds = tuple(bounds)
        self._samples: deque[tuple[float, Mapping[str, int], Sequence[int]]] = deque(maxlen=_MOST)

    def sample(self, at: float, totals: Mapping[str, int], buckets: Sequence[int]) -> None:
        """at: Unix seconds; a clock that was set back begins anew, since there is no way to draw that."""
        if self._samples and at <= self._samples[-1][0]:
            self._samples.clear()
        self._samples.append((at, dict(totals), tuple(buckets)))

    @property
    def until(self) -> float:
        """When the last sample was taken, Unix seconds; 0 before the first."""
        return self._samples[-1][0] if self._samples else 0.0

    def points(self) -> Iterator[Point]:
        """Oldest first."""
        for (began, first, before), (ended, last, after) in pairwise(self._samples):
            passed = ended - began
            rates = {name: max(0, last[name] - first.get(name, 0)) / passed for name in last}
            new = [b - a for a, b in zip(before, after, strict=True)]
            yield Point(ended, rates, quantile(self._bounds, new, 0.5), quantile(self._bounds, new, 0.95))


def merged(series: Mapping[tuple[str | int, ...], Sequence[int]], buckets: int) -> list[int]:
    """All series of a histogram as one: how many fell into each bucket, the unbounded one included."""
    whole = [0] * buckets
    for row in series.values():
        for place in range(buckets):
            whole[place] += row[place]
    return whole


def quantile(bounds: Sequence[int], counts: Sequence[int], share: float) -> float | None:
    """Seconds below which this share lies, by a straight line within its bucket; None of nothing."""
    total = sum(counts)
    if total <= 0:
        return None
    wanted, passed, low = share * total, 0, 0
    for bound, count in zip(bounds, counts, strict=False):
        if count and passed + count >= wanted:
            return (low + (bound - low) * (wanted - passed) / count) / 1000
        passed, low = passed + count, bound
    return bounds[-1] / 1000
