"""gateway.toml -> Config, or every fault of it at once with file and line.

The steps: TOML; tables into dataclasses; each bearer's link into its driver's Settings; paths and secrets;
defaults that hang on other keys; then what only the whole can tell (checks.py). Reads the file and the
secrets it names, opens nothing else.
"""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import drivers
from drivers.terms import Quota
from gateway.config.checks import faults_of
from gateway.config.document import Config, Document
from gateway.config.files import Folders, fill_secrets, resolve
from gateway.config.lines import line_of, lines
from gateway.config.roads import BearerSettings, Reserve
from gateway.config.sections import AccountSettings
from gateway.settings import ConfigError, Fault, read

__all__ = ["find_config", "load_config"]

NAMED = ("accounts", "bearers", "routes")
"""Tables of tables, whose entries learn their own name."""


def find_config(env: Mapping[str, str]) -> Path:
    """$CHAPPE_CONFIG, else $CONFIGURATION_DIRECTORY/gateway.toml, else ./gateway.toml; it may not exist."""
    if env.get("CHAPPE_CONFIG"):
        return Path(env["CHAPPE_CONFIG"])
    return Path(env.get("CONFIGURATION_DIRECTORY", "").split(":")[0]) / "gateway.toml"


def load_config(path: Path, env: Mapping[str, str]) -> Config:
    """The configuration in a file. env: os.environ, for systemd's folders. Raises ConfigError."""
    text, raw = _parse(path)
    faults: list[Fault] = []
    document = _read_document(raw, faults)
    links = _read_links(raw, faults)
    if document is not None:
        config = _assemble(path, document, links, raw, env, faults)
        ailing = {fault.path[:-1] for fault in faults}
        # A table with a fault of its own is judged as a whole only once that is mended.
        faults += [fault for fault in faults_of(config) if fault.path[:-1] not in ailing]
        if not faults:
            return config
    places = lines(text)
    found = {fault.at(str(path), line_of(places, fault.path)) for fault in faults}
    raise ConfigError(sorted(found, key=lambda fault: (fault.line, str(fault))))


def _parse(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = f"can't be read: {error.strerror}; `chappe init DIR` writes one to start with"
        raise ConfigError([Fault((), reason, str(path))]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([Fault((), f"is no UTF-8 text (octet {error.start})", str(path))]) from error
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = re.search(r" \(at line (\d+), column (\d+)\)", str(error))
        line = int(match[1]) if match else text.count("\n") + 1
        reason = f"{error}".split(" (at ")[0] + (f" (column {match[2]})" if match else " (end of file)")
        raise ConfigError([Fault((), reason, str(path), line)]) from error


def _read_document(raw: dict[str, Any], faults: list[Fault]) -> Document | None:
    """The tables; where some keys are faulty, the rest without them, so that it is judged too."""
    tables = copy.deepcopy(raw)
    for family in NAMED:
        entries = tables.get(family)
        for name, table in entries.items() if isinstance(entries, dict) else ():
            if isinstance(table, dict) and "name" in table:
                faults.append(Fault((family, name, "name"), "unknown key; the table's own name is the name"))
            if isinstance(table, dict):
                table["name"] = name
    document = read(Document, tables)
    if isinstance(document, Document):
        return document
    faults += document
    for fault in document:
        _remove(tables, fault)
    rest = read(Document, tables)
    return rest if isinstance(rest, Document) else None


def _remove(tables: dict[str, Any], fault: Fault) -> None:
    """Take the key of a fault out, or the whole list where an element is meant."""
    inner: Any = tables
    path = [key for key in fault.path if isinstance(key, str)]
    for key in path[:-1]:
        inner = inner.get(key)
        if not isinstance(inner, dict):
            return
    inner.pop(path[-1], None)


def _read_links(raw: dict[str, Any], faults: list[Fault]) -> dict[str, Any]:
    """Each bearer's link as its driver's Settings; none for one with faults, or without its driver."""
    links = {}
    bearers = raw.get("bearers")
    for name, table in bearers.items() if isinstance(bearers, dict) else ():
        if not isinstance(table, dict) or not isinstance(table.get("driver"), str):
            continue
        kind = _link_class(name, table, faults)
        link = table.get("link", {})
        if kind is None or not isinstance(link, dict):
            if not isinstance(link, dict):
                faults.append(Fault(("bearers", name, "link"), "must be a table"))
            continue
        settings = read(kind, link, ("bearers", name, "link"))
        if isinstance(settings, list):
            faults += settings
        else:
            links[name] = settings
    return links


def _link_class(bearer: str, table: Mapping[str, Any], faults: list[Fault]) -> type[Any] | None:
    driver = table["driver"]
    try:
        return drivers.load(driver).Settings  # type: ignore[no-any-return]  # drivers.load has seen to it
    except LookupError as error:
        if table.get("enabled", True):
            words = f"{error}; `enabled = false` keeps the table and opens nothing"
            faults.append(Fault(("bearers", bearer, "driver"), words))
        return None


def _assemble(
    path: Path,
    document: Document,
    links: Mapping[str, Any],
    raw: Mapping[str, Any],
    env: Mapping[str, str],
    faults: list[Fault],
) -> Config:
    """Links in, paths absolute, secrets read, dependent defaults filled."""
    folders = Folders.of(path, document.gateway.state_dir, env)
    bearers = {
        name: _finished_bearer(replace(bearer, link=links.get(name)))
        for name, bearer in document.bearers.items()
    }
    socket = document.control.socket
    document = resolve(replace(document, bearers=bearers), folders)
    document = replace(
        document,
        control=replace(document.control, socket=folders.runtime / socket),
        accounts={
            name: _finished_account(fill_secrets(account, ("accounts", name), faults))
            for name, account in document.accounts.items()
        },
        bearers={name: _with_secrets(bearer, faults) for name, bearer in document.bearers.items()},
    )
    return Config(path.absolute(), document, folders.state, folders.runtime, frozenset(raw))


def _with_secrets(bearer: BearerSettings, faults: list[Fault]) -> BearerSettings:
    if bearer.link is None:
        return bearer
    return replace(bearer, link=fill_secrets(bearer.link, ("bearers", bearer.name, "link"), faults))


def _finished_account(account: AccountSettings) -> AccountSettings:
    short_codes = (number for number in account.mo if not number.startswith("+") and len(number) <= 8)
    return replace(
        account,
        system_id=account.system_id or account.name,
        stop_number=account.stop_number or next(short_codes, None),
    )


def _finished_bearer(bearer: BearerSettings) -> BearerSettings:
    """One segment a second is kept for OTPs where the rate can spare it; a SIM has a cautious quota."""
    given = bearer.quota or Quota()
    usual = (6, 40, 200, 90) if bearer.driver == "modem" else (0, 0, 0, 0)
    names = ("per_minute", "per_hour", "per_day", "recipients_per_month")
    quota = {
        name: default if getattr(given, name) is None else getattr(given, name)
        for name, default in zip(names, usual, strict=True)
    }
    reserve = bearer.reserve or Reserve(otp=1 if bearer.rate >= 10 and "otp" in bearer.kinds else 0)
    return replace(bearer, reserve=reserve, quota=Quota(**quota))
