"""Two clocks, given to whoever needs one: a steady one for intervals, the wall's for what is written down."""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """What every part is given instead of the time module."""

    def now(self) -> float:
        """Seconds of a clock that never jumps; for intervals only."""

    def wall_ms(self) -> int:
        """Unix milliseconds that never fall: a wall clock set back stands still until time passes it again."""


class SystemClock:
    """The machine's clocks."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last = 0

    def now(self) -> float:
        return time.monotonic()

    def wall_ms(self) -> int:
        self._last = max(self._last, time.time_ns() // 1_000_000)
        return self._last
