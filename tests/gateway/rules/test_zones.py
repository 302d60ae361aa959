"""Numbers to places, against an independent table."""

import json
from datetime import UTC
from pathlib import Path

import pytest

from gateway.rules.country_file import load_law
from gateway.rules.zones import Places

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/number-zones.json").read_text(encoding="utf-8"))
LAW = load_law("fr")


@pytest.mark.parametrize("case", VECTORS["numbers"], ids=lambda case: case["number"])
def test_time_zones_of_a_number(case):
    place = LAW.places.find(case["number"])
    assert sorted(place.tz_names) == sorted(case["zones"])
    assert [zone.key for zone in place.zones] == list(place.tz_names)


def test_every_prefix_has_a_vector():
    reached = {LAW.places.find(case["number"]).prefix for case in VECTORS["numbers"]}
    assert reached == {place.prefix for place in LAW.places}


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("+262692123456", "La Réunion"),
        ("+262639123456", "Mayotte"),
        ("+262612345678", "La Réunion ou Mayotte"),
        ("+33", "France métropolitaine"),
        ("+3", None),
        ("+1202555", None),
        ("33612345678", None),
        ("0612345678", None),
        ("36180", None),
        ("", None),
    ],
)
def test_the_longest_prefix_wins_and_the_rest_is_nowhere(number, name):
    place = LAW.places.find(number)
    assert (place and place.name) == name


def test_home_is_the_first_zone_of_the_gateways_own_country():
    assert LAW.places.home.prefix == "+33"
    assert load_law("be").places.home.prefix == "+32"
    zones = {name: UTC for place in LAW.places for name in place.tz_names}
    assert Places([LAW.countries["be"], LAW.home], zones.__getitem__).home.country.code == "BE"
