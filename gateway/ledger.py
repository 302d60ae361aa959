"""Makes changes of state durable, then tells everybody: the bus, and the outbox of the application.

Every owner of a transition (intake, dispatch, receipts, sweeper, mo, control) goes through here, so that the
order "disk first, then the world" is written once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from gateway.answers import ended_unsent
from gateway.bus import Bus
from gateway.clock import Clock
from gateway.events import Moved
from gateway.lifecycle import FINAL, Cause, State, advance
from gateway.model import Change, Message, MessageIds, Note
from gateway.outbox import Outbox, receipt_notes
from gateway.stores.store import Store

__all__ = ["Ledger", "Tally"]


_ADMITTED = {
    State.INFLIGHT: Cause.ADMIT_AT_ONCE,
    State.SCHEDULED: Cause.POSTPONE,
    State.HELD: Cause.HOLD,
}


# Names of their own: an enum's members are slow to reach.
_NEW, _UNKNOWN = State.NEW, State.UNKNOWN
_ACCEPT, _ADMIT = Cause.ACCEPT, Cause.ADMIT


class Tally:
    """Counts since the start, by what happened: (cause, kind, account, bearer) -> messages. Bounded by names."""

    __slots__ = ("counts", "started_at")

    def __init__(self, started_at: int) -> None:
        self.started_at = started_at
        self.counts: dict[tuple[int, int, str, str], int] = {}

    def add(self, changes: Sequence[Change]) -> None:
        counts = self.counts
        run: tuple[int, int, str, str] | None = None  # nearly always a batch is one run of the same
        of_run = 0
        for message, _, cause in changes:
            if (
                run is not None
                and run[0] == cause
                and run[1] == message.kind
                and run[2] == message.account
                and run[3] == message.bearer
            ):
                of_run += 1
                continue
            if run is not None:
                counts[run] = counts.get(run, 0) + of_run
            run = (cause, message.kind, message.account, message.bearer)
            of_run = 1
        if run is not None:
            counts[run] = counts.get(run, 0) + of_run


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
        self.publish([(m, _NEW, _ADMITTED.get(m.state, _ADMIT)) for m in messages])

    def publish(self, changes: Sequence[Change]) -> None:
        self.tally.add(changes)
        if self.measure is not None:
            self.measure(changes)
        if self.given_back is not None:
            ended = ended_unsent(changes)
            if ended:
                self.given_back(ended)
        if self.bus.watched:
            self.bus.publish(Moved(changes, self.clock.wall_ms()))

    def owe(self, changes: Sequence[Change]) -> list[Note]:
        """The receipts that these changes owe to applications: one for each message that has just ended.

        A verdict that corrects UNKNOWN was told already: it is told again only with late_receipts.
        """
        now = self.clock.wall_ms()
        ended: list[Message] = []
        for message, before, cause in changes:
            # One batch may accept a message and deliver it too: only the second change ends it.
            if cause is _ACCEPT or message.state not in FINAL or advance(before, cause) is not message.state:
                continue
            if before is not _UNKNOWN or self.late_receipts:
                message.done_at = message.done_at or now
                ended.append(message)
        return receipt_notes(ended, self.ids, now) if ended else []

    def end(self, changes: Sequence[Change], then: Callable[[], None] | None = None) -> asyncio.Future[None]:
        """Settle changes that may have ended messages, with the receipts that they owe."""
        return self.settle(changes, self.owe(changes), then)
