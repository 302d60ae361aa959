"""A simulated modem on a pty for programs that block: its loop runs in a thread of its own.

    with PlayedModem(folder / "modem", pin="1234") as modem:
        …a real client works on modem.link…
        modem.submitted(1); modem.handset("+33612345678", "STOP")

What a test asserts is what the modem's network took, decoded (submitted), and what the client wrote down.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

from peers.process import wait_until

from drivers.modem.sim_behaviour import ModemBehaviour
from drivers.modem.sim_faults import Fault
from drivers.modem.sim_modem import SimulatedModem
from drivers.modem.sim_network import Taken
from drivers.modem.simulator import PtyModem

__all__ = ["PlayedModem"]

Result = TypeVar("Result")


class PlayedModem:
    """A PtyModem at `link`; the keywords are ModemBehaviour's fields. commands: what came in, PINs hidden."""

    def __init__(self, link: Path, *faults: Fault, **behaviour: Any) -> None:
        self.link = link
        self.commands: list[str] = []
        self.modem = SimulatedModem(
            ModemBehaviour(**behaviour), wall=time.time(), script=faults, on_event=self._note
        )
        self._line = PtyModem(self.modem, link)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def submitted(self, count: int, timeout: float = 20.0) -> list[Taken]:
        """What the network took, once it has taken at least so many."""
        network = self.modem.state.network
        wait_until(
            lambda: len(network.submitted) >= count,
            timeout,
            lambda: f"{len(network.submitted)} of {count} submits; last commands: {self.commands[-20:]}",
        )
        return list(network.submitted)

    def handset(self, source: str, text: str) -> None:
        """A handset writes to the SIM."""
        self.call(lambda: self._line.mo(source, text))

    def wait_for_command(self, beginning: str, timeout: float = 20.0) -> None:
        """Until the client has sent such a command."""
        wait_until(
            lambda: any(line.startswith(beginning) for line in self.commands),
            timeout,
            lambda: f"no {beginning}; last commands: {self.commands[-20:]}",
        )

    def stored(self, memory: str) -> int:
        """How many messages lie in a memory: a client that has read one deletes it."""
        return self.modem.state.memories[memory].used

    def call(self, function: Callable[[], Result]) -> Result:
        """What the function returns, run where the modem lives."""

        async def run() -> Result:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10.0)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _note(self, kind: str, fields: dict[str, object]) -> None:
        if kind == "command":
            self.commands.append(str(fields["line"]))

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._line.start(), self._loop).result(10.0)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._line.stop(), self._loop).result(10.0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10.0)
        self._loop.close()
