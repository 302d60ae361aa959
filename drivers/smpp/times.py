"""SMPP's ways of writing a moment: the 16-character times of 3.4 §7.1.1 and the dates in receipts.

Owns: schedule_delivery_time, validity_period, final_date; "submit date" and "done date" of Appendix B.
Promises: years are 20YY whatever the digits (Python's %y would send 99 back to 1999); a malformed field
raises TimeError and nothing else; receipt_date costs a dictionary look-up within the same minute.
Never does: read a clock. `now` is an argument, all moments are Unix seconds.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

__all__ = [
    "TimeError",
    "format_absolute",
    "format_relative",
    "parse",
    "parse_receipt_date",
    "receipt_date",
]

QUARTERS_MAX = 48  # §7.1.1: nn is 00 to 48, so ±12 hours; UTC+13 and +14 can't be written
LONGEST_RELATIVE = 31 * 86_400 + 86_399  # DD stops at 31; months would say more but mean 28 to 31 days
FIRST_MOMENT = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
LAST_MOMENT = datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()


class TimeError(ValueError):
    """The field is no SMPP time. Answer ESME_RINVSCHED or ESME_RINVEXPIRY, according to the field."""


def parse(text: bytes, now: float) -> float:
    """The moment that an absolute or relative time field (§7.1.1) means, in Unix seconds; 0.0 when empty.

    A relative time of zero is `now`: it expires at once, it never means "for ever".
    Hours over 23 and days over 31 occur in relative times, and are added up. Raises TimeError.
    """
    if not text:
        return 0.0
    if len(text) != 16:
        raise TimeError(
            f"time {text!r} has {len(text)} octets: SMPP times have 16 (YYMMDDhhmmsstnnp) or none"
        )
    if not text[:15].isdigit():
        raise TimeError(f"time {text!r}: the first 15 octets must be digits (YYMMDDhhmmsstnn)")
    if text[15] == 0x52:  # "R"
        return _relative(text, now)
    if text[15] in b"+-":
        return _absolute(text)
    raise TimeError(
        f"time {text!r} ends with {text[15:]!r}: it must be '+', '-' (from UTC) or 'R' (relative)"
    )


def _absolute(text: bytes) -> float:
    quarters = int(text[13:15])
    if quarters > QUARTERS_MAX:
        raise TimeError(
            f"time {text!r}: {quarters} quarter hours from UTC, at most {QUARTERS_MAX} are allowed"
        )
    year, month, day, hour, minute, second = (int(text[i : i + 2]) for i in range(0, 12, 2))
    try:
        local = datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise TimeError(f"time {text!r}: {error}") from error
    # "+" says that the local time is ahead of UTC, so UTC is earlier.
    ahead = quarters * 900 if text[15] == 0x2B else -quarters * 900
    return local.timestamp() - ahead + (text[12] - 0x30) / 10


def _relative(text: bytes, now: float) -> float:
    years, months, days, hours, minutes, seconds = (int(text[i : i + 2]) for i in range(0, 12, 2))
    if years or months:
        now = _add_months(now, 12 * years + months)
    return now + days * 86_400 + hours * 3_600 + minutes * 60 + seconds


def _add_months(now: float, months: int) -> float:
    """Calendar months: one after 31 January is the last day of February."""
    start = datetime.fromtimestamp(now, UTC)
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    day = min(start.day, monthrange(year, month + 1)[1])
    return start.replace(year=year, month=month + 1, day=day).timestamp()


def format_absolute(t: float, offset: int = 0) -> bytes:
    """The 16 octets for a moment, in UTC ("000+") unless an offset is given: minutes east, a multiple of 15.

    Clamped to the century 2000 to 2099, which is all that two digits hold.
    """
    quarters, rest = divmod(abs(offset), 15)
    if rest or quarters > QUARTERS_MAX:
        raise ValueError(f"offset {offset}: must be a multiple of 15 minutes, within ±{QUARTERS_MAX * 15}")
    t = min(max(t, FIRST_MOMENT), LAST_MOMENT)
    zone = timezone(timedelta(minutes=offset))
    local = datetime.fromtimestamp(t, zone)
    sign = "-" if offset < 0 else "+"
    return f"{local:%y%m%d%H%M%S}{local.microsecond // 100_000}{quarters:02}{sign}".encode()


def format_relative(seconds: float) -> bytes:
    """The 16 octets for "in so many seconds": days and smaller units only, as a month has no fixed length.

    Clamped to 1 second (all zeros is read as "none given" by some) and to 31 days 23:59:59.
    """
    left = min(max(int(seconds), 1), LONGEST_RELATIVE)
    minutes, second = divmod(left, 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    return b"0000%02d%02d%02d%02d000R" % (day, hour, minute, second)


def receipt_date(t: float) -> bytes:
    """YYMMDDhhmm in UTC, as Appendix B writes "submit date" and "done date"."""
    return receipt_minute(int(t // 60))


# A stream of receipts names a few minutes again and again: those of its submissions, and the present one.
@lru_cache(maxsize=1024)
def receipt_minute(minute: int) -> bytes:
    """The same of a whole minute since 1970."""
    return datetime.fromtimestamp(minute * 60, UTC).strftime("%y%m%d%H%M").encode()


def parse_receipt_date(text: str) -> datetime | None:
    """A carrier's receipt date, naive: it is the SMSC's local time and names no zone. None if it is no date.

    Seen: YYMMDDhhmm, YYMMDDhhmmss, YYYYMMDDhhmm, YYYYMMDDhhmmss, and YYMMDDhhmmss with the tail tnnp.
    Of the two readings of 12 digits YYMMDDhhmmss comes first, the other when that is no date.
    """
    digits = text.rstrip("+-R") if len(text) == 16 else text
    if not (digits.isascii() and digits.isdecimal()):
        return None
    match len(digits):
        case 10:
            return _local_date("20" + digits)
        case 12:
            return _local_date("20" + digits) or _local_date(digits)
        case 14:
            return _local_date(digits)
        case 15:
            return _local_date("20" + digits[:12])
        case _:
            return None


def _local_date(digits: str) -> datetime | None:
    """YYYYMMDDhhmm, with or without ss."""
    fields = [int(digits[i : i + 2]) for i in range(4, len(digits), 2)]
    try:
        return datetime(int(digits[:4]), *fields)  # type: ignore[arg-type]  # noqa: DTZ001 - no zone is known; month to second
    except ValueError:
        return None  # zeros, 30 February: a date nobody can use
