"""The whole configuration as one frozen object, and the shape of the file it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from gateway.config.policy import AlertmanagerSettings, LedsSettings, MqttSettings, RulesSettings
from gateway.config.roads import BearerSettings, RouteSettings
from gateway.config.sections import (
    AccountSettings,
    ControlSettings,
    GatewaySettings,
    HttpSettings,
    ListenersSettings,
    LogSettings,
    SmppListenerSettings,
    StoreSettings,
)

__all__ = ["Config", "Document"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """gateway.toml, table by table, in the order in which it is written back."""

    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    control: ControlSettings = field(default_factory=ControlSettings)
    log: LogSettings = field(default_factory=LogSettings)
    listeners: ListenersSettings = field(default_factory=ListenersSettings)
    accounts: dict[str, AccountSettings] = field(default_factory=dict)
    bearers: dict[str, BearerSettings] = field(default_factory=dict)
    routes: dict[str, RouteSettings] = field(default_factory=dict)
    rules: RulesSettings = field(default_factory=RulesSettings)
    mqtt: MqttSettings | None = None
    alertmanager: AlertmanagerSettings | None = None
    leds: LedsSettings | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """One configuration, checked. Made by load_config; every path in it is absolute.

    path: the file. document: its tables. state_dir, runtime_dir: where the daemon writes.
    tables: the top-level tables that the file names itself.
    """

    path: Path
    document: Document
    state_dir: Path
    runtime_dir: Path
    tables: frozenset[str]

    @property
    def gateway(self) -> GatewaySettings:
        return self.document.gateway

    @property
    def store(self) -> StoreSettings:
        return self.document.store

    @property
    def control(self) -> ControlSettings:
        return self.document.control

    @property
    def log(self) -> LogSettings:
        return self.document.log

    @property
    def smpp(self) -> SmppListenerSettings | None:
        """None where the listener is switched off."""
        listener = self.document.listeners.smpp
        return listener if listener.enabled else None

    @property
    def http(self) -> HttpSettings | None:
        return self.document.listeners.http

    @property
    def accounts(self) -> dict[str, AccountSettings]:
        return self.document.accounts

    @property
    def bearers(self) -> dict[str, BearerSettings]:
        """By name, those with `enabled = false` left out."""
        return {name: bearer for name, bearer in self.document.bearers.items() if bearer.enabled}

    @property
    def routes(self) -> tuple[RouteSettings, ...]:
        """In file order."""
        return tuple(self.document.routes.values())

    @property
    def rules(self) -> RulesSettings:
        return self.document.rules

    @property
    def mqtt(self) -> MqttSettings | None:
        return self.document.mqtt

    @property
    def alertmanager(self) -> AlertmanagerSettings | None:
        return self.document.alertmanager

    @property
    def leds(self) -> LedsSettings | None:
        return self.document.leds

    @property
    def store_path(self) -> Path:
        """The file of `sqlite:…`, relative to state_dir."""
        return self.state_dir / self.store.url.removeprefix("sqlite:")

    @property
    def control_socket(self) -> Path:
        return self.control.socket
