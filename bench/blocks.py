"""What one way to run the gateway costs beside another: CPU a message, in blocks that take turns.

All gateways live side by side and are given the same blocks of messages, so that a machine that grows slower grows
slower for all of them. A gateway's CPU is its own process's, whoever else works beside it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from figures import median, say
from parts import Gateway, load, workspace
from setups import Setup

__all__ = ["BLOCK", "BLOCKS", "Found", "blocks"]

BLOCKS, BLOCK = 9, 20_000


class Found:
    """Of one setup: microseconds of CPU a message and messages a second, block by block; megabytes at most."""

    def __init__(self) -> None:
        self.cpu: list[float] = []
        self.rates: list[float] = []
        self.rss = 0.0

    def against(self, other: Found) -> float:
        """The median of the blocks' shares of CPU."""
        return median([a / b for a, b in zip(self.cpu, other.cpu, strict=True)])


def block(gateway: Gateway, port: int, setup: Setup, first: int, count: int) -> tuple[float, float]:
    """One block to numbers from `first` on, all of which must come through: CPU a message, messages a second."""
    before = gateway.cpu()
    report: dict[str, Any] = load(port, count, *setup.load, "-d", str(first))
    used = gateway.cpu() - before
    if report["exit"] or report["receipts"] != count:
        raise RuntimeError(f"{report['receipts']} of {count} receipts: {report['stderr'][-300:]}")
    return 1e6 * used / count, float(report["e2e_per_s"])


def blocks(setups: Mapping[str, Setup], count: int = BLOCKS, size: int = BLOCK) -> dict[str, Found]:
    """`count` blocks of `size` for each of them in turn, after one that warms up."""
    found = {name: Found() for name in setups}
    with contextlib.ExitStack() as stack:
        running = {
            name: stack.enter_context(setup.running(stack.enter_context(workspace())))
            for name, setup in setups.items()
        }
        for number in range(count + 1):
            names = list(setups) if number % 2 else list(reversed(setups))
            for name in names:
                cpu, rate = block(*running[name], setups[name], 33_600_000_000 + number * size, size)
                if number:
                    found[name].cpu.append(cpu)
                    found[name].rates.append(rate)
        for name, (gateway, _) in running.items():
            found[name].rss = gateway.rss(peak=True)
            words = " ".join(f"{each:.1f}" for each in found[name].cpu)
            say(f"{name}: {words} µs CPU a message")
    return found
