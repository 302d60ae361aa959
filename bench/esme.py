"""Applications of the bench: one that submits and waits, one message at a time; and a crowd that is only bound."""

from __future__ import annotations

import selectors
import socket
import time
from typing import Self

from drivers.smpp.build import address, bind_body, frame, response, sm_body
from drivers.smpp.codec import decode
from drivers.smpp.pdu import Command

__all__ = ["Crowd", "Esme"]


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


class Crowd:
    """So many transceivers, bound one after the other as the accounts come round; they answer enquire_link."""

    def __init__(self, port: int, accounts: list[str], count: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._bound = 0
        for number in range(count):
            name = accounts[number % len(accounts)].encode()
            connection = socket.create_connection(("127.0.0.1", port), timeout=30)
            connection.sendall(frame(Command.BIND_TRANSCEIVER, 1, bind_body(name, name)))
            self._selector.register(connection, selectors.EVENT_READ, bytearray())
            self.serve(0.0)

    def wait(self, seconds: float = 120.0) -> None:
        """Until all are bound."""
        deadline = time.monotonic() + seconds
        while self._bound < len(self._selector.get_map()):
            if time.monotonic() > deadline:
                raise RuntimeError(
                    f"only {self._bound} of {len(self._selector.get_map())} binds were answered"
                )
            self.serve(0.1)

    def serve(self, seconds: float) -> None:
        """Answer what comes in this time."""
        until = time.monotonic() + seconds
        while True:
            for key, _ in self._selector.select(max(0.0, until - time.monotonic())):
                self._read(key)
            if time.monotonic() >= until:
                return

    def _read(self, key: selectors.SelectorKey) -> None:
        connection, buffer = key.fileobj, key.data
        assert isinstance(connection, socket.socket)
        received = connection.recv(65536)
        if not received:
            raise RuntimeError("the gateway closed a connection of the crowd")
        buffer += received
        pdus, taken = decode(bytes(buffer))
        del buffer[:taken]
        for pdu in pdus:
            if pdu.command_id == Command.ENQUIRE_LINK:
                connection.sendall(response(pdu.command_id, 0, pdu.sequence_number))
            elif pdu.command_id == Command.BIND_TRANSCEIVER_RESP:
                if pdu.command_status:
                    raise RuntimeError(f"one of the crowd was not let in: {pdu.command_status:#x}")
                self._bound += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for key in list(self._selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
        self._selector.close()
