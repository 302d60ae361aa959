"""A module whose key toggles, on the lines of a fake chip, and a Power that drives them in virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import gpiod
from gpio_chip import Chip

from drivers.modem.power import Power, Seams, open_power
from drivers.modem.profile import load
from drivers.terms import PowerLines

ALL = {"pwrkey": "GPIO4", "reset": "GPIO6", "status": "GPIO5", "supply": "GPIO24"}
OUTPUTS = {"GPIO4", "GPIO6", "GPIO24"}


class Module:
    """A module with a toggle for a key: what a pulse on GPIO4 does, GPIO6 resets, GPIO24 cuts; STATUS on GPIO5.

    A frozen one ignores its key. deaf: ignores pulses to switch on. self_starting: runs when it gets its supply.
    """

    START, STOP = 2.0, 12.0

    def __init__(self, chip: Chip, timings: dict, running: bool = False, status_low: bool = False) -> None:
        self.chip = chip
        self.timings = timings
        self.frozen = self.deaf = self.self_starting = False
        self.resets = 0
        self.cut_while_running = 0
        self._edge: tuple[float, bool] = (0.0, running)
        self._before = running
        self._pressed: dict[str, float] = {}
        chip.watch = self._moved
        chip.inputs["GPIO5"] = lambda: self.running is not status_low

    @property
    def running(self) -> bool:
        at, running = self._edge
        return running if self.chip.now >= at else self._before

    async def alive(self) -> bool:
        await asyncio.sleep(0)
        return self.running and not self.frozen

    def _turn(self, running: bool, after: float) -> None:
        self._before, self._edge = self.running, (self.chip.now + after, running)

    def _moved(self, line: str, active: bool) -> None:
        if active:
            self._pressed[line] = self.chip.now
            if line == "GPIO24":
                self.cut_while_running += self.running
                self._turn(False, 0.0)
        elif line in self._pressed:
            self._released(line, self.chip.now - self._pressed.pop(line) + 1e-9)

    def _released(self, line: str, held: float) -> None:
        if line == "GPIO24":
            self.frozen = False
            if self.self_starting:
                self._turn(True, self.START)
        elif line == "GPIO6" and self.timings["reset_pulse"].min <= held and self.running:
            self.resets += 1
            self.frozen = False
        elif line == "GPIO4" and not self.frozen:
            if not self.running and held >= self.timings["pwrkey_on"].min and not self.deaf:
                self._turn(True, self.START)
            elif self.running and held >= self.timings["pwrkey_off"].min:
                self._turn(False, self.STOP)


class Bench:
    """A Power, its module, and their virtual time."""

    def __init__(self, monkeypatch, running=False, model="sim7600", alive=False, **wired):
        self.chip = Chip()
        monkeypatch.setattr(gpiod, "request_lines", self.chip.request_lines)
        self.times = load(model).timings
        self.module = Module(self.chip, self.times, running, status_low=load(model).status_running == "low")
        self.seams = Seams(
            sleep=self.chip.sleep, clock=self.chip.clock, alive=self.module.alive if alive else None
        )
        low = ("reset", "status") if load(model).status_running == "low" else ("reset",)
        wired = wired or ALL
        self.settings = PowerLines(model=model, active_low=tuple(k for k in low if k in wired), **wired)
        self.power = open_power(self.settings, self.seams)

    def with_seams(self, **changes) -> Power:
        self.power.close()
        self.power = open_power(self.settings, replace(self.seams, **changes))
        return self.power

    def at_rest(self) -> bool:
        return not self.chip.active() & OUTPUTS
