"""Every connection passes here before aiohttp sees it: how many there may be, and how long one may say nothing.

aiohttp has no limit for the time in which a request's head must arrive, so that a client which sends an octet a
minute would keep its place for ever. A connection is either busy with a request or waits for one; waiting ends
after FIRST seconds before its first request and after IDLE seconds between two, and sooner when the house is full
and somebody else comes: who holds connections and asks nothing shuts nobody out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

__all__ = ["FIRST", "Door", "Doors"]

FIRST = 10.0
IDLE = 30.0
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\nContent-Type: text/plain\r\n"
    b"Content-Length: 25\r\n\r\ntoo many connections open"
)
_SLOW = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Doors:
    """All connections. most: how many at once. full: called with the address of each that comes while there are.

    They are kept in the order in which they came, or were last answered: the first that waits has waited longest.
    """

    def __init__(self, most: int, now: Callable[[], float], full: Callable[[str], None]) -> None:
        self.most = most
        self.now = now
        self.full = full
        self._open: dict[asyncio.BaseTransport, Door] = {}
        self.slow = 0

    def __len__(self) -> int:
        return len(self._open)

    def opened(self, door: Door, transport: asyncio.BaseTransport) -> bool:
        if len(self._open) >= self.most:
            peer = transport.get_extra_info("peername")
            self.full(str(peer[0]) if peer else "")
            if not self._shown_out():
                return False
        self._open[transport] = door
        return True

    def _shown_out(self) -> bool:
        """The one that has waited longest makes room; False when all are busy."""
        for transport, door in self._open.items():
            if not door.busy:
                self.slow += 1
                del self._open[transport]
                door.expire()
                return True
        return False

    def closed(self, transport: asyncio.BaseTransport | None) -> None:
        if transport is not None:
            self._open.pop(transport, None)

    def begins(self, transport: asyncio.BaseTransport | None) -> None:
        """A request's head is here: its handler works."""
        door = self._open.get(transport) if transport is not None else None
        if door is not None:
            door.busy = True

    def ended(self, transport: asyncio.BaseTransport | None) -> None:
        """Its answer is on the way: the client has IDLE seconds to read it and to ask again."""
        door = self._open.pop(transport, None) if transport is not None else None
        if transport is not None and door is not None:
            door.busy = False
            door.served = True
            door.until = self.now() + IDLE
            self._open[transport] = door

    def turn(self) -> None:
        """Once a second: those whose time is over are closed."""
        now = self.now()
        for door in list(self._open.values()):
            if not door.busy and now >= door.until:
                self.slow += 1
                door.expire()


class Door(asyncio.Protocol):
    """One connection, in front of aiohttp's own protocol, to which everything is passed on."""

    __slots__ = ("_doors", "_inner", "_transport", "busy", "served", "until")

    def __init__(self, doors: Doors, inner: Callable[[], Any]) -> None:
        self._doors = doors
        self._inner: Any = inner
        self._transport: asyncio.Transport | None = None
        self.busy = self.served = False
        self.until = doors.now() + FIRST

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)
        if not self._doors.opened(self, transport):
            transport.write(_FULL)
            transport.close()
            self._inner = None
            return
        self._transport = transport
        self._inner = self._inner()
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._inner is not None:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._inner is not None else None

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        self._doors.closed(self._transport)
        if self._inner is not None and self._transport is not None:
            self._inner.connection_lost(error)

    def expire(self) -> None:
        """Told why where no answer of ours is due any more; one that does not read what it was sent is cut off."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size():
            transport.abort()
            return
        if not self.served:
            transport.write(_SLOW)
        transport.close()
