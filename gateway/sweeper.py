"""What time alone does: messages come due and expire, receipts are overdue, texts are wiped, history is dropped.

Everything here goes in slices, so that neither the loop nor the writer is held. The clock is given; the pace
is one turn a second, with the rarer duties counted in turns.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from gateway.answers import NO_ROUTE, WOULD_EXPIRE, own_error
from gateway.correlation import Correlation
from gateway.desk import Desk
from gateway.dispatch import Dispatcher
from gateway.ledger import Ledger
from gateway.lifecycle import WAITING, Cause, can
from gateway.mo import MobileOriginated
from gateway.model import EPOCH_MS, Message
from gateway.queue import ActiveQueue
from gateway.references import References
from gateway.stores.housekeeping import Housekeeping
from gateway.stores.sqlite import SqliteStore

__all__ = ["Keep", "Sweeper"]

log = structlog.get_logger("gateway.sweeper")

SLICE = 500

BEHIND = 1.0
"""Seconds: as often as `turn` is called, so that nobody is forgotten of whom the store does not know the latest."""


class Keep:
    """How long each kind of data is kept, in ms (store.retention)."""

    __slots__ = ("metadata", "otp_text", "outbox", "text")

    def __init__(self, text: int, otp_text: int, metadata: int, outbox: int) -> None:
        self.text = text
        self.otp_text = otp_text
        self.metadata = metadata
        self.outbox = outbox


class Sweeper:
    """See the module. receipt_timeout: ms by bearer, after which ENROUTE becomes UNKNOWN."""

    def __init__(
        self,
        store: SqliteStore,
        house: Housekeeping,
        desk: Desk,
        ledger: Ledger,
        queue: ActiveQueue,
        dispatcher: Dispatcher,
        correlation: Correlation,
        references: References,
        mo: MobileOriginated,
        keep: Keep,
        receipt_timeout: Callable[[str], int],
    ) -> None:
        self._store = store
        self._house = house
        self._desk = desk
        self._ledger = ledger
        self._queue = queue
        self._dispatcher = dispatcher
        self._correlation = correlation
        self._references = references
        self._mo = mo
        self._receipt_timeout = receipt_timeout
        self._turn = 0
        self.keep = keep
        self.dropped_notes = 0

    async def turn(self) -> None:
        """One second's duties."""
        now_ms = self._ledger.clock.wall_ms()
        self._turn += 1
        self._dispatcher.every_second()
        self._correlation.tidy(
            self._ledger.clock.now(), len(self._dispatcher.outcomes.doubts) > 0, self._store.behind(BEHIND)
        )
        if self._store.sick:
            return
        self._store.mark_low()
        if self._turn % 5 == 0:
            self._references.flush(now_ms)
        if self._turn % 10 == 0:
            self._queue.tidy(now_ms)
            await self.expire(now_ms)
            self._mo.give_up_waiting()
        if self._turn % 30 == 0:
            await self.overdue(now_ms)
            if self._store.wiped:
                await self._store.scrub()
        if self._turn % 600 == 0:
            await self.forget(now_ms)

    # ── waiting messages ─────────────────────────────────────────────────────────────────────────────────
    async def expire(self, now_ms: int) -> None:
        """End what waits beyond its validity; what is due is looked at again before it is sent anyway."""
        while True:
            ids = await self._house.expired(now_ms, SLICE)
            messages = [m for m in (await self._desk.waiting(ids)).values() if m.state in WAITING]
            for message in messages:
                routed = self._dispatcher.router.get(message.route) is not None
                message.reason = "expired.queue" if routed else "expired.no_route"
                message.error = own_error(WOULD_EXPIRE if routed else NO_ROUTE)
                self._queue.leave(message)
            if messages:
                await self._ledger.end([m.advance(Cause.OUTLIVE) for m in messages])
                self._queue.left(messages)
            if len(ids) < SLICE or not messages:
                return

    # ── sent messages ────────────────────────────────────────────────────────────────────────────────────
    async def overdue(self, now_ms: int) -> None:
        """No receipt in the bearer's time: UNKNOWN. A late one still corrects it."""
        for name in sorted(await self._house.awaited()):
            while await self._overdue(name, now_ms) == SLICE:
                pass

    async def _overdue(self, bearer: str, now_ms: int) -> int:
        """A slice of them; how many."""
        ids = await self._house.overdue(bearer, now_ms - self._receipt_timeout(bearer), SLICE)
        changes = []
        for stored in (await self._ledger.store.get(ids)).values():
            message = self._one(bearer, stored)
            if can(message.state, Cause.OVERDUE):
                message.reason = "no receipt in time"
                message.done_at = now_ms
                changes.append(message.advance(Cause.OVERDUE))
        if changes:
            await self._ledger.end(changes)
        return len(changes)

    def _one(self, bearer: str, stored: Message) -> Message:
        """The object in memory of a message, where there is one."""
        if stored.part_states is not None and not stored.carrier_id:
            return self._correlation.the_one(bearer, stored)
        return self._correlation.known(bearer, stored.carrier_id, stored.id) or stored

    # ── history ──────────────────────────────────────────────────────────────────────────────────────────
    async def forget(self, now_ms: int) -> None:
        """Wipe texts and drop messages, replies and notes whose time is over."""
        await self._house.wipe_texts(
            _id_before(now_ms - self.keep.text), _id_before(now_ms - self.keep.otp_text)
        )
        await self._house.drop_messages(_id_before(now_ms - self.keep.metadata))
        await self._house.drop_usage(now_ms)
        upto = _id_before(now_ms - self.keep.outbox)
        for account, (_, oldest) in self._ledger.outbox.counts().items():
            if _id_before(oldest) < upto:
                count = await self._house.drop_notes(account, upto)
                if not count:
                    continue
                self._ledger.outbox.dropped(account, count)
                self.dropped_notes += count
                log.warning(
                    "outbox.dropped", account=account, notes=count, reason="store.retention.outbox is over"
                )


def _id_before(unix_ms: int) -> int:
    """The first id that a message of this moment could have."""
    return max(0, unix_ms - EPOCH_MS) << 22
