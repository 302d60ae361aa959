"""A country's rules as records: windows, numbering, holidays, senders, STOP; and a language's STOP words.

These classes are the shape of config/countries/*.toml and countries/words/*.toml: country_file.py reads one
into them strictly. Each block says where it comes from, since when it holds and when somebody last looked.
Nothing here is code about one country: adding a country is adding a file. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from drivers.settings import Mark, Matches, NotEmpty

__all__ = [
    "DAYS",
    "NONE",
    "Block",
    "Country",
    "Day",
    "HolidayDay",
    "Holidays",
    "Numbering",
    "Pattern",
    "Profile",
    "Senders",
    "StopLaw",
    "Window",
    "WordList",
    "Zone",
]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""As date.weekday() counts."""
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class _Date(Mark):
    """A date as TOML writes one, 2026-03-01, without quotes."""

    whole = True

    def read(self, value: Any) -> date:
        text = (
            value.get("date") if isinstance(value, dict) else None
        )  # how gateway.settings hands a date over
        if not isinstance(text, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            raise ValueError("must be a date without quotes: 2026-03-01")
        return date.fromisoformat(text)


class _TimeOfDay(Mark):
    """A time like "08:00", kept as minutes since midnight; "24:00" is a day's end."""

    whole = True

    def read(self, value: Any) -> int:
        match = re.fullmatch(r"(\d\d):([0-5]\d)", value) if isinstance(value, str) else None
        minutes = int(match[1]) * 60 + int(match[2]) if match else 1441
        if minutes > 1440:
            raise ValueError('must be a time of day from "00:00" to "24:00"')
        return minutes


class _MonthDay(Mark):
    """A day of any year like "05-08", kept as (5, 8)."""

    whole = True

    def read(self, value: Any) -> tuple[int, int]:
        try:
            day = date.fromisoformat(f"2024-{value}")  # a leap year: "02-29" is a day
        except ValueError:
            raise ValueError('must be a month and a day: "05-08"') from None
        return day.month, day.day


class _Regex(Mark):
    """A regular expression, kept as it is written: the whole text must match it."""

    def read(self, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"must be a regular expression: {error}") from None
        return value


Date = Annotated[date, _Date()]
TimeOfDay = Annotated[int, _TimeOfDay()]
MonthDay = Annotated[tuple[int, int], _MonthDay()]
Pattern = Annotated[str, _Regex()]
Region = Annotated[str, Matches(r"[A-Z]{2}(-[A-Z0-9]{1,3})?", 'a country or a part of it: "FR", "FR-974"')]
Language = Annotated[str, Matches(r"[a-z]{2,3}", 'a language\'s letters: "fr"')]
Text = Annotated[str, NotEmpty()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What every block of law says of itself."""

    source: Text
    valid_from: Date
    checked_on: Date


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """On these days marketing may leave from `from_` until just before `to`, minutes of local time."""

    days: Annotated[tuple[Day, ...], NotEmpty()]
    from_: TimeOfDay
    to: TimeOfDay


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile(Block):
    """One choice of windows, which operators name in [rules.hours]. No window at all: always open."""

    windows: tuple[Window, ...]
    on_holiday: Literal["closed", "open"] = "closed"


NONE = Profile(
    source="the operator's choice", valid_from=date.min, checked_on=date.max, windows=(), on_holiday="open"
)
"""The profile "none", which every country has: no hours are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """Numbers that begin with a prefix (digits after the +): where they are. The longest prefix wins.

    tz: when several, marketing leaves only while all are open. regions: whose holidays hold there.
    optional_regions: those that a number doesn't show, which an account adds with extra_regions.
    """

    prefix: Annotated[str, Matches(r"[1-9][0-9]{0,9}", 'the digits after the +: "33"')]
    name: Text
    tz: Annotated[tuple[str, ...], NotEmpty()]
    regions: Annotated[tuple[Region, ...], NotEmpty()]
    optional_regions: tuple[Region, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbering(Block):
    """The country's part of the E.164 plan; numbers of no file at all are judged by the home's first zone."""

    zone: Annotated[tuple[Zone, ...], NotEmpty()]


@dataclass(frozen=True, slots=True, kw_only=True)
class HolidayDay:
    """A public holiday: exactly one of date, easter (days after Easter Sunday, Gregorian) and dates."""

    name: Text
    regions: Annotated[tuple[Region, ...], NotEmpty()]
    date: MonthDay | None = None
    easter: int | None = None
    dates: tuple[Date, ...] = ()
    first_year: int = 1
    last_year: int = 9999


@dataclass(frozen=True, slots=True, kw_only=True)
class Holidays(Block):
    """The country's public holidays."""

    day: tuple[HolidayDay, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Senders(Block):
    """What a sender may look like. Patterns match the whole address.

    marketing_short_code: those that promotion may use. reserved: words that carriers refuse, any case.
    long_number_marketing: whether an ordinary mobile number (a SIM) may carry marketing.
    """

    alphanumeric: Pattern
    short_code: Pattern
    marketing_short_code: Pattern
    reserved: tuple[str, ...] = ()
    long_number_marketing: Literal["forbidden", "allowed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopLaw(Block):
    """How a STOP is read and answered. languages: words/<language>.toml, the first one answers."""

    languages: Annotated[tuple[Language, ...], NotEmpty()]
    mention: Annotated[str, Matches(r".*\{short_code\}.*", 'a text with {short_code}: " STOP {short_code}"')]
    default_scope: Literal["short_code", "sender", "account", "brand", "global"] = "short_code"
    confirm: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Country:
    """countries/<code>.toml. profile: by name; default_profile holds where [rules.hours] names another country's."""

    code: Annotated[str, Matches(r"[A-Z]{2}", 'the two letters of ISO 3166: "FR"')]
    name: Text
    default_profile: str
    profile: dict[str, Profile]
    numbering: Numbering
    holidays: Holidays
    sender: Senders
    stop: StopLaw

    @property
    def profiles(self) -> dict[str, Profile]:
        """All that may be named, "none" too."""
        return {**self.profile, "none": NONE}


@dataclass(frozen=True, slots=True, kw_only=True)
class StopWords:
    """The words and phrases of an objection, written as people read them; see stopwords.py for what each does."""

    words: Annotated[tuple[str, ...], NotEmpty()]
    weak: tuple[str, ...] = ()
    slips: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()
    innocent: tuple[str, ...] = ()
    glue: tuple[str, ...] = ()
    signs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Replies:
    """What is answered, with {brand} and {number}: one message each, no promotion in it."""

    stop: Text
    start: Text
    contact: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class WordList(Block):
    """countries/words/<language>.toml."""

    language: Language
    name: Text
    stop: StopWords
    start: tuple[str, ...] = ()
    contact: tuple[str, ...] = ()
    help: tuple[str, ...] = ()
    fillers: tuple[str, ...] = ()
    linking: tuple[str, ...] = ()
    reply: Replies
