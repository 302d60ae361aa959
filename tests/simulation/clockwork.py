"""Virtual time: one heap of the world's events, and an asyncio loop that lives on it and never waits.

The world outlives the loop: a process that dies takes its loop along, carriers and applications go on. Nothing
here reads a real clock; two runs of one seed execute the same handles in the same order. While nobody talks, the
loop leaps: timers that come due meanwhile run late, together, as after a suspended machine.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Callable
from typing import Any

__all__ = ["Crash", "SimLoop", "Spinning", "World"]

QUIET, IDLE = 0.25, 0.1
"""Seconds without a word between gateway and world after which the loop leaps: by as long as it has lasted while something
waits to leave, so that timers run late by no more than that; three times as far, and sooner, while nothing does."""
SPIN = 2_000_000
"""Handles at one moment: more means that something turns without time going by."""


class Crash(Exception):
    """The process ends here, between two callbacks."""


class Spinning(AssertionError):
    """Callbacks call one another and time stands still."""


class World:
    """now: seconds of virtual time. leap: how far time may be skipped at most while all is quiet, in seconds."""

    def __init__(self, leap: float = 60.0) -> None:
        self.now = 0.0
        self.leap = leap
        self.spoken = 0.0
        self._heap: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._serial = 0

    def at(self, when: float, call: Callable[..., object], *args: Any) -> None:
        self._serial += 1
        heapq.heappush(self._heap, (max(when, self.now), self._serial, call, args))

    def after(self, seconds: float, call: Callable[..., object], *args: Any) -> None:
        self.at(self.now + seconds, call, *args)

    @property
    def next(self) -> float:
        return self._heap[0][0] if self._heap else math.inf

    def step(self) -> None:
        """On to the next event of the world, and all that happen at that moment."""
        self.now = max(self.now, self.next)
        self.run_due()

    def run_due(self) -> None:
        heap = self._heap
        while heap and heap[0][0] <= self.now:
            _, _, call, args = heapq.heappop(heap)
            call(*args)


class SimLoop(asyncio.BaseEventLoop):
    """One process's loop. steps: handles run so far; crash_at: the one before which the process dies.

    busy(): whether something waits to leave.
    """

    def __init__(self, world: World, network: Any, draw: Callable[[], float]) -> None:
        super().__init__()
        self.world = world
        self.network = network
        self.steps = 0
        self.crash_at = -1
        self.dead = False
        self.busy: Callable[[], bool] = lambda: True
        self._draw = draw
        self._spin = 0
        self.complaints: list[str] = []
        self.set_exception_handler(self._complain)

    def time(self) -> float:
        return self.world.now

    # ── one turn ─────────────────────────────────────────────────────────────────────────────────────────
    def turn(self) -> None:
        """Everything that is ready now; when nothing is, time goes on to whatever is next."""
        ready: Any = self._ready  # type: ignore[attr-defined]
        if not ready:
            self._pass_time()
            self._spin = 0
        if self.crash_at >= 0:
            self._turn_and_die(ready)
            return
        asyncio._set_running_loop(self)
        try:
            count = len(ready)
            for _ in range(count):
                handle = ready.popleft()
                if not handle._cancelled:
                    handle._run()
        finally:
            asyncio._set_running_loop(None)
        self.steps += count
        self._spin += count
        if self._spin > SPIN:
            raise Spinning(f"{SPIN} callbacks at {self.world.now:.3f}")

    def _turn_and_die(self, ready: Any) -> None:
        """The same where the death is near: one handle after another is counted."""
        asyncio._set_running_loop(self)
        try:
            for _ in range(len(ready)):
                if self.steps >= self.crash_at >= 0:
                    raise Crash
                self.steps += 1
                handle = ready.popleft()
                if not handle._cancelled:
                    handle._run()
        finally:
            asyncio._set_running_loop(None)

    def _pass_time(self) -> None:
        world = self.world
        timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        while timers and timers[0]._cancelled:
            heapq.heappop(timers)._scheduled = False
        timer = timers[0]._when if timers else math.inf
        event = world.next
        if timer < event and (silence := world.now - world.spoken) > IDLE:
            if not self.busy():
                timer = max(timer, world.now + min(world.leap, 3 * silence))
            elif silence > QUIET:
                timer = max(timer, world.now + min(world.leap, silence))
        world.now = max(world.now, min(timer, event))
        world.run_due()
        while timers and timers[0]._when <= world.now:
            handle = heapq.heappop(timers)
            handle._scheduled = False
            self._ready.append(handle)  # type: ignore[attr-defined]

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Cancelled timers are dropped when they come up."""

    def _write_to_self(self) -> None:
        """Nobody sleeps in a selector."""

    def _process_events(self, event_list: Any) -> None:
        raise AssertionError("there is no selector")

    def _complain(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.complaints.append(f"{context.get('message')}: {error!r}")

    # ── timers: as BaseEventLoop's, without its checks ───────────────────────────────────────────────────
    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)  # type: ignore[attr-defined]
        return handle

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> asyncio.TimerHandle:
        return self.call_at(self.world.now + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)  # type: ignore[attr-defined]
        timer._scheduled = True
        return timer

    # ── what would leave the process ─────────────────────────────────────────────────────────────────────
    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Threads are moments: the work is done at once, a little later."""
        future: asyncio.Future[Any] = self.create_future()

        def work() -> None:
            if self.dead or future.done():
                return
            try:
                result = func(*args)
            except Exception as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        self.world.after(0.0005 + 0.02 * self._draw(), work)
        return future

    async def create_connection(self, factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:
        return await self.network.connect_out(self, factory, host, port)

    async def create_server(self, factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:
        return self.network.listen(self, factory, port)

    async def create_unix_server(self, factory: Any, path: Any = None, *, sock: Any = None, **_: Any) -> Any:
        if sock is not None:
            sock.close()  # its file stays, which is all that anybody looks at
        return self.network.listen(self, factory, "control")
