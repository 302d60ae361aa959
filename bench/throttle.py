#!/usr/bin/env python3
"""Whether a bearer's rate is kept in every sliding second, and used: 1, 7.5, 100 and 1,000 segments a second at once.

One gateway with a full backlog for four bearers, its loop held 50 ms about once a second. Hand-overs are noted
inside the process, in windows of 1 s; arrivals by the simulated carrier, in windows of 0.95 s, as its own clock
adds jitter.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import fill
from figures import Figure, Plan, say, table
from parts import Bearer, Gateway, carrier, free_port, workspace

from gateway.model import Kind

RATES = (1.0, 7.5, 100.0, 1000.0)
STALL = 0.05
USED = 0.99

Event = tuple[float, int]
"""When, and how many segments."""


def worst(events: Sequence[Event], span: float) -> int:
    """The most segments in any window (t, t + span]: two events exactly `span` apart are not in one."""
    window: deque[Event] = deque()
    total = most = 0
    for at, count in events:
        while window and window[0][0] <= at - span:
            total -= window.popleft()[1]
        window.append((at, count))
        total += count
        most = max(most, total)
    return most


def mean(events: Sequence[Event]) -> float:
    """Segments a second between the first event and the last; the first one's are the price of the second."""
    if len(events) < 2:
        return 0.0
    return sum(count for _, count in events[1:]) / (events[-1][0] - events[0][0])


def measured(seconds: float, stall: float) -> dict[str, list[Event]]:
    """Hand-overs by bearer, and arrivals at the carrier by "bearer at the carrier", of the whole run."""
    prefixes = {rate: f"+3360{index}" for index, rate in enumerate(RATES)}
    with workspace() as folder:
        smsc, port = free_port(), free_port()
        (folder / "state").mkdir()
        log, handovers = folder / "carrier.txt", folder / "handovers.txt"
        bearers = [Bearer(name(rate), smsc, rate, 2000, prefixes[rate]) for rate in RATES]
        backlog = [
            fill.Batch(int(rate * (seconds + 10)) + 10, "shop", name(rate), Kind.MARKETING, prefixes[rate])
            for rate in RATES
        ]
        fill.fill(folder / "state" / "chappe.db", backlog)
        options = ["--handovers", str(handovers), "--drain", "1"]
        if stall:
            options += ["--stall", str(stall)]
        with (
            carrier(folder, smsc, log),
            Gateway(folder, port, bearers, {"shop": "marketing"}, *options) as it,
        ):
            it.wait_until("up")
            time.sleep(seconds + 1)
        return {**by_bearer(handovers), **by_prefix(log, prefixes)}


def name(rate: float) -> str:
    return f"r{rate:g}".replace(".", "-")


def by_bearer(path: Path) -> dict[str, list[Event]]:
    events: dict[str, list[Event]] = {name(rate): [] for rate in RATES}
    for line in path.read_text().splitlines():
        at, bearer, count = line.split()
        events[bearer].append((float(at), int(count)))
    return events


def by_prefix(path: Path, prefixes: dict[float, str]) -> dict[str, list[Event]]:
    found = {prefix.lstrip("+"): name(rate) for rate, prefix in prefixes.items()}
    events: dict[str, list[Event]] = {f"{bearer} at the carrier": [] for bearer in found.values()}
    for line in path.read_text().splitlines():
        at, to, *_ = line.split()
        events[f"{found[to[:5]]} at the carrier"].append((float(at), 1))
    return events


def measure(plan: Plan) -> list[Figure]:
    seconds = 60.0 if plan.long else 10.0
    figures = []
    for stall in (0.0, STALL) if plan.long else (STALL,):
        events = measured(seconds, stall)
        for rate in RATES:
            limit = math.ceil(rate)
            ours, theirs = events[name(rate)], events[f"{name(rate)} at the carrier"]
            most, arrived, used = worst(ours, 1.0), worst(theirs, 0.95), mean(ours) / rate
            words = f"throttle {rate:g}/s, {seconds:.0f} s" + (
                f", stalls of {1000 * stall:.0f} ms" if stall else ""
            )
            value = f"worst second {most} (carrier {arrived}), used {100 * used:.2f} %"
            say(f"{words}: {value}")
            wanted = f"≤ {limit} and ≥ {100 * USED:.0f} %"
            met = most <= limit and arrived <= limit and used >= USED
            figures.append(Figure(words, value, used, wanted, met))
    return figures


if __name__ == "__main__":
    print(table(measure(Plan())))
