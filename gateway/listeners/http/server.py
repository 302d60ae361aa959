"""The HTTP listener: its port, TLS, limits, and the table of everything that it serves.

What a request is answered is in the modules of RESOURCES; who may ask is in access.py, how long he may take in
door.py. Nothing here waits for the path of a message, and nothing there waits for this.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import structlog
from aiohttp import web

from gateway.config import Config
from gateway.config.sections import HttpSettings
from gateway.control.parts import Gateway
from gateway.listeners.certificate import Certificate
from gateway.listeners.http import alertmanager, health, kannel, messages, openapi, optouts, reports
from gateway.listeners.http.access import Access, Tokens
from gateway.listeners.http.connection import LINE, MOST_HEADERS, Connection
from gateway.listeners.http.door import FIRST, Door, Doors
from gateway.listeners.http.operation import LARGEST, Operation
from gateway.listeners.http.page.site import Distribution, LivePage
from gateway.listeners.http.site import Exposition, Site

__all__ = ["OPERATIONS", "HttpListener"]

log = structlog.get_logger("listener.http")

OPERATIONS: tuple[Operation, ...] = (
    *messages.OPERATIONS,
    *optouts.OPERATIONS,
    *reports.OPERATIONS,
    *alertmanager.OPERATIONS,
    *kannel.OPERATIONS,
    *health.OPERATIONS,
    *openapi.OPERATIONS,
)
"""All that is served, in the order of /openapi.json."""

REPEATS = 60.0
"""A line about the same thing is written once in so many seconds, with a count."""


class HttpListener:
    """A Listener (gateway.listeners.listener) on [listeners.http]."""

    def __init__(
        self, gateway: Gateway, settings: HttpSettings, exposition: Exposition, accepted: Distribution
    ) -> None:
        self._gateway = gateway
        self._settings = settings
        self.port = settings.port
        self.access = Access(gateway.accounts, os.urandom, gateway.clock.now, self._say)
        self.site = Site(gateway, self.access, exposition)
        self.page = LivePage(self.site, accepted)
        self.doors = Doors(
            settings.max_connections,
            gateway.clock.now,
            lambda peer: self._say("http.full", peer, "max_connections"),
        )
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._tls: Certificate | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._said: dict[str, tuple[float, int]] = {}
        # From warnings on, so that no line is made for each request.
        self._logger = logging.Logger("listener.http", logging.WARNING)  # noqa: LOG001 - not the process's
        self._logger.addHandler(_Told(self._say))

    # ── life ─────────────────────────────────────────────────────────────────────────────────────────────
    async def start(self) -> None:
        """Listen. Raises OSError (the address), SecretError (a token), ssl.SSLError (the certificate)."""
        settings = self._settings
        self.access.apply(Access.read(self._gateway.config))
        self.site.document = openapi.document(OPERATIONS)
        self._runner = web.AppRunner(self._application(), handle_signals=False, shutdown_timeout=2.0)
        await self._runner.setup()
        assert self._runner.server is not None
        if settings.tls_certificate_file is not None and settings.tls_key_file is not None:
            files = settings.tls_certificate_file, settings.tls_key_file
            self._tls = Certificate(*files, protocols=["http/1.1"])
        loop = asyncio.get_running_loop()
        served = partial(
            Connection, self._runner.server, loop=loop, access_log=self._logger, logger=self._logger,
            keepalive_timeout=60.0, lingering_time=2.0, max_line_size=LINE, max_field_size=LINE,
            max_headers=MOST_HEADERS, auto_decompress=False,
        )  # fmt: skip
        self._server = await loop.create_server(
            lambda: Door(self.doors, served),
            settings.host,
            settings.port,
            ssl=self._tls.context if self._tls is not None else None,
            ssl_handshake_timeout=FIRST if self._tls is not None else None,  # before it, no door sees them
            reuse_address=True,
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self._ticker = asyncio.create_task(self._ticks(), name="http ticks")
        await self.page.start()
        log.info("listener.open", host=settings.host, port=self.port, tls=settings.tls_key_file is not None)

    def _application(self) -> web.Application:
        app = web.Application(client_max_size=LARGEST, middlewares=[self._timed, self.site.answered])
        app.on_response_prepare.append(self.site.dress)
        for operation in (*OPERATIONS, *self.page.operations):
            handler = self.site.handler(operation)
            if operation.method == "GET":
                app.router.add_get(operation.path, handler)  # HEAD too
            else:
                app.router.add_route(operation.method, operation.path, handler)
        return app

    async def drain(self, seconds: float) -> None:
        """No new connection; requests under way are answered."""
        if self._server is not None:
            self._server.close()
        self.site.closing.set()
        if self._runner is not None and self._runner.server is not None:
            await self._runner.server.shutdown(seconds)

    async def stop(self) -> None:
        await self.page.stop()
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.gather(self._ticker, return_exceptions=True)
        if self._server is not None:
            self._server.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self._server = self._runner = self._ticker = None

    @staticmethod
    def read(config: Config) -> Tokens:
        """The tokens of a configuration, before it is in force. Raises SecretError."""
        return Access.read(config)

    def renewal(self) -> Callable[[], None]:
        """A reload: the certificate as it is now, in force once this is called. Raises ConfigError."""
        return self._tls.renewal("http") if self._tls is not None else lambda: None

    def apply(self, tokens: Tokens) -> None:
        """A reload: from now on these tokens."""
        self.access.apply(tokens)

    def figures(self) -> tuple[Mapping[tuple[str, str, int], int], int, int]:
        """For metrics: requests by (method, pattern, status), open connections, those that were too slow."""
        return self.site.requests, len(self.doors), self.doors.slow

    # ── always ───────────────────────────────────────────────────────────────────────────────────────────
    @web.middleware
    async def _timed(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """While a handler works, its connection is not a slow one."""
        transport = request.transport
        self.doors.begins(transport)
        try:
            return await handler(request)
        finally:
            self.doors.ended(transport)

    async def _ticks(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self.doors.turn()

    def _say(self, event: str, about: str, reason: str) -> None:
        """One line for the first, then one a minute with how many there were: strangers must not fill a disk."""
        now = self._gateway.clock.now()
        at, count = self._said.get(event, (-REPEATS, 0))
        if now - at < REPEATS:
            self._said[event] = (at, count + 1)
            return
        self._said[event] = (now, 0)
        log.warning(event, about=about, reason=reason, repeated=count)


class _Told(logging.Handler):
    """aiohttp's own log as ours: a line a minute, without the octets that a stranger sent."""

    def __init__(self, say: Callable[[str, str, str], None]) -> None:
        super().__init__(logging.WARNING)
        self._told = say

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        about = (
            str(record.args[0]) if isinstance(record.args, tuple) and record.args else ""
        )  # aiohttp's: from whom
        self._told("http.bad_request", about, type(error).__name__ if error is not None else record.msg[:100])
