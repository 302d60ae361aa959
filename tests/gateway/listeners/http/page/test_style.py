"""The style and the script: every pair of colours that is used is readable, in both themes; nothing comes from elsewhere."""

import re
from importlib import resources

import pytest

ASSETS = resources.files("gateway.listeners.http.page") / "assets"
STYLE = (ASSETS / "page.css").read_text(encoding="utf-8")
LEAST, LEAST_OF_LINES = 4.5, 3.0  # WCAG 2.2, 1.4.3 for text and 1.4.11 for what is drawn

TEXT = [
    ("text", "ground"), ("text", "card"), ("quiet", "ground"), ("quiet", "card"), ("link", "ground"), ("link", "card"),
    ("link", "calm-soft"), ("text", "calm-soft"), ("on-link", "link"), ("on-link", "bad"), ("bad", "card"), ("bad", "ground"),
    ("text", "bad-soft"), ("text", "busy-soft"), ("good", "ground"),
    *((f"{sort}", where) for sort in ("good", "busy", "bad", "calm") for where in (f"{sort}-soft", "card")),
]  # fmt: skip
DRAWN = [
    ("one", "card"),
    ("two", "card"),
    ("three", "card"),
    ("good", "card"),
    ("focus", "card"),
    ("focus", "ground"),
]


def themes():
    light, dark = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    named = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", part)) for part in (light, dark)]
    return {"light": named[0], "dark": {**named[0], **named[1]}}


def luminance(colour):
    """WCAG 2.2: relative luminance."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_measure_itself():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("front", "back", "least"),
    [*((f, b, LEAST) for f, b in TEXT), *((f, b, LEAST_OF_LINES) for f, b in DRAWN)],
)
def test_contrast(theme, front, back, least):
    colours = themes()[theme]
    assert contrast(colours[front], colours[back]) >= least


def test_both_themes_name_every_colour():
    light, dark = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    assert re.findall(r"--([a-z-]+):", light) == re.findall(r"--([a-z-]+):", dark)
    assert set(re.findall(r"var\(--([a-z-]+)\)", STYLE)) <= set(themes()["light"])


def test_no_colour_stands_outside_the_themes():
    rest = re.sub(r":root \{.*?\}", "", STYLE, flags=re.DOTALL)
    assert re.findall(r"#[0-9a-f]{3,8}\b(?=[;, )])", rest) == []


@pytest.mark.parametrize("name", ["page.css", "page.js", "icon.svg"])
def test_nothing_comes_from_elsewhere(name):
    text = (ASSETS / name).read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\(", text)
    assert len(text) < 20_000


def test_motion_and_focus():
    assert "prefers-reduced-motion" in STYLE
    assert ":focus-visible { outline: 3px" in STYLE
