"""One SMPP session without I/O, for either side: octets in, requests and answers out, octets to write.

    received = session.receive(data, now)     # PDUs for the user; the rest is answered inside
    session.send(command_id, bodies, contexts, now);  session.respond(raw)
    write(session.output())                   # after each of them, and after tick(now)

Owns bind state, window, enquire_link, timers and the reactions to misbehaviour; `now` is any steady clock in
seconds. receive() never raises, whatever the octets; keeps at most one PDU of them. A session ends once:
`closed` says why, and whoever holds the connection then writes the last output and closes it.
"""

from __future__ import annotations

from collections.abc import Sequence

from drivers.smpp.codec import MAX_PDU, BrokenFraming, decode, frame, header, response, tlv
from drivers.smpp.pdu import (
    RESPONSE,
    VERSION,
    BadPdu,
    Bind,
    Command,
    CommandStatus,
    Pdu,
    Response,
    Sm,
    Tag,
    UnknownPdu,
    command_name,
    status_name,
)
from drivers.smpp.states import (
    BIND_RESPONSES,
    BINDS,
    BOUND,
    NEVER_ANSWERED,
    NOT_BOUND,
    SENDERS,
    STATE_AFTER,
    WELCOME,
    BindState,
    Closing,
    Received,
    Side,
)
from drivers.smpp.timers import Timers
from drivers.smpp.window import MISSING, Window

__all__ = ["BindState", "Closing", "Received", "Session", "Side"]

STRIKES = 5
"""Requests an unbound peer may send, or binds it may have refused, before the connection is closed."""

UNBIND_GRACE = 2.0
"""Seconds a peer's unbind waits for our responses and its own: the connection is cut once it is answered."""

_CONTROL = frozenset({*BIND_RESPONSES, Command.UNBIND_RESP, Command.ENQUIRE_LINK_RESP, Command.GENERIC_NACK})
_NACK = int(Command.GENERIC_NACK)
S = CommandStatus


class Session:
    """One session on one connection.

    window: requests of ours without response. enquire_link: seconds without a PDU before we ask, 0 never.
    response_timeout, bind_timeout, partial_timeout: seconds. trust_tlvs: send TLVs to an SMSC that did not
    say its version (many know them; by §3.4 it knows none).

    Attributes: state; closed, closed_detail ("" while it lives); bind_status (None until a bind_resp came);
    peer_version (None unknown); peer_system_id (bytes, from the bind or its response).
    """

    def __init__(
        self,
        side: Side,
        *,
        window: int,
        enquire_link: float,
        response_timeout: float,
        bind_timeout: float,
        partial_timeout: float = 10.0,
        max_pdu: int = MAX_PDU,
        trust_tlvs: bool = False,
    ) -> None:
        self.side = side
        self.state = BindState.OPEN
        self.closed = ""
        self.closed_detail = ""
        self.bind_status: int | None = None
        self.peer_version: int | None = None
        self.peer_system_id = b""
        self.response_timeout = response_timeout
        self.window = Window(window, response_timeout)
        self._trust_tlvs = trust_tlvs
        self._max_pdu = max_pdu
        self._sends = False
        self._welcome = WELCOME[side, BindState.OPEN]
        self._buffer = b""
        self._out: list[bytes] = []
        self._timers = Timers(enquire_link, response_timeout, bind_timeout, partial_timeout)
        self._unbind_deadline: float | None = None
        self._unbind_sequence: int | None = None  # the peer's, while its response waits
        self._unbind_answered = False
        self._bind_sequence: int | None = None
        self._bind_wanted = BindState.OPEN
        self._bind_pending = False
        self._strikes = 0
        self._owed = 0  # requests given to the user and not answered yet

    @property
    def room(self) -> int:
        """Requests that send() takes now: free slots, 0 unless bound so that we may send messages."""
        if self._sends:
            return max(0, self.window.size - len(self.window.pending))
        return 0

    @property
    def may_send_tlvs(self) -> bool:
        """Whether the peer knows TLVs: interface_version 0x34 or higher (§3.4)."""
        if self.peer_version is None:
            return self._trust_tlvs
        return self.peer_version >= VERSION

    def output(self) -> bytes:
        """What must be written now, in one piece; b"" if nothing."""
        if not self._out:
            return b""
        out, self._out = self._out, []
        return out[0] if len(out) == 1 else b"".join(out)

    def send(self, command_id: int, bodies: Sequence[bytes], contexts: Sequence[object], now: float) -> None:
        """Send at most `room` requests. Each context comes back: in answers, from tick() or unanswered().

        Raises ValueError for more than room, or when the two are not of one length.
        """
        if len(bodies) != len(contexts) or len(bodies) > self.room:
            raise ValueError(f"{len(bodies)} bodies, {len(contexts)} contexts, room for {self.room}")
        if bodies:
            self.window.enter(command_id, bodies, contexts, now, self._out)

    def respond(self, raw: bytes) -> None:
        """Queue one response made by codec.response(). Nothing happens once the session is closed."""
        self.respond_many((raw,))

    def respond_many(self, raws: Sequence[bytes]) -> None:
        """Queue responses, in any order: exactly one for each request that wants one."""
        if self.closed:
            return
        self._out.extend(raws)
        self._owed = max(0, self._owed - len(raws))
        if self.state is BindState.UNBOUND:
            self._settle_unbind()

    def bind(self, command_id: int, body: bytes, now: float) -> None:
        """ESME side: ask for a bind (body from bind_body). The outcome: state, bind_status, closed."""
        self._timers.start(now)
        self._bind_wanted = STATE_AFTER[command_id]
        self._bind_sequence = self.window.next_sequence()
        self._out.append(frame(command_id, self._bind_sequence, body))

    def accept_bind(self, bind: Bind, system_id: bytes) -> bool:
        """SMSC side: let the peer in. False if the session ended while the secret was checked."""
        if self.state is not BindState.OPEN:
            return False
        self._bind_pending = False
        self._enter(STATE_AFTER[bind.command_id])
        version = tlv(Tag.SC_INTERFACE_VERSION, bytes((VERSION,))) if self.may_send_tlvs else b""
        body = system_id + b"\0" + version
        self._out.append(header(16 + len(body), bind.command_id | RESPONSE, 0, bind.sequence_number) + body)
        return True

    def refuse_bind(self, bind: Bind, status: int) -> None:
        """SMSC side: the peer may try again a few times while the bind timer runs."""
        self._bind_pending = False
        if not self.closed:
            self._out.append(response(bind.command_id, status, bind.sequence_number))
            self._strike()

    def unbind(self, now: float) -> None:
        """Leave politely: no new requests either way, answers outstanding are awaited, then closed."""
        if self.state not in BOUND:
            if self.state is BindState.OPEN:
                self.close(Closing.UNBOUND, "never bound")
            return
        self._enter(BindState.UNBOUND)
        self._unbind_deadline = now + self.response_timeout
        self._out.append(header(16, Command.UNBIND, 0, self.window.next_sequence()))

    def close(self, reason: str, detail: str) -> None:
        """End the session now; the first reason stays. Output queued before is still to be written."""
        if not self.closed:
            self.closed, self.closed_detail = reason, detail
            self._enter(BindState.CLOSED)

    def unanswered(self) -> list[object]:
        """Contexts of requests whose response had not come: on the wire, outcome unknown."""
        return list(self.window.pending.values())

    def reading(self, on: bool, now: float) -> None:
        """The connection stopped or resumed reading: silence meanwhile is not the peer's."""
        self._timers.reading(on, now)

    def receive(self, data: bytes, now: float) -> Received:
        """Take octets as they came, however cut. See Received for what the user owes in return."""
        received = Received()
        if self.closed:
            return received
        self._timers.start(now)
        buffer = self._buffer + data if self._buffer else data
        position = 0
        try:
            while not self.closed:
                pdus, position = decode(buffer, position, self._max_pdu)
                if not pdus:
                    break
                self._take(pdus, received, now)
        except BrokenFraming as broken:
            self._out.append(header(16, _NACK, broken.status, broken.sequence))
            self.close(Closing.FRAMING, broken.reason)
        self._timers.received(position > 0, bool(self._buffer), now)
        self._buffer = buffer[position:]
        self._owed += len(received.requests)
        if self.state is BindState.UNBOUND:
            self._settle_unbind()
        return received

    def _take(self, pdus: list[Pdu], received: Received, now: float) -> None:
        welcome = self._welcome
        requests = received.requests
        answers = received.answers
        answered = self.window.pending.pop
        for pdu in pdus:
            # The two that come by the thousand first.
            if type(pdu) is Sm and pdu.command_id in welcome:
                requests.append(pdu)
            elif type(pdu) is Response and pdu.command_id not in _CONTROL:
                context = answered(pdu.sequence_number, MISSING)
                if context is not MISSING:
                    answers.append((context, pdu.command_status, pdu))
                else:
                    self._stray(pdu, pdu, received)
            else:
                self._rare(pdu, received, now)
                if self.closed:
                    return
                welcome = self._welcome
            if pdu.tail:
                received.note("pdu.tail", f"{pdu!r}: {len(pdu.tail)} octets left over, {pdu.tail[:16].hex()}")

    def _stray(self, pdu: Pdu, answer: Response | None, received: Received) -> None:
        """A response to nothing that waits: its request timed out, or never was."""
        context = self.window.late(pdu.sequence_number)
        if context is MISSING:
            received.note("response.unknown", f"{pdu!r} answers no request of ours")
        else:
            status = pdu.command_status or (0 if answer else S.ESME_RUNKNOWNERR)
            received.late.append((context, status, answer))

    def _rare(self, pdu: Pdu, received: Received, now: float) -> None:
        command_id = pdu.command_id
        if isinstance(pdu, UnknownPdu):
            received.note("pdu.unknown", repr(pdu))
            if not command_id & RESPONSE:
                self._out.append(header(16, _NACK, S.ESME_RINVCMDID, pdu.sequence_number))
        elif isinstance(pdu, Response):
            self._control(pdu, received)
        elif command_id == Command.ENQUIRE_LINK:
            self._out.append(response(command_id, 0, pdu.sequence_number))
        elif command_id == Command.UNBIND:
            self._unbind_asked(pdu, now)
        elif command_id in BINDS:
            self._bind_asked(pdu, received)
        elif command_id not in self._welcome:
            self._unwelcome(pdu, received)
        elif isinstance(pdu, BadPdu):
            self._bad(pdu, received)
        else:
            received.requests.append(pdu)
            if command_id in NEVER_ANSWERED:
                self._owed -= 1

    def _control(self, pdu: Response, received: Received) -> None:
        sequence = pdu.sequence_number
        if sequence == self._bind_sequence:
            self._bind_answered(pdu, received)
        elif pdu.command_id == _NACK:
            context = self.window.pending.pop(sequence, MISSING)
            if context is MISSING:
                self._stray(pdu, None, received)
            else:
                # A nack that says ESME_ROK exists (field notes): it is a refusal all the same.
                received.answers.append((context, pdu.command_status or S.ESME_RUNKNOWNERR, None))
        elif pdu.command_id == Command.UNBIND_RESP and self._unbind_deadline is not None:
            self._unbind_answered = True
        elif pdu.command_id != Command.ENQUIRE_LINK_RESP:
            received.note("response.unknown", f"{pdu!r} answers no request of ours")

    def _bind_answered(self, pdu: Response, received: Received) -> None:
        self._bind_sequence = None
        refused = pdu.command_id == _NACK
        status = self.bind_status = pdu.command_status or (int(S.ESME_RUNKNOWNERR) if refused else 0)
        received.bind_answered = True
        if status:
            self.close(Closing.BIND_REFUSED, status_name(status))
            return
        self.peer_system_id = pdu.message_id
        version = pdu.tlvs.get(Tag.SC_INTERFACE_VERSION)
        self.peer_version = version[0] if version else None
        self._enter(self._bind_wanted)

    def _bind_asked(self, pdu: Pdu, received: Received) -> None:
        if self.side is Side.ESME:
            self._refuse(pdu, S.ESME_RINVBNDSTS, "we are the ESME", received)
        elif self.state is not BindState.OPEN or self._bind_pending:
            self._refuse(pdu, S.ESME_RALYBND, "bound already, or binding", received)
        elif isinstance(pdu, Bind):
            self._bind_pending = True
            self.peer_version = pdu.interface_version
            self.peer_system_id = pdu.system_id
            received.requests.append(pdu)
            self._owed -= 1
        elif isinstance(pdu, BadPdu):
            self._bad(pdu, received)
            self._strike()

    def _unwelcome(self, pdu: Pdu, received: Received) -> None:
        """A request that this state, or this side, does not take."""
        status = S.ESME_RINVBNDSTS
        if self.state is BindState.UNBOUND and self._unbind_sequence is None:
            # It was under way when we said unbind, and should come again; RINVBNDSTS would say that the peer erred.
            status = S.ESME_RX_T_APPN if self.side is Side.ESME else S.ESME_RSYSERR
        self._refuse(pdu, status, f"not in state {self.state.value}", received)
        if self.state is BindState.OPEN:
            self._strike()

    def _bad(self, pdu: BadPdu, received: Received) -> None:
        if pdu.command_id == Command.DELIVER_SM and pdu.kept is not None:
            # Its text was cut by the PDU's end: refusing it for ever makes the SMSC send it for ever.
            received.note("pdu.cut", f"{pdu!r}: {pdu.reason}")
            received.requests.append(pdu.kept)
        else:
            self._refuse(pdu, pdu.status, pdu.reason, received)

    def _refuse(self, pdu: Pdu, status: int, why: str, received: Received) -> None:
        received.note("pdu.refused", f"{command_name(pdu.command_id)} #{pdu.sequence_number}: {why}")
        if pdu.command_id not in NEVER_ANSWERED:
            self._out.append(response(pdu.command_id, status, pdu.sequence_number))

    def _strike(self) -> None:
        self._strikes += 1
        if self._strikes >= STRIKES:
            self.close(Closing.NOT_BOUND, f"{self._strikes} requests, and no bind among them accepted")

    def _unbind_asked(self, pdu: Pdu, now: float) -> None:
        if self.state in BOUND:
            self._enter(BindState.UNBOUND)
            self._unbind_sequence = pdu.sequence_number
            self._unbind_deadline = now + min(UNBIND_GRACE, self.response_timeout)
            return
        self._out.append(response(pdu.command_id, 0, pdu.sequence_number))
        if self.state is BindState.OPEN:
            self.close(Closing.PEER_UNBOUND, "before any bind")
        else:
            self._unbind_answered = True  # both sides said it: no need to wait for the other response

    def _settle_unbind(self, overdue: bool = False) -> None:
        """The last step, once nothing is owed either way: the peer may cut the line at unbind_resp."""
        if (self._owed > 0 or self.window.pending) and not overdue:
            return
        if self._unbind_sequence is not None:
            self._out.append(header(16, Command.UNBIND_RESP, 0, self._unbind_sequence))
            self.close(Closing.PEER_UNBOUND, "the peer sent unbind")
        elif self._unbind_answered or overdue:
            self.close(Closing.UNBOUND, "" if self._unbind_answered else "unbind was not answered")

    def tick(self, now: float) -> list[tuple[object, str]]:
        """Contexts whose response timer ran out, with the reason. Call it once or more a second.

        Costs next to nothing when nothing is due. A response that still comes is reported in Received.late.
        """
        if self.closed:
            return []
        self._timers.start(now)
        expired = self.window.expire(now)
        self._watch(now)
        return [(context, f"no response within {self.response_timeout:g} s") for context in expired]

    def _watch(self, now: float) -> None:
        if self.state is BindState.UNBOUND and self._unbind_deadline is not None:
            self._settle_unbind(now >= self._unbind_deadline)
        overdue = self._timers.overdue(self.state, len(self._buffer), now)
        if overdue is not None:
            self.close(*overdue)
        elif self._timers.ask(self.state, now):
            self._out.append(header(16, Command.ENQUIRE_LINK, 0, self.window.next_sequence()))

    def _enter(self, state: BindState) -> None:
        self.state = state
        self._sends = (self.side, state) in SENDERS
        self._welcome = WELCOME.get((self.side, state), NOT_BOUND)
