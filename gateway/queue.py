"""The active window: a bounded part, in memory, of the queue that is stored.

After Postfix's queue manager. The store is the queue; here stand at most WINDOW messages of it, by flow:
(route, kind, priority, account, tag). Messages of a flow leave in order; flows of a lane share it, accounts by
weight, then tags in turn; lanes go in order of kind and priority_flag, and each lower lane that waits gets at
least 5 % of the slots. A flow whose route has no working bearer is not refilled: it costs no memory.

Promises: a message enters here only once it is durable, and each is popped once. Never does I/O but two
range reads of the store; never changes a state: dispatch does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush, heapreplace

from gateway.lifecycle import State
from gateway.model import LANES, Message, lane_of
from gateway.stores.store import FlowKey, Store

__all__ = ["WINDOW", "ActiveQueue", "Flow"]

WINDOW = 20_000
CHUNK = 500
LEAST = 32
"""What a refill reads even when the window is full: of flows that can leave, at the cost of those that cannot."""
FLOOR = 0.05
LAG = 16.0
"""How far an account may fall behind the others of its lane and still catch up: a text of several segments is
paid back, the past of a bearer that was down is not."""


class Flow:
    """Messages that leave in order. ready: those in memory; stored: those behind `cursor` in the store, the
    first of which comes due at next_due (Unix ms). active: it stands in its account's turn."""

    __slots__ = ("active", "cursor", "empty_since", "held", "key", "next_due", "ready", "stored")

    def __init__(self, key: FlowKey) -> None:
        self.key = key
        self.ready: deque[Message] = deque()
        self.stored = 0
        self.next_due = 0
        self.cursor = (0, 0)
        self.active = False
        self.held = False
        self.empty_since = 0

    def due(self, now_ms: int) -> bool:
        """Whether the store has messages of this flow that may leave now."""
        return self.stored > 0 and self.next_due <= now_ms

    def __len__(self) -> int:
        return len(self.ready) + self.stored


Turn = deque[Flow]


class Share:
    """An account's part of a lane: its active flows in turn, by route, and how much of its weight it has used."""

    __slots__ = ("flows", "turns", "used", "weight")

    def __init__(self, weight: int) -> None:
        self.weight = weight
        self.used = 0.0
        self.flows = 0
        self.turns: dict[str, Turn] = {}


class Lane:
    """One rank of urgency. active: the shares that have something to send; clock: how much of its weight the
    share that was served last had used; credit: by bearer, the slots that the floor owes to this lane."""

    __slots__ = ("active", "clock", "credit", "shares")

    def __init__(self) -> None:
        self.shares: dict[str, Share] = {}
        self.active: dict[str, Share] = {}
        self.credit: dict[str, float] = {}
        self.clock = 0.0


_MAY_LEAVE = frozenset({State.QUEUED, State.SCHEDULED})

Allowed = Callable[[str, int], bool]
"""May this bearer carry (route, kind) now?"""

Candidate = tuple[Share, list[Turn]]
"""An account that may be served, and its turns whose route allows it."""


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
            if m.due <= now_ms and self._ready < self._window and (
                place <= flow.cursor or not flow.due(now_ms)
            ):  # nothing that is stored and due stands before it
                flow.ready.append(m)
                self._loaded[m.id] = m
                self._ready += 1
                flow.cursor = max(flow.cursor, place)
                self._activate(flow)
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
            self._activate(flow)

    def give_back(self, messages: Sequence[Message]) -> None:
        """Popped messages that did not leave after all: they go first again, in their order."""
        for m in reversed(messages):
            if m.state not in _MAY_LEAVE or m.id in self._loaded:
                continue
            flow = self._flow((m.route, m.kind, m.priority, m.account, m.tag))
            flow.ready.appendleft(m)
            self._loaded[m.id] = m
            self._ready += 1
            self.count += 1
            self._activate(flow)

    # ── out ──────────────────────────────────────────────────────────────────────────────────────────────
    def pop(
        self, bearer: str, slots: int, now_ms: int, allowed: Allowed, lowest: int = LANES
    ) -> list[Message]:
        """Messages for this bearer, most urgent first, about `slots` segments of them.

        allowed(route, kind): whether this bearer may carry it now. lowest: lanes from this rank on get nothing.
        What was cancelled meanwhile is left out; what has expired is not: dispatch ends it. The caller writes
        that they left before it returns to the loop: until then their rows look as if they still waited.
        """
        self._wake(now_ms)
        out: list[Message] = []
        waiting = [
            (lane, candidates)
            for rank, lane in enumerate(self._lanes[:lowest])
            if lane.active and (candidates := self._eligible(lane, rank >> 2, allowed))
        ]
        left = slots
        for lane, candidates in waiting[1:]:  # the floor: a lane below another is owed a twentieth
            credit = min(lane.credit.get(bearer, 0.0) + FLOOR * slots, 1.0 + FLOOR * slots)
            whole = min(int(credit), left)
            if whole > 0:
                taken = self._take(lane, candidates, whole, now_ms, out)
                credit -= taken
                left -= taken
            lane.credit[bearer] = credit
        for lane, candidates in waiting:
            if left <= 0:
                break
            left -= self._take(lane, candidates, left, now_ms, out)
        for m in out:
            del self._loaded[m.id]
        return out

    def waiting_rank(self, now_ms: int, allowed: Allowed) -> int:
        """The rank of the most urgent lane from which this bearer could take something now; LANES if none."""
        if not self.count:
            return LANES
        self._wake(now_ms)
        for rank, lane in enumerate(self._lanes):
            if lane.active and self._eligible(lane, rank >> 2, allowed):
                return rank
        return LANES

    def anything_waits(self, now_ms: int, allowed: Allowed) -> bool:
        return self.waiting_rank(now_ms, allowed) < LANES

    def _eligible(self, lane: Lane, kind: int, allowed: Allowed) -> list[Candidate]:
        answers: dict[str, bool] = {}
        found: list[Candidate] = []
        for share in lane.active.values():
            turns = []
            for route, turn in share.turns.items():
                answer = answers.get(route)
                if answer is None:
                    answer = answers[route] = allowed(route, kind)
                if answer:
                    turns.append(turn)
            if turns:
                found.append((share, turns))
        return found

    def _take(
        self, lane: Lane, candidates: list[Candidate], slots: int, now_ms: int, out: list[Message]
    ) -> int:
        """Up to `slots` segments, each time from the account that has used least of its weight; how many."""
        order = [(share.used, n, share, turns) for n, (share, turns) in enumerate(candidates) if turns]
        if not order:
            return 0
        least = max(order)[0] - LAG
        order = [(max(used, least), n, share, turns) for used, n, share, turns in order]
        heapify(order)
        taken = 0
        while order and taken < slots:
            used, n, share, turns = order[0]
            flow = turns[0][0]
            alone = len(order) == 1 and len(turns) == 1 and len(turns[0]) == 1
            got = self._from_flow(flow, slots - taken if alone else 1, now_ms, out)
            lane.clock = max(lane.clock, used)
            taken += got
            share.used = used = used + got / share.weight
            if got and (flow.ready or flow.due(now_ms)):
                turns[0].rotate(-1)
                turns.append(turns.pop(0))
            else:
                if len(turns[0]) == 1:
                    del turns[0]
                self._rest(flow)
            if turns:
                heapreplace(order, (used, n, share, turns))
            else:
                heappop(order)
        return taken

    def _from_flow(self, flow: Flow, slots: int, now_ms: int, out: list[Message]) -> int:
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
        return taken

    def _refill(self, flow: Flow, now_ms: int) -> bool:
        """Read what is stored and due, and never more than was offered: the rest is still on its way here."""
        while flow.stored and flow.next_due <= now_ms and not flow.ready:
            limit = min(flow.stored, CHUNK, max(LEAST, self._window - self._ready))
            found = self._store.refill(flow.key, flow.cursor, now_ms, limit)
            for m in found:
                flow.cursor = (m.listed, m.id)
                if m.id not in self._loaded and m.id not in self._ending:  # these were never counted as stored
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

    # ── turns ────────────────────────────────────────────────────────────────────────────────────────────
    def _activate(self, flow: Flow) -> None:
        """It has something to send: its account comes in where the lane stands, and is owed no past."""
        if flow.active or flow.held:
            return
        flow.active = True
        route, kind, priority, account, _ = flow.key
        lane = self._lanes[lane_of(kind, priority)]
        share = lane.shares[account]
        if not share.turns:
            lane.active[account] = share
            share.used = max(share.used, lane.clock)
        share.turns.setdefault(route, deque()).append(flow)

    def _rest(self, flow: Flow) -> None:
        """It has nothing to send now: out of its turn, until something is offered or comes due."""
        if flow.active:
            flow.active = False
            route, kind, priority, account, _ = flow.key
            lane = self._lanes[lane_of(kind, priority)]
            share = lane.shares[account]
            share.turns[route].remove(flow)
            if not share.turns[route]:
                del share.turns[route]
                if not share.turns:
                    del lane.active[account]
        if flow.stored:
            self._serial += 1
            heappush(self._asleep, (flow.next_due, self._serial, flow))

    def _wake(self, now_ms: int) -> None:
        asleep = self._asleep
        while asleep and asleep[0][0] <= now_ms:
            flow = heappop(asleep)[2]
            if flow.ready or flow.due(now_ms):
                self._activate(flow)

    # ── changes from outside ─────────────────────────────────────────────────────────────────────────────
    def loaded(self, message_id: int) -> Message | None:
        """The object in memory, if this waiting message is one: change that one and no copy."""
        return self._loaded.get(message_id)

    def leave(self, message: Message) -> None:
        """A waiting message is about to end or to be held by someone else; called before its change is written.

        One that is only stored keeps its row until the change is durable: until `left`, refill skips it.
        """
        if message.id in self._loaded:
            return  # popped and skipped later, by its state
        flow = self._flows.get((message.route, message.kind, message.priority, message.account, message.tag))
        if flow is not None and flow.stored and (message.listed, message.id) > flow.cursor:
            flow.stored -= 1
            self.count -= 1
            self._ending.add(message.id)

    def left(self, messages: Iterable[Message]) -> None:
        """Their changes are durable."""
        self._ending.difference_update(m.id for m in messages)

    def lay_aside(self, message: Message) -> None:
        """A waiting message stands in other hands (outcomes.aside): its row is not read here, `loaded` finds it."""
        self._loaded[message.id] = message

    def pick_up(self, message: Message) -> None:
        """It is aside no more: it leaves, or is given back."""
        self._loaded.pop(message.id, None)

    def refresh_holds(self) -> None:
        for flow in self._flows.values():
            flow.held = self._held(flow.key)
            if flow.held and flow.active:
                self._rest(flow)
            elif len(flow) and not flow.held:
                self._activate(flow)

    def tidy(self, now_ms: int) -> None:
        """Forget flows that have been empty for a minute (their cursor must outlive uncommitted rows)."""
        for key, flow in list(self._flows.items()):
            if len(flow):
                flow.empty_since = 0
            elif not flow.empty_since:
                flow.empty_since = now_ms
            elif now_ms - flow.empty_since > 60_000:
                self._drop(key, flow, now_ms)
        if len(self._asleep) > 1_000 + 2 * len(self._flows):  # a flow whose first due time fell left old entries
            self._asleep = [(f.next_due, n, f) for n, f in enumerate(self._flows.values()) if f.stored]
            self._serial = len(self._flows)
            heapify(self._asleep)

    def flows(self) -> Iterator[Flow]:
        return iter(self._flows.values())

    def _drop(self, key: FlowKey, flow: Flow, now_ms: int) -> None:
        first = self._store.first_due(key, (0, 0))
        if first >= 0:  # whoever stored it was stopped before he offered it; too high a count is set right later
            flow.cursor, flow.stored, flow.next_due, flow.empty_since = (0, 0), CHUNK, first, 0
            self.count += CHUNK
            self._rest(flow)
            self._wake(now_ms)
            return
        self._rest(flow)
        del self._flows[key]
        shares = self._lanes[lane_of(key[1], key[2])].shares
        share = shares[key[3]]
        share.flows -= 1
        if not share.flows:
            del shares[key[3]]

    def _flow(self, key: FlowKey) -> Flow:
        flow = self._flows.get(key)
        if flow is None:
            flow = self._flows[key] = Flow(key)
            flow.held = self._held(key)
            shares = self._lanes[lane_of(key[1], key[2])].shares
            share = shares.get(key[3])
            if share is None:
                share = shares[key[3]] = Share(max(1, self._weight(key[3])))
            share.flows += 1
        return flow
