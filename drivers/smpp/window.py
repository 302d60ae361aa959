"""The window of one session: our requests that wait for a response, found again by sequence number.

Owns our sequence numbers (SMPP 3.4 §5.1.4) and the response timer. Entries lie in the order they were sent,
so the timer needs one mark per stretch of time and no scan: a tick with nothing due costs one comparison.
What timed out is remembered for a while, because its response may still come and carry a message_id.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice
from struct import Struct
from typing import Final

__all__ = ["LAST_SEQUENCE", "MISSING", "Window"]

LAST_SEQUENCE = 0x7FFFFFFF
"""The next number after this one is 1."""

MISSING: Final = object()
"""What late() returns for a number it does not know: any other object may be a context."""

_REMEMBERED = 10_000  # timed-out requests kept for their late response
_MARKS = 64  # stretches of time a response timer is cut into: a time-out comes at most 1/64 of it too late
_pack = Struct(">IIII").pack


class Window:
    """pending: sequence number -> context, in the order of sending. sequence: the last one used."""

    __slots__ = ("_late", "_marks", "pending", "sequence", "size", "timeout")

    def __init__(self, size: int, timeout: float) -> None:
        self.size = size
        self.timeout = timeout
        self.pending: dict[int, object] = {}
        self.sequence = 0
        self._late: dict[int, object] = {}
        self._marks: deque[tuple[int, float]] = deque()

    def next_sequence(self) -> int:
        """A number for a request that has its own timer: bind, unbind, enquire_link."""
        self.sequence = self.sequence + 1 if self.sequence < LAST_SEQUENCE else 1
        return self.sequence

    def enter(
        self,
        command_id: int,
        bodies: Sequence[bytes],
        contexts: Sequence[object],
        now: float,
        out: list[bytes],
    ) -> None:
        """Frame the bodies into out, each under a new number that stands for its context."""
        pending = self.pending
        append = out.append
        sequence = self.sequence
        for body, context in zip(bodies, contexts, strict=True):
            sequence = sequence + 1 if sequence < LAST_SEQUENCE else 1
            pending[sequence] = context
            append(_pack(16 + len(body), command_id, 0, sequence) + body)
        self.sequence = sequence
        self._mark(now)

    def _mark(self, now: float) -> None:
        """Everything up to the last number is due at now + timeout. Marks closer than a 64th are one mark."""
        deadline = now + self.timeout
        marks = self._marks
        if len(marks) > 1 and deadline - marks[-2][1] < self.timeout / _MARKS:
            marks.pop()
        marks.append((self.sequence, deadline))

    def expire(self, now: float) -> list[object]:
        """Contexts whose response timer has run out; their slots are free, their numbers remembered."""
        marks = self._marks
        if not marks or marks[0][1] > now:
            return []
        last = 0
        while marks and marks[0][1] <= now:
            last = marks.popleft()[0]
        # Entries at the front of the dict are the oldest. A number is due if it lies in the half circle
        # that ends at `last`, which is how order survives the wrap.
        due = []
        for sequence in self.pending:
            if (last - sequence) % LAST_SEQUENCE > LAST_SEQUENCE // 2:
                break
            due.append(sequence)
        return [self._forget(sequence) for sequence in due]

    def _forget(self, sequence: int) -> object:
        context = self._late[sequence] = self.pending.pop(sequence)
        if len(self._late) > _REMEMBERED:
            del self._late[next(islice(self._late, 1))]
        return context

    def late(self, sequence: int) -> object:
        """The context of a request that timed out, once; MISSING when there is none."""
        return self._late.pop(sequence, MISSING)
