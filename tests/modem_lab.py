"""A modem's bearer on a loop whose time is virtual, with a simulated modem in memory and a gateway that notes all.

    with lab(behaviour) as lab:  lab.run(5.0); lab.submit(2); lab.modem.state …

Seconds cost nothing: whenever nothing is ready, time jumps to the next timer.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
from collections import Counter

from drivers import modem as driver
from drivers.bearer import NotStored, Segment
from drivers.modem.sim_behaviour import ModemBehaviour
from drivers.modem.sim_memory import MemoryModem
from drivers.modem.sim_modem import SimulatedModem
from drivers.terms import Quota

__all__ = ["FREE", "Gateway", "Lab", "MemoryState", "VirtualLoop", "segment", "virtually"]

WALL = 1_790_000_000.0
FREE = Quota(per_minute=0, per_hour=0, per_day=0, recipients_per_month=0)


class _Jump(selectors.SelectSelector):
    """Instead of waiting, it lets time pass; real events are taken when there are any."""

    def __init__(self):
        super().__init__()
        self.now = 0.0

    def select(self, timeout=None):
        ready = super().select(0)
        self.now += 1e-7  # a turn of a real loop takes time too, and clocks that are compared differ by less
        if not ready and timeout:
            self.now += timeout
        elif not ready and timeout is None:
            return super().select(0.05)  # something real may still come: a thread's call
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self):
        return self._jump.now

    def run_in_executor(self, executor, func, *args):
        """Done at once: time would leap while a thread works."""
        done = self.create_future()
        done.set_result(func(*args))
        return done


def virtually(main):
    """Runs a coroutine to its end on a virtual loop."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


class MemoryState:
    """A StateStore. fails: the store takes nothing while it is set. puts: how many."""

    def __init__(self):
        self.kept = {}
        self.puts = 0
        self.fails = ""

    async def get(self, key):
        return self.kept.get(key)

    async def put(self, key, value):
        if self.fails:
            raise OSError(self.fails)
        self.puts += 1
        self.kept[key] = value


class Gateway:
    """Notes every event, and when; stored: those that it said to be durable. how: "stored", "not stored", or "later" (until release())."""

    def __init__(self):
        self.events, self.at, self.stored = [], [], []
        self.how = "stored"
        self._later = []
        self.more = lambda: None  # called at each emit, as a gateway hands over more

    def __call__(self, events):
        loop = asyncio.get_running_loop()
        self.events += events
        self.at += [loop.time()] * len(events)
        future = loop.create_future()
        brought = any(type(e).__name__ in ("Inbound", "Receipt") for e in events)
        if self.how == "stored" or not brought:
            future.set_result(None)
            self.stored += events
        elif self.how == "later":
            self._later.append((future, events))
        else:
            future.set_exception(NotStored("no room"))
        loop.call_soon(self.more)
        return future

    def release(self):
        self.how = "stored"
        for future, events in self._later:
            self.stored += events
            future.set_result(None)
        self._later.clear()

    def of(self, *names):
        return [event for event in self.events if type(event).__name__ in names]

    def outcomes(self):
        return Counter(e.segment.id for e in self.of("Accepted", "Refused", "Unsent", "Doubtful"))

    @property
    def links(self):
        return [(event.up, event.reason) for event in self.of("LinkChanged")]

    @property
    def fields(self):
        return self.of("Status")[-1].fields


def segment(number, destination=None, payload=b"hello", **changes):
    given = {
        "id": number, "part": -1, "source": "CHAPPE", "destination": destination or f"+336{number:08}",
        "data_coding": 0, "udh": b"", "payload": payload, "expires": 0.0, "want_receipt": True, "priority": 0,
        "context": None,
    }  # fmt: skip
    return Segment(**{**given, **changes})


class Lab:
    """One bearer, one simulated modem. Use inside virtually(): async with Lab(…) as lab."""

    def __init__(
        self, behaviour=None, *, settings=None, quota=FREE, contract="test plan", roaming=False, state=None,
        faults=(), simulated=None, name="modem", power=None, pieces=0, **timings,
    ):  # fmt: skip
        self.modem = simulated or SimulatedModem(behaviour or ModemBehaviour(), wall=WALL, script=faults)
        self.line = MemoryModem(self.modem, pieces)
        self.state = state or MemoryState()
        self.gateway = Gateway()
        self._made = {"settings": settings or {}, "quota": quota, "contract": contract, "roaming": roaming}
        self._name, self._timings, self._power = name, timings, power

    async def __aenter__(self):
        await self.line.start()
        self.loop = asyncio.get_running_loop()
        self.origin = self.loop.time() - self.modem.state.now
        self.start()
        return self

    async def __aexit__(self, *_):
        await self.stop()
        await self.line.stop()

    def start(self):
        """A new bearer, as after a restart of the gateway."""
        from drivers.modem.commands import Timings

        made = self._made
        settings = driver.Settings(**{"port": "/dev/modem", **made["settings"]})
        terms = driver.Terms(quota=made["quota"], sim_contract=made["contract"], roaming=made["roaming"])
        self.bearer = driver.open(
            self._name, settings, self.state, terms, clock=self.loop.time,
            wall=lambda: WALL + self.loop.time() - self.origin, opener=self.line.open, power=self._power,
            timings=Timings(**self._timings),
        )  # fmt: skip
        self.task = asyncio.create_task(self.bearer.run(self.gateway))

    async def stop(self):
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task

    async def until(self, condition, seconds=600.0):
        """Virtual seconds until condition() holds."""
        began = self.loop.time()
        while not condition():
            assert not self.task.done(), self.task.result()
            assert self.loop.time() - began < seconds, f"not within {seconds} s: {self.gateway.links}"
            await asyncio.sleep(0.05)
        return self.loop.time() - began

    async def ready(self):
        return await self.until(lambda: self.bearer.credit() > 0)

    @property
    def submitted(self):
        return self.modem.state.network.submitted
