"""MT in: a batch of submissions is judged, stored, and answered once it is on disk.

Order of the questions: can we take anything at all (store, room, drain); is the account too fast; is it the
same message again; is there a road; what do the rules say. What may leave at once is stored as INFLIGHT in
the same write, so that a message's way in costs one commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from gateway import answers
from gateway.accounts import Account
from gateway.answers import Answer
from gateway.dispatch import Dispatcher
from gateway.events import JudgedMarketing
from gateway.ledger import Ledger
from gateway.lifecycle import Cause, State
from gateway.model import Message
from gateway.queue import ActiveQueue
from gateway.references import References
from gateway.rules import Rulebook
from gateway.rules.rule import Action, Verdict
from gateway.stores.store import FlowKey, StoreError
from gateway.throttle import SlidingSecond

__all__ = ["Intake", "Submitted"]

log = structlog.get_logger("gateway.intake")

SAY_AGAIN_MS = 60_000
"""A campaign that is sent under the wrong kind is told of once a minute and account, not once a batch."""
_NEW, _INFLIGHT = State.NEW, State.INFLIGHT  # an enum's members are slow to reach
_STATE_CAUSE = {Action.POSTPONE: Cause.POSTPONE, Action.HOLD: Cause.HOLD}


class Submitted:
    """A batch under way: one answer for each message, to be given when `durable` is done (None: at once).

    If it fails, settle() has turned every positive answer into ESME_RSYSERR.
    """

    __slots__ = ("answers", "durable")

    def __init__(self, batch: list[Answer], durable: asyncio.Future[None] | None) -> None:
        self.answers = batch
        self.durable = durable


class Intake:
    """See the module. closed: why nothing is taken now ("" when it is), for shutting down and full disks.

    go_on: hears of waiting messages (ids) that need wait no longer.
    """

    def __init__(
        self,
        ledger: Ledger,
        queue: ActiveQueue,
        dispatcher: Dispatcher,
        rules: Rulebook,
        references: References,
        max_waiting: int,
    ) -> None:
        self._ledger = ledger
        self._queue = queue
        self._dispatcher = dispatcher
        self._references = references
        self._rates: dict[str, SlidingSecond] = {}
        self._newest: asyncio.Future[None] | None = None
        self._deferred: asyncio.Future[None] | None = None
        self._slow: tuple[asyncio.Future[None], int] | None = (
            None  # holds messages that wait; store.begun then
        )
        self._put_off: dict[FlowKey, int] = {}  # batches that are not written yet, by what stands in them
        self._put_off_until: asyncio.Future[None] | None = None
        self.rules = rules
        self.max_waiting = max_waiting
        self.closed: Callable[[], tuple[int, str] | None] = lambda: None
        self.go_on: Callable[[Sequence[int]], None] = lambda _: None
        self._said: dict[str, int] = {}

    def submit(self, account: Account, messages: Sequence[Message], multi: bool = False) -> Submitted:
        """Take messages in state NEW, their ids still 0. The caller has checked what its protocol can tell.

        multi: they are one submission to several recipients, known by the first one's id.
        """
        now_ms = self._ledger.clock.wall_ms()
        refused = self._shut()
        if refused is not None:
            return Submitted([Answer(*refused) for _ in messages], None)
        # First of all: kinds decide the road, and texts what is the same again.
        spoilt = self.rules.prepare(messages, account)
        judged = self.rules.judged
        ids = self._ledger.ids.take(len(messages), now_ms)
        known, twins = self._known(account, messages, now_ms)
        batch: list[Answer] = []
        taken: list[Message] = []
        free, limit = self._allowance(account)
        match = self._dispatcher.router.match
        docket = self.rules.docket(messages, ids, account, now_ms, taken)
        asked = docket.asked
        repeated = False
        for index, (m, message_id) in enumerate(zip(messages, ids, strict=True)):
            if twins and m.reference:  # one chunk names a reference twice: each is compared for itself
                known = self._references.find(account.name, [m], now_ms)
            if known and m.reference in known:
                batch.append(self._again(m, *known[m.reference]))
                repeated = True
                continue
            if spoilt and index in spoilt:
                batch.append(_refusal(spoilt[index]))
                continue
            if min(m.parts, limit) > free:  # a text longer than a second's worth goes when nothing else does
                text = f"account {account.name} may send {account.rate:g} segments a second"
                batch.append(Answer(answers.THROTTLED, 0, text))
                continue
            route = match(m.account, m.kind, m.source, m.destination)
            if route is None:
                batch.append(Answer(answers.NO_ROUTE, 0, "no route takes this recipient and kind"))
                continue
            m.id = message_id
            m.route = route.name
            if multi:
                m.group = f"multi:{ids[0]}"
            verdict = docket.judge(index, m) if index in asked else None
            if verdict is not None and verdict.action is Action.REFUSE:
                batch.append(_refusal(verdict))
                continue
            batch.append(self._place(m, verdict, now_ms))
            taken.append(m)
            free -= m.parts
        docket.close()
        self._spend(account, taken)
        return Submitted(batch, self._durable(taken, batch, judged, repeated, now_ms))

    def _durable(
        self,
        taken: list[Message],
        batch: list[Answer],
        judged: Sequence[Message],
        repeated: bool,
        now_ms: int,
    ) -> asyncio.Future[None] | None:
        """When the answers may be given; None: at once."""
        released = self.rules.released()
        if not taken:
            self.go_on(released)
            return self._as_durable_as_the_first(batch) if repeated else None
        done = self._store(taken, batch, now_ms)
        if judged or released:
            done.add_done_callback(lambda future: self._follow(future, judged, released, now_ms))
        return done

    # ── may anything come in ─────────────────────────────────────────────────────────────────────────────
    def _shut(self) -> tuple[int, int, str] | None:
        sick = self._ledger.store.sick
        if sick:
            return answers.SYSTEM_ERROR, 0, f"the store cannot write ({sick}): try again"
        closed = self.closed()
        if closed is not None:
            return closed[0], 0, closed[1]
        if self._queue.count >= self.max_waiting:
            return answers.QUEUE_FULL, 0, f"{self._queue.count} messages wait already (store.max_waiting)"
        return None

    def _allowance(self, account: Account) -> tuple[int, int]:
        """The segments that it may still send now, and those of a whole second; its rate may have changed."""
        rate = self._rates.get(account.name)
        if rate is None:
            rate = self._rates[account.name] = SlidingSecond(1)
        rate.limit = max(1, int(account.rate))
        rate.span = 1.0 if account.rate >= 1 else 1 / account.rate
        return rate.free(self._ledger.clock.now()), rate.limit

    def _spend(self, account: Account, taken: Sequence[Message]) -> None:
        segments = sum(m.parts for m in taken)
        if segments:
            self._rates[account.name].take(segments, self._ledger.clock.now())

    # ── the same again ───────────────────────────────────────────────────────────────────────────────────
    def _known(
        self, account: Account, messages: Sequence[Message], now_ms: int
    ) -> tuple[dict[str, tuple[int, bool]], bool]:
        """What is known of the references of a batch, and whether one stands in it twice."""
        with_reference = [m for m in messages if m.reference]
        if not with_reference:
            return {}, False
        twins = len({m.reference for m in with_reference}) < len(with_reference)
        return ({} if twins else self._references.find(account.name, with_reference, now_ms)), twins

    def _again(self, m: Message, first: int, same: bool) -> Answer:
        if same:
            return Answer(answers.OK, first, "the same reference again: this is the first message's id")
        text = f"reference {m.reference!r} was used for another recipient or text by message {first}"
        return Answer(answers.REFERENCE_REUSED, 0, text)

    def _as_durable_as_the_first(self, batch: list[Answer]) -> asyncio.Future[None] | None:
        """The first message of a reference may still be on its way to the disk: its id is no answer before."""
        newest: asyncio.Future[Any] | None = self._newest
        if (
            self._deferred is not None and not self._deferred.done()
        ):  # whichever of the two the first one is in
            newest = self._deferred if newest is None else asyncio.gather(newest, self._deferred)
        if newest is None:
            return None

        def durable(future: asyncio.Future[Any]) -> None:
            error = None if future.cancelled() else future.exception()
            if future.cancelled() or error is not None:
                _refuse(batch, error)

        newest.add_done_callback(durable)
        return newest

    # ── in ───────────────────────────────────────────────────────────────────────────────────────────────
    def _place(self, m: Message, verdict: Verdict | None, now_ms: int) -> Answer:
        """Where a message that we take begins, unless it may leave at once; who remembers references is told."""
        if m.reference:
            self._references.add(m)
        if verdict is not None:
            m.reason = f"{verdict.rule}: {verdict.reason}"
            m.due = verdict.until or now_ms
            m.advance(_STATE_CAUSE[verdict.action])
            return Answer(answers.OK, m.id, m.reason, verdict.until)
        if m.due > now_ms:
            m.reason = "scheduled"
            m.advance(Cause.POSTPONE)
        return Answer(answers.OK, m.id)

    def _store(self, taken: list[Message], batch: list[Answer], now_ms: int) -> asyncio.Future[None]:
        """Behind a transaction under way that holds messages of the same flow which wait, a batch is written when
        that one is done and its messages have been taken: it can be in no earlier transaction anyway, and may then
        leave at once. Otherwise one message that waits would make all those wait that come before it is durable.
        """
        first = self._first(taken)
        if first is None:
            return self._write(taken, batch, now_ms)
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        put_off = self._put_off
        flows = {(m.route, m.kind, m.priority, m.account, m.tag) for m in taken}
        for flow in flows:
            put_off[flow] = put_off.get(flow, 0) + 1

        def go_on(_: asyncio.Future[None]) -> None:
            for flow in flows:
                left = put_off.pop(flow) - 1
                if left:
                    put_off[flow] = left
            _follows(self._write(taken, batch, now_ms), durable)

        first.add_done_callback(go_on)
        self._put_off_until, self._deferred = first, durable
        return durable

    def _first(self, taken: Sequence[Message]) -> asyncio.Future[None] | None:
        """The transaction that this batch waits for. What comes later of a flow that was put off is put off too, as
        long at least.
        """
        slow = self._slow
        if slow is not None and self._ledger.store.begun != slow[1] and self._dispatcher.behind(taken):
            return slow[0]
        put_off = self._put_off
        if put_off and any((m.route, m.kind, m.priority, m.account, m.tag) in put_off for m in taken):
            return self._put_off_until
        return None

    def _write(self, taken: list[Message], batch: list[Answer], now_ms: int) -> asyncio.Future[None]:
        fresh = [m for m in taken if m.state is _NEW]
        leaving = self._dispatcher.reserve(fresh) if fresh else []
        waiting = [m for m in fresh if m.state is _NEW] if len(leaving) < len(fresh) else []
        for m in waiting:
            m.due = now_ms
            m.advance(Cause.ADMIT)
        done = self._newest = self._ledger.store.admit(taken)
        slow = (done, self._ledger.store.begun) if waiting else None
        if slow is not None:
            self._slow = slow

        def durable(future: asyncio.Future[None]) -> None:
            error = None if future.cancelled() else future.exception()
            if self._slow is slow:
                self._slow = None
            if self._newest is future:  # not before: until here a reference may stand that is undone below
                self._newest = None
            self._dispatcher.came(waiting)
            if future.cancelled() or error is not None:
                self._undo(taken, leaving, batch, error)
                return
            self._ledger.admitted(taken)
            if len(leaving) < len(taken):
                self._queue.offer((m for m in taken if m.state is not _INFLIGHT), now_ms)
            self._dispatcher.admitted(leaving, durable=True)
            if len(leaving) < len(taken):
                self._dispatcher.pump_all()

        done.add_done_callback(durable)
        return done

    def _follow(
        self, done: asyncio.Future[None], judged: Sequence[Message], released: Sequence[int], now_ms: int
    ) -> None:
        """What else is true once a batch is durable."""
        if done.cancelled() or done.exception() is not None:
            return
        if released:
            self.go_on(released)
        count = sum(1 for m in judged if m.state is not _NEW)
        if not count:
            return
        account = judged[0].account
        self._ledger.bus.publish(JudgedMarketing(account, count, now_ms))
        if now_ms - self._said.get(account, -SAY_AGAIN_MS) >= SAY_AGAIN_MS:
            self._said[account] = now_ms
            detail = "sent as transactional with a STOP mention: judged as marketing"
            log.warning("content.is_marketing", account=account, messages=count, detail=detail)

    def _undo(
        self,
        taken: Sequence[Message],
        leaving: Sequence[Message],
        batch: list[Answer],
        error: BaseException | None,
    ) -> None:
        """Nothing of it is on disk: say so, free the room and the references."""
        self._dispatcher.admitted(leaving, durable=False)
        self.rules.given_back(taken)
        for m in taken:
            if m.reference:
                self._references.drop(m)
        _refuse(batch, error)


def _follows(done: asyncio.Future[None], other: asyncio.Future[None]) -> None:
    """Let `other` end as `done` does."""

    def ended(future: asyncio.Future[None]) -> None:
        if other.done():
            return
        error = None if future.cancelled() else future.exception()
        if future.cancelled():
            other.cancel()
        elif error is not None:
            other.set_exception(error)
            other.exception()  # fetched: who asks no more need not be complained of
        else:
            other.set_result(None)

    done.add_done_callback(ended)


def _refusal(verdict: Verdict) -> Answer:
    return Answer(verdict.status, 0, f"{verdict.rule}: {verdict.reason}")


def _refuse(batch: Sequence[Answer], error: BaseException | None) -> None:
    """The store has failed: what was to be accepted is not."""
    text = str(error) if isinstance(error, StoreError) else "the store is closing"
    for answer in batch:
        if answer.status == answers.OK:
            answer.status, answer.message_id, answer.text = answers.SYSTEM_ERROR, 0, text
