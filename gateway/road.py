"""One bearer as dispatch sees it: what it may take now, what stands ready for it, what it has not answered.

Owns no policy. `staged` holds segments that are durably INFLIGHT and wait only for the throttle (some 20 ms
at most), by kind, so that an OTP that has just become durable passes them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from drivers.bearer import Accepted, Bearer, Doubtful, Refused, Remedy, Segment, Unsent
from gateway.model import Kind, Message
from gateway.routing import Health
from gateway.throttle import Adaptive, Backoff, SlidingSecond, Throttle

__all__ = ["AHEAD", "Aside", "LongSend", "Road"]

AHEAD = 0.02
"""Seconds before its slot that a message is made durable as INFLIGHT: about one commit."""


AHEAD_OF_ANSWERS = 0.05
"""Seconds of answers that are counted on: a bearer that has just answered n segments will soon take n more, and
those may be made durable now, so that a window is refilled at once and not one commit later."""


class Road:
    """See the module. taking: segments whose INFLIGHT is being written. tries: how often a refusal is retried.
    passed: messages that went straight through while others waited, since the queue last had a turn.
    """

    __slots__ = (
        "accepted",
        "adaptive",
        "answers",
        "backoff",
        "bearer",
        "disabled",
        "doubtful",
        "draining",
        "health",
        "last_accept",
        "name",
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

    def room(self, now: float, kind: int = Kind.MARKETING) -> int:
        """How many more segments of this kind may be made INFLIGHT now; a reserve leaves higher kinds more."""
        if not self.open or self.adaptive.paused(now):
            return 0
        free = self.bearer.credit() - self.answers.free(now)
        if free <= 0:
            return 0
        if self.health.sick:  # one message at a time, to see whether it is well again
            free = min(free, 1) if not self.unanswered else 0
        ready = (
            self.staged_count if kind == Kind.MARKETING else sum(len(self.staged[k]) for k in range(kind + 1))
        )
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
            elif health.fine():
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

    def hand_over(self, now: float) -> list[Segment]:
        """The staged segments that may go to the transport at this very moment; the throttle counts them."""
        if not self.staged_count or not self.open or self.adaptive.paused(now):
            return []
        credit = self.bearer.credit()
        out: list[Segment] = []
        for kind, queue in enumerate(self.staged):
            if not queue:
                continue
            count = min(len(queue), credit - len(out), self.throttle.free(now, kind))
            if count <= 0:
                continue
            self.throttle.take(count, now)
            if count == len(queue):
                out.extend(queue)
                queue.clear()
            else:
                out.extend(queue.popleft() for _ in range(count))
        self.staged_count -= len(out)
        return out

    def unstage(self) -> list[Segment]:
        """All that was staged, and will not leave by this road now."""
        out = [segment for queue in self.staged for segment in queue]
        for queue in self.staged:
            queue.clear()
        self.staged_count = 0
        return out


class LongSend:
    """A message of several segments under way: how many answers are missing, and the worst so far."""

    __slots__ = ("code", "missing", "text", "worst")

    def __init__(self, missing: int) -> None:
        self.missing = missing
        self.worst = 0
        self.code = 0
        self.text = ""


class Aside:
    """A message that not every bearer of its route may take: one refused it, or one has half of it.

    avoid: bearers that refused it. only: the bearer that has the first part, until `until` (steady seconds).
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
