"""command_status: every item of the vectors has a remedy of its class, and operators can read it."""

import json
from pathlib import Path

import pytest

from drivers.bearer import Remedy
from drivers.smpp import status

DATA = json.loads((Path(__file__).parents[2] / "vectors/command_status.json").read_text())
ITEMS = next(value for value in DATA.values() if isinstance(value, list) and "code" in value[0])
SINGLE = [item for item in ITEMS if "range" not in item]
RANGES = [item for item in ITEMS if "range" in item]

# A permanent refusal is for this message on this carrier. Where it is the carrier's agreement or setting that
# stands in the way, another may deliver it.
ANOTHER_CARRIER_MAY = """RINVCMDID RINVPRTFLG RINVREGDLVFLG RINVSRCADR RINVSERTYP RINVSUBREP RINVESMCLASS RINVSRCTON RINVSRCNPI
    RINVDSTTON RINVDSTNPI RINVREPFLAG RINVSCHED RINVEXPIRY RQUERYFAIL RINVTLVSTREAM RTLVNOTALLWD RINVTLVLEN
    RMISSINGTLV RINVTLVVAL RSERTYPUNAUTH RPROHIBITED RSERTYPDENIED RINVDCS RINVSRCADDRSUBUNIT
    RINVDSTADDRSUBUNIT"""


def expected(item):
    match item["class"]:
        case "ok" | "retry":  # ok: 0 only comes here in a generic_nack, which is to be read as RUNKNOWNERR
            return Remedy.RETRY
        case "throttle":
            return Remedy.SLOW_DOWN
        case "fatal-bind":
            return Remedy.NEXT_ROUTE
        case "permanent":
            other = item["name"].removeprefix("ESME_") in ANOTHER_CARRIER_MAY.split()
            return Remedy.NEXT_ROUTE if other else Remedy.GIVE_UP


@pytest.mark.parametrize("item", SINGLE, ids=[item["name"] for item in SINGLE])
def test_every_status_of_both_versions(item):
    number = int(item["code"], 16)
    assert status.classify(number) is expected(item)
    assert status.is_fatal_bind(number) is (item["class"] == "fatal-bind")
    assert status.name(number) == item["name"]
    assert status.NUMBERS[item["name"]] == number
    assert status.NUMBERS[item.get("name_34", item["name"])] == number
    words = status.describe(number)
    assert words.startswith(f"{item['name']} (0x{number:02X}): ")
    assert words.endswith(".")


def test_the_table_has_nothing_that_the_standards_lack():
    assert set(status.NUMBERS.values()) == {int(item["code"], 16) for item in SINGLE}


@pytest.mark.parametrize("item", RANGES, ids=[item["name"] for item in RANGES])
@pytest.mark.parametrize("end", [0, 1])
def test_unknown_numbers_are_retried_within_the_gateways_tries(item, end):
    number = item["range"][end]
    assert status.classify(number) is Remedy.RETRY
    assert not status.is_fatal_bind(number)
    assert f"{number:04X}" in status.describe(number)
    assert status.name(number) == f"0x{number:08X}"


def test_numbers_between_those_of_the_standard_too():
    assert status.classify(0x22) is Remedy.RETRY
    assert "ask the carrier" in status.describe(0x22)


def test_the_dialects_table_wins():
    table = {0x45: Remedy.NEXT_ROUTE, 0x45D: Remedy.GIVE_UP}
    assert status.classify(0x45) is Remedy.RETRY
    assert status.classify(0x45, table) is Remedy.NEXT_ROUTE
    assert status.classify(0x45D, table) is Remedy.GIVE_UP
    assert status.classify(0x58, table) is Remedy.SLOW_DOWN
