"""From a number to the place it belongs to: country, time zones, regions whose holidays hold. Pure.

A number says where it was given out, not where its owner is today; nobody but the carrier knows more. Where
one prefix covers several time zones, a place has them all, and hours are permitted only while all are open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import tzinfo

from gateway.rules.country import Country, Zone
from gateway.rules.holidays import HolidayCalendar

__all__ = ["Place", "Places"]


class Place:
    """What one prefix stands for. Compared by identity: it is the key of caches."""

    __slots__ = ("calendar", "country", "name", "optional_regions", "prefix", "regions", "tz_names", "zones")

    def __init__(
        self, country: Country, zone: Zone, calendar: HolidayCalendar, zones: tuple[tzinfo, ...]
    ) -> None:
        self.country = country
        self.name = zone.name
        self.prefix = "+" + zone.prefix
        self.regions = zone.regions
        self.optional_regions = zone.optional_regions
        self.tz_names = zone.tz
        self.zones = zones
        self.calendar = calendar

    def __repr__(self) -> str:
        return f"Place({self.prefix} {self.name})"


class Places:
    """All prefixes of all countries that are loaded. countries: the gateway's own one first.

    timezone makes a tzinfo from a name of the IANA data base (zoneinfo.ZoneInfo). home: the first zone of the
    first country, by which numbers of no country that is loaded are judged. longest: characters of a prefix, at
    most: numbers that begin with the same ones belong to the same place.
    """

    __slots__ = ("_by_prefix", "_lengths", "home", "longest")

    def __init__(self, countries: Sequence[Country], timezone: Callable[[str], tzinfo]) -> None:
        self._by_prefix: dict[str, Place] = {}
        for country in countries:
            calendar = HolidayCalendar(country.holidays.day)
            for zone in country.numbering.zone:
                place = Place(country, zone, calendar, tuple(map(timezone, zone.tz)))
                self._by_prefix.setdefault(place.prefix, place)
        self._lengths = tuple(sorted({len(prefix) for prefix in self._by_prefix}, reverse=True))
        self.longest = self._lengths[0]
        self.home = next(iter(self._by_prefix.values()))

    def __iter__(self) -> Iterator[Place]:
        return iter(self._by_prefix.values())

    def find(self, number: str) -> Place | None:
        """The place of the longest prefix of "+336…"; None when no country that is loaded has it."""
        by_prefix = self._by_prefix
        for length in self._lengths:
            place = by_prefix.get(number[:length])
            if place is not None:
                return place
        return None
