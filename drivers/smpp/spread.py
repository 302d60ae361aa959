"""Which bind a segment leaves by. Pure.

The bind with most room gets the next message, whole if it can: the parts of a long message on one bind
arrive in their order, and many handsets show them sooner.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from drivers.bearer import Segment

__all__ = ["Spread"]

T = TypeVar("T")


class Spread(Generic[T]):
    """Remembers by which bind the last message went: its other segments may come with the next call."""

    def __init__(self) -> None:
        self._last: tuple[int, T] | None = None

    def over(
        self, segments: Sequence[Segment], rooms: Sequence[tuple[T, int]]
    ) -> tuple[list[tuple[T, Sequence[Segment]]], Sequence[Segment]]:
        """(who takes which, what nobody has room for); rooms: each bind with the segments that it takes."""
        if len(rooms) == 1 and len(segments) <= rooms[0][1]:
            return [(rooms[0][0], segments)], ()
        left = {bind: room for bind, room in rooms if room > 0}
        shares: dict[T, list[Segment]] = {}
        position = 0
        while left and position < len(segments):
            bind = self._bind_for(segments[position].id, left)
            end = min(_message_end(segments, position), position + left[bind])
            shares.setdefault(bind, []).extend(segments[position:end])
            left[bind] -= end - position
            if not left[bind]:
                del left[bind]
            position = end
        return list(shares.items()), segments[position:]

    def _bind_for(self, message_id: int, left: dict[T, int]) -> T:
        last = self._last
        if last is not None and last[0] == message_id and last[1] in left:
            return last[1]
        bind = max(left, key=left.__getitem__)
        self._last = (message_id, bind)
        return bind


def _message_end(segments: Sequence[Segment], start: int) -> int:
    """Where the segments of the message at `start` end."""
    message_id = segments[start].id
    end = start + 1
    while end < len(segments) and segments[end].id == message_id:
        end += 1
    return end
