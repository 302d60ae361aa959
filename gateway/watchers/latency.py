"""How long messages take: histograms that are given every batch of changes in line, and never drop one. Pure.

Three lengths: from submission to the carrier's answer, from there to the final receipt, and how long a message
waited in the queue although it was due. One look and one bisection for a change that ends one of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence

from gateway.lifecycle import Cause
from gateway.model import EPOCH_MS, Change

__all__ = ["Histogram", "Latencies"]

ACCEPTED = (5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 3_600_000)
RECEIVED = (
    100,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    30_000,
    60_000,
    300_000,
    1_800_000,
    7_200_000,
    43_200_000,
    86_400_000,
    259_200_000,
)
WAITED = (
    5,
    25,
    100,
    250,
    1_000,
    5_000,
    10_000,
    30_000,
    60_000,
    300_000,
    1_800_000,
    7_200_000,
    43_200_000,
    86_400_000,
)
"""Upper bounds in milliseconds; a last bucket has no bound."""

_AT_ONCE, _TAKE, _ACCEPT = (
    Cause.ADMIT_AT_ONCE,
    Cause.TAKE,
    Cause.ACCEPT,
)  # an enum's members are slow to reach
_RECEIPTS = frozenset({Cause.DELIVER, Cause.FAIL, Cause.EXPIRE, Cause.REJECT, Cause.DELETE})


class Histogram:
    """Lengths of one sort, by labels. series: labels -> [counts of each bucket …, the sum in ms]."""

    __slots__ = ("bounds", "series")

    def __init__(self, bounds: Sequence[int]) -> None:
        self.bounds = tuple(bounds)
        self.series: dict[tuple[str | int, ...], list[int]] = {}

    def row(self, labels: tuple[str | int, ...]) -> list[int]:
        """Where the lengths of these labels are counted."""
        row = self.series.get(labels)
        if row is None:
            row = self.series[labels] = [0] * (len(self.bounds) + 2)
        return row

    def add(self, labels: tuple[str | int, ...], ms: int, times: int = 1) -> None:
        row = self.row(labels)
        ms = max(ms, 0)  # two clocks may have met: the id's millisecond may be borrowed from the future
        row[bisect_left(self.bounds, ms)] += times
        row[-1] += ms * times

    def rows(self) -> Iterator[tuple[tuple[str | int, ...], list[tuple[str, int]], float]]:
        """(labels, [(upper bound in seconds, how many are at most that)], sum in seconds) as Prometheus counts."""
        for labels, row in sorted(self.series.items(), key=str):
            total = 0
            buckets = []
            for bound, count in zip(
                (*(f"{ms / 1000:g}" for ms in self.bounds), "+Inf"), row[:-1], strict=True
            ):
                total += count
                buckets.append((bound, total))
            yield labels, buckets, row[-1] / 1000


class Latencies:
    """See the module. wall_ms: the gateway's clock."""

    __slots__ = ("_wall_ms", "accepted", "received", "waited")

    def __init__(self, wall_ms: Callable[[], int]) -> None:
        self._wall_ms = wall_ms
        self.accepted = Histogram(ACCEPTED)
        self.received = Histogram(RECEIVED)
        self.waited = Histogram(WAITED)

    def add(self, changes: Sequence[Change]) -> None:
        """Changes that are durable: what Ledger.measure hears."""
        now = self._wall_ms()
        at_once: dict[int, int] = {}
        found: tuple[Histogram, str, int] | None = None  # nearly always a batch is one run of the same
        row: list[int] = []
        for m, _, cause in changes:
            if cause is _AT_ONCE:
                at_once[m.kind] = at_once.get(m.kind, 0) + 1
                continue
            if cause is _TAKE:
                self.waited.add((m.kind,), now - max(m.due, m.submitted_at))
                continue
            if not m.sent_at:
                continue
            if cause is _ACCEPT:
                histogram, ms = self.accepted, m.sent_at - (m.id >> 22) - EPOCH_MS
            elif cause in _RECEIPTS and m.done_at:
                histogram, ms = self.received, m.done_at - m.sent_at
            else:
                continue
            if found is None or found[0] is not histogram or found[1] != m.bearer or found[2] != m.kind:
                found = (histogram, m.bearer, m.kind)
                row = histogram.row((m.bearer, m.kind))
            ms = max(ms, 0)  # two clocks may have met: the id's millisecond may be borrowed from the future
            row[bisect_left(histogram.bounds, ms)] += 1
            row[-1] += ms
        for kind, count in at_once.items():
            self.waited.add((kind,), 0, count)
