"""A socket and octets: the peer that keeps to no rule."""

from __future__ import annotations

import socket
import time
from struct import unpack
from typing import Self

from drivers.smpp.build import bind_body, frame, header, sm_body
from drivers.smpp.pdu import Command
from drivers.sms.address import wire_octets

__all__ = ["BIND", "ENQUIRE", "SUBMIT", "Raw"]

BIND = bind_body(b"shop", b"secret")
SUBMIT = sm_body(wire_octets("36180"), wire_octets("+33612345678"), b"Bonjour", registered_delivery=1)
ENQUIRE = header(16, Command.ENQUIRE_LINK, 0, 0x7001)

Answer = tuple[int, int, int]


class Raw:
    """One connection. Answers are (command_id, command_status, sequence_number)."""

    def __init__(self, port: int, timeout: float = 10.0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self._timeout = timeout
        self._buffer = b""

    @classmethod
    def bound(cls, port: int, command: int = Command.BIND_TRANSCEIVER, body: bytes = BIND) -> Self:
        raw = cls(port)
        assert raw.ask(frame(command, 1, body)) == (command | 0x80000000, 0, 1)
        return raw

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def ask(self, octets: bytes) -> Answer | None:
        """Send, and the next PDU that comes back; None when the connection ends instead."""
        self.send(octets)
        return self.read()

    def read(self) -> Answer | None:
        """The next PDU but requests of the gateway's; None at the end of the connection."""
        while True:
            while len(self._buffer) < 16 or len(self._buffer) < int.from_bytes(self._buffer[:4], "big"):
                try:
                    octets = self.socket.recv(1 << 16)
                except ConnectionResetError:
                    return None
                if not octets:
                    return None
                self._buffer += octets
            length, command, status, sequence = unpack(">IIII", self._buffer[:16])
            self._buffer = self._buffer[length:]
            if command & 0x80000000:
                return command, status, sequence

    def closed(self, timeout: float = 15.0) -> bool:
        """Whether the other side ends the connection within that time."""
        self.socket.settimeout(timeout)
        try:
            while self.read() is not None:
                pass
        except TimeoutError:
            return False
        finally:
            self.socket.settimeout(self._timeout)
        return True

    def lives(self) -> bool:
        """Whether enquire_link is answered, at once."""
        began = time.monotonic()
        answer = self.ask(ENQUIRE)
        return answer == (Command.ENQUIRE_LINK_RESP, 0, 0x7001) and time.monotonic() - began < 2.0

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
