#!/usr/bin/env python3
"""What the rules cost: the gateway's own CPU a message with all of them and a million opt-outs, against none."""

from __future__ import annotations

from blocks import BLOCK, blocks
from figures import Figure, Plan, median, table
from setups import OPTOUTS, Setup

MOST = 1.15


class Unreferenced(Setup):
    """A client's reference is no rule: it is measured with everything on (throughput.py)."""

    @property
    def load(self) -> tuple[str, ...]:
        return Setup().load


def measure(plan: Plan) -> list[Figure]:
    """plan.seconds: shorter blocks for a shorter look."""
    size = int(BLOCK * min(1.0, plan.seconds / 20))
    found = blocks({"rules": Unreferenced(rules=True), "none": Setup()}, size=size)
    on, off = found["rules"], found["none"]
    value = f"{median(on.cpu):.1f} µs with {OPTOUTS:,} opt-outs, {median(off.cpu):.1f} µs without any rule"
    share = on.against(off)
    return [
        Figure("rules, CPU a marketing message", value, share, f"≤ {MOST}", share <= MOST),
        Figure("  RSS with the opt-outs", f"{on.rss:.0f} MB, {off.rss:.0f} MB without"),
    ]


if __name__ == "__main__":
    print(table(measure(Plan(seconds=10))))
