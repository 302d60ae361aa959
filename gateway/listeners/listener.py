"""The contract of a listener: it opens, takes requests until it is told to stop, and leaves politely."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Listener"]


class Listener(Protocol):
    """start() returns once it listens; OSError says which address cannot be had."""

    async def start(self) -> None: ...

    async def drain(self, seconds: float) -> None:
        """Take nothing new, let what is under way be answered, then say goodbye; at most `seconds`."""

    async def stop(self) -> None:
        """Close whatever is still open, now."""
