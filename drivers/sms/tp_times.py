"""Times in TPDUs: the time stamp (3GPP TS 23.040 §9.2.3.11) and the validity periods (§9.2.3.12).

A time stamp is local time with two digits of the year, read as 20YY, and a zone in quarters of an hour. One
that is no date (service centres send zeros) is 0.0, "unknown": no message is lost over its clock.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from drivers.sms.semi_octets import Octets, TpduError, swapped

__all__ = ["VPF_ABSOLUTE", "VPF_ENHANCED", "VPF_NONE", "VPF_RELATIVE"]
__all__ += ["read_enhanced", "read_time", "relative_minutes", "relative_octet", "write_time"]

VPF_NONE, VPF_ENHANCED, VPF_RELATIVE, VPF_ABSOLUTE = range(4)  # §9.2.3.3, bits 4 and 3 of the first octet

_FIRST = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
_END = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
_MOST_QUARTERS = 56  # +14:00, the furthest zone there is
_WEST = 0x08  # the sign: first bit of the zone's first digit

_FIVE_MINUTES, _HALF_HOUR, _DAY, _WEEK = 5, 30, 1440, 10_080


def read_time(octets: bytes) -> float:
    """Unix seconds of the seven octets of a time stamp, 0.0 when they are no date."""
    tens_first = [(octet & 0xF, octet >> 4) for octet in octets]
    if any(tens > 9 or ones > 9 for tens, ones in tens_first[:6]):
        return 0.0
    year, month, day, hour, minute, second = (10 * tens + ones for tens, ones in tens_first[:6])
    tens, ones = tens_first[6]
    quarters = (
        10 * (tens & ~_WEST) + ones
    )  # service centres do write 32 as twenty and twelve: no check of ones
    if quarters > _MOST_QUARTERS:  # a zone that is none: the time is right to some hours
        quarters = 0
    try:
        local = datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return 0.0
    return local.timestamp() - 900.0 * (-quarters if tens & _WEST else quarters)


def write_time(at: float, quarters: int = 0) -> bytes:
    """The seven octets of a moment, in whole seconds; 0.0 gives zeros, "unknown".

    quarters: the zone it is told in, quarters of an hour east of Greenwich. Raises TpduError outside the
    years 2000 to 2099 and beyond 14 hours.
    """
    if not at:
        return bytes(7)
    if abs(quarters) > _MOST_QUARTERS:
        raise TpduError(f"a zone of {quarters} quarters of an hour: 56 at most, east or west")
    if not _FIRST <= at + 900 * quarters < _END:
        raise TpduError(f"a time stamp has two digits of the year: {at} is not in the years 2000 to 2099")
    local = datetime.fromtimestamp(int(at), UTC) + timedelta(minutes=15 * quarters)
    zone = swapped(f"{abs(quarters):02}")[0]
    return swapped(local.strftime("%y%m%d%H%M%S")) + bytes([zone | _WEST if quarters < 0 else zone])


def relative_minutes(octet: int) -> int:
    """What a relative validity period says: §9.2.3.12.1."""
    if octet <= 143:
        return (octet + 1) * _FIVE_MINUTES
    if octet <= 167:
        return 12 * 60 + (octet - 143) * _HALF_HOUR
    if octet <= 196:
        return (octet - 166) * _DAY
    return (octet - 192) * _WEEK


def relative_octet(minutes: int) -> int:
    """The longest relative validity period that is not longer than `minutes`; 63 weeks at most.

    Raises TpduError below five minutes: rounding up would deliver what must not be delivered any more.
    """
    if minutes < _FIVE_MINUTES:
        raise TpduError(f"a validity of {minutes} minutes: the shortest that can be told is 5")
    if minutes < 12 * 60 + _HALF_HOUR:
        return min(minutes // _FIVE_MINUTES, 144) - 1
    if minutes < 2 * _DAY:
        return min((minutes - 12 * 60) // _HALF_HOUR, 24) + 143
    if minutes < 5 * _WEEK:
        return min(minutes // _DAY, 30) + 166
    return min(minutes // _WEEK, 63) + 192


def read_enhanced(octets: Octets) -> int:
    """Minutes of an enhanced validity period, which takes seven octets: §9.2.3.12.3. 0: none is stated.

    Seconds are rounded up to a minute: none at all would mean that the service centre chooses.
    """
    start = octets.at
    value = octets.take(7, "TP-VP")
    first = 1
    if value[0] & 0x80:  # another functionality indicator follows
        first = next((n + 1 for n, octet in enumerate(value) if not octet & 0x80), 7)
    kind, rest = value[0] & 0x07, value[first:]
    if kind == 0:
        return 0
    if len(rest) < (3 if kind == 3 else 1) or kind > 3:
        raise TpduError(f"an enhanced validity period of the reserved form {kind}", start)
    if kind == 1:
        return relative_minutes(rest[0])
    if kind == 2:
        return (rest[0] + 59) // 60
    hours, minutes, seconds = (10 * (octet & 0xF) + (octet >> 4) for octet in rest[:3])
    return hours * 60 + minutes + (seconds + 59) // 60
