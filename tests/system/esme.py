"""An application that keeps books: what it asked, what it was answered, what it was given.

Built on our own session and transport, so it shares their faults: smpplib, node-smpp and Kannel are in
tests/peers for that. Here it is speed and exact control that count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from ssl import SSLContext
from typing import Any, Self

from drivers.smpp.build import address, bind_body, data_body, response, sm_body, tlv
from drivers.smpp.pdu import Command, Response, Sm, Tag
from drivers.smpp.receipt import ParsedReceipt, parse
from drivers.smpp.session import Received, Session, Side
from drivers.smpp.transport import SmppTransport, connect
from drivers.sms.address import wire_octets
from drivers.sms.alphabet import decode, fit
from drivers.sms.split import Joiner, Part
from drivers.sms.udh import split_udh

__all__ = ["Esme", "Ticket", "coming", "settled"]

BINDS = {
    "trx": Command.BIND_TRANSCEIVER,
    "tx": Command.BIND_TRANSMITTER,
    "rx": Command.BIND_RECEIVER,
}


async def settled(
    holds: Callable[[], object], timeout: float = 10.0, what: Callable[[], object] = str
) -> None:
    """Until holds(); AssertionError with what() after `timeout` seconds."""
    deadline = asyncio.get_running_loop().time() + timeout
    while not holds():
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"after {timeout:g} s: {what()}")
        await asyncio.sleep(0.005)


async def coming(count: Callable[[], int], holds: Callable[[], object], idle: float = 20.0) -> None:
    """Until holds(), however slow the machine is; AssertionError once count() has not moved for `idle` seconds."""
    while not holds():
        before = count()
        await settled(lambda: count() != before or holds(), idle, lambda: f"{before} came, and no more")  # noqa: B023 - awaited at once


class Ticket:
    """One request. status: None until the response came. id: the message_id in it. body: its octets."""

    __slots__ = ("at", "body", "id", "status", "tlvs", "to")

    def __init__(self, to: str) -> None:
        self.to = to
        self.status: int | None = None
        self.id = ""
        self.body = b""
        self.tlvs: dict[int, bytes] = {}
        self.at = 0.0

    def __repr__(self) -> str:
        return f"<Ticket {self.to} {self.status if self.status is None else hex(self.status)} {self.id}>"


class Esme:
    """See the module. answer: the command_status of every deliver_sm_resp, None for none at all."""

    def __init__(self, window: int = 1000) -> None:
        self.session = Session(
            Side.ESME, window=window, enquire_link=0, response_timeout=60.0, bind_timeout=5.0
        )
        self.given: list[Sm] = []
        self.answer: int | None = 0
        self.end = ""
        self.on_answer: Callable[[Ticket], None] = lambda _: None
        self.on_given: Callable[[Sm], None] = self.given.append
        self._transport: SmppTransport | None = None

    @classmethod
    async def bound(
        cls,
        port: int,
        mode: str = "trx",
        system_id: str = "shop",
        password: str = "secret",
        *,
        window: int = 1000,
        tls: SSLContext | None = None,
        version: int = 0x34,
        **attributes: Any,
    ) -> Self:
        """A bound application; bind_status and end tell when it was refused."""
        esme = cls(window)
        for name, value in attributes.items():
            setattr(esme, name, value)
        await esme.bind(port, mode, system_id, password, tls, version)
        return esme

    async def bind(
        self,
        port: int,
        mode: str,
        system_id: str,
        password: str,
        tls: SSLContext | None = None,
        version: int = 0x34,
    ) -> None:
        await connect("localhost" if tls else "127.0.0.1", port, self.session, self, tls)
        body = bind_body(system_id.encode(), password.encode(), b"", version)
        self.session.bind(BINDS[mode], body, self.now())
        self.flush()
        await settled(
            lambda: self.session.bind_status is not None or self.end, what=lambda: "no bind response"
        )

    @property
    def bind_status(self) -> int | None:
        return self.session.bind_status

    # ── asking ───────────────────────────────────────────────────────────────────────────────────────────
    def submit(self, to: str, text: str | bytes = "Bonjour", sender: str = "36180", **fields: Any) -> Ticket:
        """One submit_sm that asks for a receipt. A text is written as fit() writes it, whole; octets as they are."""
        return self.send(Command.SUBMIT_SM, to, _submit_body(to, text, sender, fields))

    def submit_many(self, to: list[str], text: str = "Bonjour", **fields: Any) -> list[Ticket]:
        """In one write."""
        tickets = [Ticket(each) for each in to]
        bodies = [_submit_body(each, text, "36180", dict(fields)) for each in to]
        self.session.send(Command.SUBMIT_SM, bodies, tickets, self.now())
        self.flush()
        return tickets

    def data(self, to: str, text: str, sender: str = "36180") -> Ticket:
        """The same as data_sm."""
        coding, octets = fit(text)
        body = data_body(
            wire_octets(sender), wire_octets(to), registered_delivery=1, data_coding=coding,
            tlvs=tlv(Tag.MESSAGE_PAYLOAD, octets),
        )  # fmt: skip
        return self.send(Command.DATA_SM, to, body)

    def multi(self, to: list[bytes], text: bytes = b"Bonjour") -> Ticket:
        """submit_multi to these octets, each an international number."""
        one = sm_body(wire_octets("36180"), b"@", text, registered_delivery=1)
        destinations = b"%c" % len(to) + b"".join(b"\x01" + address(1, 1, each) for each in to)
        return self.send(Command.SUBMIT_MULTI, "many", one.replace(b"@", destinations, 1))

    def query(self, message_id: str) -> Ticket:
        return self.send(Command.QUERY_SM, message_id, message_id.encode() + b"\0" + wire_octets("36180"))

    def cancel(self, message_id: str) -> Ticket:
        body = b"\0" + message_id.encode() + b"\0" + wire_octets("36180") + b"\0\0\0"
        return self.send(Command.CANCEL_SM, message_id, body)

    def replace(self, message_id: str, text: bytes) -> Ticket:
        body = b"%b\0%b\0\0\x01\0%c%b" % (message_id.encode(), wire_octets("36180"), len(text), text)
        return self.send(Command.REPLACE_SM, message_id, body)

    def send(self, command: int, to: str, body: bytes) -> Ticket:
        ticket = Ticket(to)
        self.session.send(command, [body], [ticket], self.now())
        self.flush()
        return ticket

    async def answered(self, *tickets: Ticket, timeout: float = 10.0) -> list[int | None]:
        """Their statuses, once all have one."""
        waiting = lambda: [t for t in tickets if t.status is None]  # noqa: E731
        await settled(lambda: not waiting() or self.end, timeout, lambda: f"unanswered: {waiting()[:5]}")
        return [ticket.status for ticket in tickets]

    # ── what it was given ────────────────────────────────────────────────────────────────────────────────
    @property
    def receipts(self) -> list[ParsedReceipt]:
        return [parse(sm.user_data(), sm.tlvs) for sm in self.given if sm.esm_class & 0x3C]

    @property
    def replies(self) -> list[str]:
        """The texts of messages from phones; those in parts joined."""
        joiner, texts = Joiner(), []
        for sm in self.given:
            if sm.esm_class & 0x3C:
                continue
            udh, octets = split_udh(sm.user_data()) if sm.esm_class & 0x40 else (b"", sm.user_data())
            source, destination = sm.source_addr.decode(), sm.destination_addr.decode()
            joined = joiner.add(Part.of(source, destination, udh, sm.data_coding, octets, None), 0.0)
            if joined is not None:
                texts.append(joined.text())
        return texts

    def verdicts(self) -> dict[str, list[str]]:
        """stat of the receipts, by message id, in their order."""
        found: dict[str, list[str]] = {}
        for receipt in self.receipts:
            found.setdefault(receipt.id, []).append(receipt.stat)
        return found

    async def told(self, ticket: Ticket, stat: str, timeout: float = 10.0) -> None:
        """Until the receipt of that message came, and it says so."""
        await settled(lambda: ticket.id in self.verdicts(), timeout, lambda: f"{ticket}: {self.verdicts()}")
        assert self.verdicts()[ticket.id] == [stat], (ticket, self.verdicts()[ticket.id])

    # ── leaving ──────────────────────────────────────────────────────────────────────────────────────────
    async def leave(self) -> None:
        """unbind, and the end of the connection."""
        self.session.unbind(self.now())
        self.flush()
        await settled(lambda: self.end, what=lambda: "unbind was not answered")

    def drop(self) -> None:
        """Gone without a word."""
        if self._transport is not None:
            self._transport.close()

    # ── the transport's handler ──────────────────────────────────────────────────────────────────────────
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def flush(self) -> None:
        if self._transport is not None:
            self._transport.flush()

    def connected(self, transport: SmppTransport) -> None:
        self._transport = transport

    def received(self, transport: SmppTransport, received: Received) -> None:
        for ticket, status, pdu in received.answers:
            assert isinstance(ticket, Ticket)
            ticket.status, ticket.at = status, self.now()
            if isinstance(pdu, Response):
                ticket.id, ticket.body, ticket.tlvs = pdu.message_id.decode("latin-1"), pdu.body, pdu.tlvs
            self.on_answer(ticket)
        raws = []
        for sm in received.requests:
            assert isinstance(sm, Sm), sm
            self.on_given(sm)
            if self.answer is not None:
                raws.append(response(sm.command_id, self.answer, sm.sequence_number, b""))
        self.session.respond_many(raws)

    def writable(self, transport: SmppTransport, writable: bool) -> None:
        """Its tests write little."""

    def closed(self, transport: SmppTransport, reason: str, unanswered: list[object]) -> None:
        self.end = f"{reason}: {self.session.closed_detail}"

    def failed(self, transport: SmppTransport, error: Exception) -> None:
        raise error


def _submit_body(to: str, text: str | bytes, sender: str, fields: dict[str, Any]) -> bytes:
    fields = {"registered_delivery": 1, **fields}
    octets = text
    if isinstance(text, str):
        coding, octets = fit(text)
        fields.setdefault("data_coding", coding)
    assert isinstance(octets, bytes)
    if len(octets) > 254:
        fields["tlvs"] = tlv(Tag.MESSAGE_PAYLOAD, octets) + fields.get("tlvs", b"")
        octets = b""
    return sm_body(wire_octets(sender), wire_octets(to), octets, **fields)


def text_of(sm: Sm) -> str:
    """The text of a PDU that is one segment."""
    return decode(sm.user_data(), sm.data_coding)
