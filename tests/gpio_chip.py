"""A GPIO chip, for a machine that has none.

Only gpiod.request_lines is replaced: LineSettings, Direction, Value and Drive are the real package's, and each
call is bound to the real function's signature. Time is virtual: a chip's clock moves when somebody sleeps on it.
"""

from __future__ import annotations

import asyncio
import errno
import inspect
from collections.abc import Callable
from typing import Any

import gpiod
from gpiod.line import Direction, Value

SIGNATURE = inspect.signature(gpiod.request_lines)


class Chip:
    """log: (time, line, active) of each level that somebody drove. inputs: line to what it reads, physically.

    busy, broken: lines that can't be requested, and lines that fail when used.
    """

    def __init__(self, lines: int = 32) -> None:
        self.now = 0.0
        self.lines = lines
        self.log: list[tuple[float, str, bool]] = []
        self.settings: dict[str, gpiod.LineSettings] = {}
        self.consumers: dict[str, str] = {}
        self.held: dict[str, Held] = {}
        self.inputs: dict[str, Callable[[], bool]] = {}
        self.busy: set[str] = set()
        self.broken: set[str] = set()
        self.watch: Callable[[str, bool], None] = lambda line, active: None

    def request_lines(self, *args: Any, **kwargs: Any) -> Held:
        asked = SIGNATURE.bind(*args, **kwargs).arguments
        [(line, settings)] = asked["config"].items()
        if line in self.busy or line in self.held:
            raise OSError(errno.EBUSY, "Device or resource busy")
        if not line.removeprefix("GPIO").isdigit():
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        if int(line.removeprefix("GPIO")) >= self.lines:
            raise ValueError("line offset of out range")
        self.settings[line], self.consumers[line] = settings, asked["consumer"]
        if settings.direction is Direction.OUTPUT:
            self.drive(line, settings.output_value is Value.ACTIVE)
        self.held[line] = Held(self, line)
        return self.held[line]

    def drive(self, line: str, active: bool) -> None:
        self.log.append((round(self.now, 6), line, active))
        self.watch(line, active)

    def active(self) -> set[str]:
        """The outputs that are active now."""
        return {line for line, on in {line: on for _, line, on in self.log}.items() if on}

    def pulses(self, line: str) -> list[tuple[float, float]]:
        """Each as (when, how long); one that lasts still has no end and is an error here."""
        edges = [(at, on) for at, name, on in self.log if name == line]
        found, began = [], None
        for at, on in edges:
            if on:
                began = at
            elif began is not None:
                found.append((began, round(at - began, 6)))
                began = None
        assert began is None, f"{line} is active still"
        return found

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)

    def clock(self) -> float:
        return self.now


class Held:
    """One line's LineRequest, the part of it that is used."""

    def __init__(self, chip: Chip, line: str) -> None:
        self.chip = chip
        self.line = line
        self.released = False

    def set_value(self, line: int | str, value: Value) -> None:
        self._check(line)
        assert self.chip.settings[self.line].direction is Direction.OUTPUT
        self.chip.drive(self.line, value is Value.ACTIVE)

    def get_value(self, line: int | str) -> Value:
        self._check(line)
        settings = self.chip.settings[self.line]
        high = self.chip.inputs[self.line]()
        return Value.ACTIVE if high is not settings.active_low else Value.INACTIVE

    def release(self) -> None:
        self._check(None)
        self.released = True
        del self.chip.held[self.line]
        if self.line in self.chip.active():  # the kernel makes it an input, its resistor pulls it to rest
            self.chip.drive(self.line, False)

    def _check(self, line: int | str | None) -> None:
        if self.released:
            raise gpiod.RequestReleasedError
        if line is not None:
            assert line == self.line
            if self.line in self.chip.broken:
                raise OSError(errno.ENODEV, "No such device")
