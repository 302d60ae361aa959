"""What `[bearers.NAME.link]` says to the smpp driver: where the SMSC is, and the habits of this carrier.

Defaults are SMPP 3.4's own or the field's usual ones. Only data: it opens nothing. Read by gateway.config,
used by drivers.smpp.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from drivers.settings import (
    Between,
    InputFile,
    LongerThanZero,
    Matches,
    NotEmpty,
    SecretFile,
    SmppPassword,
    UpTo,
)

__all__ = ["Reconnect", "Settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconnect:
    """Waits between tries, in seconds: `first`, doubled each time up to `max`, with jitter."""

    first: LongerThanZero = 1.0
    max: LongerThanZero = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One carrier's SMSC. Times in seconds; one of password and password_file is required (faults() says so).

    bind: "transmitter+receiver" opens both, `binds` times. window: unanswered submit_sm per bind.
    source_ton_npi: "auto", or "ton/npi" for every source address.
    """

    host: Annotated[str, NotEmpty()]
    port: Annotated[int, Between(1, 65_535)]
    system_id: Annotated[str, UpTo(15, 1)]
    password: SmppPassword = field(default="", repr=False)
    password_file: SecretFile | None = None
    bind: Literal["transceiver", "transmitter+receiver"] = "transceiver"
    binds: Annotated[int, Between(1, 100)] = 1
    window: Annotated[int, Between(1, 10_000)] = 50
    enquire_link: LongerThanZero = 30.0
    response_timeout: LongerThanZero = 30.0
    reconnect: Reconnect = Reconnect()
    tls: bool = False
    tls_ca_file: InputFile | None = None
    tls_certificate_file: InputFile | None = None
    tls_key_file: SecretFile | None = None
    system_type: Annotated[str, UpTo(12)] = ""
    service_type: Annotated[str, UpTo(5)] = ""
    interface_version: Literal["3.3", "3.4", "5.0"] = "3.4"
    source_ton_npi: Annotated[
        str, Matches(r"auto|[0-6]/(?:[01346]|8|9|10|14|18)", '"auto" or like "5/0"')
    ] = "auto"
    receipts: Literal["all-segments", "last-segment", "none"] = "all-segments"
    message_id: Literal["auto", "hex", "decimal", "text"] = "auto"
    long_messages: Literal["udh", "sar", "payload"] = "udh"
    default_alphabet: Literal["gsm7", "latin1", "ascii"] = "gsm7"
    dialect: Annotated[str, NotEmpty()] = "standard"

    def faults(self) -> list[tuple[str, str]]:
        """What no single key can tell, as (key, reason). Called once the password file has been read."""
        found = []
        if not self.password and self.password_file is None:
            found.append(("password_file", "is required (or password, for a lab)"))
        if self.reconnect.max < self.reconnect.first:
            found.append(("reconnect.max", "must not be shorter than reconnect.first"))
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            found.append(("tls_certificate_file", "needs tls_key_file, and the other way round"))
        if not self.tls and (self.tls_ca_file or self.tls_certificate_file):
            found.append(("tls", "must be true for the tls_… files to be used"))
        return found
