"""The world of a story: simulated carriers, the gateway, and applications, all in one loop, over real sockets.

    async with World(folder, {"orange": {"latency": 0.1}}, accounts={"shop": {"window": 5}}) as world:
        shop = await world.application()
        ticket = shop.submit("+33612345678")

Keywords change the configuration, table by table; what `carriers` gives are a Behaviour's fields.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from ssl import SSLContext
from typing import Any, Self

from peers.process import free_port
from system.esme import Esme, settled
from system.gatewayconfig import configuration, written

from drivers.smpp.behaviour import Behaviour
from drivers.smpp.carrier_messages import Submitted
from drivers.smpp.simulator import SimulatedCarrier
from drivers.sms.split import Joiner
from gateway.app import App
from gateway.clock import SystemClock
from gateway.config import load_config

__all__ = ["World", "story", "texts_of"]

Fields = Mapping[str, Any]


class MovableClock(SystemClock):
    """The system's clocks, put ahead by a test that can't wait for hours."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead

    def wall_ms(self) -> int:
        return super().wall_ms() + int(1000 * self.ahead)


class World:
    """See the module. app: the gateway, for what no peer can see. carriers: by their bearer's name.

    To be set before it begins: tls, what carriers listen with; patient, whether a start waits for the links.
    """

    def __init__(self, folder: Path, carriers: Mapping[str, Fields] | None = None, **changes: Any) -> None:
        self.folder = folder
        self.port = free_port()
        self.clock = MovableClock()
        self.carriers: dict[str, SimulatedCarrier] = {}
        self.tls: SSLContext | None = None
        self.patient = True
        self._behaviours = carriers if carriers is not None else {"orange": {}}
        self._changes = changes
        self._ports: dict[str, int] = {}
        self._applications: list[Esme] = []
        self._app: App | None = None

    @property
    def app(self) -> App:
        assert self._app is not None
        return self._app

    @property
    def carrier(self) -> SimulatedCarrier:
        """The only one."""
        (one,) = self.carriers.values()
        return one

    # ── the gateway ──────────────────────────────────────────────────────────────────────────────────────
    async def start_gateway(self) -> None:
        """Start it, and return when all its bearers are bound."""
        table = configuration(self.folder, self.port, self._ports, self._changes)
        self._app = App(load_config(written(self.folder, table), os.environ), self.clock)
        await self._app.start()
        if self.patient:
            await self.links_up(*self.carriers)

    async def links_up(self, *names: str) -> None:
        await settled(lambda: all(self.up(name) for name in names), what=lambda: f"not up: {names}")

    async def links_down(self, *names: str) -> None:
        await settled(lambda: not any(self.up(name) for name in names), what=lambda: f"not down: {names}")

    def up(self, name: str) -> bool:
        return self.app.dispatcher.roads[name].health.up

    async def stop_gateway(self, drain: float = 2.0) -> None:
        app, self._app = self._app, None
        if app is not None:
            await app.stop(drain)

    async def elapse(self, seconds: float) -> None:
        """As if so much time had passed: clocks go ahead, and what time alone does is done."""
        self.clock.ahead += seconds
        await self.app.sweeper.expire(self.clock.wall_ms())
        await self.app.sweeper.overdue(self.clock.wall_ms())

    # ── carriers ─────────────────────────────────────────────────────────────────────────────────────────
    async def start_carrier(self, name: str) -> None:
        """Start, or start again on the same port."""
        carrier = self.carriers.get(name)
        if carrier is None:
            carrier = self.carriers[name] = SimulatedCarrier(Behaviour(**self._behaviours[name]))
        self._ports[name] = await carrier.start(port=self._ports.get(name, 0), ssl=self.tls)

    async def stop_carrier(self, name: str) -> None:
        await self.carriers[name].stop()
        await self.links_down(name)

    def sent(self, name: str = "") -> list[Submitted]:
        """What a carrier has accepted, in the order of its reading."""
        carrier = self.carriers[name] if name else self.carrier
        return [taken for taken in carrier.submitted if not taken.status]

    def numbers(self, name: str = "") -> Counter[str]:
        """How often each number was sent to."""
        return Counter(taken.destination for taken in self.sent(name))

    async def carried(self, count: int, name: str = "", timeout: float = 10.0) -> list[Submitted]:
        """What a carrier has accepted, once it is so much."""
        await settled(
            lambda: len(self.sent(name)) >= count, timeout, lambda: f"{len(self.sent(name))} of {count}"
        )
        return self.sent(name)

    # ── applications ─────────────────────────────────────────────────────────────────────────────────────
    async def application(self, mode: str = "trx", system_id: str = "shop", **more: Any) -> Esme:
        """A bound one; it is dropped at the end of the story."""
        esme = await Esme.bound(self.port, mode, system_id, more.pop("password", "secret"), **more)
        self._applications.append(esme)
        return esme

    async def __aenter__(self) -> Self:
        try:
            for name in self._behaviours:
                await self.start_carrier(name)
            await self.start_gateway()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        for esme in self._applications:
            esme.drop()
        await self.stop_gateway(0.0)
        for carrier in self.carriers.values():
            await carrier.stop()


def texts_of(sent: list[Submitted]) -> list[str]:
    """The texts that handsets show: parts joined, in the order in which they became whole."""
    joiner = Joiner()
    joined = [joiner.add(each.part(), 0.0) for each in sent]
    return [each.text() for each in joined if each is not None]


def story(scene: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Runs an async test that takes one argument, a function that makes a World."""

    def test(tmp_path: Path) -> None:
        async def told() -> None:
            async with asyncio.timeout(100):  # it hangs: less than pytest's own patience
                await scene(lambda carriers=None, **changes: World(tmp_path, carriers, **changes))

        asyncio.run(told())

    test.__name__, test.__doc__ = scene.__name__, scene.__doc__
    return test
