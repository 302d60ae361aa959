"""The gateway that the storm beats: two carriers, three applications, the rules; sizes drawn from the seed.

A third of the seeds have a SIM, a quarter a broker, a quarter applications that come by HTTP, a quarter some that are told by
webhook, two thirds a process that writes: what is there all the time costs time that others need. An eighth have carriers that
often answer late.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, NamedTuple

from simulation.broker import COMMANDS, ROOT, SUBMIT
from simulation.caller import PORT, token_of
from simulation.traffic import CODES
from simulation.webhooks import HERE
from simulation.webserver import secret_of

__all__ = ["QUOTA", "Cast", "configuration", "hooked"]

QUOTA = {"segments_per_day": 60, "segments_per_month": 200}
"""That of account club."""


class Cast(NamedTuple):
    """Who is there beside carriers and applications. late: carriers take their time over a quarter of all answers."""

    modem: bool
    broker: bool
    http: bool
    clerk: bool
    late: bool
    webhooks: bool

    @classmethod
    def of(cls, seed: int) -> Cast:
        return cls.drawn(random.Random(f"{seed} cast"))

    @classmethod
    def drawn(cls, draw: random.Random) -> Cast:
        return cls(*(draw.random() < share for share in (1 / 3, 1 / 4, 1 / 4, 2 / 3, 1 / 8, 1 / 4)))


def hooked(folder: Path, draw: random.Random, accounts: dict[str, Any]) -> None:
    """Some of the accounts have a webhook, by its address or by a name."""
    for port, name in enumerate(draw.sample(sorted(accounts), draw.choice((1, 2, 3))), 9001):
        host = draw.choice((HERE, f"{name}.example"))
        secret = folder / f"{name}.secret"
        secret.write_text(secret_of(name, 0))
        secret.chmod(0o600)
        accounts[name]["webhook"] = f"http://{host}:{port}/sms/0"
        accounts[name]["webhook_secret_file"] = str(secret)


def configuration(folder: Path, draw: random.Random, cast: Cast) -> dict[str, Any]:
    def bearer(port: int, **link: Any) -> dict[str, Any]:
        return {
            "driver": "smpp", "rate": draw.choice((2, 5, 20, 50)), "receipt_timeout": "1h",
            "retry": {"first": 2, "max": 60, "tries": 5},
            "link": {"host": "127.0.0.1", "port": port, "system_id": "chappe", "password": "secret",
                     "window": draw.choice((1, 5, 20)), "response_timeout": 10, "enquire_link": draw.choice((30, 120)),
                     "reconnect": {"first": 0.5, "max": 20}, **link},
        }  # fmt: skip

    common = {"password": "secret", "default_kind": "transactional", "senders": ["*"], "rate": 1000, "window": 100,
              "validity": {"otp": "5m", "alert": "1h", "transactional": "12h", "marketing": "60h"}}  # fmt: skip
    sim = {
        "driver": "modem", "rate": 0.2, "kinds": ["alert", "otp"], "sim_contract": "for storms", "receipt_timeout": "1h",
        "retry": {"first": 2, "max": 60, "tries": 5}, "link": {"port": "memory", "pin": "1234"},
    }  # fmt: skip
    first = (
        draw.choice((["sim1", "alpha", "beta"], ["alpha", "beta", "sim1"]))
        if cast.modem
        else ["alpha", "beta"]
    )
    folder.mkdir(parents=True, exist_ok=True)
    accounts = {name: {**common, "mo": [code]} for name, code in CODES.items()}
    for name, account in accounts.items() if cast.http else ():
        token = folder / f"{name}.token"
        token.write_text(token_of(name))
        token.chmod(0o600)
        account["http_token_file"] = str(token)
    stop = {"otp": "stop", "alert": "wait", "transactional": "stop", "marketing": "stop"}
    accounts["bank"]["on_doubt"] = stop
    accounts["club"]["quota"] = QUOTA
    return {
        "gateway": {"name": "storm", "state_dir": str(folder / "state")},
        "store": {"min_free_disk": "1MB"},
        "log": {"format": "json"},
        "listeners": {"smpp": {"port": 2775, "enquire_link": draw.choice((60, 300))},
                      **({"http": {"port": PORT}} if cast.http else {})},
        "accounts": accounts,
        **({"mqtt": {"url": "mqtt://127.0.0.1:1883", "root": ROOT, "interval": 60, "submit": list(SUBMIT),
                     "commands": list(COMMANDS[draw.choice((0, 1)):])}} if cast.broker else {}),
        "bearers": {"alpha": bearer(3001, binds=draw.choice((1, 2))), "beta": bearer(3002, bind="transmitter+receiver"),
                    **({"sim1": sim} if cast.modem else {})},
        "routes": {"alerts": {"match": {"kinds": ["alert"]}, "bearers": first, "fallback_after": 30},
                   "all": {"bearers": ["alpha", "beta", *(["sim1"] if cast.modem else [])], "fallback_after": 30}},
        "rules": {"order": ["stop", "hours", "frequency", "quota"], "country": "fr", "stop": {"mention": "off"},
                  "frequency": {"marketing": {"messages": 3, "per": "24h"}}},
    }  # fmt: skip
