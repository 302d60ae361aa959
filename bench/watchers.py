#!/usr/bin/env python3
"""What it costs to be watched: the gateway's own CPU a message with MQTT on and its metrics scraped, against neither.

The third gateway beside them has a broker that keeps its connections and reads nothing: what is published goes
nowhere, and messages must not notice.
"""

from __future__ import annotations

from blocks import BLOCK, blocks
from figures import Figure, Plan, median, table
from setups import SCRAPED_EVERY, Setup

MOST, MOST_BESIDE = 1.10, 1.05


def measure(plan: Plan) -> list[Figure]:
    """plan.seconds: shorter blocks for a shorter look."""
    size = int(BLOCK * min(1.0, plan.seconds / 20))
    found = blocks(
        {"watched": Setup(watched="on"), "hole": Setup(watched="hole"), "alone": Setup()}, size=size
    )
    on, hole, off = found["watched"], found["hole"], found["alone"]
    cost, beside = on.against(off), hole.against(on)
    value = f"{median(on.cpu):.1f} µs with MQTT and metrics (each {SCRAPED_EVERY:g} s), {median(off.cpu):.1f} µs alone"
    return [
        Figure("watched, CPU a message", value, cost, f"≤ {MOST}", cost <= MOST),
        Figure("  with a broker that does not read", f"{median(hole.cpu):.1f} µs, nothing lost", beside,
               f"≤ {MOST_BESIDE} of that", beside <= MOST_BESIDE),
    ]  # fmt: skip


if __name__ == "__main__":
    print(table(measure(Plan(seconds=10))))
