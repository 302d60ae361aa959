"""A carrier's SMSC that does as told, and misbehaves as told: for rehearsals, tests and measurements.

    carrier = SimulatedCarrier(Behaviour(latency=0.05, duplicate_percent=10))
    port = await carrier.start();  carrier.behave(receipts="none");  await carrier.stop()

Owns the connections and what lies ahead; carrier_core decides, carrier_books writes down. Works by batches:
one write a chunk, one timer for all that is due later. Prints nothing. For `chappe simulate smsc` and tests.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from ssl import SSLContext
from typing import Any

from drivers.agenda import Agenda
from drivers.smpp.behaviour import Behaviour
from drivers.smpp.carrier_books import CarrierEvent, CarrierLog, Tale
from drivers.smpp.carrier_core import Batch, CarrierCore, Origin
from drivers.smpp.carrier_faults import Notice
from drivers.smpp.carrier_link import CarrierLink, CarrierSession
from drivers.smpp.carrier_messages import Submitted
from drivers.smpp.codec import response
from drivers.smpp.deliveries import Deliveries, Delivery
from drivers.smpp.pdu import Bind, Command, CommandStatus, Pdu, Sm, status_name
from drivers.smpp.session import Closing, Received
from drivers.smpp.transport import SmppTransport, listen

__all__ = ["CarrierEvent", "SimulatedCarrier", "serve"]

TICK = 0.25
HELD = 1.0
"""Seconds that a group of receipts to be reordered waits to be full."""

S = CommandStatus
_AGAIN = frozenset({int(S.ESME_RX_T_APPN), int(S.ESME_RSYSERR), int(S.ESME_RMSGQFUL), int(S.ESME_RTHROTTLED)})
_DELIVER_SM = int(Command.DELIVER_SM)
OnEvent = Callable[[CarrierEvent], None]


class SimulatedCarrier:
    """One SMSC on one port.

    clock: steady seconds (time.monotonic is CLOCK_MONOTONIC, which the log promises). wall: Unix seconds.
    on_event: told of everything, messages joined and decoded; it costs, so give None where rate matters.

    Attributes: submitted, the last `keep` of them; links, by number; counts, how often what happened:
    submits, refused, connected, bound, bind_refused, closed, receipts and mos (as acknowledged), redelivered,
    refused_deliveries, lost.
    """

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        on_event: OnEvent | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.behaviour = behaviour or Behaviour()
        self.submitted: deque[Submitted] = deque(maxlen=self.behaviour.keep)
        self.counts: Counter[str] = Counter()
        self.links: dict[int, CarrierLink] = {}
        self._clock = clock
        self._wall = wall
        self._core = CarrierCore(self.behaviour)
        self._log = CarrierLog(self.behaviour.log)
        self._tale = Tale(on_event)
        self._deliveries = Deliveries(self.behaviour.backlog)
        self._held_until: float | None = None
        self._agenda: Agenda[Callable[[], None]] = Agenda()
        self._timer: asyncio.TimerHandle | None = None
        self._server: asyncio.Server | None = None
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._numbers = 0
        self._agenda.add(clock() + TICK, self._tick)

    # ── its life ────────────────────────────────────────────────────────────────────────────────────────
    async def start(self, host: str = "127.0.0.1", port: int = 0, ssl: SSLContext | None = None) -> int:
        """Listen; returns the port, which the system chooses for 0. Raises OSError."""
        self._server = await listen(host, port, self._link, ssl)
        chosen = int(self._server.sockets[0].getsockname()[1])
        self._arm()
        self._tale.tell("listening", host=host, port=chosen)
        return chosen

    async def stop(self) -> None:
        """Close everything. What is accepted stays so: after the next start its receipts leave, due or overdue."""
        if self._server is not None:
            self._server.close()
            self.drop_links()
            await self._server.wait_closed()
            self._server = None
        if self._timer is not None:
            self._timer.cancel()
        self._log.close()

    def behave(self, **changes: Any) -> None:
        """Behave otherwise from now on, field by field; keep, backlog, log and seed stay as they began.

        Raises TypeError for an unknown field, ValueError for a value out of range.
        """
        self.behaviour = self._core.behaviour = replace(self.behaviour, **changes)
        for link in self.links.values():
            self._apply(link)
        self._tale.tell("behaviour", **changes)

    def drop_links(self, reset: bool = False) -> None:
        """End every connection now: closed without unbind, or by RST."""
        for link in list(self.links.values()):
            if reset:
                link.reset()
            else:
                link.close(Closing.LOCAL, "dropped on order")

    async def wait_for(self, submits: int, timeout: float = 10.0) -> None:  # noqa: ASYNC109 - a test's patience
        """Until so many submit_sm have come in all, refused ones counted. Raises TimeoutError."""
        if self.counts["submits"] >= submits:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append((submits, waiter))
        try:
            async with asyncio.timeout(timeout):
                await waiter
        except TimeoutError:
            raise TimeoutError(f"{self.counts['submits']} of {submits} submit_sm in {timeout:g} s") from None

    def inject_mo(
        self,
        source: str,
        destination: str,
        text: str,
        parts: int = 1,
        reference: int | None = None,
        system_id: str = "",
    ) -> None:
        """A handset writes, in `parts` or as many as the text needs.

        system_id: for whom, "" for anyone bound. source, destination: canonical.
        Raises AddressError, and ValueError for more than 255 parts.
        """
        self._deliver(self._core.mo(source, destination, text, parts, reference, system_id))

    def inject_receipt(self, message_id: str, stat: str, err: str = "000") -> None:
        """One more receipt for a message in `submitted`, named by the id in its response. Raises KeyError."""
        taken = next((t for t in self.submitted if t.message_id == message_id), None)
        if taken is None:
            raise KeyError(f"no message {message_id!r} among the last {len(self.submitted)}")
        notice = Notice(0.0, stat.encode("ascii"), err.encode("ascii"))
        self._deliver([self._core.receipt(taken, message_id.encode("ascii"), notice, self._wall(), True)])

    # ── connections (what SmppTransport calls) ──────────────────────────────────────────────────────────
    def _link(self) -> CarrierLink:
        b = self.behaviour
        self._numbers += 1
        session = CarrierSession(b.window, b.enquire_link, b.response_timeout)
        link = CarrierLink(self._numbers, session, self, self._clock, b.slow_read)
        self._apply(link)
        self.links[link.number] = link
        return link

    def _apply(self, link: CarrierLink) -> None:
        link.session.window.size = self.behaviour.window
        link.carrier.deaf_to_enquire_link = self.behaviour.ignore_enquire_link
        link.slow_read = self.behaviour.slow_read

    def connected(self, transport: SmppTransport) -> None:  # noqa: ARG002 - Handler
        self.counts["connected"] += 1

    def writable(self, transport: SmppTransport, writable: bool) -> None:  # noqa: ARG002 - Handler
        if writable:
            self._pump()

    def failed(self, transport: SmppTransport, error: Exception) -> None:
        """A fault of the simulator itself: the loop reports it, so that a test sees it."""
        asyncio.get_running_loop().call_exception_handler(
            {"message": f"simulated carrier, connection with {transport.peer}", "exception": error}
        )

    def closed(self, transport: SmppTransport, reason: str, unanswered: list[object]) -> None:
        link = _ours(transport)
        self.links.pop(link.number, None)
        self.counts["closed"] += 1
        self._tale.tell("closed", bind=link.number, system_id=link.system_id, reason=reason)
        self._again(unanswered)

    def received(self, transport: SmppTransport, received: Received) -> None:
        link = _ours(transport)
        submits = []
        for pdu in received.requests:
            if type(pdu) is Sm:
                submits.append(pdu)
            else:
                self._other(link, pdu)
        if submits:
            self._submitted(link, submits)
        for context, status, _ in received.answers:
            assert isinstance(context, Delivery)
            self._acknowledged(context, status)
        self._pump()

    def _other(self, link: CarrierLink, pdu: Pdu) -> None:
        if isinstance(pdu, Bind):
            self._bind(link, pdu)
        else:  # query, cancel, replace and submit_multi: many a carrier has none of them
            link.session.respond(response(pdu.command_id, S.ESME_RINVCMDID, pdu.sequence_number))

    def _bind(self, link: CarrierLink, bind: Bind) -> None:
        system_id = bind.system_id.decode("latin-1")
        status = self._bind_status(bind)
        if status:
            link.session.refuse_bind(bind, status)
            self.counts["bind_refused"] += 1
            self._tale.tell("bind_refused", system_id=system_id, status=status_name(status))
        elif link.session.accept_bind(bind, b"simulator"):
            link.system_id = system_id
            self.counts["bound"] += 1
            self._tale.tell("bound", bind=link.number, system_id=system_id, mode=link.session.state.value)
            self._break(link)

    def _bind_status(self, bind: Bind) -> int:
        b = self.behaviour
        if b.bind_status:
            return b.bind_status
        if b.system_id and bind.system_id != b.system_id.encode():
            return S.ESME_RINVSYSID
        return S.ESME_RINVPASWD if b.password and bind.password != b.password.encode() else 0

    def _break(self, link: CarrierLink) -> None:
        """End a connection that has come as far as ordered; nothing otherwise."""
        b = self.behaviour
        if b.half_open_after is not None and link.submits >= b.half_open_after:
            link.fall_silent()
        elif b.reset_after is not None and link.submits >= b.reset_after:
            link.reset()
        elif b.close_after is not None and link.submits >= b.close_after:
            link.close(Closing.LOCAL, f"after {link.submits} submit_sm, as ordered")

    # ── submit_sm ───────────────────────────────────────────────────────────────────────────────────────
    def _submitted(self, link: CarrierLink, submits: Sequence[Sm]) -> None:
        b = self.behaviour
        ends = [n for n in (b.half_open_after, b.reset_after, b.close_after) if n is not None]
        if ends:  # what lies in the chunk behind the end was never read
            submits = submits[: max(0, min(ends) - link.submits)]
        tlvs = link.session.may_send_tlvs
        origin = Origin(link.system_id, link.number, tlvs, link.taken_at, self._wall())
        batch = self._core.take(submits, origin)
        link.submits += len(submits)
        self._carry_out(link, batch)
        self._remember(batch)
        self._break(link)

    def _carry_out(self, link: CarrierLink, batch: Batch) -> None:
        if batch.early:
            self._deliver(batch.early)
        for delay, raws in batch.responses.items():
            if delay:
                self._later(delay, partial(self._respond, link, raws))
            else:
                link.session.respond_many(raws)
        for delay, deliveries in batch.deliveries.items():
            if delay:
                self._later(delay, partial(self._deliver, deliveries))
            else:
                self._enqueue(deliveries)
        link.flush()  # before a receipt leaves on another connection

    def _respond(self, link: CarrierLink, raws: Sequence[bytes]) -> None:
        link.session.respond_many(raws)
        link.flush()

    def _remember(self, batch: Batch) -> None:
        submitted = batch.submitted
        self.submitted.extend(submitted)
        counts = self.counts
        counts["submits"] += len(submitted)
        counts["refused"] += sum(1 for taken in submitted if taken.status)
        self._log.write(submitted)
        self._tale.messages(submitted, self._clock())
        if self._waiters:
            for least, waiter in self._waiters:
                if counts["submits"] >= least and not waiter.done():
                    waiter.set_result(None)
            self._waiters = [pair for pair in self._waiters if not pair[1].done()]

    # ── deliver_sm ──────────────────────────────────────────────────────────────────────────────────────
    def _deliver(self, deliveries: Sequence[Delivery]) -> None:
        self._enqueue(deliveries)
        self._pump()

    def _enqueue(self, deliveries: Sequence[Delivery]) -> None:
        if self.behaviour.reorder > 1:
            deliveries = self._deliveries.grouped(deliveries, self.behaviour.reorder)
            self._held_until = self._clock() + HELD
        self._deliveries.add(deliveries)
        self.counts["lost"] = self._deliveries.lost

    def _pump(self) -> None:
        """Give what waits to whoever is bound for it and has room."""
        if not self._deliveries:
            return
        now = self._clock()
        for link in list(self.links.values()):
            session = link.carrier
            room = 0 if session.mute or not link.writable else session.room
            if not room or not (batch := self._deliveries.take(link.system_id, room)):
                continue
            session.send(_DELIVER_SM, [delivery.body for delivery in batch], batch, now)
            link.flush()
            self._served_last(link)

    def _served_last(self, link: CarrierLink) -> None:
        """So that binds take turns, and what one leaves unanswered goes to another."""
        if link.number in self.links:
            self.links[link.number] = self.links.pop(link.number)

    def _acknowledged(self, delivery: Delivery, status: int) -> None:
        if not status:
            self.counts["receipts" if delivery.kind == "receipt" else "mos"] += 1
        elif status in _AGAIN:
            self._later(self.behaviour.retry_after, partial(self._again, [delivery]))
        else:
            self.counts["refused_deliveries"] += 1
        if self._tale.heard:
            told, stat = delivery.message_id.decode("ascii"), delivery.stat.decode("ascii")
            self._tale.tell(delivery.kind, id=told, stat=stat, status=status_name(status))

    def _again(self, contexts: Sequence[object]) -> None:
        """What was sent and not taken: it goes out again first of all."""
        back = [context for context in contexts if isinstance(context, Delivery)]
        if back:
            self.counts["redelivered"] += len(back)
            self._deliveries.put_back(back)
            self._pump()

    # ── time ────────────────────────────────────────────────────────────────────────────────────────────
    def _later(self, delay: float, action: Callable[[], None]) -> None:
        """On the agenda; the one timer is moved forward when this comes before all else."""
        when = self._clock() + delay
        first = self._agenda.next
        self._agenda.add(when, action)
        if first is None or when < first:
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        first = self._agenda.next
        if first is not None and self._server is not None:
            wait = max(0.0, first - self._clock())
            self._timer = asyncio.get_running_loop().call_later(wait, self._work)

    def _work(self) -> None:
        for action in self._agenda.due(self._clock()):
            action()
        self._arm()

    def _tick(self) -> None:
        now = self._clock()
        for link in list(self.links.values()):
            if expired := [context for context, _ in link.tick(now)]:
                self._served_last(link)
                self._again(expired)
        if self._held_until is not None and now >= self._held_until:
            self._held_until = None
            self._deliveries.add(self._deliveries.regrouped())
            self._pump()
        self._tale.overdue(now)
        self._log.flush()
        self._later(TICK, self._tick)


def _ours(transport: SmppTransport) -> CarrierLink:
    assert isinstance(transport, CarrierLink)
    return transport


async def serve(
    behaviour: Behaviour, host: str, port: int, on_event: OnEvent, ssl: SSLContext | None = None
) -> None:
    """A carrier until cancelled. on_event is told of everything, where it listens first. Raises OSError."""
    carrier = SimulatedCarrier(behaviour, on_event)
    try:
        await carrier.start(host, port, ssl)
        await asyncio.get_running_loop().create_future()
    finally:
        await carrier.stop()
