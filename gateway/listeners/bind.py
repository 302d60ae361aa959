"""One application's connection: its bind, its submissions, and the notes that it is given.

Everything is a callback: a chunk of octets is one batch of submissions, stored in one write; its responses
leave in one write when that is durable. No task a message; one a bind, where a password must be hashed, and
one for the rare requests (query, cancel, replace).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import structlog

from drivers.smpp.build import response, tlv
from drivers.smpp.pdu import (
    Bind,
    Command,
    CommandStatus,
    Pdu,
    Sm,
    SubmitMulti,
    Tag,
)
from drivers.smpp.session import BindState, Received
from drivers.smpp.transport import SmppTransport
from gateway.accounts import Account, Refusal
from gateway.answers import THROTTLED, Answer
from gateway.listeners.delivery import Deliveries
from gateway.listeners.submission import Refused, Submissions
from gateway.model import Message, Note, NoteKind
from gateway.text_cost import cost

if TYPE_CHECKING:
    from gateway.listeners.smpp import SmppListener

__all__ = ["Application"]

log = structlog.get_logger("listener.smpp")

_LATER = frozenset({0x08, 0x14, 0x58, 0x64})
"""Answers to a deliver_sm that mean "again, later": RSYSERR, RMSGQFUL, RTHROTTLED, RX_T_APPN."""
_MO = NoteKind.MO  # an enum's members are slow to reach
_RECEIVES = (BindState.BOUND_RX, BindState.BOUND_TRX)
_MESSAGE_ID_RESPONSES = frozenset({Command.SUBMIT_SM, Command.DATA_SM, Command.SUBMIT_MULTI})


class _Delivery:
    """A note on its way over this bind in several deliver_sm: how many are unanswered, and the worst answer. One that
    goes in a single deliver_sm stands for itself.
    """

    __slots__ = ("left", "note", "status")

    def __init__(self, note: Note, left: int) -> None:
        self.note = note
        self.left = left
        self.status = 0


class Application:
    """See the module: the Handler of one SmppTransport, and the Sink of the outbox once it may receive."""

    def __init__(self, listener: SmppListener) -> None:
        self._listener = listener
        self._account: Account | None = None
        self._submissions: Submissions | None = None
        self._deliveries: Deliveries | None = None
        self._task: asyncio.Task[None] | None = None
        self._rare: list[Pdu] = []
        self._unanswered = 0
        self._receives = False
        self._rest: list[tuple[bytes, object]] = []  # parts of a reply that the window had no room for
        self.transport: SmppTransport | None = None
        self.since = 0
        self.submitted = 0
        self.delivered = 0

    # ── the transport's handler ──────────────────────────────────────────────────────────────────────────
    def connected(self, transport: SmppTransport) -> None:
        self.transport = transport
        self._listener.opened(self)

    def received(self, transport: SmppTransport, received: Received) -> None:
        for event, detail in received.notes:
            self._listener.noted(self.name, transport.peer, event, detail)
        if received.answers or received.late:
            self._answered(received)
        if not received.requests:
            return
        batch: list[Sm] = []
        for pdu in received.requests:
            if type(pdu) is Sm:
                batch.append(pdu)
            elif isinstance(pdu, Bind):
                self._task = asyncio.create_task(self._bind(pdu), name="bind")
            elif self._room() > 0:
                self._unanswered += 1
                self._rare.append(pdu)
            else:
                transport.session.respond(self._over_the_window(pdu))
                transport.flush()
        if batch:
            self._submit(batch)
        if self._rare and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._answer_rare(), name="rare requests")

    def writable(self, transport: SmppTransport, writable: bool) -> None:  # noqa: ARG002 - the Handler's
        if writable and self._receives and self._account is not None:
            self._listener.outbox.pump(self._account.name)

    def closed(self, transport: SmppTransport, reason: str, unanswered: list[object]) -> None:
        if self._task is not None:
            self._task.cancel()
        account = self._account
        if account is not None:
            account.bound -= 1
            if self._receives:
                unsent = [delivery for _, delivery in self._rest]
                notes = _notes((*unanswered, *unsent))
                self._receives = False
                self._rest.clear()
                back = [*notes.values(), *self._listener.not_later(account)]
                self._listener.outbox.detach(account.name, self, back)
        self._listener.left(self, reason, transport.session.closed_detail)

    def failed(self, transport: SmppTransport, error: Exception) -> None:
        log.error("connection.failed", peer=transport.peer, account=self.name, exc_info=error)

    @property
    def name(self) -> str:
        return self._account.name if self._account is not None else ""

    @property
    def account(self) -> Account | None:
        return self._account

    @property
    def receives(self) -> bool:
        """Whether the outbox gives it notes."""
        return self._receives

    # ── binding ──────────────────────────────────────────────────────────────────────────────────────────
    async def _bind(self, pdu: Bind) -> None:
        transport = self.transport
        assert transport is not None
        address = transport.peer.rpartition(":")[0]
        system_id = pdu.system_id.decode("latin-1")
        verdict = await self._listener.accounts.verify(
            system_id, pdu.password, address, self._listener.clock.now
        )
        session = transport.session
        if isinstance(verdict, Refusal):
            self._listener.refused(system_id, transport.peer, verdict)
            session.refuse_bind(pdu, CommandStatus.ESME_RBINDFAIL)
            transport.flush()
            return
        session.window.size = verdict.window
        if not session.accept_bind(pdu, self._listener.system_id):
            return
        verdict.bound += 1
        self._account = verdict
        self._submissions = Submissions(verdict)
        self._deliveries = Deliveries(verdict, session.may_send_tlvs, session.peer_version or 0)
        self.since = self._listener.clock.wall_ms()
        transport.flush()
        self._listener.bound(self, session.state.value)
        if session.state in _RECEIVES:
            self._receives = True
            self._listener.outbox.attach(verdict.name, self)

    # ── submissions ──────────────────────────────────────────────────────────────────────────────────────
    def _submit(self, batch: Sequence[Sm]) -> None:
        """One chunk's submissions, of which some may be refused at once."""
        account, submissions, transport = self._account, self._submissions, self.transport
        assert account is not None
        assert submissions is not None
        assert transport is not None
        now = self._listener.clock.wall_ms() / 1000
        room = self._room()
        messages: list[Message] = []
        waiting: list[Sm] = []
        raws: list[bytes] = []
        read = submissions.read
        for pdu in batch:
            if len(messages) >= room:
                raws.append(self._over_the_window(pdu))
                continue
            try:
                messages.append(read(pdu, now))
            except Refused as refused:
                raws.append(self._response(pdu, Answer(refused.status, 0, refused.text)))
            else:
                waiting.append(pdu)
        if raws:
            transport.session.respond_many(raws)
        if not messages:
            transport.flush()
            return
        submitted = self._listener.intake.submit(account, messages)
        self._unanswered += len(waiting)
        if submitted.durable is None or submitted.durable.done():
            self._respond(waiting, messages, submitted.answers)
        else:
            submitted.durable.add_done_callback(lambda _: self._respond(waiting, messages, submitted.answers))

    def _room(self) -> int:
        """How many more requests may be unanswered on this bind."""
        return self._account.window - self._unanswered if self._account is not None else 0

    def _over_the_window(self, pdu: Pdu) -> bytes:
        window = self._account.window if self._account is not None else 0
        text = f"over the window: {window} submissions are unanswered on this bind"
        return self._response(pdu, Answer(THROTTLED, 0, text))

    def _respond(self, pdus: Sequence[Sm], messages: Sequence[Message], answers: Sequence[Answer]) -> None:
        tells = self._explains(Command.SUBMIT_SM)  # what it costs; else the shortest way for what was taken
        self._unanswered -= len(pdus)
        transport = self.transport
        assert transport is not None
        raws = []
        for pdu, m, answer in zip(pdus, messages, answers, strict=True):
            if tells and answer.status == 0:
                self.submitted += 1
                raws.append(self._response(pdu, answer, m))
            elif answer.status == 0 and not answer.deferred:
                raws.append(response(pdu.command_id, 0, pdu.sequence_number, b"%d" % answer.message_id))
                self.submitted += 1
            else:
                raws.append(self._response(pdu, answer))
        transport.session.respond_many(raws)
        transport.flush()

    def _response(self, pdu: Pdu, answer: Answer, taken: Message | None = None) -> bytes:
        """A response that has more to say than an id, where the peer knows TLVs: why not, or what it costs."""
        transport = self.transport
        assert transport is not None
        if answer.status:
            self._listener.turned_away(self.name, answer)
        message_id = b"%d" % answer.message_id if answer.status == 0 else None
        raw = response(pdu.command_id, answer.status, pdu.sequence_number, message_id)
        if not self._explains(pdu.command_id):
            return raw
        tlvs = b""
        if answer.deferred:
            until = self._listener.rfc3339(answer.deferred)
            tlvs += tlv(Tag.DEFERRED_UNTIL, until.encode())
        words = answer.text if answer.status else ""
        if taken is not None and self._account is not None:
            words = cost(taken.payload, taken.data_coding, taken.parts, self._account.smart_encoding)
            words = f"{words}; {answer.text}" if answer.text else words
        if words:
            tlvs += tlv(Tag.ADDITIONAL_STATUS_INFO_TEXT, words.encode("ascii", "replace")[:255] + b"\0")
        if answer.status and words:
            # with an error only the header is due (§4.4.2); where a TLV follows, the empty id keeps its place
            raw += b"\0" if pdu.command_id in _MESSAGE_ID_RESPONSES else b""
        return _with_length(raw + tlvs)

    def _explains(self, command_id: int) -> bool:
        """Whether a response may carry TLVs. By SMPP 3.4 §4.4.2 a submit_sm_resp has none, and clients that read
        it so (smpplib) fail on one; data_sm_resp may (§4.7.2), and 5.0 lets all. An account can say otherwise.
        """
        account, transport = self._account, self.transport
        assert account is not None
        assert transport is not None
        session = transport.session
        if account.response_tlvs != "auto":
            return account.response_tlvs == "always" and session.may_send_tlvs
        version = session.peer_version or 0
        return version >= 0x50 or (session.may_send_tlvs and command_id == Command.DATA_SM)

    # ── rare requests ────────────────────────────────────────────────────────────────────────────────────
    async def _answer_rare(self) -> None:
        while self._rare:
            pdu = self._rare.pop(0)
            account, transport = self._account, self.transport
            assert account is not None
            assert transport is not None
            try:
                if isinstance(pdu, SubmitMulti):
                    raw = await self._listener.requests.submit_multi(account, pdu, self._submissions)
                else:
                    raw = await self._listener.requests.answer(
                        account, pdu, transport.session.peer_version or 0
                    )
            finally:
                self._unanswered -= 1
            transport.session.respond(raw)
            transport.flush()

    # ── what it is given ─────────────────────────────────────────────────────────────────────────────────
    def room(self) -> int:
        """Free places of the window; none while the peer does not read, or parts of a reply go first."""
        transport = self.transport
        ready = transport is not None and transport.writable and self._receives and not self._rest
        return transport.session.room if transport is not None and ready else 0

    def deliver(self, notes: Sequence[Note]) -> None:
        transport, deliveries, account = self.transport, self._deliveries, self._account
        assert transport is not None
        assert deliveries is not None
        assert account is not None
        bodies: list[bytes] = []
        contexts: list[object] = []
        empty: list[Note] = []
        late: list[Note] = []
        room = transport.session.room
        for note in notes:
            m = note.message
            if m is not None and note.kind is not _MO and len(bodies) < room:  # nearly all
                bodies.append(deliveries.receipt(note, m))
                contexts.append(note)
                continue
            made = deliveries.bodies(note)
            if not made:
                empty.append(note)  # its message was dropped by retention: nobody can be told any more
            elif len(bodies) + len(made) > room and bodies:
                late.append(note)
            else:
                bodies += made
                contexts += [_Delivery(note, len(made))] * len(made)
        if len(bodies) > room:  # one reply of more parts than there are places
            self._rest = list(zip(bodies[room:], contexts[room:], strict=True))
            del bodies[room:], contexts[room:]
        transport.session.send(Command.DELIVER_SM, bodies, contexts, self._listener.clock.now())
        transport.flush()
        if late:
            self._listener.outbox.again(account.name, late)
        if empty:
            self._listener.outbox.answered(account.name, empty)

    def _send_rest(self, transport: SmppTransport) -> None:
        """As much as the window takes now of the parts that it had no room for."""
        room = transport.session.room
        going, self._rest = self._rest[:room], self._rest[room:]
        bodies, contexts = [body for body, _ in going], [context for _, context in going]
        transport.session.send(Command.DELIVER_SM, bodies, contexts, self._listener.clock.now())
        transport.flush()

    def _answered(self, received: Received) -> None:
        account, transport = self._account, self.transport
        assert transport is not None
        assert account is not None
        done: list[Note] = []
        again: list[Note] = []
        for context, status, _ in (*received.answers, *received.late):
            if type(context) is Note:
                (again if status in _LATER else done).append(context)
                continue
            assert isinstance(context, _Delivery)
            context.left -= 1
            context.status = max(context.status, status)
            if context.left == 0:
                (again if context.status in _LATER else done).append(context.note)
        self.delivered += len(done)
        outbox = self._listener.outbox
        if self._rest:
            self._send_rest(transport)
        if again:
            self._listener.later(account.name, again)
        if done:
            outbox.answered(account.name, done)
        elif not again:
            outbox.pump(account.name)

    def expired(self, contexts: Sequence[tuple[object, str]]) -> None:
        """No answer in time: the note goes again, on whatever bind there is (it is told at least once)."""
        if self._account is None:
            return
        notes = _notes([context for context, _ in contexts])
        self._rest = [part for part in self._rest if part[1] not in {d for d, _ in contexts}]
        self._listener.later(self._account.name, list(notes.values()))


def _notes(contexts: Iterable[object]) -> dict[int, Note]:
    """Those that these stand for, by their numbers."""
    found = (each.note if isinstance(each, _Delivery) else each for each in contexts)
    return {note.seq: note for note in found if isinstance(note, Note)}


def _with_length(raw: bytes) -> bytes:
    """A response whose body grew: its command_length set anew."""
    return len(raw).to_bytes(4, "big") + raw[4:]
