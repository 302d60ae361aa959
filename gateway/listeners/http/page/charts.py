"""Lines over the last hour as SVG, drawn here: no script, no colour of its own, and the same said in words. Pure.

The plot stretches with its place, therefore labels stand beside it as text, which does not. Lines differ in
dashes as well as in colour.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.listeners.http.page.history import EVERY, HOUR, Point
from gateway.listeners.http.page.markup import Html, el, join

__all__ = ["Line", "ceiling", "chart"]

WIDTH, HEIGHT = 360, 100
_GAP = 2.5 * EVERY
"""Seconds without a point that break a line: it was not measured, or nothing happened that could be."""
_TEN_MINUTES = 600.0

Value = Callable[[Point], float | None]


class Line:
    """name: in the legend. style: its class. value: of a point; None where it has none."""

    __slots__ = ("name", "style", "value")

    def __init__(self, name: str, style: str, value: Value) -> None:
        self.name = name
        self.style = style
        self.value = value


def chart(
    key: str, title: str, lines: Sequence[Line], points: Sequence[Point], now: float, shown: Callable[[float], str]
) -> Html:  # fmt: skip
    """A figure with its legend and, for those who cannot see it, its figures in words and as a table.

    key: what its ids begin with. now: Unix seconds, the right edge. shown: a value with its unit.
    """
    recent = [point for point in points if point.at > now - HOUR]
    known = [value for line in lines for point in recent if (value := line.value(point)) is not None]
    top = ceiling(max(known, default=0.0))
    words = "; ".join(_in_words(line, recent, shown) for line in lines)
    grid = [el("path", d=f"M0 {y}H{WIDTH}", class_="grid") for y in (0.5, HEIGHT / 2, HEIGHT - 0.5)]
    drawn = [el("path", d=_path(line, recent, now, top), class_=f"line {line.style}") for line in lines]
    svg = el(
        "svg", el("title", f"{title}, last hour: {words}"), *grid, *drawn,
        viewBox=f"0 0 {WIDTH} {HEIGHT}", preserveAspectRatio="none", role="img", focusable="false",
    )  # fmt: skip
    return el(
        "figure",
        el("figcaption", el("h3", title), _legend(lines, recent, shown)),
        el(
            "div",
            _axis("y", shown(top), shown(top / 2), "0"),
            el("div", svg, class_="plot"),
            _axis("x", "60 min ago", "30", "now"),
            class_="chart",
        ),
        el("details", el("summary", "As a table", id=f"{key}-table"), _table(title, lines, recent, now, shown)),
    )  # fmt: skip


def _axis(which: str, *labels: str) -> Html:
    return el("div", *(el("span", label) for label in labels), class_=which, aria_hidden="true")


def ceiling(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten: an axis that people can read, and that seldom changes."""
    top = 1e-3
    while True:
        for step in (1, 2, 5):
            if top * step >= value:
                return top * step
        top *= 10


def _path(line: Line, points: Sequence[Point], now: float, top: float) -> str:
    parts: list[str] = []
    last = 0.0
    for point in points:
        value = line.value(point)
        if value is None:
            continue
        x = WIDTH * (1 - (now - point.at) / HOUR)
        y = HEIGHT * (1 - min(value, top) / top)
        # A lone point is a line of no length, which its round ends make a dot.
        parts.append(f"L{x:.1f} {y:.1f}" if point.at - last < _GAP else f"M{x:.1f} {y:.1f}h0")
        last = point.at
    return "".join(parts) or "M0 0"


def _legend(lines: Sequence[Line], points: Sequence[Point], shown: Callable[[float], str]) -> Html:
    items = []
    for line in lines:
        last = line.value(points[-1]) if points else None
        stroke = el("path", d="M0 3H24", class_=f"line {line.style}")
        key = el("svg", stroke, viewBox="0 0 24 6", class_="key", aria_hidden="true")
        items.append(el("li", key, f" {line.name} ", el("strong", "–" if last is None else shown(last))))
    return el("ul", *items, class_="legend")


def _in_words(line: Line, points: Sequence[Point], shown: Callable[[float], str]) -> str:
    values = [value for point in points if (value := line.value(point)) is not None]
    if not values:
        return f"{line.name}: nothing yet"
    mean = sum(values) / len(values)
    return f"{line.name}: last {shown(values[-1])}, mean {shown(mean)}, highest {shown(max(values))}"


def _table(
    title: str, lines: Sequence[Line], points: Sequence[Point], now: float, shown: Callable[[float], str]
) -> Html:
    """Means of ten minutes each."""
    rows = []
    for number in range(6):
        newest = now - number * _TEN_MINUTES
        inside = [point for point in points if newest - _TEN_MINUTES < point.at <= newest]
        cells = [el("td", _mean(line, inside, shown)) for line in lines]
        rows.append(el("tr", el("th", f"{number * 10} to {number * 10 + 10} min ago", scope="row"), *cells))
    head = el("tr", el("th", "When", scope="col"), *(el("th", line.name, scope="col") for line in lines))
    caption = el("caption", f"{title}: means of ten minutes")
    return el("table", caption, el("thead", head), el("tbody", join(rows)), class_="plain")


def _mean(line: Line, points: Sequence[Point], shown: Callable[[float], str]) -> str:
    values = [value for point in points if (value := line.value(point)) is not None]
    return shown(sum(values) / len(values)) if values else "–"
