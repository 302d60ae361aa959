"""SMPP PDUs as octets: the builders of the hot path, each one straight line, and encode() for any record.

Strict in what we send: a value that does not fit its field is a ValueError that names the field. Bodies carry
no header, so that a body is made once and framed when its sequence number is known. Addresses are given as
the wire octets that address() makes, so that callers can keep them.
"""

from __future__ import annotations

from struct import Struct

from drivers.smpp.pdu import (
    RESPONSE,
    VERSION,
    AlertNotification,
    BadPdu,
    Bind,
    Cancel,
    Command,
    Outbind,
    Pdu,
    Query,
    Replace,
    Response,
    Sm,
    SubmitMulti,
)

__all__ = [
    "address",
    "bind_body",
    "data_body",
    "encode",
    "frame",
    "header",
    "query_resp_body",
    "response",
    "sm_body",
    "tlv",
    "tlvs_octets",
]

_pack = Struct(">IIII").pack
_pack_tlv = Struct(">HH").pack
_DATA_SM = int(Command.DATA_SM)
_ADDRESS_MAX = (
    64  # octets without the NUL: 20 in most PDUs, 64 in data_sm and alert_notification (§4.7, §4.12)
)
_TEXT_MAX = 255  # 254 in SMPP 3.4 §5.2.21, 255 in 5.0 §4.7.28


def header(length: int, command_id: int, status: int, sequence: int) -> bytes:
    """The 16 octets of §3.2.1; length counts them."""
    return _pack(length, command_id, status, sequence)


def frame(command_id: int, sequence: int, body: bytes) -> bytes:
    """A request: header and body."""
    return _pack(16 + len(body), command_id, 0, sequence) + body


def response(command_id: int, status: int, sequence: int, message_id: bytes | None = None) -> bytes:
    """The response to a request (or already a response's id).

    message_id None, and any status but 0: the header alone (§4.4.2). b"" gives one NUL, as deliver_sm_resp
    wants it (§4.6.2).
    """
    if status or message_id is None:
        return _pack(16, command_id | RESPONSE, status, sequence)
    return _pack(17 + len(message_id), command_id | RESPONSE, 0, sequence) + message_id + b"\0"


def tlv(tag: int, value: bytes) -> bytes:
    """One optional parameter (§3.2.4.1); value up to 65535 octets."""
    return _pack_tlv(tag, len(value)) + value


def tlvs_octets(tlvs: dict[int, bytes]) -> bytes:
    """All of a record's TLVs, in order."""
    return b"".join([tlv(tag, value) for tag, value in tlvs.items()])


def address(ton: int, npi: int, addr: bytes) -> bytes:
    """ton, npi and C-octet string on the wire, as sm_body() takes them; addr up to 64 octets."""
    if len(addr) > _ADDRESS_MAX or 0 in addr:
        raise ValueError(f"address {addr!r}: at most {_ADDRESS_MAX} octets and no NUL")
    return b"%c%c%b\0" % (ton, npi, addr)


def sm_body(
    source: bytes,
    destination: bytes,
    short_message: bytes,
    service_type: bytes = b"",
    esm_class: int = 0,
    protocol_id: int = 0,
    priority_flag: int = 0,
    schedule_delivery_time: bytes = b"",
    validity_period: bytes = b"",
    registered_delivery: int = 0,
    replace_if_present_flag: int = 0,
    data_coding: int = 0,
    sm_default_msg_id: int = 0,
    tlvs: bytes = b"",
) -> bytes:
    """The body of submit_sm or deliver_sm (§4.4.1, §4.6.1).

    source, destination: from address(). times: b"" or 16 octets. tlvs: from tlv(), joined. A text over 255
    octets goes as Tag.MESSAGE_PAYLOAD with an empty short_message. Raises ValueError for that text.
    """
    length = len(short_message)
    if length > _TEXT_MAX:
        raise ValueError(f"short_message: {length} octets, at most {_TEXT_MAX}; send it as message_payload")
    return b"%b\0%b%b%c%c%c%b\0%b\0%c%c%c%c%c%b%b" % (
        service_type,
        source,
        destination,
        esm_class,
        protocol_id,
        priority_flag,
        schedule_delivery_time,
        validity_period,
        registered_delivery,
        replace_if_present_flag,
        data_coding,
        sm_default_msg_id,
        length,
        short_message,
        tlvs,
    )


def data_body(
    source: bytes,
    destination: bytes,
    service_type: bytes = b"",
    esm_class: int = 0,
    registered_delivery: int = 0,
    data_coding: int = 0,
    tlvs: bytes = b"",
) -> bytes:
    """The body of data_sm (§4.7.1): the text is a message_payload among the TLVs."""
    return b"%b\0%b%b%c%c%c%b" % (
        service_type,
        source,
        destination,
        esm_class,
        registered_delivery,
        data_coding,
        tlvs,
    )


def bind_body(
    system_id: bytes,
    password: bytes,
    system_type: bytes = b"",
    interface_version: int = VERSION,
    addr_ton: int = 0,
    addr_npi: int = 0,
    address_range: bytes = b"",
) -> bytes:
    """The body of the three binds (§4.1). Raises ValueError for a field longer than the standard's.

    The password may pass the 8 octets of §5.2.2, as carriers hand out longer ones.
    """
    fields = (("system_id", system_id, 15), ("password", password, 64), ("system_type", system_type, 12))
    for name, value, most in (*fields, ("address_range", address_range, 40)):
        if len(value) > most or 0 in value:
            raise ValueError(f"{name}: {len(value)} octets; at most {most}, and no NUL among them")
    return b"%b\0%b\0%b\0%c%c%c%b\0" % (
        system_id,
        password,
        system_type,
        interface_version,
        addr_ton,
        addr_npi,
        address_range,
    )


def query_resp_body(message_id: bytes, final_date: bytes, message_state: int, error_code: int) -> bytes:
    """The body of query_sm_resp (§4.8.2); final_date b"" while the message is not final."""
    return b"%b\0%b\0%c%c" % (message_id, final_date, message_state, error_code)


def encode(pdu: Pdu) -> bytes:
    """Any record back to octets, without its tail. A Response goes by its body. TypeError for a BadPdu."""
    body = _body(pdu)
    return _pack(16 + len(body), pdu.command_id, pdu.command_status, pdu.sequence_number) + body


def _body(pdu: Pdu) -> bytes:
    if isinstance(pdu, Sm):
        return _sm(pdu)
    if isinstance(pdu, Response):
        return pdu.body
    if isinstance(pdu, Bind):
        return bind_body(
            pdu.system_id,
            pdu.password,
            pdu.system_type,
            pdu.interface_version,
            pdu.addr_ton,
            pdu.addr_npi,
            pdu.address_range,
        ) + tlvs_octets(pdu.tlvs)
    if isinstance(pdu, SubmitMulti):
        return _multi(pdu)
    if isinstance(pdu, (Outbind, Query, Cancel, Replace, AlertNotification)):
        return _rare(pdu) + tlvs_octets(pdu.tlvs)
    if isinstance(pdu, BadPdu):
        raise TypeError(f"{pdu!r} cannot be encoded: its body was never understood")
    return b""


def _source(pdu: Sm | Query | Cancel | Replace | AlertNotification) -> bytes:
    return address(pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr)


def _sm(pdu: Sm, destination: bytes | None = None) -> bytes:
    if destination is None:
        destination = address(pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.destination_addr)
    tlvs = tlvs_octets(pdu.tlvs)
    if pdu.command_id == _DATA_SM:
        return data_body(
            _source(pdu),
            destination,
            pdu.service_type,
            pdu.esm_class,
            pdu.registered_delivery,
            pdu.data_coding,
            tlvs,
        )
    return sm_body(
        _source(pdu),
        destination,
        pdu.short_message,
        pdu.service_type,
        pdu.esm_class,
        pdu.protocol_id,
        pdu.priority_flag,
        pdu.schedule_delivery_time,
        pdu.validity_period,
        pdu.registered_delivery,
        pdu.replace_if_present_flag,
        pdu.data_coding,
        pdu.sm_default_msg_id,
        tlvs,
    )


def _multi(pdu: SubmitMulti) -> bytes:
    """dest_flag 1 goes before an SME address, 2 before a list's name (§5.2.25)."""
    if not 0 < len(pdu.destinations) <= 254:
        raise ValueError(f"submit_multi to {len(pdu.destinations)} destinations: 1 to 254 (§5.2.24)")
    listed = [b"\2%b\0" % d if isinstance(d, bytes) else b"\1" + address(*d) for d in pdu.destinations]
    return _sm(pdu.sm, b"%c%b" % (len(listed), b"".join(listed)))


def _rare(pdu: Outbind | Query | Cancel | Replace | AlertNotification) -> bytes:
    if isinstance(pdu, Outbind):
        return b"%b\0%b\0" % (pdu.system_id, pdu.password)
    if isinstance(pdu, Query):
        return b"%b\0%b" % (pdu.message_id, _source(pdu))
    if isinstance(pdu, Cancel):
        destination = address(pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.destination_addr)
        return b"%b\0%b\0%b%b" % (pdu.service_type, pdu.message_id, _source(pdu), destination)
    if isinstance(pdu, AlertNotification):
        return _source(pdu) + address(pdu.esme_addr_ton, pdu.esme_addr_npi, pdu.esme_addr)
    return b"%b\0%b%b\0%b\0%c%c%c%b" % (
        pdu.message_id,
        _source(pdu),
        pdu.schedule_delivery_time,
        pdu.validity_period,
        pdu.registered_delivery,
        pdu.sm_default_msg_id,
        len(pdu.short_message),
        pdu.short_message,
    )
