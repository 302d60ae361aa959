"""An application on smpplib's client, as most Python users have one: bound, submitting, waiting for receipts.

What smpplib gets wrong is kept from it: it splits no text (it cuts € and emoji in two), and it is taught the
text of a refusal, which it takes for an error. Receipts and replies that are not ours are given back with
ESME_RX_T_APPN: they belong to the account's real application.
"""

from __future__ import annotations

import logging
import select
import ssl
import time
from typing import Any

from smpplib import command, consts, exceptions
from smpplib.client import Client

from drivers.smpp import receipt
from drivers.sms.address import wire

__all__ = ["BindRefused", "Gone", "Outgoing", "SmppClient"]

ASK = 2.0
"""Seconds without our receipt until query_sm asks: another bind of the account may have been given it."""

_FINAL = {2: "DELIVRD", 3: "EXPIRED", 4: "DELETED", 5: "UNDELIV", 6: "ACCEPTD", 7: "UNKNOWN", 8: "REJECTD"}
_RX_T_APPN = 0x64


class Gone(Exception):
    """No connection, or it ended; the text says how."""


class BindRefused(Exception):
    """status: the command_status of the answer."""

    def __init__(self, status: int) -> None:
        super().__init__(f"bind refused with status {status:#x}")
        self.status = status


class _Client(Client):  # type: ignore[misc]  # smpplib has no types
    """Binds as SMPP 5.0, since only such a bind is told in words why it was refused; smpplib always says 3.4."""

    def send_pdu(self, p: Any) -> Any:
        if hasattr(p, "interface_version"):
            p.interface_version = 0x50
        return super().send_pdu(p)


class Outgoing:
    """One submit_sm. id: "" until accepted; status: None until answered; stat: "" until its receipt came."""

    __slots__ = (
        "accepted_at",
        "at",
        "err",
        "id",
        "queried",
        "receipt_at",
        "sequence",
        "stat",
        "status",
        "words",
    )

    def __init__(self, sequence: int, at: float) -> None:
        self.sequence = sequence
        self.at = at
        self.status: int | None = None
        self.words = ""
        self.id = ""
        self.accepted_at = 0.0
        self.stat = ""
        self.err = ""
        self.receipt_at = 0.0
        self.queried = False


class SmppClient:
    """Blocking, one thread. Raises Gone from every method once the connection is lost."""

    def __init__(
        self, host: str, port: int, tls: ssl.SSLContext | None = None, timeout: float = 10.0
    ) -> None:
        logging.getLogger("chappe.send").setLevel(logging.CRITICAL + 1)  # what matters is raised
        logging.getLogger("smpplib.command").setLevel(logging.CRITICAL + 1)  # our vendor TLVs are no news
        _teach_refusals()
        self._timeout = timeout
        self._client = _Client(
            host,
            port,
            timeout=timeout,
            logger_name="chappe.send",
            ssl_context=tls,
            allow_unknown_opt_params=True,
        )
        self._client.set_message_sent_handler(self._answered)
        self._client.set_message_received_handler(self._delivered)
        self._client.set_query_resp_handler(self._told)
        self._client.set_error_pdu_handler(lambda _: None)  # refusals come to _answered as well
        self._sent: dict[int, Outgoing] = {}
        self._asked: dict[int, Outgoing] = {}
        self._source: tuple[int, int, bytes] = (0, 0, b"")

    def bind(self, system_id: str, password: str, receives: bool) -> None:
        """Connect and bind, as transceiver when it receives. Raises Gone, BindRefused."""
        try:
            self._client.connect()
            bind = self._client.bind_transceiver if receives else self._client.bind_transmitter
            bind(system_id=system_id, password=password)
        except exceptions.PDUError as error:
            self._close()
            raise BindRefused(error.args[1] if len(error.args) > 1 else 0) from error
        except (exceptions.ConnectionError, OSError) as error:
            self._close()
            raise Gone(str(error.__context__ or error)) from error

    def submit(
        self, source: str, to: str, service_type: str, data_coding: int, header: bytes, text: bytes
    ) -> Outgoing:
        """One short message, receipt asked; returns once it is answered."""
        self._source = wire(source)
        ton, npi, number = wire(to)
        try:
            pdu = self._client.send_message(
                service_type=service_type,
                source_addr_ton=self._source[0],
                source_addr_npi=self._source[1],
                source_addr=self._source[2].decode("latin-1"),
                dest_addr_ton=ton,
                dest_addr_npi=npi,
                destination_addr=number.decode("latin-1"),
                esm_class=0x40 if header else 0,
                registered_delivery=1,
                data_coding=data_coding,
                short_message=header + text,
            )
        except exceptions.ConnectionError as error:
            raise Gone("the connection was closed") from error
        outgoing = self._sent[pdu.sequence] = Outgoing(pdu.sequence, time.monotonic())
        deadline = outgoing.at + self._timeout
        while outgoing.status is None:
            if not self._read(deadline):
                raise Gone(f"no submit_sm_resp in {self._timeout:g} s")
        return outgoing

    def wait(self, seconds: float) -> bool:
        """Until every accepted message has its verdict; False when the time is over first."""
        now = time.monotonic()
        deadline, ask_at = now + seconds, now + ASK
        while self._open():
            if time.monotonic() >= deadline:
                return False
            if not self._read(min(deadline, ask_at)):
                self._ask()
                ask_at = time.monotonic() + ASK
        return True

    def leave(self) -> None:
        """Unbind and close."""
        try:
            if self._client._socket is not None:  # noqa: SLF001 - smpplib has no other way to tell
                self._client.unbind()
        except (exceptions.ConnectionError, exceptions.PDUError, OSError):
            pass  # it ended without a good-bye: nothing is lost by that
        self._close()

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────
    def _open(self) -> list[Outgoing]:
        return [outgoing for outgoing in self._sent.values() if outgoing.id and not outgoing.stat]

    def _read(self, deadline: float) -> bool:
        """One PDU, if one comes until then. smpplib keeps half a PDU nowhere: it reads when there is one."""
        sock = self._client._socket  # noqa: SLF001 - as in leave()
        buffered = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
        if not buffered and not select.select([sock], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return False
        try:
            self._client.read_once(auto_send_enquire_link=False)
        except (exceptions.ConnectionError, exceptions.PDUError, OSError) as error:
            raise Gone("the connection was closed") from error
        return True

    def _answered(self, pdu: Any) -> None:
        outgoing = self._sent[pdu.sequence]
        outgoing.accepted_at = time.monotonic()
        outgoing.status = int(pdu.status)
        if outgoing.status:
            outgoing.words = (getattr(pdu, "additional_status_info_text", None) or b"").decode(
                "ascii", "replace"
            )
        else:
            outgoing.id = pdu.message_id.decode("ascii", "replace")

    def _delivered(self, pdu: Any) -> int:
        if pdu.esm_class & 0x3C != 0x04:
            return _RX_T_APPN
        parsed = receipt.parse(pdu.short_message or b"", {})
        mine = next((outgoing for outgoing in self._sent.values() if outgoing.id == parsed.id), None)
        if mine is None:
            return _RX_T_APPN
        mine.stat, mine.err, mine.receipt_at = parsed.stat, parsed.err, time.monotonic()
        return int(consts.SMPP_ESME_ROK)

    def _ask(self) -> None:
        ton, npi, addr = self._source
        source = {"source_addr_ton": ton, "source_addr_npi": npi, "source_addr": addr.decode("latin-1")}
        for outgoing in self._open():
            try:
                pdu = self._client.query_message(message_id=outgoing.id, **source)
            except exceptions.ConnectionError as error:
                raise Gone("the connection was closed") from error
            self._asked[pdu.sequence] = outgoing

    def _told(self, pdu: Any) -> None:
        outgoing = self._asked.pop(pdu.sequence, None)
        if outgoing is not None and not outgoing.stat and not pdu.status and pdu.message_state in _FINAL:
            outgoing.stat, outgoing.err = _FINAL[pdu.message_state], f"{pdu.error_code:03d}"
            outgoing.receipt_at, outgoing.queried = time.monotonic(), True

    def _close(self) -> None:
        self._client.state = consts.SMPP_CLIENT_STATE_OPEN  # else disconnect() complains that it was bound
        self._client.disconnect()


def _teach_refusals() -> None:
    """For smpplib 2.2 raises KeyError on a submit_sm_resp with additional_status_info_text (SMPP 3.4 §5.3.2.11)."""
    response = command.SubmitSMResp
    if "additional_status_info_text" not in response.params:
        response.params = {**response.params, "additional_status_info_text": command.Param(type=str, max=256)}
