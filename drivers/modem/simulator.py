"""Simulated modems that can be plugged in: on a pty under a link, or on a TCP port. In memory: sim_memory.

    async with PtyModem(SimulatedModem(ModemBehaviour(pin="1234")), Path("modem")) as line: …

A client may be any program that drives a modem. For `chappe simulate modem`, the demo and tests.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import pty
import termios
import tty
from pathlib import Path
from typing import cast

from drivers.modem.sim_modem import SimulatedModem
from drivers.modem.sim_shell import Shell

__all__ = ["PtyModem", "TcpModem"]

_CHUNK = 4096
_BACKLOG = 1 << 16  # octets that no client reads: a modem does not keep them for ever
_UNLOCK = 0.25


class PtyModem(Shell):
    """A pty under `link`, a symbolic link that is made and taken away as udev does; each plugging is a new pty."""

    def __init__(self, modem: SimulatedModem, link: Path) -> None:
        super().__init__(modem)
        self.link = link
        self._master = self._slave = -1
        self._unwritten = bytearray()
        self._unlocking: asyncio.TimerHandle | None = None

    @property
    def place(self) -> str:
        return str(self.link)

    async def start(self) -> None:
        """Raises OSError, also for a link whose place is taken by something that is no link."""
        if self.link.exists() and not self.link.is_symlink():
            raise FileExistsError(errno.EEXIST, "is there already and no link", str(self.link))
        await super().start()

    def _appear(self) -> None:
        """Raw before any client opens it, else the kernel echoes what we say back to us as commands; and one
        descriptor of the client's side stays open, else the pty forgets that when the last client leaves.
        """
        loop = asyncio.get_running_loop()
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        fresh = self.link.with_name(f".{self.link.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(self._slave))
        fresh.replace(self.link)
        loop.add_reader(self._master, self._readable)
        self._unlock()

    def _unlock(self) -> None:
        """A client's TIOCEXCL ends with the last close(2), which ours never is: without this, nobody but root
        could open the pty a second time.
        """
        fcntl.ioctl(self._slave, termios.TIOCNXCL)
        self._unlocking = asyncio.get_running_loop().call_later(_UNLOCK, self._unlock)

    def _vanish(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._master)
        loop.remove_writer(self._master)
        if self._unlocking is not None:
            self._unlocking.cancel()
        self._unwritten.clear()
        self.link.unlink(missing_ok=True)
        os.close(self._master)
        os.close(self._slave)

    def _readable(self) -> None:
        try:
            data = os.read(self._master, _CHUNK)
        except BlockingIOError:
            return
        self._heard(data)

    def _say(self, data: bytes) -> None:
        if not self._unwritten:
            asyncio.get_running_loop().add_writer(self._master, self._writable)
        self._unwritten += data
        del self._unwritten[:-_BACKLOG]
        self._writable()

    def _writable(self) -> None:
        try:
            del self._unwritten[: os.write(self._master, self._unwritten)]
        except BlockingIOError:
            return
        if not self._unwritten:
            asyncio.get_running_loop().remove_writer(self._master)


class TcpModem(Shell):
    """A serial server's port: one client at a time, the newest; `socket://host:port` to our driver."""

    def __init__(self, modem: SimulatedModem, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(modem)
        self.host = host
        self.port = port
        self._server: asyncio.Server | None = None
        self._client: asyncio.Transport | None = None

    @property
    def place(self) -> str:
        return f"socket://{self.host}:{self.port}"

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Client(self), self.host, self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])
        await super().start()

    async def stop(self) -> None:
        await super().stop()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def connected(self, client: asyncio.Transport) -> None:
        """A client came; refused while the modem is away."""
        if self._client is not None:
            self._client.abort()
        self._client = client
        if self._there:
            self._reopened()
        else:
            client.abort()

    def heard(self, client: asyncio.Transport, data: bytes) -> None:
        """What a client wrote; one that another has followed is not heard any more."""
        if client is self._client:
            self._heard(data)

    def gone(self, client: asyncio.Transport) -> None:
        """A client left."""
        if client is self._client:
            self._client = None

    def _appear(self) -> None:
        """The server listens all the time, as a serial server does whose modem has gone."""

    def _vanish(self) -> None:
        if self._client is not None:
            self._client.abort()

    def _say(self, data: bytes) -> None:
        if self._client is not None:
            self._client.write(data)


class _Client(asyncio.Protocol):
    """One connection of a TcpModem."""

    def __init__(self, modem: TcpModem) -> None:
        self._modem = modem
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self._modem.connected(self._transport)

    def data_received(self, data: bytes) -> None:
        if self._transport is not None:
            self._modem.heard(self._transport, data)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - either way it is gone
        if self._transport is not None:
            self._modem.gone(self._transport)
