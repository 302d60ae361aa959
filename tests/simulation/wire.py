"""SMPP as carriers and applications of the storm speak it: little, and independent of the gateway's own codec."""

from __future__ import annotations

import struct
from typing import NamedTuple

__all__ = ["Deframer", "Submission", "bind", "cancel", "deliver", "frame", "multi", "multi_failures", "parse_sm", "query",
           "receipt_text", "replace", "submit"]  # fmt: skip

BIND_RX, BIND_TX, SUBMIT, DELIVER, UNBIND, BIND_TRX = 0x01, 0x02, 0x04, 0x05, 0x06, 0x09
QUERY, REPLACE, CANCEL, ENQUIRE, MULTI, NACK = 0x03, 0x07, 0x08, 0x15, 0x21, 0x80000000
RESP = 0x80000000
OK, SYSTEM_ERROR, QUEUE_FULL, THROTTLED, LATER = 0, 0x08, 0x14, 0x58, 0x64


class Submission(NamedTuple):
    """A submit_sm or deliver_sm, read. part and total are 1 and 1 where no header says otherwise."""

    service: bytes
    source: str
    destination: str
    esm: int
    registered: int
    coding: int
    text: bytes
    reference: int
    total: int
    part: int
    tlvs: dict[int, bytes]


def frame(command: int, status: int, sequence: int, body: bytes = b"") -> bytes:
    return struct.pack(">IIII", 16 + len(body), command, status, sequence) + body


class Deframer:
    """Octets in, (command, status, sequence, body) out."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, octets: bytes) -> list[tuple[int, int, int, bytes]]:
        data = self._rest + octets
        out = []
        begin = 0
        while len(data) - begin >= 16:
            length, command, status, sequence = struct.unpack_from(">IIII", data, begin)
            assert 16 <= length <= 65_536, f"the gateway wrote a PDU of {length} octets"
            if len(data) - begin < length:
                break
            out.append((command, status, sequence, data[begin + 16 : begin + length]))
            begin += length
        self._rest = data[begin:]
        return out


def _address(number: str) -> bytes:
    if number.startswith("+"):
        return b"\x01\x01" + number[1:].encode() + b"\0"
    return (b"\x05\x00" if not number.isdigit() else b"\x03\x00") + number.encode() + b"\0"


def bind(system_id: str, password: str = "secret") -> bytes:
    return system_id.encode() + b"\0" + password.encode() + b"\0\0\x34\0\0\0"


def _sm(service: bytes, source: str, to: str, esm: int, registered: int, coding: int, text: bytes, tlvs: bytes,
        priority: int = 0, schedule: bytes = b"", validity: bytes = b"") -> bytes:  # fmt: skip
    long = len(text) > 254
    if long:
        tlvs = struct.pack(">HH", 0x0424, len(text)) + text + tlvs
    body = service + b"\0" + _address(source) + _address(to) + bytes((esm, 0, priority))
    body += schedule + b"\0" + validity + b"\0" + bytes((registered, 0, coding, 0))
    return body + (b"\0" if long else bytes((len(text),)) + text) + tlvs


def submit(kind: bytes, source: str, to: str, text: bytes, reference: str, tag: str, registered: int = 1,
           wait: float = 0.0) -> bytes:  # fmt: skip
    tlvs = b"".join(
        struct.pack(">HH", code, len(word)) + word.encode()
        for code, word in ((0x1500, reference), (0x1501, tag))
        if word
    )
    return _sm(kind, source, to, 0, registered, 0, text, tlvs, schedule=_in(wait))


def multi(kind: bytes, source: str, to: list[str], text: bytes, registered: int) -> bytes:
    one = _sm(kind, source, "+1", 0, registered, 0, text, b"")
    head, tail = one.split(_address(source) + _address("+1"), 1)
    many = bytes((len(to),)) + b"".join(b"\x01" + _address(number) for number in to)
    return head + _address(source) + many + tail


def multi_failures(body: bytes) -> list[str]:
    """The numbers that a submit_multi_resp says were not taken."""
    _, at = _cstring(body, 0)
    found = []
    at += 1
    while at < len(body):
        number, end = _number(body, at)
        found.append(number)
        at = end + 4
    return found


def query(message_id: str, source: str) -> bytes:
    return message_id.encode() + b"\0" + _address(source)


def cancel(message_id: str, source: str, to: str) -> bytes:
    return b"\0" + message_id.encode() + b"\0" + _address(source) + _address(to)


def replace(message_id: str, source: str, text: bytes, registered: int) -> bytes:
    return message_id.encode() + b"\0" + _address(source) + b"\0\0" + bytes((registered, 0, len(text))) + text


def _in(seconds: float) -> bytes:
    """A relative time of SMPP 3.4 §7.1.1."""
    if not seconds:
        return b""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return b"0000%02d%02d%02d%02d000R" % (*divmod(hours, 24), minutes, rest)


def deliver(source: str, to: str, text: bytes, esm: int = 0, tlvs: bytes = b"") -> bytes:
    return _sm(b"", source, to, esm, 0, 0, text, tlvs)


def receipt_text(carrier_id: str, stat: str, err: str = "000") -> bytes:
    ok = "001" if stat == "DELIVRD" else "000"
    return (
        f"id:{carrier_id} sub:001 dlvrd:{ok} submit date:2603280900 done date:2603280901 stat:{stat} err:{err} text:"
    ).encode()


def parse_sm(body: bytes) -> Submission:
    service, at = _cstring(body, 0)
    source, at = _number(body, at)
    to, at = _number(body, at)
    esm = body[at]
    _, at = _cstring(body, at + 3)
    _, at = _cstring(body, at)
    registered, _, coding, _, length = body[at : at + 5]
    text = body[at + 5 : at + 5 + length]
    tlvs = {}
    at += 5 + length
    while at + 4 <= len(body):
        tag, size = struct.unpack_from(">HH", body, at)
        tlvs[tag] = body[at + 4 : at + 4 + size]
        at += 4 + size
    text = tlvs.get(0x0424, text)
    reference, total, part = 0, 1, 1
    if esm & 0x40 and text:
        header, text = text[: text[0] + 1], text[text[0] + 1 :]
        if header[1:3] == b"\x00\x03":
            reference, total, part = header[3:6]
    return Submission(service, source, to, esm, registered, coding, text, reference, total, part, tlvs)


def _cstring(body: bytes, at: int) -> tuple[bytes, int]:
    end = body.index(b"\0", at)
    return body[at:end], end + 1


def _number(body: bytes, at: int) -> tuple[str, int]:
    ton = body[at]
    word, end = _cstring(body, at + 2)
    return ("+" if ton == 1 else "") + word.decode("latin-1"), end
