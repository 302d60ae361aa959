"""The gateway that the storm beats: two carriers, two applications, and the rules; sizes drawn from the seed."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

__all__ = ["configuration"]


def configuration(folder: Path, draw: random.Random, modem: bool) -> dict[str, Any]:
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
        draw.choice((["sim1", "alpha", "beta"], ["alpha", "beta", "sim1"])) if modem else ["alpha", "beta"]
    )
    stop = {"otp": "stop", "alert": "wait", "transactional": "stop", "marketing": "stop"}
    return {
        "gateway": {"name": "storm", "state_dir": str(folder / "state")},
        "store": {"min_free_disk": "1MB"},
        "log": {"format": "json"},
        "listeners": {"smpp": {"port": 2775, "enquire_link": draw.choice((60, 300))}},
        "accounts": {"shop": {**common, "mo": ["36180"]}, "bank": {**common, "mo": ["36111"], "on_doubt": stop}},
        "bearers": {"alpha": bearer(3001, binds=draw.choice((1, 2))), "beta": bearer(3002, bind="transmitter+receiver"),
                    **({"sim1": sim} if modem else {})},
        "routes": {"alerts": {"match": {"kinds": ["alert"]}, "bearers": first, "fallback_after": 30},
                   "all": {"bearers": ["alpha", "beta", *(["sim1"] if modem else [])], "fallback_after": 30}},
        "rules": {"order": ["stop", "hours", "frequency"], "country": "fr", "stop": {"mention": "off"},
                  "frequency": {"marketing": {"messages": 3, "per": "24h"}}},
    }  # fmt: skip
