"""Which message a carrier's id means: the newest in memory, the rest in the store.

Two generations of a dictionary: the young one becomes the old one when it is full or a minute old, and the
old one is dropped. So memory is bounded, nothing is timed one by one, and a message stays known for a while
after its verdict, which is how a second receipt is seen to be one.
"""

from __future__ import annotations

from gateway.model import Message

__all__ = ["Correlation"]

GENERATION = 25_000

Found = tuple[Message, int]
"""A message and the index of its part; -1 when it has one segment."""


class Correlation:
    """By bearer and canonical id."""

    __slots__ = ("_born", "_old", "_young")

    def __init__(self) -> None:
        self._young: dict[str, Found] = {}
        self._old: dict[str, Found] = {}
        self._born = 0.0

    def add(self, bearer: str, key: str, message: Message, part: int) -> None:
        self._young[bearer + " " + key] = (message, part)

    def find(self, bearer: str, key: str) -> Found | None:
        name = bearer + " " + key
        return self._young.get(name) or self._old.get(name)

    def known(self, bearer: str, carrier_id: str, message_id: int) -> Message | None:
        """The object in memory of a message that was read from the store, so that no copy is changed."""
        found = self.find(bearer, carrier_id.lower().lstrip("0") or carrier_id)
        return found[0] if found is not None and found[0].id == message_id else None

    def tidy(self, now: float) -> None:
        """Called about once a second (and the young generation may outgrow its size by that much)."""
        if len(self._young) >= GENERATION or (self._young and now - self._born > 60.0):
            self._old, self._young = self._young, {}
            self._born = now
        elif self._old and now - self._born > 60.0:
            self._old = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)
