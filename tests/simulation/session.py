"""The gateway's end of its connection to the broker: stands where gateway.watchers.mqtt_client.Connection does.

As aiomqtt does: what is published travels, and returns with its acknowledgement (QoS 1) or at once (QoS 0); each wait
ends within PATIENCE or with the connection; what has come is read before its end is; at most INBOX wait, the rest is
acknowledged and lost. Each session is a clean one. Whoever leaves with an error says no goodbye.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from simulation.process import Process

from gateway.topics import Arrived
from gateway.watchers.mqtt_broker import BrokerError

if TYPE_CHECKING:
    from simulation.broker import Broker

__all__ = ["INSTANT", "Session", "matches"]

INSTANT = 0.001
PATIENCE = 5.0
INBOX = 1000
Answer = Callable[[object], object]


class Session:
    """See the module. severed: what still travels is lost; will: the topic of it."""

    forbidden = 0

    def __init__(self, broker: Broker, will: str, protocol: str) -> None:
        self.broker = broker
        self.will = will
        self.protocol = protocol
        self.severed = False
        self._filters: list[str] = []
        self._loop = Process.current.loop
        self._inbox: deque[tuple[Arrived, Any]] = deque()
        self._come = asyncio.Event()
        self._lost: BrokerError | None = None
        self._waits: list[Answer] = []
        self._out = self._in = 0.0

    # ── the line ─────────────────────────────────────────────────────────────────────────────────────────
    def send(self, packet: Callable[[], object]) -> None:
        """In order; a process that dies meanwhile has handed it to its kernel."""
        world = self.broker.world
        self._out = max(self._out, world.now + self.broker.delay())
        world.at(self._out, self.broker.comes, self, packet)

    def _back(self, call: Callable[..., object], *args: Any) -> None:
        world = self.broker.world
        self._in = max(self._in, world.now + self.broker.delay())
        world.at(self._in, call, *args)

    def end(self, error: BrokerError) -> None:
        if self._lost is None and not self._loop.dead:
            self._lost = error
            self._come.set()
            for answer in list(self._waits):
                answer(error)

    def unheard(self) -> None:
        """Its pings were not answered."""
        if "hangs" in self.broker.moods:
            self.end(BrokerError("lost", "the broker closed the connection: Keep alive timeout"))

    async def _asked(self, make: Callable[[Answer], Callable[[], object]]) -> None:
        """Send what make(answer) gives, and wait for the answer."""
        if self._lost is not None:
            raise self._lost
        waited: asyncio.Future[object] = self._loop.create_future()

        def answer(word: object) -> None:
            if not (self._loop.dead or waited.done()):
                waited.set_result(word)

        self._waits.append(answer)
        self.send(make(lambda word: self._back(self._answered, answer, word)))
        self.broker.world.after(PATIENCE, answer, BrokerError("silent", "the broker answers no more"))
        try:
            word = await waited
        finally:
            self._waits.remove(answer)
        if isinstance(word, BrokerError):
            raise word

    def _answered(self, answer: Answer, word: object) -> None:
        if not self.severed:
            answer(word)

    # ── Connection's calls ───────────────────────────────────────────────────────────────────────────────
    async def __aenter__(self) -> Self:
        if "gone" in self.broker.moods:
            raise BrokerError("unreachable", "connection refused")
        try:
            await self._asked(lambda answer: lambda: self.broker.connect(self, answer))
        except BaseException:
            self.send(lambda: self.broker.leaves(self, polite=False))
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        polite = self.polite(kind)
        self.send(lambda: self.broker.leaves(self, polite))

    def polite(self, kind: type[BaseException] | None) -> bool:
        """As Connection: where all was said."""
        return kind is None

    async def publish(
        self, topic: str, payload: bytes, qos: int, retain: bool = False, correlation: bytes | None = None
    ) -> None:
        arrived = Arrived(topic, payload, retain, "", correlation if self.protocol == "5" else None)
        if qos:
            await self._asked(lambda answer: lambda: self.broker.taken(self, arrived, answer))
        elif self._lost is not None:
            raise self._lost
        else:
            self.send(lambda: self.broker.taken(self, arrived, lambda _: None))

    async def subscribe(self, filters: Any, qos: int) -> None:
        def subscribed(answer: Answer) -> None:
            if self.broker.current is not self:
                return
            answer(None)
            self._filters.extend(filters)
            for topic, payload in list(self.broker.retained.items()):
                if any(matches(pattern, topic) for pattern in filters):
                    self.give(self.broker.shown(Arrived(topic, payload), retain=True), None)

        await self._asked(lambda answer: lambda: subscribed(answer))

    async def unsubscribe(self, filters: Any) -> None:
        def unsubscribed(answer: Answer) -> None:
            self._filters = [pattern for pattern in self._filters if pattern not in filters]
            answer(None)

        await self._asked(lambda answer: lambda: unsubscribed(answer))

    async def next(self) -> Arrived:
        while not self._inbox:
            if self._lost is not None:
                raise self._lost
            self._come.clear()
            await self._come.wait()
        arrived, request = self._inbox.popleft()
        if request is not None:
            request.read(arrived)
        return arrived

    # ── what comes ───────────────────────────────────────────────────────────────────────────────────────
    def wants(self, topic: str) -> bool:
        return any(matches(pattern, topic) for pattern in self._filters)

    def give(self, arrived: Arrived, request: Any) -> None:
        self._back(self._arrives, arrived, request)

    def _arrives(self, arrived: Arrived, request: Any) -> None:
        if self.severed or self._lost is not None or self._loop.dead or len(self._inbox) >= INBOX:
            return
        self._inbox.append((arrived, request))
        self._come.set()


def matches(pattern: str, topic: str) -> bool:
    wanted, levels = pattern.split("/"), topic.split("/")
    return len(wanted) == len(levels) and all(
        w in ("+", level) for w, level in zip(wanted, levels, strict=True)
    )
