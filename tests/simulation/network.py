"""A network in memory: connections that delay, split, join, stall, half-close and reset.

A Wire is the gateway's end (an asyncio.Transport), a Plug the world's. Octets keep their order; how they are cut
and how long they take is drawn. What the gateway hands to the transport is told to `tap` at that very moment:
throttle, STOP and hours are judged there.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import Callable
from typing import Any

from simulation.clockwork import SimLoop, World

__all__ = ["Network", "Plug", "Wire"]

HIGH = 1 << 16


class _Credentials:
    """What the control listener asks of its socket, and aiohttp of any."""

    family = socket.AF_UNIX

    def getsockopt(self, *_: int) -> bytes:
        return struct.pack("3i", 1, 0, 0)  # root, who has one name everywhere: the store keeps it

    def setsockopt(self, *_: Any) -> None:
        """Keepalive and the like: nothing to tune."""


class Plug:
    """The world's end. on_data(octets) and on_end() are called by the world; `reading` False lets octets pile up."""

    def __init__(self, network: Network, port: Any) -> None:
        self.network = network
        self.port = port
        self.wire: Wire | None = None
        self.open = True
        self.on_data: Callable[[bytes], object] = lambda _: None
        self.on_end: Callable[[], object] = lambda: None
        self._reading = True
        self._held: list[bytes] = []
        self._last_in = 0.0
        self._last_out = 0.0

    # ── to the gateway ───────────────────────────────────────────────────────────────────────────────────
    def send(self, octets: bytes) -> None:
        """On its way: whole, or cut somewhere."""
        if not self.open or self.wire is None:
            return
        network = self.network
        dice = network.random.random()
        cuts = [] if dice > network.split or len(octets) < 2 else [network.random.randrange(1, len(octets))]
        begin = 0
        for cut in [*cuts, len(octets)]:
            self._last_in = max(self._last_in, network.world.now + network.delay(self.port))
            network.world.at(self._last_in, self._arrive, self.wire, octets[begin:cut])
            begin = cut

    def _arrive(self, wire: Wire, octets: bytes) -> None:
        self.network.spoken(octets)
        wire.arrived(octets)

    def end(self) -> None:
        """Half-close: no more octets from here; the gateway is expected to close."""
        if self.open and self.wire is not None:
            when = max(self._last_in, self.network.world.now + self.network.delay(self.port))
            self.network.world.at(when, self.wire.eof)

    def reset(self) -> None:
        """Gone, with what was on its way to the gateway and, perhaps, from it."""
        if not self.open:
            return
        self.open = False
        if self.wire is not None:
            self.wire.lost(ConnectionResetError("reset by peer"))
        self.network.world.after(0.0, self.on_end)

    # ── from the gateway ─────────────────────────────────────────────────────────────────────────────────
    def take(self, octets: bytes) -> None:
        network = self.network
        self._last_out = max(self._last_out, network.world.now + network.delay(self.port))
        network.world.at(self._last_out, self._took, octets)

    def _took(self, octets: bytes) -> None:
        self.network.spoken(octets)
        if not self.open:
            return
        if not self._reading:
            self._held.append(octets)
            return
        if self.wire is not None:
            self.wire.drained(len(octets))
        self.on_data(octets)

    def gone(self) -> None:
        """The gateway's end is closed; what it wrote before still comes first."""
        when = max(self._last_out, self.network.world.now + self.network.delay(self.port))
        self.network.world.at(when, self._end)

    def _end(self) -> None:
        if self.open:
            self.open = False
            self.on_end()

    @property
    def reading(self) -> bool:
        return self._reading

    @reading.setter
    def reading(self, on: bool) -> None:
        self._reading = on
        if on:
            held, self._held = self._held, []
            for octets in held:
                self._took(octets)


class Wire(asyncio.Transport):
    """The gateway's end of a connection."""

    def __init__(
        self, loop: SimLoop, network: Network, plug: Plug, protocol: Any, local: int, peer: int
    ) -> None:
        super().__init__()
        self._loop = loop
        self._network = network
        self._plug = plug
        self._protocol = protocol
        self._closing = False
        self._lost = False
        self._paused = False
        self._waiting = b""
        self._unread = 0
        self._high = HIGH
        self._blocked = False
        self._names = {"peername": ("127.0.0.1", peer), "sockname": ("127.0.0.1", local)}
        plug.wire = self

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "socket":
            return _Credentials()
        return self._names.get(name, default)

    def get_protocol(self) -> Any:
        return self._protocol

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol

    # ── in ───────────────────────────────────────────────────────────────────────────────────────────────
    def arrived(self, octets: bytes) -> None:
        if self._lost or self._closing:
            return
        first = not self._waiting
        self._waiting += octets
        if first and not self._paused:
            self._loop.call_soon(self._give)

    def _give(self) -> None:
        if self._waiting and not (self._paused or self._lost or self._closing):
            octets, self._waiting = self._waiting, b""
            self._protocol.data_received(octets)

    def eof(self) -> None:
        if not self._lost and not self._closing:
            self._loop.call_soon(self._eof)

    def _eof(self) -> None:
        if not (self._lost or self._closing) and not self._protocol.eof_received():
            self.close()

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        if self._waiting:
            self._loop.call_soon(self._give)

    def is_reading(self) -> bool:
        return not self._paused

    # ── out ──────────────────────────────────────────────────────────────────────────────────────────────
    def write(self, data: Any) -> None:
        if self._lost or self._closing or self._loop.dead:
            return
        octets = bytes(data)
        self._network.tap(self._plug, octets)
        self._unread += len(octets)
        self._plug.take(octets)
        if self._unread > self._high and not self._blocked:
            self._blocked = True
            self._protocol.pause_writing()

    def drained(self, count: int) -> None:
        self._unread -= count
        if self._blocked and self._unread <= self._high // 4 and not self._lost:
            self._blocked = False
            self._loop.call_soon(self._protocol.resume_writing)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = HIGH if high is None else high

    def get_write_buffer_size(self) -> int:
        return max(0, self._unread - HIGH)

    def can_write_eof(self) -> bool:
        return False

    def is_closing(self) -> bool:
        return self._closing or self._lost

    @property
    def dead(self) -> bool:
        """Its process is no more: what arrives now nobody hears."""
        return self._loop.dead

    def close(self) -> None:
        """What was written leaves first; the protocol hears of the end once the peer has read it, or at once."""
        if self._closing or self._lost:
            return
        self._closing = True
        self._plug.gone()
        if self._unread <= HIGH:
            self._loop.call_soon(self._end, None)

    def abort(self) -> None:
        self._closing = True
        self._plug.gone()
        self._loop.call_soon(self._end, None)

    def lost(self, error: Exception | None) -> None:
        if not self._loop.dead:
            self._loop.call_soon(self._end, error)

    def _end(self, error: Exception | None) -> None:
        if self._lost:
            return
        self._lost = True
        self._network.wires.pop(self, None)
        self._protocol.connection_lost(error)


class _Listener:
    """What create_server returns."""

    def __init__(self, network: Network, loop: SimLoop, factory: Any, port: Any) -> None:
        self._network = network
        self.loop = loop
        self.factory = factory
        self.port = port
        self.sockets = [self]

    def getsockname(self) -> tuple[str, Any]:
        return "127.0.0.1", self.port

    def close(self) -> None:
        if self._network.doors.get(self.port) is self:
            del self._network.doors[self.port]

    def is_serving(self) -> bool:
        return self._network.doors.get(self.port) is self

    async def wait_closed(self) -> None:
        """Nothing lingers."""

    async def start_serving(self) -> None:
        """It serves from the first."""

    def get_loop(self) -> SimLoop:
        return self.loop


class Network:
    """doors: the gateway's listeners by port; services: the world's, as port -> accept(plug), None for refused.

    split: the share of writes that arrive in pieces. slow: extra seconds by port while a fault lasts. deaf: ports
    on which a connect gets no answer at all.
    """

    def __init__(self, world: World, draw: random.Random) -> None:
        self.world = world
        self.random = draw
        self.split = 0.1
        self.slow: dict[Any, float] = {}
        self.deaf: set[Any] = set()
        self.doors: dict[Any, _Listener] = {}
        self._knocking: dict[Plug, Callable[[Plug | None], object]] = {}
        self.services: dict[Any, Callable[[Plug], object] | None] = {}
        self.wires: dict[Wire, None] = {}
        self.tap: Callable[[Plug, bytes], object] = lambda _plug, _octets: None
        self.names: Any = None
        """DNS: simulation.webhooks.Names."""
        self._ephemeral = 40_000

    def delay(self, port: Any) -> float:
        return 0.0002 + 0.004 * self.random.random() + self.slow.get(port, 0.0) * self.random.random()

    # ── the gateway connects ─────────────────────────────────────────────────────────────────────────────
    async def connect_out(self, loop: SimLoop, factory: Any, host: Any, port: Any) -> tuple[Wire, Any]:
        answered = loop.create_future()
        if port not in self.deaf:
            self.world.after(self.delay(port), lambda: answered.done() or answered.set_result(None))
        await answered
        accept = self.services.get(port)
        if accept is None:
            raise ConnectionRefusedError(f"connect to {host}:{port} refused")
        plug = Plug(self, port)
        wire = self._wire(loop, plug, factory(), port)
        accept(plug)
        return wire, wire.get_protocol()

    def _wire(self, loop: SimLoop, plug: Plug, protocol: Any, port: Any) -> Wire:
        self._ephemeral = 40_000 + (self._ephemeral + 1) % 20_000
        local = port if isinstance(port, int) else 0
        wire = Wire(loop, self, plug, protocol, local, self._ephemeral)
        self.wires[wire] = None
        protocol.connection_made(wire)
        return wire

    # ── the world connects ───────────────────────────────────────────────────────────────────────────────
    def listen(self, loop: SimLoop, factory: Any, port: Any) -> _Listener:
        door = self.doors[port] = _Listener(self, loop, factory, port)
        return door

    def connect_in(self, port: Any, opened: Callable[[Plug | None], object]) -> None:
        """A connection to the gateway; opened(None) when nobody listens."""
        door = self.doors.get(port)
        plug = Plug(self, port)

        def accept() -> None:
            assert door is not None
            if self._knocking.pop(plug, None) is None:
                return  # the process has died
            self._wire(door.loop, plug, door.factory(), port)
            self.world.after(self.delay(port), opened, plug)

        if door is None:
            self.world.after(self.delay(port), opened, None)
        else:
            self.spoken()
            self._knocking[plug] = opened
            door.loop.call_soon(accept)

    def spoken(self, octets: bytes = b"") -> None:
        """Somebody says something; a bare header (enquire_link) does not break the silence."""
        if len(octets) != 16:
            self.world.spoken = self.world.now

    # ── the process dies ─────────────────────────────────────────────────────────────────────────────────
    def die(self) -> None:
        """Every connection of the gateway is gone; what it wrote is on its way."""
        self.doors.clear()
        knocking, self._knocking = self._knocking, {}
        for plug, opened in knocking.items():
            self.world.after(self.delay(plug.port), opened, None)
        wires, self.wires = self.wires, {}
        for wire in wires:
            wire._plug.gone()
