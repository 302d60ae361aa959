"""Mistakes to plant in what MQTT may ask, and in what is said there; a quarter of the seeds has a broker."""

from __future__ import annotations

import asyncio
import types
from typing import Any

from simulation.mistakes import mistake, wrap
from simulation.session import Session

import gateway.listeners.mqtt
from gateway.control.acts import ACTS
from gateway.holds import Holds
from gateway.listeners.mqtt import MqttListener
from gateway.watchers.mqtt import MqttWatcher

__all__: list[str] = []


@mistake("a command that the broker has kept is obeyed, at each connection", within=120)
def obeys_what_was_kept() -> None:
    def make(take: Any) -> Any:
        def trusting(self: Any, arrived: Any) -> None:
            arrived.retain = False
            take(self, arrived)

        return trusting

    wrap(MqttListener, "take", make)


@mistake("what stops the traffic needs no confirmation", within=120)
def confirms_nothing() -> None:
    gateway.listeners.mqtt._DANGEROUS = frozenset()


@mistake("a text by MQTT is answered before its COMMIT", within=120)
def answers_texts_early() -> None:
    async def at_once(waited: Any, timeout: float | None = None) -> None:
        """As if it were durable; the listener's farewell waits as it should."""
        if timeout is not None:
            await asyncio.wait(waited, timeout=timeout)

    gateway.listeners.mqtt.asyncio = types.SimpleNamespace(**{**vars(asyncio), "wait": at_once})  # type: ignore[assignment]


@mistake("a text by MQTT is taken without its reference")
def loses_references() -> None:
    def make(read: Any) -> Any:
        def plain(account: Any, table: Any, now: float) -> Any:
            table.pop("reference", None)
            return read(account, table, now)

        return plain

    wrap(gateway.listeners.mqtt, "read", make)


@mistake("what was asked last is done again at the next connection", within=120)
def obeys_again() -> None:
    last: list[Any] = []

    def remembering(take: Any) -> Any:
        def kept(self: Any, arrived: Any) -> None:
            last[:] = [arrived]
            take(self, arrived)

        return kept

    def make(opened: Any) -> Any:
        def again(self: Any, broker: Any) -> None:
            opened(self, broker)
            if last:
                self.inbound.take(last[0])

        return again

    wrap(MqttListener, "take", remembering)
    wrap(MqttWatcher, "_opened", make)


@mistake("a bearer is disabled in the answer, and in nothing else", within=120)
def disables_nothing() -> None:
    def make(link: Any) -> Any:
        async def shown(gateway: Any, args: Any, who: str, tell: Any) -> Any:
            result = await link(gateway, args, who, tell)
            if args["act"] == "disable":
                road = gateway.dispatcher.roads[args["name"]]
                road.disabled, road.health.enabled = "", True
                gateway.dispatcher.health_changed()
            return result

        return shown

    ACTS["link"] = make(ACTS["link"])  # type: ignore[index]


@mistake("a hold is written down, and nobody asks for it", within=120)
def holds_nothing() -> None:
    Holds.matches = lambda self, key: False  # type: ignore[method-assign]


@mistake("a drained gateway goes on taking messages", within=120)
def drains_nothing() -> None:
    def make(drain: Any) -> Any:
        async def in_words(gateway: Any, args: Any, who: str, tell: Any) -> Any:
            result = await drain(gateway, args, who, tell)
            gateway.drained = ""
            return result

        return in_words

    ACTS["drain"] = make(ACTS["drain"])  # type: ignore[index]


@mistake("whoever leaves the broker says goodbye, whatever is left unsaid", within=160)
def leaves_politely() -> None:
    Session.polite = lambda self, kind: True  # type: ignore[method-assign]
