"""`chappe run`: the daemon in the foreground, and what signals mean to it.

SIGTERM and SIGINT drain (30 s at most) and end with 0; a second one ends at once. SIGHUP reloads: what can't
be used is logged and the old configuration stays. What keeps it from starting is one line that says what to
do: exit 78 when only a person can mend it (configuration, a store from a newer version), else 1.
"""

from __future__ import annotations

import asyncio
import errno
import importlib.util
import os
import signal
import ssl
import sys
from collections.abc import Callable
from typing import Any

import click
import structlog

from drivers.smpp.dialect import DialectError
from gateway.app import App
from gateway.cli.config_file import BAD_CONFIGURATION, config_option, load
from gateway.config import Config, ConfigError, warnings
from gateway.notify import notify, reloading
from gateway.reload import ReloadRefused
from gateway.secrets import SecretError
from gateway.stores.store import StoreError, StoreNewer
from gateway.watchers import log as logging

__all__ = ["DRAIN", "Daemon", "event_loop", "run", "why_not"]

DRAIN = 30.0
"""Seconds that what is on the wire may take to be answered for."""

log = structlog.get_logger("gateway")

CANNOT_START = (StoreError, OSError, DialectError, SecretError)
"""What App.start raises for reasons that an operator can do something about."""


@click.command()
@config_option
def run(config: str | None) -> None:
    """The gateway itself, in the foreground.

    SIGTERM or Ctrl-C drains and ends, a second one ends at once; SIGHUP reads the configuration again.
    """
    configuration = load(config)
    os.umask(0o027)  # texts and numbers are in the store: not for everybody on this machine
    logging.configure(configuration.log)
    for text in warnings(configuration):
        log.warning("config.warning", detail=text)
    with asyncio.Runner(loop_factory=event_loop()) as runner:
        code = runner.run(Daemon(configuration).live())
    sys.exit(code)


def event_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The loop of uvloop where it is installed, else asyncio's own."""
    if importlib.util.find_spec("uvloop") is None:
        return None
    import uvloop

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


class Daemon:
    """One App and the signals that reach it."""

    def __init__(self, config: Config) -> None:
        self.app = App(config)
        self._stops = 0
        self._stop = asyncio.Event()
        self._at_once = asyncio.Event()
        self._reloading: asyncio.Task[None] | None = None

    async def live(self) -> int:
        """From start to end; the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop, signal.Signals(number).name)
        loop.add_signal_handler(signal.SIGHUP, self._asked_to_reload)
        try:
            await self.app.start()
        except CANNOT_START as error:
            click.echo(f"chappe: {why_not(error, self.app.config)}", err=True)
            return BAD_CONFIGURATION if _for_a_person(error) else 1
        await self._stop.wait()
        await self._end()
        return 0

    def _asked_to_stop(self, name: str) -> None:
        self._stops += 1
        log.info("gateway.stopping", signal=name, drain=0 if self._stops > 1 else DRAIN)
        (self._stop if self._stops == 1 else self._at_once).set()

    async def _end(self) -> None:
        """Drain; or, once a second signal has come, close with what is on the wire in doubt."""
        draining = asyncio.ensure_future(self.app.stop(DRAIN))
        impatient = asyncio.ensure_future(self._at_once.wait())
        await asyncio.wait([draining, impatient], return_when=asyncio.FIRST_COMPLETED)
        impatient.cancel()
        if not draining.done():
            draining.cancel()
            await asyncio.gather(draining, return_exceptions=True)
            await self.app.stop(0.0)
        else:
            draining.result()
        log.info("gateway.stopped")

    def _asked_to_reload(self) -> None:
        if self._stops or (self._reloading is not None and not self._reloading.done()):
            log.warning("reload.ignored", detail="stopping" if self._stops else "one is under way")
            return
        self._reloading = asyncio.ensure_future(self._reload())

    async def _reload(self) -> None:
        reloading()
        what = "the configuration was refused, the former one is in force; "
        try:
            if await self._reloaded():
                what = ""
        finally:  # without READY=1, `systemctl reload` would wait for ever
            if not self._stops:  # STOPPING=1 is the last word
                notify("READY=1", f"STATUS={what}{self.app.queue.count} messages wait")

    async def _reloaded(self) -> bool:
        """Whether the file is in force now; the log says what changed, or what is wrong with it."""
        try:
            changes: list[dict[str, Any]] = await self.app.reload()
        except ConfigError as error:
            faults = [str(fault) for fault in error.faults]
            log.error("reload.refused", faults=faults)  # noqa: TRY400 - the operator's fault, no trace of ours
        except ReloadRefused as error:
            log.error("reload.refused", detail=str(error))  # noqa: TRY400 - as above
        except (*CANNOT_START, ValueError) as error:
            log.exception("reload.failed", detail=str(error))
        else:
            log.info("reload.done", changes=[change["change"] for change in changes])
            return True
        return False


def _for_a_person(error: Exception) -> bool:
    """Whether starting again can't help: a newer store, a dialect or a certificate that can't be used."""
    return isinstance(error, StoreNewer | DialectError | SecretError | ssl.SSLError)


def why_not(error: Exception, config: Config) -> str:
    """Why the gateway did not start, and what to do, in a line."""
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}: look at the tls_… files of {config.path}"
    door, host, port = _door(error, config)
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE and door:
        return (
            f"{host}:{port} is in use by another program: stop it (`ss -ltnp 'sport = :{port}'` names"
            f" it), or give {door}.port another number"
        )
    if isinstance(error, OSError) and error.errno == errno.EADDRNOTAVAIL and door:
        return f"{host} is no address of this machine: change {door}.host"
    if isinstance(error, OSError) and error.errno == errno.EACCES and error.filename is None:
        return f"the port may not be opened ({error.strerror}): below 1024 it needs CAP_NET_BIND_SERVICE"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _door(error: Exception, config: Config) -> tuple[str, str, int]:
    """The listener that an error names by its port, or else the first one: (key, host, port)."""
    doors = [
        (f"listeners.{name}", settings.host, settings.port)
        for name, settings in (("smpp", config.smpp), ("http", config.http))
        if settings is not None
    ]
    return next((door for door in doors if str(door[2]) in str(error)), doors[0] if doors else ("", "", 0))
