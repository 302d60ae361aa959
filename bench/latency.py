#!/usr/bin/env python3
"""How long an application waits for submit_sm_resp when messages come at a steady pace: half of the maximum, 5,000/s.

limit.py answers the same pace in turn, from the same sink's twin: what the machine itself adds shows in it.
"""

from __future__ import annotations

from typing import Any

import throughput
from figures import Figure, Plan, median, per_second, say, table
from parts import free_port, load, sink, workspace

MOST = 30.0
"""Milliseconds: the 99th percentile at half of the maximum."""

Reports = dict[str, list[dict[str, Any]]]


def paced(rate: int, plan: Plan, seconds: float) -> Reports:
    """Reports of both at this pace, in alternation, each on a process that lives through all of its runs."""
    reports: Reports = {"limit": [], "chappe": []}
    with workspace() as one, workspace() as other:
        ports = {"limit": (one, free_port(), free_port()), "chappe": (other, free_port(), free_port())}
        folder, port, smsc = ports["limit"]
        with sink(folder, smsc, *throughput.SINK), throughput.start("limit", folder, port, smsc):
            folder, port, smsc = ports["chappe"]
            with sink(folder, smsc, *throughput.SINK), throughput.start("chappe", folder, port, smsc):
                for _ in range(plan.repeats):
                    for name, (_, port, _) in ports.items():
                        count = int(rate * seconds)
                        report = load(port, count, "-n", "4", "-w", "2000", "--rate", str(rate), "-t", "20")
                        reports[name].append(report)
    return reports


def figure(words: str, reports: Reports, wanted: bool) -> Figure:
    def shown(name: str) -> str:
        return " / ".join(
            f"{median([r['resp_ms'][q] for r in reports[name]]):.1f}" for q in ("p50", "p95", "p99")
        )

    p99 = median([r["resp_ms"]["p99"] for r in reports["chappe"]])
    shares = [
        b["resp_ms"]["p99"] / a["resp_ms"]["p99"]
        for a, b in zip(reports["chappe"], reports["limit"], strict=True)
    ]
    value = f"{shown('chappe')} ms, limit.py {shown('limit')} ms"
    held = min(r["accept_per_s"] for r in reports["chappe"])
    say(f"latency {words}: {value}, held {per_second(held)}")
    target = (f"p99 < {MOST:.0f} ms", p99 < MOST) if wanted else ("", None)
    return Figure(f"submit_sm_resp {words}, p50/p95/p99", value, median(shares), *target)


def measure(plan: Plan) -> list[Figure]:
    maximum = plan.found.get("maximum") or throughput.calibrate("chappe")
    seconds = plan.seconds / 2
    half = int(maximum / 2)
    return [
        figure(f"at half of the maximum ({per_second(half)})", paced(half, plan, seconds), True),
        figure("at 5,000/s", paced(5000, plan, seconds), False),
    ]


if __name__ == "__main__":
    print(table(measure(Plan(seconds=8))))
