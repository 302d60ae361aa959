"""The real gateway in the storm: every way out of the process replaced, nothing within.

Replaced are the machine's clock, threads, network, random octets and disk; App, drivers, listeners, rules and
store are the product's. A process that dies is abandoned as it stands: its loop never turns again.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import os
import random
import sqlite3
import types
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import aiohttp.web_response
import structlog
from simulation.clerk import Clerks
from simulation.clockwork import World
from simulation.disk import Connection, Disk, Lane, Queries
from simulation.interpreters import INSTEAD, PHRASES
from simulation.network import Network
from simulation.webhooks import Loop

import drivers.modem
import drivers.modem.pin
import drivers.smpp
import gateway.app
import gateway.build
import gateway.listeners.http.server  # the product imports it when it must; here once for all runs
import gateway.lookout
import gateway.process
import gateway.recall
import gateway.reload
import gateway.rulebook
import gateway.secrets
import gateway.stores.apart
import gateway.stores.consent_table
import gateway.stores.optout_table
import gateway.stores.reader
import gateway.stores.scribe
import gateway.stores.sqlite
import gateway.stores.suppressed_table
import gateway.stores.writer
import gateway.watchers.metrics
import gateway.watchers.mqtt
from drivers.bearer import Bearer
from gateway.app import App
from gateway.config import load_config
from gateway.config.roads import BearerSettings
from gateway.driver_state import DriverState
from gateway.rules.country_file import load_law
from gateway.stores import files
from gateway.stores.store import StoreError

__all__ = ["Process", "SimClock", "known_law", "seams"]


known_law = functools.cache(load_law)
"""Data only, and slow to read."""

_DEAD: list[Process] = []
"""Whoever has died stays in memory: its coroutines may not run their `finally` when the collector finds them."""


class SimClock:
    """The machine's clocks: one that never jumps, and the wall's, which does; per process it never falls."""

    def __init__(self, world: World, base_ms: int) -> None:
        self.world = world
        self.base_ms = base_ms
        self._last = 0

    def now(self) -> float:
        return self.world.now

    def machine_ms(self) -> int:
        return self.base_ms + int(self.world.now * 1000)

    def wall_ms(self) -> int:
        self._last = max(self._last, self.machine_ms())
        return self._last


class SimApp(App):
    """App, its drivers with the world's clocks."""

    def make_bearer(self, settings: BearerSettings) -> Bearer:
        clock = self.clock
        if settings.driver == "modem":
            terms = drivers.modem.Terms(
                **{f.name: getattr(settings, f.name) for f in fields(drivers.modem.Terms)}
            )
            return drivers.modem.open(
                settings.name, settings.link, DriverState(self.store, settings.name), terms, clock=clock.now,
                wall=lambda: clock.wall_ms() / 1000, opener=Process.current.opener,
            )  # fmt: skip
        return drivers.smpp.open(
            settings.name, settings.link, DriverState(self.store, settings.name), clock=clock.now,
            wall=lambda: clock.wall_ms() / 1000, random=self.random.random,
        )  # fmt: skip


class Process:
    """One life of the gateway. ready: it serves; failed: why it did not start."""

    def __init__(
        self,
        world: World,
        network: Network,
        disk: Disk,
        clock: SimClock,
        config: Path,
        seed: str,
        opener: Any,
        clerks: Clerks,
    ) -> None:
        self.world = world
        self.network = network
        self.disk = disk
        self.clock = clock
        clock._last = 0
        draw = random.Random(seed)
        self.loop = Loop(world, network, draw.random)
        self.opened: list[sqlite3.Connection] = []
        self.queries = Queries(lambda call: self.loop.run_in_executor(None, call))
        self.opener = opener
        self.clerks = clerks
        self.ready = False
        self.failed = ""
        self.stopped = False
        self.most_tasks = 0
        self._config = config
        self._draw = draw
        self.app: SimApp | None = None
        Process.current = self
        _DEAD.append(self)
        asyncio._set_running_loop(
            self.loop
        )  # as long as it lives: what the world does meanwhile asks for none
        self._main = self.loop.create_task(self._run())

    current: Process

    async def _run(self) -> None:
        app = self.app = SimApp(load_config(self._config, {}), self.clock, self._draw)
        try:
            await app.start()
        except Exception as error:
            self.failed = f"{type(error).__name__}: {error}"
            return
        self.ready = True
        dispatcher = app.dispatcher
        roads = dispatcher.roads.values
        self.loop.busy = lambda: dispatcher.waiting or any(road.unanswered for road in roads())

    def stop(self) -> None:
        """As on SIGTERM."""

        async def leave() -> None:
            if self.app is not None:
                await self.app.stop(10.0)
            self.stopped = True

        self._leaving = self.loop.create_task(leave())

    def die(self, left: dict[str, bytes] | None = None) -> None:
        """The process is no more. left: what the disk holds after a power cut; None: what the kernel had."""
        self.loop.dead = True
        asyncio._set_running_loop(None)
        self.clerks.orphaned(finishes=left is None)
        found = self.disk.files() if left is None else left
        self.queries.die()
        for db in self.opened:
            db.close()
        self.network.die()
        if self.app is not None and self.app._lock is not None:
            self.app._lock.close()
        for task in asyncio.all_tasks(self.loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        self.disk.put_back(found)


class seams:
    """What the product reaches for outside of itself, replaced while the storm runs. log: hears every line.

    broker: stands for gateway.watchers.mqtt_client.Connection. clerks: who writes the store; None: the loop does.
    """

    def __init__(
        self,
        disk: Disk,
        draw: random.Random,
        free: Callable[[], int],
        log: Callable[[str, str, dict[str, Any]], None],
        broker: Callable[..., Any],
        clerks: Clerks | None,
    ) -> None:
        self._disk = disk
        self._draw = draw
        self._free = free
        self._log = log
        self._broker = broker
        self._clerks = clerks
        self._kept: list[tuple[Any, str, Any]] = []

    def _put(self, module: Any, name: str, value: Any) -> None:
        self._kept.append((module, name, getattr(module, name)))
        setattr(module, name, value)

    def __enter__(self) -> None:
        disk = self._disk
        put = self._put

        class Thread:
            def __init__(self, **_: Any) -> None:
                """Its work is done by the lane."""

            def start(self) -> None:
                """The lane needs no start."""

            def join(self) -> None:
                """And no end."""

        def lane() -> Lane:
            process = Process.current
            return Lane(disk, lambda: process.loop.dead)

        real_connect, real_reader = files.connect, files.open_reader

        def connect(path: Path) -> Any:
            if disk.in_clerk and disk.shut:
                raise StoreError(f"{path}: too many open files")
            db = real_connect(path)
            Process.current.opened.append(db)
            return Connection(db, disk)

        def open_reader(path: Path) -> sqlite3.Connection:
            db = real_reader(path)
            Process.current.opened.append(db)
            return db

        put(gateway.stores.scribe, "SimpleQueue", lane)
        put(gateway.stores.scribe, "threading", types.SimpleNamespace(Thread=Thread))
        put(files, "connect", connect)
        put(files, "open_reader", open_reader)
        put(gateway.stores.reader, "aiosqlite", _Aiosqlite())
        put(gateway.process, "settle", lambda: None)
        put(
            gateway.app, "TICK", 0.025
        )  # a backlog is looked at less often: slower to use its slots, as exact
        put(gateway.build, "writes_apart", lambda _: self._clerks is not None)
        if self._clerks is not None:
            put(gateway.stores.apart, "socket", self._clerks.socket)
            put(gateway.stores.apart, "subprocess", self._clerks.subprocess)
            put(gateway.stores.apart, "secrets", self._clerks.secrets)
            put(gateway.stores.writer, "WORTH", 1)
        put(gateway.rulebook, "load_law", known_law)
        self._slowly()
        put(
            drivers.modem.pin,
            "_digest",
            lambda lock: hashlib.sha256(f"{lock.pin} {lock.card}".encode()).hexdigest(),
        )
        put(gateway.secrets, "_LN", 1)  # as the line above: slow on purpose
        put(gateway.watchers.mqtt, "Connection", self._broker)
        put(os, "urandom", self._draw.randbytes)
        put(aiohttp.web_response, "rfc822_formatted_time", lambda: "Sat, 24 Oct 2026 15:00:00 GMT")
        put(aiohttp.web_response, "REASON_PHRASES", {**aiohttp.web_response.REASON_PHRASES, **PHRASES})
        put(gateway.reload, "logging", types.SimpleNamespace(configure=lambda _: None))
        usage = types.SimpleNamespace(disk_usage=lambda _: types.SimpleNamespace(free=self._free()))
        put(gateway.lookout, "shutil", usage)
        put(gateway.lookout, "_existing", lambda folder: folder)
        for name, one_way in INSTEAD.items():
            put(asyncio, name, one_way)
        put(
            asyncio.events, "get_running_loop", lambda: Process.current.loop
        )  # its own asks the kernel who we are
        structlog.configure(
            processors=[self._line],
            wrapper_class=structlog.make_filtering_bound_logger(20),
            logger_factory=structlog.ReturnLoggerFactory(),
            cache_logger_on_first_use=False,
        )

    def _slowly(self) -> None:
        """What is small here is read as if it were large: behind open doors, while everybody talks."""
        self._put(gateway.recall, "AT_ONCE", 0)
        self._put(gateway.recall, "PAUSE", 0.4)
        for table in (
            gateway.stores.optout_table,
            gateway.stores.suppressed_table,
            gateway.stores.consent_table,
        ):
            self._put(table, "PAGE", 3)
        self._put(gateway.rulebook, "PAGE", 40)

    def _line(self, _: Any, level: str, line: Any) -> str:
        self._log(level, str(line.pop("event", "")), line)
        raise structlog.DropEvent

    def __exit__(self, *_: object) -> None:
        for module, name, value in reversed(self._kept):
            setattr(module, name, value)
        structlog.reset_defaults()


class _Aiosqlite:
    """The module, for whichever process lives."""

    Connection = Queries.Connection

    def connect(self, database: str, **options: Any) -> Any:
        return Process.current.queries.connect(database, **options)
