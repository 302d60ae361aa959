"""A gateway's configuration for a test: what every test needs, with what this one changes laid over it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.settings import toml_key, toml_value

__all__ = ["configuration", "laid_over", "written"]

Table = dict[str, Any]


def laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> Table:
    """Both tables, `above` winning; tables within tables are merged, and None takes a key away."""
    merged: Table = dict(below)
    for key, value in above.items():
        known = merged.get(key)
        if value is None:
            merged.pop(key, None)
        elif isinstance(known, Mapping) and isinstance(value, Mapping):
            merged[key] = laid_over(known, value)
        else:
            merged[key] = value
    return merged


def configuration(folder: Path, port: int, carriers: Mapping[str, int], changes: Mapping[str, Any]) -> Table:
    """A gateway on `port` with account shop (secret, and the short code 36180), and a bearer by carrier's port."""
    bearers = {name: _bearer(carrier_port) for name, carrier_port in carriers.items()}
    table: Table = {
        "gateway": {"name": "tests", "state_dir": str(folder / "state")},
        "store": {"min_free_disk": "1MB"},
        "log": {"format": "json"},
        "listeners": {"smpp": {"port": port}},
        "accounts": {
            "shop": {
                "password": "secret",
                "default_kind": "transactional",
                "senders": ["*"],
                "mo": ["36180"],
                "rate": 100_000,
            }
        },
        "bearers": bearers,
        "routes": {"all": {"bearers": list(carriers), "fallback_after": 0.5}},
        "rules": {"order": []},
    }
    return laid_over(table, changes)


def _bearer(port: int) -> Table:
    link = {
        "host": "127.0.0.1",
        "port": port,
        "system_id": "chappe",
        "password": "secret",
        "reconnect": {"first": 0.1, "max": 0.3},
    }
    return {"driver": "smpp", "rate": 5000, "retry": {"first": 0.1, "max": 0.3}, "link": link}


def written(folder: Path, table: Mapping[str, Any]) -> Path:
    """The file with that configuration, its tables inline."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "gateway.toml"
    file.write_text("".join(f"{toml_key(key)} = {toml_value(value)}\n" for key, value in table.items()))
    return file
