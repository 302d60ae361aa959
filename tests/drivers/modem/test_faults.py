"""Two hundred lives of a modem that goes wrong in every way we know, on a virtual clock, against the driver.

What must hold whatever happens: each segment has at most one outcome, and one in the end; the network took no
segment twice, took what is Accepted and nothing that is Unsent or Refused; no PIN is tried again after a refusal
or a lost answer, also by the next daemon; every message from a handset arrives; and when the world is well
again the driver is too, or is parked and says why.
"""

import asyncio
import functools
import hashlib
import logging
from collections import Counter

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from modem_lab import WALL, Lab, segment, virtually

from drivers.modem.sim_behaviour import ModemBehaviour
from drivers.modem.sim_faults import COMMAND, MOMENT, Fault
from drivers.modem.sim_modem import SimulatedModem

PIN = "1234"
ANSWER = 20.0  # seconds that the driver gives +CPIN=
BUDGET = (
    1200.0  # the ladder without a wire: every rung, its pauses, its reboots, and the time-outs before each
)
PARKED = 1800.0
HUMAN = ("sim.pin_refused", "sim.pin_unanswered", "sim.pin_tries_low")

COMMANDS = st.sampled_from(
    ["", "AT", "E0", "+CPIN?", "+CPIN=", "+CPINR", "+CREG?", "+CSQ", "+CMGF", "+CNMI=", "+CPMS", "+CMGS", "+CMGL",
     "+CMGR", "+CMGD", "+CSCA", "+COPS", "+CCID", "+CIMI", "+CMEE", "+CFUN"]
)  # fmt: skip
ERRORS = st.sampled_from(
    [
        "ERROR",
        "+CME ERROR: 14",
        "+CME ERROR: 100",
        "+CMS ERROR: 314",
        "+CMS ERROR: 331",
        "+CMS ERROR: 500",
        "OK",
        "+CMS ERROR: 322",
    ]
)
REFUSALS = st.sampled_from([f"+CMS ERROR: {code}" for code in (1, 8, 21, 28, 38, 41, 42, 50, 322, 331, 332)])
DOUBTS = st.sampled_from(
    ["+CMS ERROR: 500", "+CMS ERROR: 512", "ERROR"]
)  # may have been sent: rules 46 and 47
SECONDS = st.sampled_from([0.5, 3.0, 15.0, 40.0, 90.0])
TIMES = st.integers(1, 4)

FAULTS = st.one_of(
    st.builds(lambda match, times: Fault("mute", match=match, times=times), COMMANDS, TIMES),
    st.builds(lambda match, seconds: Fault("late", match=match, seconds=seconds), COMMANDS, SECONDS),
    st.builds(lambda match, times, text: Fault("error", match=match, times=times, text=text), COMMANDS, TIMES, ERRORS),
    st.builds(lambda match: Fault("storm", match=match), COMMANDS),
    st.builds(lambda text, times: Fault("refused", text=text, times=times), REFUSALS, TIMES),
    st.builds(lambda text: Fault("false-error", text=text), DOUBTS),
    st.builds(Fault, st.sampled_from(["lost-answer", "lost-submit"])),
    st.builds(Fault, st.sampled_from(["report-early", "report-twice", "report-late", "report-none"])),
    st.builds(Fault, st.sampled_from(["reset", "full", "urc"])),
    st.builds(lambda kind, seconds: Fault(kind, seconds=seconds), st.sampled_from(["unplug", "no-network", "sim-out"]), SECONDS),
    st.builds(
        lambda seconds, text: Fault("hang", seconds=seconds, text=text),
        SECONDS, st.sampled_from(["", "esc", "reopen", "cfun"]),
    ),
)  # fmt: skip
BEHAVIOURS = st.fixed_dictionaries(
    {
        "pin": st.sampled_from(["", PIN]),
        "latency": st.sampled_from([0.0, 0.3]),
        "submit": st.sampled_from([0.2, 4.0]),
        "gone": st.sampled_from([0.0, 8.0]),
        "register": st.sampled_from([0.0, 5.0]),
        "mr": st.sampled_from([0, 253]),
        "ds_refused": st.sampled_from(["", "1", "2", "12"]),
        "mode_refused": st.sampled_from(["", "2"]),
        "storage_arguments": st.sampled_from([3, 1, 0]),
        "urc_inside": st.booleans(),
        "echo_stuck": st.booleans(),
        "report_national": st.booleans(),
        "report_jitter": st.sampled_from([0.0, 30.0]),
        "seed": st.integers(0, 1000),
    }
)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("goes_wrong"), FAULTS),
        st.tuples(st.just("is_sent_and_goes_wrong"), FAULTS, st.sampled_from([0.05, 0.3, 1.0, 3.9])),
        st.tuples(st.just("passes"), st.sampled_from([0.3, 2.0, 5.0, 20.0, 70.0])),
        st.tuples(st.just("is_sent")),
        st.tuples(st.just("handset_writes")),
        st.tuples(st.just("daemon_restarts")),
    ),
    min_size=5,
    max_size=16,
)


class Life:
    """One modem, one gateway, and everything between them."""

    def __init__(self, behaviour, wrong_pin, pieces):
        self.pins, self.asked_at = 0, None
        self.lost_at = self.told_at = (
            None  # how many PINs had been tried when an answer was lost, a human asked for
        )
        self.perhaps_lost = False  # to a reset, an unplugged cable, a modem that hangs
        self.count = self.texts = 0
        self.forsaken = set()  # the gateway's to settle, since the daemon that had them ended
        self.wrong = wrong_pin and behaviour["pin"]
        self.modem = SimulatedModem(ModemBehaviour(**behaviour), wall=WALL, on_event=self.note)
        pin = "9999" if wrong_pin else PIN
        self.lab = Lab(simulated=self.modem, pieces=pieces, settings={"pin": pin})
        self.gateway = self.lab.gateway

    def note(self, kind, fields):
        """A PIN that was tried, and whether its answer came in time: what the modem itself knows."""
        if kind != "command":
            return
        faults = self.modem.faults
        if self.asked_at is not None:
            struck = faults.struck[self.asked_at :]
            lost = [
                f
                for f in struck
                if f.kind in COMMAND and f.kind != "storm" and (f.kind != "late" or f.seconds > ANSWER)
            ]
            if lost and self.lost_at is None:
                self.lost_at = self.pins
            self.perhaps_lost |= any(f.kind in MOMENT for f in struck)
        self.asked_at = None
        if str(fields["line"]).startswith("AT+CPIN="):
            self.pins += 1
            self.asked_at = len(faults.struck)
            self.perhaps_lost |= self.modem.state.sim == "absent"  # pulled out at that very moment

    async def passes(self, seconds):
        await asyncio.sleep(seconds)
        if self.lab.task.done():
            raise AssertionError("run() ended by itself") from self.lab.task.exception()

    # ── what happens ────────────────────────────────────────────────────────────────────────────────────
    async def goes_wrong(self, fault):
        self.lab.line.fault(Fault(fault.kind, 0.0, fault.match, fault.times, fault.seconds, fault.text))

    async def is_sent_and_goes_wrong(self, fault, inside):
        await self.is_sent()
        await self.passes(inside)
        await self.goes_wrong(fault)

    async def is_sent(self):
        """As much as the driver takes."""
        for _ in range(self.lab.bearer.credit()):
            self.count += 1
            self.lab.bearer.submit(
                [segment(self.count, f"+336000000{self.count % 3:02}", b"number %d" % self.count)]
            )

    async def handset_writes(self):
        self.texts += 1
        self.lab.line.mo("+33611111111", f"mo {self.texts}")

    async def daemon_restarts(self):
        self.forsaken |= set(range(1, self.count + 1)) - set(self.gateway.outcomes())
        await self.lab.stop()
        self.perhaps_lost |= any(kept for key, kept in self.lab.state.kept.items() if key.startswith("pin/"))
        self.lab.start()

    # ── what must hold ──────────────────────────────────────────────────────────────────────────────────
    def nothing_is_sent_or_answered_twice(self):
        outcomes = self.gateway.outcomes()
        assert not [number for number, count in outcomes.items() if count > 1]
        taken = Counter(taken.text for taken in self.lab.submitted)
        assert not [text for text, count in taken.items() if count > 1]
        for event in self.gateway.of("Accepted", "Unsent", "Refused"):
            text = event.segment.payload.decode()
            assert taken[text] == (type(event).__name__ == "Accepted"), (
                event,
                vars(type(event)).get("reason"),
                text,
            )

    def no_pin_is_tried_again(self):
        card = self.lab.modem.state.card
        assert sum(not right for _, right in card.tries) <= 1
        assert self.lost_at is None or self.pins == self.lost_at
        if self.needs_human and self.told_at is None:
            self.told_at = self.pins
        assert self.told_at is None or self.pins == self.told_at

    # ── how it ends ─────────────────────────────────────────────────────────────────────────────────────
    async def gets_well(self):
        """No fault is left; what was begun runs out; then the driver is ready, or says what a human must do."""
        self.lab.modem.faults.clear()
        await self.passes(100.0)  # the longest fault
        waited = 0.0
        while not self.at_work and not self.needs_human and not self.parked and waited < BUDGET:
            await self.passes(5.0)
            waited += 5.0
        if self.parked:
            assert self.lab.bearer.ladder.alarm
            assert self.gateway.links[-1] == (False, "modem.gave_up")
            await self.passes(PARKED)
        elif self.needs_human:
            assert self.lost_at is not None or self.perhaps_lost or self.wrong
        else:
            assert self.at_work, (self.gateway.links[-3:], self.gateway.fields)
        await self.passes(150.0)  # two sweeps
        self.nothing_is_sent_or_answered_twice()
        self.no_pin_is_tried_again()
        unanswered = set(range(1, self.count + 1)) - set(self.gateway.outcomes()) - self.forsaken
        assert not unanswered
        if not self.needs_human:
            self.everything_arrived()

    def everything_arrived(self):
        arrived = Counter(event.payload.decode() for event in self.gateway.of("Inbound"))
        assert [n for n in range(1, self.texts + 1) if not arrived[f"mo {n}"]] == []
        accepted = {event.key: event.segment for event in self.gateway.of("Accepted") if event.key}
        for receipt in self.gateway.of("Receipt"):
            for key in receipt.keys:
                if key in accepted:
                    assert accepted[key].destination[-8:] == receipt.recipient[-8:]

    @property
    def at_work(self):
        return self.lab.bearer.credit() > 0

    @property
    def parked(self):
        return asyncio.get_running_loop().time() < self.lab.bearer.ladder.parked_until

    @property
    def needs_human(self):
        return bool(self.gateway.links) and self.gateway.links[-1][1] in HUMAN


@pytest.fixture
def quick(monkeypatch):
    """No log, and the slow digest of each PIN once: two hundred lives would write a million lines."""
    monkeypatch.setattr(hashlib, "scrypt", functools.cache(hashlib.scrypt))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.mark.slow
@pytest.mark.timeout(300)
@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,  # the same two hundred each time: a failure is a change of ours
    suppress_health_check=list(HealthCheck),
)
@given(
    behaviour=BEHAVIOURS, wrong_pin=st.sampled_from([False, False, False, True]), pieces=st.sampled_from([0, 1]),
    steps=STEPS,
)  # fmt: skip
def test_two_hundred_lives(quick, behaviour, wrong_pin, pieces, steps):
    virtually(live(behaviour, wrong_pin, pieces, steps))


async def live(behaviour, wrong_pin, pieces, steps):
    life = Life(behaviour, wrong_pin, pieces)
    async with life.lab:
        for name, *arguments in steps:
            await getattr(life, name)(*arguments)
            life.nothing_is_sent_or_answered_twice()
            life.no_pin_is_tried_again()
        await life.gets_well()
