"""Reads config/countries: the only file of the rules that touches a disk. Strict: every fault at once.

Each fault names file, line, key and what must stand there. $CONFIGURATION_DIRECTORY/countries (systemd's;
colons between several) comes before what is shipped, by name: its fr.toml replaces the shipped one whole, and
a file for another country is added. Called when the configuration is read, never per message.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from pathlib import Path
from typing import NoReturn, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.config.lines import line_of, lines
from gateway.rules import country_checks
from gateway.rules.country import Block, Country, WordList
from gateway.rules.stopwords import Vocabulary
from gateway.rules.zones import Places
from gateway.settings import ConfigError, Fault, read

__all__ = ["Law", "ageing", "country_folders", "load_law", "parse_country", "parse_words"]

T = TypeVar("T")
_STALE = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Law:
    """All that is law, checked. countries by lower-case code; home: the gateway's own; vocabulary: its languages'.

    words: by language, of which home.stop.languages[0] answers.
    """

    home: Country
    countries: Mapping[str, Country]
    words: Mapping[str, WordList]
    places: Places
    vocabulary: Vocabulary

    @property
    def optional_regions(self) -> frozenset[str]:
        """What an account's extra_regions may name."""
        zones = (zone for country in self.countries.values() for zone in country.numbering.zone)
        return frozenset(region for zone in zones for region in zone.optional_regions)


def country_folders() -> list[Path]:
    """Where countries are looked for, the first that has a name wins."""
    own = os.environ.get("CONFIGURATION_DIRECTORY", "").split(":")
    return [*(Path(folder) / "countries" for folder in own if folder), Path(__file__).parent / "countries"]


def load_law(home: str, folders: Sequence[Path] | None = None) -> Law:
    """All countries of all folders, and their words. home: [rules] country. Raises ConfigError with all faults."""
    folders = country_folders() if folders is None else folders
    faults: list[Fault] = []
    words: dict[str, WordList] = {}
    for name, path in _files(folder / "words" for folder in folders).items():
        word_list = _loaded(parse_words, path, faults)
        if word_list is not None:
            words[name] = word_list
    countries: dict[str, Country] = {}
    for name, path in _files(folders).items():
        country = _loaded(parse_country, path, faults)
        if country is None:
            continue
        countries[name] = country
        for index, language in enumerate(country.stop.languages):
            if language not in words:
                known = ", ".join(sorted(words)) or "none"
                path_to = ("stop", "languages", index)
                faults.append(
                    Fault(path_to, f"there is no words/{language}.toml; there is: {known}", str(path))
                )
    if not faults:
        faults = country_checks.shared_prefixes(countries)
    if home not in countries and not faults:
        known = ", ".join(sorted(countries)) or "none"
        where = ", ".join(map(str, folders)) or "no folder"
        faults.append(Fault(("rules", "country"), f'there is no "{home}.toml" in {where}; there is: {known}'))
    if faults:
        raise ConfigError(faults)
    own = countries[home]
    ordered = [own, *(country for country in countries.values() if country is not own)]
    vocabulary = Vocabulary([words[language] for language in own.stop.languages])
    return Law(own, countries, words, Places(ordered, ZoneInfo), vocabulary)


def parse_country(text: str, where: str) -> Country:
    """One country from its TOML text; `where` is the file that faults name. Raises ConfigError."""
    country = _parse(Country, text, where)
    faults = country_checks.of_country(country, Path(where).stem, _timezone)
    return country if not faults else _raise(faults, text, where)


def parse_words(text: str, where: str) -> WordList:
    """One language's words from their TOML text. Raises ConfigError."""
    words = _parse(WordList, text, where)
    faults = country_checks.of_words(words, Path(where).stem)
    return words if not faults else _raise(faults, text, where)


def ageing(law: Law, today: date) -> list[str]:
    """Warnings for `chappe check`: blocks that nobody has looked at for 400 days, or that don't hold yet."""
    warnings: list[str] = []
    for name, country in law.countries.items():
        blocks: dict[str, Block] = {f"profile.{key}": profile for key, profile in country.profile.items()}
        blocks |= {"numbering": country.numbering, "holidays": country.holidays}
        blocks |= {"sender": country.sender, "stop": country.stop}
        for key, block in blocks.items():
            warnings += _age(f"countries/{name}.toml: {key}", block, today)
    for name, words in law.words.items():
        warnings += _age(f"countries/words/{name}.toml", words, today)
    return warnings


def _age(where: str, block: Block, today: date) -> list[str]:
    if block.valid_from > today:
        return [f"{where} holds from {block.valid_from} only"]
    if today - block.checked_on > _STALE:
        return [
            f"{where} was last checked on {block.checked_on}: look whether «{block.source}» still says so"
        ]
    return []


# ── one file ────────────────────────────────────────────────────────────────────────────────────────────
def _files(folders: Iterable[Path]) -> dict[str, Path]:
    """Name -> path, of the first folder that has the name."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.toml")):
            found.setdefault(path.stem, path)
    return found


def _loaded(parse: Callable[[str, str], T], path: Path, faults: list[Fault]) -> T | None:
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        faults.append(Fault((), f"can't be read: {error}", str(path)))
    except ConfigError as error:
        faults += error.faults
    return None


def _parse(kind: type[T], text: str, where: str) -> T:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([Fault((), f"not TOML: {error}", where)]) from error
    result = read(kind, table)
    return _raise(result, text, where) if isinstance(result, list) else result


def _raise(faults: Sequence[Fault], text: str, where: str) -> NoReturn:
    places = lines(text)
    raise ConfigError(
        sorted(
            (fault.at(where, line_of(places, fault.path)) for fault in faults), key=lambda fault: fault.line
        )
    )


def _timezone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # no such zone, no name at all, a folder of zones
        return None
