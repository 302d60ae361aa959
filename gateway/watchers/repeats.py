"""Too many lines of one sort: the first ones stand as they are, then one a minute with how many were left out.

A structlog processor. Parts that know a repetition when they see one say less by themselves; this is for what
nobody foresaw, so that no fault of a peer fills a disk. A sort is the event with whom it is about: what happens
to one bearer says nothing of another. Lines of level debug are asked for, and pass.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any

from structlog import DropEvent

__all__ = ["Repeats"]

Line = MutableMapping[str, Any]
Sort = tuple[str, ...]

WINDOW = 60.0
"""Seconds over which lines of a sort are counted."""
BURST = 20
"""How many of a sort may stand in one window: a whole fleet's start or end, and any sequence worth reading."""
MOST = 2_000
"""Sorts remembered: beyond, all start anew, which costs lines and no memory."""
_ABOUT = ("bearer", "bind", "account", "alarm", "verb", "who")


class _Count:
    __slots__ = ("dropped", "said", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        self.said = 0
        self.dropped = 0


class Repeats:
    """See the module. clock: seconds that never jump."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._counts: dict[Sort, _Count] = {}

    def __call__(self, _logger: object, name: str, line: Line) -> Line:
        """The line, with `left_out` when some were; raises DropEvent instead."""
        if name == "debug":
            return line
        now = self._clock()
        count = self._count(_sort(line), now)
        if now - count.since >= WINDOW:
            # A sort that went on through the whole window is still a storm: one line for it, not a burst again.
            count.said = BURST if count.dropped else 1
            count.since = now
        elif count.said < BURST:
            count.said += 1
        else:
            count.dropped += 1
            raise DropEvent
        if count.dropped:
            line["left_out"] = count.dropped
            count.dropped = 0
        return line

    def _count(self, sort: Sort, now: float) -> _Count:
        found = self._counts.get(sort)
        if found is None:
            if len(self._counts) >= MOST:
                self._counts.clear()
            found = self._counts[sort] = _Count(now)
        return found


def _sort(line: Line) -> Sort:
    return (str(line.get("event", "")), *(str(line[key]) for key in _ABOUT if key in line))
