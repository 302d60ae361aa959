"""Which bearer of this process has which serial device, so that modems looked for do not disturb modems found.

A claim is a path, a link included: it is followed when somebody asks, because what a by-path link means changes
each time its modem is plugged in. One CLAIMS for the process; locks against other processes are port.py's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["CLAIMS", "Claims"]


class Claims:
    """(owner, path) pairs; the same pair may be claimed several times and counts until all are released."""

    def __init__(self) -> None:
        self._claimed: list[tuple[str, str]] = []

    def claim(self, owner: str, path: str) -> None:
        """Keep path for owner: the name of a bearer."""
        self._claimed.append((owner, path))

    def release(self, owner: str, path: str) -> None:
        """Undo one claim(). Raises ValueError when there was none."""
        self._claimed.remove((owner, path))

    @contextmanager
    def held(self, owner: str, path: str) -> Iterator[None]:
        """A claim for the length of a block."""
        self.claim(owner, path)
        try:
            yield
        finally:
            self.release(owner, path)

    def owner(self, path: str) -> str:
        """Who has the device behind path, or ""."""
        device = os.path.realpath(path)
        return next((owner for owner, held in self._claimed if os.path.realpath(held) == device), "")

    def devices(self, besides: str = "") -> frozenset[str]:
        """The devices claimed by anybody but `besides`, links followed."""
        return frozenset(os.path.realpath(path) for owner, path in self._claimed if owner != besides)


CLAIMS = Claims()
