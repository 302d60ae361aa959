"""A GSM modem as a bearer: opened, initialised, watched, used; healed when it is sick; parked when nothing helps.

Owns the life of one modem, and the state of its link: each bad state has its own reason and remedy. One task;
all that is said to the modem is said by it, one command after the other. Never does: retry a segment, or judge
messages; never raises for what a modem, a SIM or a network does. See drivers.bearer.Bearer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence

import structlog

from drivers.bearer import Emit, Event, LinkChanged, NotStored, Segment, StateStore, Status, Unsent
from drivers.modem.access import Access, Means
from drivers.modem.ladder import ALWAYS, Ladder, Rung
from drivers.modem.line import PortLost
from drivers.modem.port_errors import PortError
from drivers.modem.recovery import climb
from drivers.modem.script import Silent, Trouble
from drivers.modem.service import Service
from drivers.modem.settings import Settings, Terms
from drivers.modem.shown import Fields

__all__ = ["Modem"]

_RETRY, _RETRY_MAX = 1.0, 10.0
"""Seconds between two tries to open a port."""
_RESTARTS, _RESTARTS_IN = 5, 300.0
"""So many restarts in so many seconds are a sickness: mostly a supply too weak for bursts of 2 A."""


class _Over(Exception):
    """The bearer was drained, or reset by hand."""


class Modem:
    """A Bearer. open() in drivers.modem makes it."""

    takes_whole = False
    from_own_number = True  # the SIM's

    def __init__(self, name: str, settings: Settings, terms: Terms, state: StateStore, means: Means) -> None:
        self.name = name
        self.ladder = Ladder(ALWAYS)
        self._clock = means.seams.clock
        self._times = means.seams.timings
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()
        self._moved = asyncio.Event()
        self.service = Service(
            name, settings, terms, state, means.seams, self._emitted, self._tell, self._wake.set
        )
        self._access = Access(name, settings, means, self.service.line, self.service.at)
        self._emit: Emit | None = None
        self._up: bool | None = None
        self._told = ("", "")
        self._allowed = 0
        self._draining = self._leaving = False
        self._order = ""
        self._unsent: list[Event] = []
        self._failures = 0
        self._restarts: list[float] = []
        self._shown: Fields = {}
        self._shown_at = float("-inf")
        self._tasks: set[asyncio.Future[None]] = set()
        self._log = structlog.get_logger("driver.modem").bind(bearer=name)

    # ── the contract ─────────────────────────────────────────────────────────────────────────────────────
    def credit(self) -> int:
        if self._draining or not self._up:
            return 0
        return max(0, self._allowed - self.service.sender.outstanding)

    def submit(self, segments: Sequence[Segment]) -> None:
        room = self.credit()
        self.service.sender.queue.extend(segments[:room])
        self._wake.set()
        if segments[room:]:
            # The caller is in the middle of handing over: these answers come a moment later.
            self._unsent += [Unsent(segment, "more than credit()") for segment in segments[room:]]
            asyncio.get_running_loop().call_soon(self._tell_unsent)

    async def run(self, emit: Emit) -> None:
        self._emit = emit
        self._up = None
        self._told = ("", "")
        try:
            while not self._leaving:
                await self._live()
            await asyncio.Event().wait()
        finally:
            self._emit = None  # from here on everything unanswered is the gateway's to settle
            self._up = False
            self.service.sender.drop()
            self.service.line.close()
            self._access.close()
            self._moved.set()

    async def drain(self, seconds: float) -> None:
        self._draining = True
        try:
            async with asyncio.timeout(seconds):
                while self._emit is not None and self.service.sender.outstanding:
                    await self._next_move()
                self._leave()
                while self._emit is not None and self._up is not False:
                    await self._next_move()
        except TimeoutError:
            self._leave()  # what is still unanswered, the gateway finds when run() ends

    def reset(self) -> None:
        self._order = "reset"
        self.ladder.operator()
        self.service.sender.operator()
        self.service.line.break_off("reset by the operator")
        self._hurry.set()
        self._wake.set()

    def _leave(self) -> None:
        self._leaving = True
        self._hurry.set()
        self._wake.set()

    async def _next_move(self) -> None:
        self._moved.clear()
        await self._moved.wait()

    # ── its life ─────────────────────────────────────────────────────────────────────────────────────────
    async def _live(self) -> None:
        """From opening to whatever ends it, and the wait after that."""
        wait = 0.0
        self._hurry.clear()
        try:
            await self._open()
            await self._serve()
        except _Over:
            self._close("link.closed", "closed by the gateway")
        except PortLost as lost:
            wait = self._unplugged("port.lost", f"{lost}: plug the modem in again, it is taken up by itself")
        except PortError as error:
            wait = self._unplugged(error.reason, error.detail)
        except Silent as silence:
            wait = await self._heal(
                "modem.silent", f"{silence}: see power and cable, and that it is the AT port"
            )
        except Trouble as trouble:
            if trouble.recovers:
                wait = await self._heal(trouble.reason, trouble.detail)
            else:
                self._fall(trouble.reason, trouble.detail)
                wait = self._times.heal
        if not self._leaving:
            await self._rest(wait)

    async def _open(self) -> None:
        await self._access.open()
        self._failures = 0
        self.ladder.available = self._access.rungs | {Rung.GIVE_UP}
        self.service.quirks = self._access.quirks

    async def _serve(self) -> None:
        service = self.service
        await service.begin()
        while True:
            self._wake.clear()
            if self._leaving:
                await service.settle()
                raise _Over
            if service.line.lost:
                raise PortLost(service.line.lost)
            self.ladder.well(self._clock())
            if service.restart:
                await self._restart()
            self._turn()
            if not await service.errand(sending=self._up is True):
                await self._nap()

    async def _restart(self) -> None:
        now = self._clock()
        self._log.warning("modem.restarted", detail=self.service.restart)
        self._restarts = [at for at in self._restarts if at > now - _RESTARTS_IN] + [now]
        if len(self._restarts) >= _RESTARTS:
            self._restarts.clear()
            detail = (
                f"it restarted {_RESTARTS} times in {_RESTARTS_IN / 60:g} min: see its supply (2 A in bursts)"
            )
            raise Trouble("modem.restarts", detail, recovers=True)
        await self.service.begin()

    async def _nap(self) -> None:
        """Until somebody has something to do, or a round is due."""
        wait = max(0.0, self.service.due() - self._clock())
        try:
            async with asyncio.timeout(wait):
                await self._wake.wait()
        except TimeoutError:
            pass  # a round is due

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            pass  # nobody was in a hurry
        if self._order:
            self._order = ""
            self.service.line.close()

    # ── sickness ─────────────────────────────────────────────────────────────────────────────────────────
    async def _heal(self, reason: str, detail: str) -> float:
        """Up the ladder until there is something to begin with anew; gives the seconds to wait before that."""
        service = self.service
        while True:
            rung, wait = self.ladder.next(self._clock(), reason)
            self._log.warning("modem.sick", reason=reason, detail=detail, remedy=rung.value, wait=wait)
            if rung is Rung.GIVE_UP:
                service.line.close()
                self._fall("modem.gave_up", self.ladder.alarm or detail)
                return wait
            if rung is not Rung.ESCAPE:
                self._fall(reason, f"{detail} (trying {rung.value})")
            try:
                answers = await climb(
                    rung,
                    service.line,
                    self._access.power,
                    self._access.quirks,
                    wait,
                    self._rest_a_little,
                    self._times.reboot,
                )
            except Trouble as failure:
                detail = failure.detail
                continue
            if answers or rung is not Rung.ESCAPE:
                return 0.0
            self._fall(reason, detail)

    async def _rest_a_little(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            pass  # nobody was in a hurry

    def _unplugged(self, reason: str, detail: str) -> float:
        if self._order:
            reason, detail = "link.reset", "reset by the operator"
        self.ladder.unplugged()
        self._access.lost()
        self._close(reason, detail)
        wait = min(_RETRY * 1.5**self._failures, _RETRY_MAX) if not self._order else 0.0
        self._failures += 1
        return min(wait, self._times.heal)

    def _close(self, reason: str, detail: str) -> None:
        self._fall(reason, detail)
        self.service.line.close()

    def _fall(self, reason: str, detail: str) -> None:
        """It can't be used: every segment has its answer, and the operator the reason."""
        self.service.ended()
        events = self.service.sender.abandon(reason)
        self._tell([*events, *self._link(False, reason, detail)])
        self._moved.set()

    # ── to the gateway ───────────────────────────────────────────────────────────────────────────────────
    def _turn(self) -> None:
        """Tell what has changed since the last turn, if anything."""
        gate = self.service.gate()
        if gate is None:
            facts = self.service.facts
            events = self._link(
                True, "link.up", f"registered on {facts.operator or facts.code}" if facts else ""
            )
        else:
            events = self._link(False, *gate)
            if events:
                events = [*self.service.sender.give_back(gate[0]), *events]
        before = self.credit()
        after = self._room() - self.service.sender.outstanding
        if events or (self._up and after > before) or self._clock() - self._shown_at >= self._times.status:
            self._tell(events, must=bool(self._up) and after > before)

    def _room(self) -> int:
        """How many segments may be outstanding: none while it is sick or being initialised."""
        return 0 if self.service.facts is None else self.service.sender.allowed(self.service.books)

    def _link(self, up: bool, reason: str, detail: str) -> list[Event]:
        """One event for each change; a new reason to be down is one."""
        if self._up is up and (up or self._told[0] == reason):
            return []
        self._up = up
        self._told = (reason, detail)
        return [LinkChanged(up, reason, detail)]

    def _tell(self, events: Sequence[Event], must: bool = False) -> None:
        """Facts that nobody waits for. must: credit has risen, and only an emit says so."""
        fields = self._fields()
        said: list[Event] = list(events)
        if must or fields != self._shown:
            self._shown = fields
            self._shown_at = self._clock()
            said.append(Status("modem", fields))
        if said:
            future = asyncio.ensure_future(self._emitted(said))
            self._tasks.add(future)
            future.add_done_callback(self._heard_back)

    def _emitted(self, events: Sequence[Event]) -> Awaitable[None]:
        """Every event leaves here: what credit() will be is settled before."""
        self._allowed = self._room() if self._up else 0
        if self._emit is None:
            failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            failed.set_exception(NotStored("the bearer has ended"))
            return failed
        self._moved.set()
        return self._emit(events)

    def _heard_back(self, future: asyncio.Future[None]) -> None:
        self._tasks.discard(future)
        error = None if future.cancelled() else future.exception()
        if error is not None and self._emit is not None:
            self._log.error("events.failed", exc_info=error)

    def _tell_unsent(self) -> None:
        if self._unsent and self._emit is not None:
            events, self._unsent = self._unsent, []
            self._tell(events)

    def _fields(self) -> Fields:
        state = "up" if self._up else "down"
        fields: Fields = {"state": state, "reason": self._told[0], "detail": self._told[1]}
        fields |= self.service.fields()
        fields |= self.ladder.fields(self._clock())
        return fields
