"""A GSM modem as a bearer: AT commands over a serial port, TPDUs in PDU mode (3GPP 27.005, 23.040).

modem.py is the bearer; access.py the way to it; service.py the modem at work, sender.py and receiver.py its two
sides; line.py plays the conversations (start.py, pin.py, storage.py, network.py, submit.py) over a port; at.py is
the dialogue.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from drivers.bearer import StateStore
from drivers.modem.settings import Settings, Terms

if TYPE_CHECKING:
    from drivers.modem.access import PowerMaker
    from drivers.modem.commands import Timings
    from drivers.modem.line import Opener
    from drivers.modem.modem import Modem
    from drivers.modem.power import Power
    from drivers.terms import PowerLines

__all__ = ["Settings", "Terms", "open", "try_out"]


_PATIENCE = 8.0
"""Seconds that somebody at a terminal waits for a modem to be found."""


def open(  # noqa: A001 - the name that every driver gives it
    name: str,
    settings: Settings,
    state: StateStore,
    terms: Terms | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
    wall: Callable[[], float] = time.time,
    opener: Opener | None = None,
    power: PowerMaker | None = None,
    timings: Timings | None = None,
) -> Modem:
    """A bearer, its port not yet opened.

    clock: steady seconds; wall: Unix seconds; opener: as drivers.modem.port.open_port; power: instead of the
    lines that terms name; timings: instead of the usual. Raises ProfileError for power.model, OSError and
    ValueError for a PIN file that can't be used.
    """
    # Late: every module of this package, the pure ones too, is imported through this file.
    from drivers.modem import commands, discovery, port, profile  # noqa: PLC0415 - see above
    from drivers.modem.access import Means, Seams  # noqa: PLC0415 - see above
    from drivers.modem.modem import Modem  # noqa: PLC0415 - see above

    terms = terms or Terms()
    if not settings.pin and settings.pin_file is not None:
        settings = replace(settings, pin=_pin(settings))
    quirks = profile.load(terms.power.model).quirks if terms.power is not None else None
    seams = Seams(
        clock=clock, wall=wall, opener=opener or port.open_port, timings=timings or commands.Timings()
    )

    def find(imei: str, ask: discovery.Ask, within: float) -> Awaitable[str]:
        return discovery.find(imei, ask, owner=name, within=within)

    means = Means(seams=seams, quirks=quirks, find=find, power=power or partial(_hold, terms.power, clock))
    return Modem(name, settings, terms, state, means)


async def try_out(
    name: str,
    settings: Settings,
    terms: Terms | None = None,
    *,
    opener: Opener | None = None,
    timings: Timings | None = None,
) -> tuple[bool, str]:
    """What is at the port, without using it: (whether it could send, in words). See trial.py."""
    from drivers.modem import commands, discovery, port, trial  # noqa: PLC0415 - see open()
    from drivers.modem.access import Means, Seams  # noqa: PLC0415 - see open()

    seams = Seams(
        clock=time.monotonic, wall=time.time, opener=opener or port.open_port,
        timings=timings or commands.Timings(),
    )  # fmt: skip

    def find(imei: str, ask: discovery.Ask, within: float) -> Awaitable[str]:
        return discovery.find(imei, ask, owner=name, within=min(within, _PATIENCE))

    means = Means(seams=seams, find=find, power=partial(_hold, None, time.monotonic))
    return await trial.look(name, settings, terms or Terms(), means)


def _pin(settings: Settings) -> str:
    assert settings.pin_file is not None
    pin = settings.pin_file.read_text(encoding="ascii").strip()
    if not (4 <= len(pin) <= 8 and pin.isdecimal()):
        raise ValueError(f"{settings.pin_file} must have the 4 to 8 digits of a PIN, and nothing else")
    return pin


def _hold(
    lines: PowerLines | None, clock: Callable[[], float], alive: Callable[[], Awaitable[bool]]
) -> Power:
    from drivers.modem import power  # noqa: PLC0415 - see open()

    return power.open_power(lines, power.Seams(alive=alive, clock=clock))
