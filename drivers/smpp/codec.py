"""A receive buffer into PDUs: framing, and in straight lines the three shapes that come by the thousand.

submit_sm, deliver_sm and the responses are read here with bytes.index per C-octet string and plain indexing,
no loop over fields: 1.6 µs a submit_sm (CPython 3.11) where a table of fields takes 28 to 32. What does not
fit the straight line goes to bodies.py, which finds out why. A bad body is a value (BadPdu); only a length
that loses the stream is an exception. No other exception leaves decode(), whatever the octets.
"""

from __future__ import annotations

from struct import Struct, error

from drivers.smpp.bodies import decode_body, query_result, read_tlvs
from drivers.smpp.build import (
    address,
    bind_body,
    data_body,
    encode,
    frame,
    header,
    query_resp_body,
    response,
    sm_body,
    tlv,
    tlvs_octets,
)
from drivers.smpp.pdu import NO_TLVS, RESPONSE, Command, CommandStatus, Pdu, Response, Sm, UnknownPdu

__all__ = [
    "MAX_PDU",
    "BrokenFraming",
    "address",
    "bind_body",
    "data_body",
    "decode",
    "encode",
    "frame",
    "header",
    "query_resp_body",
    "query_result",
    "response",
    "sm_body",
    "tlv",
    "tlvs_octets",
]

MAX_PDU = 65536
"""command_length above this is refused at once, without waiting or allocating (SMPP 3.4 §4.3)."""

_head = Struct(">IIII").unpack_from
_length = Struct(">I").unpack_from
_ten = Struct("10B").unpack_from
_five = Struct("5B").unpack_from

_NOTHING = (NO_TLVS, b"")
_SUBMIT_SM = int(Command.SUBMIT_SM)
_DELIVER_SM = int(Command.DELIVER_SM)
_RESPONSES = frozenset(int(command) for command in Command if command & RESPONSE) - {
    Command.BROADCAST_SM_RESP,
    Command.QUERY_BROADCAST_SM_RESP,
    Command.CANCEL_BROADCAST_SM_RESP,
}
_NO_ID = frozenset(
    {
        Command.GENERIC_NACK,
        Command.UNBIND_RESP,
        Command.ENQUIRE_LINK_RESP,
        Command.CANCEL_SM_RESP,
        Command.REPLACE_SM_RESP,
    }
)
_NO_TLVS_BEHIND_ID = frozenset({Command.QUERY_SM_RESP, Command.SUBMIT_MULTI_RESP})


class BrokenFraming(Exception):
    """command_length is under 16 or over the limit: the stream cannot be found again. Answer, then close.

    status: for the generic_nack. sequence: the PDU's, 0 if that had not arrived. reason: for the log.
    """

    def __init__(self, status: int, sequence: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.sequence = sequence
        self.reason = reason


def decode(buffer: bytes, start: int = 0, max_pdu: int = MAX_PDU) -> tuple[list[Pdu], int]:
    """All whole PDUs in buffer from start on, and the position behind the last of them.

    Raises BrokenFraming only when the bad length is the first thing at start. One behind good PDUs ends the
    list before it, and raises when the caller decodes again from there: so the good ones are never lost.
    """
    pdus: list[Pdu] = []
    append = pdus.append
    position = start
    last = len(buffer) - 16
    while position <= last:
        length, command_id, status, sequence = _head(buffer, position)
        if length < 16 or length > max_pdu:
            break
        end = position + length
        if end > last + 16:
            return pdus, position
        if command_id == _SUBMIT_SM or command_id == _DELIVER_SM:  # noqa: PLR1714, SIM109 - the faster form
            append(_sm(buffer, position + 16, end, command_id, status, sequence))
        elif command_id & RESPONSE:
            append(_response(buffer, position + 16, end, command_id, status, sequence))
        else:
            append(_request(buffer, position + 16, end, command_id, status, sequence))
        position = end
    if not pdus:
        _check_length(buffer, position, max_pdu)
    return pdus, position


def _check_length(buffer: bytes, position: int, max_pdu: int) -> None:
    """Raise BrokenFraming if the length at position is known and bad, even before its header is whole."""
    have = len(buffer) - position
    if have < 4:
        return
    (length,) = _length(buffer, position)
    if not 16 <= length <= max_pdu:
        sequence = _head(buffer, position)[3] if have >= 16 else 0
        reason = f"command_length {length} is not between 16 and {max_pdu}"
        raise BrokenFraming(CommandStatus.ESME_RINVCMDLEN, sequence, reason)


def _sm(octets: bytes, p: int, end: int, command_id: int, status: int, sequence: int) -> Pdu:
    """submit_sm or deliver_sm. Reading past `end` is harmless: the last check sees it.

    What this does not understand, bodies.py does, or says why not.
    """
    try:
        a = octets.index(0, p, end)
        b = octets.index(0, a + 3, end)
        c = octets.index(0, b + 3, end)
        # In nearly all PDUs both times are empty: then ten octets follow the destination at once.
        esm, pid, priority, schedule, validity, receipt, replace, coding, default, length = _ten(
            octets, c + 1
        )
        if schedule or validity:
            d = octets.index(0, c + 4, end)
            e = octets.index(0, d + 1, end)
            schedule_time, validity_period = octets[c + 4 : d], octets[d + 1 : e]
            receipt, replace, coding, default, length = _five(octets, e + 1)
            text, times_fit = e + 6, d - c in (4, 20) and e - d in (1, 17)
        else:
            schedule_time = validity_period = b""
            text, times_fit = c + 11, True
    except (ValueError, error):
        return _request(octets, p, end, command_id, status, sequence)
    behind = text + length
    if behind > end or (
        # Limits for applications, not for carriers: service_type 5, addresses 20, a destination at all.
        command_id == _SUBMIT_SM and not (a - p < 6 and b - a < 24 and 3 < c - b < 24 and times_fit)
    ):
        return _request(octets, p, end, command_id, status, sequence)
    tlvs, tail = read_tlvs(octets, behind, end) if behind != end else _NOTHING
    return Sm(
        command_id,
        status,
        sequence,
        octets[p:a],
        octets[a + 1],
        octets[a + 2],
        octets[a + 3 : b],
        octets[b + 1],
        octets[b + 2],
        octets[b + 3 : c],
        esm,
        pid,
        priority,
        schedule_time,
        validity_period,
        receipt,
        replace,
        coding,
        default,
        octets[text:behind],
        tlvs,
        tail,
    )


def _response(octets: bytes, p: int, end: int, command_id: int, status: int, sequence: int) -> Pdu:
    if command_id not in _RESPONSES:
        return UnknownPdu(command_id, status, sequence, octets[p:end])
    body = octets[p:end]
    if not body:
        return Response(command_id, status, sequence)
    if command_id in _NO_ID:
        return Response(command_id, status, sequence, b"", body, NO_TLVS, body)
    nul = body.find(0)
    if nul == len(body) - 1:
        return Response(command_id, status, sequence, body[:nul], body)
    if nul < 0:
        return Response(command_id, status, sequence, body, body)
    if command_id in _NO_TLVS_BEHIND_ID:
        return Response(command_id, status, sequence, body[:nul], body)
    tlvs, tail = read_tlvs(body, nul + 1, len(body))
    return Response(command_id, status, sequence, body[:nul], body, tlvs, tail)


def _request(octets: bytes, p: int, end: int, command_id: int, status: int, sequence: int) -> Pdu:
    pdu = decode_body(command_id, status, sequence, octets[p:end])
    if pdu is None:
        return UnknownPdu(command_id, status, sequence, octets[p:end])
    return pdu
