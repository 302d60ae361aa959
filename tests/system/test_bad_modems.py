"""What is wrong with a modem, its SIM or its port, as the operator of a whole gateway sees it.

Each has its own state and remedy in `chappe links`, one line in the log, and an alarm; the gateway goes on, and
another bearer carries what this one would have.
"""

from __future__ import annotations

import asyncio
import functools
import os
import pty
import subprocess
import sys
import time
import tty
from contextlib import asynccontextmanager, contextmanager

import pytest
import structlog
from system.esme import settled
from system.world import World

from drivers.modem import port as ports
from drivers.modem.commands import Timings
from drivers.modem.sim_behaviour import ModemBehaviour
from drivers.modem.sim_faults import Fault
from drivers.modem.sim_modem import SimulatedModem
from drivers.modem.sim_storage import RECEIVED_READ, Stored
from drivers.modem.simulator import PtyModem
from gateway.control.rates import Rates
from gateway.control.roads import links
from gateway.lookout import DOWN

QUICK = functools.partial(
    Timings, sweep=0.5, drain=0.05, wake=0.1, quick=0.3, sim=0.5, quiet=0.05, retry=0.05, busy=0.2, heal=0.5, reboot=0.1,
)  # fmt: skip
ACCOUNT = {"shop": {"kinds": ["otp", "alert", "transactional", "marketing"]}}


# ── what may be at the other end ─────────────────────────────────────────────────────────────────────────────
@asynccontextmanager
async def simulated(path, prepare=lambda modem: None, **behaviour):
    modem = SimulatedModem(ModemBehaviour(boot=0.0, **behaviour), wall=time.time())
    prepare(modem)
    async with PtyModem(modem, path):
        yield


@asynccontextmanager
async def thing(path, answer):
    """Some device: what it says to each line."""
    far, near = pty.openpty()
    tty.setraw(near)
    os.set_blocking(far, False)
    path.symlink_to(os.ttyname(near))
    loop = asyncio.get_running_loop()

    def heard():
        for line in os.read(far, 4096).replace(b"\x1b", b"").split(b"\r"):
            if line:
                os.write(far, answer(line))

    loop.add_reader(far, heard)
    try:
        yield
    finally:
        loop.remove_reader(far)
        os.close(far)
        os.close(near)


@asynccontextmanager
async def nothing(path):
    yield


OTHER = """
import fcntl, os, pty, sys
far, near = pty.openpty()
fcntl.flock(near, fcntl.LOCK_EX)
print(os.ttyname(near), flush=True)
sys.stdin.read()
"""


@asynccontextmanager
async def taken(path):
    """Another program has locked it."""
    with subprocess.Popen(
        [sys.executable, "-c", OTHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        path.symlink_to((await asyncio.to_thread(program.stdout.readline)).strip())
        yield
        program.stdin.close()


@asynccontextmanager
async def forbidden(path):
    """As the kernel says it; these tests may be run by root, whom it refuses nothing."""
    with replaced(PermissionError(13, "Permission denied", str(path))):
        path.touch()
        yield


@asynccontextmanager
async def a_slow_uart(path):
    with replaced(ValueError("Failed to set custom baud rate: Invalid argument")):
        path.touch()
        yield


@contextmanager
def replaced(error):
    def refuse(path, baud):
        raise ports.explain(path, baud, error)

    real, ports._open_device = ports._open_device, refuse
    try:
        yield
    finally:
        ports._open_device = real


def puk(modem):
    modem.state.card.pin_left = 0


def wrong_speed(line):
    return bytes((octet * 7) & 0x3F | 0xC0 for octet in line) + b"\r\n"


def chatter(line):
    return b"[  12.345678] usb 1-1: new high-speed device\r\nlogin: \r\n" * 3


def no_modem(line):
    return b"\r\nOK\r\n" if line == b"AT" else b"\r\nERROR\r\n"


OVER = ("link.closed", "stopped")
LOCKED, PIN = {"pin": "1234"}, {"link": {"pin": "9999"}}
CASES = {  # the other end, what the configuration changes, reason, remedy, whether the alarm stands at once
    "wrong PIN": (functools.partial(simulated, **LOCKED), PIN, "sim.pin_refused", "change the PIN", True),
    "PIN missing": (functools.partial(simulated, **LOCKED), {}, "sim.pin_missing", "set pin_file", True),
    "PUK": (functools.partial(simulated, prepare=puk, **LOCKED), PIN, "sim.puk", "unlock it in a phone with its PUK", True),
    "SIM absent": (functools.partial(simulated, sim="absent"), {}, "sim.absent", "put one in", True),
    "no network": (functools.partial(simulated, registration=2), {}, "network.none", "see antenna, place and bands", False),
    "no service centre": (functools.partial(simulated, smsc=""), {}, "sim.no_service_centre", "set service_centre", True),
    "port missing": (nothing, {}, "port.missing", "plug the modem in", False),
    "port taken": (taken, {}, "port.busy", "stop it", False),
    "permission denied": (forbidden, {}, "port.denied", "SupplementaryGroups", False),
    "a speed that the UART has not": (a_slow_uart, {}, "port.baud", "115200 is usual", False),
    "wrong baud": (functools.partial(thing, answer=wrong_speed), {}, "modem.garbage", "set baud", False),
    "garbage": (functools.partial(thing, answer=chatter), {}, "modem.garbage", "set baud", False),
    "no modem": (functools.partial(thing, answer=no_modem), {}, "modem.not_a_modem", "port the modem's AT port?", False),
    "OK to everything": (functools.partial(simulated, obedient=True), {}, "modem.says_only_ok", "not a modem's AT port", False),
    "silence": (functools.partial(thing, answer=lambda line: b""), {}, "modem.silent", "see power and cable", False),
}  # fmt: skip


def world(folder, more):
    sim = {
        "driver": "modem", "rate": 100, "kinds": ["otp", "alert"], "sim_contract": "M2M 4711",
        "link": {"port": str(folder / "modem"), **more.get("link", {})},
    }  # fmt: skip
    routes = {"all": {"bearers": ["sim1", "orange"], "fallback_after": 0.1}}
    return World(folder, {"orange": {}}, accounts=ACCOUNT, routes=routes, bearers={"sim1": sim})


def link_of(app, name="sim1"):
    return next(link for link in links(app, Rates()) if link["name"] == name)


@pytest.mark.parametrize("name", CASES)
def test_each_has_its_state_remedy_alarm_and_line_and_the_rest_goes_on(name, tmp_path, monkeypatch):
    other_end, more, reason, remedy, at_once = CASES[name]
    monkeypatch.setattr("drivers.modem.commands.Timings", QUICK)

    async def story():
        async with other_end(tmp_path / "modem"), world(tmp_path, more) as w:
            app = w.app
            await settled(lambda: link_of(app)["reason"] == reason, 20.0, lambda: link_of(app))
            link = link_of(app)
            assert link["state"] == "down"
            assert remedy in link["remedy"], link["remedy"]
            assert link["detail"].startswith(f"{reason}: ")
            app.lookout.look()
            assert ("bearer.sim1" in app.alarms) == at_once
            w.clock.ahead += DOWN + 1
            app.lookout.look()
            (alarm,) = [each for each in app.alarms if each.id == "bearer.sim1"]
            assert reason in alarm.text
            assert "`chappe links` says what to do" in alarm.text
            shop = await w.application()
            alert = shop.submit("+33612345678", service_type=b"ALERT")
            await shop.told(alert, "DELIVRD")
            assert w.numbers("orange") == {"+33612345678": 1}
            assert link_of(app)["reason"] == reason

    with structlog.testing.capture_logs() as lines:
        asyncio.run(asyncio.wait_for(story(), 50))
    down = [line for line in lines if line["event"] == "bearer.down" and line["bearer"] == "sim1"]
    assert [line["reason"] for line in down if line["reason"] not in OVER] == [reason]
    assert not [line for line in lines if line["event"] in ("bearer.failed", "events.failed")]


def fill(modem):
    """With octets that are no message: nobody can tell what they are, so they stay, and what comes finds no room."""
    for memory in (modem.state.memories["ME"], modem.state.memories["SM"]):
        while not memory.full:
            memory.add(Stored(RECEIVED_READ, "", b"\xff\xff\xff"))


def test_memories_full_of_what_nobody_can_read(tmp_path, monkeypatch):
    """It goes on sending; what it says of its memories stands beside its state."""
    monkeypatch.setattr("drivers.modem.commands.Timings", QUICK)

    async def story():
        async with (
            simulated(tmp_path / "modem", prepare=fill, me_size=3, sm_size=2),
            world(tmp_path, {"link": {}}) as w,
        ):
            await w.links_up("sim1")
            full = "ME, SM nearly full, and then no reply comes any more"
            await settled(
                lambda: link_of(w.app)["binds"][0].get("alarm", "").startswith(full),
                what=lambda: link_of(w.app),
            )
            (bind,) = link_of(w.app)["binds"]
            assert "delete it by hand" in bind["alarm"]
            await settled(lambda: "bearer.sim1" in w.app.alarms, what=lambda: list(w.app.alarms))
            assert "no reply comes any more" in next(
                alarm.text for alarm in w.app.alarms if alarm.id == "bearer.sim1"
            )
            assert (bind["storage_ME"], bind["storage_SM"]) == ("3/3", "2/2")
            shop = await w.application()
            alert = shop.submit("+33612345678", service_type=b"ALERT")
            assert await shop.answered(alert) == [0]
            await settled(lambda: w.app.dispatcher.roads["sim1"].accepted == 1)

    with structlog.testing.capture_logs() as lines:
        asyncio.run(asyncio.wait_for(story(), 30))
    unreadable = [line for line in lines if line["event"] == "message.unreadable"]
    assert len(unreadable) == 5, "one line for each, however often it is looked at"


def test_memories_full_of_messages_are_emptied(tmp_path, monkeypatch):
    monkeypatch.setattr("drivers.modem.commands.Timings", QUICK)

    async def story():
        modem = SimulatedModem(ModemBehaviour(boot=0.0, me_size=3, sm_size=2), wall=time.time())
        async with PtyModem(modem, tmp_path / "modem") as line, world(tmp_path, {"link": {}}) as w:
            await w.links_up("sim1")
            line.fault(Fault("full"))
            line.mo("+33612345678", "Bonjour")
            w.app.dispatcher.roads["sim1"].bearer.reset()
            memories = modem.state.memories.values()
            await settled(lambda: not any(memory.used for memory in memories), 20.0)

    asyncio.run(asyncio.wait_for(story(), 30))
