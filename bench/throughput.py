#!/usr/bin/env python3
"""Messages a second from submit_sm to the answered receipt, all of it durable, as a share of limit.py.

Pairs in alternation: the same load and the same sink for the one and then for the other, so that a machine
that grows slower grows slower for both. A run counts only if every message and every receipt came through.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from figures import Figure, Plan, median, per_second, say, table
from parts import Bearer, Child, Gateway, free_port, limit, load, sink, workspace

BINDS = ("-n", "4", "-w", "250", "-t", "20")
SINK = ("--dlr-delay", "300", "--dlr-window", "2000")


class Run:
    """One measured run of one of the two."""

    def __init__(self, report: dict[str, Any], cpu: float, rss: float) -> None:
        self.report = report
        self.rate = float(report["e2e_per_s"])
        self.cpu_us = 1e6 * cpu / max(1, report["receipts"])
        self.rss = rss
        self.whole = report["exit"] == 0 and report["missing"] == 0 and report["duplicates"] == 0


def start(name: str, folder: Path, port: int, smsc: int) -> Child:
    if name == "limit":
        return limit(folder, port, smsc)
    gateway = Gateway(folder, port, [Bearer("sink", smsc)], {"load": "transactional"})
    gateway.wait_until("up")
    return gateway


def run(name: str, messages: int, *options: str) -> Run:
    """A fresh gateway (or yardstick) with a fresh store and a fresh sink, and so many messages through it."""
    with workspace() as folder:
        port, smsc = free_port(), free_port()
        with sink(folder, smsc, *SINK), start(name, folder, port, smsc) as child:
            before = child.cpu()
            report = load(port, messages, *BINDS, *options)
            return Run(report, child.cpu() - before, child.rss(peak=True))


def calibrate(name: str) -> float:
    """About how many a second, from two seconds."""
    return max(500.0, run(name, 10_000_000, "--max-time", "3").rate)


def pairs(plan: Plan) -> tuple[list[Run], list[Run]]:
    rates = {name: calibrate(name) for name in ("limit", "chappe")}
    runs: dict[str, list[Run]] = {"limit": [], "chappe": []}
    for number in range(plan.repeats):
        for name in ("limit", "chappe"):
            done = run(name, int(rates[name] * plan.seconds))
            runs[name].append(done)
            say(
                f"throughput {number + 1}/{plan.repeats} {name}: {per_second(done.rate)}, {done.cpu_us:.1f} µs CPU"
            )
            rates[name] = done.rate
    return runs["chappe"], runs["limit"]


def measure(plan: Plan) -> list[Figure]:
    ours, theirs = pairs(plan)
    shares = [a.rate / b.rate for a, b in zip(ours, theirs, strict=True)]
    cpu = [b.cpu_us / a.cpu_us for a, b in zip(ours, theirs, strict=True)]
    plan.found["maximum"] = median([each.rate for each in ours])
    seconds = ours[0].report["elapsed_receipt_s"]
    spread = f" (pairs {min(shares):.3f} to {max(shares):.3f})" if len(shares) > 1 else ""
    figures = [
        Figure(
            "end to end, durable", f"{per_second(plan.found['maximum'])} for {seconds:.0f} s{spread}", median(shares),
            "share of limit.py ≥ 0.25", median(shares) >= 0.25,
        ),
        Figure("  limit.py beside it", per_second(median([each.rate for each in theirs]))),
        Figure("  CPU a message", f"{median([a.cpu_us for a in ours]):.1f} µs, limit.py"
               f" {median([b.cpu_us for b in theirs]):.1f} µs", median(cpu)),
        Figure("  RSS at most", f"{max(a.rss for a in ours):.0f} MB, limit.py {max(b.rss for b in theirs):.0f} MB"),
        Figure("  nothing lost or doubled", f"{sum(a.report['accepted'] for a in ours):,} accepted, "
               f"{sum(a.report['receipts'] for a in ours):,} receipts", None, "all", all(a.whole for a in ours)),
    ]  # fmt: skip
    for what, words in (("resp_ms", "submit_sm_resp at full rate"), ("receipt_ms", "receipt at full rate")):
        times = [median([a.report[what][q] for a in ours]) for q in ("p50", "p95", "p99")]
        figures.append(Figure(f"  {words}, p50/p95/p99", " / ".join(f"{t:.1f}" for t in times) + " ms"))
    return figures


if __name__ == "__main__":
    print(table(measure(Plan(seconds=5))))
