"""Virtual time: one heap of the world's events, and an asyncio loop that lives on it and never waits.

The world outlives the loop: a process that dies takes its loop along, carriers and applications go on. Nothing
here reads a real clock; two runs of one seed execute the same handles in the same order. While nobody talks, the
loop leaps: timers that come due meanwhile run late, together, as after a suspended machine.
"""

from __future__ import annotations

import asyncio
import functools
import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from simulation.interpreters import connected

__all__ = ["Crash", "SimLoop", "Spinning", "World"]

QUIET, IDLE = 0.25, 0.1
"""Seconds without a word between gateway and world after which the loop leaps: by as long as it has lasted while something
waits to leave or for its answer, so that timers run late by no more than that; `stride` times as far, and sooner, while
nothing does."""
SPIN = 2_000_000
"""Handles at one moment: more means that something turns without time going by."""


class Crash(Exception):
    """The process ends here, between two callbacks."""


class Spinning(AssertionError):
    """Callbacks call one another and time stands still."""


class World:
    """now: seconds of virtual time. leap: how far time may be skipped at most while all is quiet, in seconds.

    stride: how many times as far as it has been quiet.
    """

    def __init__(self, leap: float = 60.0, stride: float = 3.0) -> None:
        self.now = 0.0
        self.leap = leap
        self.stride = stride
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


class _Handle:
    """As asyncio.Handle and TimerHandle, without what is for debugging: there are thousands to a simulated minute.

    callback: None once it is cancelled; it is dropped when it comes up.
    """

    __slots__ = ("_when", "args", "callback", "context")

    def __init__(self, callback: Any, args: tuple[Any, ...], context: Any, when: float = 0.0) -> None:
        self.callback = callback
        self.args = args
        self.context = context
        self._when = when

    def cancel(self) -> None:
        self.callback = None
        self.args = ()

    def cancelled(self) -> bool:
        return self.callback is None

    def when(self) -> float:
        return self._when


class SimLoop(asyncio.BaseEventLoop):
    """One process's loop. steps: handles run so far; crash_at: the one before which the process dies.

    busy(): whether something waits to leave, or for its answer. Whoever turns it has made it the running loop.
    """

    def __init__(self, world: World, network: Any, draw: Callable[[], float]) -> None:
        super().__init__()
        self.world = world
        self.network = network
        self.steps = 0
        self.crash_at = -1
        self.dead = False
        self.busy: Callable[[], bool] = lambda: True
        self.create_future = functools.partial(asyncio.Future, loop=self)  # type: ignore[method-assign]
        self._draw = draw
        self._spin = 0
        self._due: deque[_Handle] = deque()
        self._timers: list[tuple[float, int, _Handle]] = []
        self._serial = itertools.count()
        self.complaints: list[str] = []
        self.set_exception_handler(self._complain)

    def time(self) -> float:
        return self.world.now

    def is_running(self) -> bool:
        """Never: a task that aiohttp asks to begin eagerly, from 3.12 on, begins in a turn of its own, as in 3.11."""
        return False

    # ── one turn ─────────────────────────────────────────────────────────────────────────────────────────
    def turn(self) -> None:
        """Everything that is ready now; when nothing is, time goes on to whatever is next."""
        due = self._due
        if not due:
            self._pass_time()
            self._spin = 0
        if self.crash_at >= 0:
            self._turn_and_die(due)
            return
        count = len(due)
        for _ in range(count):
            handle = due.popleft()
            if handle.callback is not None:
                try:
                    handle.context.run(handle.callback, *handle.args)
                except Exception as error:
                    self._failed(handle, error)
        self.steps += count
        self._spin += count
        if self._spin > SPIN:
            raise Spinning(f"{SPIN} callbacks at {self.world.now:.3f}")

    def _turn_and_die(self, due: deque[_Handle]) -> None:
        """The same where the death is near: one handle after another is counted."""
        for _ in range(len(due)):
            if self.steps >= self.crash_at >= 0:
                raise Crash
            self.steps += 1
            handle = due.popleft()
            if handle.callback is not None:
                try:
                    handle.context.run(handle.callback, *handle.args)
                except Exception as error:
                    self._failed(handle, error)

    def _failed(self, handle: _Handle, error: Exception) -> None:
        self.call_exception_handler({"message": f"Exception in {handle.callback!r}", "exception": error})

    def _pass_time(self) -> None:
        world = self.world
        timers = self._timers
        while timers and timers[0][2].callback is None:
            heapq.heappop(timers)
        timer = timers[0][0] if timers else math.inf
        event = world.next
        if timer < event and (silence := world.now - world.spoken) > IDLE:
            if not self.busy():
                timer = max(timer, world.now + min(world.leap, world.stride * silence))
            elif silence > QUIET:
                timer = max(timer, world.now + min(world.leap, silence))
        world.now = max(world.now, min(timer, event))
        world.run_due()
        now = world.now  # a stall may have moved it
        while timers and timers[0][0] <= now:
            self._due.append(heapq.heappop(timers)[2])

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        raise AssertionError("its timers are not asyncio's")

    def _process_events(self, event_list: Any) -> None:
        raise AssertionError("there is no selector")

    def _complain(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.complaints.append(f"{context.get('message')}: {error!r}")

    def __del__(self) -> None:
        """A process that was killed closes nothing."""

    # ── handles: as BaseEventLoop's, without its checks ──────────────────────────────────────────────────
    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        handle = _Handle(callback, args, copy_context() if context is None else context)
        self._due.append(handle)
        return handle

    call_soon_threadsafe = call_soon  # all threads are one

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:
        when = self.world.now + delay
        handle = _Handle(callback, args, copy_context() if context is None else context, when)
        heapq.heappush(self._timers, (when, next(self._serial), handle))
        return handle

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        handle = _Handle(callback, args, copy_context() if context is None else context, when)
        heapq.heappush(self._timers, (when, next(self._serial), handle))
        return handle

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

    def add_reader(self, sock: Any, callback: Any) -> None:  # type: ignore[override]
        sock.watch(self, "read", callback)

    def remove_reader(self, sock: Any) -> None:  # type: ignore[override]
        sock.watch(self, "read", None)

    def add_writer(self, sock: Any, callback: Any) -> None:  # type: ignore[override]
        sock.watch(self, "write", callback)

    def remove_writer(self, sock: Any) -> None:  # type: ignore[override]
        sock.watch(self, "write", None)

    async def create_connection(self, factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:
        return await self.network.connect_out(self, factory, host, port)

    async def create_server(self, factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:
        return self.network.listen(self, factory, port)

    async def create_unix_server(self, factory: Any, path: Any = None, *, sock: Any = None, **_: Any) -> Any:
        if sock is not None:
            sock.close()  # its file stays, which is all that anybody looks at
        return self.network.listen(self, lambda: connected(self, factory()), "control")
