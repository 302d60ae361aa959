"""An MQTT broker as a scripted actor, in the place of the adapter of aiomqtt (gateway.watchers.mqtt_client).

It keeps what is retained, tells last wills, and when faults say so is gone, slow, silent, forbids, cuts or forgets. What
the gateway says is the product's; what aiomqtt and paho make of sockets is not in the storm.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from typing import Any, Self

from simulation.books import Books
from simulation.clockwork import SimLoop, World
from simulation.process import Process

from gateway.topics import LOST, Arrived
from gateway.watchers.mqtt_broker import BrokerError

__all__ = ["ROOT", "Broker"]

ROOT = "storm"
PREFIX = f"{ROOT}/default/storm/"
PATIENCE = 5.0


class Broker:
    """See the module. retained: topic -> payload; events: how many came that were not retained."""

    def __init__(self, world: World, books: Books, draw: random.Random) -> None:
        self.world = world
        self.books = books
        self.random = draw
        self.moods: dict[str, int] = {}
        self.retained: dict[str, bytes] = {}
        self.events = 0
        self._session: _Session | None = None

    # ── faults ───────────────────────────────────────────────────────────────────────────────────────────
    def mood(self, name: str, lasts: float) -> None:
        if name in ("gone", "cuts", "forgets", "remembers"):
            self._cut("lost", "the broker closed the connection")
        if name == "forgets":
            self.retained.clear()
        if name == "remembers":  # it was restored from a copy, of when there was another bearer, and an alarm
            self.retained[f"{PREFIX}bearer/former/state"] = self.retained[f"{PREFIX}alarm/former"] = (
                b'{"v":1}'
            )
        if lasts:
            self.moods[name] = self.moods.get(name, 0) + 1
            self.world.after(lasts, self._over, name)

    def _over(self, name: str) -> None:
        left = self.moods.get(name, 0) - 1
        if left > 0:
            self.moods[name] = left
        else:
            self.moods.pop(name, None)

    def calm(self) -> None:
        self.moods.clear()

    def _cut(self, reason: str, words: str) -> None:
        session, self._session = self._session, None
        if session is not None:
            self.retained[session.will] = LOST
            session.end(BrokerError(reason, words))

    # ── sessions ─────────────────────────────────────────────────────────────────────────────────────────
    def session(self, settings: Any, identifier: str, will: str, protocol: str = "5") -> _Session:
        """Stands where Connection(…) does."""
        return _Session(self, will)

    def opened(self, session: _Session) -> None:
        self._cut("taken", "another client has connected under this name")  # of a process that died, mostly
        self._session = session
        self.books.tell("broker", "connected")

    def left(self, session: _Session) -> None:
        if self._session is session:
            self._session = None

    def take(self, topic: str, payload: bytes, retain: bool) -> None:
        if not retain:
            self.events += 1
        elif payload:
            self.retained[topic] = payload
        else:
            self.retained.pop(topic, None)
        self.books.tell("broker", "got", topic)

    # ── the verdict ──────────────────────────────────────────────────────────────────────────────────────
    def judge(self, process: Process | None) -> None:
        """When all is calm, what is retained is how it stands."""
        app = process.app if process is not None and process.ready else None
        if app is None or app.config.mqtt is None:
            return
        shown = {topic[len(PREFIX) :]: json.loads(payload) for topic, payload in self.retained.items()}
        due = {"status", "info", *(f"alarm/{alarm.id}" for alarm in app.alarms)}
        due |= {f"account/{account.name}/state" for account in app.accounts}
        due |= {f"bearer/{name}/state" for name in app.dispatcher.roads}
        due |= {
            f"modem/{name}/state"
            for name, road in app.dispatcher.roads.items()
            if road.bearer.from_own_number
        }
        wrong = self.books.violation
        if shown.keys() != due:
            wrong(
                "mqtt",
                f"retained and not true: {sorted(shown.keys() - due)}; missing: {sorted(due - shown.keys())}",
            )
        if shown.get("status", {}).get("state") != "ready":
            wrong("mqtt", f"status says {shown.get('status')} when all is calm")
        for account in app.accounts:
            said = shown.get(f"account/{account.name}/state", {})
            if said.get("binds") != account.bound:
                wrong("mqtt", f"account {account.name} has {account.bound} binds, the broker knows {said}")


class _Session:
    """What the gateway holds: the calls of Connection that it makes, each of which ends."""

    forbidden = 0
    protocol = "5"

    def __init__(self, broker: Broker, will: str) -> None:
        self.broker = broker
        self.will = will
        self._inbox: deque[Arrived] = deque()
        self._come = asyncio.Event()
        self._lost: BrokerError | None = None

    def end(self, error: BrokerError) -> None:
        self._lost = error
        self._come.set()

    async def _step(self) -> None:
        """As long as the broker takes for its answer."""
        moods = self.broker.moods
        seconds = 0.001 + 0.01 * self.broker.random.random()
        if "slow" in moods:
            seconds += 3 * self.broker.random.random()
        if "hangs" in moods:
            seconds = PATIENCE
        loop = Process.current.loop
        assert isinstance(loop, SimLoop)
        waited = loop.create_future()

        def over() -> None:
            if not (loop.dead or waited.done()):
                waited.set_result(None)

        self.broker.world.after(seconds, over)
        await waited
        if seconds == PATIENCE and self._lost is None:
            self._lost = BrokerError("silent", "the broker answers no more")
        if self._lost is not None:
            raise self._lost

    async def __aenter__(self) -> Self:
        moods = self.broker.moods
        if "gone" in moods:
            raise BrokerError("unreachable", "connection refused")
        await self._step()
        if "refuses" in moods:
            raise BrokerError("password", "the broker refuses user name or password")
        self.broker.opened(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._lost is None:
            self.broker.left(self)

    async def publish(
        self, topic: str, payload: bytes, qos: int, retain: bool = False, correlation: bytes | None = None
    ) -> None:
        await self._step()
        self.broker.take(topic, payload, retain)

    async def subscribe(self, filters: Any, qos: int) -> None:
        await self._step()
        for topic, payload in self.broker.retained.items():
            if any(_matches(pattern, topic) for pattern in filters):
                self._inbox.append(Arrived(topic, payload, True))
        self._come.set()

    async def unsubscribe(self, filters: Any) -> None:
        await self._step()

    async def next(self) -> Arrived:
        while not self._inbox:
            if self._lost is not None:
                raise self._lost
            self._come.clear()
            await self._come.wait()
        return self._inbox.popleft()


def _matches(pattern: str, topic: str) -> bool:
    wanted, levels = pattern.split("/"), topic.split("/")
    return len(wanted) == len(levels) and all(
        w in ("+", level) for w, level in zip(wanted, levels, strict=True)
    )
