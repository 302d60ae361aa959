"""Changes to messages that wait: cancel, replace, hold, release, retry; for applications and operators alike.

Only what is wholly ours can be changed: once INFLIGHT, a message is the carrier's. A message stands either in
the queue's memory (then that object is changed) or only in the store (then a copy is, and the queue is told).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

import structlog

from gateway.answers import OPTED_OUT, own_error
from gateway.ledger import Ledger
from gateway.lifecycle import WAITING, Cause, State
from gateway.model import Message
from gateway.queue import ActiveQueue
from gateway.stores.store import StoreError

__all__ = ["Desk"]

log = structlog.get_logger("gateway.desk")

SLICE = 500
_REPLACED = ("payload", "data_coding", "parts", "registered", "expires", "due")


class Desk:
    """See the module."""

    def __init__(
        self, ledger: Ledger, queue: ActiveQueue, aside: Callable[[int], Message | None] = lambda _: None
    ) -> None:
        self._ledger = ledger
        self._aside = aside
        self._store = ledger.store
        self._queue = queue
        self._hasty: dict[int, None] = {}
        self._hastening: asyncio.Task[None] | None = None

    async def waiting(self, ids: Sequence[int]) -> dict[int, Message]:
        """The objects to change: those that stand in memory, else as they are stored.

        One whose taking is being written is looked up only when that is durable: its row would say QUEUED.
        """
        while True:
            if self._store.moving(ids):
                await self._store.flush()
            stored = await self._store.get([i for i in ids if self._standing(i) is None])
            stale = self._store.states(list(stored)) != {i: int(m.state) for i, m in stored.items()}
            if not stale and not self._store.moving(ids):
                break  # read in a thread: what it says is compared with what holds at this moment
        found: dict[int, Message] = {}
        for message_id in ids:
            message = self._standing(message_id) or stored.get(message_id)
            if message is not None:
                found[message_id] = message
        return found

    def _standing(self, message_id: int) -> Message | None:
        return self._queue.loaded(message_id) or self._aside(message_id)

    async def look(self, message_id: int) -> Message | None:
        """A message as it is now, for query_sm and trace."""
        return (await self.waiting([message_id])).get(message_id)

    async def cancel(self, messages: Iterable[Message], reason: str) -> int:
        """DELETED, with the receipt that it owes; how many still waited."""
        return await self._move([m for m in messages if m.state in WAITING], Cause.CANCEL, reason)

    async def opt_out(self, messages: Iterable[Message], reason: str) -> int:
        """REJECTED with 0x0401, and the receipt that it owes: the recipient wants none of it."""
        return await self._move([m for m in messages if m.state in WAITING], Cause.OPT_OUT, reason)

    async def hold(self, messages: Iterable[Message], reason: str) -> int:
        """HELD until somebody releases it, or its validity is over."""
        movable = [m for m in messages if m.state in (State.QUEUED, State.SCHEDULED)]
        return await self._move(movable, Cause.HOLD, reason)

    async def release(self, messages: Iterable[Message]) -> int:
        held = [m for m in messages if m.state is State.HELD]
        return await self._move(held, Cause.RELEASE, "released", requeue=True)

    async def retry(self, messages: Iterable[Message]) -> int:
        """What waits for a later try, tried now."""
        waiting = [m for m in messages if m.state is State.SCHEDULED]
        return await self._move(waiting, Cause.RETRY_NOW, "retried by an operator", requeue=True)

    def hasten(self, ids: Sequence[int]) -> None:
        """What these waited for has come. One task for all: whoever asks meanwhile joins the one that runs."""
        self._hasty.update(dict.fromkeys(ids))
        if self._hasty and (self._hastening is None or self._hastening.done()):
            self._hastening = asyncio.ensure_future(self._hasten_all())

    async def _hasten_all(self) -> None:
        while self._hasty:
            ids = list(self._hasty)[:SLICE]
            for message_id in ids:
                del self._hasty[message_id]
            try:
                found = await self.waiting(ids)
                later = [m for m in found.values() if m.state is State.SCHEDULED]
                await self._move(later, Cause.RETRY_NOW, "what it waited for has come", requeue=True)
            except StoreError as error:
                log.warning(
                    "desk.not_hastened", messages=len(ids), reason=f"{error}: they leave when they are due"
                )

    async def close(self) -> None:
        """What is not hastened now leaves when it is due."""
        if self._hastening is not None and not self._hastening.done():
            self._hastening.cancel()
            await asyncio.gather(self._hastening, return_exceptions=True)

    async def replace(self, message: Message, fresh: Message) -> None:
        """Give a waiting message the text, times and registered_delivery of `fresh` (replace_sm).

        A new due time takes it to that place in its flow. Raises StoreError; then it is as it was.
        """
        loaded = self._standing(message.id) is message
        if self._aside(message.id) is not message:
            self._queue.leave(message)
        before = [getattr(message, name) for name in _REPLACED]
        self._resize(message, [getattr(fresh, name) for name in _REPLACED])
        try:
            await self._store.replace(message)
        except StoreError:
            self._resize(message, before)
            raise
        finally:
            self._queue.left([message])
            if not loaded:
                self._queue.offer([message], self._ledger.clock.wall_ms())

    def _resize(self, message: Message, values: Sequence[object]) -> None:
        """What counts segments counts the old ones back and the new ones in."""
        if self._ledger.given_back is not None:
            self._ledger.given_back([message])
        for name, value in zip(_REPLACED, values, strict=True):
            setattr(message, name, value)
        if self._ledger.taken is not None:
            self._ledger.taken([message])

    async def _move(
        self, messages: Sequence[Message], cause: Cause, reason: str, requeue: bool = False
    ) -> int:
        if not messages:
            return 0
        now_ms = self._ledger.clock.wall_ms()
        was_loaded = {m.id for m in messages if self._standing(m.id) is m}
        for m in messages:
            if self._aside(m.id) is not m:
                self._queue.leave(m)
            m.reason = reason
            if cause is Cause.CANCEL:
                m.error = ""  # what a carrier said of an earlier try is not why it ends
            elif cause is Cause.OPT_OUT:
                m.error = own_error(OPTED_OUT)
            if requeue:
                m.due = now_ms
        await self._ledger.end([m.advance(cause) for m in messages])
        self._queue.left(messages)
        if requeue:
            self._queue.offer([m for m in messages if m.id not in was_loaded], now_ms)
        return len(messages)
