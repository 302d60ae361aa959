#!/usr/bin/env python3
"""Messages a second from submit_sm to the answered receipt, all of it durable, as a share of limit.py.

In turn: limit.py, the product with nothing on, with everything on, and both of these compiled when they are
asked for; so that a machine that grows slower grows slower for all. With everything on, the load is heavier than
limit.py's: 80 characters instead of 60, and a reference with each. A run counts only if every message and every
receipt came through.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from figures import Figure, Plan, median, per_second, say, table
from parts import COMPILED, Child, free_port, limit, load, sink, workspace
from setups import KNOWN, OPTOUTS, SINK, Setup

LIMIT, BARE, FULL = "limit.py", "nothing on", "everything on"
BINDS = ("-n", "4", "-w", "250", "-t", "20")
SETUPS = {
    BARE: Setup(),
    FULL: Setup(rules=True, watched="on", known=KNOWN),
    f"{BARE}, compiled": Setup(tree=COMPILED),
    f"{FULL}, compiled": Setup(rules=True, watched="on", known=KNOWN, tree=COMPILED),
}
WANTED = {BARE: 0.55, FULL: 0.40, f"{FULL}, compiled": 0.50}
"""The least share of limit.py."""


class Run:
    """One measured run of one of them."""

    def __init__(self, report: dict[str, Any], cpu: float, rss: float) -> None:
        self.report = report
        self.rate = float(report["e2e_per_s"])
        self.cpu_us = 1e6 * cpu / max(1, report["receipts"])
        self.rss = rss
        self.whole = report["exit"] == 0 and report["missing"] == 0 and report["duplicates"] == 0


Runs = dict[str, list[Run]]


@contextlib.contextmanager
def running(name: str, folder: Path) -> Iterator[tuple[Child, int]]:
    """limit.py or the product as its setup says, with a fresh store and a fresh carrier; and its port."""
    if name != LIMIT:
        with SETUPS[name].running(folder) as (gateway, port):
            yield gateway, port
        return
    port, smsc = free_port(), free_port()
    with sink(folder, smsc, *SINK), limit(folder, port, smsc) as child:
        yield child, port


def run(name: str, messages: int, *options: str) -> Run:
    """So many messages through a fresh one."""
    words = SETUPS[name].load if FULL in name else BINDS
    with workspace() as folder, running(name, folder) as (child, port):
        before = child.cpu()
        report = load(port, messages, *words, *options)
        return Run(report, child.cpu() - before, child.rss(peak=True))


def calibrate(name: str) -> float:
    """About how many a second, from two seconds."""
    return max(500.0, run(name, 10_000_000, "--max-time", "3").rate)


def turns(names: list[str], plan: Plan) -> Runs:
    rates = {name: calibrate(name) for name in names}
    runs: Runs = {name: [] for name in names}
    for number in range(plan.repeats):
        for name in names:
            done = run(name, int(rates[name] * plan.seconds))
            runs[name].append(done)
            words = f"{per_second(done.rate)}, {done.cpu_us:.1f} µs CPU"
            say(f"throughput {number + 1}/{plan.repeats} {name}: {words}")
            rates[name] = done.rate
    return runs


def shown(name: str, runs: Runs) -> list[Figure]:
    """The lines of one setup."""
    ours, theirs = runs[name], runs[LIMIT]
    shares = [a.rate / b.rate for a, b in zip(ours, theirs, strict=True)]
    cpu = [b.cpu_us / a.cpu_us for a, b in zip(ours, theirs, strict=True)]
    spread = f" (shares {min(shares):.3f} to {max(shares):.3f})" if len(shares) > 1 else ""
    seconds = ours[0].report["elapsed_receipt_s"]
    least = WANTED.get(name)
    wanted = (f"share of limit.py ≥ {least}", median(shares) >= least) if least else ("", None)
    figures = [
        Figure(f"end to end, durable, {name}", f"{per_second(median([a.rate for a in ours]))} for {seconds:.0f} s{spread}",
               median(shares), *wanted),
        Figure(f"  CPU a message, {name}", f"{median([a.cpu_us for a in ours]):.1f} µs, limit.py"
               f" {median([b.cpu_us for b in theirs]):.1f} µs", median(cpu)),
        Figure("  RSS at most", f"{max(a.rss for a in ours):.0f} MB"),
        Figure("  nothing lost or doubled", f"{sum(a.report['accepted'] for a in ours):,} accepted, "
               f"{sum(a.report['receipts'] for a in ours):,} receipts", None, "all", all(a.whole for a in ours)),
    ]  # fmt: skip
    for what, words in (("resp_ms", "submit_sm_resp at full rate"), ("receipt_ms", "receipt at full rate")):
        times = [median([a.report[what][q] for a in ours]) for q in ("p50", "p95", "p99")]
        figures.append(Figure(f"  {words}, p50/p95/p99", " / ".join(f"{t:.1f}" for t in times) + " ms"))
    return figures


def measure(plan: Plan) -> list[Figure]:
    names = [LIMIT, *(name for name in SETUPS if plan.compiled or SETUPS[name].tree != COMPILED)]
    runs = turns(names, plan)
    plan.found["maximum"] = median([each.rate for each in runs[BARE]])
    theirs = runs[LIMIT]
    words = f"{per_second(median([each.rate for each in theirs]))}, RSS {max(b.rss for b in theirs):.0f} MB"
    what = f"all rules, {OPTOUTS:,} opt-outs, {KNOWN:,} numbers counted before, references, MQTT, metrics scraped"
    return [
        Figure("limit.py, the yardstick", words),
        *(figure for name in names[1:] for figure in shown(name, runs)),
        Figure("everything on", what),
    ]


if __name__ == "__main__":
    print(table(measure(Plan(seconds=5))))
