"""One stream of facts to all who watch. Publishing never waits: a slow watcher loses its oldest and is told."""

from __future__ import annotations

import asyncio
from collections import deque

from gateway.events import Event

__all__ = ["Bus", "Subscription"]


class Subscription:
    """One watcher's view: a bounded deque and a wake-up. lost: how many events it was too slow for.

    wanted: the classes of the events that it is woken for; None for all. Who wants no Moved costs messages nothing.
    """

    __slots__ = ("_bus", "_events", "_woken", "lost", "name", "room", "wanted")

    def __init__(self, bus: Bus, name: str, room: int, wanted: frozenset[type[Event]] | None = None) -> None:
        self.name = name
        self.room = room
        self.wanted = wanted
        self.lost = 0
        self._bus = bus
        self._events: deque[Event] = deque()
        self._woken = asyncio.Event()

    def put(self, event: Event) -> None:
        if self.wanted is not None and type(event) not in self.wanted:
            return
        if len(self._events) >= self.room:
            self._events.popleft()
            self.lost += 1
        self._events.append(event)
        self._woken.set()

    async def next(self) -> list[Event]:
        """Everything since the last call; waits for at least one."""
        await self._woken.wait()
        self._woken.clear()
        events = list(self._events)
        self._events.clear()
        return events

    def close(self) -> None:
        self._bus.drop(self)


class Bus:
    """See the module."""

    __slots__ = ("_subscriptions",)

    def __init__(self) -> None:
        self._subscriptions: list[Subscription] = []

    def subscribe(
        self, name: str, room: int = 10_000, wanted: frozenset[type[Event]] | None = None
    ) -> Subscription:
        subscription = Subscription(self, name, room, wanted)
        self._subscriptions.append(subscription)
        return subscription

    def drop(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)

    def publish(self, event: Event) -> None:
        """State a fact that is durable. Costs a loop over the watchers, nothing else."""
        for subscription in self._subscriptions:
            subscription.put(event)

    @property
    def watched(self) -> bool:
        return bool(self._subscriptions)
