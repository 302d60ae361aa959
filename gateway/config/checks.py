"""What only the whole configuration can tell is wrong: names that must exist, keys that belong together.

Each check takes the Config and yields Faults, so that all are told at once. Nothing is opened. What is
allowed but unwise is in warn.py.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from drivers.modem.profile import faults_of_model
from gateway.config.document import Config
from gateway.config.sections import AccountSettings
from gateway.secrets import is_hash
from gateway.settings import Fault

__all__ = ["faults_of"]


def faults_of(config: Config) -> list[Fault]:
    """Everything that the parts, each right by itself, get wrong together."""
    checks = (_gateway, _listeners, _accounts, _bearers, _routes, _rules, _watchers)
    return [fault for check in checks for fault in check(config)]


def _gateway(config: Config) -> Iterator[Fault]:
    try:
        zoneinfo.ZoneInfo(config.gateway.timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        words = f'must be a time zone like "Europe/Paris", is "{config.gateway.timezone}"'
        yield Fault(("gateway", "timezone"), words)


def _listeners(config: Config) -> Iterator[Fault]:
    smpp, http = config.document.listeners.smpp, config.http
    at = ("listeners", "smpp")
    if (smpp.tls_certificate_file is None) != (smpp.tls_key_file is None):
        yield Fault((*at, "tls_certificate_file"), "needs tls_key_file, and the other way round")
    if smpp.tls_client_ca_file and not smpp.tls_certificate_file:
        yield Fault((*at, "tls_client_ca_file"), "needs tls_certificate_file and tls_key_file")
    if http is None:
        return
    at = ("listeners", "http")
    if (http.tls_certificate_file is None) != (http.tls_key_file is None):
        yield Fault((*at, "tls_certificate_file"), "needs tls_key_file, and the other way round")
    if smpp.enabled and (http.host, http.port) == (smpp.host, smpp.port):
        yield Fault((*at, "port"), f"is listeners.smpp's too: {http.port}")
    names = [token.name for token in http.tokens]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield Fault((*at, "tokens", index, "name"), f'must be unlike the others, is "{name}"')


def _accounts(config: Config) -> Iterator[Fault]:
    taken: dict[str, str] = {}
    numbers: dict[str, str] = {}
    for name, account in config.accounts.items():
        yield from _one_account(name, account)
        other = taken.setdefault(account.system_id, name)
        if other != name:
            yield Fault(
                ("accounts", name, "system_id"), f'"{account.system_id}" is accounts.{other}\'s already'
            )
        for index, number in enumerate(account.mo):
            other = numbers.setdefault(number, name)
            if other != name:
                words = f'replies to "{number}" go to accounts.{other} already'
                yield Fault(("accounts", name, "mo", index), words)


def _one_account(name: str, account: AccountSettings) -> Iterator[Fault]:
    at = ("accounts", name)
    # A password that password_file has filled is not one given in clear.
    in_clear = account.password is not None and account.password_file is None
    ways = [in_clear, account.password_file is not None, account.password_hash is not None]
    if ways.count(True) != 1:
        found = "none is there" if not any(ways) else "more than one is there"
        words = f"exactly one of password_file, password_hash, password is required: {found}"
        yield Fault((*at, "password_file"), words)
    if account.password_hash is not None and not is_hash(account.password_hash):
        words = 'must be what `chappe hash-password` prints: "scrypt:ln=…,r=…,p=…:SALT:HASH"'
        yield Fault((*at, "password_hash"), words)
    if account.default_kind not in account.kinds:
        words = f'must be among kinds ({", ".join(account.kinds)}), is "{account.default_kind}"'
        yield Fault((*at, "default_kind"), words)
    if not 1 <= len(account.system_id) <= 15 or not account.system_id.isascii():
        yield Fault(
            (*at, "system_id"), "must be 1 to 15 ASCII characters (SMPP 3.4 §4.1); the table's name is not"
        )
    if "*" in account.senders and len(account.senders) > 1:
        yield Fault((*at, "senders"), '"*" allows all: nothing may stand beside it')
    if account.webhook_secret_file and not account.webhook:
        yield Fault((*at, "webhook_secret_file"), "needs a webhook")


def _bearers(config: Config) -> Iterator[Fault]:
    for name, bearer in config.document.bearers.items():
        at = ("bearers", name)
        if bearer.link is not None and hasattr(bearer.link, "faults"):
            for key, reason in bearer.link.faults():
                yield Fault((*at, "link", *key.split(".")), reason)
        if bearer.retry.max < bearer.retry.first:
            yield Fault((*at, "retry", "max"), "must not be shorter than retry.first")
        assert bearer.reserve is not None, "load_config fills it"
        kept = bearer.reserve.otp + bearer.reserve.alert + bearer.reserve.transactional
        if kept and kept >= bearer.rate:
            words = (
                f"keeps {kept} segments a second of a rate of {bearer.rate:g}: nothing is left for the others"
            )
            yield Fault((*at, "reserve"), words)
        if bearer.power is not None and bearer.driver != "modem":
            yield Fault((*at, "power"), f"is for modems, the driver is {bearer.driver}")
        elif bearer.power is not None:
            for reason in faults_of_model(bearer.power.model):
                yield Fault((*at, "power", "model"), reason)


def _routes(config: Config) -> Iterator[Fault]:
    for route in config.routes:
        for name in (name for tier in route.tiers for name in tier):
            if name not in config.document.bearers:
                known = ", ".join(config.document.bearers) or "none"
                words = f'must name bearers ({known}), is "{name}"'
                yield Fault(("routes", route.name, "bearers"), words)
        for index, name in enumerate(route.match.accounts):
            if name != "*" and name not in config.accounts:
                words = f'must name an account of [accounts] or "*", is "{name}"'
                yield Fault(("routes", route.name, "match", "accounts", index), words)


def _rules(config: Config) -> Iterator[Fault]:
    order = config.rules.order
    if len(set(order)) < len(order):
        yield Fault(("rules", "order"), "must name each rule once")
    profiles = ("fr-seeds", "fr-af2m-2026", "fr-20h", "none")
    if config.rules.country == "fr" and config.rules.hours.profile not in profiles:
        words = f'must be one of {", ".join(profiles)}, is "{config.rules.hours.profile}"'
        yield Fault(("rules", "hours", "profile"), words)


def _watchers(config: Config) -> Iterator[Fault]:
    if config.alertmanager is not None and config.alertmanager.account not in config.accounts:
        words = f'must be an account of [accounts], is "{config.alertmanager.account}"'
        yield Fault(("alertmanager", "account"), words)
    if config.mqtt is None:
        return
    for index, name in enumerate(config.mqtt.submit):
        if name not in config.accounts:
            yield Fault(("mqtt", "submit", index), f'must be an account of [accounts], is "{name}"')
    if (config.mqtt.certificate_file is None) != (config.mqtt.key_file is None):
        yield Fault(("mqtt", "certificate_file"), "needs key_file, and the other way round")
    url = urlsplit(config.mqtt.url)
    if url.username is not None or url.password is not None:
        yield Fault(("mqtt", "url"), "must hold no name and no password: use username and password_file")
    elif not url.hostname or url.path or url.query or not _is_port(url):
        yield Fault(("mqtt", "url"), 'must be "mqtt://HOST:PORT" or "mqtts://HOST:PORT"')
    if url.scheme == "mqtt" and (config.mqtt.ca_file is not None or config.mqtt.certificate_file is not None):
        yield Fault(
            ("mqtt", "url"), "has certificates beside it, and without TLS they count for nothing: mqtts://"
        )


def _is_port(url: SplitResult) -> bool:
    try:
        return url.port is None or url.port > 0
    except ValueError:
        return False
