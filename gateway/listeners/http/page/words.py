"""Moments, lengths of time and figures as people read them on the page. Pure."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from gateway.listeners.http.page.markup import Html, el, join

__all__ = ["clock", "coded", "count", "figure", "length", "moment", "octets", "seconds", "since"]


def length(s: float) -> str:
    """42 s, 3 min, 2 h 05 min, 3 d 4 h: coarse, so that what stands still does not flicker."""
    s = max(0.0, s)
    if s < 60:
        return f"{int(s)} s"
    minutes = int(s) // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02d} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


def clock(at: datetime, now: datetime, zone: ZoneInfo) -> str:
    """03:12:05; with its day when that is not today."""
    here, today = at.astimezone(zone), now.astimezone(zone)
    return f"{here:%H:%M:%S}" if here.date() == today.date() else f"{here.day} {here:%b %H:%M}"


def moment(at: str | None, now: str, zone: ZoneInfo) -> Html:
    """An RFC 3339 moment as a <time>; a dash for none."""
    if not at:
        return Html("–")
    return el("time", clock(_read(at), _read(now), zone), datetime=at)


def since(at: str | None, now: str, zone: ZoneInfo) -> Html:
    """The moment, and how long ago that is."""
    if not at:
        return Html("–")
    age = (_read(now) - _read(at)).total_seconds()
    return join([moment(at, now, zone), f" ({length(age)})"])


def _read(at: str) -> datetime:
    return datetime.fromisoformat(at)


def count(number: float) -> str:
    """1 234 567: a thin space keeps long numbers readable in every language."""
    return f"{number:,.0f}".replace(",", "\u202f")


def figure(number: float) -> str:
    """A rate: one decimal below a hundred, where there is one."""
    return f"{number:.1f}".removesuffix(".0") if number < 100 else count(number)


def seconds(s: float) -> str:
    """A short length of time: 3 ms, 250 ms, 1.5 s, 2 min."""
    if s < 1:
        return f"{s * 1000:.0f} ms"
    return f"{s:.1f}".removesuffix(".0") + " s" if s < 60 else length(s)


def octets(number: float) -> str:
    """1.2 GB, in powers of ten as disks are sold."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def coded(text: str) -> Html:
    """What stands between backquotes is what one types."""
    return join(el("code", part) if place % 2 else part for place, part in enumerate(text.split("`")))
