"""The memories of a simulated modem (SM, ME, SR): numbered places for short messages, from 1.

A full memory refuses, which is when a network keeps a message back. Holds octets; knows nothing of TPDUs.
"""

from __future__ import annotations

__all__ = ["RECEIVED_READ", "RECEIVED_UNREAD", "STORED_SENT", "STORED_UNSENT", "Memory", "Stored"]

RECEIVED_UNREAD, RECEIVED_READ, STORED_UNSENT, STORED_SENT = range(4)  # <stat>, TS 27.005 §3.1


class Stored:
    """status: <stat>. smsc: the service centre's address; tpdu: octets. report: an SMS-STATUS-REPORT, which
    text mode shows in another form.
    """

    __slots__ = ("report", "smsc", "status", "tpdu")

    def __init__(self, status: int, smsc: str, tpdu: bytes, report: bool = False) -> None:
        self.status = status
        self.smsc = smsc
        self.tpdu = tpdu
        self.report = report


class Memory:
    """size: how many places; 0 for a memory that does not exist."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.places: dict[int, Stored] = {}

    @property
    def used(self) -> int:
        return len(self.places)

    @property
    def full(self) -> bool:
        return self.used >= self.size

    def add(self, message: Stored) -> int | None:
        """The lowest free index, taken; None when there is none."""
        if self.full:
            return None
        index = next(n for n in range(1, self.size + 1) if n not in self.places)
        self.places[index] = message
        return index

    def listed(self) -> list[tuple[int, Stored]]:
        return sorted(self.places.items())

    def delete(self, keep: frozenset[int]) -> None:
        """All but those with a status in `keep`."""
        self.places = {index: one for index, one in self.places.items() if one.status in keep}
