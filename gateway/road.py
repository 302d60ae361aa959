"""One bearer as dispatch sees it: what it may take now, what stands ready for it, what it has not answered.

Owns no policy. `staged` holds segments that are durably INFLIGHT and wait only for the throttle (some 20 ms
at most), by kind, so that an OTP that has just become durable passes them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import cast

from drivers.bearer import Accepted, Bearer, Doubtful, Refused, Remedy, Segment, Unsent
from drivers.sms.split import split
from gateway.lanes import EACH
from gateway.lifecycle import State
from gateway.model import Kind, Message, Part
from gateway.routing import Health
from gateway.throttle import Adaptive, Backoff, SlidingSecond, Throttle

__all__ = [
    "AHEAD",
    "DOUBT",
    "GIVE_UP",
    "NEXT_ROUTE",
    "RETRY",
    "SLOW_DOWN",
    "UNSENT",
    "Aside",
    "LongSend",
    "Road",
    "Room",
    "most_room",
    "segments_left",
]

UNSENT, SLOW_DOWN, RETRY, NEXT_ROUTE, DOUBT, GIVE_UP = range(1, 7)
"""How bad an answer is: the worst of its segments' decides for a text."""

AHEAD = 0.02
"""Seconds before its slot that a message is made durable as INFLIGHT: about one commit."""


AHEAD_OF_ANSWERS = 0.05
"""Seconds of answers that are counted on: a bearer that has just answered n segments will soon take n more, and
those may be made durable now, so that a window is refilled at once and not one commit later."""


_LOWEST = Kind.MARKETING  # an enum's members are slow to reach


class Road:
    """See the module. taking: segments whose INFLIGHT is being written. tries: how often a refusal is retried.
    passed: segments that went straight through since the queue last had a turn. owed: ids of messages that leave by
    their lane's floor. behind: by kind, the segments that left while what stood ready of it did not; hunger: those
    taken while something waited aside.
    """

    __slots__ = (
        "accepted",
        "adaptive",
        "answers",
        "backoff",
        "bearer",
        "behind",
        "disabled",
        "doubtful",
        "draining",
        "health",
        "hunger",
        "last_accept",
        "name",
        "owed",
        "passed",
        "refused",
        "reserves",
        "staged",
        "staged_count",
        "status",
        "taking",
        "throttle",
        "tries",
        "unanswered",
    )

    def __init__(
        self,
        name: str,
        bearer: Bearer,
        kinds: Iterable[int],
        rate: float,
        reserve: dict[int, int],
        backoff: Backoff,
        tries: int,
        now: float,
        note: str = "",
    ) -> None:
        self.name = name
        self.bearer = bearer
        self.health = Health(kinds, now, note)
        self.throttle = Throttle(rate, kept_for_higher(reserve, rate))
        self.adaptive = Adaptive(rate)
        self.backoff = backoff
        self.tries = tries
        self.staged: tuple[deque[Segment], ...] = tuple(deque() for _ in Kind)
        self.staged_count = 0
        self.reserves = bool(kept_for_higher(reserve, rate))
        self.taking = 0
        self.passed = 0
        self.owed: set[int] = set()
        self.hunger = 0
        self.behind = [0] * len(self.staged)
        self.unanswered: dict[Segment, None] = {}  # in the order in which they left
        self.disabled = ""
        self.draining = False
        self.status: dict[str, dict[str, str | int | float | bool]] = {}
        self.answers = SlidingSecond(0, AHEAD_OF_ANSWERS)
        self.accepted = 0
        self.refused = 0
        self.doubtful = 0
        self.last_accept = 0.0

    @property
    def open(self) -> bool:
        return self.health.up and not self.disabled and not self.draining

    @property
    def own_number(self) -> str:
        """What handsets write to when they answer by this bearer: the number that it has shown, else its name."""
        known = (str(fields.get("number", "")) for fields in self.status.values())
        return next(
            (n for n in known if n[:1] == "+" and n[1:].isdecimal()), self.name
        )  # one that is not masked

    def room(self, now: float, kind: int = _LOWEST) -> int:
        """How many more segments of this kind may be made INFLIGHT now; a reserve leaves higher kinds more."""
        free = self._free(now)
        return self._share(free, now, kind) if free > 0 else 0

    def rooms(self, now: float) -> list[int]:
        """The same for each kind, that of the others counted."""
        free = self._free(now)
        if free <= 0:
            return [0] * len(self.staged)
        if not self.reserves:
            return [self._share(free, now, _LOWEST)] * len(self.staged)
        return [self._share(free, now, kind) for kind in range(len(self.staged))]

    def _free(self, now: float) -> int:
        """What the bearer would take now, whatever the rate says and whoever stands ready."""
        if not self.open or self.adaptive.paused(now):
            return 0
        free = self.bearer.credit() - self.answers.free(now)
        if free > 0 and self.health.sick:  # one message at a time, to see whether it is well again
            return 0 if self.unanswered else 1
        return free

    def _share(self, free: int, now: float, kind: int) -> int:
        ready = self.staged_count
        if kind != _LOWEST:
            ready = sum([len(self.staged[k]) for k in range(kind + 1)])
        return min(free, self.throttle.free(now + AHEAD, kind)) - ready - self.taking

    def look_at(self, outcomes: Iterable[Accepted | Refused | Unsent | Doubtful], now: float) -> str:
        """What these answers say of the bearer itself: "sick" or "well" when that has just changed, else ""."""
        health = self.health
        for outcome in outcomes:
            if isinstance(outcome, Unsent):
                continue
            if isinstance(outcome, Doubtful):
                turned = health.trouble(outcome.segment.id, outcome.reason, now)
            elif isinstance(outcome, Refused) and outcome.remedy in (Remedy.RETRY, Remedy.SLOW_DOWN):
                turned = health.trouble(outcome.segment.id, outcome.text, now)
            elif health.fine(now):
                return "well"
            else:
                continue
            if turned:
                return "sick"
        return ""

    def stage(self, segments: Iterable[Segment], kind: int) -> None:
        queue = self.staged[kind]
        before = len(queue)
        queue.extend(segments)
        self.staged_count += len(queue) - before

    def stage_whole(self, m: Message) -> None:
        """The same of a message that goes in one piece."""
        rank = self.rank_of(m)
        expires = m.expires / 1000 if m.expires else 0.0
        whole = Segment(
            m.id, -1, m.source, m.destination, m.data_coding, m.udh, m.payload, expires, True, m.priority, m
        )  # fmt: skip
        self.staged[rank].append(whole)
        self.staged_count += 1

    def rank_of(self, m: Message) -> int:
        """As which kind it stands ready: what its lane's floor lets go has a right to the highest one's slots."""
        if m.id not in self.owed:
            return m.kind
        self.owed.discard(m.id)
        self._promote(m.kind)  # what it must not overtake
        return 0

    def _promote(self, kind: int) -> None:
        """What stands ready of this kind goes among the highest from here on."""
        if kind:
            self.staged[0].extend(self.staged[kind])
            self.staged[kind].clear()
            self.behind[kind] = 0

    def hand_over(self, now: float) -> list[Segment]:
        """The staged segments that may go to the transport at this very moment; the throttle counts them.

        What stood ready while EACH segments passed it, as a reserve would let them for ever, waits no more.
        """
        if not self.staged_count or not self.open or self.adaptive.paused(now):
            return []
        for kind, count in enumerate(self.behind):
            if count >= EACH:
                self._promote(kind)
        credit = self.bearer.credit()
        out: list[Segment] = []
        stayed = []
        for kind, queue in enumerate(self.staged):
            if not queue:
                continue
            count = min(len(queue), credit - len(out), self.throttle.free(now, kind))
            if count <= 0:
                stayed.append(kind)
                continue
            self.behind[kind] = 0
            self.throttle.take(count, now)
            if count == len(queue):
                out.extend(queue)
                queue.clear()
            else:
                out.extend(queue.popleft() for _ in range(count))
        self.staged_count -= len(out)
        for kind in stayed:
            self.behind[kind] += len(out)
        return out

    def fed(self) -> set[int]:
        """Ids of what stands ready by its lane's floor."""
        return {segment.id for segment in self.staged[0] if cast("Message", segment.context).kind}

    def unstage(self) -> list[Segment]:
        """All that was staged, and will not leave by this road now."""
        out = [segment for queue in self.staged for segment in queue]
        for queue in self.staged:
            queue.clear()
        self.staged_count = 0
        return out


class Room:
    """What a bearer may take at once of one kind, while a batch is given out: `left` segments."""

    __slots__ = ("left", "road")

    def __init__(self, road: Road, left: int) -> None:
        self.road = road
        self.left = left


def most_room(rooms: Iterable[Room], parts: int) -> Room | None:
    """That of the bearer which has most, if one has enough."""
    best: Room | None = None
    most = parts - 1
    for room in rooms:
        if room.left > most:
            best, most = room, room.left
            if (
                best.road.health.sick
            ):  # its turn to be tried: beside one that is well it would never be chosen
                break
    return best


def segments_left(m: Message, bearer: str) -> list[Segment]:
    """Of a text in parts: those that no carrier has yet, on their way by this bearer now."""
    expires = m.expires / 1000 if m.expires else 0.0
    if m.part_states is None:
        m.part_states = [Part() for _ in range(m.parts)]
    reference = (m.id ^ m.id >> 22) & 0xFF
    out = []
    for index, (udh, payload) in enumerate(split(m.payload, m.data_coding, reference)):
        part = m.part_states[index]
        if part.state is not State.QUEUED:
            continue  # the carrier has this one: only the rest is sent
        part.state = State.INFLIGHT
        part.bearer = bearer
        part.tries += 1
        piece = Segment(
            m.id, index, m.source, m.destination, m.data_coding, udh, payload, expires, True, m.priority, m
        )  # fmt: skip
        out.append(piece)
    return out


class LongSend:
    """A message of several segments under way: how many answers are missing, the worst so far, how many in doubt."""

    __slots__ = ("code", "doubtful", "missing", "text", "why", "worst")

    def __init__(self, missing: int) -> None:
        self.missing = missing
        self.worst = 0
        self.code = 0
        self.text = ""
        self.doubtful = 0
        self.why = ""

    def failed(self, rank: int, code: int, text: str) -> None:
        if rank == DOUBT:
            self.doubtful += 1
            self.why = text
        elif rank > self.worst:
            self.worst, self.code, self.text = rank, code, text

    def verdict(self) -> tuple[int, int, str]:
        """(rank, code, text) of the worst; rank 0 when all were accepted."""
        if self.doubtful and self.worst < DOUBT:
            return DOUBT, 0, self.why
        return self.worst, self.code, self.text


class Aside:
    """A message that not every bearer of its route may take: one refused it, or one has half of it.

    avoid: bearers that refused it. only: the bearer that has the first part; from `until` (steady seconds) on
    another one may have the text anew.
    """

    __slots__ = ("avoid", "message", "not_before", "only", "until")

    def __init__(
        self, message: Message, avoid: frozenset[str], only: str, not_before: float, until: float
    ) -> None:
        self.message = message
        self.avoid = avoid
        self.only = only
        self.not_before = not_before
        self.until = until


def kept_for_higher(reserve: dict[int, int], rate: float) -> tuple[int, ...]:
    """For each kind, how many of each second's slots are kept for the kinds above it (0 below rate 10)."""
    if rate < 10:
        return ()
    kept = 0
    out = []
    for kind in Kind:
        out.append(kept)
        kept += reserve.get(kind, 0)
    return tuple(out) if kept else ()
