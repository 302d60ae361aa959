"""What a configuration may say but should make its operator think: warnings of check and of each start.

Looks at the Config, at the files it names (there? private?), at nothing else. `chappe check --strict` takes
each of these for a fault.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from drivers.sms.alphabet import fit
from drivers.sms.split import segment_count
from gateway.config.document import Config
from gateway.config.files import file_keys
from gateway.config.sections import AccountSettings, KindName
from gateway.config.warn_web import warnings_of_web
from gateway.secrets import world_readable
from gateway.settings import dotted

__all__ = ["warnings"]


def warnings(config: Config) -> list[str]:
    """Each as `key: what, and what to do`, in the file's order of tables."""
    checks = (_listeners, _accounts, _marketing, _bearers, _routes, _mqtt, warnings_of_web, _files)
    return [text for check in checks for text in check(config)]


def _listeners(config: Config) -> Iterator[str]:
    doors = [("smpp", config.smpp), ("http", config.http)]
    for name, listener in doors:
        if listener is None or listener.tls_certificate_file is not None or _stays_here(listener.host):
            continue
        yield (
            f"listeners.{name}.host: passwords and texts cross the network readable on {listener.host}: add "
            "tls_certificate_file and tls_key_file, or listen on 127.0.0.1"
        )
    if config.smpp is None:
        yield "listeners.smpp: switched off, no application can bind"
    elif not _stays_here(config.smpp.host):
        for name, account in config.accounts.items():
            if all(ipaddress.ip_network(network).is_loopback for network in account.networks):
                yield f"accounts.{name}.networks: only this machine may bind, the listener is open to more"
    if config.smpp is not None and not config.accounts:
        yield "accounts: none is there, nobody can bind"


def _stays_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _accounts(config: Config) -> Iterator[str]:
    for name, account in config.accounts.items():
        if account.password is not None and account.password_file is None:
            yield f"accounts.{name}.password: in clear, for labs only; use password_file or password_hash"
        if not account.senders:
            yield f"accounts.{name}.senders: none is named, so every message is refused (ESME_RINVSRCADR)"
        for kind in account.kinds:
            if not _carried(config, account, kind):
                yield f"accounts.{name}.kinds: no route carries {kind} for it (such a message gets 0x0407)"
        if "marketing" in account.kinds and account.stop_number is None:
            yield (
                f"accounts.{name}.stop_number: marketing needs a short code for its STOP "
                "mention (set it, or put a short code into mo)"
            )
        yield from _keywords(name, account)


def _keywords(name: str, account: AccountSettings) -> Iterator[str]:
    if not account.keywords:
        return
    for word, text in account.keywords.items():
        coding, payload = fit(text)
        segments = segment_count(payload, coding)
        if segments > 1:
            words = f"each answer takes {segments} segments: at most 160 characters of GSM 03.38 are one"
            yield f"accounts.{name}.keywords.{word}: {words}"
    deaf = [number for number in account.mo if "*" not in account.senders and number not in account.senders]
    if deaf:
        words = f"answers to what is written to {deaf[0]} leave from another sender"
        yield f"accounts.{name}.keywords: {words}: add it to senders"


def _carried(config: Config, account: AccountSettings, kind: KindName) -> bool:
    return any(
        kind in config.bearers[name].kinds
        for route in config.routes
        if kind in route.match.kinds and ("*" in route.match.accounts or account.name in route.match.accounts)
        for tier in route.tiers
        for name in tier
        if name in config.bearers
    )


def _marketing(config: Config) -> Iterator[str]:
    kept, rules = config.store.retention.metadata, config.rules
    senders = [account for account in config.accounts.values() if "marketing" in account.kinds]
    if senders and "frequency" in rules.order and kept < rules.frequency.marketing.per:
        yield (
            "store.retention.metadata: shorter than rules.frequency.marketing.per: what is forgotten counts no more "
            "after a restart"
        )
    monthly = any(account.quota.segments_per_month for account in config.accounts.values())
    if monthly and "quota" in rules.order and kept < 31 * 86_400:
        yield "store.retention.metadata: shorter than a month: after a restart, monthly quotas count only what is kept"
    for name, bearer in config.bearers.items():
        if bearer.driver == "modem" and "marketing" in bearer.kinds:
            yield f"bearers.{name}.kinds: no SIM's contract allows marketing; country fr refuses it"


def _bearers(config: Config) -> Iterator[str]:
    routed = {name for route in config.routes for tier in route.tiers for name in tier}
    modems: dict[tuple[str, str], str] = {}
    for name, bearer in config.bearers.items():
        if name not in routed:
            yield f"bearers.{name}: no route names it, so it sends nothing"
        if bearer.driver == "modem" and not bearer.sim_contract:
            yield f"bearers.{name}.sim_contract: no note that the SIM may send: it only receives"
        if getattr(bearer.link, "password", "") and getattr(bearer.link, "password_file", None) is None:
            yield f"bearers.{name}.link.password: in clear, for labs only; use password_file"
        if bearer.driver == "modem":
            modem = getattr(bearer.link, "port", ""), getattr(bearer.link, "imei", "")
            first = modems.setdefault(modem, name)
            if first != name:
                yield f"bearers.{name}.link.port: bearers.{first} has the same: one modem serves one bearer at a time"
        host = getattr(bearer.link, "host", "127.0.0.1")
        if not getattr(bearer.link, "tls", True) and not _private(host):
            yield f"bearers.{name}.link.tls: texts cross the internet readable to {host}: use TLS or a VPN"


def _private(host: str) -> bool:
    """Private by its address; a name may be anything, and gets the benefit of the doubt."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return True


def _routes(config: Config) -> Iterator[str]:
    if not config.bearers:
        yield "bearers: none is there, accepted messages wait until they expire"
    for route in config.routes:
        if not any(name in config.bearers for tier in route.tiers for name in tier):
            yield f"routes.{route.name}.bearers: all of them are switched off"


def _mqtt(config: Config) -> Iterator[str]:
    mqtt = config.mqtt
    if mqtt is None:
        return
    host = urlsplit(mqtt.url).hostname or ""
    if (
        mqtt.url.startswith("mqtt:")
        and not _stays_here(host)
        and (mqtt.username or mqtt.submit or not _private(host))
    ):
        yield f"mqtt.url: what is said with {host} crosses the network readable, the password too: use mqtts://"
    if mqtt.password_file is not None and not mqtt.username:
        yield "mqtt.username: empty, so the password of password_file is not sent"
    if (mqtt.commands or mqtt.submit) and not mqtt.username:
        yield "mqtt.username: a broker that lets in whom it does not know lets them command and submit as well"


def _visible(file: Path) -> bool:
    try:
        file.exists()
    except PermissionError:
        return False
    return True


def _files(config: Config) -> Iterator[str]:
    switched_off = {
        ("bearers", name) for name, bearer in config.document.bearers.items() if not bearer.enabled
    }
    for path, file, role in file_keys(config.document):
        if path[:2] in switched_off or role == "state":
            continue
        if not _visible(file):
            continue  # in a folder that this user may not enter: reading it has said so, or will
        if not file.exists():
            yield f"{dotted(path)}: {file} is not there"
        elif not file.is_file():
            yield f"{dotted(path)}: {file} is no file"
        elif not os.access(file, os.R_OK):
            yield f"{dotted(path)}: {file} can't be read by this user"
        if role == "secret" and world_readable(file):
            yield f"{dotted(path)}: everybody on this machine can read {file}: chmod 600 it"
    if world_readable(config.path) and any(
        "in clear" in text for text in (*_accounts(config), *_bearers(config))
    ):
        yield f"{config.path.name}: holds a password and everybody on this machine can read it: chmod 600 it"
