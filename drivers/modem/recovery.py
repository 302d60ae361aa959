"""The rungs of the ladder, climbed: what each does to the port and the power of a sick modem."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from drivers.gpio import GpioError
from drivers.modem.at import Answer, Command, Final
from drivers.modem.ladder import Rung
from drivers.modem.line import Line, PortLost
from drivers.modem.power import PowerError
from drivers.modem.profile import Quirks
from drivers.modem.script import Pause, Script, Trouble, resync

__all__ = ["PowerLike", "climb", "switch_on"]


class PowerLike(Protocol):
    """drivers.modem.power.Power, as the bearer uses it."""

    usb_cycle: Callable[[], Awaitable[None]] | None

    @property
    def available(self) -> frozenset[Rung]: ...

    def running(self) -> bool | None: ...

    async def on(self) -> None: ...

    async def reset(self) -> None: ...

    async def cycle(self, commanded: bool = False) -> None: ...

    def close(self) -> None: ...


async def climb(
    rung: Rung,
    line: Line,
    power: PowerLike | None,
    quirks: Quirks,
    wait: float,
    pause: Callable[[float], Awaitable[None]],
    reboot: float,
) -> bool:
    """Take one rung, after its wait. True: the port is still open and the modem answers. Raises Trouble.

    reboot: seconds until a modem that was reset is worth looking for; pause(): as asyncio.sleep, unless hurried.
    """
    if rung is Rung.ESCAPE and line.open:
        return await _escape(line)
    if rung is Rung.SOFT_RESET and line.open:
        await pause(wait)
        await _soft_reset(line)
        line.close()  # before the device goes: a descriptor that is kept finds it never again
        await pause(reboot)
        return False
    commanded = False
    if rung is Rung.POWER_CYCLE and line.open and quirks.power_off_command:
        commanded = await _say(line, quirks.power_off_command.removeprefix("AT"))
    line.close()
    await pause(wait)
    try:
        if rung is Rung.HARD_RESET and power is not None:
            await power.reset()
        elif rung is Rung.POWER_CYCLE and power is not None:
            await power.cycle(commanded)
    except (PowerError, GpioError) as error:
        raise Trouble("power.failed", str(error), recovers=True) from error
    return False


async def switch_on(power: PowerLike, away: bool) -> None:
    """A modem that is off is switched on: off by its STATUS; or, where none is wired, `away` for too long, and then
    Power asks once more whether it is there before it touches the key. Raises Trouble.
    """
    try:
        running = power.running()
        if running is False or (running is None and away and Rung.POWER_CYCLE in power.available):
            await power.on()
    except (PowerError, GpioError) as error:
        raise Trouble("power.failed", str(error), recovers=True) from error


async def _escape(line: Line) -> bool:
    try:
        return await line.play(resync())
    except PortLost:
        return False


async def _soft_reset(line: Line) -> None:
    await _say(line, "+CFUN=1,1")


async def _say(line: Line, text: str) -> bool:
    """Whether it answers OK. It is about to go, and may not."""

    def script() -> Script[bool]:
        answer: Answer = yield Command("AT" + text, 3.0)
        yield Pause(0.1)
        return answer.final is Final.OK

    try:
        return await line.play(script())
    except PortLost:
        return False
