"""One connection of a simulated carrier: a session and a transport that can be made to fail from inside.

Everything that a connection can do wrong and a message cannot: fall silent with the socket open, reset, read
at a crawl, leave enquire_link alone. A link made without asking for any of it behaves as its bases do.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from struct import Struct
from typing import cast

from drivers.smpp.pdu import Command
from drivers.smpp.session import Received, Session, Side
from drivers.smpp.transport import Handler, SmppTransport

__all__ = ["CarrierLink", "CarrierSession"]

_head = Struct(">II").unpack_from
_NO_LINGER = Struct("ii").pack(1, 0)  # SO_LINGER of zero seconds: close() then sends RST
SLICE = 0.05
"""Seconds of a slow reader's traffic that it takes at once."""

_SMALL_BUFFER = 4096
"""SO_RCVBUF of a slow reader: else the kernel reads a second's worth of traffic for us."""


class CarrierSession(Session):
    """The SMSC's side. mute: hears nothing and says nothing. deaf_to_enquire_link: as its name says."""

    def __init__(self, window: int, enquire_link: float, response_timeout: float) -> None:
        super().__init__(
            Side.SMSC,
            window=window,
            enquire_link=enquire_link,
            response_timeout=response_timeout,
            bind_timeout=30.0,
        )
        self.mute = False
        self.deaf_to_enquire_link = False

    def receive(self, data: bytes, now: float) -> Received:
        return Received() if self.mute else super().receive(data, now)

    def tick(self, now: float) -> list[tuple[object, str]]:
        return [] if self.mute else super().tick(now)

    def output(self) -> bytes:
        octets = super().output()
        if self.mute:
            return b""
        if self.deaf_to_enquire_link and octets:
            return _without(Command.ENQUIRE_LINK_RESP, octets)
        return octets


def _without(unwanted: int, octets: bytes) -> bytes:
    kept = []
    position = 0
    while position < len(octets):
        length, command_id = _head(octets, position)
        if command_id != unwanted:
            kept.append(octets[position : position + length])
        position += length
    return b"".join(kept)


class CarrierLink(SmppTransport):
    """number: counts connections from 1. taken_at: clock seconds when the octets being handled came.

    carrier: its session. system_id: "" before the bind. submits: how many came. slow_read: octets a second, 0 for all.
    """

    def __init__(
        self, number: int, session: CarrierSession, handler: Handler, clock: Callable[[], float], slow: float
    ) -> None:
        super().__init__(session, handler, clock)
        self.carrier = session
        self.number = number
        self.taken_at = 0.0
        self.system_id = ""
        self.submits = 0
        self.slow_read = slow
        self._now = clock
        self._unread = b""
        self._connection: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connection = cast("asyncio.Transport", transport)
        if self.slow_read:
            self._socket().setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self.slow_read or self._unread:
            self.hold_reading(True)
            idle = not self._unread
            self._unread += data
            if idle:
                self._read_a_little()
            return
        # Before anything is decoded: whoever measures a sender's rate from our log measures the sender.
        self.taken_at = self._now()
        super().data_received(data)

    def _read_a_little(self) -> None:
        """A slice of what came, and the next one when its time has passed; then the socket again."""
        size = max(1, int(self.slow_read * SLICE)) if self.slow_read else len(self._unread)
        piece, rest = self._unread[:size], self._unread[size:]
        self.taken_at = self._now()
        super().data_received(piece)
        self._unread = rest
        closing = self._connection is None or self._connection.is_closing()
        wait = len(piece) / self.slow_read if self.slow_read else 0.0
        if rest and not closing:
            asyncio.get_running_loop().call_later(wait, self._read_a_little)
        elif not closing:  # the socket again, when the last slice's time has passed too
            asyncio.get_running_loop().call_later(wait, self.hold_reading, False)

    def fall_silent(self) -> None:
        """Say what was to be said, then nothing more; the socket stays open."""
        self.flush()
        self.carrier.mute = True

    def reset(self) -> None:
        """End with a TCP reset, as a machine does that lost its memory."""
        self.flush()
        connection = self._connection
        if connection is not None and not connection.is_closing():
            self._socket().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            connection.abort()

    def _socket(self) -> socket.socket:
        assert self._connection is not None
        return cast("socket.socket", self._connection.get_extra_info("socket"))
