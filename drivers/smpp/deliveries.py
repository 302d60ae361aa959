"""The deliver_sm of a simulated carrier that wait for somebody to take them, by owner. Pure.

A receipt belongs to the system_id that submitted, whichever of its binds is there to receive; what belongs to
"" goes to anyone. The whole is bounded: a peer that never binds a receiver must not fill the memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

__all__ = ["Deliveries", "Delivery"]


class Delivery:
    """One deliver_sm. kind: "receipt" or "mo". message_id, stat: what a receipt tells, for people."""

    __slots__ = ("body", "kind", "message_id", "stat", "system_id")

    def __init__(
        self, system_id: str, body: bytes, kind: str, message_id: bytes = b"", stat: bytes = b""
    ) -> None:
        self.system_id = system_id
        self.body = body
        self.kind = kind
        self.message_id = message_id
        self.stat = stat


class Deliveries:
    """Queues by system_id. backlog: how many may wait in all. lost: how many had to go for that."""

    __slots__ = ("_backlog", "_group", "_queues", "_waiting", "lost")

    def __init__(self, backlog: int) -> None:
        self.lost = 0
        self._backlog = backlog
        self._waiting = 0
        self._queues: dict[str, deque[Delivery]] = {}
        self._group: list[Delivery] = []

    def __len__(self) -> int:
        return self._waiting

    def add(self, deliveries: Iterable[Delivery]) -> None:
        """To the end of their queues; beyond the backlog the oldest of that queue goes."""
        queues = self._queues
        for delivery in deliveries:
            queue = queues.get(delivery.system_id)
            if queue is None:
                queue = queues[delivery.system_id] = deque()
            queue.append(delivery)
            self._waiting += 1
            if self._waiting > self._backlog:
                queue.popleft()
                self._waiting -= 1
                self.lost += 1

    def put_back(self, deliveries: Sequence[Delivery]) -> None:
        """To the front of their queues, in their order: they had been taken, and were not delivered."""
        for delivery in reversed(deliveries):
            self._queues.setdefault(delivery.system_id, deque()).appendleft(delivery)
        self._waiting += len(deliveries)

    def take(self, system_id: str, most: int) -> list[Delivery]:
        """At most so many for that owner, then of those that are for anyone."""
        taken: list[Delivery] = []
        for owner in (system_id, ""):
            queue = self._queues.get(owner)
            while queue and len(taken) < most:
                taken.append(queue.popleft())
        self._waiting -= len(taken)
        return taken

    def grouped(self, deliveries: Iterable[Delivery], size: int) -> list[Delivery]:
        """Those of full groups of `size`, the last one of each group first; the rest is held."""
        released: list[Delivery] = []
        for delivery in deliveries:
            self._group.append(delivery)
            if len(self._group) >= size:
                released += self.regrouped()
        return released

    def regrouped(self) -> list[Delivery]:
        """What is held of a group that is not full, the last one first."""
        group, self._group = self._group, []
        group.reverse()
        return group
