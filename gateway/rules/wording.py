"""Times, windows and closed days in words, for reasons and `chappe explain`. Pure.

English, whatever the machine's locale: these sentences go into responses, traces and logs.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo

from gateway.rules.country import DAYS, Profile, Window
from gateway.rules.zones import Place

__all__ = ["days_closed", "describe_profile", "moment", "span"]

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MOST_DAYS = 10


def _day(day: date) -> str:
    return f"{_WEEKDAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]} {day.year}"


def moment(at_ms: int, zone: tzinfo) -> str:
    """Unix ms as local time: "Sun 22 Nov 2026 14:05"."""
    local = datetime.fromtimestamp(at_ms // 1000, zone)
    return f"{_day(local.date())} {local:%H:%M}"


def span(since: int, until: int, place: Place) -> str:
    """From when to when, by the clock of the first zone: "from Sat 21 Nov 2026 20:30 to … (Europe/Paris)"."""
    zone, name = place.zones[0], place.tz_names[0]
    also = f", as for {' and '.join(place.tz_names[1:])}" if len(place.tz_names) > 1 else ""
    return f"from {moment(since, zone)} to {moment(until, zone)} ({name}{also})"


def days_closed(since: int, until: int, place: Place, profile: Profile, regions: tuple[str, ...]) -> str:
    """Why whole days of a closed span are closed: "Sunday 22 Nov, Armistice 1918"; "" when it is only a night."""
    zone = place.zones[0]
    day = datetime.fromtimestamp(since // 1000, zone).date()
    last = datetime.fromtimestamp(until // 1000, zone).date()
    reasons: list[str] = []
    for _ in range(_MOST_DAYS):
        holiday = place.calendar.holiday(day, regions) if profile.on_holiday == "closed" else ""
        if holiday:
            reasons.append(f"{_day(day)} is a public holiday ({holiday})")
        elif not any(DAYS[day.weekday()] in window.days for window in profile.windows):
            reasons.append(f"{_day(day)} is no sending day")
        if day >= last:
            break
        day += timedelta(days=1)
    return ", ".join(reasons)


def describe_profile(profile: Profile, place: Place) -> str:
    """The windows: "Mon–Sat 08:00–20:30, not on public holidays, in the recipient's time"."""
    windows = "; ".join(map(_window, profile.windows))
    holidays = ", not on public holidays" if profile.on_holiday == "closed" else ""
    zones = ", in all its time zones" if len(place.tz_names) > 1 else ", in the recipient's time"
    return windows + holidays + zones


def _window(window: Window) -> str:
    days = sorted(DAYS.index(day) for day in window.days)
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        said = f"{_WEEKDAYS[days[0]]}–{_WEEKDAYS[days[-1]]}"
    else:
        said = ", ".join(_WEEKDAYS[day] for day in days)
    return f"{said} {_time(window.from_)}–{_time(window.to)}"


def _time(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
