"""Public holidays of a country's regions: fixed days, days counted from Easter, listed dates. Pure.

Nothing is bought ready-made: the days stand in the country's file, with their source, and Easter is computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from gateway.rules.country import HolidayDay

__all__ = ["HolidayCalendar", "easter"]

_YEARS_KEPT = 16


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (the anonymous algorithm of Nature, 1876)."""
    golden, (century, rest) = year % 19, divmod(year, 100)
    moon = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - moon - rest % 4) % 7
    late = (golden + 11 * moon + 22 * weekday) // 451
    month, day = divmod(moon + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


class HolidayCalendar:
    """Asked by day and regions. Years are computed when first asked for; the last 16 are kept."""

    __slots__ = ("_days", "_years")

    def __init__(self, days: Sequence[HolidayDay]) -> None:
        self._days = tuple(days)
        self._years: dict[int, dict[date, list[HolidayDay]]] = {}

    def holiday(self, day: date, regions: Iterable[str]) -> str:
        """The name of the holiday that one of these regions has on that day, or ""."""
        for entry in self._year(day.year).get(day, ()):
            if not set(entry.regions).isdisjoint(regions):
                return entry.name
        return ""

    def of_year(self, year: int, regions: Iterable[str]) -> dict[date, str]:
        """All holidays of these regions in a year, by day."""
        regions = tuple(regions)
        return {day: name for day in sorted(self._year(year)) if (name := self.holiday(day, regions))}

    def _year(self, year: int) -> dict[date, list[HolidayDay]]:
        known = self._years.get(year)
        if known is None:
            known = {}
            for entry in self._days:
                for day in _falls_on(entry, year):
                    known.setdefault(day, []).append(entry)
            if len(self._years) >= _YEARS_KEPT:
                del self._years[next(iter(self._years))]
            self._years[year] = known
        return known


def _falls_on(entry: HolidayDay, year: int) -> list[date]:
    if not entry.first_year <= year <= entry.last_year:
        return []
    if entry.easter is not None:
        return [easter(year) + timedelta(days=entry.easter)]
    if entry.date is None:
        return [day for day in entry.dates if day.year == year]
    month, day = entry.date
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return [] if (month, day) == (2, 29) and not leap else [date(year, month, day)]
