"""SMS-SUBMIT, SMS-DELIVER and SMS-STATUS-REPORT: what a modem in PDU mode takes and shows, 3GPP TS 23.040 §9.2.

Each is a plain record with encode_* and decode_*, which are one another's inverse. A TPDU is without the
service centre's address, which split_smsc and with_smsc take off and put on. Any octets give a record or a
TpduError, nothing else. udh is a whole header, its length octet first, or b""; payload is unpacked (where
TP-DCS says seven bits: one septet an octet); data_coding is TP-DCS as it stands: see user_data.data_coding_of.
"""

from __future__ import annotations

from drivers.sms.address import mask
from drivers.sms.semi_octets import Octets, TpduError, read_address, split_smsc, with_smsc, write_address
from drivers.sms.tp_times import (
    VPF_ABSOLUTE,
    VPF_ENHANCED,
    VPF_NONE,
    VPF_RELATIVE,
    read_enhanced,
    read_time,
    relative_minutes,
    relative_octet,
    write_time,
)
from drivers.sms.user_data import read_user_data, write_user_data

__all__ = ["Deliver", "StatusReport", "Submit", "TpduError"]
__all__ += ["decode_deliver", "decode_received", "decode_status_report", "decode_submit"]
__all__ += ["encode_deliver", "encode_status_report", "encode_submit", "split_smsc", "with_smsc"]

_DELIVER, _SUBMIT, _STATUS_REPORT, _RESERVED = range(4)  # TP-MTI, §9.2.3.1, by the direction each can have
_REJECT_DUPLICATES = 0x04  # TP-RD of a SUBMIT
_NO_MORE = 0x04  # TP-MMS of the other two: set when nothing more waits
_REPORT = 0x20  # TP-SRR, TP-SRI
_HEADER = 0x40  # TP-UDHI


class Submit:
    """A short message to the network. destination: canonical.

    validity_minutes: 0 leaves it to the service centre; rounded down to what a relative TP-VP can tell.
    valid_until: Unix seconds, instead of it: the absolute form; 0.0 for none. reference: TP-MR, which a modem
    overwrites with its own. status_report: TP-SRR.
    """

    __slots__ = (
        "data_coding",
        "destination",
        "payload",
        "protocol_id",
        "reference",
        "reject_duplicates",
        "status_report",
        "udh",
        "valid_until",
        "validity_minutes",
    )

    def __init__(
        self,
        destination: str,
        data_coding: int,
        udh: bytes,
        payload: bytes,
        validity_minutes: int = 0,
        status_report: bool = False,
        reference: int = 0,
        protocol_id: int = 0,
        reject_duplicates: bool = False,
        valid_until: float = 0.0,
    ) -> None:
        self.destination = destination
        self.data_coding = data_coding
        self.udh = udh
        self.payload = payload
        self.validity_minutes = validity_minutes
        self.status_report = status_report
        self.reference = reference
        self.protocol_id = protocol_id
        self.reject_duplicates = reject_duplicates
        self.valid_until = valid_until

    def __repr__(self) -> str:
        return f"Submit({mask(self.destination)}, {len(self.payload)} of coding {self.data_coding:#x})"


class Deliver:
    """A short message from the network. source: canonical, a national number as it stands, or a name.

    sent_at: Unix seconds by the service centre's clock, 0.0 when it told none. more: others wait behind it.
    """

    __slots__ = ("data_coding", "more", "payload", "protocol_id", "sent_at", "source", "udh")

    def __init__(
        self,
        source: str,
        data_coding: int,
        udh: bytes,
        payload: bytes,
        sent_at: float,
        protocol_id: int = 0,
        more: bool = False,
    ) -> None:
        self.source = source
        self.data_coding = data_coding
        self.udh = udh
        self.payload = payload
        self.sent_at = sent_at
        self.protocol_id = protocol_id
        self.more = more

    def __repr__(self) -> str:
        return f"Deliver({mask(self.source)}, {len(self.payload)} of coding {self.data_coding:#x})"


class StatusReport:
    """What became of a SUBMIT. reference: its TP-MR; recipient: as Deliver.source; status: TP-ST.

    sent_at, done_at: Unix seconds by the service centre's clock, when it took the SUBMIT and when it gave up or
    delivered; 0.0 when it told none.
    """

    __slots__ = ("done_at", "recipient", "reference", "sent_at", "status")

    def __init__(self, reference: int, recipient: str, sent_at: float, done_at: float, status: int) -> None:
        self.reference = reference
        self.recipient = recipient
        self.sent_at = sent_at
        self.done_at = done_at
        self.status = status

    def __repr__(self) -> str:
        return f"StatusReport({self.reference}, {mask(self.recipient)}, {self.status:#04x})"


# ── SMS-SUBMIT, §9.2.2.2 ─────────────────────────────────────────────────────────────────────────────────────
def encode_submit(submit: Submit) -> bytes:
    """The TPDU. Raises TpduError for what cannot be told: a validity below 5 minutes, a text too long."""
    first = _SUBMIT
    form, validity = _write_validity(submit)
    first |= form << 3
    if submit.reject_duplicates:
        first |= _REJECT_DUPLICATES
    if submit.status_report:
        first |= _REPORT
    if submit.udh:
        first |= _HEADER
    return b"".join(
        (
            _octet(first, "the first octet"),
            _octet(submit.reference, "TP-MR"),
            write_address(submit.destination),
            _octet(submit.protocol_id, "TP-PID"),
            _octet(submit.data_coding, "TP-DCS"),
            validity,
            write_user_data(submit.data_coding, submit.udh, submit.payload),
        )
    )


def decode_submit(octets: bytes) -> Submit:
    """The record. Raises TpduError."""
    reader = Octets(octets)
    first = _first(reader, "SUBMIT", (_SUBMIT,))
    reference = reader.octet("TP-MR")
    destination = read_address(reader, "TP-DA")
    protocol_id, dcs = reader.octet("TP-PID"), reader.octet("TP-DCS")
    minutes, until = _read_validity(reader, first >> 3 & 0x03)
    udh, payload = read_user_data(reader, dcs, bool(first & _HEADER))
    return Submit(
        destination, dcs, udh, payload, minutes, bool(first & _REPORT), reference, protocol_id,
        bool(first & _REJECT_DUPLICATES), until,
    )  # fmt: skip


def _write_validity(submit: Submit) -> tuple[int, bytes]:
    if submit.valid_until:
        if submit.validity_minutes:
            raise TpduError("a SUBMIT has one validity: either validity_minutes or valid_until")
        return VPF_ABSOLUTE, write_time(submit.valid_until)
    if submit.validity_minutes:
        return VPF_RELATIVE, bytes([relative_octet(submit.validity_minutes)])
    return VPF_NONE, b""


def _read_validity(reader: Octets, form: int) -> tuple[int, float]:
    if form == VPF_RELATIVE:
        return relative_minutes(reader.octet("TP-VP")), 0.0
    if form == VPF_ENHANCED:
        return read_enhanced(reader), 0.0
    if form == VPF_ABSOLUTE:
        return 0, read_time(reader.take(7, "TP-VP"))
    return 0, 0.0


# ── SMS-DELIVER, §9.2.2.1 ────────────────────────────────────────────────────────────────────────────────────
def encode_deliver(deliver: Deliver, quarters: int = 0) -> bytes:
    """The TPDU. quarters: the zone of its time stamp, quarters of an hour east. Raises TpduError."""
    first = _DELIVER | (0 if deliver.more else _NO_MORE) | (_HEADER if deliver.udh else 0)
    return b"".join(
        (
            bytes([first]),
            write_address(deliver.source),
            _octet(deliver.protocol_id, "TP-PID"),
            _octet(deliver.data_coding, "TP-DCS"),
            write_time(deliver.sent_at, quarters),
            write_user_data(deliver.data_coding, deliver.udh, deliver.payload),
        )
    )


def decode_deliver(octets: bytes) -> Deliver:
    """The record. Raises TpduError."""
    reader = Octets(octets)
    first = _first(
        reader, "DELIVER", (_DELIVER, _RESERVED)
    )  # the reserved type is to be read as this: §9.2.3.1
    source = read_address(reader, "TP-OA")
    protocol_id, dcs = reader.octet("TP-PID"), reader.octet("TP-DCS")
    sent_at = read_time(reader.take(7, "TP-SCTS"))
    udh, payload = read_user_data(reader, dcs, bool(first & _HEADER))
    return Deliver(source, dcs, udh, payload, sent_at, protocol_id, not first & _NO_MORE)


# ── SMS-STATUS-REPORT, §9.2.2.3 ──────────────────────────────────────────────────────────────────────────────
def encode_status_report(report: StatusReport, quarters: int = 0) -> bytes:
    """The TPDU, without optional fields. quarters: the zone of its time stamps. Raises TpduError."""
    return b"".join(
        (
            bytes([_STATUS_REPORT | _NO_MORE]),
            _octet(report.reference, "TP-MR"),
            write_address(report.recipient),
            write_time(report.sent_at, quarters),
            write_time(report.done_at, quarters),
            _octet(report.status, "TP-ST"),
        )
    )


def decode_status_report(octets: bytes) -> StatusReport:
    """The record; optional fields behind TP-ST (its text, if any) are not read. Raises TpduError."""
    reader = Octets(octets)
    _first(reader, "STATUS-REPORT", (_STATUS_REPORT,))
    reference = reader.octet("TP-MR")
    recipient = read_address(reader, "TP-RA")
    sent_at = read_time(reader.take(7, "TP-SCTS"))
    done_at = read_time(reader.take(7, "TP-DT"))
    return StatusReport(reference, recipient, sent_at, done_at, reader.octet("TP-ST"))


def decode_received(octets: bytes) -> Deliver | StatusReport:
    """Whichever of the two a modem has received: its memories hold both. Raises TpduError."""
    if octets and octets[0] & 0x03 == _STATUS_REPORT:
        return decode_status_report(octets)
    return decode_deliver(octets)


def _first(reader: Octets, name: str, types: tuple[int, ...]) -> int:
    first = reader.octet("the first octet")
    if first & 0x03 not in types:
        raise TpduError(f"the message type is {first & 0x03}, not that of an SMS-{name}", 0)
    return first


def _octet(value: int, field: str) -> bytes:
    if not 0 <= value <= 0xFF:
        raise TpduError(f"{field} is {value}: an octet has 0 to 255")
    return bytes([value])
