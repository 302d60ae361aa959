"""The configuration as it is in force, and what a reload would change.

`describe_effective` writes TOML with every default filled in and secrets hidden; `diff` names each key that
differs and what it takes: RELOAD is the one table of that, printed by the documentation too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any

from drivers.settings import SecretMark
from gateway.config.document import Config
from gateway.settings import SECRET, dotted, leaves, shown, to_table, toml_key, toml_value

__all__ = ["RELOAD", "Change", "Effect", "describe_effective", "diff", "effect_of"]


class Effect(Enum):
    """What a changed key takes at `chappe reload`."""

    LIVE = "live"
    """In force at once; sessions and links stay."""
    REBIND = "rebind"
    """The bearer unbinds politely and binds anew; messages wait meanwhile."""
    RESTART = "restart"
    """The reload is refused with the reason: restart the daemon."""


RELOAD: tuple[tuple[str, Effect, str], ...] = (
    ("gateway.late_receipts", Effect.LIVE, "read for each receipt"),
    ("gateway.timezone", Effect.LIVE, "read for each report"),
    ("gateway.*", Effect.RESTART, "message ids, topics and open files hang on it"),
    ("store.url", Effect.RESTART, "the store is open"),
    ("store.writer", Effect.RESTART, "the store is open"),
    ("store.hmac_key_file", Effect.RESTART, "the key is loaded once"),
    ("store.*", Effect.LIVE, "read at the next turn"),
    ("control.*", Effect.RESTART, "operators are connected to it"),
    ("log.*", Effect.LIVE, "read for each line"),
    ("listeners.http.tokens", Effect.LIVE, "tokens are read again at each reload"),
    ("listeners.*", Effect.RESTART, "applications are connected to it"),
    ("accounts.*", Effect.LIVE, "binds stay; a removed account's sessions are closed"),
    ("bearers.*.driver", Effect.REBIND, "another driver opens the link"),
    ("bearers.*.enabled", Effect.REBIND, "the link opens or drains"),
    ("bearers.*.link.*", Effect.REBIND, "the link is made with it"),
    ("bearers.*.power.*", Effect.REBIND, "the lines are held by the link"),
    (
        "bearers.*",
        Effect.LIVE,
        "connections stand; a removed bearer drains, and its late receipts still match",
    ),
    ("routes.*", Effect.LIVE, "the next message asks the new routes"),
    ("rules.*", Effect.LIVE, "the next message meets the new rules"),
    ("alertmanager.*", Effect.LIVE, "read for each alert"),
    ("mqtt.*", Effect.RESTART, "the broker holds the last will"),
    ("leds.*", Effect.RESTART, "the lines are held"),
)
"""(keys, effect, why); the first pattern that fits counts, `*` stands for anything."""


@dataclass(frozen=True, slots=True)
class Change:
    """One key that differs; old or new is None where it is not there. A table come or gone is one."""

    key: str
    old: str | None
    new: str | None
    effect: Effect
    why: str

    def __str__(self) -> str:
        if self.old is None:
            words = "added" if self.new == "" else f"{self.new} (was not set)"
        elif self.new is None:
            words = "removed"
        else:
            words = f"{self.old} -> {self.new}"
        return f"{self.key}: {words} [{self.effect.value}]"


def effect_of(key: str) -> tuple[Effect, str]:
    """What a change of this dotted key, or table, takes, and why."""
    for pattern, effect, why in RELOAD:
        if fnmatchcase(key, pattern) or fnmatchcase(f"{key}.", pattern):  # `mqtt` is below `mqtt.*`
            return effect, why
    return Effect.RESTART, "no rule says otherwise"


def describe_effective(config: Config) -> str:
    """TOML text of all that is in force; secrets as "***", paths absolute."""
    table = to_table(config.document)
    table["gateway"]["state_dir"] = str(config.state_dir)
    for family in ("accounts", "bearers", "routes"):
        for entry in table.get(family, {}).values():
            del entry["name"]
            for inner in (entry, entry.get("link", {})):
                if "password_file" in inner:
                    inner.pop("password", None)
    return "\n".join(_tables(table, "")).lstrip("\n") + "\n"


def _tables(table: Mapping[str, Any], path: str) -> Iterator[str]:
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    if path and (plain or not table):
        yield f"\n[{path}]"
    for key, value in plain.items():
        yield f"{toml_key(key)} = {toml_value(value)}"
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _tables(value, f"{path}.{toml_key(key)}" if path else toml_key(key))


def diff(old: Config, new: Config) -> list[Change]:
    """What differs, a table that came or went first. Equal configurations give []."""
    before, after = _flat(old), _flat(new)
    gone = _entries(old) - _entries(new)
    come = _entries(new) - _entries(old)
    changes = [Change(entry, "", None, *effect_of(entry)) for entry in sorted(gone)]
    changes += [Change(entry, None, "", *effect_of(entry)) for entry in sorted(come)]
    names_of_routes = [[route.name for route in config.routes] for config in (old, new)]
    if not gone and not come and names_of_routes[0] != names_of_routes[1]:
        orders = [" > ".join(names) for names in names_of_routes]
        changes.append(
            Change("routes", orders[0], orders[1], Effect.LIVE, "the next message asks the new routes")
        )
    for key in dict.fromkeys((*before, *after)):
        if before.get(key) == after.get(key) or any(key.startswith(f"{entry}.") for entry in gone | come):
            continue
        was, now = (table[key][1] if key in table else None for table in (before, after))
        changes.append(Change(key, was, now, *effect_of(key)))
    return changes


def _flat(config: Config) -> dict[str, tuple[Any, str]]:
    """Dotted key -> (value to compare, text to show)."""
    flat: dict[str, tuple[Any, str]] = {"gateway.state_dir": (config.state_dir, toml_value(config.state_dir))}
    for path, value, marks in leaves(config.document):
        if path != ("gateway", "state_dir"):
            hidden = any(isinstance(mark, SecretMark) for mark in marks)
            flat[dotted(path)] = (value, SECRET if hidden else toml_value(shown(value, marks)))
    return flat


def _entries(config: Config) -> set[str]:
    """The tables that may come and go whole."""
    document = config.document
    families: dict[str, Mapping[str, object]] = {
        "accounts": document.accounts,
        "bearers": document.bearers,
        "routes": document.routes,
    }
    entries = {dotted((family, name)) for family, table in families.items() for name in table}
    lone = {"listeners.http": config.http, "mqtt": config.mqtt, "alertmanager": config.alertmanager}
    return entries | {name for name, table in (*lone.items(), ("leds", config.leds)) if table is not None}
