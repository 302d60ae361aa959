"""A bearer with no network behind it: it accepts, refuses and brings receipts as its settings say.

For rehearsals (`driver = "simulated"` in a copy of the real configuration) and for tests of the gateway.
Keeps the bearer contract to the letter. All is drawn from one seed, and time is read from the clock given.
Works by batches: no task, timer or await per message.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf
from random import Random
from typing import Annotated, Any

from drivers.agenda import Agenda
from drivers.bearer import (
    Accepted,
    Doubtful,
    Emit,
    Event,
    Inbound,
    LinkChanged,
    MessageState,
    NotStored,
    Receipt,
    Refused,
    Remedy,
    Segment,
    StateStore,
    Status,
    Unsent,
)
from drivers.settings import Between, Duration, LongerThanZero
from drivers.sms.alphabet import fit

__all__ = ["Settings", "SimulatedBearer", "open"]

Outcome = Accepted | Refused | Doubtful
Brought = Receipt | Inbound
Percent = Annotated[float, Between(0, 100)]
REBIND = 0.1
"""Seconds that a reset takes."""

AGAIN = 1.0
"""Seconds until a receipt or MO that could not be stored is brought again."""

_THROTTLED, _SYSTEM_ERROR = 0x58, 0x08  # SMPP 3.4 §5.1.3, as an operator knows them


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the network that is not there does.

    window: unanswered segments. error_percent, throttled_percent: refused, to be tried again or as too fast.
    silent_percent: never answered, and in doubt after response_timeout. receipts: whether it sends any.
    receipt_delay: from the answer. undeliverable_percent: of what was accepted. reply_percent: delivered
    messages to which the handset writes reply_text. down_every: of the time bound, 0 for never.
    """

    latency: Duration = 0.05
    window: Annotated[int, Between(1, 100_000)] = 100
    error_percent: Percent = 0.0
    throttled_percent: Percent = 0.0
    silent_percent: Percent = 0.0
    response_timeout: LongerThanZero = 30.0
    receipts: bool = True
    receipt_delay: Duration = 1.0
    undeliverable_percent: Percent = 0.0
    reply_percent: Percent = 0.0
    reply_text: str = "STOP"
    down_every: Duration = 0.0
    down_for: LongerThanZero = 5.0
    seed: int = 1

    def faults(self) -> list[tuple[str, str]]:
        """None: each key tells for itself."""
        return []


class SimulatedBearer:
    """See drivers.bearer.Bearer. clock: steady seconds; wall: Unix seconds.

    counts: how many receipts and MOs the network was told are "stored", and how many "not_stored".
    """

    takes_whole = False
    from_own_number = False

    def __init__(
        self, name: str, settings: Settings, clock: Callable[[], float], wall: Callable[[], float]
    ) -> None:
        self.name = name
        self.counts: Counter[str] = Counter()
        self._settings = settings
        self._clock = clock
        self._wall = wall
        self._random = Random(settings.seed)  # noqa: S311 - a rehearsal that can be repeated
        self._ids = int(wall() * 1_000_000)  # so that two runs over one store give no id twice
        self._answers: Agenda[list[Outcome]] = Agenda()
        self._ahead: Agenda[list[Brought]] = Agenda()
        self._unsent: list[Event] = []
        self._outstanding = 0
        self._running = self._up = False
        self._up_at = self._down_at = 0.0
        self._cut = ""
        self._draining = self._leaving = False
        self._wake = asyncio.Event()
        self._moved = asyncio.Event()  # for drain(): answers were told, or the link was closed

    # ── the contract ────────────────────────────────────────────────────────────────────────────────────
    def credit(self) -> int:
        if not self._up or self._draining:
            return 0
        return max(0, self._settings.window - self._outstanding)

    def submit(self, segments: Sequence[Segment]) -> None:
        now = self._clock()
        room = self.credit()
        self._unsent += [Unsent(segment, "more than credit()") for segment in segments[room:]]
        answers: dict[float, list[Outcome]] = {}
        for segment in segments[:room]:
            delay, outcome = self._outcome(segment, now)
            answers.setdefault(delay, []).append(outcome)
        for delay, outcomes in answers.items():
            self._outstanding += len(outcomes)
            self._answers.add(now + delay, outcomes)
        self._wake.set()

    async def run(self, emit: Emit) -> None:
        self._running = True
        try:
            while True:
                self._wake.clear()
                events = self._due(self._clock())
                if events:
                    self._tell(emit, events)
                    self._moved.set()
                else:
                    await self._sleep()
                    continue
                await asyncio.sleep(0)  # latency 0 must not keep the loop from others
        finally:
            self._running = self._up = False
            self._outstanding = 0  # the gateway holds these in doubt
            self._answers.clear()
            self._moved.set()

    async def drain(self, seconds: float) -> None:
        self._draining = True
        try:
            async with asyncio.timeout(seconds):
                while self._running and self._outstanding:
                    await self._next_move()
        except TimeoutError:
            pass  # what is still unanswered, the gateway finds when run() ends
        self._leaving = True
        self._wake.set()
        while self._running and self._up:
            await self._next_move()

    def reset(self) -> None:
        self._cut = "reset"
        self._wake.set()

    # ── what rehearsals and tests may order ─────────────────────────────────────────────────────────────
    def behave(self, **changes: Any) -> None:
        """Other settings from now on. Raises TypeError for one that there is not."""
        self._settings = replace(self._settings, **changes)
        self._wake.set()

    def cut(self) -> None:
        """Lose the link, for down_for seconds."""
        self._cut = "connection_lost"
        self._wake.set()

    def inject_mo(self, source: str, destination: str, text: str) -> None:
        """A handset writes one message; source, destination: canonical."""
        self._ahead.add(self._clock(), [self._mo(source, destination, text, self._wall())])
        self._wake.set()

    # ── the network ─────────────────────────────────────────────────────────────────────────────────────
    def _outcome(self, segment: Segment, now: float) -> tuple[float, Outcome]:
        """(seconds until then, what the network says); what follows from it is ahead when this returns."""
        s = self._settings
        if self._drawn(s.throttled_percent):
            return s.latency, Refused(segment, Remedy.SLOW_DOWN, _THROTTLED, "simulated: too fast")
        if self._drawn(s.error_percent):
            return s.latency, Refused(segment, Remedy.RETRY, _SYSTEM_ERROR, "simulated: system error")
        self._ids += 1
        carrier_id = f"{self._ids:x}"
        self._follow_up(segment, carrier_id, s.latency + s.receipt_delay, now)
        if self._drawn(s.silent_percent):
            return s.response_timeout, Doubtful(segment, f"no response within {s.response_timeout:g} s")
        return s.latency, Accepted(segment, carrier_id, carrier_id)

    def _follow_up(self, segment: Segment, carrier_id: str, after: float, now: float) -> None:
        s = self._settings
        wall = self._wall() + after
        delivered = not self._drawn(s.undeliverable_percent)
        brought: list[Brought] = []
        if s.receipts and segment.want_receipt:
            state = MessageState.DELIVERED if delivered else MessageState.UNDELIVERABLE
            code = "000" if delivered else "001"
            raw = f"id:{carrier_id} stat:{state.name[:7]} err:{code}".encode()
            brought.append(
                Receipt(carrier_id, (carrier_id,), state, True, segment.destination, code, wall, raw)
            )
        if delivered and self._drawn(s.reply_percent):
            brought.append(self._mo(segment.destination, segment.source, s.reply_text, wall))
        if brought:
            self._ahead.add(now + after, brought)

    def _mo(self, source: str, destination: str, text: str, at: float) -> Inbound:
        data_coding, payload = fit(text)
        return Inbound(source, destination, data_coding, b"", payload, at, payload)

    def _drawn(self, percent: float) -> bool:
        return percent > 0 and self._random.random() * 100 < percent

    # ── what has happened by now ────────────────────────────────────────────────────────────────────────
    def _due(self, now: float) -> list[Event]:
        """All of it, in the order that the gateway should learn it."""
        events, self._unsent = self._unsent, []
        if not self._up and not self._leaving and now >= self._up_at:
            self._up = True
            self._cut = ""
            self._down_at = now + self._settings.down_every
            events += [LinkChanged(True, "bound", "simulated"), Status(self.name, {"simulated": True})]
        for outcomes in self._answers.due(now):
            self._outstanding -= len(outcomes)
            events += outcomes
        if self._up:
            for brought in self._ahead.due(now):
                events += brought
            events += self._link_lost(now)
        return events

    def _link_lost(self, now: float) -> list[Event]:
        """If so: what was on the wire is in doubt, and the link is down."""
        s = self._settings
        if not self._cut and s.down_every and now >= self._down_at:
            self._cut = "connection_lost"
        reason = self._cut or ("unbound" if self._leaving else "")
        if not reason:
            return []
        self._cut = ""
        self._up = False
        self._up_at = now + (REBIND if reason == "reset" else s.down_for)
        lost: list[Event] = []
        if reason != "unbound":
            waiting = [outcome for outcomes in self._answers.due(inf) for outcome in outcomes]
            lost += [Doubtful(outcome.segment, f"link lost: {reason}") for outcome in waiting]
            self._outstanding = 0
        return [*lost, LinkChanged(False, reason, "simulated")]

    def _tell(self, emit: Emit, events: list[Event]) -> None:
        """Answers are told once; what the network brings, it brings until it is stored."""
        brought = [event for event in events if isinstance(event, Receipt | Inbound)]
        stored = asyncio.ensure_future(emit(events))
        stored.add_done_callback(lambda done: self._stored(done, brought))

    def _stored(self, done: asyncio.Future[None], brought: list[Brought]) -> None:
        error = None if done.cancelled() else done.exception()
        if error is not None and not isinstance(error, NotStored):
            raise error  # the gateway's own fault: the loop reports it
        if not done.cancelled() and error is None:
            self.counts["stored"] += len(brought)
        elif brought:
            self.counts["not_stored"] += len(brought)
            self._ahead.add(self._clock() + AGAIN, brought)
            self._wake.set()

    async def _sleep(self) -> None:
        """Until something is due, or somebody ordered something."""
        moments = [self._answers.next]
        if self._up:
            moments += [self._ahead.next, self._down_at if self._settings.down_every else None]
        elif not self._leaving:
            moments.append(self._up_at)
        first = min((moment for moment in moments if moment is not None), default=None)
        timer = None
        if first is not None:
            wait = max(0.0, first - self._clock())
            timer = asyncio.get_running_loop().call_later(wait, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            if timer is not None:
                timer.cancel()

    async def _next_move(self) -> None:
        self._moved.clear()
        await self._moved.wait()


def open(  # noqa: A001 - every driver has it by this name
    name: str,
    settings: Settings,
    state: StateStore,  # noqa: ARG001 - there is nothing to remember
    clock: Callable[[], float] = time.monotonic,
    wall: Callable[[], float] = time.time,
) -> SimulatedBearer:
    """The bearer of that name. clock and wall are for tests that want their own time."""
    return SimulatedBearer(name, settings, clock, wall)
