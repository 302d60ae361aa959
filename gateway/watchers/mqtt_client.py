"""The one place that knows aiomqtt: a connection that opens, publishes, hears and closes, or says why not.

MQTT 5 is tried first and 3.1.1 where the broker knows no 5. Every await ends: within PATIENCE, or as soon as the
connection is lost. What aiomqtt and paho leave to be desired (a socket that stays open after a refusal, a close
before CONNACK that is only noticed by its time-out, refusals in a PUBACK that nobody sees) is mended here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self, TypeVar

import aiomqtt
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway.config.policy import MqttSettings
from gateway.topics import LOST, Arrived
from gateway.watchers.mqtt_broker import (
    CLOSED,
    GONE,
    SILENT,
    BrokerError,
    TlsContext,
    address_of,
    credentials,
    refusal_of,
)

__all__ = ["BrokerError", "Connection", "address_of"]

T = TypeVar("T")

PATIENCE = 5.0
"""Seconds for each step: TCP and TLS, CONNACK, an acknowledgement."""
KEEPALIVE = 15
INBOX = 1000
LARGEST = 128 * 1024
"""Octets of a packet that an MQTT 5 broker may send us: what is larger, it drops."""
_UNSPECIFIED, _SESSION_TAKEN = 0x80, 0x8E

_silent = logging.getLogger("gateway.mqtt")  # paho's own words: ours say it better, once
_silent.addHandler(logging.NullHandler())
_silent.propagate = False


class _Loop:
    """The loop as aiomqtt sees it: what its thread asks for late is not done to a descriptor that is closed by then.

    The number may belong to somebody else already.
    """

    def __init__(self, loop: Any, client: Any) -> None:
        self._loop = loop
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def call_soon_threadsafe(self, call: Callable[..., object], *arguments: Any) -> None:
        def unless_closed() -> None:
            if self._client.socket() is not None:
                call(*arguments)

        self._loop.call_soon_threadsafe(unless_closed)


class _Client(aiomqtt.Client):
    """aiomqtt's client, which also hears of a connection that ends before or while it waits."""

    abandoned = False
    forbidden = 0
    said: Any = None

    def __init__(self, *arguments: Any, tls_context: TlsContext | None, **options: Any) -> None:
        super().__init__(*arguments, tls_context=tls_context, **options)
        self.tls = tls_context
        self._loop: Any = _Loop(self._loop, self._client)

    def _client_connect(self) -> None:
        """In a thread, which cannot be stopped: what it opens after we have given up is closed again."""
        try:
            super()._client_connect()
        except BaseException:  # paho forgets a socket whose handshake has failed
            if self.tls is not None and self.tls.made is not None:
                self.tls.made.close()
            raise
        if self.abandoned:
            self._loop.call_soon_threadsafe(self._client._sock_close)  # noqa: SLF001 - see _drop()

    def _on_disconnect(
        self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any = None
    ) -> None:
        if not self._connected.done():
            self._connected.set_exception(aiomqtt.MqttError(CLOSED))
            return
        self.said = reason_code
        super()._on_disconnect(client, userdata, flags, reason_code, properties)
        if self._disconnected.done() and not self._disconnected.cancelled():
            self._disconnected.exception()  # looked at: asyncio would complain of it

    def _on_publish(
        self, client: Any, userdata: Any, mid: int, reason_code: ReasonCode, properties: Any
    ) -> None:
        self.forbidden += bool(reason_code.is_failure)
        super()._on_publish(client, userdata, mid, reason_code, properties)

    async def _wait_for(self, fut: Awaitable[T], timeout: float | None) -> T:  # noqa: ASYNC109 - aiomqtt's signature
        waited: asyncio.Future[T] = asyncio.ensure_future(fut)
        try:
            seconds = timeout or self.timeout
            either: list[asyncio.Future[Any]] = [waited, self._disconnected]
            await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if waited.done():
                return waited.result()
        finally:
            waited.cancel()
        raise aiomqtt.MqttError(GONE if self._disconnected.done() else SILENT)


class Connection:
    """One session with the broker: `async with Connection(…) as broker`. Raises BrokerError throughout.

    identifier: who we are to the broker; one at a time. will: the topic that gets LOST when we are gone, "" for none.
    protocol: "5" or "3.1.1", once open.
    """

    def __init__(self, settings: MqttSettings, identifier: str, will: str, protocol: str = "5") -> None:
        self._settings = settings
        self._identifier = identifier
        self._will = will
        self.protocol = protocol if settings.version == "auto" else settings.version
        self._client: _Client | None = None

    @property
    def forbidden(self) -> int:
        """How many publications the broker has refused us; an MQTT 3.1.1 broker does not say."""
        return self._client.forbidden if self._client is not None else 0

    # ── opening and closing ──────────────────────────────────────────────────────────────────────────────
    async def __aenter__(self) -> Self:
        host, port, tls = address_of(self._settings)
        secrets = await asyncio.to_thread(credentials, self._settings, tls)
        try:
            await self._open(host, port, *secrets)
        except BrokerError as error:
            if error.reason != "closed" or self._settings.version != "auto" or self.protocol != "5":
                raise
            self.protocol = "3.1.1"  # a broker that knows no 5 says so, or just closes
            await self._open(host, port, *secrets)
        return self

    async def _open(self, host: str, port: int, password: str | None, tls: TlsContext | None) -> None:
        five = self.protocol == "5"
        properties = _properties(PacketTypes.CONNECT) if five else None
        if properties is not None:
            properties.MaximumPacketSize = LARGEST
        client = _Client(
            host, port, username=self._settings.username or None, password=password, logger=_silent,
            identifier=self._identifier, protocol=aiomqtt.ProtocolVersion.V5 if five else aiomqtt.ProtocolVersion.V311,
            will=aiomqtt.Will(self._will, LOST, qos=1, retain=True) if self._will else None,
            clean_session=None if five else True, clean_start=True if five else MQTT_CLEAN_START_FIRST_ONLY,
            timeout=PATIENCE, keepalive=KEEPALIVE,
            max_queued_incoming_messages=INBOX,
            max_queued_outgoing_messages=INBOX, properties=properties, tls_context=tls,
        )  # fmt: skip
        client._client.connect_timeout = PATIENCE  # noqa: SLF001 - aiomqtt has no word for it
        self._client = client
        try:
            await client.__aenter__()
        except BaseException as error:  # cancelled or failed: nothing stays open
            self._drop()
            if isinstance(error, aiomqtt.MqttError):
                raise refusal_of(error, f"{host}:{port}", bool(self._settings.username)) from error
            raise
        if client.said is not None:  # aiomqtt forgets an end that came right behind the CONNACK
            ended = self._ended(aiomqtt.MqttError(GONE))
            self._drop()
            raise ended

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """A DISCONNECT keeps the last will from being told: whoever is broken off before all was said sends none."""
        if self._client is None:
            return
        try:
            if kind is None:
                await self._client.__aexit__(None, None, None)
        except aiomqtt.MqttError:
            pass  # it is gone: nothing is left to be said
        finally:
            self._drop()

    def _drop(self) -> None:
        """Close the socket, whatever state it is in: aiomqtt leaves it open after a refusal or an error."""
        client, self._client = self._client, None
        if client is not None:
            client.abandoned = True
            client._client._sock_close()  # noqa: SLF001 - the only way that sends nothing
            if client._misc_task is not None:  # noqa: SLF001
                client._misc_task.cancel()  # noqa: SLF001

    # ── speaking and hearing ─────────────────────────────────────────────────────────────────────────────
    async def publish(
        self, topic: str, payload: bytes, qos: int, retain: bool = False, correlation: bytes | None = None
    ) -> None:
        """Returns once the broker has acknowledged it (QoS 1) or the kernel has it (QoS 0)."""
        properties = None
        if correlation is not None and self.protocol == "5":
            properties = _properties(PacketTypes.PUBLISH)
            properties.CorrelationData = correlation
        try:
            await self._open_client.publish(topic, payload, qos, retain, properties)
        except aiomqtt.MqttError as error:
            raise self._ended(error) from error
        except ValueError as error:  # a topic or payload that MQTT cannot carry
            raise BrokerError("settings", f"{topic[:80]!r}: {error}") from error

    async def subscribe(self, filters: Sequence[str], qos: int) -> None:
        """Hear what is published there by others. BrokerError("not_authorized") when the broker says no."""
        topics: list[Any] = [(topic, qos) for topic in filters]
        if self.protocol == "5":
            topics = [
                (topic, SubscribeOptions(qos, noLocal=True, retainAsPublished=True)) for topic in filters
            ]
        try:
            granted = await self._open_client.subscribe(topics)
        except aiomqtt.MqttError as error:
            raise self._ended(error) from error
        codes = [code.value if isinstance(code, ReasonCode) else int(code) for code in granted]
        refused = [topic for topic, code in zip(filters, codes, strict=True) if code >= 0x80]
        if refused:
            raise BrokerError("not_authorized", f"the broker forbids subscribing to {', '.join(refused)}")

    async def unsubscribe(self, filters: Sequence[str]) -> None:
        try:
            await self._open_client.unsubscribe(list(filters))
        except aiomqtt.MqttError as error:
            raise self._ended(error) from error

    async def next(self) -> Arrived:
        """The next message; waits for it. BrokerError once the connection is lost."""
        try:
            message = await anext(self._open_client.messages)
        except aiomqtt.MqttError as error:
            raise self._ended(error) from error
        properties = message.properties
        said = dict(getattr(properties, "UserProperty", ()))
        return Arrived(
            str(message.topic), message.payload, bool(message.retain), getattr(properties, "ResponseTopic", ""),
            getattr(properties, "CorrelationData", None), said.get("user", ""),
        )  # fmt: skip

    @property
    def _open_client(self) -> _Client:
        if self._client is None:
            raise BrokerError("lost", "the connection is closed")
        return self._client

    def _ended(self, error: aiomqtt.MqttError) -> BrokerError:
        """Why the connection ended, by what the broker said last."""
        said = self._client.said if self._client is not None else None
        code = getattr(said, "value", None)
        if code == _SESSION_TAKEN:
            text = f"another client has connected as {self._identifier}: do two gateways have the same name?"
            return BrokerError("taken", text)
        if SILENT in str(error):
            return BrokerError("silent", "the broker answers no more")
        why = "" if code in (None, _UNSPECIFIED) else f": {said}"
        return BrokerError("lost", f"the broker closed the connection{why}")


def _properties(packet: int) -> Any:
    """Those of MQTT 5; each is an attribute by its name in the standard."""
    return Properties(packet)  # type: ignore[no-untyped-call]  # paho's class has no annotations
