"""The pin map, against the header, against what configurations say, and against Ohm."""

import re
import tomllib

import pytest
from hardware_files import HARDWARE, LINES, PINMAP, PROFILES, ROOT, profile

from drivers.terms import PowerLines
from gateway.config.policy import LedsSettings

# Raspberry Pi's 40-pin header: GPIO number by pin, from its published pin-out.
HEADER = {
    3: 2, 5: 3, 7: 4, 8: 14, 10: 15, 11: 17, 12: 18, 13: 27, 15: 22, 16: 23, 18: 24, 19: 10, 21: 9, 22: 25, 23: 11,
    24: 8, 26: 7, 27: 0, 28: 1, 29: 5, 31: 6, 32: 12, 33: 13, 35: 19, 36: 16, 37: 26, 38: 20, 40: 21,
}  # fmt: skip
BY_NAME = {line["name"]: function for function, line in LINES.items()}
PAGES = [ROOT / "config/gateway.toml", ROOT / "tests/vectors/contract-gateway.toml", HARDWARE / "README.md"]


def table(text: str, name: str) -> dict:
    """A table of a page, shown as a comment or not, as data."""
    found = re.search(rf"^(?:# )?\[{name}\].*\n((?:(?:# )?\w+ = .*\n)+)", text, flags=re.MULTILINE)
    return tomllib.loads(re.sub(r"^# ", "", found[1], flags=re.MULTILINE)) if found else {}


def named(key: str) -> set[str]:
    return {line["key"].split(".")[1] for line in LINES.values() if line["key"].startswith(key)}


def test_every_key_of_the_configuration_that_names_a_line_has_one():
    assert named("power.") == set(PowerLines.__slots__) - {"model", "chip", "active_low"}
    assert named("leds.") == set(LedsSettings.__slots__) - {"chip"}
    assert all(line["key"] for line in LINES.values()), "and every line a key"


@pytest.mark.parametrize("function", LINES)
def test_name_offset_and_header_pin_are_one_line(function):
    line = LINES[function]
    assert line["name"] == f"GPIO{line['offset']}"
    assert HEADER[line["header_pin"]] == line["offset"]
    assert line["direction"] in ("input", "output")
    assert line["active"] in ("high", "low")


def test_no_line_has_two_uses_and_no_rail_is_a_line():
    for key in ("name", "offset", "header_pin", "net"):
        assert len({line[key] for line in LINES.values()}) == len(LINES), key
    rails = [pin for pins in PINMAP["header"]["rails"].values() for pin in pins]
    assert sorted([*rails, *HEADER]) == list(range(1, 41))


@pytest.mark.parametrize("function", LINES)
def test_an_output_rests_at_its_idle_level(function):
    line = LINES[function]
    idle = {"high": "down", "low": "up"}[line["active"]]
    assert line["pull"] == (idle if line["direction"] == "output" else "none")


def boots(offset: int) -> str:
    return next(
        way for way in ("up", "down") if PINMAP["boot_pull"][way][0] <= offset <= PINMAP["boot_pull"][way][1]
    )


def at_boot(line: dict, volts: float = 3.3) -> float:
    """The line's volts before any software: the outer pull against the chip's own, at its strongest."""
    inner, outer = PINMAP["boot_pull"]["strongest_ohms"], line["ohms"]
    if boots(line["offset"]) == line["pull"]:
        return volts if line["pull"] == "up" else 0.0
    low, high = (outer, inner) if line["pull"] == "down" else (inner, outer)
    return volts * low / (low + high)


def test_a_booting_pi_presses_nothing():
    for function in ("pwrkey", "reset", "supply"):
        line = LINES[function]
        volts = at_boot(line, PINMAP["header"]["logic_volts"])
        assert volts < line["idle_below"] if line["pull"] == "down" else volts > line["idle_above"], function


def test_the_power_key_is_where_the_chips_own_pull_is_wrong():
    assert boots(LINES["pwrkey"]["offset"]) == "up", (
        "the reason for its 4.7 kΩ in README and bill of materials"
    )
    assert at_boot({**LINES["pwrkey"], "ohms": 47_000}) > LINES["pwrkey"]["idle_below"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_shows_is_wired_so(page):
    text = page.read_text(encoding="utf-8")
    power, leds = table(text, r"bearers\.\w+\.power"), table(text, "leds")
    assert {"pwrkey", "reset", "status"} <= power.keys()
    assert "supply" in power or page.name == "contract-gateway.toml", "the contract is older than the relay"
    PowerLines(**{**power, "active_low": tuple(power["active_low"])})
    LedsSettings(**leds)
    assert power["model"] in PROFILES
    for key, line in [
        *((f"power.{k}", v) for k, v in power.items()),
        *((f"leds.{k}", v) for k, v in leds.items()),
    ]:
        if key.split(".")[1] not in ("model", "chip", "active_low"):
            assert LINES[BY_NAME[line]]["key"] == key
    assert power["active_low"] == active_low(power, power["model"])
    assert power["chip"] in {chip["path"] for chip in PINMAP["chips"].values()}


def active_low(power: dict, model: str) -> list[str]:
    """The keys of `power` whose line means its function when low, behind the adapter board."""
    said = [key for key in ("pwrkey", "reset", "supply") if key in power and LINES[key]["active"] == "low"]
    return said + (
        ["status"] if "status" in power and profile(model)["module"]["status_running"] == "low" else []
    )


@pytest.mark.parametrize("board", PINMAP["boards"])
def test_a_board_names_lines_that_exist(board):
    board = PINMAP["boards"][board]
    assert board["profile"] in PROFILES
    assert set(board["power"]) <= named("power.")
    assert set(board["power"].values()) <= BY_NAME.keys()
    if board["about"].startswith("the adapter board"):
        assert board["active_low"] == active_low(board["power"], board["profile"])
        assert board["power"] == {key: LINES[key]["name"] for key in board["power"]}
    assert set(board["active_low"]) <= set(board["power"])


@pytest.mark.parametrize(
    "page", sorted((ROOT / "config/examples").glob("*.toml")), ids=lambda page: page.name
)
def test_an_example_of_configuration_uses_the_map(page):
    config = tomllib.loads(page.read_text(encoding="utf-8"))
    lines = dict(config.get("leds", {}))
    for bearer in config.get("bearers", {}).values():
        power = bearer.get("power", {})
        assert not power or power["model"] in PROFILES
        lines |= {key: power[key] for key in named("power.") if key in power}
    lines.pop("chip", None)
    assert set(lines.values()) <= BY_NAME.keys()


def test_the_firmwares_own_setting_in_the_readme_is_the_same():
    text = (HARDWARE / "README.md").read_text(encoding="utf-8")
    said = {
        int(pin): {"pd": "down", "pu": "up", "pn": "none"}[pull]
        for pins, pull in re.findall(r"^\s*gpio=([\d,]+)=ip,(p[dun])$", text, flags=re.MULTILINE)
        for pin in pins.split(",")
    }
    assert said == {line["offset"]: line["pull"] for line in LINES.values()}
    assert "\ndtparam=strict_gpiod\n" in text, "else a killed daemon leaves PWRKEY pressed"
