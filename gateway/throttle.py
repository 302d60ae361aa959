"""How fast: an exact throttle, a rate that adapts to a carrier's complaints, and backoff. Pure; `now` is given.

Throttle is GCRA (a leaky bucket kept as one number) with 50 ms of tolerance, and a record of the last second
beside it. GCRA alone lets rate * 1.05 through in the worst second; the record alone sends in bursts. Both
together are exact in every sliding second and still use more than 99 % when the loop stalls now and then.
"""

from __future__ import annotations

import math
from collections import deque

__all__ = ["Adaptive", "Backoff", "SlidingSecond", "Throttle"]

TOLERANCE = 0.05
"""How much lateness may be caught up, in seconds: covers a 5 ms tick and a stalled loop."""

FIRST_PAUSE = 0.25
"""Seconds that a bearer rests after a first complaint."""

MARGIN = 0.0005
"""Hand-over takes a moment: two readings of one clock around it must still be a second apart."""


class SlidingSecond:
    """What happened in the last second, as (time, count) runs: at most `limit` in any of them."""

    __slots__ = ("_runs", "_total", "limit", "span")

    def __init__(self, limit: int, span: float = 1.0) -> None:
        self.limit = limit
        self.span = span
        self._runs: deque[tuple[float, int]] = deque()
        self._total = 0

    def free(self, now: float) -> int:
        """How many more fit at `now`; `now` may lie a little ahead, nothing is forgotten."""
        horizon = now - self.span
        total = self._total
        if not total or self._runs[-1][0] <= horizon:
            return self.limit
        for at, count in self._runs:
            if at > horizon:
                break
            total -= count
        return self.limit - total

    def take(self, count: int, now: float) -> None:
        runs = self._runs
        horizon = now - self.span
        while runs and runs[0][0] <= horizon:
            self._total -= runs.popleft()[1]
        if runs and runs[-1][0] == now:
            count, self._total = count + runs[-1][1], self._total - runs.pop()[1]
        runs.append((now, count))
        self._total += count


class Throttle:
    """At most `rate` segments in every sliding second (rounded up; below 1/s: one in every 1/rate seconds).

    reserve: for each rank (0 the highest), how many of each second's slots are kept for the ranks above it; in
    proportion when the rate is lowered, so that what is kept never stops the rest.
    """

    __slots__ = ("_full", "_kept", "_last", "_rate", "_reserve", "_tat")

    def __init__(self, rate: float, reserve: tuple[int, ...] = ()) -> None:
        if not rate > 0:
            raise ValueError(f"rate must be greater than 0, is {rate}")
        self._last = SlidingSecond(1)
        self._tat = -math.inf
        self._full = rate
        self._kept = reserve
        self.set_rate(rate)

    @property
    def rate(self) -> float:
        return self._rate

    def set_rate(self, rate: float) -> None:
        """Change the rate from now on; what was sent in the last second still counts."""
        self._rate = rate
        self._last.limit = max(1, math.ceil(rate))
        self._last.span = (1.0 if rate >= 1 else 1.0 / rate) + MARGIN
        share = min(1.0, rate / self._full)
        self._reserve = tuple(int(kept * share) for kept in self._kept)

    def adopt(self, other: Throttle) -> None:
        """Take over another's rate and reserve (a reload); what was sent in the last second still counts."""
        self._full, self._kept = other._full, other._kept
        self._tat = -math.inf  # a slow rate's pace may lie minutes ahead
        self.set_rate(other.rate)

    def free(self, now: float, rank: int = 0) -> int:
        """How many segments of this rank may be handed over at `now` (seconds, any steady clock)."""
        room = self._last.free(now)
        if rank < len(self._reserve):
            room -= self._reserve[rank]
        if room <= 0:
            return 0
        if rank == 0 and self._reserve and self._reserve[-1]:
            return room  # slots are kept for it: it need not wait for the pace of the rest
        lead = max(0.0, self._tat - now)
        paced = math.floor((TOLERANCE - lead) * self._rate + 1e-9) + 1
        return min(room, paced) if paced > 0 else 0

    def take(self, count: int, now: float) -> None:
        """`count` segments are being handed over at `now`."""
        self._last.take(count, now)
        self._tat = max(self._tat, now) + count / self._rate


class Adaptive:
    """A carrier's throttling answers, heard: pause the bearer, lower the rate, creep up again.

    A lone complaint, which a busy SMSC makes now and then, costs a quarter of a second and 5 % of the rate; each one
    that follows within a second or two doubles the pause (at most 60 s) and keeps 70 %. Then 5 % of the contracted
    rate comes back each second.
    No try is counted against a message for any of it.
    """

    __slots__ = ("_changed_at", "_full", "_pause", "paused_until", "rate")

    def __init__(self, rate: float) -> None:
        self._full = rate
        self._pause = 0.0
        self._changed_at = 0.0
        self.rate = rate
        self.paused_until = 0.0

    def complain(self, now: float) -> float:
        """ESME_RTHROTTLED or RMSGQFUL came; returns the seconds to pause. Complaints in a pause count once."""
        if now < self.paused_until:
            return self.paused_until - now
        again = self._pause > 0 and now < self.paused_until + max(1.0, 2 * self._pause)
        self._pause = min(60.0, self._pause * 2) if again else FIRST_PAUSE
        self.rate = max(self._full * 0.05, self.rate * (0.7 if again else 0.95))
        self.paused_until = self._changed_at = now + self._pause
        return self._pause

    def recover(self, now: float) -> bool:
        """Called about once a second; whether the rate changed."""
        if self.rate >= self._full or now < self._changed_at + 1.0:
            return False
        self._changed_at = now
        self.rate = min(self._full, self.rate + self._full * 0.05)
        return True

    def paused(self, now: float) -> bool:
        return now < self.paused_until


class Backoff:
    """Waits that grow: first, 2 * first, … up to max, each with ± 20 % of jitter (`draw` is in [0, 1))."""

    __slots__ = ("first", "max")

    def __init__(self, first: float, max_: float) -> None:
        self.first = first
        self.max = max_

    def wait(self, tries: int, draw: float) -> float:
        """Seconds to wait after `tries` failures (1 the first)."""
        step = min(self.max, self.first * 2.0 ** min(max(tries - 1, 0), 30))
        return step * (0.8 + 0.4 * draw)
