#!/usr/bin/env python3
"""`make bench`: medians of three in under ten minutes. `make bench-long`: one pass of the long measurements.

    python bench/run.py [--long] [--compiled] [--only throughput,codec] [--seconds 20] [--repeats 3] [--small] [--keep]

Ends in one table. Shares are compared with baseline.json, which holds no seconds: another machine moves those.
--keep writes this run's shares there. The exit code is 1 when a target was missed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # when Chappe is not installed

from figures import Figure, Plan, say, table
from parts import BENCH, REPO

SHORT = (
    "codec",
    "store",
    "active_queue",
    "throttle",
    "throughput",
    "latency",
    "rules",
    "watchers",
    "answers",
)
LONG = (
    *(
        "throughput",
        "latency",
        "throttle",
        "backlog",
        "restart",
        "history",
        "idle",
        "many",
        "growth",
        "answers",
    ),
    "kills",
)
BASELINE = BENCH / "baseline.json"
KILLS = REPO / "tests" / "system" / "kills.py"
NOISE = 0.15
"""A share that moved less than this part of itself is the machine's mood."""


def kills() -> list[Figure]:
    """A hundred kill -9 under load, each followed by a restart and a count of what was lost."""
    done = subprocess.run(
        [sys.executable, KILLS, "--kills", "100"], text=True, capture_output=True, check=False, cwd=REPO,
        env={**os.environ, "PYTHONPATH": str(REPO)},
    )  # fmt: skip
    said = (done.stdout + done.stderr).strip().splitlines() or ["said nothing"]
    say(f"kills: {said[-1]}")
    return [Figure("100 kills", said[-1][:70], None, "nothing lost", done.returncode == 0)]


def measured(name: str, plan: Plan) -> list[Figure]:
    """One measurement's figures; one that cannot be made is a line of the table, and a missed target."""
    began = time.monotonic()
    say(f"{name} …")
    try:
        return kills() if name == "kills" else list(importlib.import_module(name).measure(plan))
    except (RuntimeError, OSError, AssertionError) as error:
        say(f"{name}: {error}")
        return [Figure(name, str(error).partition("\n")[0][:90], None, "a figure", False)]
    finally:
        say(f"{name} took {time.monotonic() - began:.0f} s")


def head(long: bool) -> str:
    load = os.getloadavg()
    return (
        f"Chappe bench{' (long)' if long else ''}, {time.strftime('%Y-%m-%d %H:%M')}: Python {platform.python_version()},"
        f" SQLite {sqlite3.sqlite_version}, {os.cpu_count()} cores, load {load[0]:.1f} before"
    )


def against(baseline: dict[str, float], figure: Figure) -> str:
    if figure.share is None:
        return ""
    was = baseline.get(key(figure))
    if was is None:
        return "new"
    moved = figure.share / was - 1
    if abs(moved) < NOISE:
        return f"was {was:.3g}"
    return f"was {was:.3g}, {moved:+.0%} MOVED"


def key(figure: Figure) -> str:
    """A figure's name without what changes from run to run: the rates in parentheses."""
    return figure.name.partition(" (")[0].strip()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--long", action="store_true", help="one pass: 60 s runs, a million waiting, 100 kills"
    )
    parser.add_argument(
        "--only",
        default="",
        help="measurements, with commas: " + ", ".join(sorted({*SHORT, *LONG, "compiled"})),
    )
    parser.add_argument("--seconds", type=float, help="of each throughput run (20, long 60)")
    parser.add_argument("--repeats", type=int, help="medians of so many (3, long 1)")
    parser.add_argument(
        "--compiled", action="store_true", help="also what `make compiled` built, beside the plain"
    )
    parser.add_argument("--small", action="store_true", help="sizes that only show that a measurement works")
    parser.add_argument("--keep", action="store_true", help="write this run's shares to baseline.json")
    options = parser.parse_args()
    plan = Plan(
        60.0 if options.long else 20.0,
        1 if options.long else 3,
        options.long,
        options.compiled,
        options.small,
    )
    plan.seconds = options.seconds or plan.seconds
    plan.repeats = options.repeats or plan.repeats
    chosen = LONG if options.long else (*SHORT, "compiled") if options.compiled else SHORT
    names = options.only.split(",") if options.only else chosen
    kept: dict[str, float] = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    title = head(options.long)
    figures = [figure for name in names for figure in measured(name, plan)]
    print(title)
    print(table(figures, lambda figure: against(kept, figure)))
    if options.keep:
        kept.update({key(figure): round(figure.share, 3) for figure in figures if figure.share is not None})
        BASELINE.write_text(json.dumps(kept, indent=2, ensure_ascii=False, sort_keys=True) + "\n")
    missed = [figure.name.strip() for figure in figures if figure.met is False]
    if missed:
        print(f"MISSED: {'; '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
