"""How much of its time a modem is at work: ten runs over a real pty, a slow modem's times divided by twenty.

A submit of 4 s takes 200 ms, so that 10 ms are left to hand over the next message, read its report and the reply,
and delete both: twice what a slow machine needs for that, and nothing beside the 200 ms that a real modem would leave. From CTRL-Z to its answer the modem works; the rest, from the first CTRL-Z to the last answer, is
what we left it idle or asked it otherwise. Of that rest the time is taken off in which this process was ready to run
and the machine ran others: the kernel counts it (schedstat), and it is neither the modem's nor ours.
"""

import asyncio
import contextlib
import logging
import time
from itertools import pairwise
from pathlib import Path

import pytest
import structlog
from modem_lab import FREE, Gateway, MemoryState, segment

from drivers import modem
from drivers.modem.commands import Timings
from drivers.modem.sim_behaviour import ModemBehaviour
from drivers.modem.sim_modem import SimulatedModem
from drivers.modem.simulator import PtyModem

SLOW = 4.0 / 20
RUNS, MESSAGES = 10, 8
LEAST = 0.95
SCHEDSTAT = Path("/proc/self/schedstat")
QUICK = Timings(drain=0.02, wake=1.0, quiet=0.01)


def own_time():
    """Seconds, without those in which others had the processor that we asked for."""
    waited = SCHEDSTAT.read_text().split()[1] if SCHEDSTAT.exists() else "0"
    return time.perf_counter() - int(waited) / 1e9


class Watched(SimulatedModem):
    """Notes when it was given a text, and when it had sent it."""

    def __init__(self, behaviour):
        self.spans, self._given = [], 0.0
        super().__init__(behaviour, wall=time.time(), on_event=self._told)

    def receive(self, data, now):
        if b"\x1a" in data:
            self._given = own_time()
        super().receive(data, now)

    def _told(self, kind, fields):
        if kind == "submitted":
            self.spans.append((self._given, own_time()))

    @property
    def used(self):
        idle = sum(begin - end for (_, end), (begin, _) in pairwise(self.spans))
        return len(self.spans) * SLOW / (len(self.spans) * SLOW + idle)


async def one_run(folder, run):
    """A report and a reply for every message; gives the part of its time that the modem worked."""
    behaviour = ModemBehaviour(
        submit=SLOW, boot=0.0, report_delay=0.02, report_jitter=0.06, mo_every=1, mo_delay=0.04, seed=run
    )
    simulated = Watched(behaviour)
    gateway, waiting = Gateway(), [segment(number) for number in range(MESSAGES)]
    async with PtyModem(simulated, folder / f"modem{run}"):
        settings = modem.Settings(port=str(folder / f"modem{run}"))
        terms = modem.Terms(quota=FREE, sim_contract="a plan")
        bearer = modem.open("modem", settings, MemoryState(), terms, timings=QUICK)

        def more():
            room = bearer.credit()
            if room > 0 and waiting:
                bearer.submit(waiting[:room])
                del waiting[:room]

        gateway.more = more
        task = asyncio.create_task(bearer.run(gateway))
        try:
            async with asyncio.timeout(20):
                while len(gateway.of("Receipt", "Inbound")) < 2 * MESSAGES:
                    await asyncio.sleep(0.02)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    assert len(gateway.of("Accepted")) == len(simulated.spans) == MESSAGES
    return simulated.used


@pytest.fixture
def silent():
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    yield
    structlog.reset_defaults()


@pytest.mark.slow
def test_ten_runs_over_a_pty_use_the_time_that_the_modem_could_work(silent, tmp_path):
    async def main():
        return [await one_run(tmp_path, run) for run in range(RUNS)]

    used = asyncio.run(main())
    print("used of the modem's time:", ", ".join(f"{each:.1%}" for each in used))
    assert sorted(used)[RUNS // 2] >= LEAST, used
    assert min(used) >= LEAST - 0.05, used  # a page that was not in memory, another thread's turn
