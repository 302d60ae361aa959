#!/usr/bin/env python3
"""A gateway as a child of the bench: the product's App under uvloop, without the command line around it.

    python bench/daemon.py gateway.toml --status status.jsonl [--handovers log] [--stall 0.05]

Everything that measures from inside is here and not in the product: the moment of each hand-over to a
transport, loops stalled on purpose, counts on SIGUSR1. Ends at SIGTERM, after a last line of status.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import uvloop

from drivers.bearer import Segment
from gateway.app import App
from gateway.clock import SystemClock
from gateway.config import load_config
from gateway.road import Road
from gateway.watchers.log import configure


def compiled() -> int:
    """How many of our modules run as machine code (systemd/packages/compiled.py)."""
    ours = [
        module for name, module in sys.modules.items() if name.partition(".")[0] in {"gateway", "drivers"}
    ]
    return sum((module.__file__ or "").endswith(".so") for module in ours)


class Status:
    """One line of JSON for each thing that the bench waits for."""

    def __init__(self, path: str, app: App) -> None:
        self._file = Path(path).open("a", encoding="utf-8")  # noqa: SIM115 - lives as long as the process
        self._app = app

    def write(self, event: str) -> None:
        app = self._app
        fields: dict[str, Any] = {
            "event": event,
            "at": time.monotonic(),
            "waiting": app.queue.count,
            "tasks": len(asyncio.all_tasks()),
            "fds": len(os.listdir("/proc/self/fd")),
            "objects": len(gc.get_objects()) if event == "asked" else 0,
            "transactions": app.store.transactions,
            "rows": app.store.rows_written,
            "duplicates": app.receipts.duplicates,
            "orphans": app.receipts.orphans,
            "compiled": compiled(),
        }
        self._file.write(json.dumps(fields) + "\n")
        self._file.flush()


def record(road: Road, log: list[tuple[float, str, int]]) -> None:
    """Note when this road's bearer is handed segments, and how many."""
    submit: Callable[[Sequence[Segment]], None] = road.bearer.submit

    def noted(segments: Sequence[Segment]) -> None:
        log.append((time.monotonic(), road.name, len(segments)))
        submit(segments)

    road.bearer.submit = noted  # type: ignore[method-assign]


def write(handovers: Sequence[tuple[float, str, int]], path: str) -> None:
    """`time bearer segments`, a line each."""
    lines = "".join(f"{at:.6f} {name} {count}\n" for at, name, count in handovers)
    Path(path).write_text(lines, encoding="ascii")


async def stall(seconds: float) -> None:
    """Hold the whole loop about once a second, as a slow disk or a page fault would."""
    while True:
        await asyncio.sleep(random.uniform(0.5, 1.5))
        time.sleep(seconds)  # noqa: ASYNC251 - blocking the loop is the point


class Ahead(SystemClock):
    """The system's clocks, the wall's put ahead: permitted hours are not always now."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._ahead_ms = int(seconds * 1000)

    def wall_ms(self) -> int:
        return super().wall_ms() + self._ahead_ms


async def run(options: argparse.Namespace) -> None:
    config = load_config(Path(options.config), os.environ)
    configure(config.log)
    app = App(config, Ahead(options.ahead))
    await app.start()
    status = Status(options.status, app)
    handovers: list[tuple[float, str, int]] = []
    if options.handovers:
        for road in app.dispatcher.roads.values():
            record(road, handovers)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, status.write, "asked")
    status.write("ready")
    stalls = asyncio.create_task(stall(options.stall)) if options.stall else None
    roads = app.dispatcher.roads.values()
    while not stop.is_set() and (app.recall.unread or not all(road.open for road in roads)):  # noqa: ASYNC110 - once
        await asyncio.sleep(0.005)
    status.write("up")
    await stop.wait()
    if stalls is not None:
        stalls.cancel()
    status.write("end")
    if options.handovers:
        write(handovers, options.handovers)
    await app.stop(options.drain)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("config")
    parser.add_argument("--status", required=True)
    parser.add_argument("--handovers", default="")
    parser.add_argument("--stall", type=float, default=0.0)
    parser.add_argument("--ahead", type=float, default=0.0, help="seconds that the wall clock is put ahead")
    parser.add_argument("--drain", type=float, default=0.2)
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    options = parser.parse_args()
    if options.loop == "uvloop":
        uvloop.run(run(options))
    else:
        asyncio.run(run(options))


if __name__ == "__main__":
    main()
