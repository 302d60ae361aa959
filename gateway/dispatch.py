"""MT out: give each bearer what its window and its rate allow.

INFLIGHT is written before a segment may reach the wire, so that after a crash only INFLIGHT is in doubt.
The bearer is chosen when it has room (late binding); what it answers is for outcomes.py. Looked at on every
event, and on a tick while something waits. No task, timer or await per message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from drivers.bearer import Doubtful, Segment, Unsent
from drivers.sms.split import split
from gateway.ledger import Ledger
from gateway.lifecycle import WAITING, Cause, State
from gateway.model import LANES, Change, Message, Part, lane_of
from gateway.outcomes import Outcomes
from gateway.queue import ActiveQueue, Allowed
from gateway.road import Aside, LongSend, Road
from gateway.routing import Router

__all__ = ["Dispatcher", "Recheck"]

Recheck = Callable[[Sequence[Message], int], dict[int, tuple[Cause, int, str]]]
"""Rules before the wire: (messages, now_ms) -> by message id, (cause, due, reason) of those that may not leave."""

URGENT = 4
"""Lanes below this rank are the OTPs', for which a bearer may keep slots."""


class Dispatcher:
    """See the module. Answers go to outcomes.py, which shares the roads."""

    def __init__(self, ledger: Ledger, queue: ActiveQueue, outcomes: Outcomes, recheck: Recheck) -> None:
        self._ledger = ledger
        self._queue = queue
        self._clock = ledger.clock
        self._recheck = recheck
        self._choices: dict[tuple[str, int], tuple[str, ...]] = {}
        self.outcomes = outcomes
        self.roads = outcomes.roads

    @property
    def router(self) -> Router:
        return self.outcomes.router

    @router.setter
    def router(self, router: Router) -> None:
        self.outcomes.router = router
        self._choices.clear()

    # ── which bearer ─────────────────────────────────────────────────────────────────────────────────────
    def choices(self, route_name: str, kind: int) -> tuple[str, ...]:
        """The bearers that may take messages of this route and kind now; kept until health changes."""
        found = self._choices.get((route_name, kind))
        if found is None:
            route = self.router.get(route_name)
            if route is None:
                found = ()
            else:
                health = {name: road.health for name, road in self.roads.items()}
                found = self.router.choose(route, kind, health, self._clock.now()).bearers
            self._choices[route_name, kind] = found
        return found

    def health_changed(self) -> None:
        self._choices.clear()

    def _allowed(self, road: Road) -> Allowed:
        name, choices = road.name, self.choices
        return lambda route, kind: name in choices(route, kind)

    # ── straight through: intake asks before it writes ───────────────────────────────────────────────────
    def reserve(self, messages: Sequence[Message]) -> list[Message]:
        """Mark those that may leave at once INFLIGHT, so that admission and taking are one write.

        Nothing may pass what already waits: only lanes above it, and 5 % of the room is left to it.
        """
        now = self._clock.now()
        rooms: dict[str, int] = {}
        ranks: dict[str, int] = {}
        chosen: list[Message] = []
        for m in messages:
            road = self._road_with_room(m, now, rooms, ranks)
            if road is None:
                continue
            rooms[road.name] -= m.parts
            road.taking += m.parts
            m.bearer = road.name
            m.tries = 1
            m.advance(Cause.ADMIT_AT_ONCE)
            chosen.append(m)
        return chosen

    def _road_with_room(
        self, m: Message, now: float, rooms: dict[str, int], ranks: dict[str, int]
    ) -> Road | None:
        best: Road | None = None
        for name in self.choices(m.route, m.kind):
            road = self.roads[name]
            room = rooms.get(name)
            if room is None:
                room = road.room(now)
                ranks[name] = rank = self._queue.waiting_rank(self._clock.wall_ms(), self._allowed(road))
                if rank < LANES:
                    room = room * 19 // 20
                rooms[name] = room
            if (
                room >= m.parts
                and lane_of(m.kind, m.priority) < ranks[name]
                and (best is None or room > rooms[best.name])
            ):
                best = road
        return best

    def admitted(self, messages: Sequence[Message], durable: bool) -> None:
        """The reserved messages are on disk (or the store refused them): they may leave, or their room is free."""
        touched: dict[str, Road] = {}
        for m in messages:
            road = self.roads.get(m.bearer)
            if road is None:
                if durable:
                    self.outcomes.give_back([m])
                continue
            touched[road.name] = road
            road.taking -= m.parts
            if durable:
                road.stage(self._segments(m, road), m.kind)
        for road in touched.values():
            self.pump(road)

    # ── the pump ─────────────────────────────────────────────────────────────────────────────────────────
    def pump(self, road: Road) -> None:
        """Hand over what the throttle allows now, then take more from the queue for the next slots."""
        now = self._clock.now()
        batch = road.hand_over(now)
        if batch:
            batch = self._last_check(road, batch)
            road.unanswered.update(batch)
            road.bearer.submit(batch)
        if (self._queue.count or self.outcomes.aside) and not self._ledger.store.sick:
            self._take(road, now)

    def pump_all(self) -> None:
        for road in list(self.roads.values()):
            self.pump(road)

    @property
    def waiting(self) -> bool:
        """Whether a tick has anything to look at."""
        return bool(
            self._queue.count or self.outcomes.aside or any(road.staged_count for road in self.roads.values())
        )

    def _take(self, road: Road, now: float) -> None:
        allowed = self._allowed(road)
        now_ms = self._clock.wall_ms()
        room = road.room(now)
        lowest = LANES
        if room <= 0:
            room = road.urgent_room(now, 0)  # slots are kept for OTPs
            lowest = URGENT
        if room <= 0:
            return
        messages = self._from_aside(road, room, now)
        if len(messages) < room:
            messages += self._queue.pop(road.name, room - len(messages), now_ms, allowed, lowest)
        if messages:
            self._send(road, messages, now_ms)

    def _send(self, road: Road, messages: list[Message], now_ms: int) -> None:
        refused = self._recheck(messages, now_ms)
        changes: list[Change] = []
        ended: list[Change] = []
        going: list[Message] = []
        for m in messages:
            if m.expires and m.expires <= now_ms:
                m.reason = "expired.queue"
                ended.append(m.advance(Cause.OUTLIVE))
            elif m.id in refused:
                self._refuse_by_rule(m, refused[m.id], ended)
            else:
                m.bearer = road.name
                m.tries += 1
                road.taking += m.parts
                changes.append(m.advance(Cause.TAKE))
                going.append(m)
        if ended:
            self.outcomes.settle(ended)
        if changes:
            _ = self._ledger.settle(changes, (), lambda: self.admitted(going, durable=True))

    def _refuse_by_rule(self, m: Message, verdict: tuple[Cause, int, str], changes: list[Change]) -> None:
        cause, due, reason = verdict
        m.reason = reason
        if cause is Cause.POSTPONE:
            m.due = due
        changes.append(m.advance(cause))

    def _last_check(self, road: Road, batch: list[Segment]) -> list[Segment]:
        """A STOP may have come between the commit and this moment; a text whose first part has left goes on."""
        now_ms = self._clock.wall_ms()
        whole = [s for s in batch if s.part == 0]
        refused = self._recheck([s.context for s in whole if isinstance(s.context, Message)], now_ms)
        if not refused:
            return batch
        changes: list[Change] = []
        for segment in whole:
            m = segment.context
            if isinstance(m, Message) and m.id in refused and m.state is State.INFLIGHT:
                self._refuse_by_rule(m, refused[m.id], changes)
        for queue in road.staged:
            gone = [s for s in queue if s.id in refused]
            for segment in gone:
                queue.remove(segment)
            road.staged_count -= len(gone)
        for message_id in refused:
            self.outcomes.long.pop(message_id, None)
        self.outcomes.settle(changes)
        return [s for s in batch if s.id not in refused]

    # ── segments ─────────────────────────────────────────────────────────────────────────────────────────
    def _segments(self, m: Message, road: Road) -> list[Segment]:
        expires = m.expires / 1000 if m.expires else 0.0
        if m.parts == 1 or road.bearer.takes_whole:
            return [
                Segment(
                    m.id,
                    -1,
                    m.source,
                    m.destination,
                    m.data_coding,
                    m.udh,
                    m.payload,
                    expires,
                    True,
                    m.priority,
                    m,
                )
            ]
        if m.part_states is None:
            m.part_states = [Part() for _ in range(m.parts)]
        reference = (m.id ^ m.id >> 22) & 0xFF
        out = []
        for index, (udh, payload) in enumerate(split(m.payload, m.data_coding, reference)):
            part = m.part_states[index]
            if part.state is not State.QUEUED:
                continue  # the carrier has this one: only the rest is sent
            part.state = State.INFLIGHT
            part.bearer = road.name
            part.tries += 1
            out.append(
                Segment(
                    m.id,
                    index,
                    m.source,
                    m.destination,
                    m.data_coding,
                    udh,
                    payload,
                    expires,
                    True,
                    m.priority,
                    m,
                )
            )
        self.outcomes.long[m.id] = LongSend(len(out))
        return out

    # ── messages that not every bearer may take ──────────────────────────────────────────────────────────
    def _from_aside(self, road: Road, room: int, now: float) -> list[Message]:
        taken: list[Message] = []
        left: list[Aside] = []
        for aside in self.outcomes.aside:
            m = aside.message
            if m.state not in WAITING:
                continue
            if aside.only and now >= aside.until:
                self.outcomes.half_lost(m)
            elif room > 0 and self._may_take(road, aside, now):
                taken.append(m)
                room -= m.parts
            else:
                left.append(aside)
        self.outcomes.aside[:] = left
        return taken

    def _may_take(self, road: Road, aside: Aside, now: float) -> bool:
        m = aside.message
        if now < aside.not_before or m.kind not in road.health.kinds or m.state is State.HELD:
            return False
        if aside.only:
            return road.name == aside.only
        route = self.router.get(m.route)
        return road.name not in aside.avoid and route is not None and road.name in route.bearers

    # ── links ────────────────────────────────────────────────────────────────────────────────────────────
    def closed(self, road: Road) -> None:
        """The link is down: what was staged never left, and may take another road."""
        staged = road.unstage()
        if staged:
            self.outcomes.answered(road, [Unsent(segment, "link.down") for segment in staged])

    def ended(self, road: Road) -> None:
        """run() is over: whatever it did not answer is in doubt (rule 4 of the contract)."""
        self.closed(road)
        lost = list(road.unanswered)
        if lost:
            self.outcomes.answered(road, [Doubtful(segment, "bearer.ended") for segment in lost])

    # ── what time brings ─────────────────────────────────────────────────────────────────────────────────
    def every_second(self) -> None:
        """Recover lowered rates, end waits of doubt, let health be judged anew (fallback_after has passed)."""
        now = self._clock.now()
        self._choices.clear()
        for road in self.roads.values():
            if road.adaptive.recover(now):
                road.throttle.set_rate(road.adaptive.rate)
        self.outcomes.doubts_over(now)
