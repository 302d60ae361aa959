"""The bearer that speaks SMPP to a carrier's SMSC: several binds, one window of credit, facts in batches.

Owns: which bind a segment leaves by, what each answer means, and when a deliver_sm is acknowledged: after
its batch is durable, never before. Promises: all work is done in the callback that brought the octets, one
emit for each; there is no task, timer or future per message. Never does: retry or count tries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from ssl import SSLContext
from typing import cast

import structlog

from drivers.bearer import (
    Accepted,
    Doubtful,
    Emit,
    Event,
    Late,
    LinkChanged,
    NotStored,
    Refused,
    Segment,
    Status,
    Unsent,
)
from drivers.smpp.bind import Bind, Cause, Seams
from drivers.smpp.codec import response
from drivers.smpp.dialect import Dialect
from drivers.smpp.ids import Learner, canonical
from drivers.smpp.inbound import Reader
from drivers.smpp.pdu import Command, CommandStatus, Sm
from drivers.smpp.reconnect import worth_a_line
from drivers.smpp.segments import Encoder
from drivers.smpp.session import Received
from drivers.smpp.settings import Settings
from drivers.smpp.spread import Spread
from drivers.smpp.status import classify, describe
from drivers.smpp.transport import SmppTransport

__all__ = ["TICK", "Esme"]

TICK = 0.25
"""Seconds between two looks at the sessions' timers."""

_SUBMIT_SM = int(Command.SUBMIT_SM)


class Esme:
    """A Bearer (drivers.bearer). open() in drivers.smpp makes it."""

    from_own_number = False

    def __init__(
        self, name: str, settings: Settings, dialect: Dialect, tls: SSLContext | None, seams: Seams
    ) -> None:
        self.name = name
        self.takes_whole = settings.long_messages == "payload"
        self.draining = False
        self.dialect = dialect
        self._statuses = dialect.statuses
        self._clock = seams.clock
        self._wall = seams.wall
        self._encoder = Encoder(settings)
        self._reader = Reader(settings.default_alphabet, Learner(settings.message_id), dialect)
        roles = (
            [Command.BIND_TRANSCEIVER]
            if settings.bind == "transceiver"
            else [Command.BIND_TRANSMITTER, Command.BIND_RECEIVER]
        ) * settings.binds
        self._binds = [
            Bind(f"bind/{number}", role, name, settings, tls, seams, self)
            for number, role in enumerate(roles, 1)
        ]
        self._senders: list[Bind] = []
        self._emit: Emit | None = None
        self._unheard: list[Event] = []  # answers made by submit() itself
        self._tasks: set[asyncio.Future[None]] = set()
        self._up: bool | None = None
        self._told = ""
        self._spread: Spread[Bind] = Spread()
        self._counts: dict[str, int] = {}
        self._log = structlog.get_logger("driver.smpp").bind(bearer=name)

    # ── out ──────────────────────────────────────────────────────────────────────────────────────────────
    def credit(self) -> int:
        return 0 if self.draining else sum([bind.room for bind in self._senders])

    def submit(self, segments: Sequence[Segment]) -> None:
        now = self._clock()
        wall = self._wall()
        rooms = [] if self.draining else [(bind, bind.room) for bind in self._senders]
        shares, unsent = self._spread.over(segments, rooms)
        answers: list[Event] = [Unsent(segment, "link.no_room") for segment in unsent]
        for bind, share in shares:
            bodies, fitting, refused = self._encoder.bodies(share, wall)
            answers += refused
            transport = cast("SmppTransport", bind.transport)  # it had room a moment ago
            transport.session.send(_SUBMIT_SM, bodies, fitting, now)
            transport.flush()
        if answers:
            # The caller is in the middle of handing over: its answers come a moment later.
            self._unheard += answers
            asyncio.get_running_loop().call_soon(self._tell_unheard)

    def _tell_unheard(self) -> None:
        if self._unheard and self._emit is not None:
            answers, self._unheard = self._unheard, []
            self._report(answers)

    # ── in ───────────────────────────────────────────────────────────────────────────────────────────────
    def took(self, bind: Bind, transport: SmppTransport, received: Received) -> None:
        """Everything that one read brought: answers first, then what the SMSC delivers, in one emit."""
        events: list[Event] = []
        statuses = self._statuses
        for context, status, pdu in received.answers:
            segment = cast("Segment", context)
            if status == 0 and pdu is not None:
                carrier_id = pdu.message_id.decode("latin-1")
                events.append(Accepted(segment, carrier_id, canonical(carrier_id)))
            else:
                events.append(Refused(segment, classify(status, statuses), status, describe(status)))
        if received.late or received.notes:
            self._remarks(bind, received, events)
        if not received.requests:
            if events:
                self._report(events)
            return
        sms = [request for request in received.requests if isinstance(request, Sm)]
        if len(sms) < len(received.requests):
            for request in received.requests:
                if not isinstance(
                    request, Sm
                ):  # alert_notification, outbind: nothing that we use, nor answer
                    self._note(bind, "pdu.ignored", repr(request))
        answered = len(events)
        self._reader.read(sms, self._wall(), events)
        if not sms:
            self._report(events)
            return
        future = self._tell(events)
        if future is not None:
            bind.owes(transport, len(sms))
            future.add_done_callback(partial(self._acknowledge, bind, transport, sms, events[answered:]))

    def _acknowledge(
        self,
        bind: Bind,
        transport: SmppTransport,
        sms: list[Sm],
        events: list[Event],
        future: asyncio.Future[None],
    ) -> None:
        """The batch is durable, or is not: only now the SMSC is told, and may forget it or send it again."""
        if self._stored(future):
            raws = [response(sm.command_id, 0, sm.sequence_number, b"") for sm in sms]
            self._reader.learn(events)
        else:
            again = CommandStatus.ESME_RX_T_APPN
            raws = [response(sm.command_id, again, sm.sequence_number) for sm in sms]
        if self._emit is not None:
            bind.owes(transport, -len(sms))
            transport.session.respond_many(raws)
            transport.flush()

    def _remarks(self, bind: Bind, received: Received, events: list[Event]) -> None:
        """Answers that came too late: what they say, and for an operator, how many and the last one's id."""
        for event, detail in received.notes:
            self._note(bind, event, detail)
        taken: list[Accepted] = []
        for context, status, pdu in received.late:
            segment = cast("Segment", context)
            if status == 0 and pdu is not None:
                carrier_id = pdu.message_id.decode("latin-1")
                taken.append(Accepted(segment, carrier_id, canonical(carrier_id)))
                events.append(Late(taken[-1]))
            else:
                remedy = classify(status, self._statuses)
                events.append(Late(Refused(segment, remedy, status, describe(status))))
        if taken:
            last = taken[-1]
            self._note(bind, "response.late", f"{len(taken)} accepted after their response_timeout")
            events.append(
                Status(
                    "late",
                    {
                        "reason": "response.late",
                        "count": len(taken),
                        "message": str(last.segment.id),
                        "part": last.segment.part,
                        "carrier_id": last.carrier_id,
                        "key": last.key,
                    },
                )
            )

    def _note(self, bind: Bind, event: str, detail: str) -> None:
        count = self._counts[event] = self._counts.get(event, 0) + 1
        if worth_a_line(count):
            self._log.warning(event, bind=bind.name, detail=detail, count=count)

    # ── to the gateway ───────────────────────────────────────────────────────────────────────────────────
    def _report(self, events: Sequence[Event]) -> None:
        """Facts that nobody waits for."""
        future = self._tell(events)
        if future is not None:
            future.add_done_callback(self._stored)

    def _tell(self, events: Sequence[Event]) -> asyncio.Future[None] | None:
        """emit() them; the future is done when they are durable. None when nobody listens any more."""
        if self._emit is None:
            return None
        try:
            told = self._emit(events)
        except Exception as error:  # noqa: BLE001 - whatever it was, the SMSC must hear that nothing is stored
            failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            failed.set_exception(error)
            return failed
        future = asyncio.ensure_future(told)
        if future is not told:  # a coroutine: the loop alone would not keep its task alive
            self._tasks.add(future)
            future.add_done_callback(self._tasks.discard)
        return future

    def _stored(self, future: asyncio.Future[None]) -> bool:
        if future.cancelled():
            return False
        error = future.exception()
        if error is None:
            return True
        count = self._counts["emit"] = self._counts.get("emit", 0) + 1
        if isinstance(error, NotStored):
            if worth_a_line(count):
                self._log.warning("events.not_stored", detail=str(error), count=count)
        else:
            self._log.error("events.failed", exc_info=error)
        return False

    # ── the binds ────────────────────────────────────────────────────────────────────────────────────────
    async def run(self, emit: Emit) -> None:
        self._emit = emit
        self._up = None
        try:
            async with asyncio.TaskGroup() as group:
                for bind in self._binds:
                    _ = group.create_task(bind.keep())
                _ = group.create_task(self._watch())
        finally:
            self._emit = None  # from here on everything unanswered is the gateway's to settle
            for bind in self._binds:
                bind.shut("the bearer ends")

    async def _watch(self) -> None:
        """The timers of all sessions."""
        while True:
            self._tell_unheard()
            now = self._clock()
            expired: list[Event] = []
            for bind in self._binds:
                if bind.transport is not None:
                    expired += [
                        Doubtful(cast("Segment", context), "response.timeout")
                        for context, _ in bind.transport.tick(now)
                    ]
            if expired:
                self._report(expired)
            await asyncio.sleep(TICK)

    def bound(self, bind: Bind) -> None:
        events: list[Event] = []
        if bind.transmits:
            self._senders.append(bind)
            if not self._up:
                self._up = True
                events.append(LinkChanged(True, "link.up", f"{bind.name} is bound"))
        events.append(bind.status())
        self._report(events)

    def fell(self, bind: Bind, unanswered: list[object], cause: Cause) -> None:
        if bind in self._senders:
            self._senders.remove(bind)
        events: list[Event] = [Doubtful(cast("Segment", context), "link.lost") for context in unanswered]
        # A link that is down stays so without a word, unless it turns out that somebody must do something.
        news = self._up is not False or (cause.by_hand and self._told != cause.reason)
        if bind.transmits and not self._senders and news:
            self._up = False
            self._told = cause.reason
            events.append(LinkChanged(False, cause.reason, cause.detail))
        events.append(bind.status())
        self._report(events)

    def changed(self, bind: Bind) -> None:
        self._report([bind.status()])

    async def drain(self, seconds: float) -> None:
        self.draining = True
        deadline = self._clock() + seconds
        while any(bind.waiting for bind in self._binds) and self._clock() < deadline:  # noqa: ASYNC110 - once in a life: the hot path need not tell of it
            await asyncio.sleep(0.01)
        for bind in self._binds:
            bind.leave()
        while any(bind.transport for bind in self._binds) and self._clock() < deadline:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)

    def reset(self) -> None:
        for bind in self._binds:
            bind.restart()
