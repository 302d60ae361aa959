"""Permitted hours: marketing leaves only while it is allowed where its recipient is; all else at any time.

Windows, Sundays and public holidays are those of the recipient's country, in the recipient's own time zones.
What comes too early or too late waits for the next opening, or is refused when it would certainly have expired
by then. The answer is kept for each place until it changes, so that a judgement is two look-ups. Pure: the
clock, the law and the zones are arguments.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, ClassVar

from gateway import answers
from gateway.model import Kind, Message
from gateway.rules.country import DAYS, Profile, Window
from gateway.rules.rule import Action, Batch, Verdict
from gateway.rules.wording import days_closed, describe_profile, moment, span
from gateway.rules.zones import Place, Places

if TYPE_CHECKING:
    from gateway.accounts import Account

__all__ = ["Explanation", "HoursRule", "NeverOpenError", "Spell", "Timeline"]

FOREVER = 2**62
_MARKETING = int(Kind.MARKETING)
_DAY = timedelta(days=1)
_LOOK_BACK = 8
"""Days: further back than any closed spell of a sane profile begins."""
_LOOK_AHEAD = (6, 40, 400)
_SPELLS_KEPT = 64
_PREFIXES_KEPT = 50_000


class NeverOpenError(ValueError):
    """A profile that opens at no moment of the next 400 days."""


class Spell:
    """A time, [since, until) in Unix ms, during which the answer is the same; verdict is None while open."""

    __slots__ = ("open", "since", "until", "verdict")

    def __init__(self, since: int, until: int, is_open: bool) -> None:
        self.since = since
        self.until = until
        self.open = is_open
        self.verdict: Verdict | None = None

    def __lt__(self, other: Spell) -> bool:
        return self.since < other.since

    def __repr__(self) -> str:
        return f"Spell({self.since}, {self.until}, {'open' if self.open else 'closed'})"


class Timeline:
    """When one place is open under one profile. Raises NeverOpenError for a profile that never opens it.

    regions: whose holidays hold there, the account's own ones among them. latest: the spell that was asked for last.
    """

    __slots__ = ("_spells", "_windows", "latest", "place", "profile", "regions")

    def __init__(self, place: Place, profile: Profile, regions: Sequence[str]) -> None:
        self.place = place
        self.profile = profile
        self.regions = tuple(regions)
        self._windows = sorted(profile.windows, key=_opens)
        self._spells: list[Spell] = []
        self.latest = (
            Spell(-FOREVER, FOREVER, is_open=True) if not profile.windows else Spell(0, 0, is_open=False)
        )

    def spell(self, at_ms: int) -> Spell:
        """The spell that a moment is in."""
        latest = self.latest
        if latest.since <= at_ms < latest.until:
            return latest
        spells = self._spells
        index = bisect_right(spells, at_ms, key=_since) - 1
        if index >= 0 and at_ms < spells[index].until:
            self.latest = spells[index]
            return self.latest
        if len(spells) >= _SPELLS_KEPT:
            spells.clear()
        found = self.latest = self._look(at_ms)
        insort(spells, found)
        return found

    def _look(self, at_ms: int) -> Spell:
        for ahead in _LOOK_AHEAD:
            before = 0
            for since, until in self._openings(at_ms, ahead):
                if at_ms < since:
                    return self._closed(before or at_ms, since)
                if at_ms < until:
                    return Spell(since, until, is_open=True)
                before = until
        raise NeverOpenError(
            f"{self.place.name} is never open between {moment(at_ms, self.place.zones[0])} and 400 days later"
        )

    def _closed(self, since: int, until: int) -> Spell:
        spell = Spell(since, until, is_open=False)
        reason = f"closed in {self.place.name} {span(since, until, self.place)}"
        why = days_closed(since, until, self.place, self.profile, self.regions)
        spell.verdict = Verdict("hours", Action.POSTPONE, reason + (f": {why}" if why else ""), 0, until)
        return spell

    def _openings(self, at_ms: int, ahead: int) -> list[tuple[int, int]]:
        """When all zones are open, from some days before to `ahead` days after a moment."""
        spans: list[tuple[int, int]] | None = None
        for zone in self.place.zones:
            today = datetime.fromtimestamp(at_ms / 1000, zone).date()
            own: list[tuple[int, int]] = []
            for offset in range(-_LOOK_BACK, ahead):
                self._add_day(own, today + offset * _DAY, zone)
            spans = own if spans is None else _both(spans, own)
        return spans or []

    def _add_day(self, spans: list[tuple[int, int]], day: date, zone: tzinfo) -> None:
        profile = self.profile
        if profile.on_holiday == "closed" and self.place.calendar.holiday(day, self.regions):
            return
        name = DAYS[day.weekday()]
        for window in self._windows:
            if name not in window.days:
                continue
            since, until = _instant(day, window.from_, zone), _instant(day, window.to, zone)
            if spans and since <= spans[-1][1]:  # it goes on over midnight, or two windows meet
                last = spans.pop()
                since, until = last[0], max(last[1], until)
            spans.append((since, until))


def _since(spell: Spell) -> int:
    return spell.since


def _opens(window: Window) -> int:
    return window.from_


def _instant(day: date, minutes: int, zone: tzinfo) -> int:
    """Local wall time to Unix ms; of two moments with that name the first (fold 0), never day + 24 h."""
    if minutes == 1440:
        day, minutes = day + _DAY, 0
    local = datetime(day.year, day.month, day.day, minutes // 60, minutes % 60, tzinfo=zone)
    return int(local.timestamp()) * 1000


def _both(left: list[tuple[int, int]], right: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """What two sorted lists of spans have in common."""
    common: list[tuple[int, int]] = []
    a = b = 0
    while a < len(left) and b < len(right):
        since, until = max(left[a][0], right[b][0]), min(left[a][1], right[b][1])
        if since < until:
            common.append((since, until))
        if left[a][1] <= right[b][1]:
            a += 1
        else:
            b += 1
    return common


class Explanation:
    """For `chappe explain`: may marketing leave, until when is that so (Unix ms, -1: for ever), and why.

    known: whether a country's file has the number's prefix. local: (time zone, local time) of the place's zones.
    """

    __slots__ = ("known", "local", "open", "place", "profile", "source", "until", "words")

    def __init__(
        self, place: Place, known: bool, name: str, profile: Profile, spell: Spell, at_ms: int
    ) -> None:
        self.place = place
        self.known = known
        self.profile = name
        self.source = profile.source
        self.open = spell.open
        self.until = -1 if spell.until == FOREVER else spell.until
        self.local = tuple(
            (tz, moment(at_ms, zone)) for tz, zone in zip(place.tz_names, place.zones, strict=True)
        )
        self.words = self._words(name, profile, spell)

    def _words(self, name: str, profile: Profile, spell: Spell) -> str:
        place = self.place
        where = (
            f"{place.prefix} is {place.name}"
            if self.known
            else f"no country's file has this number: judged as {place.name}"
        )
        there = f"{where}; it is " + ", ".join(f"{local} {tz}" for tz, local in self.local)
        if not profile.windows:
            return f"{there}; profile {name} keeps no hours"
        state = f"open until {moment(spell.until, place.zones[0])} {place.tz_names[0]}"
        if spell.verdict is not None:
            state = spell.verdict.reason
        return f"{there}; profile {name}: {describe_profile(profile, place)}; {state}"


class HoursRule:
    """The rule. profile: as in [rules.hours]; a country without one of that name keeps its own default."""

    name: ClassVar = "hours"
    recheck: ClassVar = True
    marketing_only: ClassVar = True

    def __init__(self, places: Places, profile: str) -> None:
        self._places = places
        self._longest = places.longest
        self._profile = profile
        self._timelines: dict[Place, dict[tuple[str, ...], Timeline]] = {}
        self._known: dict[tuple[str, ...], dict[str, Timeline]] = {}
        self._version = 0
        self._until = FOREVER

    def version(self, now_ms: int) -> int:
        """Another one once any spell that a message was judged in is over."""
        if now_ms >= self._until:
            self._until = FOREVER
            self._version += 1
        return self._version

    def sift(self, batch: Batch) -> Sequence[int]:
        """Those that go now, to a place that is open, are cleared."""
        regions, longest, until = batch.account.extra_regions, self._longest, self._until
        known = self._known.get(regions, {})
        places = []
        for place, m in enumerate(batch.messages):
            timeline = known.get(m.destination[:longest]) or self._timeline(m.destination, regions)
            spell = timeline.latest
            if not spell.since <= batch.now_ms < spell.until:
                spell = timeline.spell(batch.now_ms)
            if spell.verdict is not None or m.due > batch.now_ms:
                places.append(place)
            elif spell.until < until:
                until = spell.until
        self._until = until
        return places

    def judge(self, message: Message, account: Account, now_ms: int) -> Verdict | None:
        """A scheduled message is judged at the time it asked for. The verdict of a place is shared: don't change it."""
        if message.kind != _MARKETING:
            return None
        due = message.due
        at = due if due > now_ms else now_ms  # noqa: FURB136 - max() costs three times as much
        number, regions = message.destination, account.extra_regions
        known = self._known.get(regions)
        timeline = known.get(number[: self._longest]) if known is not None else None
        spell = (timeline or self._timeline(number, regions)).spell(at)
        if spell.until < self._until:  # noqa: PLR1730 - as with max()
            self._until = spell.until
        verdict = spell.verdict
        if verdict is None or not 0 < message.expires <= spell.until:
            return verdict
        reason = f"would expire before it may leave; {verdict.reason}"
        return Verdict(self.name, Action.REFUSE, reason, answers.WOULD_EXPIRE)

    def next_open(self, number: str, at_ms: int, extra_regions: tuple[str, ...] = ()) -> int:
        """When marketing to a number may leave next, Unix ms: at_ms itself if it is open then."""
        spell = self._timeline(number, extra_regions).spell(at_ms)
        return at_ms if spell.open else spell.until

    def explain(self, number: str, at_ms: int, extra_regions: tuple[str, ...] = ()) -> Explanation:
        """The window, the holiday, the zone, and until when; in words too."""
        timeline = self._timeline(number, extra_regions)
        known = self._places.find(number) is not None
        name = self._profile_name(timeline.place)
        return Explanation(timeline.place, known, name, timeline.profile, timeline.spell(at_ms), at_ms)

    def _timeline(self, number: str, extra_regions: tuple[str, ...]) -> Timeline:
        known = self._known.get(extra_regions)
        if known is None:
            known = self._known[extra_regions] = {}
        prefix = number[: self._longest]
        timeline = known.get(prefix)
        if timeline is None:
            if len(known) >= _PREFIXES_KEPT:
                known.clear()
            timeline = known[prefix] = self._timeline_of(number, extra_regions)
        return timeline

    def _timeline_of(self, number: str, extra_regions: tuple[str, ...]) -> Timeline:
        place = self._places.find(number) or self._places.home
        timelines = self._timelines.get(place)
        if timelines is None:
            timelines = self._timelines[place] = {}
        timeline = timelines.get(extra_regions)
        if timeline is None:
            extra = [region for region in extra_regions if region in place.optional_regions]
            profile = place.country.profiles[self._profile_name(place)]
            timeline = timelines[extra_regions] = Timeline(place, profile, (*place.regions, *extra))
        return timeline

    def _profile_name(self, place: Place) -> str:
        country = place.country
        return self._profile if self._profile in country.profiles else country.default_profile
