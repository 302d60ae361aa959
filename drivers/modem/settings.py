"""[bearers.NAME.link] of a modem, and what it needs of the bearer's own table. Data and limits only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from drivers.settings import Between, Matches, NotEmpty, Secret, SecretFile
from drivers.terms import PowerLines, Quota

__all__ = ["Settings", "Terms"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where the modem is. port: a device, a pty, "socket://host:port", or "auto" (found by its IMEI).

    pin: usually read from pin_file; "" leaves a locked SIM locked. service_centre: for a SIM that has none.
    number: the SIM's own, where the SIM does not tell it: replies arrive under it. balance: the operator's
    USSD code for it, asked once a day; "" for never.
    """

    port: Annotated[str, NotEmpty()]
    imei: Annotated[str, Matches(r"[0-9]{15}", "the 15 digits of an IMEI")] | None = None
    baud: Annotated[int, Between(300, 4_000_000)] = 115_200
    pin: Annotated[Secret, Matches(r"([0-9]{4,8})?", "4 to 8 digits")] = field(default="", repr=False)
    pin_file: SecretFile | None = None
    service_centre: Annotated[str, Matches(r"(\+[0-9]{7,15})?", "a number such as +33609001390")] = ""
    number: Annotated[str, Matches(r"(\+[0-9]{7,15})?", "a number such as +33700000001")] = ""
    balance: Annotated[str, Matches(r"([*#0-9]{2,20})?", "a code such as *123#")] = ""

    def faults(self) -> list[tuple[str, str]]:
        """What no single key can tell, as (key, reason)."""
        return [("imei", 'is required where port = "auto"')] if self.port == "auto" and not self.imei else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the bearer's table says of the SIM and its power.

    sim_contract: "" and the modem only receives. roaming: whether it may send while abroad.
    """

    quota: Quota = field(default_factory=Quota)
    sim_contract: str = ""
    roaming: bool = False
    power: PowerLines | None = None
