"""What every simulated modem has that is plugged in: one timer, and a line that is there or not.

Carries octets and time between a line and a SimulatedModem, in whose hands all decisions are; when the modem's
port vanishes, so does the line. Base of PtyModem, TcpModem (simulator) and MemoryModem (sim_memory).
"""

from __future__ import annotations

import asyncio
from typing import Self

from drivers.modem.sim_faults import Fault
from drivers.modem.sim_modem import SimulatedModem

__all__ = ["Shell"]


class Shell:
    """Time and output of one modem. The loop's clock is the modem's, from start() on.

    A line has _appear() and _vanish(), which come in turn, and _say(), which comes between them.
    """

    def __init__(self, modem: SimulatedModem) -> None:
        self.modem = modem
        self._origin = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._there = False

    @property
    def place(self) -> str:
        """What a client is given as its port."""
        raise NotImplementedError

    @property
    def now(self) -> float:
        """The modem's seconds."""
        return asyncio.get_running_loop().time() - self._origin

    async def start(self) -> None:
        """Plug it in and switch it on. Raises OSError."""
        self._origin = asyncio.get_running_loop().time() - self.modem.state.now
        self._settle()

    async def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._there:
            self._vanish()
            self._there = False

    # ── from outside ────────────────────────────────────────────────────────────────────────────────────
    def mo(self, source: str, text: str) -> None:
        """A handset writes to the SIM."""
        self.modem.mo(source, text, self.now)
        self._settle()

    def fault(self, fault: Fault) -> None:
        """One more; its moment counts from now."""
        self.modem.fault(fault, self.now)
        self._settle()

    def reset(self) -> None:
        """Pull the reset line."""
        self.modem.reset(self.now)
        self._settle()

    def power(self, *, on: bool) -> None:
        """Switch it on or off."""
        self.modem.power(on, self.now)
        self._settle()

    # ── for the lines ───────────────────────────────────────────────────────────────────────────────────
    def _heard(self, data: bytes) -> None:
        self.modem.receive(data, self.now)
        self._settle()

    def _reopened(self) -> None:
        self.modem.reopened(self.now)
        self._settle()

    def _tick(self) -> None:
        self.modem.advance(self.now)
        self._settle()

    def _settle(self) -> None:
        """Show what the modem has become: its output, its presence, its next moment."""
        said = self.modem.output()
        if said and self._there:
            self._say(said)
        if self.modem.present != self._there:
            self._there = self.modem.present
            if self._there:
                self._appear()
            else:
                self._vanish()
        if self._timer is not None:
            self._timer.cancel()
        moment = self.modem.next
        if moment is not None:
            self._timer = asyncio.get_running_loop().call_at(moment + self._origin, self._tick)

    def _say(self, data: bytes) -> None:
        raise NotImplementedError

    def _appear(self) -> None:
        raise NotImplementedError

    def _vanish(self) -> None:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
