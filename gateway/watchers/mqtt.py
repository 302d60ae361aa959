"""The gateway on MQTT: retained states with birth and last will, metrics, events, alarms. See docs/mqtt-topics.md.

One connection serves this watcher and the listener beside it (inbound): a session has one will, one name at the
broker and one entry in its ACL, and a double start shows as one session taken over. One task publishes, one thing
after another; nobody waits for it. While the broker is away, events wait in a bounded buffer, states do not: after
each connection they are published from what is true then, and what the broker kept and is gone is cleared.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import structlog

from gateway.bus import Subscription
from gateway.config.policy import MqttSettings
from gateway.control.parts import Gateway, View
from gateway.throttle import Backoff
from gateway.topics import Arrived, Reply, Tree, encode
from gateway.watchers.mqtt_client import BrokerError, Connection, address_of
from gateway.watchers.mqtt_events import WAKES, event_of
from gateway.watchers.mqtt_views import Views

__all__ = ["Inbound", "MqttWatcher"]

log = structlog.get_logger("gateway.mqtt")

ROOM = 1000
"""Events, and replies, that wait for a broker; the oldest go first."""
LOOK = 1.0
"""Seconds between two looks at what no event tells of."""
CLEANING = 3.0
"""Seconds after connecting in which the broker tells what it kept of us."""
MOST_KEPT = 10_000
LIVED = 30.0
"""Seconds after which a connection counts as a good one: the next waits no longer than the first did."""
TRUCE = 30.0
"""Seconds that a session which was taken over leaves the other alone, and three times that until all is well."""
GOODBYE = 3.0
MOST_TRIES = 2
"""Connections on which one reply is tried: where it goes is its asker's choice, and a broker may hang up for it."""
GLANCE = 0.3
"""Seconds in which a broker shows what it keeps on one topic."""
_SIGNATURE = ("host", "pid", "started")


class Inbound(Protocol):
    """Who is asked by MQTT. filters: what it wants to hear; take() must be quick and may not fail."""

    filters: tuple[str, ...]

    def take(self, arrived: Arrived) -> None: ...


class MqttWatcher:
    """See the module. draw: jitter, in [0, 1)."""

    def __init__(
        self, gateway: Gateway, settings: MqttSettings, tree: Tree, draw: Callable[[], float]
    ) -> None:
        self._gateway = gateway
        self._settings = settings
        self._tree = tree
        self._draw = draw
        self._views = Views(gateway, tree)
        self._events: deque[tuple[str, View]] = deque(maxlen=ROOM)
        self._replies: deque[Reply] = deque(maxlen=ROOM)
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._sent: dict[str, View] = {}
        self._kept: set[str] = set()
        self._lost: BrokerError | None = None
        self._protocol = "5"
        self._complaint = self._forbidden = ""
        self._signed = False
        self._tries = self._short = self._excused = 0
        self._opened_at = self._metrics_at = 0.0
        self.inbound: Inbound | None = None
        self.connected = False

    # ── its life ─────────────────────────────────────────────────────────────────────────────────────────
    async def start(self) -> None:
        facts = self._gateway.bus.subscribe("mqtt", ROOM, WAKES)
        self._tasks = [
            asyncio.create_task(self._live(), name="mqtt"),
            asyncio.create_task(self._follow(facts), name="mqtt facts"),
        ]

    async def stop(self) -> None:
        """What is left to say, then `disconnected`; a broker that does not take it in time tells the last will."""
        self._stopping.set()
        self._wake.set()
        if self.connected:
            await asyncio.wait(self._tasks[:1], timeout=GOODBYE)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def post(self, reply: Reply) -> None:
        """For the inbound side: said as soon as there is a broker."""
        self._replies.append(reply)
        self._wake.set()

    async def _follow(self, facts: Subscription) -> None:
        digest = self._gateway.stops.optouts.digest
        try:
            while True:
                for event in await facts.next():
                    told = event_of(event, digest)
                    if told is not None:
                        self._events.append(told)
                self._wake.set()
        finally:
            facts.close()

    async def _live(self) -> None:
        """Connections, one after another."""
        gateway = self._gateway
        identifier = f"chappe-{gateway.config.gateway.site}-{gateway.config.gateway.name}"
        backoff = Backoff(1.0, 60.0)
        while not self._stopping.is_set():
            self._opened_at = 0.0
            try:
                async with Connection(
                    self._settings, identifier, self._tree("status"), self._protocol
                ) as broker:
                    self._opened(broker)
                    await self._serve(broker)
            except BrokerError as error:
                self._closed(error)
            except Exception as error:  # a fault of ours costs the connection, not the watcher
                log.exception("mqtt.failed")
                self._events.clear()  # what cannot be said must not be tried for ever
                self._replies.clear()
                self._closed(BrokerError("failed", f"{type(error).__name__}: {error}"))
            finally:
                self.connected = False
            wait = TRUCE * (1 + self._draw() / 2) if "mqtt.taken" in gateway.alarms else 0.0
            await self._sleep(max(wait, backoff.wait(self._tries, self._draw())))

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass  # time to try again

    # ── how it goes ──────────────────────────────────────────────────────────────────────────────────────
    def _opened(self, broker: Connection) -> None:
        host, port, tls = address_of(self._settings)
        log.info("mqtt.connected", host=host, port=port, tls=tls, protocol=broker.protocol)
        self._opened_at = self._metrics_at = self._gateway.clock.now()
        self._protocol = broker.protocol
        self._lost, self._complaint, self._forbidden, self.connected = None, "", "", True
        self._excused = 0
        self._gateway.alarms.clear("mqtt")

    def _closed(self, error: BrokerError) -> None:
        """One alarm for each cause, however often it comes again."""
        alarms = self._gateway.alarms
        lived = self._gateway.clock.now() - self._opened_at if self._opened_at else 0.0
        self._tries = 1 if lived > LIVED else self._tries + 1
        cut = self._opened_at and lived < 3 * TRUCE and error.reason == "lost"
        self._short = self._short + 1 if cut else 0
        if error.reason == "taken":
            alarms.raise_("mqtt.taken", "warning", str(error))
        elif self._short == 3:
            text = (
                f"the broker cuts us off again and again ({error}): does another client use our identifier?"
            )
            alarms.raise_("mqtt.taken", "warning", text)
        elif self._opened_at:
            log.warning("mqtt.lost", reason=error.reason, detail=str(error))
        else:
            self._protocol = "5"
            if self._complaint not in ("", error.reason):
                alarms.clear("mqtt")  # it stands for another reason now, and somebody should hear of it
            self._complaint = error.reason
            alarms.raise_("mqtt", "warning", f"{error}; messages flow, nobody sees them on MQTT")

    # ── a connection ─────────────────────────────────────────────────────────────────────────────────────
    async def _serve(self, broker: Connection) -> None:
        """Birth, then turn after turn until the gateway ends; raises BrokerError when the connection does."""
        self._sent.clear()
        self._kept.clear()
        hearing = asyncio.create_task(self._hear(broker), name="mqtt in")
        try:
            await self._status(broker, "init")
            await self._look_for_another(broker)
            await self._states(broker)
            if self.inbound is not None and self.inbound.filters:
                await self._subscribe(broker, self.inbound.filters, 1)
            await self._status(broker, "ready")
            await self._subscribe(broker, self._tree.kept, 0)
            cleaned = False
            while not self._stopping.is_set():
                await self._turn(broker)
                since = self._gateway.clock.now() - self._opened_at
                if not cleaned and since > CLEANING:
                    cleaned = True
                    await broker.unsubscribe(self._tree.kept)
                if since > 3 * TRUCE:
                    self._gateway.alarms.clear("mqtt.taken")
                await self._woken()
            await self._turn(broker)
            await self._status(broker, "disconnected")
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)

    async def _look_for_another(self, broker: Connection) -> None:
        """Once we have been here: who else has signed our topics since is another gateway of our name."""
        topic = self._tree("info")
        if self._signed:
            await self._subscribe(broker, (topic,), 0)
            await self._sleep(GLANCE)
            await broker.unsubscribe([topic])
        self._signed = True

    def _read_signature(self, payload: bytes) -> None:
        ours = self._views.info()
        try:
            theirs = json.loads(payload)
            same = all(theirs[key] == ours[key] for key in _SIGNATURE)
        except (ValueError, TypeError, KeyError, RecursionError):
            return  # not written by a gateway
        if not same:
            where = f"{theirs['host']} (pid {theirs['pid']})"[:100]
            text = f"another gateway named {ours['name']} runs on {where}: stop one"
            self._gateway.alarms.raise_("mqtt.taken", "warning", text)

    async def _hear(self, broker: Connection) -> None:
        try:
            while True:
                arrived = await broker.next()
                if arrived.topic == self._tree("info"):
                    self._read_signature(arrived.payload)
                elif self._tree.keeps(arrived.topic):
                    if arrived.retain and arrived.payload and len(self._kept) < MOST_KEPT:
                        self._kept.add(arrived.topic)
                elif self.inbound is not None:
                    self.inbound.take(arrived)
        except BrokerError as error:
            self._lost = error
            self._wake.set()
        except Exception as error:  # a fault of ours: a connection on which nobody listens is worse than none
            log.exception("mqtt.failed")
            self._lost = BrokerError("failed", f"{type(error).__name__}: {error}")
            self._wake.set()

    async def _subscribe(self, broker: Connection, filters: tuple[str, ...], qos: int) -> None:
        try:
            await broker.subscribe(filters, qos)
        except BrokerError as error:
            if error.reason != "not_authorized":
                raise
            self._forbidden = str(error)

    async def _woken(self) -> None:
        rest = min(LOOK, max(0.0, self._metrics_at - self._gateway.clock.now()))
        try:
            async with asyncio.timeout(rest):
                await self._wake.wait()
        except TimeoutError:
            pass  # time to look
        self._wake.clear()

    async def _turn(self, broker: Connection) -> None:
        """All that is to be said now: answers first, then what happened, how it stands, and the figures."""
        if self._lost is not None:
            raise self._lost
        await self._answers(broker)
        while self._events:
            told = self._events[0]
            await broker.publish(self._tree("event", told[0]), encode(told[1]), 1)
            _said(self._events, told)
        await self._states(broker)
        await self._status(broker, "ready")
        if self._gateway.clock.now() >= self._metrics_at:
            self._metrics_at = self._gateway.clock.now() + self._settings.interval
            await self._metrics(broker)
        forbidden = self._forbidden
        if broker.forbidden > self._excused and not forbidden:
            forbidden = f"the broker forbids publishing below {self._tree.prefix}: look at its ACL"
        self._gateway.alarms.turn("mqtt.forbidden", bool(forbidden), "warning", forbidden)

    async def _answers(self, broker: Connection) -> None:
        """Where they go is their askers' choice: it must neither keep us from speaking nor be our fault."""
        before = broker.forbidden
        while self._replies:
            reply = self._replies[0]
            reply.tries += 1
            if reply.tries <= MOST_TRIES:
                await broker.publish(reply.topic, reply.payload, 1, correlation=reply.correlation)
            else:
                log.warning(
                    "mqtt.reply_dropped", topic=reply.topic, reason="each try has ended the connection"
                )
            _said(self._replies, reply)
        self._excused += broker.forbidden - before

    async def _status(self, broker: Connection, word: str) -> None:
        await self._retained(broker, self._tree("status"), self._views.status(word))

    async def _states(self, broker: Connection) -> None:
        """Publish what differs from what the broker has, and clear what is there no more."""
        fresh = self._views.states()
        for topic, view in fresh.items():
            await self._retained(broker, topic, view)
        gone = {topic for topic in self._sent if topic not in fresh} - {self._tree("status")}
        for topic in gone | self._kept - fresh.keys():
            await broker.publish(topic, b"", 1, retain=True)
            self._sent.pop(topic, None)
        self._kept.clear()

    async def _retained(self, broker: Connection, topic: str, view: View) -> None:
        if self._sent.get(topic) is not view:
            await broker.publish(topic, encode(view), 1, retain=True)
            self._sent[topic] = view

    async def _metrics(self, broker: Connection) -> None:
        for topic, view in (await self._views.metrics()).items():
            await broker.publish(topic, encode(view), 0)
            await asyncio.sleep(0)  # a socket with room makes publish() return at once: messages go first


def _said(waiting: deque[Any], said: object) -> None:
    """Take out what was published, unless a full buffer has dropped it meanwhile."""
    if waiting and waiting[0] is said:
        waiting.popleft()
