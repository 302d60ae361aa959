"""Segments as submit_sm bodies: everything that a carrier's settings change about what we send.

Owns: data_coding and alphabet, UDH or sar_* TLVs or message_payload, addresses, registered_delivery, the
remaining validity. Promises: nothing of the application's leaks but text, addresses, priority and validity;
a segment keeps its extent, so one that no longer fits a short message is refused, never cut again.
Never does: read a clock. `now` is Unix seconds.
"""

from __future__ import annotations

from collections.abc import Sequence

from drivers.bearer import Refused, Remedy, Segment
from drivers.smpp.codec import sm_body, tlv
from drivers.smpp.pdu import Tag
from drivers.smpp.settings import Settings
from drivers.smpp.times import format_relative
from drivers.sms import address
from drivers.sms.alphabet import Alphabet, alphabet_of, decode, encode_as
from drivers.sms.udh import concat_of, parse_udh

__all__ = ["Encoder", "sar_tlvs"]

UDHI = 0x40
"""esm_class: the text begins with a user data header (§5.2.12)."""

_SEPTETS, _OCTETS = 160, 140  # what one short message holds: TS 23.040 §9.2.3.16
_PAYLOAD_MAX = 64_000  # octets of a message_payload that leave room for the rest of a PDU of 64 KiB
_CACHED = 4096


class Encoder:
    """The bodies for one carrier. Sources and validities come again and again: their octets are kept."""

    def __init__(self, settings: Settings) -> None:
        self._service_type = settings.service_type.encode("ascii")
        self._default = settings.default_alphabet
        self._recode = settings.default_alphabet != "gsm7"
        self._sar = settings.long_messages == "sar"
        self._whole = settings.long_messages == "payload"
        self._receipts = settings.receipts != "none"
        self._last_only = settings.receipts == "last-segment"
        ton_npi = settings.source_ton_npi
        self._ton_npi = None if ton_npi == "auto" else bytes(map(int, ton_npi.split("/")))
        self._sources: dict[str, bytes] = {}
        self._validities: dict[int, bytes] = {}

    def bodies(
        self, segments: Sequence[Segment], now: float
    ) -> tuple[list[bytes], list[Segment], list[Refused]]:
        """Bodies, and the segments they are of; those that can't be sent are refused, with the reason."""
        bodies: list[bytes] = []
        fitting: list[Segment] = []
        refused: list[Refused] = []
        for segment in segments:
            try:
                bodies.append(self.body(segment, now))
            except ValueError as error:
                refused.append(Refused(segment, Remedy.GIVE_UP, 0, str(error)))
            else:
                fitting.append(segment)
        return bodies, fitting, refused

    def body(self, segment: Segment, now: float) -> bytes:
        """The body of one submit_sm (§4.4.1). Raises ValueError when the segment fits none."""
        data_coding = segment.data_coding
        text = segment.payload
        udh = segment.udh
        esm_class = 0
        tlvs = b""
        if self._recode and data_coding == 0:
            data_coding, text = self._recoded(segment)
        if udh:
            tlvs = sar_tlvs(udh) if self._sar else b""
            if not tlvs:
                esm_class = UDHI
                text = udh + text
        if self._whole and len(text) > _OCTETS and len(text) > _capacity(data_coding):
            if len(text) > _PAYLOAD_MAX:
                raise ValueError(f"text of {len(text)} octets: a message_payload holds {_PAYLOAD_MAX} here")
            tlvs = tlv(Tag.MESSAGE_PAYLOAD, text)
            text = b""
        asks = segment.want_receipt and self._receipts
        if asks and self._last_only and udh:
            asks = _is_last(udh)
        return sm_body(
            self._sources.get(segment.source) or self._source(segment.source),
            address.wire_octets(segment.destination),
            text,
            self._service_type,
            esm_class,
            0,
            segment.priority,
            b"",
            self._validity(segment.expires - now) if segment.expires else b"",
            asks,
            0,
            data_coding,
            0,
            tlvs,
        )

    def _source(self, source: str) -> bytes:
        octets = address.wire_octets(source)
        if self._ton_npi is not None:
            octets = self._ton_npi + octets[2:]
        if len(octets) > 23:  # ton, npi, 20 octets and their NUL: §4.4.1
            raise ValueError(f"source address of {len(octets) - 3} octets: submit_sm holds 20")
        if len(self._sources) >= _CACHED:
            self._sources.clear()
        self._sources[source] = octets
        return octets

    def _validity(self, remaining: float) -> bytes:
        seconds = int(remaining)
        octets = self._validities.get(seconds)
        if octets is None:
            if len(self._validities) >= _CACHED:
                self._validities.clear()
            octets = self._validities[seconds] = format_relative(seconds)
        return octets

    def _recoded(self, segment: Segment) -> tuple[int, bytes]:
        """Septets for a carrier whose data_coding 0 is Latin-1 or ASCII; UCS-2 if that lacks a character."""
        text = decode(segment.payload, 0, udh=segment.udh)
        octets = encode_as(text, self._default)
        if octets is not None:
            return 0, octets
        octets = text.encode("utf-16-be")
        if not self._whole and len(octets) + len(segment.udh) > _OCTETS:
            raise ValueError(
                f"a character is not in this carrier's alphabet ({self._default}), and as UCS-2 the segment "
                f"takes {len(octets) + len(segment.udh)} octets of {_OCTETS}: leave that character out"
            )
        return 8, octets


def _capacity(data_coding: int) -> int:
    """Octets of short_message that one short message to the handset holds."""
    return _SEPTETS if alphabet_of(data_coding) is Alphabet.GSM7 else _OCTETS


def _is_last(udh: bytes) -> bool:
    concat = concat_of(udh)
    return concat is None or not concat.valid or concat.sequence == concat.total


def sar_tlvs(udh: bytes) -> bytes:
    """sar_msg_ref_num, sar_total_segments and sar_segment_seqnum (§5.3.2.22-24) in place of a header.

    b"" when the header holds more than concatenation: it must stay then, and the two exclude each other.
    """
    header = parse_udh(udh)
    if header is None or header.concat is None or not header.concat.valid or len(header.elements) != 1:
        return b""
    concat = header.concat
    return (
        tlv(Tag.SAR_MSG_REF_NUM, concat.reference.to_bytes(2))
        + tlv(Tag.SAR_TOTAL_SEGMENTS, bytes((concat.total,)))
        + tlv(Tag.SAR_SEGMENT_SEQNUM, bytes((concat.sequence,)))
    )
