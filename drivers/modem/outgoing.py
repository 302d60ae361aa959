"""From a Segment to the SMS-SUBMIT that a modem hands to the network (3GPP TS 23.040 §9.2.2.2). Pure.

The SIM's number is the sender whatever the segment says: a modem cannot send under a name.
"""

from __future__ import annotations

from drivers.bearer import Segment
from drivers.sms.alphabet import Alphabet, alphabet_of, decode, fit
from drivers.sms.tpdu import Submit, TpduError, encode_submit

__all__ = ["Expired", "tpdu_of"]

UNASKED = 24 * 60
"""Minutes of validity where the message has none: without it, service centres try for days."""
LEAST = 5 * 60
"""Seconds below which no relative TP-VP can tell a validity (§9.2.3.12.1)."""
_LONGEST = 63 * 7 * 24 * 60


class Expired(Exception):
    """Its time is over: it must not be sent late."""


def tpdu_of(segment: Segment, wall: float, reports: bool) -> bytes:
    """The TPDU, without the service centre. reports: the modem brings status reports, so one may be asked for.

    Raises Expired, and TpduError for what no SMS-SUBMIT carries.
    """
    data_coding, payload = _coded(segment)
    minutes, until = _validity(segment.expires, wall)
    return encode_submit(
        Submit(
            segment.destination,
            data_coding,
            segment.udh,
            payload,
            validity_minutes=minutes,
            valid_until=until,
            status_report=reports and segment.want_receipt,
        )
    )


def _validity(expires: float, wall: float) -> tuple[int, float]:
    """(relative minutes, 0.0), or (0, the moment) where less is left than a relative one can say."""
    if not expires:
        return UNASKED, 0.0
    left = expires - wall
    if left < 1:
        raise Expired
    if left < LEAST:
        return 0, expires
    return min(int(left // 60), _LONGEST), 0.0


def _coded(segment: Segment) -> tuple[int, bytes]:
    """data_coding below 0x10 means other things in SMPP than on the air: 0, 4 and 8 are what both have."""
    if segment.data_coding >= 0x10 or segment.data_coding == 0:
        return segment.data_coding, segment.payload
    alphabet = alphabet_of(segment.data_coding)
    if alphabet is Alphabet.UCS2:
        return 8, segment.payload
    if alphabet is Alphabet.OCTETS:
        return 4, segment.payload
    data_coding, payload = fit(decode(segment.payload, segment.data_coding))
    if segment.udh and data_coding == 8 and len(segment.udh) + len(payload) > 140:
        raise TpduError(f"data_coding {segment.data_coding} does not fit a part once it is UCS-2")
    return data_coding, payload
