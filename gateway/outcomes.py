"""What bearers answer, turned into changes of state: accepted, refused with a remedy, unsent, in doubt.

A refusal's remedy says what helps (drivers know their network's codes); this module says what that means for
the message. A text of several segments is decided when all its answers are in, by the worst of them. A
message in doubt goes by its account's on_doubt. SLOW_DOWN and UNSENT burn no try and keep the order.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence

from drivers.bearer import Accepted, Doubtful, Refused, Remedy, Unsent
from gateway.correlation import NO_ID, Correlation
from gateway.doubts import Doubts
from gateway.late import LateAnswers
from gateway.ledger import Ledger
from gateway.lifecycle import FINAL, Cause, State
from gateway.model import Change, Message
from gateway.queue import ActiveQueue
from gateway.road import DOUBT, GIVE_UP, NEXT_ROUTE, RETRY, SLOW_DOWN, UNSENT, Aside, LongSend, Road
from gateway.routing import Router

__all__ = ["Early", "Outcome", "Outcomes"]

Outcome = Accepted | Refused | Unsent | Doubtful
Early = Callable[[str, str, Message, int, list[Change]], None]
"""Receipts.accepted: settles a receipt that came before this response."""

_RANK = {
    Remedy.SLOW_DOWN: SLOW_DOWN,
    Remedy.RETRY: RETRY,
    Remedy.NEXT_ROUTE: NEXT_ROUTE,
    Remedy.GIVE_UP: GIVE_UP,
}
_INFLIGHT, _ACCEPT = State.INFLIGHT, Cause.ACCEPT  # an enum's members are slow to reach
_FIRST_AGAIN = frozenset({Cause.GIVE_BACK, Cause.DOUBT_RESEND})


class Outcomes:
    """See the module. long: messages of several segments under way. aside: those not every bearer may take.

    avoid: by message id, the bearers that will not take it (NEXT_ROUTE); until it is accepted or ends.
    """

    def __init__(
        self,
        ledger: Ledger,
        queue: ActiveQueue,
        router: Router,
        correlation: Correlation,
        doubts: Doubts,
        draw: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._queue = queue
        self._clock = ledger.clock
        self._correlation = correlation
        self._draw = draw
        self.router = router
        self.doubts = doubts
        self.roads: dict[str, Road] = {}
        self.long: dict[int, LongSend] = {}
        self.aside: list[Aside] = []
        self.avoid: dict[int, frozenset[str]] = {}
        self.early: Early | None = None
        self.late = LateAnswers(self, ledger, queue, correlation)
        correlation.at_hand = self.at_hand
        doubts.on_wire = self._on_wire
        doubts.takes_whole = self._takes_whole

    def at_hand(self, message_id: int) -> Message | None:
        """The object of a message that waits here or in the queue."""
        return self._queue.loaded(message_id) or self.doubts.get(message_id)

    # ── answers ──────────────────────────────────────────────────────────────────────────────────────────
    def answered(self, road: Road, outcomes: Iterable[Outcome]) -> None:
        """What a bearer says became of the segments that it was given."""
        now_ms = self._clock.wall_ms()
        changes: list[Change] = []
        back: list[Change] = []
        answers = deque(outcomes)
        if answers and type(answers[0]) is Doubtful:  # a bearer's doubts come by themselves
            self._heard(road, answers)
        while answers:
            outcome = answers.popleft()
            segment = outcome.segment
            road.unanswered.pop(segment, None)
            m = segment.context
            assert isinstance(m, Message)
            if type(outcome) is Accepted:
                self._accepted(road, outcome, m, now_ms, changes)
                continue
            assert not isinstance(outcome, Accepted)
            rank, code, text = self._judge(road, outcome)
            if rank == SLOW_DOWN:  # what stands ready is younger: it goes back too, behind what comes back
                self._queue.unfed(road.name, road.fed())
                answers.extend(Unsent(staged, "slow_down") for staged in road.unstage())
            if rank == DOUBT:
                self.late.gave_up(segment, m, self._clock.now())
            if segment.part >= 0:
                if not self._part_failed(m, segment.part, rank, code, text):
                    continue
                rank, code, text = self._verdict(m)
            self._failed(road, m, rank, code, text, back)
        if changes:
            _ = self._ledger.end(changes)
        if back:
            self.settle(back)

    def _heard(self, road: Road, outcomes: deque[Outcome]) -> None:
        """Where only the response was lost, the receipt may be there: it tells as well that the carrier has it.

        Only where as many were heard of as are in doubt for that number, and nobody else; and where they are of
        several messages, all alike: nothing is guessed.
        """
        by_number: dict[str, list[int]] = {}
        for index, outcome in enumerate(outcomes):
            if type(outcome) is Doubtful:
                by_number.setdefault(outcome.segment.destination, []).append(index)
        on_wire = Counter(segment.destination for segment in road.unanswered)
        for number, doubtful in by_number.items():
            contexts = [outcomes[index].segment.context for index in doubtful]
            since = min(m.submitted_at for m in contexts if isinstance(m, Message))
            heard = self.doubts.heard_of(road.name, number, since)
            ids = {outcomes[index].segment.id for index in doubtful}
            alone = on_wire[number] <= len(doubtful) and self.doubts.alone(road.name, number, ids)
            agree = len(ids) == 1 or len({state for *_, state in heard}) == 1
            if alone and agree and len(heard) == len(doubtful):
                for index, (carrier_id, key, _) in zip(doubtful, heard, strict=True):
                    outcomes[index] = Accepted(outcomes[index].segment, carrier_id, key)

    def _accepted(
        self, road: Road, outcome: Accepted, m: Message, now_ms: int, changes: list[Change]
    ) -> None:
        road.accepted += 1
        segment = outcome.segment
        if outcome.key:
            self._correlation.add(road.name, outcome.key, m, segment.part)
        if segment.part < 0:
            if m.state is _INFLIGHT:
                m.carrier_id = outcome.carrier_id or NO_ID
                m.sent_at = now_ms
                m.error = m.reason = ""
                changes.append(m.advance(_ACCEPT))
                self.doubts.settled(m)
                if self.avoid:
                    self.avoid.pop(m.id, None)
        else:
            assert m.part_states is not None
            part = m.part_states[segment.part]
            if part.state not in FINAL:  # a receipt that came first, by the number, has the last word
                part.state = State.ENROUTE
            part.carrier_id, part.sent_at = outcome.carrier_id, now_ms
            _ = self._ledger.store.part(m, segment.part)
            self._part_answered(road, m, now_ms, changes)
        if self.early is not None and outcome.key:
            self.early(road.name, outcome.key, m, segment.part, changes)

    def goes_on(self, m: Message) -> None:
        """A text of which a carrier has a part from an earlier try: that part's receipt must find this object."""
        for index, part in enumerate(m.part_states or ()):
            if part.carrier_id:
                self._correlation.know(part.bearer, part.carrier_id, m, index)

    def _part_answered(self, road: Road, m: Message, now_ms: int, changes: list[Change]) -> None:
        long = self.long.get(m.id)
        if long is None:
            return
        long.missing -= 1
        if long.missing:
            return
        rank, code, text = self._verdict(m)
        if not rank:
            m.sent_at = now_ms
            self.avoid.pop(m.id, None)
            if m.state is State.INFLIGHT:
                m.error = m.reason = ""
                changes.append(m.advance(Cause.ACCEPT))
            return
        back: list[Change] = []
        self._failed(road, m, rank, code, text, back)
        self.settle(back)

    def _verdict(self, m: Message) -> tuple[int, int, str]:
        """All answers of a text are in: the worst of them."""
        long = self.long.pop(m.id)
        if long.doubtful:
            self.late.undecided(m, long)
        return long.verdict()

    def _part_failed(self, m: Message, index: int, rank: int, code: int, text: str) -> bool:
        """Note a part's failure; whether it was the last answer missing, so that the whole is decided now."""
        assert m.part_states is not None
        part = m.part_states[index]
        if part.state is State.INFLIGHT:
            part.state = State.QUEUED
            part.error = str(code) if code else ""
        long = self.long.get(m.id)
        if long is None:
            return False
        long.failed(rank, code, text)
        long.missing -= 1
        return long.missing == 0

    def _judge(self, road: Road, outcome: Refused | Unsent | Doubtful) -> tuple[int, int, str]:
        if type(outcome) is Refused:
            road.refused += 1
            if outcome.remedy is Remedy.SLOW_DOWN:
                road.adaptive.complain(self._clock.now())
                road.throttle.set_rate(road.adaptive.rate)
            return _RANK[outcome.remedy], outcome.code, outcome.text
        if type(outcome) is Doubtful:
            road.doubtful += 1
            return DOUBT, 0, outcome.reason
        assert type(outcome) is Unsent
        return UNSENT, 0, outcome.reason

    def _failed(self, road: Road, m: Message, rank: int, code: int, text: str, changes: list[Change]) -> None:
        if m.state is not State.INFLIGHT:
            self.avoid.pop(m.id, None)
            return  # a receipt has settled it meanwhile
        m.error = str(code) if code else m.error
        m.reason = text
        half_sent = half_sent_of(m)
        if rank in (UNSENT, SLOW_DOWN):
            if not half_sent:  # else the try has begun: after a restart its parts must be looked for
                m.tries -= 1
            changes.append(m.advance(Cause.GIVE_BACK))
        elif rank == DOUBT:
            self._in_doubt(m, text, changes)
        elif rank == GIVE_UP:
            changes.append(m.advance(Cause.REFUSE))
        elif rank == NEXT_ROUTE and not half_sent:
            changes.append(m.advance(self._next_route(road, m)))
        elif m.tries >= road.tries:
            changes.append(m.advance(Cause.EXHAUST))
        else:
            m.due = self._clock.wall_ms() + int(1000 * road.backoff.wait(m.tries, self._draw()))
            changes.append(m.advance(Cause.RETRY))

    def _in_doubt(self, m: Message, why: str, changes: list[Change]) -> None:
        """Perhaps it was sent, and nobody will say: the account's on_doubt decides for this kind."""
        action = self.doubts.action(m)
        m.reason = f"in doubt: {why}"
        if action == "resend":
            self._forget_half(m)
            self.doubts.leave(m, self._clock.now())
            changes.append(m.advance(Cause.DOUBT_RESEND))
        elif action == "stop":
            self.doubts.leave(m, self._clock.now())
            changes.append(m.advance(Cause.DOUBT_STOP))
        else:
            self.doubts.wait(m, self._clock.now())

    def _forget_half(self, m: Message) -> None:
        """Send again only what the carrier has not certainly got."""
        for part in m.part_states or ():
            if part.state is State.INFLIGHT:
                part.state = State.QUEUED

    def _next_route(self, road: Road, m: Message) -> Cause:
        """FAIL_OVER while the route has a bearer that has not refused it yet, else REFUSE."""
        route = self.router.get(m.route)
        avoid = self.avoid[m.id] = self.avoid.get(m.id, frozenset()) | {road.name}
        for name in route.bearers if route else ():
            if name not in avoid and name in self.roads and m.kind in self.roads[name].health.kinds:
                return Cause.FAIL_OVER
        return Cause.REFUSE

    # ── back to the queue ────────────────────────────────────────────────────────────────────────────────
    def settle(self, changes: Sequence[Change]) -> None:
        """Make changes durable, then offer to the queue those messages that wait again."""
        waiting = [(m, cause) for m, _, cause in changes if m.state in (State.QUEUED, State.SCHEDULED)]
        if self.avoid:
            for m, _, _ in changes:
                if m.state in FINAL:
                    self.avoid.pop(m.id, None)
        if not waiting:
            _ = self._ledger.end(changes)
            return

        def durable() -> None:
            free = [each for each in waiting if not self._kept_aside(each[0])]
            self._queue.give_back([m for m, cause in free if cause in _FIRST_AGAIN])
            self._queue.offer([m for m, cause in free if cause not in _FIRST_AGAIN], self._clock.wall_ms())

        _ = self._ledger.end(changes, durable)

    # ── aside ────────────────────────────────────────────────────────────────────────────────────────────
    def _kept_aside(self, m: Message) -> bool:
        """Whether not every bearer may have it: one has a part of it, or some have refused it.

        Who has a part is waited for as long as the route would wait for it.
        """
        now = self._clock.now()
        begin = now + max(0, m.due - self._clock.wall_ms()) / 1000
        if half_sent_of(m):
            self.lay_aside(Aside(m, frozenset(), m.bearer, begin, begin + self.patience(m)))
        elif m.id in self.avoid:
            self.lay_aside(Aside(m, self.avoid[m.id], "", begin, 0.0))
        else:
            return False
        return True

    def patience(self, m: Message) -> float:
        """Seconds that its route waits for a bearer that is down."""
        route = self.router.get(m.route)
        return route.fallback_after if route else 0.0

    def lay_aside(self, aside: Aside) -> None:
        """The queue is told, so that it neither reads the message from the store nor lets a copy be changed."""
        self.aside.append(aside)
        self._queue.lay_aside(aside.message)

    def pick_up(self, message: Message) -> None:
        """The caller has taken it out of `aside`."""
        self._queue.pick_up(message)

    def dissolve(self) -> None:
        """Routes have changed: what is not half sent goes back to the queue, and finds its road anew."""
        whole = [aside.message for aside in self.aside if not half_sent_of(aside.message)]
        self.aside[:] = [aside for aside in self.aside if half_sent_of(aside.message)]
        for m in whole:
            self._queue.pick_up(m)
            self.avoid.pop(m.id, None)
        self._queue.give_back(whole)

    def standing_aside(self, message_id: int) -> Message | None:
        """The object of a message that not every bearer may take, if it waits here and not in the queue."""
        return next((aside.message for aside in self.aside if aside.message.id == message_id), None)

    def goes_anew(self, m: Message) -> bool:
        """The bearer that has the first parts is not back, and another has room: on_doubt decides for the whole text.

        A part that is a message of its own (the application split the text) simply takes another road.
        """
        if m.part_states is None or self.doubts.action(m) == "resend":
            m.part_states = None
            return True
        self.pick_up(m)
        m.reason = "half sent"
        self.settle([m.advance(Cause.EXHAUST)])
        return False

    def give_back(self, messages: Sequence[Message]) -> None:
        """They were taken for a road that is gone, and never left."""
        changes = []
        for m in messages:
            if m.state is State.INFLIGHT:
                m.tries -= 1
                changes.append(m.advance(Cause.GIVE_BACK))
        if changes:
            self.settle(changes)

    def recover(self, messages: Sequence[Message]) -> None:
        """At start: these were INFLIGHT when the last process died. Its last receipt may tell of one all the same."""
        now = self._clock.now()
        self.doubts.recall(messages, now)
        changes: list[Change] = []
        numbers = Counter((m.bearer, m.destination) for m in messages)
        for m in messages:
            self.goes_on(m)
            if numbers[m.bearer, m.destination] == 1 and self.doubts.told_of(m):
                self.doubts.wait(m, now)
            else:
                self._in_doubt(m, "restart", changes)
        if changes:
            self.settle(changes)
        self.doubts_over(now)

    def _on_wire(self, bearer: str, number: str) -> bool:
        road = self.roads.get(bearer)
        return road is not None and any(segment.destination == number for segment in road.unanswered)

    def _takes_whole(self, bearer: str) -> bool:
        road = self.roads.get(bearer)
        return road is not None and road.bearer.takes_whole

    def doubts_over(self, now: float) -> None:
        """The wait for a receipt is over: UNKNOWN, and the application is told."""
        self.late.tidy(now)
        over = [m.advance(Cause.DOUBT_STOP) for m in self.doubts.over(now)]
        if over:
            self.settle(over)


def half_sent_of(m: Message) -> bool:
    """Whether a carrier has some of its segments and not the others."""
    return m.part_states is not None and any(part.state is not State.QUEUED for part in m.part_states)
