"""One list that is read from the store behind open doors, a slice at a time, so that nothing waits for all of it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator

__all__ = ["Reading"]


class Reading:
    """what: its name in words, for whoever waits for it.

    read: reads it anew, a few milliseconds' work a step. Its first step prepares and asks the store for nothing.
    """

    __slots__ = ("_over", "_read", "_slices", "what")

    def __init__(self, what: str, read: Callable[[], Iterator[None]]) -> None:
        self.what = what
        self._read = read
        self._slices: Iterator[None] | None = None
        self._over = asyncio.Event()
        self._over.set()

    @property
    def unread(self) -> bool:
        """Whether some of it is still to be read."""
        return self._slices is not None

    def begin(self) -> None:
        """From here on it is unread. What was being read is read anew."""
        self._slices = self._read()
        next(self._slices)
        self._over.clear()

    def turn(self) -> bool:
        """Read a slice; whether more is left. Raises sqlite3.Error, after which it begins anew."""
        slices = self._slices
        if slices is None:
            return False
        try:
            for _ in slices:
                return True
        except sqlite3.Error:
            self.begin()
            raise
        self._slices = None
        self._over.set()
        return False

    def load(self) -> None:
        """All of it, now."""
        self.begin()
        self.finish()

    def finish(self) -> None:
        """What is left of it, now."""
        while self.turn():
            pass

    async def over(self) -> None:
        """Until it is read."""
        await self._over.wait()
