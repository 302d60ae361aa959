"""What a bearer's own table says beside its link, for the drivers that ask for it.

A driver that needs such keys has a frozen dataclass `Terms` whose fields are named as the keys of
[bearers.NAME] (quota, sim_contract, roaming, power), and its open() takes it last:
open(name, settings, state, terms). Data and limits only; nothing is opened here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from drivers.settings import Between, NotEmpty

__all__ = ["PowerLines", "Quota"]

GpioLine = Annotated[str, NotEmpty()]
Limit = Annotated[int, Between(0, 10**9)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What a bearer may carry in a time, in segments (recipients: different numbers); 0 is unlimited.

    None asks for the driver's default: a SIM is cautious (6, 40, 200, 90), a carrier has none.
    """

    per_minute: Limit | None = None
    per_hour: Limit | None = None
    per_day: Limit | None = None
    recipients_per_month: Limit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLines:
    """[bearers.NAME.power]: the GPIO lines of a modem, by name or offset on `chip`.

    model: a profile of hardware/profiles. supply: a relay that cuts the modem's power while active.
    """

    model: Annotated[str, NotEmpty()]
    chip: Annotated[str, NotEmpty()] = "/dev/gpiochip0"
    pwrkey: GpioLine | None = None
    reset: GpioLine | None = None
    status: GpioLine | None = None
    supply: GpioLine | None = None
    active_low: tuple[Literal["pwrkey", "reset", "status", "supply"], ...] = ()
