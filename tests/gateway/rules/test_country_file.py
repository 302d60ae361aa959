"""Bad files: each fault named with file, line, key and remedy; all of them at once; folders by name."""

from pathlib import Path

import pytest

from gateway.rules.country_file import country_folders, load_law, parse_country, parse_words
from gateway.settings import ConfigError

SHIPPED = Path(__file__).parents[3] / "config/countries"
COUNTRY = """\
code = "XX"
name = "Testland"
default_profile = "xx-day"

[profile.xx-day]
source = "a test"
valid_from = 2026-01-01
checked_on = 2026-11-22
windows = [{ days = ["mon", "tue"], from = "08:00", to = "20:00" }]

[numbering]
source = "a test"
valid_from = 2026-01-01
checked_on = 2026-11-22
[[numbering.zone]]
prefix = "999"
name = "Testland"
tz = ["Europe/Paris"]
regions = ["XX"]

[holidays]
source = "a test"
valid_from = 2026-01-01
checked_on = 2026-11-22
day = [
    { name = "A", date = "05-01", regions = ["XX"] },
]

[sender]
source = "a test"
valid_from = 2026-01-01
checked_on = 2026-11-22
alphanumeric = "[A-Z]+"
short_code = "[0-9]{5}"
marketing_short_code = "3[0-9]{4}"
long_number_marketing = "allowed"

[stop]
source = "a test"
valid_from = 2026-01-01
checked_on = 2026-11-22
languages = ["xy"]
mention = " STOP {short_code}"
"""
WORDS = """\
language = "xy"
name = "testish"
source = "a test"
valid_from = 2026-01-01
checked_on = 2026-11-22
contact = ["contact"]
[stop]
words = ["stop"]
phrases = ["no … more"]
[reply]
stop = "{brand}: done, {number}."
start = "{brand}: done."
contact = "By {brand}."
"""


def faults(text: str, parse=parse_country, where="folder/xx.toml") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text, where)
    return [str(fault) for fault in caught.value.faults]


def test_the_smallest_files_are_good():
    assert parse_country(COUNTRY, "xx.toml").code == "XX"
    assert parse_words(WORDS, "xy.toml").language == "xy"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('"xx-day"\n', '"xx-nite"\n', 'folder/xx.toml:3: default_profile: must be one of xx-day, none, is "xx-nite"'),
        ('code = "XX"', 'code = "YY"', 'folder/xx.toml:1: code: must be "XX", as the file is called, is "YY"'),
        ('from = "08:00"', 'from = "8:00"', 'folder/xx.toml:9: profile.xx-day.windows[0].from: must be a time of day from "00:00" to "24:00", is "8:00"'),
        ('to = "20:00"', 'to = "24:01"', 'folder/xx.toml:9: profile.xx-day.windows[0].to: must be a time of day from "00:00" to "24:00", is "24:01"'),
        ('to = "20:00"', 'to = "07:00"', "folder/xx.toml:9: profile.xx-day.windows[0].to: must be later than from; a night is two windows"),
        ('"mon", "tue"', '"mon", "lun"', 'folder/xx.toml:9: profile.xx-day.windows[0].days[1]: must be "mon", "tue", "wed", "thu", "fri", "sat" or "sun", is "lun"'),
        ('"mon", "tue"', '"mon", "mon"', 'folder/xx.toml:9: profile.xx-day.windows[0].days: must name each one once, is ["mon", "mon"]'),
        ("windows = [{", "window = [{", "folder/xx.toml:9: profile.xx-day.window: unknown key; did you mean 'windows'?"),
        ('windows = [{ days = ["mon", "tue"], from = "08:00", to = "20:00" }]', "windows = []", 'folder/xx.toml:9: profile.xx-day.windows: must have a window; the profile "none" keeps no hours'),
        ("[profile.xx-day]\n", "[profile.none]\n", 'folder/xx.toml:5: profile.none: must have another name: "none" is built in and keeps no hours'),
        ('source = "a test"\nvalid_from = 2026-01-01\nchecked_on = 2026-11-22\nwindows', "valid_from = 2026-01-01\nchecked_on = 2026-11-22\nwindows", "folder/xx.toml:5: profile.xx-day.source: is required"),
        ("valid_from = 2026-01-01\nchecked_on = 2026-11-22\nwindows", 'valid_from = "2026-01-01"\nchecked_on = 2026-11-22\nwindows', 'folder/xx.toml:7: profile.xx-day.valid_from: must be a date without quotes: 2026-03-01, is "2026-01-01"'),
        ("valid_from = 2026-01-01\nchecked_on = 2026-11-22\nwindows", "valid_from = 2026-01-01T08:00:00\nchecked_on = 2026-11-22\nwindows", "folder/xx.toml:7: profile.xx-day.valid_from: must be a date without quotes: 2026-03-01, is a table"),
        ('prefix = "999"', 'prefix = "+999"', 'folder/xx.toml:16: numbering.zone[0].prefix: must be the digits after the +: "33", is "+999"'),
        ('"Europe/Paris"', '"Europe/Lyon"', 'folder/xx.toml:18: numbering.zone[0].tz[0]: must be a zone of the IANA data base, like "Europe/Paris", is "Europe/Lyon"; a machine without them needs the package tzdata'),
        ('"Europe/Paris"', '"../../etc/passwd"', 'folder/xx.toml:18: numbering.zone[0].tz[0]: must be a zone of the IANA data base, like "Europe/Paris", is "../../etc/passwd"; a machine without them needs the package tzdata'),
        ('"Europe/Paris"', '"Europe"', 'folder/xx.toml:18: numbering.zone[0].tz[0]: must be a zone of the IANA data base, like "Europe/Paris", is "Europe"; a machine without them needs the package tzdata'),
        ('["XX"]\n\n', '["YY"]\n\n', 'folder/xx.toml:19: numbering.zone[0].regions[0]: must be XX or a part of it, is "YY"'),
        ('date = "05-01"', 'date = "02-30"', 'folder/xx.toml:26: holidays.day[0].date: must be a month and a day: "05-08", is "02-30"'),
        ('date = "05-01", ', "", 'folder/xx.toml:26: holidays.day[0]: "A" must have one of date, easter and dates'),
        ('date = "05-01", ', 'date = "05-01", easter = 1, ', 'folder/xx.toml:26: holidays.day[0]: "A" must have one of date, easter and dates'),
        ('date = "05-01", ', "easter = 400, ", "folder/xx.toml:26: holidays.day[0].easter: must be days after Easter Sunday: 1 is its Monday, is 400"),
        ('date = "05-01", ', 'date = "05-01", first_year = 2027, last_year = 2026, ', "folder/xx.toml:26: holidays.day[0].last_year: must not be before first_year (2027)"),
        ('regions = ["XX"] }', 'regions = ["XX-9"] }', 'folder/xx.toml:26: holidays.day[0].regions[0]: must be a region of [[numbering.zone]], is "XX-9"; there are XX'),
        ('"[0-9]{5}"', '"[0-9"', 'folder/xx.toml:34: sender.short_code: must be a regular expression: unterminated character set at position 0, is "[0-9"'),
        ("{short_code}", "{number}", 'folder/xx.toml:43: stop.mention: must be a text with {short_code}: " STOP {short_code}", is " STOP {number}"'),
        ("{short_code}", "{short_code} {x}", "folder/xx.toml:43: stop.mention: must have only {short_code} in braces, is ' STOP {short_code} {x}'"),
        ("{short_code}", "{short_code} {", "folder/xx.toml:43: stop.mention: must have only {short_code} in braces: "),
        ('languages = ["xy"]', "languages = []", "folder/xx.toml:42: stop.languages: must not be empty, is []"),
        ("[stop]", "[stpo]", "folder/xx.toml:38: stpo: unknown key; did you mean 'stop'?"),
        ("[stop]", "[stop", "folder/xx.toml: not TOML: "),
    ],
)  # fmt: skip
def test_each_fault_of_a_country(old, new, fault):
    assert old in COUNTRY
    found = faults(COUNTRY.replace(old, new, 1))
    assert any(line.startswith(fault) for line in found), "\n".join(found)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('words = ["stop"]', 'words = ["stop", "opt out"]', "folder/xy.toml:8: stop.words[1]: must be one word, is 'opt out'; more words go into phrases"),
        ('words = ["stop"]', 'words = ["!"]', "folder/xy.toml:8: stop.words[0]: must be one word, is '!'; more words go into phrases"),
        ('words = ["stop"]', "words = []", "folder/xy.toml:8: stop.words: must not be empty, is []"),
        ('"no … more"', '"… more"', "folder/xy.toml:9: stop.phrases[0]: must be words, with … between some, is '… more'"),
        ("[reply]", 'signs = ["ab"]\n[reply]', "folder/xy.toml:10: stop.signs[0]: must be one sign that is no letter, is 'ab'"),
        ("{number}", "{nummer}", "folder/xy.toml:11: reply.stop: must have only {brand} and {number} in braces, is '{brand}: done, {nummer}.'"),
        ('language = "xy"', 'language = "zz"', 'folder/xy.toml:1: language: must be "xy", as the file is called'),
        ('contact = "By {brand}."', "", "folder/xy.toml:10: reply.contact: is required"),
    ],
)  # fmt: skip
def test_each_fault_of_a_word_list(old, new, fault):
    assert old in WORDS
    found = faults(WORDS.replace(old, new, 1), parse_words, "folder/xy.toml")
    assert fault in found, "\n".join(found)


def test_all_faults_at_once_in_the_files_order():
    bad = COUNTRY.replace('"08:00"', '"8"').replace('"999"', '"+9"').replace('"05-01"', '"5-1"')
    assert [line.split(": ")[1] for line in faults(bad)] == [
        "profile.xx-day.windows[0].from", "numbering.zone[0].prefix", "holidays.day[0].date"
    ]  # fmt: skip


def test_a_prefix_twice():
    zone = COUNTRY[COUNTRY.index("[[numbering") : COUNTRY.index("[holidays]")]
    found = faults(COUNTRY.replace(zone, zone + zone.replace('name = "Testland"', 'name = "Elsewhere"')))
    assert found == ['folder/xx.toml:22: numbering.zone[1].prefix: "999" is there already: each prefix once']


def test_windows_that_are_never_open_in_all_zones_of_a_place():
    bad = COUNTRY.replace('["Europe/Paris"]', '["Europe/Paris", "Pacific/Auckland"]').replace(
        '"20:00"', '"10:00"'
    )
    (found,) = faults(bad)
    assert found.startswith(
        "folder/xx.toml:9: profile.xx-day.windows: must open every place within a year: Testland"
    )


def written(folder: Path, **files: str) -> Path:
    (folder / "words").mkdir(parents=True)
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    (folder / "words/xy.toml").write_text(WORDS, encoding="utf-8")
    return folder


def test_a_new_country_is_a_new_file(tmp_path):
    law = load_law("xx", [written(tmp_path / "countries", xx=COUNTRY), SHIPPED])
    assert law.home.code == "XX"
    assert law.places.home.prefix == "+999"
    assert law.places.find("+33612345678").country.code == "FR"


def test_the_first_folder_wins_by_name(tmp_path):
    own = (SHIPPED / "fr.toml").read_text(encoding="utf-8").replace('to = "20:30"', 'to = "19:00"')
    law = load_law("fr", [written(tmp_path / "countries", fr=own), SHIPPED])
    assert law.home.profile["fr-seeds"].windows[0].to == 19 * 60
    assert "be" in law.countries


def test_systemds_folder_comes_before_what_is_shipped(tmp_path, monkeypatch):
    written(tmp_path / "two/countries", xx=COUNTRY)
    monkeypatch.setenv("CONFIGURATION_DIRECTORY", f"{tmp_path}/one:{tmp_path}/two")
    assert [folder.parent.name for folder in country_folders()] == ["one", "two", "rules"]
    assert load_law("xx").home.code == "XX"
    monkeypatch.delenv("CONFIGURATION_DIRECTORY")
    assert "xx" not in load_law("fr").countries


def test_faults_of_several_files_come_together(tmp_path):
    folder = written(tmp_path / "countries", xx=COUNTRY.replace('"xy"', '"xz"'), zz="code = 1")
    (folder / "words/aa.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError) as caught:
        load_law("xx", [folder])
    said = str(caught.value)
    assert "words/aa.toml: can't be read" in said
    assert "xx.toml: stop.languages[0]: there is no words/xz.toml; there is: xy" in said
    assert "zz.toml:1: code: must be a text in quotes, is 1" in said


def test_a_home_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r'there is no "de.toml" in .*; there is: xx'):
        load_law("de", [written(tmp_path / "countries", xx=COUNTRY)])
    with pytest.raises(ConfigError, match="there is: none"):
        load_law("de", [tmp_path / "nothing"])


def test_two_countries_with_one_prefix(tmp_path):
    other = COUNTRY.replace("XX", "YY").replace("xx-day", "yy-day")
    with pytest.raises(
        ConfigError, match=r"yy.toml: numbering.zone\[0\].prefix: \+999 is in xx.toml already"
    ):
        load_law("xx", [written(tmp_path / "countries", xx=COUNTRY, yy=other)])
