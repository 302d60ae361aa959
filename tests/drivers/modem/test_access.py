"""The way to a modem: found by its IMEI, switched on by its key without STATUS, known by its USB id, its port switched."""

import asyncio

import gpiod
import pytest
from gpio_chip import Chip
from modem_lab import Lab, segment, virtually

from drivers.modem import access, discovery
from drivers.modem.discovery import Candidate
from drivers.modem.ladder import Rung
from drivers.modem.power import Seams, open_power
from drivers.modem.profile import load
from drivers.modem.sim_behaviour import ModemBehaviour
from drivers.modem.sim_faults import Fault
from drivers.terms import PowerLines

IMEI = "860000000000018"
TIMES = load("sim7600").timings


class Key:
    """The power key of a simulated modem, on GPIO4: it toggles. presses: (when, seconds held, whether it ran)."""

    def __init__(self, monkeypatch):
        self.chip = Chip()
        self.chip.watch = self._moved
        self.presses = []
        self._down = 0.0
        monkeypatch.setattr(gpiod, "request_lines", self.chip.request_lines)

    def power(self, alive):
        loop = asyncio.get_running_loop()
        lines = PowerLines(model="sim7600", pwrkey="GPIO4")
        return open_power(lines, Seams(alive=alive, clock=loop.time))

    def _moved(self, line, active):
        now = asyncio.get_running_loop().time()
        if active:
            self._down = now
            return
        held, runs = now - self._down, self.line.modem.powered
        if self._down:
            self.presses.append((now, held, runs))
            if held >= TIMES["pwrkey_off" if runs else "pwrkey_on"].min:
                self.line.power(on=not runs)
            self._down = 0.0


@pytest.fixture
def key(monkeypatch):
    return Key(monkeypatch)


def on_usb(monkeypatch, lab):
    """The modem's AT port as discovery finds it, while it is there."""

    def candidates(_profile_of):
        there = [Candidate("/dev/ttyUSB2", "1e0e:9001", "02", "at", "sim7600", "1-1.2", "1-4")]
        return there if lab.line.modem.present else []

    monkeypatch.setattr(discovery, "candidates", candidates)


def test_an_auto_port_and_a_key_without_status(monkeypatch, key):
    """Off at the start: nothing says so but its absence. Switched on once, used, hung, and cycled by its key."""

    async def main():
        settings = {"port": "auto", "imei": IMEI}
        lab = Lab(ModemBehaviour(boot=10.0, gone=8.0), settings=settings, power=key.power)
        key.line = lab.line
        on_usb(monkeypatch, lab)
        lab.modem.power(False, 0.0)
        async with lab:
            await lab.until(lambda: lab.gateway.links, 120)
            assert lab.gateway.links == [(False, "port.not_found")]
            assert not key.presses
            await lab.ready()
            [(_, held, ran)] = key.presses
            assert (held, ran) == (pytest.approx(TIMES["pwrkey_on"].value), False)
            lab.bearer.submit([segment(1)])
            await lab.until(lambda: lab.gateway.of("Accepted"))

            lab.line.fault(Fault("hang", seconds=1e6, text="power"))
            await lab.until(lambda: (False, "modem.silent") in lab.gateway.links)
            await lab.ready()
            (_, held_off, ran_off), (_, _, ran_on) = key.presses[1:]
            assert (held_off, ran_off, ran_on) == (pytest.approx(TIMES["pwrkey_off"].value), True, False)

    virtually(main())


def test_one_that_only_starts_anew_is_not_pressed(monkeypatch, key):
    async def main():
        lab = Lab(
            ModemBehaviour(boot=30.0, gone=28.0), settings={"port": "auto", "imei": IMEI}, power=key.power
        )
        key.line = lab.line
        on_usb(monkeypatch, lab)
        async with lab:
            await lab.ready()
            lab.line.reset()
            await lab.until(lambda: lab.gateway.links[-1] == (False, "port.lost"))
            await lab.ready()
            await asyncio.sleep(300)
            assert not key.presses

    virtually(main())


def test_one_that_stays_away_is_given_up_with_an_alarm(key):
    async def main():
        lab = Lab(power=key.power)
        key.line = lab.line
        async with lab:
            await lab.ready()
            lab.line.fault(Fault("unplug", seconds=1e6))
            monotone = lab.modem.power
            lab.modem.power = lambda on, now: None  # its cable is out: no key helps
            await lab.until(lambda: lab.gateway.links[-1] == (False, "modem.gave_up"), 2000)
            assert "power.failed" in lab.bearer.ladder.alarm
            lab.modem.power = monotone

    virtually(main())


# ── what hangs there ─────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def usb(tmp_path, monkeypatch):
    """A SIM7600 on port 2 of a hub, in a tree like /sys; gives (the tty's path, the folder of the hub's port)."""
    hub = tmp_path / "devices/pci0000:00/usb1/1-1"
    port, device = hub / "1-1:1.0/1-1-port2", hub / "1-1.2"
    entry = device / "1-1.2:1.2/ttyUSB2/tty/ttyUSB2"
    for folder in (port, entry, tmp_path / "class/tty"):
        folder.mkdir(parents=True)
    for file, value in {
        port / "disable": "0", device / "idVendor": "1e0e", device / "idProduct": "9001",
        device / "1-1.2:1.2/bInterfaceNumber": "02",
    }.items():  # fmt: skip
        file.write_text(value + "\n")
    (device / "port").symlink_to("../1-1:1.0/1-1-port2")
    (entry / "device").symlink_to("../..")
    (tmp_path / "class/tty/ttyUSB2").symlink_to(entry)
    monkeypatch.setattr(access, "SYS", str(tmp_path))
    return port


def test_without_power_model_the_profile_goes_by_the_usb_id(usb):
    async def main():
        async with Lab(settings={"port": "/dev/ttyUSB2"}) as lab:
            await lab.ready()
            assert lab.gateway.fields["routing"] == load("sim7600").quirks.cnmi_first == "1,1,0,1,0"
        async with Lab(settings={"port": "/dev/ttyACM7"}) as lab:
            await lab.ready()
            assert lab.gateway.fields["routing"] == "2,1,0,2,0"

    virtually(main())


def test_without_a_reset_line_its_usb_port_is_switched(usb):
    async def main():
        async with Lab(settings={"port": "/dev/ttyUSB2"}) as lab:

            async def hub():
                before = "0"
                while True:
                    said = (usb / "disable").read_text().strip()
                    if said != before:
                        lab.line.power(on=said == "0")
                        before = said
                    await asyncio.sleep(0.1)

            await lab.ready()
            assert Rung.HARD_RESET in lab.bearer.ladder.available
            following = asyncio.create_task(hub())
            lab.line.fault(Fault("hang", seconds=1e6, text="power"))
            await lab.until(lambda: Rung.HARD_RESET in lab.bearer.ladder.taken)
            await lab.ready()
            assert (usb / "disable").read_text() == "0"
            following.cancel()

    virtually(main())


def test_a_switch_that_is_not_ours_is_no_rung(usb, monkeypatch):
    monkeypatch.setattr("drivers.modem.usb_power.os.access", lambda *_: False)

    async def main():
        async with Lab(settings={"port": "/dev/ttyUSB2"}) as lab:
            await lab.ready()
            assert Rung.HARD_RESET not in lab.bearer.ladder.available

    virtually(main())


def test_a_profile_that_is_wrong_is_told(usb, monkeypatch, tmp_path):
    folder = tmp_path / "etc/profiles"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text("name = 3\n")
    monkeypatch.setenv("CONFIGURATION_DIRECTORY", str(folder.parent))

    async def main():
        async with Lab(settings={"port": "/dev/ttyUSB2"}) as lab:
            await lab.until(lambda: lab.gateway.links)
            assert lab.gateway.links == [(False, "modem.profile")]
            assert "mine.toml: name" in lab.gateway.of("LinkChanged")[0].detail

    virtually(main())
