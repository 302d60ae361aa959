"""What happened a second, over the last ten seconds: samples of counters that only rise. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from gateway.lifecycle import Cause

__all__ = ["Rates", "counters", "totals"]

SPAN = 10
_GROUP: dict[int, str] = {
    Cause.ADMIT: "admitted",
    Cause.ADMIT_AT_ONCE: "admitted",
    Cause.ACCEPT: "accepted",
    Cause.DELIVER: "delivered",
    Cause.FAIL: "failed",
    Cause.EXPIRE: "failed",
    Cause.REJECT: "failed",
    Cause.DELETE: "failed",
    Cause.EXHAUST: "failed",
    Cause.REFUSE: "failed",
    Cause.OUTLIVE: "failed",
}
_ADMITTED = frozenset({int(Cause.ADMIT), int(Cause.ADMIT_AT_ONCE)})

Counts = Mapping[tuple[int, int, str, str], int]


def totals(counts: Counts) -> dict[str, int]:
    """Messages since the start by what an operator calls it: admitted, accepted, delivered, failed."""
    found = {"admitted": 0, "accepted": 0, "delivered": 0, "failed": 0}
    for key, count in counts.items():
        group = _GROUP.get(key[0])
        if group is not None:
            found[group] += count
    return found


def counters(counts: Counts, accepted: Mapping[str, int]) -> dict[str, int]:
    """All that is sampled each second: totals(), `bearer NAME` (accepted is by name), `account NAME` (admitted)."""
    found = totals(counts)
    for name, count in accepted.items():
        found[f"bearer {name}"] = count
    for (cause, _, account, _), count in counts.items():
        if cause in _ADMITTED:
            found[f"account {account}"] = found.get(f"account {account}", 0) + count
    return found


class Rates:
    """The last samples, one a second. Names that vanish (a bearer removed) simply end."""

    __slots__ = ("_samples",)

    def __init__(self) -> None:
        self._samples: deque[tuple[float, Mapping[str, int]]] = deque(maxlen=SPAN + 1)

    def sample(self, now: float, counters: Mapping[str, int]) -> None:
        self._samples.append((now, counters))

    def per_second(self, name: str) -> float:
        """Over what was sampled; 0 before the second sample."""
        if len(self._samples) < 2:
            return 0.0
        (began, first), (ended, last) = self._samples[0], self._samples[-1]
        if ended <= began:
            return 0.0
        return max(0, last.get(name, 0) - first.get(name, 0)) / (ended - began)

    @property
    def seconds(self) -> float:
        return self._samples[-1][0] - self._samples[0][0] if self._samples else 0.0
