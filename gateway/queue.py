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

from gateway.lifecycle import WAITING
from gateway.model import LANES, Message, lane_of
from gateway.stores.store import FlowKey, Store

__all__ = ["WINDOW", "ActiveQueue", "Flow"]

WINDOW = 20_000
CHUNK = 500
FLOOR = 0.05


class Flow:
    """Messages that leave in order. ready: those in memory; stored: those behind `cursor` in the store, the
    first of which comes due at next_due (Unix ms; 0: at once or unknown)."""

    __slots__ = ("cursor", "empty_since", "held", "key", "next_due", "ready", "stored")

    def __init__(self, key: FlowKey) -> None:
        self.key = key
        self.ready: deque[Message] = deque()
        self.stored = 0
        self.next_due = 0
        self.cursor = (0, 0)
        self.held = False
        self.empty_since = 0

    def due(self, now_ms: int) -> bool:
        """Whether the store has messages of this flow that may leave now."""
        return self.stored > 0 and self.next_due <= now_ms

    def __len__(self) -> int:
        return len(self.ready) + self.stored


class Share:
    """An account's part of a lane: its flows in turn, and how much of its weight it has used (stride)."""

    __slots__ = ("flows", "used", "weight")

    def __init__(self, weight: int) -> None:
        self.weight = weight
        self.used = 0.0
        self.flows: deque[Flow] = deque()


class Lane:
    """One rank of urgency. credit: by bearer, the slots that the floor owes to this lane."""

    __slots__ = ("credit", "shares", "used")

    def __init__(self) -> None:
        self.shares: dict[str, Share] = {}
        self.credit: dict[str, float] = {}
        self.used = 0.0


Allowed = Callable[[str, int], bool]
"""May this bearer carry (route, kind) now?"""


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
        self._ending: set[int] = set()
        self.count = 0

    # ── in ───────────────────────────────────────────────────────────────────────────────────────────────
    def load(self, now_ms: int) -> None:
        """At start: learn what is stored; nothing is read into memory yet."""
        for waiting in self._store.waiting():
            flow = self._flow(waiting.key)
            flow.stored = waiting.count
            flow.next_due = waiting.first_due
            self.count += waiting.count

    def offer(self, messages: Iterable[Message], now_ms: int) -> None:
        """Messages that are durable in a waiting state, their backlog rows written."""
        for m in messages:
            flow = self._flow((m.route, m.kind, m.priority, m.account, m.tag))
            self.count += 1
            if m.due > now_ms:
                if not flow.stored or m.due < flow.next_due:
                    flow.next_due = m.due
                flow.stored += 1
            elif flow.due(now_ms) or self._ready >= self._window:
                flow.stored += 1
                flow.next_due = min(flow.next_due, m.due)
            else:
                flow.ready.append(m)
                flow.cursor = max(flow.cursor, (m.due, m.id))
                self._ready += 1

    def give_back(self, messages: Sequence[Message]) -> None:
        """Popped messages that did not leave after all: they go first again, in their order."""
        for m in reversed(messages):
            self._flow((m.route, m.kind, m.priority, m.account, m.tag)).ready.appendleft(m)
        self._ready += len(messages)
        self.count += len(messages)

    # ── out ──────────────────────────────────────────────────────────────────────────────────────────────
    def pop(
        self, bearer: str, slots: int, now_ms: int, allowed: Allowed, lowest: int = LANES
    ) -> list[Message]:
        """Messages for this bearer, most urgent first, about `slots` segments of them.

        allowed(route, kind): whether this bearer may carry it now. lowest: lanes from this rank on get nothing.
        What was cancelled meanwhile is left out; what has expired is not: dispatch ends it.
        """
        out: list[Message] = []
        waiting = [
            (rank, shares)
            for rank in range(min(lowest, LANES))
            if (shares := self._eligible(rank, now_ms, allowed))
        ]
        if not waiting:
            return out
        left = slots
        for rank, shares in waiting[1:]:  # the floor: a lane below another is owed a twentieth
            lane = self._lanes[rank]
            credit = min(lane.credit.get(bearer, 0.0) + FLOOR * slots, 1.0 + FLOOR * slots)
            whole = min(int(credit), left)
            if whole:
                taken = self._take(shares, whole, now_ms, out)
                credit -= taken
                left -= taken
            lane.credit[bearer] = credit
        for _, shares in waiting:
            if left <= 0:
                break
            left -= self._take(shares, left, now_ms, out)
        return out

    def waiting_rank(self, now_ms: int, allowed: Allowed) -> int:
        """The rank of the most urgent lane from which this bearer could take something now; LANES if none."""
        if not self.count:
            return LANES
        for rank in range(LANES):
            if self._eligible(rank, now_ms, allowed):
                return rank
        return LANES

    def anything_waits(self, now_ms: int, allowed: Allowed) -> bool:
        return self.waiting_rank(now_ms, allowed) < LANES

    def _eligible(self, rank: int, now_ms: int, allowed: Allowed) -> list[tuple[Share, list[Flow]]]:
        lane = self._lanes[rank]
        kind = rank >> 2
        found = []
        for share in lane.shares.values():
            flows = [
                flow
                for flow in share.flows
                if (flow.ready or flow.due(now_ms)) and not flow.held and allowed(flow.key[0], kind)
            ]
            if flows:
                found.append((share, flows))
        return found

    def _take(
        self, shares: list[tuple[Share, list[Flow]]], slots: int, now_ms: int, out: list[Message]
    ) -> int:
        """Up to `slots` segments from the shares of one lane; returns how many were taken."""
        floor_used = max(share.used for share, _ in shares)
        for share, _ in shares:  # who comes back after a pause does not collect the past
            share.used = max(share.used, floor_used - 1.0)
        taken = 0
        while shares and taken < slots:
            share, flows = shares[0] if len(shares) == 1 else min(shares, key=_used)
            flow = flows[0]
            run = slots - taken if len(shares) == 1 and len(flows) == 1 else 1
            got = self._from_flow(flow, run, now_ms, out)
            if got:
                taken += got
                share.used += got / share.weight
                flows.append(flows.pop(0))
                share.flows.rotate(-1)
            else:
                flows.pop(0)
                if not flows:
                    shares = [pair for pair in shares if pair[1]]
        return taken

    def _from_flow(self, flow: Flow, slots: int, now_ms: int, out: list[Message]) -> int:
        taken = 0
        while taken < slots:
            if not flow.ready and not (flow.due(now_ms) and self._refill(flow, now_ms)):
                break
            message = flow.ready.popleft()
            self._ready -= 1
            self.count -= 1
            if message.state not in WAITING:
                continue  # cancelled, held or replaced while it stood here
            out.append(message)
            taken += message.parts
        return taken

    def _refill(self, flow: Flow, now_ms: int) -> bool:
        room = min(CHUNK, max(1, self._window - self._ready))
        found = self._store.refill(flow.key, flow.cursor, now_ms, room)
        if found:
            last = found[-1]
            flow.cursor = (last.listed, last.id)
            fresh = [m for m in found if m.id not in self._ending]
            flow.ready.extend(fresh)
            self._ready += len(fresh)
            self.count -= len(found) - len(fresh)
        flow.stored = max(0, flow.stored - len(found))
        if len(found) < room:
            flow.next_due = self._store.first_due(flow.key, flow.cursor)
            if not flow.next_due:
                self.count -= flow.stored
                flow.stored = 0
        return bool(flow.ready)

    # ── changes from outside ─────────────────────────────────────────────────────────────────────────────
    def leave(self, message: Message, loaded: bool) -> None:
        """A waiting message ended or was held by someone else. loaded: it is one of the objects in memory.

        One that is only stored keeps its row until the change is durable: until `left`, refill skips it.
        """
        if loaded:
            return  # popped and skipped later, by its state
        flow = self._flows.get((message.route, message.kind, message.priority, message.account, message.tag))
        if flow is not None and flow.stored and (message.listed, message.id) > flow.cursor:
            flow.stored -= 1
            self.count -= 1
            self._ending.add(message.id)

    def left(self, message: Message) -> None:
        self._ending.discard(message.id)

    def refresh_holds(self) -> None:
        for flow in self._flows.values():
            flow.held = self._held(flow.key)

    def tidy(self, now_ms: int) -> None:
        """Forget flows that have been empty for a minute (their cursor must outlive uncommitted rows)."""
        for key, flow in list(self._flows.items()):
            if len(flow):
                flow.empty_since = 0
            elif not flow.empty_since:
                flow.empty_since = now_ms
            elif now_ms - flow.empty_since > 60_000:
                self._drop(key, flow)

    def flows(self) -> Iterator[Flow]:
        return iter(self._flows.values())

    def _drop(self, key: FlowKey, flow: Flow) -> None:
        del self._flows[key]
        shares = self._lanes[lane_of(key[1], key[2])].shares
        share = shares[key[3]]
        share.flows.remove(flow)
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
            share.flows.append(flow)
        return flow


def _used(pair: tuple[Share, list[Flow]]) -> float:
    return pair[0].used
