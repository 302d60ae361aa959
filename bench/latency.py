#!/usr/bin/env python3
"""How long an application waits for submit_sm_resp when messages come at a steady pace: half of the maximum, 5,000/s.

limit.py answers the same pace in turn, from the same sink's twin: what the machine itself adds shows in it.
"""

from __future__ import annotations

import contextlib
from typing import Any

import throughput
from figures import Figure, Plan, median, per_second, say, table
from parts import load, workspace

MOST, MOST_AT_5000 = 15.0, 4.0
"""Milliseconds: the 99th percentile at half of the maximum, and at 5,000/s."""

Reports = dict[str, list[dict[str, Any]]]


def paced(rate: int, plan: Plan, seconds: float) -> Reports:
    """Reports of both at this pace, in alternation, each on a process that lives through all of its runs."""
    reports: Reports = {throughput.LIMIT: [], throughput.BARE: []}
    with contextlib.ExitStack() as stack:
        ports = {}
        for name in (throughput.LIMIT, throughput.BARE):
            folder = stack.enter_context(workspace())
            ports[name] = stack.enter_context(throughput.running(name, folder))[1]
        for _ in range(plan.repeats):
            for name, port in ports.items():
                words = ("-n", "4", "-w", "2000", "--rate", str(rate), "-t", "20")
                reports[name].append(load(port, int(rate * seconds), *words))
    return reports


def figure(words: str, reports: Reports, most: float) -> Figure:
    def shown(name: str) -> str:
        return " / ".join(
            f"{median([r['resp_ms'][q] for r in reports[name]]):.1f}" for q in ("p50", "p95", "p99")
        )

    p99 = median([r["resp_ms"]["p99"] for r in reports[throughput.BARE]])
    shares = [
        b["resp_ms"]["p99"] / a["resp_ms"]["p99"]
        for a, b in zip(reports[throughput.BARE], reports[throughput.LIMIT], strict=True)
    ]
    value = f"{shown(throughput.BARE)} ms, limit.py {shown(throughput.LIMIT)} ms"
    held = min(r["accept_per_s"] for r in reports[throughput.BARE])
    say(f"latency {words}: {value}, held {per_second(held)}")
    return Figure(
        f"submit_sm_resp {words}, p50/p95/p99", value, median(shares), f"p99 < {most:.0f} ms", p99 < most
    )


def measure(plan: Plan) -> list[Figure]:
    maximum = plan.found.get("maximum") or throughput.calibrate(throughput.BARE)
    seconds = plan.seconds / 2
    half = int(maximum / 2)
    return [
        figure(f"at half of the maximum ({per_second(half)})", paced(half, plan, seconds), MOST),
        figure("at 5,000/s", paced(5000, plan, seconds), MOST_AT_5000),
    ]


if __name__ == "__main__":
    print(table(measure(Plan(seconds=8))))
