#!/usr/bin/env python3
"""Fifty bearers, or a thousand accounts that are all bound: CPU a message against one of each, in turn."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from blocks import blocks
from esme import Crowd
from figures import Figure, Plan, median, per_second, table
from parts import Bearer, Gateway, free_port, sink
from setups import SINK, Setup

LEAST = 0.9


class Many(Setup):
    """So many bearers of one route that share one carrier, and so many accounts, each bound once."""

    def __init__(self, bearers: int, accounts: int) -> None:
        super().__init__()
        self.bearers = bearers
        self.accounts = accounts

    @contextlib.contextmanager
    def running(self, folder: Path) -> Iterator[tuple[Gateway, int]]:
        smsc, port = free_port(), free_port()
        names = [f"b{number}" for number in range(self.bearers)]
        bearers = [Bearer(name, smsc, window=max(20, 1000 // self.bearers)) for name in names]
        others = [f"a{number}" for number in range(self.accounts - 1)]
        accounts = dict.fromkeys(["load", *others], "marketing")
        with sink(folder, smsc, *SINK), Gateway(folder, port, bearers, accounts, shared=True) as gateway:
            gateway.wait_until("up", 120)
            with Crowd(port, others, len(others)) as crowd:
                crowd.wait()
                yield gateway, port


def measure(plan: Plan) -> list[Figure]:
    bearers, accounts = (3, 5) if plan.small else (50, 1000)
    turns, size = (1, 500) if plan.small else (5, 20_000)
    figures = []
    for words, many in (
        (f"{bearers} bearers", Many(bearers, 1)),
        (f"{accounts:,} accounts", Many(1, accounts)),
    ):
        found = blocks({words: many, "one": Many(1, 1)}, turns, size)
        ours, one = found[words], found["one"]
        share = 1 / ours.against(one)
        value = (
            f"{median(ours.cpu):.1f} µs CPU, one {median(one.cpu):.1f} µs; {per_second(median(ours.rates))}"
        )
        figures += [
            Figure(f"{words}, CPU a message", value, share, f"≥ {LEAST}", share >= LEAST),
            Figure("  RSS at most", f"{ours.rss:.0f} MB, one {one.rss:.0f} MB"),
        ]
    return figures


if __name__ == "__main__":
    print(table(measure(Plan())))
