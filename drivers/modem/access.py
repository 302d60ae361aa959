"""The way to one modem: its power, its path, its port; and what is known of the thing that answers there.

Owns the order: lines held, switched on, found, opened, looked at (profile by USB id, switch of its USB port).
Promises: what is so already stays; nothing is pressed before somebody said that the modem is off. Never judges
what the modem says, and never waits for one that is not there.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from drivers.gpio import GpioError
from drivers.modem import answers, discovery
from drivers.modem.at import Answer, Final
from drivers.modem.commands import At, Timings
from drivers.modem.discovery import Ask, Candidate
from drivers.modem.ladder import ALWAYS, Rung
from drivers.modem.line import Line, Opener, PortLost
from drivers.modem.port_errors import PortError
from drivers.modem.power import PowerError
from drivers.modem.profile import ProfileError, Quirks, for_usb
from drivers.modem.recovery import PowerLike, switch_on
from drivers.modem.script import Escape, Pause, Script, Trouble
from drivers.modem.settings import Settings
from drivers.modem.usb_power import UsbPowerError, UsbSwitch, find_switch

__all__ = ["Access", "Finder", "Means", "PowerMaker", "Seams"]

Result = TypeVar("Result")
AWAY = 60.0
"""Seconds: a module that starts anew is back by then (profiles: reenumerate). After them it may be off."""
QUICKLY = 0.0
SYS = "/sys"

Finder = Callable[[str, Ask, float], Awaitable[str]]
"""find(imei, ask, within): as discovery.find. Raises PortError, ProfileError."""
PowerMaker = Callable[[Callable[[], Awaitable[bool]]], PowerLike]
"""make(alive): holds the power lines; alive() tells whether the modem answers. Raises GpioError, PowerError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seams:
    """What tests replace. clock: steady seconds; wall: Unix seconds; opener: as drivers.modem.port.open_port."""

    clock: Callable[[], float]
    wall: Callable[[], float]
    opener: Opener
    timings: Timings


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What the bearer is given beside its settings. quirks: of the model that power.model names, None to go by the
    USB id. find: for port = "auto". power: holds the lines, if any.
    """

    seams: Seams
    find: Finder
    power: PowerMaker
    quirks: Quirks | None = None


class Access:
    """See the module. power: None until the lines are held. quirks: of what was opened last."""

    def __init__(self, name: str, settings: Settings, means: Means, line: Line, at: At) -> None:
        self.power: PowerLike | None = None
        self.quirks = means.quirks or Quirks()
        self._name = name
        self._settings = settings
        self._means = means
        self._clock = means.seams.clock
        self._line = line
        self._at = at
        self._away_since: float | None = None
        self._device = ""  # where on USB it was found
        self._log = structlog.get_logger("driver.modem").bind(bearer=name)

    @property
    def rungs(self) -> frozenset[Rung]:
        """What of the ladder there is."""
        return ALWAYS if self.power is None else ALWAYS | self.power.available

    async def open(self) -> None:
        """Power on, port open. Raises PortError, PortLost, Trouble."""
        if self._line.open:
            return
        if self.power is None:
            self.power = self._hold()
        away = self._away_since is not None and self._clock() - self._away_since >= AWAY
        if away:
            self._away_since = self._clock()
        await switch_on(self.power, away)
        path = await self._path()
        await self._line.connect(self._means.seams.opener, path, self._settings.baud, self._name)
        self._away_since = None
        self._see(path)
        await self._line.play(self._settle_in())

    def lost(self) -> None:
        """There is no port: from when on it has been away."""
        if self._away_since is None:
            self._away_since = self._clock()

    def close(self) -> None:
        if self.power is not None:
            self.power.close()
            self.power = None

    async def alive(self) -> bool:
        """Whether a modem answers AT, where it should be. The port is closed again."""
        if self._settings.port != "auto":
            return bool(await self._look(self._settings.port, self._answers()))
        try:
            return bool(await self._find(QUICKLY))
        except PortError:
            return False

    # ── steps ────────────────────────────────────────────────────────────────────────────────────────────
    def _hold(self) -> PowerLike:
        try:
            return self._means.power(self.alive)
        except (GpioError, PowerError) as error:
            raise Trouble("power.lines", str(error)) from error

    async def _path(self) -> str:
        """One that hangs can't say its IMEI: it is where it was, and the ladder is there for it."""
        if self._settings.port != "auto":
            return self._settings.port
        try:
            path = await self._find(discovery.WITHIN)
        except PortError:
            path = next((port.path for port in self._ports() if port.device == self._device), "")
            if not path:
                raise
        self._device = next((port.device for port in self._ports() if port.path == path), "")
        return path

    def _ports(self) -> list[Candidate]:
        return discovery.candidates(functools.cache(for_usb))

    async def _find(self, within: float) -> str:
        try:
            return await self._means.find(self._settings.imei or "", self._imei_at, within)
        except ProfileError as error:
            raise Trouble("modem.profile", f"a profile is wrong: {error}") from error

    def _see(self, path: str) -> None:
        """What was opened: its model, where the configuration names none; and how its USB port is switched."""
        if self.power is None:
            return
        self.power.usb_cycle = None
        if not path.startswith("/"):
            return
        if self._means.quirks is None:
            self.quirks = self._model_of(path)
        switch = self._switch_of(path)
        if switch is not None:
            self.power.usb_cycle = functools.partial(switch.cycle)

    def _model_of(self, path: str) -> Quirks:
        try:
            usb = discovery.usb_id(path, SYS)
            profile = for_usb(usb) if usb else None
        except ProfileError as error:
            raise Trouble("modem.profile", f"a profile is wrong: {error}") from error
        if profile is None:
            return Quirks()
        self._log.info("modem.profile", profile=profile.name, usb=usb)
        return profile.quirks

    def _switch_of(self, path: str) -> UsbSwitch | None:
        try:
            switch = find_switch(path, SYS)
        except UsbPowerError:
            return None  # on no USB port, or none that could be switched: the ladder has other rungs
        if switch.permitted:
            return switch
        self._log.info("modem.usb_switch_denied", file=str(switch.file))
        return None

    # ── conversations ────────────────────────────────────────────────────────────────────────────────────
    def _settle_in(self) -> Script[None]:
        """Let a port that was just opened say what it has to say: none of it is for us."""
        yield Pause(self._means.seams.timings.drain)

    def _answers(self) -> Script[bool]:
        yield Escape()
        for _ in range(2):
            answer: Answer = yield self._at.attention()
            if answer.final is not Final.NONE:
                return True
        return False

    def _imei(self) -> Script[str]:
        yield Escape()
        yield self._at.attention()
        answer: Answer = yield self._at.identity("+CGSN")
        return answers.digits_of(answer.lines, 14, 16)

    async def _imei_at(self, path: str) -> str | None:
        return await self._look(path, self._imei()) or None

    async def _look(self, path: str, script: Script[Result]) -> Result | None:
        line = self._line
        try:
            await line.connect(self._means.seams.opener, path, self._settings.baud, self._name)
            return await line.play(script)
        except (PortError, PortLost):
            return None
        finally:
            line.close()
