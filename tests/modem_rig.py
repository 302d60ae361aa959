"""The driver 'modem' as the bearer contract's suite plays with it: see tests/contracts/rigs.py."""

from dataclasses import replace

from modem_lab import FREE, MemoryState

from drivers import modem
from drivers.modem.commands import Timings
from drivers.modem.sim_behaviour import ModemBehaviour
from drivers.modem.sim_faults import Fault
from drivers.modem.sim_memory import MemoryModem
from drivers.modem.sim_modem import SimulatedModem

__all__ = ["ModemRig"]

QUICK = Timings(
    drain=0.0, wake=0.1, quick=0.2, sim=0.3, prompt=0.2, submit=0.2, quiet=0.0, retry=0.01, again=0.1, heal=0.05,
    status=0.0, reboot=0.05, sweep=0.5,
)  # fmt: skip
ANSWERS = {
    "take": {"refused_percent": 0.0, "lost_answer_percent": 0.0},
    "refuse": {"refused_percent": 100.0, "lost_answer_percent": 0.0, "submit_error": "+CMS ERROR: 30"},
    "silence": {"refused_percent": 0.0, "lost_answer_percent": 100.0},
}


class ModemRig:
    """A simulated modem in memory, and its cable."""

    answer_timeout = 0.2

    async def __aenter__(self):
        behaviour = ModemBehaviour(submit=0.02, boot=0.0, report_none_percent=100.0)
        self._line = MemoryModem(SimulatedModem(behaviour))
        await self._line.start()
        terms = modem.Terms(quota=FREE, sim_contract="a test plan")
        settings = modem.Settings(port="/dev/modem")
        self.bearer = modem.open(
            "modem", settings, MemoryState(), terms, opener=self._line.open, timings=QUICK
        )
        return self

    async def __aexit__(self, *_):
        await self._line.stop()

    def answer(self, how):
        faults = self._line.modem.faults
        faults.behaviour = replace(faults.behaviour, **ANSWERS[how])

    def answer_late(self):
        return 0  # what a modem says late names nobody

    def cut(self):
        self._line.fault(Fault("unplug", seconds=0.05))

    def deliver(self, count):
        for number in range(count):
            self._line.mo(f"+3361234567{number}", "Bonjour")
        self._brought = count

    @property
    def _left(self):
        memories = self._line.modem.state.memories.values()
        return sum(memory.used for memory in memories)

    @property
    def told(self):
        """Deleted: the modem may forget them."""
        return self._brought - self._left

    @property
    def denied(self):
        """Left where they were, while nothing has come of what was told."""
        return self._left
