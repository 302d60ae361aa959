"""A modem's power key, reset line and supply relay: pulses that are verified, and never outlive their caller.

Owns: the order and the times of what the lines do, from the model's profile.
Promises: PWRKEY is a toggle, so nothing is pulsed to switch on before somebody said that the module is off; every
pulse ends when its task ends, cancelled or not, and within the profile's limit even while the loop stands still;
the supply of a module is cut only after it had its time to leave in order; at rest, the modem has its supply.
Never does: speak AT. Whoever has the port sends the profile's power_off_command and says so (`commanded`).
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from drivers.gpio import Line, Lines, request
from drivers.modem.ladder import Rung
from drivers.modem.profile import GENERIC, Profile, load
from drivers.modem.usb_power import UsbPowerError
from drivers.terms import PowerLines

__all__ = ["Power", "PowerError", "Seams", "open_power"]

POLL = 0.25
"""Seconds between two looks at STATUS."""


class PowerError(Exception):
    """The module did not do what its lines asked, or the wiring does not allow it: what, and where to look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seams:
    """What Power asks of others.

    alive: whether the USB device is there or AT answers. Needed where no STATUS is wired: PWRKEY is pulsed to switch
    on only after one of both said no. usb_cycle: switches the modem's USB port off and on, where its hub can.
    """

    alive: Callable[[], Awaitable[bool]] | None = None
    usb_cycle: Callable[[], Awaitable[None]] | None = None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic


def open_power(settings: PowerLines | None, seams: Seams | None = None) -> Power:
    """Hold the lines that [bearers.NAME.power] names. Raises ProfileError, PowerError, GpioError.

    Without that table there is no line; what the USB port can do is left.
    """
    if settings is None:
        return Power(request("", {}), GENERIC, seams)
    profile = load(settings.model)
    named = {role: getattr(settings, role) for role in ("pwrkey", "reset", "status", "supply")}
    wired = {role: line for role, line in named.items() if line is not None}
    if wired and not profile.has_lines:
        raise PowerError(
            f"power.model: the profile {profile.name} has no times for lines: take {', '.join(wired)} out"
        )
    lines = {
        role: Line(
            line,
            output=role != "status",
            active_low=role in settings.active_low,
            open_drain=role in profile.open_drain,
        )
        for role, line in wired.items()
    }
    return Power(request(settings.chip, lines), profile, seams)


class Power:
    """See the module. One operation at a time: a second one waits for the first.

    usb_cycle: may be set anew: which port the modem hangs on is known while it is there.
    """

    def __init__(self, lines: Lines, profile: Profile, seams: Seams | None = None) -> None:
        self.profile = profile
        self._lines = lines
        self._wired = lines.roles
        self._seams = seams or Seams()
        self.usb_cycle = self._seams.usb_cycle
        self._busy = asyncio.Lock()

    @property
    def available(self) -> frozenset[Rung]:
        """The rungs that the wiring allows."""
        rungs = set()
        if "reset" in self._wired or self.usb_cycle is not None:
            rungs.add(Rung.HARD_RESET)
        told = "status" in self._wired or self._seams.alive is not None
        if "supply" in self._wired or ("pwrkey" in self._wired and told):
            rungs.add(Rung.POWER_CYCLE)
        return frozenset(rungs)

    def running(self) -> bool | None:
        """What STATUS says; None where no STATUS is wired. Raises GpioError."""
        return self._lines.get("status") if "status" in self._wired else None

    async def on(self) -> None:
        """Running when it returns, at once if it ran. Raises PowerError, GpioError."""
        async with self._busy:
            await self._on()

    async def off(self, commanded: bool = False) -> None:
        """Off when it returns. commanded: it answered OK to its power_off_command, and has its time to go before the
        key is pressed: a press while it goes could start it again. Raises PowerError, GpioError.
        """
        async with self._busy:
            await self._off(commanded)

    async def reset(self) -> None:
        """HARD_RESET: the reset line, else the power of its USB port. Raises PowerError, GpioError."""
        async with self._busy:
            if "reset" in self._wired:
                await self._pulse("reset", "reset_pulse")
                await self._started()
            elif self.usb_cycle is not None:
                try:
                    await self.usb_cycle()
                except UsbPowerError as error:
                    raise PowerError(f"reset: {error}") from error
            else:
                raise PowerError(
                    "reset: no line is wired to it (power.reset), and its USB port can't be switched"
                )

    async def cycle(self, commanded: bool = False) -> None:
        """POWER_CYCLE: by the supply relay where there is one, else by the key. Raises PowerError, GpioError."""
        if "supply" in self._wired:
            await self.cycle_supply(commanded)
            return
        async with self._busy:
            await self._off(commanded)
            await self._seams.sleep(self.profile.timings["rest_before_on"].value)
            await self._on()

    async def cycle_supply(self, commanded: bool = False) -> None:
        """Off in order, supply cut and back, on. Raises PowerError, GpioError."""
        if "supply" not in self._wired:
            raise PowerError("supply: no relay is wired (power.supply)")
        async with self._busy:
            try:
                await self._off(commanded or "pwrkey" not in self._wired)
            except PowerError:
                pass  # it had its time; what runs on now is hung, and its supply is all that is left
            try:
                self._lines.set("supply", True)
                # The longest rest: the capacitors that carry 2 A bursts must be empty, or nothing was cut.
                await self._seams.sleep(self.profile.timings["rest_before_on"].max)
            finally:
                self._lines.rest("supply")
            await self._seams.sleep(self.profile.timings["supply_settle"].value)
            await self._on()

    def close(self) -> None:
        """All lines at rest and let go; the modem stays as it is."""
        self._lines.close()

    # ── steps, with the lock held ────────────────────────────────────────────────────────────────────────
    async def _on(self) -> None:
        if "pwrkey" in self._wired:
            if await self._runs_already():
                return
            await self._pulse("pwrkey", "pwrkey_on")
        await self._started()

    async def _runs_already(self) -> bool:
        """Certain either way: False, and the key switches on. A device still leaving USB is waited for."""
        if "status" in self._wired:
            if not await self._until(self._settled, self.profile.timings["gone_after_off"].max):
                raise PowerError("STATUS says off, and the module is there: is status missing in active_low?")
            return bool(self.running())
        runs = await self._signs()
        if runs is None:
            raise PowerError("pwrkey: nothing tells whether the module runs, and a pulse could switch it off")
        return runs

    async def _off(self, commanded: bool) -> None:
        if "status" in self._wired and await self._silent():
            return  # silence alone would not do: a module that hangs is silent, too
        if commanded and await self._gone():
            return
        await self._pulse("pwrkey", "pwrkey_off")
        if not await self._gone():
            raise PowerError(
                "the module had its power key pressed and still runs: see its supply, PWRKEY's wire, and status in "
                "active_low"
            )

    async def _pulse(self, role: str, timing: str) -> None:
        """Active for the profile's time. No await stands between its end and the release: nothing to shield."""
        if role not in self._wired:
            raise PowerError(f"{role}: no line is wired to it (power.{role})")
        limits = self.profile.timings[timing]
        guard = threading.Timer(
            limits.max, self._lines.rest, (role,)
        )  # for a loop that stands still meanwhile
        guard.daemon = True
        guard.start()
        try:
            self._lines.set(role, True)
            await self._seams.sleep(limits.value)
        finally:
            guard.cancel()
            self._lines.rest(role)

    async def _started(self) -> None:
        """Wait until it runs; where nobody can tell, for as long as the profile says."""
        ready = self.profile.timings["ready_after_on"]
        if "status" not in self._wired and self._seams.alive is None:
            await self._seams.sleep(ready.value)
        elif not await self._until(self._there, ready.max):
            raise PowerError(
                f"the module does not run {ready.max:g} s after its start: see its supply, the wires, and status "
                "in active_low"
            )

    async def _gone(self) -> bool:
        gone = self.profile.timings["gone_after_off"]
        if "status" in self._wired:
            return await self._until(self._silent, gone.max)
        # Silent is not off: USB goes, then the flash is written. So the whole time, whatever is heard.
        await self._seams.sleep(gone.value)
        return await self._silent()

    async def _until(self, true: Callable[[], Awaitable[bool]], seconds: float) -> bool:
        """Whether it comes true in time."""
        deadline = self._seams.clock() + seconds
        while not await true():
            if self._seams.clock() >= deadline:
                return False
            await self._seams.sleep(POLL)
        return True

    async def _there(self) -> bool:
        return bool(self.running() if "status" in self._wired else await self._signs())

    async def _settled(self) -> bool:
        return bool(self.running()) or await self._silent()

    async def _silent(self) -> bool:
        return not await self._signs()

    async def _signs(self) -> bool | None:
        """Any sign of life, STATUS or another; None where nobody could tell."""
        status = self.running()
        if status or self._seams.alive is None:
            return status
        return await self._seams.alive()
