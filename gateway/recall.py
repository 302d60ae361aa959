"""What the last process left, read behind open doors: other kinds leave while marketing waits for its rules.

Lists first (opt-outs, suppressed numbers, consents): until they are read no marketing leaves. Then what was counted:
until then none is taken. Last what only explains. What is small is read before the doors open, so that most
gateways never bar anything. In the loop's own thread, a few milliseconds at a time.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence

import structlog

from gateway.clock import Clock
from gateway.reading import Reading

__all__ = ["Recall"]

log = structlog.get_logger("gateway.recall")

AT_ONCE = 12
"""Slices that are read before the doors open: some 50 ms where the lists are long, and all of short ones."""
PAUSE = 0.0
"""Seconds between two slices: whatever else is ready has its turn."""
RETRY = 1.0
"""Seconds after which what the disk did not give is asked for again."""


class Recall:
    """See the module. lists: marketing may not leave without them; counts: nor be taken; rest: is missed by nobody.

    settled: waits until all is durable that was taken so far. moved: called when `barred` may have changed.
    """

    def __init__(
        self,
        lists: Sequence[Reading],
        counts: Sequence[Reading],
        rest: Sequence[Reading],
        clock: Clock,
        settled: Callable[[], Awaitable[None]],
        moved: Callable[[], None],
    ) -> None:
        self._lists = tuple(lists)
        self._judging = (*lists, *counts)
        self._all = (*lists, *counts, *rest)
        self._clock = clock
        self._settled = settled
        self._moved = moved
        self._task: asyncio.Task[None] | None = None
        self._since = clock.now()
        self._ready = False

    @property
    def barred(self) -> str:
        """What marketing that waits still waits for, in words; "" once it may leave."""
        return _words(self._lists)

    @property
    def unread(self) -> str:
        """What new marketing cannot be judged without, in words; "" once it can."""
        return _words(self._judging)

    def start(self) -> None:
        """Before the doors open: what is small is read now. Raises sqlite3.Error."""
        for _ in range(AT_ONCE):
            if not self._turn():
                break
        self._moved()

    def go_on(self) -> None:
        """Read what is left, once the doors are open; or what a reload has made unread."""
        self._moved()
        if self._next() is not None and (self._task is None or self._task.done()):
            self._since = self._clock.now() if self._ready else self._since
            self._task = asyncio.create_task(self._read(), name="recall")
        else:
            self._tell()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self) -> None:
        await self._settled()
        while self._next() is not None:
            barred = self.barred
            try:
                self._turn()
            except sqlite3.Error as error:
                log.error("rules.unread", what=_words(self._all), error=str(error), again_in=RETRY)  # noqa: TRY400 - the disk's fault
                await asyncio.sleep(RETRY)
                continue
            if barred and not self.barred:
                self._moved()
            self._tell()
            await asyncio.sleep(PAUSE)

    def _next(self) -> Reading | None:
        return next((each for each in self._all if each.unread), None)

    def _turn(self) -> bool:
        """A slice of the first that is unread; whether there was one."""
        reading = self._next()
        if reading is not None:
            reading.turn()
        return reading is not None

    def _tell(self) -> None:
        ready = not self.unread
        if ready and not self._ready:
            log.info("rules.ready", seconds=round(self._clock.now() - self._since, 3))
        self._ready = ready


def _words(readings: Sequence[Reading]) -> str:
    return ", ".join(each.what for each in readings if each.unread)
