"""Every shipped country and word list: loaded, checked, and true to what it promises."""

from dataclasses import fields
from datetime import date
from pathlib import Path
from zoneinfo import available_timezones

import pytest

from gateway.rules.country import NONE, Block
from gateway.rules.country_file import ageing, load_law, parse_country
from gateway.rules.hours import HoursRule
from gateway.rules.stopwords import Meaning, Vocabulary

REPO = Path(__file__).parents[3]
SHIPPED = REPO / "config/countries"
LAW = load_law("fr")
COUNTRIES = sorted(path.stem for path in SHIPPED.glob("*.toml"))
LANGUAGES = sorted(path.stem for path in (SHIPPED / "words").glob("*.toml"))


def test_all_that_is_shipped_is_loaded_and_checked():
    assert sorted(LAW.countries) == COUNTRIES
    assert sorted(LAW.words) == LANGUAGES
    assert {"fr", "be"} <= set(COUNTRIES)


def test_the_package_carries_the_same_files():
    link = REPO / "gateway/rules/countries"
    assert link.resolve() == SHIPPED
    assert not link.readlink().is_absolute()


@pytest.mark.parametrize("code", COUNTRIES)
def test_every_block_says_where_it_comes_from(code):
    country = LAW.countries[code]
    blocks = [*country.profile.values()]
    blocks += [value for f in fields(country) if isinstance(value := getattr(country, f.name), Block)]
    assert len(blocks) == len(country.profile) + 4
    for block in blocks:
        assert len(block.source) > 20
        assert date(1950, 1, 1) < block.valid_from <= block.checked_on


@pytest.mark.parametrize("code", COUNTRIES)
def test_every_country_works_as_home(code):
    law = load_law(code)
    at = 1_795_000_000_000
    for name in law.home.profiles:
        rule = HoursRule(law.places, name)
        for place in law.places:
            assert rule.next_open(place.prefix + "0000000", at) < at + 7 * 86_400_000
            assert set(place.tz_names) <= available_timezones()
    answer = law.words[law.home.stop.languages[0]].reply
    for template in (answer.stop, answer.start, answer.contact):
        said = template.format(brand="Chappe", number="36180")
        assert "Chappe" in said
        assert len(said) <= 160
    assert law.vocabulary.match("STOP").meaning is Meaning.STOP
    mention = "Chappe: -20 %" + law.home.stop.mention.format(short_code="36180")
    assert law.vocabulary.mention(mention) == "36180"


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_word_of_a_list_does_what_its_list_says(language):
    words = LAW.words[language]
    match = Vocabulary([words]).match
    for word in (*words.stop.words, *words.stop.slips):
        assert match(word).meaning is Meaning.STOP, word
        assert match(f"{word} 36180 je vous le demande vraiment").rule == "first-word", word
    for word in words.stop.weak:
        assert match(word).meaning is Meaning.STOP, word
    for phrase in words.stop.phrases:
        for said in (phrase.replace("…", ""), phrase.replace("…", "xx yy")):
            assert match(f"zz zz zz zz zz {said} zz").rule == "phrase", phrase
    for phrase in words.stop.doubtful:
        assert match(f"zz {phrase.replace('…', '')} zz zz zz zz").meaning is Meaning.REVIEW, phrase
    for phrase in words.stop.innocent:
        assert match(phrase.replace("…", "")).meaning is Meaning.NONE, phrase
    for meaning, entries in (
        (Meaning.START, words.start),
        (Meaning.CONTACT, words.contact),
        (Meaning.HELP, words.help),
    ):
        for word in entries:
            assert match(word).meaning is meaning, word
            for filler in words.fillers:
                assert match(f"{word} {filler}").meaning is meaning, (word, filler)
    for glued in words.stop.glue:
        assert match(words.stop.words[0] + glued).meaning is Meaning.STOP, glued


@pytest.mark.parametrize("language", LAW.home.stop.languages)
def test_no_language_of_a_country_hides_what_another_one_says(language):
    words, match = LAW.words[language].stop, LAW.vocabulary.match
    said = [*words.words, *words.slips, *words.weak, *(phrase.replace("…", "") for phrase in words.phrases)]
    assert {text: match(text) for text in said if match(text).meaning is not Meaning.STOP} == {}


def test_the_profiles_of_france():
    windows = {
        name: [(len(window.days), window.from_, window.to) for window in profile.windows]
        for name, profile in LAW.home.profiles.items()
    }
    assert windows == {
        "fr-seeds": [(6, 480, 1230)],
        "fr-af2m-2026": [(6, 480, 1290)],
        "fr-20h": [(6, 480, 1200)],
        "none": [],
    }
    assert LAW.home.default_profile == "fr-seeds"
    assert LAW.home.profiles["none"] is NONE
    assert all(profile.on_holiday == "closed" for profile in LAW.home.profile.values())


@pytest.mark.parametrize(
    ("sender", "alphanumeric", "short", "marketing"),
    [
        ("CHAPPE", True, False, False),
        ("Chappe2026", True, False, False),
        ("CHAPPE-LYON", False, False, False),
        ("AB", False, False, False),
        ("ABCDEFGHIJKL", False, False, False),
        ("123456", False, False, False),
        ("36180", False, True, True),
        ("38180", False, True, False),
        ("37180", False, False, False),
        ("361800", False, False, False),
    ],
)
def test_the_senders_of_france(sender, alphanumeric, short, marketing):
    import re

    rules = LAW.home.sender
    patterns = (rules.alphanumeric, rules.short_code, rules.marketing_short_code)
    assert [bool(re.fullmatch(pattern, sender)) for pattern in patterns] == [alphanumeric, short, marketing]
    assert rules.long_number_marketing == "forbidden"


def test_the_regions_an_account_may_add():
    assert LAW.optional_regions == {"FR-57", "FR-67", "FR-68", "FR-6AE"}


def test_what_is_old_or_not_yet_law_is_told():
    assert ageing(LAW, date(2026, 12, 1)) == []
    late = ageing(LAW, date(2028, 1, 5))
    assert any("fr.toml: profile.fr-seeds was last checked on 2026-11-22" in line for line in late)
    assert any("words/de.toml was last checked" in line for line in late)
    early = [line for line in ageing(LAW, date(2026, 1, 1)) if "words" not in line]
    assert early == ["countries/fr.toml: profile.fr-af2m-2026 holds from 2026-03-01 only"]


def test_a_country_needs_no_code():
    """A country with another week, another clock and movable days is one file."""
    text = (SHIPPED / "be.toml").read_text(encoding="utf-8")
    swapped = [
        ('code = "BE"', 'code = "DZ"'),
        ('prefix = "32"', 'prefix = "213"'),
        ('"Europe/Brussels"', '"Africa/Algiers"'),
        ('["mon", "tue", "wed", "thu", "fri", "sat"]', '["sun", "mon", "tue", "wed", "thu"]'),
        ('date = "07-21"', "dates = [2026-03-20, 2026-05-27]"),
    ]
    for old, new in swapped:
        assert old in text
        text = text.replace(old, new)
    country = parse_country(text.replace('["BE"]', '["DZ"]'), "dz.toml")
    assert country.numbering.zone[0].tz == ("Africa/Algiers",)
    assert country.profile["be-20h"].windows[0].days[0] == "sun"
