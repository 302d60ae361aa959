"""One bind of a bearer: connects, binds, lives, falls, waits, and again; each time with a new session.

Owns: the connection, its reconnect loop, and the log line at each change of its state. Promises: an end is
told to the owner exactly once, at once, with the requests that had no answer. Never does: judge messages;
what came goes to the owner in the callback that brought it. Used by esme.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from ssl import SSLContext
from typing import Protocol

import structlog

from drivers.bearer import Status
from drivers.smpp import transport as wire
from drivers.smpp.codec import bind_body
from drivers.smpp.pdu import Command, CommandStatus
from drivers.smpp.reconnect import Backoff, worth_a_line
from drivers.smpp.session import Closing, Received, Session, Side
from drivers.smpp.settings import Settings
from drivers.smpp.states import BOUND
from drivers.smpp.status import describe, is_fatal_bind
from drivers.smpp.transport import SmppTransport

__all__ = ["Bind", "Cause", "Owner", "Seams"]

BIND_TIMEOUT = 10.0
CONNECT_TIMEOUT = 10.0
OWED_MAX = 2_000
"""deliver_sm being stored, by connection; above it nothing is read until half of them are answered."""

_VERSIONS = {"3.3": 0x33, "3.4": 0x34, "5.0": 0x50}
_ROLES = {
    Command.BIND_TRANSCEIVER: "transceiver",
    Command.BIND_TRANSMITTER: "transmitter",
    Command.BIND_RECEIVER: "receiver",
}
_REASONS = {
    Closing.UNBOUND: "link.unbound",
    Closing.PEER_UNBOUND: "link.unbound_by_peer",
    Closing.BIND_REFUSED: "bind.refused",
    Closing.BIND_TIMEOUT: "bind.timeout",
    Closing.DEAD: "link.dead",
    Closing.LOST: "link.lost",
    Closing.LOCAL: "link.reset",
}


class Cause:
    """Why a bind fell. reason: a dotted word; detail: for people; by_hand: only a human can mend it."""

    __slots__ = ("by_hand", "detail", "reason", "status")

    def __init__(self, reason: str, detail: str, status: int = 0) -> None:
        self.reason = reason
        self.detail = detail
        self.status = status
        self.by_hand = is_fatal_bind(status)


class Owner(Protocol):
    """The bearer, as its binds see it."""

    draining: bool

    def bound(self, bind: Bind) -> None: ...

    def fell(self, bind: Bind, unanswered: list[object], cause: Cause) -> None: ...

    def took(self, bind: Bind, transport: SmppTransport, received: Received) -> None: ...

    def changed(self, bind: Bind) -> None:
        """Its credit has changed without any of the above."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seams:
    """What tests replace. clock: steady seconds; wall: Unix seconds; random: 0 to 1; by_hand: seconds to
    wait where only a human can mend a refusal.
    """

    clock: Callable[[], float]
    wall: Callable[[], float]
    random: Callable[[], float]
    by_hand: float


class Bind:
    """See the module. transport: of the present connection, bound or not; None between two. owed: deliver_sm
    given to the owner and not answered yet.
    """

    def __init__(
        self, name: str, command: Command, bearer: str, settings: Settings, tls: SSLContext | None,
        seams: Seams, owner: Owner,
    ) -> None:  # fmt: skip
        self.name = name
        self.command = command
        self.transmits = command != Command.BIND_RECEIVER
        self.transport: SmppTransport | None = None
        self.owed = 0
        self._settings = settings
        self._tls = tls
        self._seams = seams
        self._owner = owner
        self._backoff = Backoff(settings.reconnect, seams.by_hand)
        self._wait = 0.0
        self._detail = ""
        self._since = seams.wall()
        self._bound_at: float | None = None
        self._ended: asyncio.Event = asyncio.Event()
        self._hurry: asyncio.Event = asyncio.Event()
        self._log = structlog.get_logger("driver.smpp").bind(bearer=bearer, bind=name)

    @property
    def room(self) -> int:
        """Segments it takes now."""
        transport = self.transport
        return transport.session.room if transport is not None and transport.writable else 0

    @property
    def waiting(self) -> int:
        """Requests without answer."""
        return 0 if self.transport is None else len(self.transport.session.window.pending)

    def status(self) -> Status:
        up = self._bound_at is not None
        fields: dict[str, str | int | float | bool] = {
            "state": "bound" if up else "down",
            "role": _ROLES[self.command],
            "since": self._since,
            "peer": f"{self._settings.host}:{self._settings.port}",
            "window": self._settings.window,
        }
        if up and self.transport is not None:
            fields["system_id"] = self.transport.session.peer_system_id.decode("latin-1")
        else:
            fields |= {"detail": self._detail, "failures": self._backoff.failures, "next_try": self._wait}
        return Status(self.name, fields)

    # ── its life ─────────────────────────────────────────────────────────────────────────────────────────
    async def keep(self) -> None:
        """Connect and reconnect until cancelled, or until the bearer drains."""
        while not self._owner.draining:
            self._hurry.clear()
            await self._live()
            if not self._owner.draining:
                await self._pause(self._wait)

    async def _live(self) -> None:
        """One connection, from connect to its end."""
        self._ended.clear()
        settings = self._settings
        session = Session(
            Side.ESME,
            window=settings.window,
            enquire_link=settings.enquire_link,
            response_timeout=settings.response_timeout,
            bind_timeout=BIND_TIMEOUT,
        )
        try:
            await wire.connect(
                settings.host, settings.port, session, self, self._tls, CONNECT_TIMEOUT, self._seams.clock
            )
        except (OSError, UnicodeError) as error:  # UnicodeError: a host that no DNS name can be
            if not self._ended.is_set():
                self._fell([], Cause("connect.failed", f"{type(error).__name__}: {error}"))
            return
        await self._ended.wait()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            pass  # nobody was in a hurry

    def restart(self) -> None:
        """Close what there is and connect anew, without waiting."""
        self._backoff.failures = 0
        self.shut("reset by the operator")
        self._hurry.set()

    def shut(self, detail: str) -> None:
        """Close the connection now; its unanswered requests are told to the owner."""
        if self.transport is not None:
            self.transport.close(Closing.LOCAL, detail)

    def leave(self) -> None:
        """Say unbind; the session closes once everything is answered."""
        transport = self.transport
        if transport is not None:
            transport.session.unbind(self._seams.clock())
            transport.flush()
        self._hurry.set()

    # ── what its transport says ──────────────────────────────────────────────────────────────────────────
    def connected(self, transport: SmppTransport) -> None:
        self.transport = transport
        self.owed = 0
        if self._owner.draining:
            self.shut("the bearer drains")
            return
        settings = self._settings
        body = bind_body(
            settings.system_id.encode("ascii"),
            settings.password.encode("ascii"),
            settings.system_type.encode("ascii"),
            _VERSIONS[settings.interface_version],
        )
        transport.session.bind(self.command, body, self._seams.clock())

    def received(self, transport: SmppTransport, received: Received) -> None:
        if received.bind_answered and transport.session.state in BOUND:
            self._since = self._seams.wall()
            self._bound_at = self._seams.clock()
            peer = transport.session.peer_system_id.decode("latin-1")
            self._log.info("bind.up", peer=transport.peer, system_id=peer, role=_ROLES[self.command])
            self._owner.bound(self)
        self._owner.took(self, transport, received)

    def owes(self, transport: SmppTransport, count: int) -> None:
        """Requests were given to the owner (or, below zero, answered): an SMSC in a flood is held back."""
        if transport is not self.transport:
            return
        before = self.owed
        self.owed += count
        if before <= OWED_MAX < self.owed:
            transport.hold_reading(True)
        elif self.owed <= OWED_MAX // 2 < before:
            transport.hold_reading(False)

    def writable(self, transport: SmppTransport, writable: bool) -> None:
        if writable and transport is self.transport:
            self._owner.changed(self)

    def closed(self, transport: SmppTransport, reason: str, unanswered: list[object]) -> None:
        session = transport.session
        self.transport = None
        status = session.bind_status or 0
        cause = Cause(_REASONS.get(Closing(reason), f"link.{reason}"), session.closed_detail, status)
        if status:
            cause.detail = _advice(status)
        self._fell(unanswered, cause)

    def failed(self, transport: SmppTransport, error: Exception) -> None:
        self._log.error("bind.fault", peer=transport.peer, exc_info=error)

    def _fell(self, unanswered: list[object], cause: Cause) -> None:
        now = self._seams.clock()
        if self._bound_at is not None:
            self._backoff.lived(now - self._bound_at)
            self._bound_at = None
            self._since = self._seams.wall()
            self._log.warning(
                "bind.down", reason=cause.reason, detail=cause.detail, unanswered=len(unanswered)
            )
        self._wait = self._backoff.failed(cause.status, self._seams.random())
        if cause.by_hand:
            cause.detail += f"; next try in {_minutes(self._wait)}"
        self._detail = cause.detail
        failures = self._backoff.failures
        if worth_a_line(failures) and not self._owner.draining:
            wait = round(self._wait, 3)
            self._log.info(
                "bind.waits", reason=cause.reason, detail=cause.detail, failures=failures, wait=wait
            )
        self._ended.set()
        self._owner.fell(self, unanswered, cause)


def _advice(status: int) -> str:
    """What to do about a refused bind."""
    if status in (CommandStatus.ESME_RINVPASWD, CommandStatus.ESME_RINVSYSID, CommandStatus.ESME_RBINDFAIL):
        return f"wrong password or system_id: ask the carrier. {describe(status)}"
    return f"bind refused. {describe(status)}"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.3g} s"
