#!/usr/bin/env python3
"""Messages a second with a long history in the store, as a share of an empty store's: blocks that take turns."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import fill
from blocks import blocks
from figures import Figure, Plan, median, per_second, say, table
from parts import Gateway
from setups import Setup

from gateway.model import Kind

LEAST = 0.85


class Old(Setup):
    """Its store holds `count` delivered messages of the last days."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    @contextlib.contextmanager
    def running(self, folder: Path) -> Iterator[tuple[Gateway, int]]:
        state = folder / "state"
        state.mkdir()
        began = time.monotonic()
        fill.history(state / "chappe.db", self.count, "load", "sink", Kind.MARKETING, hours=100)
        size = (state / "chappe.db").stat().st_size
        say(f"history of {self.count:,} ({size / 1e6:,.0f} MB) written in {time.monotonic() - began:.0f} s")
        with super().running(folder) as made:
            yield made


def measure(plan: Plan) -> list[Figure]:
    count, turns, size = (20_000, 1, 500) if plan.small else (10_000_000, 5, 50_000)
    found = blocks({"history": Old(count), "empty": Setup()}, turns, size)
    old, empty = found["history"], found["empty"]
    share = median([a / b for a, b in zip(old.rates, empty.rates, strict=True)])
    value = f"{per_second(median(old.rates))}, empty store {per_second(median(empty.rates))}"
    return [
        Figure(f"rate with a history of {count:,}", value, share, f"≥ {LEAST}", share >= LEAST),
        Figure(
            "  CPU a message", f"{median(old.cpu):.1f} µs, {median(empty.cpu):.1f} µs", 1 / old.against(empty)
        ),
        Figure("  RSS at most", f"{old.rss:.0f} MB, {empty.rss:.0f} MB"),
    ]


if __name__ == "__main__":
    print(table(measure(Plan())))
