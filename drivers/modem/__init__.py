"""A GSM modem as a bearer: AT commands over a serial port, TPDUs in PDU mode (3GPP 27.005, 23.040).

modem.py is the bearer; service.py the modem at work, sender.py and receiver.py its two sides; line.py plays
the conversations (start.py, pin.py, storage.py, network.py, submit.py) over a port; at.py is the dialogue.
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
    from drivers.modem.commands import Timings
    from drivers.modem.line import Opener
    from drivers.modem.modem import Modem, PowerMaker
    from drivers.modem.power import Power
    from drivers.terms import PowerLines

__all__ = ["Settings", "Terms", "open"]


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
    from drivers.modem.modem import Means, Modem  # noqa: PLC0415 - see above
    from drivers.modem.service import Seams  # noqa: PLC0415 - see above

    terms = terms or Terms()
    if not settings.pin and settings.pin_file is not None:
        settings = replace(settings, pin=_pin(settings))
    quirks = profile.load(terms.power.model).quirks if terms.power is not None else profile.Quirks()
    if power is None and terms.power is not None:
        power = partial(_hold, terms.power)
    seams = Seams(
        clock=clock, wall=wall, opener=opener or port.open_port, timings=timings or commands.Timings()
    )
    find = partial(discovery.find, owner=name)
    return Modem(name, settings, terms, state, Means(seams=seams, quirks=quirks, find=find, power=power))


def _pin(settings: Settings) -> str:
    assert settings.pin_file is not None
    pin = settings.pin_file.read_text(encoding="ascii").strip()
    if not (4 <= len(pin) <= 8 and pin.isdecimal()):
        raise ValueError(f"{settings.pin_file} must have the 4 to 8 digits of a PIN, and nothing else")
    return pin


def _hold(lines: PowerLines, alive: Callable[[], Awaitable[bool]]) -> Power:
    from drivers.modem import power  # noqa: PLC0415 - only what has lines needs libgpiod

    return power.open_power(lines, power.Seams(alive=alive))
