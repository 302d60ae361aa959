"""What must hold in a country's file and in a word list, beyond the shape of its tables. Pure.

Each check gives faults whose path country_file.py turns into a line; each says what must stand there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from string import Formatter

from gateway.rules.country import Country, HolidayDay, Profile, WordList
from gateway.rules.hours import NeverOpenError, Timeline
from gateway.rules.letters import normalise
from gateway.rules.zones import Places
from gateway.settings import Fault, KeyPath

__all__ = ["of_country", "of_words", "shared_prefixes"]

TimezoneOf = Callable[[str], tzinfo | None]
_FAR_FROM_EASTER = 100
"""Days: all feasts that move with it lie between Septuagesima (-63) and Corpus Christi and its octave (+68)."""


def of_country(country: Country, file_name: str, timezone_of: TimezoneOf) -> list[Fault]:
    """All that is wrong with a country. timezone_of gives None for a zone that the IANA data base hasn't."""
    faults = [
        *_names(country, file_name),
        *_windows(country),
        *_numbering(country, timezone_of),
        *_holidays(country),
        *_placeholders(("stop", "mention"), country.stop.mention, {"short_code"}),
    ]
    return faults or list(_openings(country, timezone_of))


def of_words(words: WordList, file_name: str) -> list[Fault]:
    """All that is wrong with a word list."""
    faults: list[Fault] = []
    if words.language != file_name:
        faults.append(Fault(("language",), f'must be "{file_name}", as the file is called'))
    single = {
        "words": words.stop.words,
        "weak": words.stop.weak,
        "slips": words.stop.slips,
        "glue": words.stop.glue,
    }
    for key, entries in single.items():
        for index, entry in enumerate(entries):
            if len(normalise(entry).split()) != 1:
                text = f"must be one word, is {entry!r}; more words go into phrases"
                faults.append(Fault(("stop", key, index), text))
    lists = {"phrases": words.stop.phrases, "doubtful": words.stop.doubtful, "innocent": words.stop.innocent}
    for key, entries in lists.items():
        for index, entry in enumerate(entries):
            if not all(normalise(part) for part in entry.split("…")):
                faults.append(
                    Fault(("stop", key, index), f"must be words, with … between some, is {entry!r}")
                )
    for index, sign in enumerate(words.stop.signs):
        if len(sign) != 1 or normalise(sign):
            faults.append(Fault(("stop", "signs", index), f"must be one sign that is no letter, is {sign!r}"))
    for key in ("stop", "start", "contact"):
        faults += _placeholders(("reply", key), getattr(words.reply, key), {"brand", "number"})
    return faults


def shared_prefixes(countries: Mapping[str, Country]) -> list[Fault]:
    """Prefixes that two files claim: a number can't be in two countries."""
    owner: dict[str, str] = {}
    faults: list[Fault] = []
    for name, country in countries.items():
        for index, zone in enumerate(country.numbering.zone):
            other = owner.setdefault(zone.prefix, name)
            if other != name:
                path = ("numbering", "zone", index, "prefix")
                faults.append(Fault(path, f"+{zone.prefix} is in {other}.toml already", f"{name}.toml"))
    return faults


def _names(country: Country, file_name: str) -> Iterator[Fault]:
    if country.code.lower() != file_name:
        yield Fault(("code",), f'must be "{file_name.upper()}", as the file is called, is "{country.code}"')
    if "none" in country.profile:
        yield Fault(("profile", "none"), 'must have another name: "none" is built in and keeps no hours')
    if country.default_profile not in country.profiles:
        known = ", ".join(country.profiles)
        yield Fault(("default_profile",), f'must be one of {known}, is "{country.default_profile}"')


def _windows(country: Country) -> Iterator[Fault]:
    for name, profile in country.profile.items():
        path: KeyPath = ("profile", name, "windows")
        if not profile.windows:
            yield Fault(path, 'must have a window; the profile "none" keeps no hours')
        for index, window in enumerate(profile.windows):
            if window.from_ >= window.to:
                yield Fault((*path, index, "to"), "must be later than from; a night is two windows")


def _numbering(country: Country, timezone_of: TimezoneOf) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for index, zone in enumerate(country.numbering.zone):
        path: KeyPath = ("numbering", "zone", index)
        if first.setdefault(zone.prefix, index) != index:
            yield Fault((*path, "prefix"), f'"{zone.prefix}" is there already: each prefix once')
        for at, tz in enumerate(zone.tz):
            if timezone_of(tz) is None:
                text = f'must be a zone of the IANA data base, like "Europe/Paris", is "{tz}"'
                yield Fault((*path, "tz", at), text + "; a machine without them needs the package tzdata")
        for key, regions in (("regions", zone.regions), ("optional_regions", zone.optional_regions)):
            for at, region in enumerate(regions):
                if region.partition("-")[0] != country.code:
                    yield Fault((*path, key, at), f'must be {country.code} or a part of it, is "{region}"')


def _holidays(country: Country) -> Iterator[Fault]:
    zones = country.numbering.zone
    known = {region for zone in zones for region in (*zone.regions, *zone.optional_regions)}
    for index, day in enumerate(country.holidays.day):
        path: KeyPath = ("holidays", "day", index)
        if _ways(day) != 1:
            yield Fault(path, f'"{day.name}" must have one of date, easter and dates')
        if day.easter is not None and abs(day.easter) > _FAR_FROM_EASTER:
            yield Fault(
                (*path, "easter"), f"must be days after Easter Sunday: 1 is its Monday, is {day.easter}"
            )
        if day.first_year > day.last_year:
            yield Fault((*path, "last_year"), f"must not be before first_year ({day.first_year})")
        for at, region in enumerate(day.regions):
            if region not in known:
                text = f'must be a region of [[numbering.zone]], is "{region}"; there are {", ".join(sorted(known))}'
                yield Fault((*path, "regions", at), text)


def _ways(day: HolidayDay) -> int:
    return (day.date is not None) + (day.easter is not None) + bool(day.dates)


def _placeholders(path: KeyPath, text: str, allowed: set[str]) -> Iterator[Fault]:
    names = "only " + " and ".join(f"{{{name}}}" for name in sorted(allowed)) + " in braces"
    try:
        used = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError as error:
        yield Fault(path, f"must have {names}: {error}")
        return
    if used - allowed:
        yield Fault(path, f"must have {names}, is {text!r}")


def _openings(country: Country, timezone_of: TimezoneOf) -> Iterator[Fault]:
    """Each profile must open each place, all of its zones at once: else marketing to it would wait for ever."""
    zones = {tz: timezone_of(tz) or UTC for zone in country.numbering.zone for tz in zone.tz}
    for name, profile in country.profile.items():
        for place in Places([country], zones.__getitem__):
            try:
                Timeline(place, profile, place.regions).spell(_start(profile))
            except NeverOpenError as error:
                yield Fault(("profile", name, "windows"), f"must open every place within a year: {error}")


def _start(profile: Profile) -> int:
    return int(datetime.combine(profile.checked_on, datetime.min.time(), UTC).timestamp()) * 1000
