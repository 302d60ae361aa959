"""MT out: give each bearer what its window and its rate allow.

INFLIGHT is written before a segment may reach the wire, so that after a crash only INFLIGHT is in doubt.
The bearer is chosen when it has room (late binding); what it answers is for outcomes.py. Looked at on every
event, and on a tick while something waits. No task, timer or await per message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from drivers.bearer import Doubtful, Segment, Unsent
from gateway.answers import WOULD_EXPIRE, own_error
from gateway.lanes import EACH
from gateway.ledger import Ledger
from gateway.lifecycle import WAITING, Cause, State
from gateway.model import LANES, Change, Message, lane_of
from gateway.outcomes import Outcomes
from gateway.pins import Pins
from gateway.queue import ActiveQueue, Allowed
from gateway.road import Aside, LongSend, Road, Room, most_room, segments_left
from gateway.routing import Choice, Route, Router
from gateway.stores.store import FlowKey

__all__ = ["Dispatcher", "Recheck", "Ruling"]

Ruling = tuple[Cause, int, int, str]
"""Why a message may not leave now: the cause, the new due time of a postponement, the command_status, in words."""

Recheck = Callable[[Sequence[Message], int], dict[int, Ruling]]
"""Rules before the wire: (messages, now_ms) -> the rulings by message id."""

# Names of their own: an enum's members are slow to reach.
_INFLIGHT, _AT_ONCE, _TAKE = State.INFLIGHT, Cause.ADMIT_AT_ONCE, Cause.TAKE

STALLED = 2.0
"""Seconds without an answer after which what stands ready for a full window goes back to the queue."""


class Dispatcher:
    """See the module. Answers go to outcomes.py, which shares the roads."""

    def __init__(self, ledger: Ledger, queue: ActiveQueue, outcomes: Outcomes, recheck: Recheck) -> None:
        self._ledger = ledger
        self._queue = queue
        self._clock = ledger.clock
        self._recheck = recheck
        self._choices: dict[tuple[str, int], tuple[str, ...]] = {}
        self._pins = Pins()
        self._coming: dict[FlowKey, int] = {}
        self.barred: frozenset[int] = frozenset()
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
            found = () if route is None or kind in self.barred else self.choice(route, kind).bearers
            self._choices[route_name, kind] = found
        return found

    def choice(self, route: Route, kind: int) -> Choice:
        """The same, judged anew, with its reasons. Noted is which bearers are replaced: they come back late."""
        health = {name: road.health for name, road in self.roads.items()}
        choice = self.router.choose(route, kind, health, self._clock.now())
        for name in choice.instead_of:
            health[name].replaced.add((route.name, kind))
        if not choice.instead_of:
            for name in choice.bearers:
                health[name].replaced.discard((route.name, kind))
        return choice

    def health_changed(self) -> None:
        self._choices.clear()

    def bar(self, kinds: frozenset[int]) -> None:
        """These kinds leave by no bearer, until another call."""
        lifted, self.barred = self.barred - kinds, kinds
        self._choices.clear()
        if lifted:
            self.pump_all()

    def _allowed(self, road: Road) -> Allowed:
        name, choices = road.name, self.choices
        return lambda route, kind: name in choices(route, kind)

    # ── straight through: intake asks before it writes ───────────────────────────────────────────────────
    def reserve(self, messages: Sequence[Message]) -> list[Message]:
        """Mark those that may leave at once INFLIGHT, so that admission and taking are one write.

        Only a lane above all that waits may pass it, until one that waits is overdue. Behind a message that must
        wait the rest of its flow waits too, also while that one is on its way to the disk: see came().
        """
        now = self._clock.now()
        rooms: dict[tuple[str, int], Room] = {}
        open_to: dict[FlowKey, list[Room]] = {}
        chosen: list[Message] = []
        coming = self._coming
        for m in messages:
            flow = (m.route, m.kind, m.priority, m.account, m.tag)
            found = open_to.get(flow)
            if found is None:
                found = open_to[flow] = [] if self._queue.is_held(m) else self._rooms(m, now, rooms)
            if m.group and (pinned := self._pinned(m)) is not None:
                found = [room for room in found if room.road is pinned]
            room = None if flow in coming else most_room(found, m.parts)
            if room is None:
                coming[flow] = coming.get(flow, 0) + 1
                continue
            road = room.road
            room.left -= m.parts
            road.taking += m.parts
            road.passed += m.parts
            m.bearer = road.name
            m.tries = 1
            m.advance(_AT_ONCE)
            if m.group:
                self._pins.pin(m, road.name, now)
            chosen.append(m)
        return chosen

    def behind(self, messages: Sequence[Message]) -> bool:
        """Whether one of them must stay behind a message that is still on its way to the disk."""
        coming = self._coming
        return bool(coming) and any(
            (m.route, m.kind, m.priority, m.account, m.tag) in coming for m in messages
        )

    def came(self, waiting: Sequence[Message]) -> None:
        """What reserve() left to the queue is durable, or refused: from here on the queue itself keeps their order."""
        coming = self._coming
        for m in waiting:
            flow = (m.route, m.kind, m.priority, m.account, m.tag)
            left = coming.pop(flow, 0) - 1
            if left > 0:
                coming[flow] = left

    def _rooms(self, m: Message, now: float, rooms: dict[tuple[str, int], Room]) -> list[Room]:
        """What the bearers of its route have for its kind now; one batch shares what is known of one."""
        found = []
        for name in self.choices(m.route, m.kind):
            room = rooms.get((name, m.kind))
            if room is None:
                road = self.roads[name]
                room = rooms[name, m.kind] = Room(road, self._straight_room(road, m, now))
            found.append(room)
        return found

    def _straight_room(self, road: Road, m: Message, now: float) -> int:
        room = road.room(now, m.kind)
        if room <= 0:
            return 0
        queue = self._queue
        rank = queue.waiting_rank(self._clock.wall_ms(), self._allowed(road)) if queue.count else LANES
        if rank <= lane_of(m.kind, m.priority):
            return 0
        if rank < LANES:
            return min(room, queue.slack(road.name) - road.passed)
        road.passed = 0
        return room

    def _pinned(self, m: Message) -> Road | None:
        road = self.roads.get(self._pins.bearer_of(m))
        return road if road is not None and road.open else None

    def admitted(self, messages: Sequence[Message], durable: bool) -> None:
        """The reserved messages are on disk (or the store refused them): they may leave, or their room is free."""
        touched: dict[str, tuple[Road | None, bool]] = {}
        back: list[Message] = []
        for m in messages:
            known = touched.get(m.bearer)
            if known is None:
                road = self.roads.get(m.bearer)
                takes = road is not None and road.open and not road.adaptive.paused(self._clock.now())
                known = touched[m.bearer] = (road, takes)
            road, takes = known
            if road is not None:
                road.taking = max(0, road.taking - m.parts)  # bound anew meanwhile, it begins with none
            if durable and road is not None and takes:
                if m.parts == 1 or road.bearer.takes_whole:
                    road.stage_whole(m)
                else:
                    road.stage(self._segments(m, road), road.rank_of(m))
                continue
            if road is not None:
                road.owed.discard(m.id)
            if durable:
                back.append(m)  # the link went down or slowed down meanwhile: it takes its place again
        if back:
            self.outcomes.give_back(back)
        for road, _ in touched.values():
            if road is not None:
                self.pump(road)

    # ── the pump ─────────────────────────────────────────────────────────────────────────────────────────
    def pump(self, road: Road) -> None:
        """Hand over what the throttle allows now, then take more from the queue for the next slots."""
        now = self._clock.now()
        batch = road.hand_over(now)
        if batch:
            batch = self._last_check(road, batch)
            road.unanswered.update(dict.fromkeys(batch))
            road.bearer.submit(batch)
        if (self._queue.count or self.outcomes.aside) and not self._ledger.store.sick:
            self._take(road, now)

    def pump_all(self) -> None:
        for road in list(self.roads.values()):
            self.pump(road)

    @property
    def waiting(self) -> bool:
        """Whether a tick has anything to look at."""
        if self.outcomes.aside:
            return True
        for road in self.roads.values():
            if road.staged_count:
                return True
        return bool(self._queue.count) and self._queue.stirs(self._clock.wall_ms())

    def _take(self, road: Road, now: float) -> None:
        """What there is room for; of what is kept for the higher kinds also who was passed by them too often."""
        rooms = road.rooms(now)
        if rooms[0] <= 0:  # of fifty bearers most have none at most moments
            return
        now_ms = self._clock.wall_ms()
        owed: set[int] = set()
        messages: list[Message] = []
        if self.outcomes.aside:
            fed = rooms[-1] <= 0 and road.hunger >= EACH
            messages = self._from_aside(road, 1 if fed else rooms[-1], now)
            owed.update(m.id for m in messages if fed)
            road.hunger = 0 if messages else road.hunger + road.passed
            rooms = [room - sum(m.parts for m in messages) for room in rooms]
        popped = self._queue.pop(road.name, rooms, now_ms, self._allowed(road), road.passed, owed)
        road.hunger += sum(m.parts for m in popped) if self.outcomes.aside else 0
        road.passed = 0
        messages += popped
        self._queue.taken(messages)  # not before: their rows would be read again, and sent twice
        if messages:
            road.owed |= owed
            self._send(road, messages, now_ms)

    def _send(self, road: Road, messages: list[Message], now_ms: int) -> None:
        refused = self._recheck(messages, now_ms)
        changes: list[Change] = []
        ended: list[Change] = []
        going: list[Message] = []
        for m in messages:
            if m.expires and m.expires <= now_ms:
                m.reason, m.error = "expired.queue", own_error(WOULD_EXPIRE)
                ended.append(m.advance(Cause.OUTLIVE))
            elif m.id in refused:
                self._refuse_by_rule(m, refused[m.id], ended)
            elif m.group and (pinned := self._pinned(m)) not in (None, road):
                self._leave_to(m, pinned)
            else:
                if m.group:
                    self._pins.pin(m, road.name, self._clock.now())
                m.bearer = road.name
                m.tries += 1
                road.taking += m.parts
                if m.part_states is not None:
                    self.outcomes.goes_on(m)
                changes.append(m.advance(_TAKE))
                going.append(m)
        if road.owed and len(going) < len(messages):
            road.owed.difference_update({m.id for m in messages}.difference(m.id for m in going))
        if ended:
            self.outcomes.settle(ended)
        if changes:
            taken = self._ledger.settle(changes, (), lambda: self.admitted(going, durable=True))
            taken.add_done_callback(lambda done: self._taken(going, done))

    def _taken(self, going: Sequence[Message], done: asyncio.Future[None]) -> None:
        """A row that the store refuses for good must not keep the bearer's room for ever."""
        if done.cancelled() or done.exception() is not None:
            self.admitted(going, durable=False)

    def _leave_to(self, m: Message, road: Road | None) -> None:
        """Another bearer has the other parts of this text: it waits for that one, as long as the route would."""
        until = self._clock.now() + self.outcomes.patience(m)
        self.outcomes.lay_aside(Aside(m, frozenset(), road.name if road else "", 0.0, until))

    def _refuse_by_rule(self, m: Message, ruling: Ruling, changes: list[Change]) -> None:
        cause, due, status, reason = ruling
        m.reason = reason
        if cause is Cause.POSTPONE:
            m.due = due
        elif cause is Cause.REFUSE:
            m.error = own_error(status)
        changes.append(m.advance(cause))

    def _last_check(self, road: Road, batch: list[Segment]) -> list[Segment]:
        """A STOP may have come between the commit and this moment; a text whose first part has left goes on."""
        ended = [s for s in batch if isinstance(s.context, Message) and s.context.state is not _INFLIGHT]
        if ended:  # a receipt for an earlier try settled it while it stood ready
            batch = [s for s in batch if s not in ended]
            for segment in ended:
                self.outcomes.long.pop(segment.id, None)
        now_ms = self._clock.wall_ms()
        whole = [s for s in batch if s.part <= 0]
        refused = self._recheck([s.context for s in whole if isinstance(s.context, Message)], now_ms)
        if not refused:
            return batch
        changes: list[Change] = []
        for segment in whole:
            m = segment.context
            if isinstance(m, Message) and m.id in refused and m.state is State.INFLIGHT:
                m.tries -= 1
                m.part_states = None
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
        """Of a text in parts: those that no carrier has yet."""
        out = segments_left(m, road.name)
        self.outcomes.long[m.id] = LongSend(len(out))
        return out

    # ── messages that not every bearer may take ──────────────────────────────────────────────────────────
    def _from_aside(self, road: Road, room: int, now: float) -> list[Message]:
        taken: list[Message] = []
        left: list[Aside] = []
        for aside in self.outcomes.aside:
            m = aside.message
            if m.state not in WAITING:
                self.outcomes.pick_up(m)
                self.outcomes.avoid.pop(m.id, None)
            elif room > 0 and self._may_take(road, aside, now):
                if aside.only in ("", road.name) or self.outcomes.goes_anew(m):
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
        if m.kind in self.barred:
            return False
        if aside.only:  # however late it is back: who has the first part gets the rest
            late = now >= aside.until and road.name in self.choices(m.route, m.kind)
            return late or road.name == aside.only
        route = self.router.get(m.route)
        return road.name not in aside.avoid and route is not None and road.name in route.bearers

    # ── links ────────────────────────────────────────────────────────────────────────────────────────────
    def closed(self, road: Road) -> None:
        """The link is down: what was staged never left, and may take another road."""
        self._queue.unfed(road.name, road.fed())
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
            if road.staged_count and road.bearer.credit() <= 0 and now - road.last_accept > STALLED:
                # Its window is full and nothing comes back: these may expire, or go elsewhere.
                self.closed(road)
        self._pins.forget_old(now)
        self.outcomes.doubts_over(now)
