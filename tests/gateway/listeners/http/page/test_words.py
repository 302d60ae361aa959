"""Figures and moments as people read them."""

from zoneinfo import ZoneInfo

import pytest

from gateway.listeners.http.page import words

PARIS = ZoneInfo("Europe/Paris")
NOW = "2026-11-22T02:16:09.000Z"


@pytest.mark.parametrize(
    ("s", "shown"),
    [(-3, "0 s"), (0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h 00 min"), (7500, "2 h 05 min"),
     (86_400, "1 d 0 h"), (360_000, "4 d 4 h")],
)  # fmt: skip
def test_lengths_of_time(s, shown):
    assert words.length(s) == shown


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        ("2026-11-22T02:12:05.000Z", '<time datetime="2026-11-22T02:12:05.000Z">03:12:05</time> (4 min)'),
        (
            "2026-11-21T22:59:00.000Z",
            '<time datetime="2026-11-21T22:59:00.000Z">21 Nov 23:59</time> (3 h 17 min)',
        ),
        (None, "–"),
    ],
)
def test_since_when_in_the_operators_own_time(at, shown):
    assert words.since(at, NOW, PARIS) == shown


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (words.figure(0), "0"), (words.figure(21.84), "21.8"), (words.figure(40.0), "40"), (words.figure(1234.5), "1\u202f234"),
        (words.count(1_250_000), "1\u202f250\u202f000"), (words.seconds(0.092), "92 ms"), (words.seconds(2.5), "2.5 s"),
        (words.seconds(5), "5 s"), (words.seconds(200), "3 min"),
    ],
)  # fmt: skip
def test_figures(shown, expected):
    assert shown == expected


def test_commands_stand_out_and_nothing_else_gets_through():
    assert words.coded("say `chappe links` & <wait>") == "say <code>chappe links</code> &amp; &lt;wait&gt;"
