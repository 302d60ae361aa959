"""The gateway as MQTT shows it: retained states and the figures of each interval, as topic and payload.

Read from the live parts, so that after any loss the truth is published and not a history. A state holds still:
what moves all the time (a countdown, a rate) is a metric, and a state's words are those of the moment it began.
"""

from __future__ import annotations

import hashlib
import os
import platform
import socket
from collections.abc import Mapping
from typing import Any

import gateway as program
from gateway.config import Config, describe_effective
from gateway.control import waiting
from gateway.control.parts import Gateway, View
from gateway.control.rates import totals
from gateway.control.roads import REMEDIES, links
from gateway.control.views import state_of, store_figures
from gateway.control.words import kind_word, moment
from gateway.events import AlarmMoved
from gateway.model import Kind
from gateway.topics import Tree

__all__ = ["Views", "alarm"]

Published = dict[str, View]
"""Topic -> payload."""

_PRIVATE = frozenset({"number", "msisdn", "imsi", "iccid", "service_centre", "pin", "puk"})
"""What a SIM tells of its owner: never published, nor are numbers in other fields (encode() masks them)."""
_MOVING = frozenset({"failures", "next_try", "next_try_seconds"})
"""Of a bind that is down: they move with each try, for hours. `chappe links` has them."""
_BEARER = ("name", "state", "since", "reason", "detail", "remedy", "kinds", "note", "binds")
_MODEM = tuple(key for key in _BEARER if key != "remedy")
_STILL = ("state", "reason", "kinds", "note")


class Views:
    """See the module. Remembers what it showed last, so that a state which has not changed is the same object."""

    def __init__(self, gateway: Gateway, tree: Tree) -> None:
        self._gateway = gateway
        self._tree = tree
        self._shown: Published = {}
        self._began: dict[str, tuple[str, float | None, str | None]] = {}
        self._status: View | None = None
        self._hashed: tuple[Config | None, str] = (None, "")

    # ── states ───────────────────────────────────────────────────────────────────────────────────────────
    def states(self) -> Published:
        """All retained topics but status, as they should be now."""
        tree, gateway = self._tree, self._gateway
        fresh: Published = {tree("info"): self.info()}
        for link in links(gateway, gateway.rates):
            name = str(link["name"])
            road, topic = gateway.dispatcher.roads[name], tree("bearer", name, "state")
            view = fresh[topic] = _bearer(link)
            view["since"] = self._since(topic, view["state"], road.health.since)
            if road.bearer.from_own_number:
                fresh[tree("modem", name, "state")] = {key: view[key] for key in _MODEM}
        for name in gateway.config.bearers.keys() - gateway.dispatcher.roads.keys():
            topic = tree("bearer", name, "state")
            fresh[topic] = self._closed(name, topic)
        for account in gateway.accounts:
            topic, state = tree("account", account.name, "state"), "bound" if account.bound else "away"
            view = {"name": account.name, "state": state, "binds": account.bound}
            fresh[topic] = {**view, "since": self._since(topic, state)}
        for event in gateway.alarms:
            fresh[tree("alarm", event.id)] = alarm(event)
        self._shown = {topic: self._still(topic, view) for topic, view in fresh.items()}
        self._began = {topic: began for topic, began in self._began.items() if topic in fresh}
        return self._shown

    def _still(self, topic: str, fresh: View) -> View:
        """What was shown before, as long as nothing has changed that an operator would call a change."""
        before = self._shown.get(topic)
        if before is None:
            return fresh
        if "detail" not in fresh:  # neither a bearer nor a modem
            return before if before == fresh else fresh
        same = all(before[key] == fresh[key] for key in _STILL) and _still_binds(before) == _still_binds(
            fresh
        )
        return before if same else fresh

    def _since(self, topic: str, state: str, began: float | None = None) -> str | None:
        """When this state began. began: of the link itself, which is older than a state that an operator gave it."""
        known = self._began.get(topic)
        if known is not None and known[:2] == (state, began):
            return known[2]
        now, wall = self._gateway.clock.now(), self._gateway.clock.wall_ms()
        own = began is not None and (known is None or known[1] != began)
        text = moment(wall - int((now - began) * 1000)) if own and began is not None else moment(wall)
        self._began[topic] = state, began, text
        return text

    def status(self, word: str) -> View:
        """init, ready, draining or disconnected; and for those who ask further: condition and why."""
        gateway = self._gateway
        condition, why = state_of(gateway)
        if word == "ready" and condition in ("drained", "stopping"):
            word = "draining"
        now = self._status
        if now is None or (now["state"], now["condition"]) != (word, condition):
            since = moment(gateway.clock.wall_ms())
            self._status = now = {"state": word, "condition": condition, "why": why, "since": since}
        return now

    def _closed(self, name: str, topic: str) -> View:
        """A bearer that is configured and not open: the gateway stops, or a reload binds it anew."""
        return {
            "name": name, "state": "down", "since": self._since(topic, "down"), "reason": "stopped",
            "detail": "closed by the gateway", "remedy": REMEDIES["stopped"],
            "kinds": list(self._gateway.config.bearers[name].kinds), "note": "", "binds": [],
        }  # fmt: skip

    def info(self) -> View:
        gateway = self._gateway
        config = gateway.config
        if self._hashed[0] is not config:  # a reload makes a new one
            digest = hashlib.sha256(describe_effective(config).encode()).hexdigest()
            self._hashed = config, digest[:16]
        settings = config.mqtt
        assert settings is not None, "who shows itself on MQTT has [mqtt]"
        return {
            "name": config.gateway.name,
            "site": config.gateway.site,
            "node": config.gateway.node,
            "version": program.__version__,
            "python": platform.python_version(),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started": moment(gateway.started_at),
            "config": self._hashed[1],
            "interval_s": settings.interval,
            "bearers": sorted(config.bearers),
            "accounts": sorted(config.accounts),
            "routes": [route.name for route in config.routes],
            "commands": list(settings.commands),
            "submit": list(settings.submit),
            "schemas": 1,
        }

    # ── metrics ──────────────────────────────────────────────────────────────────────────────────────────
    async def metrics(self) -> Published:
        """The figures of this moment; counters are totals since the start, so a lost one costs nothing."""
        gateway, tree = self._gateway, self._tree
        at = {"at": moment(gateway.clock.wall_ms())}
        found: Published = {}
        for link in links(gateway, gateway.rates):
            figures = (
                "window",
                "staged",
                "rate",
                "paused_s",
                "accepted",
                "refused",
                "doubtful",
                "last_answer_s",
            )
            found[tree("bearer", str(link["name"]), "metrics")] = {
                **at,
                **{key: link[key] for key in figures},
            }
        by_kind, by_account = _totals(gateway)
        kinds = waiting.by_kind(gateway, [])["kinds"]  # counting those held one by one would scan the store
        for kind in Kind:
            word = kind_word(kind)
            found[tree("queue", word, "metrics")] = {**at, **kinds[word], **by_kind[kind]}
        wall, owed = gateway.clock.wall_ms(), gateway.outbox.counts()
        for account in gateway.accounts:
            count, oldest = owed.get(account.name, (0, 0))
            found[tree("account", account.name, "metrics")] = {
                **at,
                **by_account.get(account.name, totals({})),
                "admitted_per_s": round(gateway.rates.per_second(f"account {account.name}"), 2),
                "owed": count,
                "owed_oldest_s": max(0.0, (wall - oldest) / 1000) if oldest else None,
            }
        figures_of_store = await store_figures(gateway)
        del figures_of_store["path"]
        found[tree("store", "metrics")] = {**at, **figures_of_store}
        return found


def alarm(event: AlarmMoved) -> View:
    """One that stands."""
    return {"id": event.id, "severity": event.severity, "cause": event.text, "since": moment(event.at)}


def _bearer(link: View) -> View:
    """state: up, sick, paused, draining, disabled, down. A full window is a figure, no state."""
    view = {key: link[key] for key in _BEARER}
    if view["state"] == "full":
        view |= {"state": "up", "detail": ""}
    view["binds"] = [_shown(bind) for bind in view["binds"]]
    return view


def _shown(fields: Mapping[str, Any]) -> View:
    return {key: value for key, value in fields.items() if key not in _PRIVATE | _MOVING}


def _still_binds(view: View) -> list[View]:
    """Without their words: those are of the last try, which is one more every few seconds."""
    return [{key: value for key, value in bind.items() if key != "detail"} for bind in view["binds"]]


def _totals(gateway: Gateway) -> tuple[dict[int, dict[str, int]], dict[str, dict[str, int]]]:
    """Messages since the start by what became of them: (by kind, by account)."""
    by_kind: dict[int, dict[Any, int]] = {}
    by_account: dict[str, dict[Any, int]] = {}
    for key, count in gateway.ledger.tally.counts.items():
        by_kind.setdefault(key[1], {})[key] = count
        by_account.setdefault(key[2], {})[key] = count
    kinds = {int(kind): totals(by_kind.get(kind, {})) for kind in Kind}
    return kinds, {name: totals(counts) for name, counts in by_account.items()}
