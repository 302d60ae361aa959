"""Builds all who watch, and what acts on behalf of those who watch, from the configuration; starts and stops them."""

from __future__ import annotations

from collections.abc import Callable

from gateway.control.parts import Gateway
from gateway.listeners.mqtt import MqttListener
from gateway.topics import Tree
from gateway.watchers.leds import Lights, Lit, lit
from gateway.watchers.mqtt import MqttWatcher
from gateway.watchers.watcher import Watcher

__all__ = ["Watch"]

PATIENCE = 1.0
"""Seconds for what was asked by MQTT to be answered before we say goodbye there."""


class Watch:
    """See the module. draw: jitter, in [0, 1)."""

    def __init__(self, gateway: Gateway, draw: Callable[[], float]) -> None:
        config = gateway.config
        self.watchers: list[Watcher] = []
        self.mqtt: MqttWatcher | None = None
        self.asked: MqttListener | None = None
        if config.leds is not None:
            self.watchers.append(Lights(config.leds, gateway.bus, lambda: _lit(gateway), gateway.alarms.turn))
        if config.mqtt is not None:
            tree = Tree(config.mqtt.root, config.gateway.site, config.gateway.name)
            self.mqtt = MqttWatcher(gateway, config.mqtt, tree, draw)
            self.asked = self.mqtt.inbound = MqttListener(gateway, config.mqtt, tree, self.mqtt.post)
            self.watchers.append(self.mqtt)

    async def start(self) -> None:
        """Once the gateway is ready; nothing here makes it wait."""
        if self.asked is not None:
            await self.asked.start()
        for watcher in self.watchers:
            await watcher.start()

    async def stop(self) -> None:
        """While the store is still open, so that the last answers are true. A second call does nothing."""
        if self.asked is not None:
            await self.asked.drain(PATIENCE)
        while self.watchers:
            await self.watchers.pop().stop()
        if self.asked is not None:
            await self.asked.stop()


def _lit(gateway: Gateway) -> Lit:
    roads = gateway.dispatcher.roads
    bearers = (
        (settings.driver, roads[name].open)
        for name, settings in gateway.config.bearers.items()
        if name in roads
    )
    return lit(bearers, fault=len(gateway.alarms) > 0)
