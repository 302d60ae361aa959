"""OTP first, save the floor; and nobody starves: judged by who left by a bearer while somebody else could have.

Bounds with the room that a gateway may rightly use: what stood ready for the window when the urgent one came, a twentieth
for each lane below, and long messages that had begun.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

from simulation.books import Ask, Attempt, Books

__all__ = ["judge_lanes"]

READY = 25
"""Segments that may stand ready for a window of 20 ahead of one that comes now, and a long message's rest."""
TWENTIETHS = 0.2
"""The floors of three lanes, rounded up."""
EACH = 19
"""Segments of OTPs that may pass a lane that waits for each segment of its last text: a twentieth is its floor."""
HUNGER = 45
"""And those that stood ready for the window when its turn came, and what an OTP of three segments is above."""
SETTLED = 11.0
"""Seconds for which a lower tier, the SIM, keeps its kinds when a better bearer is back; and a bit."""
Left = list[tuple[float, Ask, Attempt]]


def judge_lanes(books: Books, disturbed: Callable[[float, float], bool]) -> None:
    """OTP, TRANS and PROMO have the same route: what one may, the others may. disturbed(begin, end): nothing is said then."""
    by_bearer: dict[str, Left] = {}
    for ask in books.asks.values():
        for attempt in ask.attempts:
            by_bearer.setdefault(attempt.bearer, []).append((attempt.handed, ask, attempt))
    for left in by_bearer.values():
        left.sort(key=lambda each: each[0])
    for ask in books.asks.values():
        if ask.kind not in ("OTP", "TRANS") or not ask.ids or not ask.attempts or ask.wait:
            continue
        first = ask.attempts[0]
        begin, end = ask.accepted_at, first.handed
        if end - begin < 0.2 or disturbed(begin - 5, end) or _held(books, begin, end):
            continue
        left = by_bearer[first.bearer]
        passed = left[bisect_left(left, begin, key=_when) : bisect_left(left, end, key=_when)]
        if ask.kind == "OTP":
            if not _back_late(passed, by_bearer.get("sim1", []), begin, end):
                _first(books, ask, passed)
        else:
            before = next(
                (
                    o
                    for _, o, _ in reversed(left[: bisect_left(left, begin, key=_when)])
                    if o.kind == ask.kind
                ),
                ask,
            )
            _fed(books, ask, passed, before.parts)


def _when(each: tuple[float, Ask, Attempt]) -> float:
    return each[0]


def _held(books: Books, begin: float, end: float) -> bool:
    return any(since <= end and begin <= until for since, until in books.holds)


def _back_late(passed: Left, sim: Left, begin: float, end: float) -> bool:
    """Whether the bearer was down until just now, and the SIM took OTPs in its stead: it does so for a moment yet."""
    took = bisect_left(sim, begin, key=_when) < bisect_left(sim, end, key=_when)
    return took and bool(passed) and passed[0][0] > end - SETTLED


def _first(books: Books, ask: Ask, passed: Left) -> None:
    lower = [each for each in passed if each[1].kind in ("TRANS", "PROMO") and each[2].part == 1]
    most = READY + TWENTIETHS * len(passed)
    if len(lower) > most:
        books.violation(
            "lanes",
            f"{ask} waited from {ask.accepted_at:.3f} on, {len(lower)} of {len(passed)} that passed were less urgent",
        )


def _fed(books: Books, ask: Ask, passed: Left, last: int) -> None:
    """The longest run of OTPs with nobody of its lane among them. last: the segments of what left of it before."""
    run = 0
    for _, other, _ in passed:
        if other.kind == ask.kind:
            run, last = 0, other.parts
        run += other.kind == "OTP"
        if run > EACH * last + HUNGER:
            books.violation(
                "lanes", f"{ask} waited from {ask.accepted_at:.3f} on, and {run} OTPs passed its lane"
            )
            return
