"""Reads hardware/: the pin map, the profiles, the wiring, the adapter's netlist, the overlay.

wiring() reads the part of YAML that our WireViz sources use: that WireViz itself accepts them is shown by the
drawings, which carry the hash of their source.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
HARDWARE = ROOT / "hardware"
OVERLAY = HARDWARE / "overlays/chappe-modem.dts"
RULES = HARDWARE / "udev/70-chappe-modems.rules"
PROFILES = {path.stem: path for path in sorted(HARDWARE.glob("profiles/*.toml"))}
WIRINGS = sorted(HARDWARE.glob("wiring/*.yaml"))

PINMAP = tomllib.loads((HARDWARE / "pinmap.toml").read_text(encoding="utf-8"))
LINES: dict[str, dict] = PINMAP["lines"]


def profile(name: str) -> dict:
    return tomllib.loads(PROFILES[name].read_text(encoding="utf-8"))


def names(flow: str) -> list[str]:
    """ "[1-3, GND]" as ["1", "2", "3", "GND"]."""
    found: list[str] = []
    for word in flow.strip("[] ").split(","):
        first, dash, last = word.strip().partition("-")
        numeric = dash and first.isdigit() and last.isdigit()
        found += map(str, range(int(first), int(last) + 1)) if numeric else [word.strip()]
    return found


def wiring(path: Path) -> tuple[dict[str, dict[str, str]], list[tuple[str, str, str, str, str, str]]]:
    """Connectors as {name: {pin: label}}, and each wire as (from, pin, cable, wire, to, pin)."""
    text = re.sub(r"[ \t]*#.*", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    sections = dict(re.findall(r"^(\w+):\n((?:(?: .*)?\n)*)", text, flags=re.MULTILINE))
    connectors = {}
    for name, body in re.findall(r"^  (\w+):\n((?:    .*\n)+)", sections["connectors"], flags=re.MULTILINE):
        keys = dict(re.findall(r"(\w+): (.*)", body))
        labels = names(keys["pinlabels"])
        pins = names(keys["pins"]) if "pins" in keys else [str(n + 1) for n in range(len(labels))]
        connectors[name] = dict(zip(pins, labels, strict=True))
    wires = []
    for row in re.findall(r"^  - \[(.*)\]", sections["connections"], flags=re.MULTILINE):
        (one, ones), (cable, cores), (two, twos) = re.findall(r"(\w+): (\[[^]]*\])", row)
        for pin, core, other in zip(names(ones), names(cores), names(twos), strict=True):
            wires.append((one, pin, cable, core, two, other))
    return connectors, wires


def adapter() -> dict[str, dict[tuple[str, str], str]]:
    """The adapter board's nets: {net: {(part, pin): value}}."""
    nets: dict[str, dict[tuple[str, str], str]] = defaultdict(dict)
    with (HARDWARE / "wiring/adapter.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            nets[row["net"]][row["part"], row["pin"]] = row["value"]
    return dict(nets)


def ohms(value: str) -> int:
    """ "4k7" as 4700."""
    whole, _, rest = value.partition("k")
    return round(float(f"{whole}.{rest or 0}") * 1000)
