"""When to try a bind again, and how often to say that it failed. Pure: the random number is an argument.

5.0 §2.8.1: credentials that were refused are for a human to mend, and hammering may lock the account.
ESME_RALYBND mostly means that the SMSC has not noticed the end of our last connection: it needs time.
"""

from __future__ import annotations

from drivers.smpp.pdu import CommandStatus
from drivers.smpp.settings import Reconnect
from drivers.smpp.status import is_fatal_bind

__all__ = ["MENDED_BY_HAND", "Backoff", "worth_a_line"]

MENDED_BY_HAND = 300.0
"""Seconds between tries while only a human can help."""

_JITTER = 0.2
_DOUBLINGS = 20  # beyond it the limit was reached long ago


class Backoff:
    """failures: in a row. by_hand: seconds to wait where only a human can help, and the most for RALYBND."""

    def __init__(self, reconnect: Reconnect, by_hand: float = MENDED_BY_HAND) -> None:
        self.failures = 0
        self._first = reconnect.first
        self._max = reconnect.max
        self._by_hand = by_hand

    def lived(self, seconds: float) -> None:
        """A bind has held that long. One that falls at once again and again keeps its long waits."""
        if seconds >= self._max:
            self.failures = 0

    def failed(self, bind_status: int, random: float) -> float:
        """Seconds until the next try. bind_status: of the bind_resp, 0 if none came; random: 0 to 1."""
        doubled: float = self._first * 2 ** min(self.failures, _DOUBLINGS)
        self.failures += 1
        if is_fatal_bind(bind_status):
            wait = self._by_hand
        elif bind_status == CommandStatus.ESME_RALYBND:
            wait = min(2 * doubled, max(self._by_hand, self._max))
        else:
            wait = min(doubled, self._max)
        return wait * (1 - _JITTER + 2 * _JITTER * random)


def worth_a_line(count: int) -> bool:
    """Whether the count-th repetition is logged: the 1st, 2nd, 4th, 8th…"""
    return count & (count - 1) == 0
