"""docs/alarms has a page for every alarm that the program raises, and none for another."""

import ast
import re
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
FOLDER = REPO / "docs/alarms"


def ids():
    """{id: severities} of every alarm raised in the code; what is named at run time is "bearer.*"."""
    found = {}
    for path in sorted((REPO / "gateway").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = {
            node.targets[0].id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and _raises(call):
                text = _text(call.args[0], constants)
                severity = call.args[-2]
                if text is not None:
                    found.setdefault(text, set()).add(_text(severity, constants))
    return found


def _raises(call):
    """alarms.turn(id, standing, severity, text), alarms.raise_(id, severity, text), or a function given for one."""
    function = call.func
    names = ("turn", "raise_", "_alarm")
    return isinstance(function, ast.Attribute) and function.attr in names and len(call.args) >= 3


def _text(node, constants):
    node = constants.get(node.id, node) if isinstance(node, ast.Name) else node
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "*" for part in node.values)
    return None


ALARMS = ids()
FAMILIES = {name.partition(".")[0] for name in ALARMS}


def test_the_search_finds_those_that_are_known():
    assert {"bearer.*", "fallback.*", "disk", "store", "outbox.*", "leds", "mqtt", "mqtt.taken"} <= set(
        ALARMS
    )
    assert ALARMS["disk"] == {"critical"}


def test_every_family_has_its_page_and_every_page_its_family():
    pages = {path.stem for path in FOLDER.glob("*.md")} - {"README"}
    assert FAMILIES - pages == set(), "docs/alarms lacks these"
    assert pages - FAMILIES == set(), "nobody raises these"


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_the_page_names_the_alarm_its_severity_and_its_end(name):
    page = (FOLDER / f"{name.partition('.')[0]}.md").read_text(encoding="utf-8")
    shown = "[A-Z]+".join(map(re.escape, name.split("*")))
    assert re.search(f"`{shown}`", page), "its id, as `family.NAME`"
    for severity in ALARMS[name] - {None}:
        assert f"Severity: {severity}" in page
    assert re.search(r"\b[Ii]t clears\b|clears when|clears after", page), "when it clears"


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_the_list_has_every_page(family):
    assert f"({family}.md)" in (FOLDER / "README.md").read_text(encoding="utf-8")
