"""What is due when: a heap of items by time, with no clock and no timer of its own.

The simulated carrier and the simulated bearer keep what lies in the future here, one entry a batch, so that a
million receipts on their way cost one timer. Items due at one time come out in the order they went in: that
is what makes a seeded run the same run twice.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Generic, TypeVar

__all__ = ["Agenda"]

Item = TypeVar("Item")


class Agenda(Generic[Item]):
    """Items by time; times are seconds on whatever clock the owner uses."""

    __slots__ = ("_entries", "_heap")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Item]] = []
        self._entries = 0

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def next(self) -> float | None:
        """When the earliest item is due; None when there is none."""
        return self._heap[0][0] if self._heap else None

    def add(self, when: float, item: Item) -> None:
        self._entries += 1  # breaks ties, so that items are never compared
        heappush(self._heap, (when, self._entries, item))

    def due(self, now: float) -> list[Item]:
        """All items due by now, the earliest first; they are gone from the agenda."""
        items = []
        heap = self._heap
        while heap and heap[0][0] <= now:
            items.append(heappop(heap)[2])
        return items

    def clear(self) -> None:
        """Forget everything."""
        self._heap.clear()
