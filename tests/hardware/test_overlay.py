"""The overlay: what its source says, that dtc compiles it without a word, and what it makes of a Pi's tree."""

import re
import subprocess

import pytest
from hardware_files import LINES, OVERLAY, PINMAP
from peers import install

PULLS = {"none": 0, "down": 1, "up": 2}
BASE = """/dts-v1/;
/ {
	compatible = "brcm,bcm2711";
	soc { gpio: gpio { compatible = "brcm,bcm2711-gpio"; gpio-line-names = "ID_SDA", "ID_SCL"; }; };
};
"""


def cells(text: str, name: str) -> list[int]:
    return [int(word, 0) for word in re.search(rf"{name} = <([^>]*)>", text)[1].split()]


def line_names(text: str) -> list[str]:
    return re.findall(r'"([^"]*)"', re.search(r"gpio-line-names\s*=([^;]*);", text)[1])


def check(text: str) -> None:
    """The same lines, pulls and names as the pin map."""
    pins = cells(text, "brcm,pins")
    assert dict(zip(pins, cells(text, "brcm,pull"), strict=True)) == {
        line["offset"]: PULLS[line["pull"]] for line in LINES.values()
    }
    assert cells(text, "brcm,function") == [0] * len(pins), "an input at boot: the pulls hold the idle level"
    names = line_names(text)
    assert len(names) == PINMAP["chips"]["pinctrl-bcm2711"]["lines"]
    assert len(set(names)) == len(names)
    for line in LINES.values():
        assert names[line["offset"]] == line["name"]


def run(*command: object) -> str:
    name, *arguments = map(str, command)
    done = subprocess.run(
        [install.program(name), *arguments],
        check=False,
        env=install.environment(),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    return done.stdout


def test_its_source_says_what_the_pin_map_says():
    check(re.sub(r"/\*.*?\*/", "", OVERLAY.read_text(encoding="utf-8"), flags=re.DOTALL))


@pytest.mark.peers("dtc")
def test_applied_to_a_tree_it_sets_names_and_pulls(tmp_path):
    base, overlay, merged = tmp_path / "base.dtb", tmp_path / "chappe-modem.dtbo", tmp_path / "merged.dtb"
    (tmp_path / "base.dts").write_text(BASE, encoding="utf-8")
    run("dtc", "-@", "-I", "dts", "-O", "dtb", "-o", base, tmp_path / "base.dts")
    run("dtc", "-@", "-I", "dts", "-O", "dtb", "-o", overlay, OVERLAY)
    run("fdtoverlay", "-i", base, "-o", merged, overlay)
    tree = run("dtc", "-I", "dtb", "-O", "dts", "-q", merged).replace("\\0", '", "')  # dtc joins strings so
    check(tree)
    node = re.search(r"chappe_pins \{(.*?)\}", tree, flags=re.DOTALL)[1]
    assert cells(tree, "pinctrl-0") == cells(node, "phandle"), "the controller takes the pins of this node"


@pytest.mark.peers("dtc")
def test_dtc_refuses_a_broken_overlay(tmp_path):
    broken = tmp_path / "broken.dts"
    broken.write_text(
        OVERLAY.read_text(encoding="utf-8").replace("<&chappe_pins>;", "<&chappe_pins>"), encoding="utf-8"
    )
    with pytest.raises(AssertionError, match="syntax error"):
        run("dtc", "-@", "-I", "dts", "-O", "dtb", "-o", tmp_path / "broken.dtbo", broken)
