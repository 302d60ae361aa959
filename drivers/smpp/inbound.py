"""deliver_sm and data_sm as facts: receipts, short messages from handsets, and remarks about odd ones.

Owns: which of them a PDU is (esm_class, unless the dialect says that this carrier forgets it), and how this
carrier's alphabet, headers and addresses become canonical. Promises: never raises, and a handset's words
are never lost: an address that can't be read stays as written. Never does: acknowledge anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from functools import lru_cache

from drivers.bearer import Event, Inbound, MessageState, Receipt, Status
from drivers.smpp.dialect import STANDARD, Dialect
from drivers.smpp.ids import Learner
from drivers.smpp.pdu import Sm, Tag
from drivers.smpp.receipt import ReceiptKind, kind_of, looks_like_receipt, parse
from drivers.smpp.times import parse_receipt_date
from drivers.sms import address
from drivers.sms.alphabet import Alphabet, alphabet_of, fit
from drivers.sms.udh import Concat, concat_header, split_udh

__all__ = ["Reader"]

_UDHI = 0x40
_SAR = (int(Tag.SAR_MSG_REF_NUM), int(Tag.SAR_TOTAL_SEGMENTS), int(Tag.SAR_SEGMENT_SEQNUM))
_NOTICES = (ReceiptKind.RECEIPT, ReceiptKind.INTERMEDIATE)
_WORDS = (ReceiptKind.MESSAGE, ReceiptKind.USER_ACK, ReceiptKind.SME_ACK)
_UNKNOWN_STATS = 256  # different words remembered: a carrier that writes rubbish must not fill the memory
_TAUGHT = 4  # receipts of a batch that the Learner is told of: a carrier does not change within one


class Reader:
    """One carrier's reading of what its SMSC delivers. default: what its data_coding 0 means."""

    def __init__(self, default: str, learner: Learner, dialect: Dialect = STANDARD) -> None:
        self._default = default
        self._learner = learner
        self._dialect = dialect
        self._unknown: dict[str, int] = {}

    def read(self, sms: Sequence[Sm], now: float, events: list[Event]) -> None:
        """Append to events what the PDUs say, in their order; now: Unix seconds."""
        unflagged = self._dialect.unflagged
        for sm in sms:
            kind = kind_of(sm.esm_class)
            text = sm.user_data()
            if unflagged and kind is ReceiptKind.MESSAGE and looks_like_receipt(text, self._dialect):
                kind = ReceiptKind.RECEIPT
            if kind in _NOTICES:
                self._receipt(sm, text, kind, events)
            # A phone's own acknowledgement is nobody's words; with a text in it, better shown than lost.
            elif kind in _WORDS and (text or kind is not ReceiptKind.SME_ACK):
                events.append(self._inbound(sm, text, kind is ReceiptKind.USER_ACK, now))
            else:
                events.append(Status("pdu", {"reason": "pdu.ignored", "kind": kind.value}))

    def learn(self, receipts: Sequence[Event]) -> None:
        """The gateway has matched these: which form of the ids did it?"""
        for receipt in receipts[:_TAUGHT]:
            if isinstance(receipt, Receipt) and receipt.matched >= 0:
                self._learner.matched(receipt.carrier_id, receipt.keys[receipt.matched])

    def _receipt(self, sm: Sm, text: bytes, kind: ReceiptKind, events: list[Event]) -> None:
        parsed = parse(text, sm.tlvs, self._dialect, kind)
        state = parsed.state
        if state is None:
            self._unmapped(parsed.stat, events)
            state = MessageState.UNKNOWN
        try:
            # The addresses are swapped: the source of a receipt is the handset (§2.11).
            recipient = address.source(sm.source_addr_ton, sm.source_addr_npi, sm.source_addr)
        except address.AddressError:
            recipient = ""
        events.append(
            Receipt(
                parsed.id,
                self._learner.candidates(parsed.id),
                state,
                parsed.final,
                recipient,
                parsed.err or _code(parsed.network_error),
                _moment(parsed.done_date),
                text,
            )
        )

    def _unmapped(self, stat: str, events: list[Event]) -> None:
        """Say it at the 1st, 2nd, 4th, 8th… time: the dialect's [states] should have this word."""
        if stat not in self._unknown and len(self._unknown) >= _UNKNOWN_STATS:
            self._unknown.clear()
        count = self._unknown[stat] = self._unknown.get(stat, 0) + 1
        if count & (count - 1) == 0:
            events.append(
                Status("receipts", {"reason": "receipt.state_unknown", "stat": stat[:32], "count": count})
            )

    def _inbound(self, sm: Sm, raw: bytes, user_ack: bool, now: float) -> Inbound:
        udh, payload = split_udh(raw) if sm.esm_class & _UDHI else (b"", raw)
        # With both, the header wins: §5.2.12 forbids it, and phones act on the header.
        if not udh and _SAR[0] in sm.tlvs:
            udh = _sar_header(sm.tlvs)
        data_coding, payload = self._normal(sm.data_coding, payload)
        return Inbound(_sender(sm), _recipient(sm), data_coding, udh, payload, now, raw, user_ack)

    def _normal(self, data_coding: int, payload: bytes) -> tuple[int, bytes]:
        """data_coding 0 as GSM 03.38, whatever the carrier means by it; without a NUL that ends a C string.

        An octet over 0x7f is not GSM 03.38: such a text is Latin-1. A last 0x00 in GSM 03.38 is an "@".
        """
        if data_coding == 0:
            if self._default == "gsm7" and payload.isascii():
                return 0, payload
            return fit(payload.rstrip(b"\0").decode("latin-1"))
        alphabet = alphabet_of(data_coding)
        if alphabet is Alphabet.UCS2:
            if len(payload) % 2 and payload.endswith(b"\0"):
                payload = payload[:-1]
            while len(payload) % 2 == 0 and payload.endswith(b"\0\0"):
                payload = payload[:-2]
        elif alphabet in (Alphabet.ASCII, Alphabet.LATIN1):
            payload = payload.rstrip(b"\0")
        return data_coding, payload


def _sender(sm: Sm) -> str:
    try:
        return address.source(sm.source_addr_ton, sm.source_addr_npi, sm.source_addr)
    except address.AddressError:
        return sm.source_addr.decode("latin-1")


def _recipient(sm: Sm) -> str:
    try:
        return address.destination(sm.dest_addr_ton, sm.dest_addr_npi, sm.destination_addr)
    except address.AddressError:
        return sm.destination_addr.decode("latin-1")


def _sar_header(tlvs: dict[int, bytes]) -> bytes:
    """The sar_* TLVs as a header; b"" unless all three are there (§5.3.2.22) and make sense."""
    reference, total, sequence = (int.from_bytes(tlvs.get(tag, b"")) for tag in _SAR)
    if not Concat(reference, total, sequence).valid or total > 255:
        return b""
    return concat_header(reference, total, sequence, wide=True)


def _code(network_error: bytes) -> str:
    """network_error_code (§5.3.2.31) as "type/code"; other shapes than its three octets occur."""
    if len(network_error) == 3 and not network_error.isdigit():
        return f"{network_error[0]}/{int.from_bytes(network_error[1:])}"
    return network_error.decode("latin-1") if network_error.isalnum() else network_error.hex()


@lru_cache(maxsize=1024)
def _moment(done_date: str) -> float:
    """The SMSC's local time read as UTC: it names no zone. For information, never for a change of state."""
    date = parse_receipt_date(done_date)
    return date.replace(tzinfo=UTC).timestamp() if date else 0.0
