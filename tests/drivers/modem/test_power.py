"""Pulses on the lines of a module whose key toggles: order, times, verification, wiring."""

import asyncio
from dataclasses import replace

import gpiod
import pytest
from powered_module import ALL, Bench

from drivers.modem.ladder import Rung
from drivers.modem.power import PowerError, open_power
from drivers.modem.profile import load
from drivers.modem.usb_power import UsbPowerError
from drivers.terms import PowerLines

MODELS = ["sim7600", "ec25", "sim800"]


@pytest.fixture
def bench(monkeypatch):
    return lambda **options: Bench(monkeypatch, **options)


def run(coroutine):
    return asyncio.run(coroutine)


# ── the key is a toggle ──────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("model", MODELS)
def test_on_presses_once_and_sees_it_run(bench, model):
    b = bench(model=model)
    assert b.power.running() is False
    run(b.power.on())
    assert b.power.running() is True
    assert [held for _, held in b.chip.pulses("GPIO4")] == [b.times["pwrkey_on"].value]
    assert b.chip.now < b.times["ready_after_on"].value


@pytest.mark.parametrize("model", MODELS)
def test_a_module_that_runs_is_not_pulsed(bench, model):
    b = bench(model=model, running=True)
    run(b.power.on())
    assert b.chip.pulses("GPIO4") == []
    assert b.chip.now == 0.0


@pytest.mark.parametrize("model", MODELS)
def test_off_presses_once_and_waits_until_it_is_gone(bench, model):
    b = bench(model=model, running=True)
    run(b.power.off())
    assert b.power.running() is False
    assert [held for _, held in b.chip.pulses("GPIO4")] == [b.times["pwrkey_off"].value]
    assert b.chip.now >= b.module.STOP
    run(b.power.off())
    assert len(b.chip.pulses("GPIO4")) == 1, "what is off is left alone"


def test_off_by_command_only_waits(bench):
    b = bench(running=True)
    b.module._turn(False, 26.0)
    run(b.power.off(commanded=True))
    assert b.chip.pulses("GPIO4") == []
    assert 26.0 <= b.chip.now <= 26.5


def test_a_command_that_did_nothing_is_followed_by_the_key(bench):
    b = bench(running=True)
    run(b.power.off(commanded=True))
    [(pressed_at, _)] = b.chip.pulses("GPIO4")
    assert pressed_at >= b.times["gone_after_off"].max
    assert not b.module.running


def test_a_deaf_module_is_told_of(bench):
    b = bench()
    b.module.deaf = True
    with pytest.raises(PowerError, match="does not run 60 s after its start: see its supply"):
        run(b.power.on())
    assert len(b.chip.pulses("GPIO4")) == 1


def test_a_frozen_module_is_told_of(bench):
    b = bench(running=True)
    b.module.frozen = True
    with pytest.raises(PowerError, match="had its power key pressed and still runs"):
        run(b.power.off())
    assert b.chip.now >= b.times["gone_after_off"].max


def test_a_status_that_is_wired_upside_down_presses_nothing(bench):
    b = bench(running=True, alive=True)
    b.chip.inputs["GPIO5"] = lambda: not b.module.running
    with pytest.raises(PowerError, match="is status missing in active_low"):
        run(b.power.on())
    assert b.chip.pulses("GPIO4") == []


def test_usb_that_outlives_status_is_waited_for(bench):
    """SIM7912 and SIM7906: STATUS falls after 26 s, USB goes after 28."""
    b = bench(alive=True)

    async def enumerated():
        return b.chip.now < 2.0 or b.module.running

    run(b.with_seams(alive=enumerated).on())
    [(at, _)] = b.chip.pulses("GPIO4")
    assert at >= 2.0
    assert b.module.running


def test_one_that_starts_by_itself_meanwhile_is_not_pressed(bench):
    b = bench(alive=True)

    async def enumerated():
        return True

    b.module._turn(True, 1.0)
    run(b.with_seams(alive=enumerated).on())
    assert b.chip.pulses("GPIO4") == []


# ── without STATUS ───────────────────────────────────────────────────────────────────────────────────────────
def test_nobody_can_tell_so_nothing_is_pressed(bench):
    b = bench(pwrkey="GPIO4")
    assert b.power.running() is None
    with pytest.raises(PowerError, match="nothing tells whether the module runs"):
        run(b.power.on())
    assert b.chip.pulses("GPIO4") == []


@pytest.mark.parametrize("running", [True, False])
def test_the_probe_stands_in_for_status(bench, running):
    b = bench(pwrkey="GPIO4", alive=True, running=running)
    run(b.power.on())
    assert b.module.running
    assert len(b.chip.pulses("GPIO4")) == (0 if running else 1)


@pytest.mark.parametrize("silent", [True, False])
def test_off_without_status_waits_the_whole_time(bench, silent):
    """Silence is not off: a module that hangs is pressed, too, and flash is written after USB is gone."""
    b = bench(pwrkey="GPIO4", alive=True, running=True)
    if silent:

        async def nobody():
            return False

        b.with_seams(alive=nobody)
    run(b.power.off())
    assert b.chip.now == b.times["pwrkey_off"].value + b.times["gone_after_off"].value
    assert not b.module.running


# ── reset, supply, cycle ─────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("model", MODELS)
def test_reset_pulses_within_the_profile(bench, model):
    b = bench(model=model, running=True)
    run(b.power.reset())
    assert b.module.resets == 1
    assert [held for _, held in b.chip.pulses("GPIO6")] == [b.times["reset_pulse"].value]
    assert b.chip.pulses("GPIO4") == []


def test_reset_of_what_is_off_is_told_of(bench):
    with pytest.raises(PowerError, match="does not run"):
        run(bench().power.reset())


def test_without_a_line_its_usb_port_is_switched(bench):
    b = bench(pwrkey="GPIO4")
    cycles = []

    async def usb_cycle():
        cycles.append(b.chip.now)

    run(b.with_seams(usb_cycle=usb_cycle).reset())
    assert cycles == [0.0]

    async def refused():
        raise UsbPowerError("the hub was unplugged")

    with pytest.raises(PowerError, match="reset: the hub was unplugged"):
        run(b.with_seams(usb_cycle=refused).reset())
    with pytest.raises(PowerError, match=r"reset: no line is wired to it \(power.reset\), and its USB port"):
        run(b.with_seams(usb_cycle=None).reset())


@pytest.mark.parametrize("model", MODELS)
def test_the_supply_is_cut_after_it_is_off(bench, model):
    b = bench(model=model, running=True)
    run(b.power.cycle())
    assert b.module.cut_while_running == 0
    [(cut_at, cut_for)] = b.chip.pulses("GPIO24")
    (off_at, off_for), (on_at, _) = b.chip.pulses("GPIO4")
    assert off_at + off_for + b.module.STOP <= cut_at
    assert cut_for == b.times["rest_before_on"].max
    assert on_at >= cut_at + cut_for + b.times["supply_settle"].value
    assert b.module.running


def test_a_frozen_module_has_its_time_before_its_supply_is_cut(bench):
    b = bench(running=True)
    b.module.frozen = True
    run(b.power.cycle())
    [(cut_at, _)] = b.chip.pulses("GPIO24")
    assert cut_at >= b.times["pwrkey_off"].value + b.times["gone_after_off"].max
    assert b.module.running


def test_a_relay_alone_for_a_board_that_starts_by_itself(bench):
    b = bench(supply="GPIO24", status="GPIO5", running=True)
    b.module.frozen = b.module.self_starting = True
    run(b.power.cycle())
    assert b.chip.pulses("GPIO24")[0][0] >= b.times["gone_after_off"].max
    assert b.module.running


def test_a_relay_and_nobody_who_can_tell_waits_the_profiles_time(bench):
    b = bench(supply="GPIO24", running=True)
    run(b.power.cycle())
    [(cut_at, cut_for)] = b.chip.pulses("GPIO24")
    assert cut_at == b.times["gone_after_off"].value
    rest = b.times["supply_settle"].value + b.times["ready_after_on"].value
    assert b.chip.now == pytest.approx(cut_at + cut_for + rest)


def test_cycle_by_the_key_alone(bench):
    b = bench(pwrkey="GPIO4", status="GPIO5", running=True)
    run(b.power.cycle())
    (off_at, off_for), (on_at, on_for) = b.chip.pulses("GPIO4")
    assert (off_for, on_for) == (b.times["pwrkey_off"].value, b.times["pwrkey_on"].value)
    assert on_at >= off_at + off_for + b.module.STOP + b.times["rest_before_on"].value
    assert b.module.running


def test_what_is_not_wired_is_named(bench):
    b = bench(status="GPIO5", running=True)
    for what, key in (
        (b.power.off(), "pwrkey"),
        (b.power.cycle(), "pwrkey"),
        (b.power.cycle_supply(), "supply"),
    ):
        with pytest.raises(PowerError, match=f"power.{key}"):
            run(what)


@pytest.mark.parametrize(
    ("wired", "alive", "usb", "rungs"),
    [
        (ALL, False, False, {Rung.HARD_RESET, Rung.POWER_CYCLE}),
        ({"reset": "GPIO6"}, False, False, {Rung.HARD_RESET}),
        ({"pwrkey": "GPIO4"}, False, False, set()),
        ({"pwrkey": "GPIO4"}, True, False, {Rung.POWER_CYCLE}),
        ({"pwrkey": "GPIO4", "status": "GPIO5"}, False, False, {Rung.POWER_CYCLE}),
        ({"supply": "GPIO24"}, False, False, {Rung.POWER_CYCLE}),
        ({"status": "GPIO5"}, True, True, {Rung.HARD_RESET}),
        ({"status": "GPIO5"}, True, False, set()),
    ],
)
def test_the_rungs_that_the_wiring_allows(bench, wired, alive, usb, rungs):
    b = bench(alive=alive, **wired)
    power = b.with_seams(usb_cycle=b.module.alive) if usb else b.power
    assert power.available == rungs


# ── opening ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_lines_are_asked_for_as_configured(bench):
    b = bench(model="ec25")
    assert {line: (s.active_low, b.chip.consumers[line]) for line, s in b.chip.settings.items()} == {
        "GPIO4": (False, "chappe pwrkey"),
        "GPIO6": (True, "chappe reset"),
        "GPIO5": (True, "chappe status"),
        "GPIO24": (False, "chappe supply"),
    }
    assert b.chip.log == [(0.0, line, False) for line in ("GPIO4", "GPIO6", "GPIO24")]


def test_a_profile_without_times_drives_no_line():
    with pytest.raises(PowerError, match="huawei-stick has no times for lines: take pwrkey, supply out"):
        open_power(PowerLines(model="huawei-stick", pwrkey="GPIO4", supply="GPIO24"))


def test_a_model_without_lines_still_has_its_profile():
    power = open_power(PowerLines(model="huawei-stick"))
    assert power.profile.quirks.read_by == "CMGR"
    assert power.available == frozenset()
    assert power.running() is None
    power.close()


def test_without_a_table_the_usb_port_is_left(bench):
    power = open_power(None, bench().seams)
    assert power.available == frozenset()
    assert open_power(None, bench(alive=True).seams).available == frozenset(), "nothing to press"
    assert power.profile.name == "generic"
    power.close()


def test_a_pad_without_a_transistor_is_only_pulled_low(bench, monkeypatch):
    b = bench()
    b.power.close()
    own = replace(load("sim7600"), open_drain=frozenset({"pwrkey"}))
    monkeypatch.setattr("drivers.modem.power.load", lambda model: own)
    open_power(b.settings, b.seams)
    drives = {line: settings.drive for line, settings in b.chip.settings.items()}
    assert [line for line, drive in drives.items() if drive is gpiod.line.Drive.OPEN_DRAIN] == ["GPIO4"]
