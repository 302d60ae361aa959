"""An application in the same process: one bound SMPP session on asyncio, for `chappe demo`.

Tells a listener of what it is given (receipts and replies) when it comes, and acknowledges it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from drivers.smpp import receipt
from drivers.smpp.build import bind_body, response, sm_body, tlv
from drivers.smpp.pdu import Command, Sm, Tag, status_name
from drivers.smpp.receipt import ParsedReceipt, ReceiptKind
from drivers.smpp.session import BindState, Received, Session, Side
from drivers.smpp.transport import SmppTransport, connect
from drivers.sms.address import source, wire_octets
from drivers.sms.alphabet import decode, fit

__all__ = ["Application", "Given", "NotTaken"]

_SHORT_MESSAGE_MAX = 254


class NotTaken(Exception):
    """A bind or a submit_sm was refused, or the connection ended; the text has the status."""


class Given:
    """One deliver_sm: a receipt, or a reply's sender and text."""

    __slots__ = ("receipt", "sender", "text")

    def __init__(self, sender: str, text: str, parsed: ParsedReceipt | None) -> None:
        self.sender = sender
        self.text = text
        self.receipt = parsed


class Application:
    """A transmitter and receiver. `given` holds all that came; on_given is told of each at once."""

    def __init__(self, on_given: Callable[[Given], None]) -> None:
        self.given: list[Given] = []
        self._on_given = on_given
        self._session = Session(
            Side.ESME, window=100, enquire_link=30.0, response_timeout=10.0, bind_timeout=10.0
        )
        self._bound: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: SmppTransport | None = None

    async def bind(self, port: int, system_id: str, password: str) -> None:
        """Connect to 127.0.0.1 and bind as transceiver. Raises OSError, NotTaken."""
        loop = asyncio.get_running_loop()
        self._transport = await connect("127.0.0.1", port, self._session, self)
        body = bind_body(system_id.encode("ascii"), password.encode("ascii"), interface_version=0x50)
        self._session.bind(Command.BIND_TRANSCEIVER, body, loop.time())
        self._transport.flush()
        await self._bound

    async def submit(self, sender: str, to: str, text: str, service_type: str = "") -> str:
        """The message id of an accepted submit_sm, its receipt asked. Raises NotTaken."""
        loop = asyncio.get_running_loop()
        data_coding, octets = fit(text)
        short = len(octets) <= _SHORT_MESSAGE_MAX
        body = sm_body(
            wire_octets(sender),
            wire_octets(to),
            octets if short else b"",
            service_type.encode("ascii"),
            registered_delivery=1,
            data_coding=data_coding,
            tlvs=b"" if short else tlv(Tag.MESSAGE_PAYLOAD, octets),
        )
        answer: asyncio.Future[str] = loop.create_future()
        assert self._transport is not None, "bind comes first"
        self._session.send(Command.SUBMIT_SM, [body], [answer], loop.time())
        self._transport.flush()
        return await answer

    def leave(self) -> None:
        """Say unbind; the connection ends once it is answered."""
        if self._transport is not None and not self._session.closed:
            self._session.unbind(asyncio.get_running_loop().time())
            self._transport.flush()

    # ── what the transport says ──────────────────────────────────────────────────────────────────────────
    def connected(self, transport: SmppTransport) -> None:
        """Nothing to do: bind() goes on."""

    def received(self, transport: SmppTransport, received: Received) -> None:  # noqa: ARG002 - Handler
        if received.bind_answered and not self._bound.done():
            if self._session.state is BindState.BOUND_TRX:
                self._bound.set_result(None)
            else:
                self._bound.set_exception(NotTaken(status_name(self._session.bind_status or 0)))
        for context, status, pdu in received.answers:
            answer = cast("asyncio.Future[str]", context)
            if status or pdu is None:
                words = pdu.tlvs.get(Tag.ADDITIONAL_STATUS_INFO_TEXT, b"") if pdu is not None else b""
                text = words.rstrip(b"\0").decode("ascii", "replace")
                answer.set_exception(
                    NotTaken(f"{status_name(status)}, {text}" if text else status_name(status))
                )
            else:
                answer.set_result(pdu.message_id.decode("ascii"))
        for request in received.requests:
            if isinstance(request, Sm):
                self._session.respond(response(request.command_id, 0, request.sequence_number, b""))
                self._take(request)

    def _take(self, sm: Sm) -> None:
        octets = sm.user_data()
        if receipt.kind_of(sm.esm_class) is ReceiptKind.RECEIPT:
            given = Given("", "", receipt.parse(octets, sm.tlvs))
        else:
            sender = source(sm.source_addr_ton, sm.source_addr_npi, sm.source_addr)
            given = Given(sender, decode(octets, sm.data_coding), None)
        self.given.append(given)
        self._on_given(given)

    def writable(self, transport: SmppTransport, writable: bool) -> None:
        """A handful of messages: never behind."""

    def closed(self, transport: SmppTransport, reason: str, unanswered: list[object]) -> None:  # noqa: ARG002
        ended = NotTaken(f"the connection ended: {reason} {self._session.closed_detail}".rstrip())
        answers = cast("list[asyncio.Future[str]]", unanswered)
        for waiting in [future for future in answers if not future.done()]:
            waiting.set_exception(ended)
        if not self._bound.done():
            self._bound.set_exception(ended)

    def failed(self, transport: SmppTransport, error: Exception) -> None:  # noqa: ARG002 - Handler
        asyncio.get_running_loop().call_exception_handler(
            {"message": "the demo's application", "exception": error}
        )
