"""The wiring: drawn from its source, the same lines as the pin map, no 5 V on a GPIO, every part on the bill."""

import hashlib
import html
import re
from collections import Counter

import pytest
from hardware_files import HARDWARE, LINES, PINMAP, WIRINGS, adapter, ohms, profile, wiring

CONNECTORS, WIRES = wiring(HARDWARE / "wiring/pi-modem.yaml")
NETS = adapter()
SUPPLIES = {"3V3": 3.3, "5V": 5.0, "5V_MODEM": 5.0, "GND": 0.0}
PASSIVE = "RCD"


def by_id(path) -> str:
    return path.stem


def part_nets(part: str) -> dict[str, str]:
    """{pin: net} of one part of the adapter board."""
    return {pin: net for net, pins in NETS.items() for name, pin in pins if name == part}


def value(part: str) -> str:
    return next(value for pins in NETS.values() for (name, _), value in pins.items() if name == part)


@pytest.mark.parametrize("source", WIRINGS, ids=by_id)
def test_the_drawing_is_of_this_source(source):
    drawing = html.unescape(source.with_suffix(".svg").read_text(encoding="utf-8"))
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    assert f"<!-- drawn from {source.name}, sha256 {digest} -->" in drawing, "python hardware/wiring/draw.py"
    connectors, wires = wiring(source)
    for name, pins in connectors.items():
        assert f">{name}<" in drawing
        assert all(f">{label}<" in drawing for label in pins.values())
    assert all(f">{one}:{pin}:{connectors[one][pin]}<" in drawing for one, pin, *_ in wires)


@pytest.mark.parametrize("source", WIRINGS, ids=by_id)
def test_every_wire_joins_pins_that_exist_once(source):
    connectors, wires = wiring(source)
    ends = Counter(end for a, pin, _, _, b, other in wires for end in [(a, pin), (b, other)])
    assert set(ends.values()) == {1}
    assert set(ends) == {(name, pin) for name, pins in connectors.items() for pin in pins}
    assert all(count == 1 for count in Counter((cable, core) for _, _, cable, core, _, _ in wires).values())


@pytest.mark.parametrize("source", WIRINGS, ids=by_id)
def test_ground_meets_ground_and_a_supply_its_like(source):
    same = {"VIN": "5V", "5V_MODEM": "5V", "VBUS": "5V"}
    connectors, wires = wiring(source)
    for a, pin, _, _, b, other in wires:
        one, two = connectors[a][pin], connectors[b][other]
        if {one, two} & {"GND", "3V3", "5V", "VIN", "5V_MODEM", "VBUS", "D-", "D+"}:
            assert same.get(one, one) == same.get(two, two)


def test_each_line_goes_from_its_header_pin_to_its_net():
    seen = {
        pin: (CONNECTORS["X1"][pin], CONNECTORS["J1"][other]) for a, pin, _, _, b, other in WIRES if a == "X1"
    }
    lines = {str(line["header_pin"]): (line["name"], line["net"]) for line in LINES.values()}
    rails = {str(pin): (rail, rail) for rail, pins in PINMAP["header"]["rails"].items() for pin in pins}
    assert seen == {pin: (lines | rails)[pin] for pin in seen}
    assert lines.keys() <= seen.keys()
    assert "5V" not in CONNECTORS["X1"].values(), "the Pi's 5 V must not meet the modem's supply"


def test_the_adapters_connectors_are_those_of_the_drawing():
    for name in ("J1", "J2", "J3", "J4"):
        assert part_nets(name) == CONNECTORS[name]


def test_the_modems_side_carries_the_modems_signals():
    for a, pin, _, _, b, other in WIRES:
        if a == "J2":
            assert CONNECTORS[a][pin].removeprefix("M_") == CONNECTORS[b][other]


@pytest.mark.parametrize("net", NETS)
def test_a_net_joins_two_parts_or_more(net):
    assert len({part for part, _ in NETS[net]}) >= 2


@pytest.mark.parametrize("function", [name for name, line in LINES.items() if "ohms" in line])
def test_a_line_that_must_rest_has_its_resistor(function):
    line = LINES[function]
    rail = {"up": "3V3", "down": "GND"}[line["pull"]]
    pulls = [
        ohms(value(part))
        for part in {part for part, _ in NETS[line["net"]] if part[0] == "R"}
        if set(part_nets(part).values()) == {line["net"], rail}
    ]
    assert pulls == [line["ohms"]]


def reached(net: str) -> set[str]:
    """The nets that passive parts join to this one; through a supply nothing is reached."""
    found, ahead = {net}, [net]
    while ahead:
        for part, _ in NETS[ahead.pop()]:
            if part[0] in PASSIVE and not part.startswith("D"):
                new = set(part_nets(part).values()) - found
                found |= new
                ahead += [name for name in new if name not in SUPPLIES]
    return found


@pytest.mark.parametrize("function", LINES)
def test_no_gpio_meets_5_volts_or_the_modem(function):
    line = LINES[function]
    met = reached(line["net"])
    assert max(SUPPLIES.get(net, 0.0) for net in met) <= PINMAP["header"]["logic_volts"]
    assert not {net for net in met if net.startswith("M_")} | (met & {"VDD_EXT"}), (
        "only a transistor or a buffer between"
    )


def test_the_modems_lines_are_never_driven_high():
    """PWRKEY and RESET_N belong to the module's own pull-up: an open drain may only pull them down."""
    assert set(NETS["M_PWRKEY"]) == {("Q1", "D"), ("J2", "2")}
    assert set(NETS["M_RESET_N"]) == {("U1", "Y"), ("J2", "3")}
    assert value("U1") == "74LVC1G07"
    assert value("U2").startswith("74LV1T"), "reads 1.8 V logic at a supply of 3.3 V"
    assert part_nets("U2")["VCC"] == "3V3"
    assert profile("sim7600")["module"]["logic_volts"] < PINMAP["header"]["logic_volts"]


def test_the_relay_fails_safe():
    relay = part_nets("K1")
    assert (relay["COM"], relay["NC"]) == ("5V", "5V_MODEM"), "at rest the modem has its supply"
    assert part_nets("D5") == {"A": relay["A2"], "K": relay["A1"]}, (
        "the coil's own current goes round through D5"
    )
    assert part_nets("Q2") == {"D": relay["A2"], "G": LINES["supply"]["net"], "S": "GND"}


def test_the_bill_has_every_part_and_no_other():
    text = (HARDWARE / "bill-of-materials.md").read_text(encoding="utf-8")
    listed: set[str] = set()
    for cell in re.findall(r"^\| ([A-Z][^|]*?) \|", text, flags=re.MULTILINE):
        for first, last in re.findall(r"\b([A-Z]+\d+)(?:-([A-Z]+\d+))?", cell):
            kind, low = re.match(r"([A-Z]+)(\d+)", first).groups()
            high = int(re.sub(r"\D", "", last)) if last else int(low)
            listed |= {f"{kind}{n}" for n in range(int(low), high + 1)}
    drawn = {part for pins in NETS.values() for part, _ in pins} | {"X4"} | {wire[2] for wire in WIRES}
    assert listed == drawn


def test_the_bill_says_the_values_of_the_netlist():
    text = (HARDWARE / "bill-of-materials.md").read_text(encoding="utf-8")
    for part in {
        part for pins in NETS.values() for part, _ in pins if part[0] in "RC" or part.startswith("U")
    }:
        kind, number = part[0], int(part[1:])
        rows = [row for row in text.splitlines() if row.startswith("| ") and value(part) in row.split("|")[2]]
        spans = [re.findall(rf"\b{kind}(\d+)(?:-{kind}(\d+))?", row.split("|")[1]) for row in rows]
        assert any(int(a) <= number <= int(b or a) for span in spans for a, b in span), (
            f"{part} {value(part)}"
        )
