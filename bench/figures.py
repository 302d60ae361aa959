"""What a measurement gives, and the one table that all of them end in."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

__all__ = ["Figure", "Plan", "median", "per_second", "quantile", "say", "table"]


@dataclass(slots=True)
class Figure:
    """One line of the table.

    value: as shown. share: a ratio to a yardstick measured in the same minutes, which a slower machine leaves
    as it is: the only thing that baseline.json keeps. wanted: the target in words; met: None without one.
    """

    name: str
    value: str
    share: float | None = None
    wanted: str = ""
    met: bool | None = None


@dataclass(slots=True)
class Plan:
    """How long to measure. compiled: beside the plain one, what `make compiled` built. small: sizes that only show that
    a measurement works. found: what one measurement tells the next (the maximum, for latency at half of it)."""

    seconds: float = 20.0
    repeats: int = 3
    long: bool = False
    compiled: bool = False
    small: bool = False
    found: dict[str, float] = field(default_factory=dict)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def quantile(values: Sequence[float], q: float) -> float:
    """The smallest value that at least the part q of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def per_second(rate: float) -> str:
    return f"{rate:,.0f}/s"


def say(text: str) -> None:
    """Progress, beside the table."""
    print(f"  {text}", file=sys.stderr, flush=True)


def table(figures: Sequence[Figure], moved: Callable[[Figure], str] = lambda _: "") -> str:
    """Plain text; moved: what baseline.json says of a figure."""
    rows = [("measure", "value", "share", "wanted", "", "baseline")]
    for figure in figures:
        share = "" if figure.share is None else f"{figure.share:.3g}"
        verdict = "" if figure.met is None else ("ok" if figure.met else "MISSED")
        rows.append((figure.name, figure.value, share, figure.wanted, verdict, moved(figure)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)
