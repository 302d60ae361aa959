#!/usr/bin/env python3
"""How long an operator waits: `chappe status` of a running gateway, `chappe --help`; each a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from figures import Figure, Plan, median, say, table
from parts import REPO, Bearer, Gateway, free_port, sink, workspace

MOST = 300.0


def asked(folder: Path, *words: str) -> float:
    """Milliseconds of one command."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *words], cwd=folder, capture_output=True, text=True, timeout=30, check=False,
        env={**os.environ, "PYTHONPATH": str(REPO)},
    )  # fmt: skip
    took = 1000 * (time.monotonic() - began)
    if done.returncode or not done.stdout:
        raise RuntimeError(f"chappe {' '.join(words)} ended with {done.returncode}: {done.stderr[-300:]}")
    return took


def measure(plan: Plan) -> list[Figure]:
    turns = 2 if plan.small else 15
    figures = []
    with workspace() as folder:
        smsc, port = free_port(), free_port()
        with sink(folder, smsc), Gateway(folder, port, [Bearer("sink", smsc)], {"load": "otp"}) as gateway:
            gateway.wait_until("up")
            config = ("--config", str(folder / f"gateway-{port}.toml"))
            for words in (("status", *config), ("--help",)):
                asked(folder, *words)  # the first compiles and reads from the disk
                times = [asked(folder, *words) for _ in range(turns)]
                took, name = median(times), f"chappe {words[0]}"
                say(f"{name}: {', '.join(f'{each:.0f}' for each in times)} ms")
                wanted = (f"≤ {MOST:.0f} ms", took <= MOST) if words[0] == "status" else ("", None)
                figures.append(Figure(f"{name}, the process and all", f"{took:.0f} ms", None, *wanted))
    return figures


if __name__ == "__main__":
    print(table(measure(Plan())))
