"""Keeps every bearer running, and hands on what it emits: answers, receipts, replies, the state of its link.

One task a bearer. A driver that dies is started again, with backoff and one line in the log; what it had not
answered is in doubt. `emit` begins its work when it is called, so that a driver may call it from a callback;
what it returns is done when receipts and replies are durable, and only then is the network told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

import structlog

from drivers.bearer import (
    Accepted,
    Doubtful,
    Event,
    Inbound,
    Late,
    LinkChanged,
    NotStored,
    Receipt,
    Refused,
    Status,
    Unsent,
)
from gateway.dispatch import Dispatcher
from gateway.events import LinkMoved, StatusMoved
from gateway.last_writers import LastWriters
from gateway.ledger import Ledger
from gateway.mo import MobileOriginated
from gateway.outcomes import Outcome
from gateway.receipts import Receipts
from gateway.road import Road
from gateway.throttle import Backoff

__all__ = ["Links"]

log = structlog.get_logger("gateway.links")

STEADY = 60.0
"""A driver that ran for so many seconds had started well: its failure is a first one."""

_OUTCOMES = (Accepted, Refused, Unsent, Doubtful)


class Links:
    """See the module."""

    def __init__(
        self,
        ledger: Ledger,
        dispatcher: Dispatcher,
        receipts: Receipts,
        mo: MobileOriginated,
        draw: Callable[[], float],
        writers: LastWriters,
    ) -> None:
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._receipts = receipts
        self._mo = mo
        self._draw = draw
        self._writers = writers
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._done.set_result(None)

    # ── running them ─────────────────────────────────────────────────────────────────────────────────────
    def start(self, road: Road) -> None:
        self._dispatcher.roads[road.name] = road
        self._dispatcher.health_changed()
        self._tasks[road.name] = asyncio.create_task(self._keep(road), name=f"bearer {road.name}")

    async def stop(self, name: str, seconds: float) -> None:
        """Drain and close one bearer; its segments still unanswered are in doubt."""
        road = self._dispatcher.roads[name]
        road.draining = True
        self._dispatcher.closed(road)
        try:
            await road.bearer.drain(seconds)
        except Exception:  # whatever it was, the others must still be closed
            log.exception("bearer.drain_failed", bearer=name)
        task = self._tasks.pop(name)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self._dispatcher.ended(road)
        self._moved(road, up=False, reason="stopped", detail="closed by the gateway")
        del self._dispatcher.roads[name]
        self._dispatcher.health_changed()

    async def stop_all(self, seconds: float) -> None:
        await asyncio.gather(*(self.stop(name, seconds) for name in list(self._tasks)))

    async def _keep(self, road: Road) -> None:
        backoff = Backoff(1.0, 60.0)
        failures = 0
        while True:
            began = self._ledger.clock.now()
            try:
                await road.bearer.run(self._emitter(road))
                why = "run() returned"
            except asyncio.CancelledError:
                raise
            except Exception as error:  # whatever it was, the driver is started again
                why = f"{type(error).__name__}: {error}"
                log.exception("bearer.failed", bearer=road.name)
            failures = 1 if self._ledger.clock.now() - began > STEADY else failures + 1
            self._dispatcher.ended(road)
            self._moved(road, up=False, reason="driver.failed", detail=why)
            await asyncio.sleep(backoff.wait(failures, self._draw()))

    # ── what they emit ───────────────────────────────────────────────────────────────────────────────────
    def _emitter(self, road: Road) -> Callable[[Sequence[Event]], Awaitable[None]]:
        def emit(events: Sequence[Event]) -> Awaitable[None]:
            return self._emitted(road, events)

        return emit

    def _emitted(self, road: Road, events: Sequence[Event]) -> asyncio.Future[None]:
        outcomes: list[Outcome] = []
        receipts: list[Receipt] = []
        inbound: list[Inbound] = []
        late: list[Accepted | Refused] = []
        for event in events:
            kind = type(event)  # the two that come by the thousand first
            if kind is Receipt:
                receipts.append(cast("Receipt", event))
            elif kind is Accepted or isinstance(event, _OUTCOMES):
                outcomes.append(cast("Outcome", event))
            elif isinstance(event, Inbound):
                inbound.append(event)
            elif isinstance(event, Late):
                late.append(event.outcome)
            elif isinstance(event, LinkChanged):
                self._moved(road, event.up, event.reason, event.detail)
            elif isinstance(event, Status):
                self._shown(road, event)
        if outcomes:
            road.last_accept = now = self._ledger.clock.now()
            road.answers.take(len(outcomes), now)
            accepted = road.accepted
            self._writers.answered(road.name, road.bearer.from_own_number, outcomes)
            self._dispatcher.outcomes.answered(road, outcomes)
            if road.accepted - accepted < len(outcomes) or road.health.sick:
                self._looked_at(road, road.look_at(outcomes, now))
            self._dispatcher.pump(road)
        if late:  # they say nothing of the link as it is now
            self._writers.answered(road.name, road.bearer.from_own_number, late)
            self._dispatcher.outcomes.late.heard(road, late)
            self._dispatcher.pump(road)
        waits: list[asyncio.Future[None]] = []
        try:
            if receipts:
                waits.append(self._receipts.handle(road.name, receipts))
            if inbound:
                waits.append(self._mo.handle(road.name, inbound, road.own_number))
        except NotStored as error:
            return self._failed(error)
        if not waits:
            return self._done
        return waits[0] if len(waits) == 1 else self._all(waits)

    def _failed(self, error: NotStored) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_exception(error)
        future.exception()
        return future

    def _all(self, waits: Sequence[asyncio.Future[None]]) -> asyncio.Future[None]:
        async def both() -> None:
            await asyncio.gather(*waits)

        return asyncio.ensure_future(both())

    def _shown(self, road: Road, status: Status) -> None:
        fields = dict(status.fields)
        if road.status.get(status.identity) != fields:
            road.status[status.identity] = fields
            self._ledger.bus.publish(
                StatusMoved(road.name, status.identity, fields, self._ledger.clock.wall_ms())
            )

    def _looked_at(self, road: Road, turn: str) -> None:
        """A bearer that is open and takes nothing is as good as down: routes may use the next tier."""
        if not turn:
            return
        sick = road.health.sick
        self._dispatcher.health_changed()
        log.log(30 if sick else 20, "bearer.sick" if sick else "bearer.well", bearer=road.name, reason=sick)
        reason = "sick" if sick else "well"
        self._ledger.bus.publish(LinkMoved(road.name, True, reason, sick, self._ledger.clock.wall_ms()))

    def _moved(self, road: Road, up: bool, reason: str, detail: str) -> None:
        health = road.health
        if health.up == up and health.reason == reason:
            return
        health.moved(up, reason, self._ledger.clock.now())
        self._dispatcher.health_changed()
        log.log(
            20 if up else 30,
            "bearer.up" if up else "bearer.down",
            bearer=road.name,
            reason=reason,
            detail=detail,
        )
        self._ledger.bus.publish(LinkMoved(road.name, up, reason, detail, self._ledger.clock.wall_ms()))
        if up:
            self._dispatcher.pump(road)
        else:
            self._dispatcher.closed(road)
