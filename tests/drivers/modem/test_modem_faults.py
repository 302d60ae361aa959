"""Faults at any moment: each segment has one answer, nothing is sent twice, and the modem comes back or is parked."""

import asyncio
import random
import time
from collections import Counter

import pytest
import uvloop
from modem_lab import FREE, WALL, Gateway, Lab, MemoryState, segment, virtually

from drivers import modem
from drivers.modem.commands import Timings
from drivers.modem.ladder import Rung
from drivers.modem.sim_behaviour import ModemBehaviour
from drivers.modem.sim_faults import COMMAND, MOMENT, REPORT, SUBMIT, Fault
from drivers.modem.sim_modem import SimulatedModem
from drivers.modem.simulator import PtyModem, TcpModem

SLOW = ModemBehaviour(submit=2.0, latency=0.01)


def supply(lab, total):
    waiting = [segment(n) for n in range(total)]

    def more():
        room = lab.bearer.credit()
        if room > 0 and waiting:
            lab.bearer.submit(waiting[:room])
            del waiting[:room]

    lab.gateway.more = more
    return waiting


def honest(lab):
    """What must hold whatever happened."""
    gateway = lab.gateway
    assert all(count == 1 for count in gateway.outcomes().values())
    sent = Counter(taken.destination for taken in lab.submitted)
    assert max(sent.values(), default=0) <= 1
    assert {event.segment.destination for event in gateway.of("Accepted")} <= set(sent)
    assert not {event.segment.destination for event in gateway.of("Unsent", "Refused")} & set(sent)


CASES = {  # fault(s), what becomes of six messages, and the reasons of the link on the way
    "no answer after CTRL-Z": ([Fault("lost-answer", at=3.0)], {"Accepted": 5, "Doubtful": 1}, []),
    "lost before the network": ([Fault("lost-submit", at=3.0)], {"Accepted": 5, "Doubtful": 1}, []),
    "error though it was sent": ([Fault("false-error", at=3.0)], {"Accepted": 5, "Doubtful": 1}, []),
    "plain ERROR before the prompt": ([Fault("error", at=3.0, match="+CMGS")], {"Accepted": 5, "Refused": 1}, []),
    "no prompt": ([Fault("mute", at=3.0, match="+CMGS")], {"Accepted": 5, "Refused": 1}, []),
    "refused for good": ([Fault("refused", at=3.0, text="+CMS ERROR: 1")], {"Accepted": 5, "Refused": 1}, []),
    "restart in a submit": ([Fault("reset", at=3.5)], {"Accepted": 5, "Doubtful": 1}, []),
    "unplugged in a submit": (
        [Fault("unplug", at=3.5, seconds=20)], {"Accepted": 4, "Doubtful": 1, "Unsent": 1}, ["port.lost", "port.missing"],
    ),
    "hangs until ESC": ([Fault("hang", at=3.5, seconds=1e6, text="esc")], {"Accepted": 5, "Doubtful": 1}, []),
    "hangs until reopened": (
        [Fault("hang", at=3.5, seconds=1e6, text="reopen")], {"Accepted": 4, "Doubtful": 1, "Unsent": 1}, ["modem.silent"],
    ),
    "hangs until CFUN": (
        [Fault("hang", at=3.5, seconds=1e6, text="cfun")], {"Accepted": 4, "Doubtful": 1, "Unsent": 1}, ["modem.silent"],
    ),
    "no network": ([Fault("no-network", at=3.0, seconds=30)], None, ["network.none"]),
    "SIM taken out": ([Fault("sim-out", at=3.0, seconds=100)], None, ["sim.absent"]),
    "a late answer": ([Fault("late", match="+CSQ", seconds=12.0)], {"Accepted": 6}, []),
    "a voice call": ([Fault("urc", at=3.5, text='RING|+CLIP: "+33612345678",145|NO CARRIER')], {"Accepted": 6}, []),
    "garbage": ([Fault("urc", at=3.5, text="\x01\x02 >\xff> |+CDS: 25|+CMGS: 3")], {"Accepted": 6}, []),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_fault(name):
    faults, outcomes, reasons = CASES[name]

    async def main():
        copies = [Fault(f.kind, f.at, f.match, f.times, f.seconds, f.text) for f in faults]
        async with Lab(SLOW, faults=copies) as lab:
            waiting = supply(lab, 6)
            await lab.until(lambda: not waiting and len(lab.gateway.outcomes()) == 6, 2000)
            honest(lab)
            if outcomes is not None:
                told = Counter(
                    type(event).__name__
                    for event in lab.gateway.of("Accepted", "Refused", "Unsent", "Doubtful")
                )
                assert told == outcomes
            await lab.ready()  # it comes back by itself
            assert [reason for up, reason in lab.gateway.links if not up] == reasons

    virtually(main())


def test_the_ladder_uses_the_power_lines_there_are():
    class Power:
        """Its reset line does not help, its power key does."""

        available = frozenset({Rung.HARD_RESET, Rung.POWER_CYCLE})

        def __init__(self):
            self.done = []

        def running(self):
            return True

        async def on(self):
            self.done.append("on")

        async def reset(self):
            self.done.append("reset")

        async def cycle(self, commanded=False):
            self.done.append("cycle")
            lab.line.power(on=False)
            lab.line.power(on=True)
            await asyncio.sleep(5)

        def close(self):
            self.done.append("close")

    power = Power()
    lab = Lab(SLOW, faults=[Fault("hang", at=5.0, seconds=1e6, text="power")], power=lambda _: power)

    async def main():
        async with lab:
            await lab.ready()
            await lab.until(lambda: lab.gateway.links[-1] == (False, "modem.silent"))
            await lab.ready()
            assert power.done == ["reset", "cycle"]
            assert lab.gateway.fields["resets_last_hour"] == 3
        assert power.done[-1] == "close"

    virtually(main())


def test_given_up_it_is_parked_and_an_operator_may_ask_for_a_try():
    async def main():
        async with Lab(SLOW, faults=[Fault("hang", at=5.0, seconds=800, text="power")]) as lab:
            await lab.ready()
            await lab.until(lambda: lab.gateway.links[-1] == (False, "modem.gave_up"))
            assert lab.gateway.fields["recovery"] == "parked"
            await asyncio.sleep(900)
            assert lab.bearer.credit() == 0
            lab.bearer.reset()
            assert await lab.ready() < 10

    virtually(main())


def test_a_modem_that_restarts_again_and_again_is_sick():
    async def main():
        faults = [Fault("reset", at=10.0 * n) for n in range(1, 8)]
        async with Lab(ModemBehaviour(boot=1.0), faults=faults) as lab:
            await lab.until(lambda: lab.bearer.ladder.taken, 120)
            assert lab.bearer.ladder.cause == "modem.restarts"
            await asyncio.sleep(100)
            await lab.ready()

    virtually(main())


def test_a_sim_that_refuses_everybody_is_left_alone_for_a_while():
    async def main():
        faults = [Fault("refused", text="+CMS ERROR: 21", times=3)]
        async with Lab(SLOW, faults=faults) as lab:
            supply(lab, 10)
            await lab.until(lambda: (False, "sim.barred") in lab.gateway.links)
            assert len(lab.gateway.of("Refused")) == 3
            await lab.until(lambda: len(lab.gateway.outcomes()) == 10)
            honest(lab)

    virtually(main())


@pytest.mark.parametrize("seed", range(12))
def test_many_faults_at_once(seed):
    rnd = random.Random(seed)
    kinds = [*COMMAND, *SUBMIT, *REPORT, *(kind for kind in MOMENT if kind != "hang")]
    faults = [
        Fault(rnd.choice(kinds), rnd.uniform(0, 120), rnd.choice(["", "+CMGS", "+CMGL", "+CMGD", "+CPMS", "AT"]), 2, rnd.choice([1, 20]), "")
        for _ in range(5)
    ]  # fmt: skip
    replies = []

    async def main():
        heard = lambda kind, fields: replies.append(fields["source"]) if kind == "mo" else None  # noqa: E731 - one line
        behaviour = ModemBehaviour(submit=rnd.choice([0.5, 4.0]), mo_every=2, seed=seed, urc_inside=True)
        simulated = SimulatedModem(behaviour, wall=WALL, script=faults, on_event=heard)
        async with Lab(simulated=simulated) as lab:
            supply(lab, 30)
            await lab.until(lambda: len(lab.gateway.outcomes()) == 30, 5000)
            await asyncio.sleep(400)
            honest(lab)
            told = {event.source for event in lab.gateway.stored if type(event).__name__ == "Inbound"}
            assert set(replies) <= told
            assert lab.gateway.links[-1] == (True, "link.up")
            assert not sum(memory.used for memory in lab.modem.state.memories.values())

    virtually(main())


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("line", ["pty", "socket"])
def test_over_a_real_line_with_its_cable_pulled(loop, line, tmp_path):
    async def main():
        behaviour = ModemBehaviour(submit=0.05, boot=0.0, mo_every=1, mo_delay=0.05, report_delay=0.02)
        simulated = SimulatedModem(behaviour, wall=time.time())
        shell = PtyModem(simulated, tmp_path / "modem") if line == "pty" else TcpModem(simulated)
        async with shell:
            settings = modem.Settings(port=shell.place)
            terms = modem.Terms(quota=FREE, sim_contract="a plan")
            timings = Timings(drain=0.02, wake=0.3, quiet=0.0)
            bearer = modem.open("modem", settings, MemoryState(), terms, timings=timings)
            gateway = Gateway()
            task = asyncio.create_task(bearer.run(gateway))

            async def until(condition):
                async with asyncio.timeout(8):
                    while not condition():
                        await asyncio.sleep(0.01)

            await until(lambda: bearer.credit() > 0)
            bearer.submit([segment(1)])
            await until(lambda: len(gateway.of("Accepted", "Receipt", "Inbound")) == 3)
            shell.fault(Fault("unplug", seconds=0.2))
            await until(lambda: (False, "port.lost") in gateway.links)
            await until(lambda: bearer.credit() > 0)
            bearer.submit([segment(2)])
            await until(lambda: len(gateway.of("Accepted", "Receipt", "Inbound")) == 6)
            await bearer.drain(5)
            assert gateway.links[-1] == (False, "link.closed")
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())
