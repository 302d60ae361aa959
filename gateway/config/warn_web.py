"""Warnings about what speaks HTTP: the listener's tokens, webhooks, Alertmanager. Part of warn.warnings."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from gateway.config.document import Config
from gateway.secrets import SecretError, read_token_file

__all__ = ["warnings_of_web"]


def warnings_of_web(config: Config) -> Iterator[str]:
    """As `key: what, and what to do`."""
    yield from _tokens(config)
    yield from _webhooks(config)
    yield from _alertmanager(config)


def _tokens(config: Config) -> Iterator[str]:
    http = config.http
    named = [
        (f"accounts.{name}.http_token_file", account.http_token_file)
        for name, account in config.accounts.items()
        if account.http_token_file is not None
    ]
    if http is None:
        for key, _ in named:
            yield f"{key}: there is no [listeners.http] that would take it"
        return
    of_operators = [(f"listeners.http.tokens.{token.name}", token.token_file) for token in http.tokens]
    if not named and not of_operators:
        yield (
            "listeners.http: no token is named: only health, and for this machine metrics and the page, are served; "
            "set accounts.NAME.http_token_file or [[listeners.http.tokens]]"
        )
    found: dict[str, str] = {}
    for key, file in (*of_operators, *named):
        yield from _token(key, file, found)


def _token(key: str, file: Path, found: dict[str, str]) -> Iterator[str]:
    """One that is not there has its own warning already."""
    try:
        token = read_token_file(file)
    except SecretError as error:
        if not isinstance(error.__cause__, OSError):
            yield f"{key}: {error}: the gateway will not start"
        return
    if token in found:
        yield f"{key}: the same token as {found[token]}: the gateway will not start, make another"
    found.setdefault(token, key)


def _webhooks(config: Config) -> Iterator[str]:
    for name, account in config.accounts.items():
        if account.webhook is None:
            continue
        if account.webhook_secret_file is None:
            yield f"accounts.{name}.webhook_secret_file: none, so nobody can tell our POSTs from a stranger's"
        parts = urlsplit(account.webhook)
        if parts.scheme == "http" and not _stays_near(parts.hostname or ""):
            yield f"accounts.{name}.webhook: numbers and replies cross the network readable: use https://"
        if parts.username or parts.password:
            yield f"accounts.{name}.webhook: holds a password, which `chappe check --print-effective` shows"


def _stays_near(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost"


def _alertmanager(config: Config) -> Iterator[str]:
    settings = config.alertmanager
    if settings is None:
        return
    if config.http is None:
        yield "alertmanager: there is no [listeners.http] on which alerts could come"
    account = config.accounts.get(settings.account)
    if account is not None and "alert" not in account.kinds:
        yield f"alertmanager.account: accounts.{settings.account}.kinds has no alert: every alert is refused"
    if not any(settings.groups.values()):
        yield "alertmanager.groups: nobody is named, so alerts reach nobody"
    elif not settings.groups.get("default"):
        yield "alertmanager.groups: no default: a receiver that is called like no group reaches nobody"
