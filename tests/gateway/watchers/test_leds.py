"""The status lights: what lights them, and that nothing else notices when they fail."""

import asyncio
import sys

import gpiod
import pytest
import structlog
from gpio_chip import Chip

from gateway.alarms import Alarms
from gateway.bus import Bus
from gateway.clock import SystemClock
from gateway.config.policy import LedsSettings
from gateway.events import LinkMoved, Moved
from gateway.watchers.leds import Lights, Lit, lit

NAMES = {"power": "GPIO17", "carrier": "GPIO27", "modem": "GPIO22", "fault": "GPIO23"}
LIGHT = {line: name for name, line in NAMES.items()}


class Panel:
    """Lights on a chip, and a gateway as they see it."""

    def __init__(self, monkeypatch, **settings):
        self.chip = Chip()
        monkeypatch.setattr(gpiod, "request_lines", self.chip.request_lines)
        self.bus = Bus()
        self.alarms = Alarms(self.bus, SystemClock())
        self.up: dict[str, tuple[str, bool]] = {}
        self.looks = 0
        self.lights = Lights(LedsSettings(**(settings or NAMES)), self.bus, self.look, self.alarms.turn)

    def look(self) -> Lit:
        self.looks += 1
        return lit(self.up.values(), len(self.alarms) > 0)

    async def move(self, name, driver, up):
        self.up[name] = (driver, up)
        self.bus.publish(LinkMoved(name, up, "bound" if up else "lost", "", 0))
        await self.settled()

    async def settled(self):
        for _ in range(5):
            await asyncio.sleep(0)

    def shining(self) -> set[str]:
        return {LIGHT[line] for line in self.chip.active()}


@pytest.fixture
def panel(monkeypatch):
    return Panel(monkeypatch)


@pytest.fixture
def lines():
    with structlog.testing.capture_logs() as captured:
        yield captured


def story(steps):
    asyncio.run(steps())


@pytest.mark.parametrize(
    ("bearers", "fault", "shines"),
    [
        ([], False, Lit()),
        ([("smpp", False), ("smpp", True)], False, Lit(carrier=True)),
        ([("modem", True), ("smpp", False)], True, Lit(modem=True, fault=True)),
        ([("simulated", True), ("my_company.rcs", True)], False, Lit()),
    ],
)
def test_what_shines(bearers, fault, shines):
    assert lit(bearers, fault) == shines
    assert shines.power


def test_a_gateways_day(panel):
    async def steps():
        panel.up["orange"] = ("smpp", True)
        await panel.lights.start()
        assert panel.shining() == {"power", "carrier"}, "what was so before the first fact"
        await panel.move("sim1", "modem", True)
        assert panel.shining() == {"power", "carrier", "modem"}
        await panel.move("sfr", "smpp", True)
        await panel.move("orange", "smpp", False)
        assert "carrier" in panel.shining(), "one of them is up"
        await panel.move("sfr", "smpp", False)
        panel.alarms.turn("fallback.france", True, "critical", "carriers are down")
        await panel.settled()
        assert panel.shining() == {"power", "modem", "fault"}
        panel.alarms.turn("disk", True, "critical", "full")
        panel.alarms.turn("fallback.france", False, "critical", "")
        await panel.settled()
        assert "fault" in panel.shining(), "one stands"
        panel.alarms.turn("disk", False, "critical", "")
        await panel.settled()
        assert panel.shining() == {"power", "modem"}
        await panel.lights.stop()
        assert panel.shining() == set()
        assert panel.chip.held == {}
        assert not panel.bus.watched
        await panel.lights.stop()

    story(steps)


def test_stopped_before_it_looked_once(panel):
    async def steps():
        await panel.lights.start()
        await panel.lights.stop()
        assert not panel.bus.watched
        assert panel.chip.held == {}

    story(steps)


def test_every_light_is_requested_dark(panel):
    story(panel.lights.start)
    first = {}
    for _, line, active in panel.chip.log:
        first.setdefault(LIGHT[line], active)
    assert first == dict.fromkeys(NAMES, False)
    assert panel.chip.consumers["GPIO17"] == "chappe power"


def test_lights_that_are_not_named_are_not_asked_for(monkeypatch):
    panel = Panel(monkeypatch, fault="GPIO23")
    story(panel.lights.start)
    assert set(panel.chip.settings) == {"GPIO23"}


def test_messages_move_no_light(panel):
    async def steps():
        await panel.lights.start()
        for _ in range(3):
            panel.bus.publish(Moved([], 0))
            await panel.settled()
        assert panel.looks == 1
        await panel.lights.stop()

    story(steps)


def test_a_fact_lost_in_a_flood_leaves_no_wrong_light(panel):
    async def steps():
        await panel.lights.start()
        panel.up["sim1"] = ("modem", True)
        panel.bus.publish(LinkMoved("sim1", True, "bound", "", 0))
        for _ in range(200):
            panel.bus.publish(Moved([], 0))
        await panel.settled()
        assert panel.shining() == {"power", "modem"}
        await panel.lights.stop()

    story(steps)


def dark(lines):
    return [line for line in lines if line["event"] == "leds.dark"]


def test_lights_that_cannot_be_had_are_one_line_and_one_alarm(panel, lines):
    async def steps():
        panel.chip.busy.add("GPIO22")
        await panel.lights.start()
        assert panel.chip.held == {}
        assert panel.alarms.standing("leds") == set()
        [alarm] = list(panel.alarms)
        assert (alarm.id, alarm.severity) == ("leds", "warning")
        assert alarm.text.startswith(
            "the status lights are dark: modem: line GPIO22 of /dev/gpiochip0 is in use"
        )
        for up in (True, False, True):
            await panel.move("orange", "smpp", up)
        assert len(dark(lines)) == 1
        panel.chip.busy.clear()
        await panel.move("sim1", "modem", True)
        assert len(panel.alarms) == 0, "found again at the next fact"
        await panel.settled()
        assert panel.shining() == {"power", "carrier", "modem"}
        await panel.lights.stop()

    story(steps)


def test_a_chip_that_goes_away_and_comes_back(panel, lines):
    async def steps():
        await panel.lights.start()
        panel.chip.broken |= set(NAMES.values())
        await panel.move("orange", "smpp", True)
        assert panel.shining() == set()
        assert "leds" in panel.alarms
        panel.chip.broken.clear()
        await panel.move("orange", "smpp", False)
        assert "leds" not in panel.alarms
        assert panel.shining() == {"power"}
        panel.chip.broken |= set(NAMES.values())
        await panel.move("orange", "smpp", True)
        assert len(dark(lines)) == 2, "a new row, a new line"
        await panel.lights.stop()
        assert panel.chip.held == {}

    story(steps)


def test_without_the_package_there_is_an_alarm_and_the_gateway_goes_on(panel, monkeypatch):
    async def steps():
        monkeypatch.setitem(sys.modules, "gpiod", None)
        await panel.lights.start()
        [alarm] = list(panel.alarms)
        assert "pip install 'chappe[gpio]'" in alarm.text
        await panel.lights.stop()

    story(steps)
