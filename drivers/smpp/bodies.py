"""Bodies off the hot path, field by field: the rarer operations, and every body that the hot path gave up on.

Slow and exact where codec.py is fast and blunt: here each field has its limit (SMPP 3.4 §4) and the status
that answers for it (5.0 §2.8.2), so a body that cannot be read comes back as a BadPdu that says why.
Strict with what an application sends us, lenient with what a carrier sends: refusing a deliver_sm for ever
makes the SMSC retry for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from drivers.smpp.pdu import (
    NO_TLVS,
    AlertNotification,
    BadPdu,
    Bind,
    Cancel,
    Command,
    CommandStatus,
    Outbind,
    Pdu,
    Plain,
    Query,
    Replace,
    Response,
    Sm,
    SubmitMulti,
)

__all__ = ["decode_body", "query_result", "read_tlvs"]

_tlv_head = Struct(">HH").unpack_from

ADDRESS = 20  # most octets of an address without its NUL, §5.2.8
LONG_ADDRESS = 64  # the same in data_sm and alert_notification, §4.7.1
MESSAGE_ID = 64  # §5.2.23
PASSWORD = 64  # 8 by §5.2.2, but real applications have longer ones
TIME = 16  # §7.1.1: nothing, or exactly this
CARRIER_MAY = frozenset({Command.DELIVER_SM, Command.ALERT_NOTIFICATION, Command.OUTBIND})

S = CommandStatus


class _Unreadable(Exception):
    """A turn inside this module, never seen outside."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class _Body:
    """A cursor over one body. The first field over its limit is kept as `fault`; a missing one raises."""

    __slots__ = ("command_id", "fault", "limits", "octets", "position", "sequence", "status", "tail", "tlvs")

    def __init__(self, octets: bytes, command_id: int, status: int, sequence: int) -> None:
        self.octets = octets
        self.position = 0
        self.command_id = command_id
        self.status = status
        self.sequence = sequence
        self.limits = command_id not in CARRIER_MAY
        self.fault: tuple[int, str] | None = None
        self.tlvs = NO_TLVS
        self.tail = b""

    def blame(self, status: int, reason: str) -> None:
        if self.fault is None:
            self.fault = (status, reason)

    def text(self, name: str, most: int, status: int, least: int = 0) -> bytes:
        """A C-octet string of least to most octets."""
        end = self.octets.find(0, self.position)
        if end < 0:
            raise _Unreadable(status, f"{name} has no NUL before the end of the PDU")
        value = self.octets[self.position : end]
        self.position = end + 1
        if self.limits and not least <= len(value) <= most:
            self.blame(status, f"{name} has {len(value)} octets, {least} to {most} are allowed")
        return value

    def time(self, name: str, status: int) -> bytes:
        """A time: empty, or 16 octets."""
        value = self.text(name, TIME, status)
        if self.limits and len(value) not in (0, TIME):
            self.blame(status, f"{name} has {len(value)} octets, a time has 16 or none")
        return value

    def octet(self, name: str) -> int:
        if self.position >= len(self.octets):
            raise _Unreadable(S.ESME_RINVCMDLEN, f"the PDU ends before {name}")
        self.position += 1
        return self.octets[self.position - 1]

    def address(self, name: str, most: int, status: int, least: int = 0) -> tuple[int, int, bytes]:
        return self.octet(f"{name} ton"), self.octet(f"{name} npi"), self.text(name, most, status, least)

    def short_message(self) -> bytes:
        """sm_length and so many octets; fewer are a fault, and kept."""
        length = self.octet("sm_length")
        value = self.octets[self.position : self.position + length]
        if len(value) < length:
            self.blame(S.ESME_RINVMSGLEN, f"sm_length is {length}, {len(value)} octets remain")
        self.position += len(value)
        return value

    def finish(self, pdu: Pdu) -> Pdu:
        """The record with its TLVs and tail, or a BadPdu around it."""
        pdu.tail = self.tail
        if self.fault is None:
            return pdu
        return BadPdu(self.command_id, self.sequence, self.fault[0], self.fault[1], pdu)

    def optional(self) -> dict[int, bytes]:
        self.tlvs, self.tail = read_tlvs(self.octets, self.position, len(self.octets))
        return self.tlvs


def read_tlvs(octets: bytes, position: int, end: int) -> tuple[dict[int, bytes], bytes]:
    """TLVs from position to end, and the tail that is no whole TLV.

    The first of repeated tags is kept (§3.3: unexpected ones are ignored). A TLV longer than the rest ends
    the reading: what came before it stays good.
    """
    tlvs: dict[int, bytes] = {}
    while position + 4 <= end:
        tag, length = _tlv_head(octets, position)
        if position + 4 + length > end:
            break
        if tag not in tlvs:
            tlvs[tag] = octets[position + 4 : position + 4 + length]
        position += 4 + length
    return tlvs or NO_TLVS, octets[position:end]


def decode_body(command_id: int, status: int, sequence: int, octets: bytes) -> Pdu | None:
    """The record of a request's body, a BadPdu, or None when the command is not one of 3.4's requests."""
    reader = _READERS.get(command_id)
    if reader is None:
        return None
    body = _Body(octets, command_id, status, sequence)
    try:
        return reader(body)
    except _Unreadable as unreadable:
        return BadPdu(command_id, sequence, unreadable.status, unreadable.reason, None)


def query_result(response: Response) -> tuple[bytes, bytes, int, int] | None:
    """message_id, final_date, message_state, error_code of a query_sm_resp (§4.8.2), or None."""
    parts = response.body.split(b"\0", 2)
    if len(parts) < 3 or len(parts[2]) < 2:
        return None
    return parts[0], parts[1], parts[2][0], parts[2][1]


def _plain(body: _Body) -> Pdu:
    return Plain(body.command_id, body.status, body.sequence, body.octets)


def _bind(body: _Body) -> Pdu:
    return body.finish(
        Bind(
            body.command_id,
            body.status,
            body.sequence,
            body.text("system_id", 15, S.ESME_RINVSYSID),
            body.text("password", PASSWORD, S.ESME_RINVPASWD),
            body.text("system_type", 12, S.ESME_RINVSYSTYP),
            body.octet("interface_version"),
            body.octet("addr_ton"),
            body.octet("addr_npi"),
            body.text("address_range", 40, S.ESME_RBINDFAIL),
            body.optional(),
        )
    )


def _outbind(body: _Body) -> Pdu:
    system_id = body.text("system_id", 15, S.ESME_RINVSYSID)
    password = body.text("password", PASSWORD, S.ESME_RINVPASWD)
    return body.finish(
        Outbind(body.command_id, body.status, body.sequence, system_id, password, body.optional())
    )


def _sm(body: _Body) -> Pdu:
    service_type = body.text("service_type", 5, S.ESME_RINVSERTYP)
    source = body.address("source_addr", ADDRESS, S.ESME_RINVSRCADR)
    destination = body.address("destination_addr", ADDRESS, S.ESME_RINVDSTADR, 1)
    return body.finish(_rest_of_sm(body, service_type, source, destination))


def _rest_of_sm(
    body: _Body, service_type: bytes, source: tuple[int, int, bytes], destination: tuple[int, int, bytes]
) -> Sm:
    return Sm(
        body.command_id,
        body.status,
        body.sequence,
        service_type,
        *source,
        *destination,
        body.octet("esm_class"),
        body.octet("protocol_id"),
        body.octet("priority_flag"),
        body.time("schedule_delivery_time", S.ESME_RINVSCHED),
        body.time("validity_period", S.ESME_RINVEXPIRY),
        body.octet("registered_delivery"),
        body.octet("replace_if_present_flag"),
        body.octet("data_coding"),
        body.octet("sm_default_msg_id"),
        body.short_message(),
        body.optional(),
    )


def _multi(body: _Body) -> Pdu:
    service_type = body.text("service_type", 5, S.ESME_RINVSERTYP)
    source = body.address("source_addr", ADDRESS, S.ESME_RINVSRCADR)
    destinations: list[tuple[int, int, bytes] | bytes] = []
    count = body.octet("number_of_dests")
    if not count:
        body.blame(S.ESME_RINVNUMDESTS, "number_of_dests is 0")
    for _ in range(count):
        flag = body.octet("dest_flag")
        if flag == 1:
            destinations.append(body.address("destination_addr", ADDRESS, S.ESME_RINVDSTADR, 1))
        elif flag == 2:
            destinations.append(body.text("dl_name", 20, S.ESME_RINVDLNAME, 1))
        else:
            raise _Unreadable(S.ESME_RINVDESTFLAG, f"dest_flag is {flag}, 1 and 2 exist")
    sm = _rest_of_sm(body, service_type, source, (0, 0, b""))
    return body.finish(SubmitMulti(body.command_id, body.status, body.sequence, destinations, sm))


def _data(body: _Body) -> Pdu:
    service_type = body.text("service_type", 5, S.ESME_RINVSERTYP)
    source = body.address("source_addr", LONG_ADDRESS, S.ESME_RINVSRCADR)
    destination = body.address("destination_addr", LONG_ADDRESS, S.ESME_RINVDSTADR, 1)
    esm_class = body.octet("esm_class")
    registered_delivery = body.octet("registered_delivery")
    data_coding = body.octet("data_coding")
    head = (body.command_id, body.status, body.sequence, service_type, *source, *destination, esm_class)
    tlvs = body.optional()
    return body.finish(Sm(*head, 0, 0, b"", b"", registered_delivery, 0, data_coding, 0, b"", tlvs))


def _query(body: _Body) -> Pdu:
    message_id = body.text("message_id", MESSAGE_ID, S.ESME_RINVMSGID)
    source = body.address("source_addr", ADDRESS, S.ESME_RINVSRCADR)
    return body.finish(
        Query(body.command_id, body.status, body.sequence, message_id, *source, body.optional())
    )


def _cancel(body: _Body) -> Pdu:
    service_type = body.text("service_type", 5, S.ESME_RINVSERTYP)
    message_id = body.text("message_id", MESSAGE_ID, S.ESME_RINVMSGID)
    source = body.address("source_addr", ADDRESS, S.ESME_RINVSRCADR)
    destination = body.address("destination_addr", ADDRESS, S.ESME_RINVDSTADR)
    head = (body.command_id, body.status, body.sequence, service_type, message_id, *source, *destination)
    return body.finish(Cancel(*head, body.optional()))


def _replace(body: _Body) -> Pdu:
    message_id = body.text("message_id", MESSAGE_ID, S.ESME_RINVMSGID)
    source = body.address("source_addr", ADDRESS, S.ESME_RINVSRCADR)
    return body.finish(
        Replace(
            body.command_id,
            body.status,
            body.sequence,
            message_id,
            *source,
            body.time("schedule_delivery_time", S.ESME_RINVSCHED),
            body.time("validity_period", S.ESME_RINVEXPIRY),
            body.octet("registered_delivery"),
            body.octet("sm_default_msg_id"),
            body.short_message(),
            body.optional(),
        )
    )


def _alert(body: _Body) -> Pdu:
    source = body.address("source_addr", LONG_ADDRESS, S.ESME_RINVSRCADR)
    esme = body.address("esme_addr", LONG_ADDRESS, S.ESME_RINVDSTADR)
    return body.finish(
        AlertNotification(body.command_id, body.status, body.sequence, *source, *esme, body.optional())
    )


_READERS: dict[int, Callable[[_Body], Pdu]] = {
    Command.BIND_RECEIVER: _bind,
    Command.BIND_TRANSMITTER: _bind,
    Command.BIND_TRANSCEIVER: _bind,
    Command.OUTBIND: _outbind,
    Command.UNBIND: _plain,
    Command.ENQUIRE_LINK: _plain,
    Command.SUBMIT_SM: _sm,
    Command.DELIVER_SM: _sm,
    Command.SUBMIT_MULTI: _multi,
    Command.DATA_SM: _data,
    Command.QUERY_SM: _query,
    Command.CANCEL_SM: _cancel,
    Command.REPLACE_SM: _replace,
    Command.ALERT_NOTIFICATION: _alert,
}
