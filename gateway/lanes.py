"""Whose turn it is: lanes by urgency, accounts by weight within a lane, flows of an account in turn.

A lane keeps only its active flows at hand, those that have something to send now, so that a choice costs the
same with two flows and with two thousand. Accounts share by start-time fair queueing: served next is who has
used least of its weight; who comes back after a pause begins where the lane stands. Pure: nothing here reads
a clock or a store; queue.py says what a flow holds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heapreplace

from gateway.model import Message
from gateway.stores.store import FlowKey

__all__ = ["EACH", "LAG", "OVERDUE", "Allowed", "Candidate", "Flow", "Lane", "Share", "Turn"]

EACH = 19
"""Segments of others for each segment of a lane that waits: its floor, a twentieth."""

OVERDUE = EACH + 5
"""From here on a lane is fed from what is kept for those that pass it, and nothing goes past the queue."""

LAG = 16.0
"""How far an account may fall behind the others of its lane and still catch up: a text of several segments is
paid back, the past of a bearer that was down is not."""


class Flow:
    """Messages that leave in order. ready: those in memory; stored: those behind `cursor` in the store, the
    first of which comes due at next_due (Unix ms). active: it stands in its account's turn.
    """

    __slots__ = ("active", "cursor", "empty_since", "held", "key", "lane", "next_due", "ready", "stored")

    def __init__(self, key: FlowKey, lane: Lane) -> None:
        self.key = key
        self.lane = lane
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

Allowed = Callable[[str, int], bool]
"""May this bearer carry (route, kind) now?"""


class Share:
    """An account's part of a lane: its active flows in turn by route; used: segments served by weight."""

    __slots__ = ("flows", "turns", "used", "weight")

    def __init__(self, weight: int) -> None:
        self.weight = weight
        self.used = 0.0
        self.flows = 0
        self.turns: dict[str, Turn] = {}


Candidate = tuple[Share, list[Turn]]
"""An account that may be served, and its turns whose route allows it."""


class Lane:
    """One rank of urgency. clock: how much of its weight whoever was served last had used; hunger: by
    bearer, the segments of others that have passed what waits here, those paid back by the floor less.
    """

    __slots__ = ("active", "clock", "hunger", "shares")

    def __init__(self) -> None:
        self.shares: dict[str, Share] = {}
        self.active: dict[str, Share] = {}
        self.hunger: dict[str, int] = {}
        self.clock = 0.0

    def owe(self, bearer: str, segments: int) -> None:
        """So many that the floor had let go have come back."""
        self.hunger[bearer] = min(max(0, self.hunger.get(bearer, 0)) + EACH * segments, 2 * OVERDUE)

    def add(self, flow: Flow, weight: Callable[[str], int]) -> None:
        account = flow.key[3]
        share = self.shares.get(account)
        if share is None:
            share = self.shares[account] = Share(max(1, weight(account)))
        share.flows += 1

    def remove(self, flow: Flow) -> None:
        """Forget a flow that is not active."""
        account = flow.key[3]
        share = self.shares[account]
        share.flows -= 1
        if not share.flows:
            del self.shares[account]

    def activate(self, flow: Flow) -> None:
        """It has something to send: the last in its account's turn."""
        if flow.active or flow.held:
            return
        flow.active = True
        route, account = flow.key[0], flow.key[3]
        share = self.shares[account]
        if not share.turns:
            self.active[account] = share
            share.used = max(share.used, self.clock)
        share.turns.setdefault(route, deque()).append(flow)

    def rest(self, flow: Flow) -> None:
        """It has nothing to send now, or is held."""
        if not flow.active:
            return
        flow.active = False
        route, account = flow.key[0], flow.key[3]
        share = self.shares[account]
        share.turns[route].remove(flow)
        if not share.turns[route]:
            del share.turns[route]
            if not share.turns:
                del self.active[account]
                if not self.active:
                    self.hunger.clear()

    def candidates(self, kind: int, allowed: Allowed) -> list[Candidate]:
        """The accounts that have something on a route that is allowed."""
        answers: dict[str, bool] = {}
        found: list[Candidate] = []
        for share in self.active.values():
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

    def serve(
        self, candidates: list[Candidate], slots: int, send: Callable[[Flow, int], tuple[int, bool]]
    ) -> int:
        """Hand out up to `slots` segments, and say how many. May be called again with the same candidates.

        send(flow, n): sends up to n segments, says how many, and whether there are more: if not, it has put
        the flow to rest.
        """
        order = [(share.used, n, share, turns) for n, (share, turns) in enumerate(candidates) if turns]
        if not order:
            return 0
        least = max(order)[0] - LAG
        order = [(max(used, least), n, share, turns) for used, n, share, turns in order]
        heapify(order)
        served = 0
        while order and served < slots:
            used, n, share, turns = order[0]
            turn = turns.pop(0)
            alone = len(order) == 1 and not turns and len(turn) == 1
            got, more = send(turn[0], slots - served if alone else 1)
            served += got
            share.used = used + got / share.weight
            self.clock = max(self.clock, share.used if alone else used)
            if more:
                turn.rotate(-1)
            if turn:
                turns.append(turn)
            if turns:
                heapreplace(order, (share.used, n, share, turns))
            else:
                heappop(order)
        return served
