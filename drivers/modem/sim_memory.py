"""A simulated modem without a device, for tests of the driver: the loop's clock may be a virtual one.

    line = MemoryModem(SimulatedModem());  await line.start();  port = await line.open("modem", 115200, heard, lost)

`open` stands where drivers.modem.port.open_port does, and what it returns behaves as a Port does: callbacks come
from the loop, never out of write() or close(), and never after close().
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from drivers.modem.port_errors import PortError
from drivers.modem.sim_modem import SimulatedModem
from drivers.modem.sim_shell import Shell

__all__ = ["MemoryModem", "MemoryPort"]


class MemoryPort:
    """A client's end of a MemoryModem; behaves as drivers.modem.port.Port does."""

    def __init__(
        self, line: MemoryModem, name: str, received: Callable[[bytes], None], lost: Callable[[str], None]
    ) -> None:
        self.name = name
        self.closed = False
        self._line = line
        self._received = received
        self._lost = lost

    def write(self, data: bytes) -> None:
        if not self.closed:
            asyncio.get_running_loop().call_soon(self._line.heard, self, bytes(data))

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._line.left(self)

    def hear(self, data: bytes) -> None:
        """The modem said this."""
        if not self.closed:
            self._received(data)

    def lose(self, detail: str) -> None:
        """The modem is gone."""
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self._lost, detail)


class MemoryModem(Shell):
    """pieces: the most octets that the client hears at once; 0 for all there is."""

    def __init__(self, modem: SimulatedModem, pieces: int = 0) -> None:
        super().__init__(modem)
        self._pieces = pieces
        self._port: MemoryPort | None = None

    @property
    def place(self) -> str:
        return "memory"

    async def open(
        self,
        path: str,
        baud: int,  # noqa: ARG002 - as open_port
        received: Callable[[bytes], None],
        lost: Callable[[str], None],
        owner: str = "",  # noqa: ARG002 - as open_port
        timeout: float = 10.0,  # noqa: ARG002, ASYNC109 - as open_port
    ) -> MemoryPort:
        """Raises PortError: port.missing while the modem is away, port.busy while somebody has it."""
        if not self._there:
            raise PortError("port.missing", f"{path} does not exist: plug the modem in")
        if self._port is not None and not self._port.closed:
            raise PortError("port.busy", f"{path} is taken by another client")
        self._port = MemoryPort(self, path, received, lost)
        self._reopened()
        return self._port

    def heard(self, port: MemoryPort, data: bytes) -> None:
        """What this client wrote, unless it has lost the line since."""
        if port is self._port and not port.closed:
            self._heard(data)

    def left(self, port: MemoryPort) -> None:
        """A client closed its port."""
        if port is self._port:
            self._port = None

    def _appear(self) -> None:
        """Nothing to make: open() asks whether it is there."""

    def _vanish(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            port.lose("the far end hung up")

    def _say(self, data: bytes) -> None:
        if self._port is None:
            return
        step = self._pieces or len(data)
        for start in range(0, len(data), step):
            asyncio.get_running_loop().call_soon(self._port.hear, data[start : start + step])
