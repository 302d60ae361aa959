"""Easter against published dates, every holiday of fr.toml and be.toml against an independent list."""

import json
from datetime import date
from pathlib import Path

import pytest

from gateway.rules.country import HolidayDay
from gateway.rules.country_file import load_law
from gateway.rules.holidays import HolidayCalendar, easter

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/holidays.json").read_text(encoding="utf-8"))
LAW = load_law("fr")


@pytest.mark.parametrize(
    "day",
    # The earliest and the latest possible one, and the years about now (Bureau des longitudes, USNO).
    [
        "1818-03-22",
        "1943-04-25",
        "2038-04-25",
        "2000-04-23",
        "2008-03-23",
        "2011-04-24",
        "2024-03-31",
        "2025-04-20",
        "2026-04-05",
        "2027-03-28",
        "2028-04-16",
        "2029-04-01",
        "2030-04-21",
    ],
)
def test_easter(day):
    assert easter(int(day[:4])) == date.fromisoformat(day)


def test_easter_is_always_a_sunday_between_22_march_and_25_april():
    for year in range(1583, 3000):
        sunday = easter(year)
        assert sunday.weekday() == 6
        assert (3, 22) <= (sunday.month, sunday.day) <= (4, 25)


@pytest.mark.parametrize("region", VECTORS["regions"])
def test_every_region_has_the_days_of_the_independent_list(region):
    country = LAW.countries[region[:2].lower()]
    regions = ("FR", region) if region.startswith("FR") else (region,)
    calendar = HolidayCalendar(country.holidays.day)
    ours = {day for year in range(2025, 2033) for day in calendar.of_year(year, regions)}
    theirs = {date.fromisoformat(day) for day in VECTORS["regions"][region]}
    # Belgium's list names Easter and Whit Sunday too: Sundays are closed anyhow.
    assert {day for day in ours if day.weekday() != 6} == {day for day in theirs if day.weekday() != 6}


def test_the_regions_of_the_list_are_all_that_have_days_of_their_own():
    named = {region for day in LAW.home.holidays.day for region in day.regions}
    assert named - set(VECTORS["regions"]) == {"FR-67", "FR-68"}  # the two departments of 6AE


@pytest.mark.parametrize("region", ["FR-57", "FR-67", "FR-68", "FR-6AE"])
def test_alsace_and_moselle(region):
    calendar = HolidayCalendar(LAW.home.holidays.day)
    assert calendar.holiday(date(2026, 4, 3), ("FR", region)) == "Vendredi saint"
    assert calendar.holiday(date(2026, 12, 26), ("FR", region)) == "Saint-Étienne"
    assert calendar.holiday(date(2026, 4, 3), ("FR",)) == ""
    assert calendar.holiday(date(2026, 12, 26), ("FR",)) == ""


def test_polynesia_changed_its_day_in_2025():
    calendar = HolidayCalendar(LAW.home.holidays.day)
    assert calendar.holiday(date(2024, 6, 29), ("FR-PF",)) == "Fête de l'Autonomie"
    assert calendar.holiday(date(2024, 11, 20), ("FR-PF",)) == ""
    assert calendar.holiday(date(2025, 6, 29), ("FR-PF",)) == ""
    assert calendar.holiday(date(2026, 11, 20), ("FR-PF",)) == "Matāri'i"


def test_listed_dates_and_the_leap_day():
    listed = HolidayDay(name="Eid", regions=("XX",), dates=(date(2026, 3, 20), date(2027, 3, 10)))
    leap = HolidayDay(name="Leap", regions=("XX",), date=(2, 29))
    calendar = HolidayCalendar([listed, leap])
    assert calendar.of_year(2026, ["XX"]) == {date(2026, 3, 20): "Eid"}
    assert calendar.of_year(2028, ["XX"]) == {date(2028, 2, 29): "Leap"}
    assert calendar.of_year(2100, ["XX"]) == {}
    assert calendar.of_year(2000, ["XX"]) == {date(2000, 2, 29): "Leap"}


def test_many_years_are_answered_and_few_are_kept():
    calendar = HolidayCalendar(LAW.home.holidays.day)
    for year in range(1990, 2090):
        assert calendar.holiday(date(year, 12, 25), ("FR",)) == "Noël"
    assert len(calendar._years) <= 16
