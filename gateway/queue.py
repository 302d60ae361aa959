"""The active window: a bounded part, in memory, of the queue that is stored.

After Postfix's queue manager. The store is the queue; here stand at most WINDOW messages of it, by flow:
(route, kind, priority, account, tag). Messages of a flow leave in order; lanes.py says which flow is next;
lanes go in order of kind and priority_flag, and each lower lane that waits gets at least 5 % of the segments.
A flow whose route has no working bearer is not refilled: it costs no memory.

Promises: a message enters here only once it is durable, and each is popped once. Never does I/O but two
range reads of the store; never changes a state: dispatch does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush

from gateway.lanes import EACH, OVERDUE, Allowed, Candidate, Flow, Lane
from gateway.lifecycle import State
from gateway.model import LANES, Message, lane_of
from gateway.stores.store import FlowKey, Store

__all__ = ["WINDOW", "ActiveQueue", "Allowed", "Flow"]

WINDOW = 20_000
CHUNK = 500
LEAST = 8
"""What a refill may read even when the window is full of flows that cannot leave."""

_MAY_LEAVE = frozenset({State.QUEUED, State.SCHEDULED})


class ActiveQueue:
    """See the module. weight: an account's weight by name; held: whether operators hold a flow."""

    def __init__(
        self,
        store: Store,
        weight: Callable[[str], int],
        held: Callable[[FlowKey], bool],
        window: int = WINDOW,
    ) -> None:
        self._store = store
        self._weight = weight
        self._held = held
        self._window = window
        self._flows: dict[FlowKey, Flow] = {}
        self._lanes = [Lane() for _ in range(LANES)]
        self._ready = 0
        self._loaded: dict[int, Message] = {}
        self._ending: set[int] = set()
        self._asleep: list[tuple[int, int, Flow]] = []
        self._serial = 0
        self._slack: dict[str, int] = {}
        self._unfed: dict[str, set[int]] = {}
        self.count = 0

    # ── in ───────────────────────────────────────────────────────────────────────────────────────────────
    def load(self, now_ms: int) -> None:
        """At start, before anything is offered: learn what is stored; nothing is read into memory yet."""
        for waiting in self._store.waiting():
            flow = self._flow(waiting.key)
            flow.stored = waiting.count
            flow.next_due = waiting.first_due
            self.count += waiting.count
            self._rest(flow)
        self._wake(now_ms)

    def offer(self, messages: Iterable[Message], now_ms: int) -> None:
        """Messages that are durable in a waiting state, their backlog rows written."""
        for m in messages:
            if m.state not in _MAY_LEAVE or m.id in self._loaded:
                continue
            flow = self._flow((m.route, m.kind, m.priority, m.account, m.tag))
            place = (m.due, m.id)
            self.count += 1
            first = place <= flow.cursor or not flow.due(now_ms)  # nothing stored is due before it
            if first and m.due <= now_ms and self._ready < self._window:
                flow.ready.append(m)
                self._loaded[m.id] = m
                self._ready += 1
                flow.cursor = max(flow.cursor, place)
                flow.lane.activate(flow)
            else:
                self._leave_stored(flow, place, now_ms)

    def _leave_stored(self, flow: Flow, place: tuple[int, int], now_ms: int) -> None:
        due, message_id = place
        if place <= flow.cursor:  # a row behind the cursor would never be read
            flow.cursor = (due, message_id - 1)
        sooner = not flow.stored or due < flow.next_due
        flow.stored += 1
        if sooner:
            flow.next_due = due
            if due > now_ms and not flow.active:
                self._rest(flow)
        if due <= now_ms:
            flow.lane.activate(flow)

    def give_back(self, messages: Sequence[Message]) -> None:
        """Popped messages that did not leave after all: they go first again, in their order."""
        for m in reversed(messages):
            if m.state not in _MAY_LEAVE or m.id in self._loaded:
                continue
            flow = self._flow((m.route, m.kind, m.priority, m.account, m.tag))
            older = []  # given back a moment ago: answers that come one by one do not turn the order round
            while flow.ready and (flow.ready[0].due, flow.ready[0].id) < (m.due, m.id):
                older.append(flow.ready.popleft())
            flow.ready.appendleft(m)
            flow.ready.extendleft(reversed(older))
            self._loaded[m.id] = m
            self._ready += 1
            self.count += 1
            flow.lane.activate(flow)
            for bearer, ids in self._unfed.items():
                if m.id in ids:
                    ids.discard(m.id)
                    flow.lane.owe(bearer, m.parts)

    def unfed(self, bearer: str, ids: set[int]) -> None:
        """The floor had let these go, and they won't leave by this bearer now: once given back, it owes them again."""
        if ids:  # else others may still be on their way back
            self._unfed[bearer] = ids

    # ── out ──────────────────────────────────────────────────────────────────────────────────────────────
    def pop(
        self,
        bearer: str,
        rooms: Sequence[int],
        now_ms: int,
        allowed: Allowed,
        passed: int = 0,
        owed: set[int] | None = None,
    ) -> list[Message]:
        """Messages for this bearer, most urgent first.

        rooms: for each kind, about how many segments may be taken until it is full, those of the other kinds
        counted: a reserve leaves the higher ones more. allowed(route, kind): whether this bearer may carry it.
        passed: segments that went past the queue since the last call. owed: is given the ids of those that the
        floor lets go, with the right to a slot of those that passed them.
        What was cancelled meanwhile is left out; what has expired is not: dispatch ends it. Until the caller writes
        that they left, their rows look as if they still waited: he calls taken() just before, in the same turn.
        """
        self._wake(now_ms)
        out: list[Message] = []
        waiting = [
            (rank >> 2, lane, candidates)
            for rank, lane in enumerate(self._lanes)
            if lane.active and (candidates := lane.candidates(rank >> 2, allowed))
        ]

        def send(flow: Flow, count: int) -> tuple[int, bool]:
            return self._send(flow, count, now_ms, out)

        if len(waiting) == 1:  # nearly always
            self._slack[bearer] = OVERDUE - _serve_alone(bearer, waiting[0], rooms, passed, send)
            return out
        for _, lane, _ in waiting:
            lane.hunger[bearer] = min(lane.hunger.get(bearer, 0) + passed, 2 * OVERDUE)
        taken = 0
        while waiting and taken < rooms[0]:
            n, slots, fed = _whose_turn(bearer, waiting, [room - taken for room in rooms])
            if slots <= 0:
                break
            lane, first = waiting[n][1], len(out)
            served = lane.serve(waiting[n][2], slots, send)
            taken += served
            for _, each, _ in waiting:
                each.hunger[bearer] = each.hunger.get(bearer, 0) + served
            paid = lane.hunger[bearer] - (EACH + 1) * served
            lane.hunger[bearer] = paid if fed else max(0, paid)
            if fed and owed is not None:
                owed.update(m.id for m in out[first:])
            if served < slots:
                del waiting[n], lane.hunger[bearer]
        self._slack[bearer] = OVERDUE - max((lane.hunger[bearer] for _, lane, _ in waiting), default=0)
        return out

    def slack(self, bearer: str) -> int:
        """How many segments may go past what waits for this bearer, since it was last asked for something."""
        return self._slack.get(bearer, OVERDUE)

    def waiting_rank(self, now_ms: int, allowed: Allowed) -> int:
        """The rank of the most urgent lane from which this bearer could take something now; LANES if none."""
        if not self.count:
            return LANES
        self._wake(now_ms)
        for rank, lane in enumerate(self._lanes):
            if lane.active and lane.candidates(rank >> 2, allowed):
                return rank
        return LANES

    def stirs(self, now_ms: int) -> bool:
        """Whether anything here could leave now: what waits for a later hour need not be looked at until then."""
        if self._ready > 0 or (self._asleep and self._asleep[0][0] <= now_ms):
            return True
        return any(lane.active for lane in self._lanes)

    def anything_waits(self, now_ms: int, allowed: Allowed) -> bool:
        return self.waiting_rank(now_ms, allowed) < LANES

    def _send(self, flow: Flow, slots: int, now_ms: int, out: list[Message]) -> tuple[int, bool]:
        """Up to `slots` segments of a flow into `out`: how many, and whether it has more to send now."""
        taken = 0
        while taken < slots:
            if not flow.ready and not self._refill(flow, now_ms):
                break
            message = flow.ready.popleft()
            self._ready -= 1
            self.count -= 1
            if message.state not in _MAY_LEAVE:
                del self._loaded[message.id]
                continue  # cancelled or held while it stood here
            if message.due > now_ms:  # replaced by one for later: its row says so
                del self._loaded[message.id]
                self.offer([message], now_ms)
                continue
            out.append(message)
            taken += message.parts
        more = taken > 0 and (bool(flow.ready) or flow.due(now_ms))
        if not more:
            self._rest(flow)
        return taken, more

    def _refill(self, flow: Flow, now_ms: int) -> bool:
        """Read what is stored and due, and never more than was offered: the rest is still on its way here."""
        while flow.stored and flow.next_due <= now_ms and not flow.ready:
            limit = min(flow.stored, CHUNK, max(LEAST, self._window - self._ready))
            found = self._store.refill(flow.key, flow.cursor, now_ms, limit)
            for m in found:
                flow.cursor = (m.listed, m.id)
                if m.id not in self._loaded and m.id not in self._ending:  # those are not counted as stored
                    flow.ready.append(m)
                    self._loaded[m.id] = m
                    flow.stored -= 1
                    self._ready += 1
            if len(found) < limit:
                flow.next_due = self._store.first_due(flow.key, flow.cursor)
                if flow.next_due < 0:
                    self.count -= flow.stored
                    flow.stored = flow.next_due = 0
                break
        return bool(flow.ready)

    def _rest(self, flow: Flow) -> None:
        """It has nothing to send until something is offered or comes due."""
        flow.lane.rest(flow)
        if flow.stored:
            self._serial += 1
            heappush(self._asleep, (flow.next_due, self._serial, flow))

    def _wake(self, now_ms: int) -> None:
        asleep = self._asleep
        while asleep and asleep[0][0] <= now_ms:
            flow = heappop(asleep)[2]
            if flow.ready or flow.due(now_ms):
                flow.lane.activate(flow)

    # ── changes from outside ─────────────────────────────────────────────────────────────────────────────
    def loaded(self, message_id: int) -> Message | None:
        """The object in memory, if this waiting message is one: change that one and no copy."""
        return self._loaded.get(message_id)

    def leave(self, message: Message) -> None:
        """A waiting message is about to end or be held by someone else; called before its change is written.

        One that is only stored keeps its row until the change is durable: until `left`, refill skips it.
        """
        if message.id in self._loaded:
            return  # popped and skipped later, by its state
        flow = self._flows.get((message.route, message.kind, message.priority, message.account, message.tag))
        if flow is not None and flow.stored and (message.listed, message.id) > flow.cursor:
            flow.stored -= 1
            self.count -= 1
            self._ending.add(message.id)

    def unload(self, message: Message) -> None:
        """Take a waiting message out of its flow, wherever it stands; it will be offered to another."""
        if self._loaded.pop(message.id, None) is None:
            self.leave(message)
            return
        self._flow(
            (message.route, message.kind, message.priority, message.account, message.tag)
        ).ready.remove(message)
        self._ready -= 1
        self.count -= 1

    def left(self, messages: Iterable[Message]) -> None:
        """Their changes are durable."""
        self._ending.difference_update(m.id for m in messages)

    def lay_aside(self, message: Message) -> None:
        """It waits in other hands (outcomes.aside): its row is not read here, and `loaded` finds it."""
        self._loaded[message.id] = message

    def pick_up(self, message: Message) -> None:
        """It is aside no more: it leaves, or is given back."""
        self._loaded.pop(message.id, None)

    def taken(self, messages: Iterable[Message]) -> None:
        """They were popped, or stood aside, and leave: from now on the store knows that they do."""
        for m in messages:
            self._loaded.pop(m.id, None)

    def is_held(self, m: Message) -> bool:
        """Whether operators hold the flow that this message would join."""
        return self._held((m.route, m.kind, m.priority, m.account, m.tag))

    def refresh_holds(self) -> None:
        for flow in self._flows.values():
            flow.held = self._held(flow.key)
            if flow.held and flow.active:
                self._rest(flow)
            elif len(flow) and not flow.held:
                flow.lane.activate(flow)

    def reweigh(self) -> None:
        """Accounts' weights have changed (a reload)."""
        for lane in self._lanes:
            for name, share in lane.shares.items():
                share.weight = max(1, self._weight(name))

    def tidy(self, now_ms: int) -> None:
        """Forget flows that have been empty for a minute (their cursor must outlive uncommitted rows)."""
        for key, flow in list(self._flows.items()):
            if len(flow):
                flow.empty_since = 0
            elif not flow.empty_since:
                flow.empty_since = now_ms
            elif now_ms - flow.empty_since > 60_000:
                self._drop(key, flow, now_ms)
        if len(self._asleep) > 1_000 + 2 * len(self._flows):  # each time that came sooner left an old entry
            self._asleep = [(f.next_due, n, f) for n, f in enumerate(self._flows.values()) if f.stored]
            self._serial = len(self._flows)
            heapify(self._asleep)

    def flows(self) -> Iterator[Flow]:
        return iter(self._flows.values())

    def _drop(self, key: FlowKey, flow: Flow, now_ms: int) -> None:
        first = self._store.first_due(key, (0, 0))
        if first >= 0:
            # Whoever stored it was stopped before he offered it. Too high a count is set right by refill.
            flow.cursor, flow.stored, flow.next_due, flow.empty_since = (0, 0), CHUNK, first, 0
            self.count += CHUNK
            self._rest(flow)
            self._wake(now_ms)
            return
        del self._flows[key]
        flow.lane.rest(flow)
        flow.lane.remove(flow)

    def _flow(self, key: FlowKey) -> Flow:
        flow = self._flows.get(key)
        if flow is None:
            flow = self._flows[key] = Flow(key, self._lanes[lane_of(key[1], key[2])])
            flow.held = self._held(key)
            flow.lane.add(flow, self._weight)
        return flow


Waiting = list[tuple[int, Lane, list[Candidate]]]
"""The lanes from which a bearer could take something, most urgent first: (kind, lane, its accounts)."""


def _serve_alone(
    bearer: str,
    waiting: tuple[int, Lane, list[Candidate]],
    rooms: Sequence[int],
    passed: int,
    send: Callable[[Flow, int], tuple[int, bool]],
) -> int:
    """No lane but this one waits; its hunger then."""
    kind, lane, candidates = waiting
    served = lane.serve(candidates, rooms[kind], send)
    hunger = min(lane.hunger.get(bearer, 0) + passed, 2 * OVERDUE) - EACH * served
    if hunger > 0 and lane.active:
        lane.hunger[bearer] = hunger
        return hunger
    lane.hunger.pop(bearer, None)
    return 0


def _whose_turn(bearer: str, waiting: Waiting, rooms: Sequence[int]) -> tuple[int, int, bool]:
    """(index of the lane, how many segments, whether the floor says so): each lane below another is owed a twentieth.

    One that is hungry goes first; else the most urgent, until another is hungry. rooms: what is left for each kind.
    """
    highest = rooms[waiting[0][0]]
    chosen, most, until = -1, EACH - 1, highest
    for n, (kind, lane, _) in enumerate(waiting):
        hunger = lane.hunger[bearer]
        room = highest if hunger >= OVERDUE else rooms[kind]
        if n and hunger > most and room > 0:
            chosen, most, slots = n, hunger, min(hunger // EACH, room)
        elif n:
            until = min(until, max(1, (EACH if hunger < EACH else OVERDUE) - hunger))
    if chosen >= 0:
        return chosen, slots, True
    first = next((n for n, (kind, _, _) in enumerate(waiting) if rooms[kind] > 0), 0)
    return first, min(rooms[waiting[first][0]], until), False
