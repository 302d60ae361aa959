"""asyncio around a Session: octets in, one batch to the handler, one write out.

What the session answers by itself (enquire_link above all) is written before the handler is called, so a slow
handler or store never delays it. The handler is synchronous: it takes what came and returns; later it gives
responses to transport.session and calls flush(). A peer that does not read is not read from either. Owns no
timer: the owner of many transports calls tick() on each, about every quarter second.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from ssl import SSLContext
from typing import Protocol, cast

from drivers.smpp.session import Closing, Received, Session

__all__ = ["Handler", "SmppTransport", "connect", "listen"]

BUFFER_MAX = 1 << 20
"""Octets written and not taken by the peer; above it reading stops until it has taken three quarters."""

LINGER = 5.0
"""Seconds that a closed session's last octets may take to leave."""

HANDSHAKE = 10.0
"""Seconds that a client's TLS handshake may take: until it is done no session, and so no bind timer, knows of it."""

_KEEPALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))


class Handler(Protocol):
    """Who uses a transport. Nothing here may block; an exception ends that connection only: see failed()."""

    def connected(self, transport: SmppTransport) -> None:
        """The TCP (and TLS) connection stands; transport.peer says with whom."""

    def received(self, transport: SmppTransport, received: Received) -> None:
        """Something came that the session does not settle alone. What is queued here is written on return."""

    def writable(self, transport: SmppTransport, writable: bool) -> None:
        """The peer fell behind (False: hold back), or caught up."""

    def closed(self, transport: SmppTransport, reason: str, unanswered: list[object]) -> None:
        """The end, exactly once. reason: a Closing; transport.session.closed_detail has it in words."""

    def failed(self, transport: SmppTransport, error: Exception) -> None:
        """An exception came out of one of the above: log it."""


class SmppTransport(asyncio.Protocol):
    """One connection and its session.

    clock: seconds on a steady clock, the loop's own by default; every `now` of the session comes from it.
    """

    def __init__(self, session: Session, handler: Handler, clock: Callable[[], float] | None = None) -> None:
        self.session = session
        self.peer = ""
        self.writable = True
        self._handler = handler
        self._loop = asyncio.get_running_loop()
        self._clock = clock or self._loop.time
        self._transport: asyncio.Transport | None = None
        self._held = False
        self._reading = True
        self._blocked_at = 0.0
        self._told = False
        self._linger: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(BUFFER_MAX)
        name = transport.get_extra_info("peername")
        self.peer = f"{name[0]}:{name[1]}" if name else "?"
        _tune(transport.get_extra_info("socket"))
        self._guard(lambda: self._handler.connected(self))
        self.flush()

    def data_received(self, data: bytes) -> None:
        received = self.session.receive(data, self._clock())
        self.flush()
        if received:
            self._guard(lambda: self._handler.received(self, received))
            self.flush()

    def flush(self) -> None:
        """Write what the session has to say, in one piece; end the connection when the session has ended."""
        transport = self._transport
        if transport is None:
            return
        output = self.session.output()
        if output and not transport.is_closing():
            transport.write(output)
        if self.session.closed:
            self._end()

    def tick(self, now: float) -> list[tuple[object, str]]:
        """Run the session's timers; returns the contexts whose response timer ran out, with the reason."""
        if not self.writable and now - self._blocked_at >= self.session.response_timeout:
            self.session.close(Closing.STUCK, f"took no octets for {self.session.response_timeout:g} s")
        expired = self.session.tick(now)
        self.flush()
        return expired

    def close(self, reason: str = Closing.LOCAL, detail: str = "") -> None:
        """End session and connection now; what is queued is still sent. A polite end is Session.unbind."""
        self.session.close(reason, detail)
        self.flush()

    def hold_reading(self, hold: bool) -> None:
        """The owner's own brake: read nothing while it is on."""
        self._held = hold
        self._read_or_not()

    def pause_writing(self) -> None:
        self.writable = False
        self._blocked_at = self._clock()
        self._read_or_not()
        self._guard(lambda: self._handler.writable(self, False))

    def resume_writing(self) -> None:
        self.writable = True
        self._read_or_not()
        self._guard(lambda: self._handler.writable(self, True))

    def connection_lost(self, exc: Exception | None) -> None:
        detail = str(exc) if exc is not None else "the peer closed the connection"
        self.session.close(Closing.LOST, detail)
        self._end()
        self._transport = None
        if self._linger is not None:
            self._linger.cancel()

    def _read_or_not(self) -> None:
        reading = self.writable and not self._held
        transport = self._transport
        if transport is None or transport.is_closing() or reading == self._reading:
            return
        self._reading = reading
        self.session.reading(reading, self._clock())
        if reading:
            transport.resume_reading()
        else:
            transport.pause_reading()

    def _guard(self, call: Callable[[], None]) -> None:
        """Another connection, and the loop, must not suffer from what this one's handler did."""
        try:
            call()
        except Exception as error:  # noqa: BLE001 - whatever it was: it is handed on, and ends this connection
            self.session.close(Closing.FAULT, f"{type(error).__name__}: {error}")
            self._handler.failed(self, error)
            self.flush()

    def _end(self) -> None:
        """Tell the handler at once, so that unanswered requests do not wait for a peer that does not read."""
        if self._told:
            return
        self._told = True
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.close()
            self._linger = self._loop.call_later(LINGER, transport.abort)
        session = self.session
        self._guard(lambda: self._handler.closed(self, session.closed, session.unanswered()))


def _tune(sock: socket.socket | None) -> None:
    """Small writes at once, and a dead line found even where enquire_link is off."""
    if sock is None:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for name, value in _KEEPALIVE:
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


async def connect(
    host: str,
    port: int,
    session: Session,
    handler: Handler,
    ssl: SSLContext | None = None,
    timeout: float = 10.0,  # noqa: ASYNC109 - a setting of the carrier's link
    clock: Callable[[], float] | None = None,
    local_address: tuple[str, int] | None = None,
) -> SmppTransport:
    """A connection to host:port, within timeout seconds (TLS included). The bind is the caller's.

    local_address: (address, port) to connect from, as carriers admit known addresses only; port 0 is any.
    Raises OSError (TimeoutError and ssl.SSLError are ones).
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(timeout):
        _, transport = await loop.create_connection(
            lambda: SmppTransport(session, handler, clock), host, port, ssl=ssl, local_addr=local_address
        )
    return transport


async def listen(
    host: str, port: int, factory: Callable[[], SmppTransport], ssl: SSLContext | None = None
) -> asyncio.Server:
    """Accept connections on host:port; factory makes a transport with a new SMSC session for each."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        factory,
        host,
        port,
        ssl=ssl,
        backlog=1024,
        reuse_address=True,
        ssl_handshake_timeout=HANDSHAKE if ssl is not None else None,
    )
