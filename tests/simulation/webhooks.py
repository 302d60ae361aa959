"""What the gateway's webhooks reach for outside of the process: sockets, names and a clock of aiohttp's, replaced.

gateway.webhooks, its resolver, aiohttp's client, connector and parser, and aiohappyeyeballs are the real ones. Only the
operating system's socket is a Socket here: what is connected through it is a Wire of simulation.network.
"""

from __future__ import annotations

import asyncio
import socket
import types
from typing import Any

import aiohappyeyeballs.impl
import aiohttp.connector
from simulation.clockwork import SimLoop, World
from simulation.network import Plug

import gateway.webhooks  # the product imports it when it must; here once for all runs

__all__ = ["HERE", "Loop", "Names", "Socket", "reached"]

assert gateway.webhooks
HERE = "127.0.0.1"
INSIDE = "10.0.0.8"
"""A machine of the operator's own network, to which no name may lead."""


class Socket:
    """A TCP socket that no kernel knows: an address to be connected to, and a descriptor that is none."""

    def __init__(self, **_: Any) -> None:
        self.address: Any = None

    def setblocking(self, on: bool) -> None:
        assert not on, "aiohttp's sockets wait for nobody"

    def close(self) -> None:
        """It was never opened."""


class Loop(SimLoop):
    """With what asyncio does for a client that makes its own sockets."""

    async def sock_connect(self, sock: Any, address: Any) -> None:
        """Raises ConnectionRefusedError; never answered by who is deaf."""
        host, port = address[:2]
        network = self.network
        network.names.dialled(host, port)
        answered = self.create_future()
        if port not in network.deaf:
            network.world.after(network.delay(port), lambda: answered.done() or answered.set_result(None))
        await answered
        if network.services.get(port) is None or ":" in host:
            raise ConnectionRefusedError(f"connect to {host}:{port} refused")
        sock.address = address

    async def create_connection(
        self, factory: Any, host: Any = None, port: Any = None, *, sock: Any = None, **_: Any
    ) -> Any:
        if sock is None:
            return await super().create_connection(factory, host, port)
        network, port = self.network, sock.address[1]
        plug = Plug(network, port)
        wire = network._wire(self, plug, factory(), port)
        accept = network.services.get(port)
        if accept is None:  # its owner has closed the door since
            self.call_soon(plug.reset)
        else:
            accept(plug)
        return wire, wire.get_protocol()

    async def getaddrinfo(self, host: Any, port: Any, **_: Any) -> Any:
        names = self.network.names
        answered = self.create_future()
        self.world.after(names.seconds(host), lambda: answered.done() or answered.set_result(None))
        await answered
        return [
            (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port, *more))
            for family, address, *more in names.addresses(host)
        ]


class Names:
    """DNS, as the applications' names are in it. Whom the gateway dials is looked at: an address that no name may lead to,
    or one that nobody named, is wrong.
    """

    def __init__(self, wrong: Any, happened: Any, random: Any) -> None:
        self._wrong = wrong
        self._happened = happened
        self._random = random
        self._known: dict[str, str] = {}
        self.moods: dict[str, dict[str, float]] = {}
        """By name: its owner's moods."""

    def add(self, host: str, moods: dict[str, float]) -> None:
        if host != HERE:
            self._known[host] = f"93.184.215.{len(self._known) + 1}"
            self.moods[host] = moods

    def seconds(self, host: str) -> float:
        slow: float = 6.0 if self._bites(host, "name_slow") else 0.02
        return slow * float(self._random.random())

    def _bites(self, host: str, name: str) -> bool:
        there = name in self.moods.get(host, ())
        self._happened[f"webhook.{name}"] += there
        return there

    def addresses(self, host: str) -> list[tuple[Any, ...]]:
        """Raises socket.gaierror."""
        known = self._known.get(host)
        if known is None or self._bites(host, "name_lost"):
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        found: list[tuple[Any, ...]] = [(socket.AF_INET, known)]
        if self._bites(host, "name_dual"):  # nobody listens on the first of them
            found.insert(0, (socket.AF_INET6, "2606:2800:21f:cb07:6820:80da:af6b:8b2c", 0, 0))
        if self._bites(host, "name_private"):
            found.insert(self._random.randrange(2), (socket.AF_INET, INSIDE))
        return found

    def dialled(self, host: str, port: int) -> None:
        if host != HERE and host not in self._known.values() and ":" not in host:
            self._wrong("address", f"the gateway dials {host}:{port}, to which no webhook may lead")


class reached:
    """While it lasts, aiohttp's client lives in the world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._kept: list[tuple[Any, str, Any]] = []

    def _put(self, module: Any, name: str, value: Any) -> None:
        self._kept.append((module, name, getattr(module, name)))
        setattr(module, name, value)

    def __enter__(self) -> None:
        world = self._world
        sockets = types.SimpleNamespace(**{**vars(socket), "socket": Socket})
        self._put(aiohappyeyeballs.impl, "socket", sockets)
        self._put(aiohttp.connector, "monotonic", lambda: world.now)
        assert asyncio.get_event_loop_policy()

    def __exit__(self, *_: object) -> None:
        for module, name, value in reversed(self._kept):
            setattr(module, name, value)
