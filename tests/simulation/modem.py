"""A modem as a random actor: the pure simulated modem of drivers/modem on the world's clock, its cable in memory.

Its SIM and its network are the truth that the judge sees: what was submitted to the network, which PINs were tried.
The line outlives the gateway, as a stick does that stays plugged in.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from simulation.books import Attempt, Books
from simulation.clockwork import SimLoop, World

from drivers.modem.port_errors import PortError
from drivers.modem.sim_behaviour import ModemBehaviour
from drivers.modem.sim_faults import Fault
from drivers.modem.sim_modem import SimulatedModem

__all__ = ["Modem"]

_TOKEN = re.compile(r"(M\d{6}) v(\d)")


class _Port:
    """The gateway's end of the cable."""

    def __init__(self, modem: Modem, received: Callable[[bytes], None], lost: Callable[[str], None]) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimLoop)
        self.name = "memory"
        self.closed = False
        self._modem = modem
        self._loop = loop
        self._received = received
        self._lost = lost

    @property
    def dead(self) -> bool:
        return self.closed or self._loop.dead

    def write(self, data: bytes) -> None:
        if not self.dead:
            self._modem.world.after(0.001, self._modem.heard, self, bytes(data))

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._modem.world.after(0.0, self._modem.left)

    def hear(self, data: bytes) -> None:
        if not self.dead:
            self._loop.call_soon(lambda: None if self.dead else self._received(data))

    def lose(self, detail: str) -> None:
        if not self.dead:
            self.closed = True
            self._loop.call_soon(self._lost, detail)


class Modem:
    """See the module. pin: what the gateway is told; the card's own may be changed by a fault."""

    def __init__(self, name: str, pin: str, world: World, books: Books, wall: float, seed: int) -> None:
        self.name = name
        self.world = world
        self.books = books
        behaviour = ModemBehaviour(
            pin=pin,
            seed=seed,
            submit=1.5,
            latency=0.02,
            report_delay=4.0,
            report_jitter=8.0,
            gone=2.0,
            register=2.0,
        )
        self.sim = SimulatedModem(behaviour, 0.0, wall)
        self._port: _Port | None = None
        self._there = True
        self._turn = 0
        self._seen = 0
        self._settle()

    # ── the cable ────────────────────────────────────────────────────────────────────────────────────────
    async def open(
        self,
        path: str,
        baud: int,
        received: Callable[[bytes], None],
        lost: Callable[[str], None],
        owner: str = "",
    ) -> _Port:
        """Stands where drivers.modem.port.open_port does."""
        if not self._there:
            raise PortError("port.missing", f"{path} does not exist: plug the modem in")
        self._port = _Port(self, received, lost)
        self.sim.reopened(self.world.now)
        self._settle()
        return self._port

    def heard(self, port: _Port, data: bytes) -> None:
        if port is self._port and self._there:
            if b"CMGS" in data:  # looking after itself does not break the silence
                self.world.spoken = self.world.now
            self.sim.receive(data, self.world.now)
            self._settle()

    def left(self) -> None:
        if self._there:
            self.sim.reopened(self.world.now)
            self._settle()

    # ── from outside ─────────────────────────────────────────────────────────────────────────────────────
    def fault(self, kind: str, seconds: float, text: str = "") -> None:
        self.sim.fault(Fault(kind, seconds=seconds, text=text), self.world.now)
        self._settle()

    def other_pin(self) -> None:
        """Somebody has put another SIM in, whose PIN is not the one that we know; and the modem starts anew, again and again."""
        self.sim.state.card.pin = "9999"
        for after in (0.0, 200.0, 900.0, 4000.0):
            self.world.after(after, self.fault, "reset", 1.0)

    def reply(self, source: str, text: str) -> None:
        self.sim.mo(source, text, self.world.now)
        self._settle()

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────
    def _settle(self) -> None:
        self._look()
        said = self.sim.output()
        port = self._port
        if said and self._there and port is not None:
            self.world.after(0.001, port.hear, said)
        if self.sim.present != self._there:
            self._there = self.sim.present
            if not self._there and port is not None:
                self._port = None
                self.world.after(0.001, port.lose, "the modem is gone")
        self._turn += 1
        moment = self.sim.next
        if moment is not None:
            self.world.at(moment, self._tick, self._turn)

    def _tick(self, turn: int) -> None:
        if turn == self._turn:
            self.sim.advance(self.world.now)
            self._settle()

    def _look(self) -> None:
        """What its network took since the last look. Whether the gateway has heard so, nobody outside can tell."""
        taken = self.sim.state.network.submitted
        for each in taken[self._seen :]:
            found = _TOKEN.search(each.text)
            ask = self.books.find(found[1], each.destination) if found else None
            if ask is None or found is None:
                continue
            udh = each.submit.udh
            total, part = (udh[4], udh[5]) if udh[1:3] == b"\x00\x03" else (1, 1)
            attempt = Attempt(self.name, part, total, self.world.now, self.books.wall())
            attempt.status, attempt.version = 0, int(found[2])
            ask.attempts.append(attempt)
            self.books.happened["modem.sends"] += 1
            self.books.tell(self.name, f"took {ask.token} part {part}/{total}")
        self._seen = len(taken)

    def judge(self) -> None:
        """A PIN that was refused is never tried again: the third time locks the card."""
        refused = [pin for pin, right in self.sim.state.card.tries if not right]
        if len(refused) > 1:
            self.books.violation("pin", f"{self.name} was given a wrong PIN {len(refused)} times")
