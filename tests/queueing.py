"""A queue over a real store, driven as dispatch drives it."""

from __future__ import annotations

from making import NOW, message, opened, run

from gateway.lifecycle import Cause
from gateway.queue import ActiveQueue


def anything(route, kind):
    return True


class Bench:
    """A queue and its store; take() does what dispatch does: pops, and writes that they left."""

    def __init__(self, store, weights=None, window=20_000):
        self.store = store
        self.holds = set()
        self.weights = weights or {}
        self.number = 0
        self.queue = ActiveQueue(
            store, lambda a: self.weights.get(a, 1), lambda key: key in self.holds, window
        )
        self.now = NOW

    def made(self, count=1, cause=Cause.ADMIT, **fields):
        self.number += count
        given = {"due": self.now} | fields
        return [message(n, cause, **given) for n in range(self.number - count + 1, self.number + 1)]

    async def put(self, count=1, **fields):
        messages = self.made(count, **fields)
        await self.store.admit(messages)
        self.queue.offer(messages, self.now)
        return messages

    async def later(self, due):
        return (await self.put(cause=Cause.POSTPONE, due=due))[0]

    def pop(self, slots, bearer="orange", allowed=anything, **how):
        """slots: for all kinds, or of each kind."""
        rooms = slots if isinstance(slots, tuple) else (slots,) * 4
        messages = self.queue.pop(bearer, rooms, self.now, allowed, **how)
        self.queue.taken(messages)
        self.left = self.store.apply([m.advance(Cause.TAKE) for m in messages])
        return messages

    async def take(self, slots, **how):
        messages = self.pop(slots, **how)
        await self.left
        return messages

    async def change(self, messages, cause):
        await self.store.apply([m.advance(cause) for m in messages])

    @property
    def memory(self):
        return sum(len(flow.ready) for flow in self.queue.flows())


def bench(scenario, tmp_path, **how):
    async def main():
        async with opened(tmp_path / "s.db") as store:
            await scenario(Bench(store, **how))

    run(main())


def ids(messages):
    return [m.id for m in messages]
