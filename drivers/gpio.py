"""GPIO lines through libgpiod v2, each under the role that it plays here.

Owns: the requests, and in words what they fail with. The package `gpiod` is imported when a line is asked for.
Promises: an output is at rest from the request on, which sets direction and level in one call: no pulse leaves
before it is meant. close() puts every output at rest and lets go; rest() never fails.
Never does: invert. The kernel does (active_low), so that active means the function's name everywhere here.
Calls are short ioctls and safe between threads.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from gpiod import LineRequest

__all__ = ["GpioError", "Line", "Lines", "request"]


class GpioError(Exception):
    """A line can't be had or used: which, where, and what to do."""


@dataclass(frozen=True, slots=True)
class Line:
    """What to ask for. name: the kernel's name of the line, or its offset on the chip as a string.

    open_drain: pulls low or lets go, never drives high.
    """

    name: str
    output: bool
    active_low: bool = False
    open_drain: bool = False


class Lines:
    """Lines held on one chip, by role. Made by request()."""

    def __init__(self, chip: str) -> None:
        self.chip = chip
        self._lock = threading.Lock()
        self._held: dict[str, tuple[Line, LineRequest]] = {}

    @property
    def roles(self) -> frozenset[str]:
        """Those held now."""
        return frozenset(self._held)

    def add(self, role: str, line: Line) -> None:
        """Hold one more; raises GpioError. One request a line, so that the error can say which it was."""
        gpiod = _package()
        settings = gpiod.LineSettings(
            direction=gpiod.line.Direction.OUTPUT if line.output else gpiod.line.Direction.INPUT,
            drive=gpiod.line.Drive.OPEN_DRAIN if line.open_drain else gpiod.line.Drive.PUSH_PULL,
            active_low=line.active_low,
            output_value=gpiod.line.Value.INACTIVE,
        )
        try:
            held = gpiod.request_lines(self.chip, config={line.name: settings}, consumer=f"chappe {role}")
        except (OSError, ValueError, OverflowError) as error:
            raise GpioError(f"{role}: {_why(error, self.chip, line.name)}") from error
        self._held[role] = line, held

    def get(self, role: str) -> bool:
        """Whether the line is active; raises GpioError."""
        gpiod = _package()
        with self._lock:
            line, held = self._one(role)
            try:
                return bool(held.get_value(line.name) is gpiod.line.Value.ACTIVE)
            except OSError as error:
                raise GpioError(self._broken(role, line, error)) from error

    def set(self, role: str, active: bool) -> None:
        """Drive an output; raises GpioError."""
        value = _package().line.Value
        with self._lock:
            line, held = self._one(role)
            try:
                held.set_value(line.name, value.ACTIVE if active else value.INACTIVE)
            except OSError as error:
                raise GpioError(self._broken(role, line, error)) from error

    def rest(self, role: str) -> None:
        """An output inactive again, whatever happens: one that can't be set is let go, and its resistor decides."""
        inactive = _package().line.Value.INACTIVE
        with self._lock:
            if role not in self._held:
                return
            line, held = self._held[role]
            try:
                held.set_value(line.name, inactive)
            except OSError:  # the chip went away: set() and get() say so to whoever asks next
                del self._held[role]
                held.release()

    def close(self) -> None:
        """All outputs at rest, all lines let go. A second call does nothing."""
        for role, (line, _) in list(self._held.items()):
            if line.output:
                self.rest(role)
        with self._lock:
            for _, held in self._held.values():
                held.release()
            self._held.clear()

    def _one(self, role: str) -> tuple[Line, LineRequest]:
        if role not in self._held:
            raise GpioError(f"{role}: its line on {self.chip} is not held: closed, or lost with its chip")
        return self._held[role]

    def _broken(self, role: str, line: Line, error: OSError) -> str:
        return f"{role}: line {line.name} of {self.chip}: {error.strerror}: is the chip still there (gpiodetect)?"


def request(chip: str, wanted: Mapping[str, Line]) -> Lines:
    """Hold these lines, by role: all or none. Raises GpioError."""
    lines = Lines(chip)
    try:
        for role, line in wanted.items():
            lines.add(role, line)
    except GpioError:
        lines.close()
        raise
    return lines


def _package() -> ModuleType:
    try:
        import gpiod  # noqa: PLC0415 - only who has lines needs it
    except ImportError as error:
        raise GpioError(
            "the Python package gpiod is missing: pip install 'chappe[gpio]', or take the lines out of the "
            f"configuration ({error})"
        ) from error
    if not hasattr(gpiod, "request_lines"):  # Debian 12's python3-libgpiod: same name, version 1
        raise GpioError(
            f"{gpiod.__file__} is version 1 of gpiod: pip install 'chappe[gpio]' brings version 2"
        )
    return gpiod


def _why(error: Exception, chip: str, line: str) -> str:
    """What the request failed with, and what helps."""
    if isinstance(error, PermissionError):
        return f"no permission to open {chip}: this user must be in the group that owns it, see systemd/README.md"
    if isinstance(error, FileNotFoundError) and not Path(chip).exists():
        there = ", ".join(sorted(map(str, Path("/dev").glob("gpiochip*")))) or "none"
        return f"there is no chip {chip} (there is: {there}): name the one that gpiodetect shows"
    if isinstance(error, (FileNotFoundError, ValueError, OverflowError)):
        return f"{chip} has no line {line}: name one that gpioinfo shows, or its offset"
    if isinstance(error, OSError) and error.errno == errno.EBUSY:
        return (
            f"line {line} of {chip} is in use, gpioinfo says by whom: another program, a kernel driver "
            "(gpio-leds, 1-Wire), or another key of this configuration"
        )
    if isinstance(error, OSError) and error.errno in (errno.ENODEV, errno.ENOTTY, errno.EISDIR):
        return f"{chip} is no GPIO chip: name the one that gpiodetect shows"
    return f"line {line} of {chip}: {error}"
