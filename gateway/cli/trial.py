"""Each bearer opened once, bound, and left again, and the broker too: what `chappe check --connect` tries.

Uses the driver as the daemon does, so that what works here works there, and the words are the same. Receipts
and replies that a carrier hands over meanwhile are refused (the carrier keeps them for the daemon); a modem is only
asked who it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from typing import Any

import structlog

import drivers
from drivers.bearer import Bearer, Event, Inbound, LinkChanged, NotStored, Receipt, StateStore
from drivers.smpp.dialect import DialectError
from gateway import build
from gateway.config import Config
from gateway.watchers.mqtt_client import BrokerError, Connection

__all__ = ["PATIENCE", "Trial", "try_bearers", "try_broker"]

PATIENCE = 15.0
"""Seconds until a link that says nothing counts as failed."""


class Trial:
    """How it went with one bearer; detail says what is wrong and what to do."""

    __slots__ = ("bearer", "detail", "ok")

    def __init__(self, bearer: str, ok: bool, detail: str) -> None:
        self.bearer = bearer
        self.ok = ok
        self.detail = detail


class _NoState(StateStore):
    """A driver's facts are the daemon's: a trial reads none and keeps none."""

    async def get(self, key: str) -> str | None:  # noqa: ARG002 - the contract's signature
        return None

    async def put(self, key: str, value: str) -> None:
        """Kept nowhere."""


def try_bearers(config: Config, patience: float = PATIENCE) -> list[Trial]:
    """Every enabled bearer, all at the same time, in the configuration's order."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))

    async def everyone() -> list[Trial]:
        return await asyncio.gather(*(_try(config, name, patience) for name in config.bearers))

    return asyncio.run(everyone())


def try_broker(config: Config) -> Trial | None:
    """A connection to the broker of [mqtt], under another name than the daemon's; None where there is no [mqtt]."""
    settings, gateway = config.mqtt, config.gateway
    if settings is None:
        return None

    async def once() -> Trial:
        try:
            async with Connection(settings, f"chappe-{gateway.site}-{gateway.name}-check", "") as broker:
                return Trial("mqtt", True, f"{settings.url} speaks MQTT {broker.protocol}")
        except BrokerError as error:
            return Trial("mqtt", False, f"{error} ({error.reason})")

    return asyncio.run(once())


async def _try(config: Config, name: str, patience: float) -> Trial:
    settings = config.bearers[name]
    try_out = getattr(drivers.load(settings.driver), "try_out", None)
    if try_out is not None:
        ok, detail = await try_out(name, settings.link, *build.terms_of(settings))
        return Trial(name, ok, detail)
    try:
        bearer = build.bearer_of(settings, _NoState())
    except (DialectError, OSError) as error:
        return Trial(name, False, str(error))
    told: asyncio.Future[LinkChanged] = asyncio.get_running_loop().create_future()

    def emit(events: Sequence[Event]) -> Awaitable[None]:
        if any(isinstance(event, Receipt | Inbound) for event in events):
            raise NotStored("only a check: the daemon takes it later")
        for event in events:
            if isinstance(event, LinkChanged) and not told.done():
                told.set_result(event)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    return await _outcome(name, bearer, asyncio.ensure_future(bearer.run(emit)), told, patience)


async def _outcome(
    name: str,
    bearer: Bearer,
    running: asyncio.Future[None],
    told: asyncio.Future[LinkChanged],
    patience: float,
) -> Trial:
    try:
        first: list[asyncio.Future[Any]] = [running, told]
        await asyncio.wait(first, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if told.done():
            news = told.result()
            return Trial(name, news.up, news.detail if news.up else _with_advice(news))
        if running.done() and running.exception() is not None:
            return Trial(name, False, f"the driver failed: {running.exception()}")
        return Trial(
            name,
            False,
            f"no answer in {patience:g} s: is this the right host and port, does a firewall drop it?",
        )
    finally:
        await bearer.drain(2.0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _with_advice(news: LinkChanged) -> str:
    """The driver's words; and what to do where they name no remedy."""
    detail = news.detail.partition("; next try")[0]
    if news.reason != "connect.failed":
        return f"{detail} ({news.reason})"
    if "Refused" in detail or "refused" in detail:
        return f"{detail}: nothing listens there; look at link.host and link.port, or ask the carrier"
    if "Name or service" in detail or "gaierror" in detail:
        return f"{detail}: link.host is no name that DNS knows"
    if "SSL" in detail or "certificate" in detail:
        return f"{detail}: look at link.tls and link.tls_ca_file"
    return f"{detail}: look at link.host and link.port, and ask whether this machine's address is admitted"
