"""Chappe as the SMSC of its applications: the port, who is bound, and what all binds share.

What one connection does is in bind.py, the rare requests in requests.py. One timer ticks every session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

import structlog

from drivers.smpp.session import Closing, Session, Side
from drivers.smpp.transport import SmppTransport, listen
from gateway.accounts import Account, Accounts, Refusal
from gateway.answers import Answer
from gateway.bus import Bus
from gateway.clock import Clock
from gateway.config.sections import SmppListenerSettings
from gateway.events import AccountMoved
from gateway.intake import Intake
from gateway.listeners.bind import Application
from gateway.listeners.certificate import Certificate
from gateway.listeners.requests import Requests
from gateway.model import Note
from gateway.outbox import Outbox

__all__ = ["SmppListener"]

log = structlog.get_logger("listener.smpp")

TICK = 0.25
LATER = 5.0
"""Seconds before a note that an application refused for now is given again."""
REPEATS = 60.0
"""A line about the same thing from the same account is written once in so many seconds, with a count."""


class SmppListener:
    """See the module."""

    def __init__(
        self,
        settings: SmppListenerSettings,
        accounts: Accounts,
        intake: Intake,
        outbox: Outbox,
        requests: Requests,
        bus: Bus,
        clock: Clock,
    ) -> None:
        self.settings = settings
        self.accounts = accounts
        self.intake = intake
        self.outbox = outbox
        self.requests = requests
        self.clock = clock
        self.system_id = settings.system_id.encode("ascii")
        self.port = settings.port
        self._bus = bus
        self._server: asyncio.Server | None = None
        self._tls: Certificate | None = None
        self._open: dict[Application, None] = {}  # in the order in which they came
        self._ticker: asyncio.Task[None] | None = None
        self._later: list[tuple[float, str, list[Note]]] = []
        self._said: dict[tuple[str, str], list[float]] = {}

    # ── life ─────────────────────────────────────────────────────────────────────────────────────────────
    async def start(self) -> None:
        settings = self.settings
        if settings.tls_certificate_file is not None and settings.tls_key_file is not None:
            self._tls = Certificate(
                settings.tls_certificate_file, settings.tls_key_file, settings.tls_client_ca_file
            )
        context = self._tls.context if self._tls is not None else None
        self._server = await listen(settings.host, settings.port, self._connection, context)
        self.port = self._server.sockets[0].getsockname()[1]
        self._ticker = asyncio.create_task(self._tick(), name="smpp listener ticks")
        log.info(
            "listener.open", host=settings.host, port=self.port, tls=self.settings.tls_key_file is not None
        )

    async def drain(self, seconds: float) -> None:
        """No new connection; unbind from each application once what it submitted is answered."""
        if self._server is not None:
            self._server.close()
        for application in list(self._open):
            if application.transport is not None:
                application.transport.session.unbind(self.clock.now())
                application.transport.flush()
        deadline = self.clock.now() + seconds
        while self._open and self.clock.now() < deadline:  # noqa: ASYNC110 - a poll of a few seconds, once in a life
            await asyncio.sleep(0.05)

    async def stop(self) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
        if self._server is not None:
            self._server.close()
        for application in list(self._open):
            if application.transport is not None:
                application.transport.close("stopped", "the gateway stops")

    def binds(self) -> Iterator[Application]:
        return iter(self._open)

    def resize_windows(self) -> None:
        """Accounts may have a new window: it holds for the notes of binds that stand, too."""
        for application in self._open:
            if application.account is not None and application.transport is not None:
                application.transport.session.window.size = application.account.window

    def dismiss(self, removed: Sequence[str]) -> None:
        """Unbind from accounts that the configuration no longer has."""
        for application in list(self._open):
            if application.name in removed and application.transport is not None:
                application.transport.session.unbind(self.clock.now())
                application.transport.flush()

    def _connection(self) -> SmppTransport:
        settings = self.settings
        session = Session(
            Side.SMSC,
            window=1,
            enquire_link=settings.enquire_link,
            response_timeout=30.0,
            bind_timeout=settings.bind_timeout,
        )
        return SmppTransport(session, Application(self), self.clock.now)

    def renewal(self) -> Callable[[], None]:
        """A reload: the certificate as it is now, in force once this is called. Raises ConfigError."""
        return self._tls.renewal("smpp") if self._tls is not None else lambda: None

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            try:
                self._turn(self.clock.now())
            except Exception:  # one connection's fault must not stop the timers of all
                log.exception("listener.failed")

    def _turn(self, now: float) -> None:
        for application in list(self._open):
            transport = application.transport
            if transport is not None:
                expired = transport.tick(now)
                if expired:
                    application.expired(expired)
        while self._later and self._later[0][0] <= now:
            _, account, notes = self._later.pop(0)
            self.outbox.again(account, notes)
            self.outbox.pump(account)

    # ── what connections tell ────────────────────────────────────────────────────────────────────────────
    def opened(self, application: Application) -> None:
        """With all places taken, who has been here longest without a bind makes room: strangers shut nobody out."""
        self._open[application] = None
        if len(self._open) <= self.settings.max_connections:
            return
        outsider = next((each for each in self._open if each.account is None), application)
        transport = outsider.transport
        if transport is not None:
            self._say("", "connection.refused", transport.peer, "listeners.smpp.max_connections are open")
            transport.close("full", f"{self.settings.max_connections} connections are open")

    def bound(self, application: Application, state: str) -> None:
        account, transport = application.account, application.transport
        assert account is not None
        assert transport is not None
        log.info("account.bound", account=account.name, peer=transport.peer, bind=state, binds=account.bound)
        self._bus.publish(
            AccountMoved(account.name, True, account.bound, transport.peer, state, self.clock.wall_ms())
        )

    def left(self, application: Application, reason: str, detail: str) -> None:
        self._open.pop(application, None)
        account, transport = application.account, application.transport
        if account is None or transport is None:
            if reason not in (Closing.LOST, Closing.PEER_UNBOUND) and transport is not None:
                self._say("", "connection.closed", transport.peer, f"{reason}: {detail}")
            return
        log.info(
            "account.left",
            account=account.name,
            peer=transport.peer,
            reason=reason,
            detail=detail,
            binds=account.bound,
        )
        self._bus.publish(
            AccountMoved(account.name, False, account.bound, transport.peer, reason, self.clock.wall_ms())
        )

    def refused(self, system_id: str, peer: str, refusal: Refusal) -> None:
        """The peer hears one refusal for all reasons; the log says which it was."""
        name = "".join(c if c.isprintable() else "?" for c in system_id)[:16]
        known = any(account.system_id == system_id for account in self.accounts)
        # Names that somebody makes up are one thing: each would be a line of its own otherwise.
        self._say(name, "bind.refused", peer, refusal.reason, "" if known else "bind.refused unknown")

    def noted(self, account: str, peer: str, event: str, detail: str) -> None:
        self._say(account, event, peer, detail)

    def turned_away(self, account: str, answer: Answer) -> None:
        self._say(account, "submit.refused", f"{answer.status:#06x}", answer.text)

    def later(self, account: str, notes: list[Note]) -> None:
        self._later.append((self.clock.now() + LATER, account, notes))

    def not_later(self, account: Account) -> list[Note]:
        """What was to come again later, when no bind is left for it: a webhook may have it at once."""
        if any(each.receives and each.account is account for each in self._open):
            return []
        mine = [entry for entry in self._later if entry[1] == account.name]
        self._later = [entry for entry in self._later if entry[1] != account.name]
        return [note for _, _, notes in mine for note in notes]

    @staticmethod
    def rfc3339(unix_ms: int) -> str:
        return (
            datetime.fromtimestamp(unix_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        )

    def _say(self, account: str, event: str, about: str, detail: str, same: str = "") -> None:
        """One line for the first, then one a minute with how many there were: a storm must not fill a disk.

        same: what makes lines of several accounts one thing.
        """
        now = self.clock.now()
        key = ("", same) if same else (account, f"{event} {about}" if event == "submit.refused" else event)
        said = self._said.get(key)
        if said is not None and now - said[0] < REPEATS:
            said[1] += 1
            return
        more = int(said[1]) if said is not None else 0
        if len(self._said) > 1000:
            self._said.clear()
        self._said[key] = [now, 0]
        log.warning(event, account=account, about=about, detail=detail, repeated=more)
