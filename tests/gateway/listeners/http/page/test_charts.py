"""A chart draws what its points say, breaks where nothing was measured, and says the same in words and a table."""

import pytest
from page_reader import Page

from gateway.listeners.http.page.charts import HEIGHT, WIDTH, Line, ceiling, chart
from gateway.listeners.http.page.history import Point

NOW = 10_000.0
LINES = (
    Line("in", "one", lambda point: point.rates["admitted"]),
    Line("late", "two", lambda point: point.p50),
)


def drawn(*points):
    figure = chart("test", "Messages", LINES, points, NOW, lambda value: f"{value:g}/s")
    return Page(f"<!DOCTYPE html><html>{figure}</html>")


def point(ago, rate, p50=None):
    return Point(NOW - ago, {"admitted": rate}, p50, p50)


def paths(page):
    return [path["d"] for path in page.one("div", class_="plot").all("path") if path.has("class", "line")]


def test_a_line_ends_at_now_and_half_of_its_axis_is_in_the_middle():
    line, nothing = paths(drawn(point(20, 5), point(10, 10), point(0, 5)))
    assert line.endswith(f"L{WIDTH:.1f} {HEIGHT / 2:.1f}")
    assert f"L{WIDTH - 1:.1f} 0.0" in line
    assert nothing == "M0 0"


def test_a_gap_is_no_line():
    line, _ = paths(drawn(point(60, 1), point(50, 1), point(10, 1), point(0, 1)))
    assert line.count("M") == 2


def test_what_is_older_than_an_hour_is_not_drawn():
    line, _ = paths(drawn(point(3605, 9), point(0, 1)))
    assert line.count("M") == 1
    assert "L" not in line


def test_the_same_in_words_and_as_a_table():
    page = drawn(point(700, 30), point(10, 10, 0.25), point(0, 20))
    assert page.one("title").inside == [
        "Messages, last hour: in: last 20/s, mean 20/s, highest 30/s; late: last 0.25/s, mean 0.25/s, highest 0.25/s"
    ]
    assert page.one("table").rows()[:2] == [
        ["0 to 10 min ago", "15/s", "0.25/s"],
        ["10 to 20 min ago", "30/s", "–"],
    ]
    assert [item.text for item in page.all("li")] == ["in 20/s", "late –"]


def test_nothing_yet():
    page = drawn()
    assert "in: nothing yet" in page.one("title").inside[0]
    assert paths(page) == ["M0 0", "M0 0"]


@pytest.mark.parametrize(
    ("value", "top"), [(0, 0.001), (0.004, 0.005), (1, 1), (1.1, 2), (23, 50), (51, 100), (7e6, 1e7)]
)
def test_an_axis_ends_at_a_round_figure(value, top):
    assert ceiling(value) == pytest.approx(top)
