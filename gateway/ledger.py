"""Makes changes of state durable, then tells everybody: the bus, and the outbox of the application.

Every owner of a transition (intake, dispatch, receipts, sweeper, mo, control) goes through here, so that the
order "disk first, then the world" is written once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from gateway.answers import never_left
from gateway.bus import Bus
from gateway.clock import Clock
from gateway.events import Moved
from gateway.lifecycle import FINAL, Cause, State, advance
from gateway.model import Change, Message, MessageIds, Note
from gateway.outbox import Outbox, receipt_note
from gateway.stores.store import Store

__all__ = ["Ledger", "Tally"]


_ADMITTED = {
    State.INFLIGHT: Cause.ADMIT_AT_ONCE,
    State.SCHEDULED: Cause.POSTPONE,
    State.HELD: Cause.HOLD,
}


_REFUSE, _OPT_OUT = int(Cause.REFUSE), int(Cause.OPT_OUT)


def _unsent(message: Message) -> bool:
    return message.state in FINAL and never_left(message.state, message.error, message.sent_at)


class Tally:
    """Counts since the start, by what happened: (cause, kind, account, bearer) -> messages. Bounded by names."""

    __slots__ = ("counts", "started_at")

    def __init__(self, started_at: int) -> None:
        self.started_at = started_at
        self.counts: dict[tuple[int, int, str, str], int] = {}

    def add(self, changes: Sequence[Change]) -> None:
        counts = self.counts
        for message, _, cause in changes:
            key = (cause, message.kind, message.account, message.bearer)
            counts[key] = counts.get(key, 0) + 1


class Ledger:
    """See the module. given_back: hears of messages that have ended and never left us (quotas, frequency).

    taken: hears of one whose size has changed, after given_back of the old size. learn: hears of all changes, in
    the turn in which they are written, so that what it writes shares their commit. measure: hears
    of them once they are durable, for the watchers' figures.
    """

    def __init__(
        self,
        store: Store,
        bus: Bus,
        outbox: Outbox,
        ids: MessageIds,
        clock: Clock,
        late_receipts: bool = False,
    ) -> None:
        self.late_receipts = late_receipts
        self.store = store
        self.bus = bus
        self.outbox = outbox
        self.ids = ids
        self.clock = clock
        self.tally = Tally(clock.wall_ms())
        self.given_back: Callable[[Sequence[Message]], None] | None = None
        self.taken: Callable[[Sequence[Message]], None] | None = None
        self.learn: Callable[[Sequence[Change]], None] | None = None
        self.measure: Callable[[Sequence[Change]], None] | None = None

    def settle(
        self,
        changes: Sequence[Change],
        notes: Sequence[Note] = (),
        then: Callable[[], None] | None = None,
    ) -> asyncio.Future[None]:
        """Write changes, and what is owed for them; once durable publish, push the notes, and call `then`."""
        done = self.store.apply(changes, notes)
        if self.learn is not None:
            self.learn(changes)

        def durable(future: asyncio.Future[None]) -> None:
            if future.cancelled() or future.exception() is not None:
                return  # a refused row: the store has said so; its sender keeps what it had
            self.publish(changes)
            try:
                if then is not None:
                    then()
            finally:  # a fault in one may not cost the other: asyncio only logs what a callback raises
                if notes:
                    self.outbox.push(notes)

        done.add_done_callback(durable)
        return done

    def admitted(self, messages: Sequence[Message]) -> None:
        """New messages are durable: count and publish them as changes from NEW."""
        self.publish([(m, State.NEW, _ADMITTED.get(m.state, Cause.ADMIT)) for m in messages])

    def publish(self, changes: Sequence[Change]) -> None:
        self.tally.add(changes)
        if self.measure is not None:
            self.measure(changes)
        if self.given_back is not None:
            # All causes that can end what never left lie between these two numbers.
            ended = [m for m, _, cause in changes if _REFUSE <= cause <= _OPT_OUT and _unsent(m)]
            if ended:
                self.given_back(ended)
        if self.bus.watched:
            self.bus.publish(Moved(changes, self.clock.wall_ms()))

    def owe(self, changes: Sequence[Change]) -> list[Note]:
        """The receipts that these changes owe to applications: one for each message that has just ended.

        A verdict that corrects UNKNOWN was told already: it is told again only with late_receipts.
        """
        now = self.clock.wall_ms()
        notes = []
        for message, before, cause in changes:
            # One batch may accept a message and deliver it too: only the second change ends it.
            ends = message.state in FINAL and advance(before, cause) is message.state
            if ends and (before is not State.UNKNOWN or self.late_receipts):
                message.done_at = message.done_at or now
                note = receipt_note(message, self.ids, now)
                if note is not None:
                    notes.append(note)
        return notes

    def end(self, changes: Sequence[Change], then: Callable[[], None] | None = None) -> asyncio.Future[None]:
        """Settle changes that may have ended messages, with the receipts that they owe."""
        return self.settle(changes, self.owe(changes), then)
