"""An application of one connection that submits and waits: for measurements of one message at a time."""

from __future__ import annotations

import socket
import time
from typing import Self

from drivers.smpp.build import address, bind_body, frame, sm_body
from drivers.smpp.codec import decode
from drivers.smpp.pdu import Command

__all__ = ["Esme"]


class Esme:
    """Bound as transmitter, so that nothing is delivered to it. Raises RuntimeError when it is not let in."""

    def __init__(self, port: int, account: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self._sequence = 0
        status = self._ask(Command.BIND_TRANSMITTER, bind_body(account.encode(), account.encode()))[0]
        if status:
            raise RuntimeError(f"{account} was not let in: command_status {status:#x}")

    def submit(self, to: str, text: bytes) -> tuple[float, float]:
        """One submit_sm without receipt; CLOCK_MONOTONIC when it was written and when its response was read."""
        body = sm_body(address(0, 0, b"38000"), address(1, 1, to.lstrip("+").encode()), text)
        began = time.monotonic()
        status, at = self._ask(Command.SUBMIT_SM, body)
        if status:
            raise RuntimeError(f"the submission to {to} was refused: command_status {status:#x}")
        return began, at

    def _ask(self, command: int, body: bytes) -> tuple[int, float]:
        self._sequence += 1
        self._socket.sendall(frame(command, self._sequence, body))
        while True:
            pdus, taken = decode(self._buffer)
            at = time.monotonic()
            self._buffer = self._buffer[taken:]
            for pdu in pdus:
                if pdu.sequence_number == self._sequence and pdu.command_id & 0x80000000:
                    return pdu.command_status, at
            received = self._socket.recv(65536)
            if not received:
                raise RuntimeError("the gateway closed the connection")
            self._buffer += received

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
