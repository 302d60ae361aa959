"""Texts that the application has split itself: all parts go by the bearer of the first. In memory, for a while."""

from __future__ import annotations

from gateway.model import Message

__all__ = ["GROUP_TIME", "Pins"]

GROUP_TIME = 300.0
"""Seconds for which the parts of one text keep their bearer: the last ones may come late, or wait for hours."""


class Pins:
    """See the module. now: steady seconds."""

    __slots__ = ("_bearers",)

    def __init__(self) -> None:
        self._bearers: dict[tuple[str, str], tuple[str, float]] = {}

    def pin(self, message: Message, bearer: str, now: float) -> None:
        """A part goes by this bearer; the copies of a submit_multi are no parts of one text."""
        if not message.group.startswith("multi:"):
            self._bearers[message.account, message.group] = (bearer, now + GROUP_TIME)

    def bearer_of(self, message: Message) -> str:
        """Its name, "" when none of its parts has left yet, or long ago."""
        known = self._bearers.get((message.account, message.group))
        return known[0] if known is not None else ""

    def forget_old(self, now: float) -> None:
        if self._bearers:
            self._bearers = {key: pin for key, pin in self._bearers.items() if pin[1] > now}
