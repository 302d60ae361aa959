#!/usr/bin/env python3
"""What `make compiled` brings: the gateway's own CPU a message compiled, against the same sources plain."""

from __future__ import annotations

from blocks import BLOCK, blocks
from figures import Figure, Plan, median, table
from parts import COMPILED
from setups import Setup


def measure(plan: Plan) -> list[Figure]:
    """plan.seconds: shorter blocks for a shorter look."""
    size = int(BLOCK * min(1.0, plan.seconds / 20))
    figures = []
    for words, rules in (("without rules", False), ("all rules", True)):
        found = blocks({"compiled": Setup(rules, tree=COMPILED), "plain": Setup(rules)}, size=size)
        fast, plain = found["compiled"], found["plain"]
        value = f"{median(fast.cpu):.1f} µs, plain {median(plain.cpu):.1f} µs"
        figures.append(Figure(f"compiled, CPU a message, {words}", value, fast.against(plain)))
    return figures


if __name__ == "__main__":
    print(table(measure(Plan(seconds=10))))
