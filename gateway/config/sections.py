"""The tables about the daemon itself and about who may submit, one dataclass each.

Only data and its limits: each part of the gateway takes its own class from here and nothing else. Times are
seconds, sizes octets; paths are absolute once load_config has run. Defaults are the promised ones; a field
without a default is REQUIRED. [bearers] and [routes] are in roads.py, [rules] and what watches in policy.py.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from drivers.settings import (
    Between,
    Duration,
    InputFile,
    LongerThanZero,
    Mark,
    Matches,
    NotEmpty,
    Secret,
    SecretFile,
    Size,
    SmppPassword,
    StateFile,
    UpTo,
)

__all__ = [
    "KIND_NAMES",
    "AccountQuota",
    "AccountSettings",
    "ControlSettings",
    "GatewaySettings",
    "HttpSettings",
    "HttpToken",
    "KindName",
    "ListenersSettings",
    "LogSettings",
    "Name",
    "OnDoubt",
    "RetentionSettings",
    "Sender",
    "SmppListenerSettings",
    "StoreSettings",
    "Validity",
]

KindName = Literal["otp", "alert", "transactional", "marketing"]
Alphabet = Literal["gsm7", "latin1", "ascii"]
DoubtAnswer = Literal["resend", "stop", "wait"]
KIND_NAMES: tuple[KindName, ...] = ("otp", "alert", "transactional", "marketing")

Name = Annotated[str, Matches(r"[a-z0-9-]{1,63}", "1 to 63 of a-z, 0-9 and -")]
Port = Annotated[int, Between(1, 65_535)]
Count = Annotated[int, Between(1, 1_000_000)]
Limit = Annotated[int, Between(0, 10**12)]
Kinds = Annotated[tuple[KindName, ...], NotEmpty()]


class _Network(Mark):
    """An IPv4 or IPv6 network in CIDR notation, or one address."""

    def read(self, value: str) -> str:
        try:
            ipaddress.ip_network(value)
        except ValueError as error:
            raise ValueError(f'must be a network like "10.0.0.0/8" or "::1/128" ({error})') from error
        return value


class _Sender(Mark):
    """A source address as 3GPP 23.040 §9.1.2.5 and carriers take it."""

    def read(self, value: str) -> str:
        digits = value.removeprefix("+")
        number = value.startswith("+") and digits.isdecimal() and 7 <= len(digits) <= 15
        short_code = value.isdecimal() and 3 <= len(value) <= 8
        word = 1 <= len(value) <= 11 and value.isprintable() and any(map(str.isalpha, value))
        if not (number or short_code or word or value == "*"):
            raise ValueError(
                "must be an international number (+33…), a short code (3 to 8 digits) or a word (at most 11 "
                "characters, one of them a letter)"
            )
        return value


Network = Annotated[str, _Network()]
Sender = Annotated[str, _Sender()]
Number = Annotated[str, Matches(r"\+?[0-9]{3,15}", 'a number: "36180" or "+33600000000"')]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """[gateway]: which node this is. state_dir: None asks for $STATE_DIRECTORY, else ./var."""

    name: Name = "chappe"
    node: Annotated[int, Between(0, 255)] = 1
    site: Name = "default"
    timezone: Annotated[str, NotEmpty()] = "Europe/Paris"
    state_dir: Annotated[str, NotEmpty()] | None = None
    late_receipts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionSettings:
    """[store.retention]: seconds that each kind of data is kept; 0 wipes it at the final state."""

    text: Duration = 7 * 86_400.0
    otp_text: Duration = 0.0
    metadata: LongerThanZero = 365 * 86_400.0
    outbox: LongerThanZero = 7 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """[store]: where messages are kept, and when it is full. writer "auto": a process where there is a core for it."""

    url: Annotated[
        str, Matches(r"sqlite:.+", 'like "sqlite:chappe.db" (this version keeps no other store)')
    ] = "sqlite:chappe.db"
    writer: Literal["auto", "process", "loop"] = "auto"
    max_waiting: Annotated[int, Between(1, 10**9)] = 10_000_000
    min_free_disk: Size = 10**9
    hmac_key_file: StateFile = Path("hmac.key")
    retention: RetentionSettings = RetentionSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSettings:
    """[control]: the operators' socket, relative to $RUNTIME_DIRECTORY, else to state_dir."""

    socket: StateFile = Path("control.sock")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """[log]: format "auto" is console on a terminal, json elsewhere."""

    level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    format: Literal["auto", "console", "json"] = "auto"
    mask_numbers: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SmppListenerSettings:
    """[listeners.smpp]: Chappe as the SMSC of its applications; TLS only once a certificate is there."""

    enabled: bool = True
    host: Annotated[str, NotEmpty()] = "127.0.0.1"
    port: Port = 2775
    tls_certificate_file: InputFile | None = None
    tls_key_file: SecretFile | None = None
    tls_client_ca_file: InputFile | None = None
    system_id: Annotated[str, UpTo(15, 1)] = "CHAPPE"
    bind_timeout: LongerThanZero = 10.0
    enquire_link: LongerThanZero = 30.0
    max_connections: Count = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpToken:
    """One of [[listeners.http.tokens]]: a bearer token and what it opens."""

    name: Name
    token_file: SecretFile
    role: Literal["viewer", "operator", "admin"] = "viewer"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """[listeners.http]."""

    host: Annotated[str, NotEmpty()] = "127.0.0.1"
    port: Port = 8080
    tls_certificate_file: InputFile | None = None
    tls_key_file: SecretFile | None = None
    max_connections: Count = 500
    tokens: tuple[HttpToken, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenersSettings:
    """[listeners]: the SMPP port is open unless `enabled = false`, HTTP only where its table stands."""

    smpp: SmppListenerSettings = SmppListenerSettings()
    http: HttpSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountQuota:
    """Segments an account may send; 0 is unlimited."""

    segments_per_day: Limit = 0
    segments_per_month: Limit = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDoubt:
    """What becomes of a segment whose answer never came."""

    otp: DoubtAnswer = "resend"
    alert: DoubtAnswer = "resend"
    transactional: DoubtAnswer = "resend"
    marketing: DoubtAnswer = "wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """Seconds that a message may wait when the application gives no validity_period."""

    otp: LongerThanZero = 300.0
    alert: LongerThanZero = 3_600.0
    transactional: LongerThanZero = 48 * 3_600.0
    marketing: LongerThanZero = 96 * 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """[accounts.NAME]: who may submit, what, and how fast.

    name is the table's; system_id is the same unless given. password is given in clear or filled from
    password_file. rate: segments per second over all binds. senders: ("*",) allows all, () none.
    stop_number: filled with the first short code of `mo` where none is given.
    """

    name: str = ""
    system_id: Annotated[str, UpTo(15)] = ""
    password: SmppPassword | None = field(default=None, repr=False)
    password_file: SecretFile | None = None
    password_hash: Secret | None = field(default=None, repr=False)
    kinds: Kinds = KIND_NAMES
    default_kind: KindName
    networks: tuple[Network, ...] = ("127.0.0.0/8", "::1/128")
    max_binds: Count = 8
    window: Annotated[int, Between(1, 100_000)] = 1000
    rate: Annotated[float, Between(0.01, 1_000_000)] = 2000.0
    weight: Annotated[int, Between(1, 1000)] = 1
    senders: tuple[Sender, ...] = ()
    stop_number: Annotated[str, Matches(r"[0-9]{3,8}", "a short code, 3 to 8 digits")] | None = None
    default_alphabet: Alphabet = "gsm7"
    response_tlvs: Literal["auto", "always", "never"] = "auto"
    smart_encoding: bool = False
    max_segments: Annotated[int, Between(1, 255)] = 6
    long_mo: Literal["payload", "parts"] = "payload"
    brand: str = ""
    require_consent: bool = False
    extra_regions: tuple[
        Annotated[str, Matches(r"[A-Z]{2}-[A-Z0-9]{1,3}", 'a region like "FR-57"')], ...
    ] = ()
    quota: AccountQuota = AccountQuota()
    mo: tuple[Number, ...] = ()
    on_doubt: OnDoubt = OnDoubt()
    validity: Validity = Validity()
    http_token_file: SecretFile | None = None
    webhook: Annotated[str, Matches(r"https?://\S+", "an http:// or https:// address")] | None = None
    webhook_secret_file: SecretFile | None = None
    keywords: dict[Annotated[str, NotEmpty()], Annotated[str, NotEmpty()]] = field(default_factory=dict)
