"""The messages of a simulated carrier: what it took, and the deliver_sm bodies that it sends. Pure.

A receipt goes from the submit_sm's destination to its source, with the same TON and NPI (SMPP 3.4 §4.6). MOs
are given as canonical addresses and text; their parts carry a user data header, as a handset's do.
"""

from __future__ import annotations

from drivers.bearer import MessageState
from drivers.smpp import receipt
from drivers.smpp.behaviour import ReceiptStyle
from drivers.smpp.build import address as wire_address
from drivers.smpp.build import sm_body, tlv
from drivers.smpp.carrier_faults import Notice
from drivers.smpp.pdu import Sm, Tag
from drivers.smpp.times import receipt_date
from drivers.sms import address
from drivers.sms.alphabet import decode, fit
from drivers.sms.split import Part, split
from drivers.sms.udh import concat_header, split_udh

__all__ = ["Submitted", "mo_bodies", "receipt_body"]

_UDHI = 0x40
_RECEIPT = 0x04
_ENROUTE = int(MessageState.ENROUTE)
_STATES = {receipt.stat_word(state): receipt.state_octet(state) for state in MessageState if state > 0}


class Submitted:
    """One submit_sm as the carrier took it.

    at: clock seconds when its octets were received. message_id: "" when refused, with status. bind: the
    number of the connection it came on. answered: False when the response was kept back for ever.
    """

    __slots__ = ("answered", "at", "bind", "message_id", "sm", "status", "system_id")

    def __init__(
        self, sm: Sm, at: float, system_id: str, bind: int, status: int, message_id: str, answered: bool
    ) -> None:
        self.sm = sm
        self.at = at
        self.system_id = system_id
        self.bind = bind
        self.status = status
        self.message_id = message_id
        self.answered = answered

    @property
    def source(self) -> str:
        """As written, with "+" before an international number."""
        return _readable(self.sm.source_addr_ton, self.sm.source_addr)

    @property
    def destination(self) -> str:
        """As source."""
        return _readable(self.sm.dest_addr_ton, self.sm.destination_addr)

    @property
    def udh(self) -> bytes:
        """The user data header, its length octet first; b"" if none."""
        return split_udh(self.sm.user_data())[0] if self.sm.esm_class & _UDHI else b""

    @property
    def payload(self) -> bytes:
        """The user data behind the header."""
        data = self.sm.user_data()
        return split_udh(data)[1] if self.sm.esm_class & _UDHI else data

    @property
    def text(self) -> str:
        """The text of the segment."""
        return decode(self.payload, self.sm.data_coding, udh=self.udh)

    def part(self) -> Part:
        """As the Joiner wants it; numbered by its header, or by the sar TLVs (§5.3.2.22 to 24)."""
        sm = self.sm
        part = Part.of(self.source, self.destination, self.udh, sm.data_coding, self.payload, self)
        if not part.kind and Tag.SAR_TOTAL_SEGMENTS in sm.tlvs:
            part.kind = "sar"
            part.reference = int.from_bytes(sm.tlvs.get(Tag.SAR_MSG_REF_NUM, b""))
            part.total = int.from_bytes(sm.tlvs[Tag.SAR_TOTAL_SEGMENTS])
            part.sequence = int.from_bytes(sm.tlvs.get(Tag.SAR_SEGMENT_SEQNUM, b""))
        return part

    def __repr__(self) -> str:
        return f"<Submitted {self.message_id or self.status} to {self.destination}: {self.text!r}>"


def _readable(ton: int, addr: bytes) -> str:
    text = addr.decode("latin-1")
    return f"+{text}" if ton == address.Ton.INTERNATIONAL and not text.startswith("+") else text


def receipt_body(
    sm: Sm, message_id: bytes, notice: Notice, now: float, style: ReceiptStyle, tlvs: bool, flag: bool
) -> bytes:
    """The deliver_sm body of a receipt for sm; now: Unix seconds of the submission."""
    text = _receipt_text(sm, message_id, notice, now, style)
    optional = b""
    if tlvs:
        # A word that no state has is told as UNKNOWN: a test may ask for any.
        octet = _STATES.get(notice.stat, b"\x07")
        optional = tlv(Tag.RECEIPTED_MESSAGE_ID, message_id + b"\0") + tlv(Tag.MESSAGE_STATE, octet)
    return sm_body(
        wire_address(sm.dest_addr_ton, sm.dest_addr_npi, sm.destination_addr),
        wire_address(sm.source_addr_ton, sm.source_addr_npi, sm.source_addr),
        text,
        esm_class=_RECEIPT if flag else 0,
        tlvs=optional,
    )


def _receipt_text(sm: Sm, message_id: bytes, notice: Notice, now: float, style: ReceiptStyle) -> bytes:
    submitted, done = receipt_date(now), receipt_date(now + notice.delay)
    if style == "bare":
        return b"id:%b stat:%b" % (message_id, notice.stat)
    if style == "seconds":
        submitted, done = submitted + b"%02d" % (now % 60), done + b"%02d" % ((now + notice.delay) % 60)
    beginning = b"" if sm.data_coding or sm.esm_class & _UDHI else sm.short_message
    text = receipt.format_text(message_id, submitted, done, notice.stat, notice.err, beginning)
    if style == "capitals":
        return text.replace(b" text:", b" Text:", 1)
    if style == "underscores":
        return text.replace(b"submit date:", b"submit_date:", 1).replace(b"done date:", b"done_date:", 1)
    return text


def mo_bodies(source: str, destination: str, text: str, parts: int, reference: int) -> list[bytes]:
    """The deliver_sm bodies of an MO: parts of them, or as many as the text needs when that is more.

    Raises AddressError for an address that has no octets.
    """
    sender, receiver = address.wire_octets(source), address.wire_octets(destination)
    data_coding, payload = fit(text)
    pieces = split(payload, data_coding, reference)
    if len(pieces) < parts:
        step = -(-len(text) // parts)
        pieces = [
            (concat_header(reference, parts, n + 1), _encoded(text[n * step : (n + 1) * step], data_coding))
            for n in range(parts)
        ]
    return [
        sm_body(sender, receiver, header + part, esm_class=_UDHI if header else 0, data_coding=data_coding)
        for header, part in pieces
    ]


def _encoded(text: str, data_coding: int) -> bytes:
    """A piece in the alphabet of the whole."""
    return text.encode("utf-16-be", "surrogatepass") if data_coding else fit(text)[1]
