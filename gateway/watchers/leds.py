"""The four status lights of [leds]: power, carrier, modem, fault, each a GPIO line.

Owns: the lines, and which fact lights which. Steady lights only: what blinks would lie when the loop stands still.
Promises: a light that can't be lit disturbs nothing. That is one line in the log and one alarm, cleared when a
later fact finds the lines again; stop() darkens all and lets go.
Never does: look anywhere but at the bus, at `look`, and at its lines.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from drivers.gpio import GpioError, Line, Lines, request
from gateway.bus import Bus, Subscription
from gateway.config.policy import LedsSettings
from gateway.events import AlarmMoved, LinkMoved

__all__ = ["Lights", "Lit", "lit"]

log = structlog.get_logger("gateway.leds")

NAMES = ("power", "carrier", "modem", "fault")
ALARM = "leds"


@dataclass(frozen=True, slots=True)
class Lit:
    """What shines. carrier, modem: at least one of these is up; fault: at least one alarm is raised."""

    carrier: bool = False
    modem: bool = False
    fault: bool = False
    power: bool = True


def lit(bearers: Iterable[tuple[str, bool]], fault: bool) -> Lit:
    """From each bearer's driver and whether it is up; a driver other than smpp and modem has no light."""
    up = {driver for driver, is_up in bearers if is_up}
    return Lit(carrier="smpp" in up, modem="modem" in up, fault=fault)


class Lights:
    """The watcher: `await start()` once the gateway is ready, `await stop()` first when it ends.

    look: the state now; asked at the start and whenever a fact says that a link or an alarm moved, so that a fact
    lost by a slow watcher leaves no wrong light. alarm: (id, raised, severity, text), as the gateway's own.
    """

    def __init__(
        self,
        settings: LedsSettings,
        bus: Bus,
        look: Callable[[], Lit],
        alarm: Callable[[str, bool, str, str], None],
    ) -> None:
        self._chip = settings.chip
        named = {name: getattr(settings, name) for name in NAMES}
        self._wanted = {name: Line(line, output=True) for name, line in named.items() if line is not None}
        self._bus = bus
        self._look = look
        self._alarm = alarm
        self._lines: Lines | None = None
        self._facts: Subscription | None = None
        self._shown: Lit | None = None
        self._dark = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Light what is so now, and follow the facts from here on."""
        self._facts = facts = self._bus.subscribe("leds", 100, frozenset({LinkMoved, AlarmMoved}))
        self._show()
        self._task = asyncio.create_task(self._follow(facts), name="leds")

    async def stop(self) -> None:
        """All dark, all lines let go. A second call does nothing."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._facts is not None:
            self._facts.close()
        self._let_go()

    async def _follow(self, facts: Subscription) -> None:
        lost = 0
        while True:
            events = await facts.next()
            if facts.lost != lost or any(isinstance(event, (LinkMoved, AlarmMoved)) for event in events):
                lost = facts.lost
                self._show()

    def _show(self) -> None:
        """Four short ioctls at most; each failure but the first of a row is silent."""
        shines = self._look()
        if shines == self._shown:
            return
        try:
            if self._lines is None:
                self._lines = request(self._chip, self._wanted)
            for name in self._wanted:
                self._lines.set(name, getattr(shines, name))
        except GpioError as error:
            self._let_go()
            if not self._dark:
                self._dark = True
                log.warning("leds.dark", reason=str(error))
                self._alarm(ALARM, True, "warning", f"the status lights are dark: {error}")
            return
        self._shown = shines
        if self._dark:
            self._dark = False
            self._alarm(ALARM, False, "warning", "")

    def _let_go(self) -> None:
        if self._lines is not None:
            self._lines.close()
            self._lines = None
        self._shown = None
