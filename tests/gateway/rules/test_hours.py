"""Permitted hours against a slow, independent judgement: every day of 2026 to 2028, every place of fr.toml.

The oracle shares nothing with the rule: it looks at one instant at a time, in local time, with the holidays of
an independent list (tests/vectors/holidays.json) and its own table of who has which.
"""

import gc
import json
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from core import account
from making import message

from gateway import answers
from gateway.model import Kind
from gateway.rules.country import NONE, Profile, Window
from gateway.rules.country_file import load_law
from gateway.rules.hours import HoursRule, NeverOpenError, Timeline
from gateway.rules.rule import Action

LAW = load_law("fr")
HOLIDAYS = json.loads((Path(__file__).parents[2] / "vectors/holidays.json").read_text(encoding="utf-8"))[
    "regions"
]
PLACES = {
    "+33612345678": ("Europe/Paris", "FR"),
    "+262612345678": ("Indian/Reunion Indian/Mayotte", "FR FR-974 FR-976"),
    "+262692123456": ("Indian/Reunion", "FR FR-974"),
    "+262639123456": ("Indian/Mayotte", "FR FR-976"),
    "+590690123456": ("America/Guadeloupe", "FR FR-971 FR-BL FR-MF"),
    "+594694123456": ("America/Cayenne", "FR FR-973"),
    "+596696123456": ("America/Martinique", "FR FR-972"),
    "+508551234": ("America/Miquelon", "FR FR-PM"),
    "+681821234": ("Pacific/Wallis", "FR FR-WF"),
    "+687751234": ("Pacific/Noumea", "FR FR-NC"),
    "+68987123456": ("Pacific/Tahiti Pacific/Marquesas Pacific/Gambier", "FR FR-PF"),
}
CLOSING = {"fr-seeds": "20:30", "fr-af2m-2026": "21:30", "fr-20h": "20:00"}
ACCOUNT = SimpleNamespace(name="shop", extra_regions=())
FIRST, LAST = datetime(2026, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)


def ms(text: str, zone: str = "Europe/Paris") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def ad(number: str = "+33612345678", **fields):
    return message(1, None, kind=Kind.MARKETING, destination=number, **fields)


class Oracle:
    """Whether one instant is open, the slow way."""

    def __init__(self, number: str, closing: str) -> None:
        zones, regions = PLACES[number]
        self.zones = [ZoneInfo(zone) for zone in zones.split()]
        self.holidays = {day for region in regions.split() for day in HOLIDAYS[region]}
        self.closing = closing

    def open(self, at_ms: int) -> bool:
        for zone in self.zones:
            local = datetime.fromtimestamp(at_ms / 1000, zone)
            if local.weekday() == 6 or str(local.date()) in self.holidays:
                return False
            if not "08:00" <= f"{local:%H:%M}" < self.closing:
                return False
        return True


@pytest.mark.parametrize("number", PLACES)
def test_the_table_of_this_test_is_the_files(number):
    place = LAW.places.find(number)
    assert " ".join(place.tz_names) == PLACES[number][0]
    assert " ".join(place.regions) == PLACES[number][1]


def test_no_place_is_left_out():
    french = {(place.tz_names, place.regions) for place in LAW.places if place.country.code == "FR"}
    assert french == {(tuple(zones.split()), tuple(regions.split())) for zones, regions in PLACES.values()}


@pytest.mark.parametrize("profile", CLOSING)
@pytest.mark.parametrize("number", PLACES)
def test_every_edge_of_every_day_of_three_years(number, profile):
    rule, oracle = HoursRule(LAW.places, profile), Oracle(number, CLOSING[profile])
    hour, closing = 3_600_000, CLOSING[profile]
    checked = opened = 0
    day = FIRST
    while day < LAST:
        for zone in oracle.zones:
            for edge in ("08:00", closing):
                at = ms(f"{day:%Y-%m-%d}T{edge}", zone.key)
                for offset in (-2 * hour, -1000, 0, 1000, 2 * hour):
                    expected = oracle.open(at + offset)
                    assert (rule.judge(ad(number), ACCOUNT, at + offset) is None) is expected, at + offset
                    checked += 1
                    opened += expected
        day += timedelta(days=1)
    assert checked == 1096 * 10 * len(oracle.zones)
    assert checked * 0.2 < opened < checked * 0.6


@pytest.mark.parametrize("number", PLACES)
def test_what_is_closed_waits_for_the_first_open_moment(number):
    """Edges stand on half hours of UTC everywhere, the Marquesas too: the oracle walks from one to the next."""
    rule, oracle = HoursRule(LAW.places, "fr-seeds"), Oracle(number, "20:30")
    step = 1_800_000
    first, last = (int(day.timestamp()) * 1000 for day in (FIRST, LAST))
    expected = None
    for at in range(last, first - step, -step):
        expected = at if oracle.open(at) else expected
        if expected is None:
            continue
        assert rule.next_open(number, at) == expected
        verdict = rule.judge(ad(number), ACCOUNT, at)
        assert (verdict is None) == (expected == at)
        if verdict is not None:
            assert (verdict.action, verdict.until, verdict.status) == (Action.POSTPONE, expected, 0)


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-03-28T20:30", "2026-03-30T08:00"),  # Saturday before summer time: Sunday, then Monday, UTC+2
        ("2026-03-30T07:59:59", "2026-03-30T08:00"),
        ("2026-10-24T20:30", "2026-10-26T08:00"),  # Saturday before winter time
        ("2026-10-26T07:59:59", "2026-10-26T08:00"),
        ("2026-04-04T20:30", "2026-04-07T08:00"),  # Easter: Sunday and Monday
        ("2026-12-24T20:30", "2026-12-26T08:00"),
        ("2026-12-31T23:59:59", "2027-01-02T08:00"),
        ("2026-11-10T20:30", "2026-11-12T08:00"),
        ("2027-05-01T09:00", "2027-05-03T08:00"),  # Labour Day on a Saturday
        ("2028-02-28T21:00", "2028-02-29T08:00"),  # leap day, a Tuesday
        ("2026-11-23T12:00", "2026-11-23T12:00"),
    ],
)
def test_when_it_opens_in_paris(at, opens):
    assert HoursRule(LAW.places, "fr-seeds").next_open("+33612345678", ms(at)) == ms(opens)


def test_eight_in_paris_is_another_hour_of_utc_in_summer():
    rule = HoursRule(LAW.places, "fr-seeds")
    for day, utc in (("2026-03-30", 6), ("2026-10-24", 6), ("2026-10-26", 7)):
        opens = rule.next_open("+33612345678", ms(f"{day}T00:30"))
        assert datetime.fromtimestamp(opens / 1000, UTC).hour == utc


def test_saint_pierre_has_summer_time_of_its_own():
    rule = HoursRule(LAW.places, "fr-seeds")
    for day, offset in (("2026-03-09", 2), ("2026-11-02", 3)):  # the Mondays after the changes
        opens = rule.next_open("+508551234", ms(f"{day}T01:00", "America/Miquelon"))
        assert datetime.fromtimestamp(opens / 1000, UTC).hour == 8 + offset


def test_one_instant_in_the_whole_republic():
    """Saturday 20:15 in Paris: where is it already Sunday, where still a sending day?"""
    rule, at = HoursRule(LAW.places, "fr-seeds"), ms("2026-11-21T20:15")
    found = {number: rule.judge(ad(number), ACCOUNT, at) is None for number in PLACES}
    assert {number for number, is_open in found.items() if is_open} == {
        "+33612345678", "+590690123456", "+594694123456", "+596696123456", "+508551234", "+68987123456"
    }  # fmt: skip


@pytest.mark.parametrize("region", ["FR-57", "FR-67", "FR-68", "FR-6AE"])
def test_alsace_and_moselle_by_account(region):
    rule = HoursRule(LAW.places, "fr-seeds")
    account = SimpleNamespace(extra_regions=(region,))
    for day, reopens in (("2026-04-03", "2026-04-04"), ("2026-12-26", "2026-12-28")):
        at = ms(f"{day}T12:00")
        assert rule.judge(ad(), ACCOUNT, at) is None
        verdict = rule.judge(ad(), account, at)
        assert verdict.until == ms(f"{reopens}T08:00")
        assert rule.judge(ad("+596696123456"), account, ms(f"{day}T12:00", "America/Martinique")) is None
        assert rule.judge(ad("+32470123456"), account, at) is None


@pytest.mark.parametrize("kind", [Kind.OTP, Kind.ALERT, Kind.TRANSACTIONAL])
def test_other_kinds_leave_at_any_time(kind):
    rule = HoursRule(LAW.places, "fr-seeds")
    for hour in range(48):
        at = ms("2026-12-25T00:00") + hour * 3_600_000
        assert rule.judge(message(1, None, kind=kind, expires=at + 1), ACCOUNT, at) is None


@pytest.mark.parametrize(
    ("expires", "action"),
    [
        ("2026-11-23T07:59:59", Action.REFUSE),
        ("2026-11-23T08:00:00", Action.REFUSE),  # dispatch ends what expires at this moment
        ("2026-11-23T08:00:01", Action.POSTPONE),
        ("2026-11-26T12:00:00", Action.POSTPONE),
    ],
)
def test_what_would_expire_while_it_waits_is_refused(expires, action):
    rule = HoursRule(LAW.places, "fr-seeds")
    verdict = rule.judge(ad(expires=ms(expires)), ACCOUNT, ms("2026-11-22T12:00"))
    assert verdict.action is action
    if action is Action.REFUSE:
        assert (verdict.rule, verdict.status, verdict.until) == ("hours", answers.WOULD_EXPIRE, 0)
        assert "expire" in verdict.reason
        assert "Mon 23 Nov 2026 08:00" in verdict.reason
    assert rule.judge(ad(expires=ms(expires)), ACCOUNT, ms("2026-11-21T20:29:59")) is None


def test_a_message_without_expiry_waits():
    verdict = HoursRule(LAW.places, "fr-seeds").judge(ad(expires=0), ACCOUNT, ms("2026-11-22T12:00"))
    assert verdict.action is Action.POSTPONE


def test_a_scheduled_message_is_judged_at_its_own_time():
    rule, sunday = HoursRule(LAW.places, "fr-seeds"), ms("2026-11-22T12:00")
    assert rule.judge(ad(due=ms("2026-11-23T10:00")), ACCOUNT, sunday) is None
    verdict = rule.judge(ad(due=ms("2026-11-29T10:00")), ACCOUNT, ms("2026-11-23T10:00"))
    assert verdict.until == ms("2026-11-30T08:00")
    assert rule.judge(ad(due=ms("2026-11-21T10:00")), ACCOUNT, sunday) is not None  # already past


def test_none_keeps_no_hours_anywhere():
    rule = HoursRule(LAW.places, "none")
    for number in (*PLACES, "+32470123456", "+12025550100"):
        assert rule.judge(ad(number, expires=1), ACCOUNT, ms("2026-12-25T03:00")) is None
        assert rule.explain(number, ms("2026-12-25T03:00")).until == -1


def test_another_country_keeps_its_own_hours():
    rule = HoursRule(LAW.places, "fr-seeds")
    assert rule.next_open("+32470123456", ms("2026-11-23T08:30")) == ms("2026-11-23T09:00")
    assert rule.next_open("+32470123456", ms("2026-07-21T12:00")) == ms("2026-07-22T09:00")
    assert rule.next_open("+32470123456", ms("2026-07-14T12:00")) == ms("2026-07-14T12:00")


def test_a_number_of_no_known_country_is_judged_at_home_and_told_so():
    rule, sunday = HoursRule(LAW.places, "fr-seeds"), ms("2026-11-22T12:00")
    assert rule.next_open("+12025550100", sunday) == ms("2026-11-23T08:00")
    told = rule.explain("+12025550100", sunday)
    assert told.known is False
    assert "no country's file has this number" in told.words


@pytest.mark.parametrize(
    ("number", "at", "said"),
    [
        ("+33612345678", "2026-11-22T14:05", ["+33 is France métropolitaine", "Sun 22 Nov 2026 14:05 Europe/Paris", "profile fr-seeds", "Mon–Sat 08:00–20:30", "Sun 22 Nov 2026 is no sending day", "to Mon 23 Nov 2026 08:00"]),
        ("+33612345678", "2026-11-11T10:00", ["Wed 11 Nov 2026 is a public holiday (Armistice 1918)", "to Thu 12 Nov 2026 08:00"]),
        ("+33612345678", "2026-11-23T10:00", ["open until Mon 23 Nov 2026 20:30 Europe/Paris"]),
        ("+68987123456", "2026-11-20T20:00", ["Pacific/Marquesas", "Pacific/Gambier", "in all its time zones", "Matāri'i", "to Sat 21 Nov 2026 08:00"]),
        ("+262612345678", "2026-12-20T08:00", ["La Réunion ou Mayotte", "Abolition de l'esclavage"]),
        ("+32470123456", "2026-11-22T14:05", ["België / Belgique", "profile be-20h", "09:00–20:00"]),
    ],
)  # fmt: skip
def test_explained_in_words(number, at, said):
    told = HoursRule(LAW.places, "fr-seeds").explain(number, ms(at))
    assert [phrase for phrase in said if phrase not in told.words] == []
    assert told.source
    assert len(told.local) == len(told.place.tz_names)


def test_the_explanation_agrees_with_the_verdict():
    rule, at = HoursRule(LAW.places, "fr-seeds"), ms("2026-11-22T14:05")
    told, verdict = rule.explain("+33612345678", at), rule.judge(ad(), ACCOUNT, at)
    assert (told.open, told.until) == (False, verdict.until)
    assert verdict.reason in told.words


def timeline(profile: Profile, number: str = "+33612345678") -> Timeline:
    place = LAW.places.find(number)
    return Timeline(place, profile, place.regions)


def profile(*windows: tuple[str, int, int], on_holiday="closed") -> Profile:
    made = tuple(Window(days=tuple(days.split()), from_=start, to=end) for days, start, end in windows)
    return Profile(
        source="test",
        valid_from=NONE.valid_from,
        checked_on=NONE.checked_on,
        windows=made,
        on_holiday=on_holiday,
    )


WEEK = "mon tue wed thu fri sat sun"


def test_two_windows_a_day_in_any_order():
    spells = timeline(profile(("mon tue", 840, 1200), ("mon tue", 600, 780), on_holiday="open"))
    found = [
        spells.spell(ms(f"2026-11-23T{at}")).open
        for at in ("09:59", "10:00", "12:59", "13:00", "14:00", "19:59", "20:00")
    ]
    assert found == [False, True, True, False, True, True, False]


def test_a_window_within_another_changes_nothing():
    spell = timeline(profile((WEEK, 480, 1200), (WEEK, 600, 660))).spell(ms("2026-11-23T10:30"))
    assert (spell.since, spell.until) == (ms("2026-11-23T08:00"), ms("2026-11-23T20:00"))


def test_a_night_is_one_spell_of_two_windows():
    spells = timeline(profile((WEEK, 1200, 1440), (WEEK, 0, 360), on_holiday="open"))
    spell = spells.spell(ms("2026-11-23T01:00"))
    assert (spell.open, spell.since, spell.until) == (True, ms("2026-11-22T20:00"), ms("2026-11-23T06:00"))


def test_a_window_edge_that_the_clock_skips_or_has_twice():
    """02:30 doesn't exist on 29 March and comes twice on 25 October: local time first, then UTC, fold 0."""
    spells = timeline(profile((WEEK, 150, 600), on_holiday="open"))
    assert spells.spell(ms("2026-03-29T01:00")).until == ms("2026-03-29T01:30") + 3_600_000
    assert spells.spell(ms("2026-10-25T01:00")).until == ms("2026-10-25T01:30") + 3_600_000


def test_a_profile_that_never_opens_says_so():
    with pytest.raises(NeverOpenError, match="never open"):
        timeline(profile(("sun", 480, 540)), "+68987123456").spell(ms("2026-11-22T14:05"))


def test_a_day_a_year_is_found():
    spells = timeline(profile(("fri", 480, 540)))
    assert spells.spell(ms("2026-11-21T08:00")).until == ms("2026-11-27T08:00")


def test_the_spells_of_a_place_follow_one_another_without_a_gap():
    spells = timeline(LAW.home.profile["fr-seeds"], "+508551234")
    found, at = [], ms("2026-01-01T00:00")
    while at < ms("2028-12-31T00:00"):
        found.append(spells.spell(at))
        at = found[-1].until
    assert all(before.until == after.since for before, after in pairwise(found))
    assert len(spells._spells) <= 64


def test_judging_what_may_go_leaves_nothing_behind():
    rule, at, m = HoursRule(LAW.places, "fr-seeds"), ms("2026-11-23T10:00"), ad()
    assert rule.judge(m, ACCOUNT, at) is None
    gc.collect()
    gc.disable()
    try:
        objects, blocks = gc.get_count()[0], sys.getallocatedblocks()
        for _ in range(100_000):
            rule.judge(m, ACCOUNT, at)
        assert gc.get_count()[0] - objects < 50  # no container is made for a message
        assert sys.getallocatedblocks() - blocks < 50
    finally:
        gc.enable()


def test_a_campaign_that_waits_shares_one_verdict():
    rule, at = HoursRule(LAW.places, "fr-seeds"), ms("2026-11-22T10:00")
    assert rule.judge(ad(), ACCOUNT, at) is rule.judge(ad("+33712345678"), ACCOUNT, at + 60_000)
    assert rule.recheck


def test_the_version_changes_when_a_spell_that_was_asked_about_is_over():
    rule = HoursRule(load_law("fr").places, "fr-seeds")
    m = message(1, None, kind=Kind.MARKETING)
    at = rule.next_open(m.destination, 1_790_000_000_000)
    assert rule.judge(m, account(), at) is None
    closes = rule.explain(m.destination, at).until
    open_, before = rule.version(at), rule.version(closes - 1)
    closed = rule.version(closes)
    assert open_ == before != closed
    assert rule.judge(m, account(), closes).action is Action.POSTPONE
    opens = rule.next_open(m.destination, closes)
    assert rule.version(opens - 1) == closed != rule.version(opens)
