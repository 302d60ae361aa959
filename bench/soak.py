#!/usr/bin/env python3
"""`make soak`: minutes of mixed traffic with failures, and whether memory, descriptors and tasks stay where they were.

    python bench/soak.py [--minutes 60] [--rate 400]

The carrier throttles, refuses, delivers late, writes STOP, and is killed and started again every so often; the
applications send texts of one and of three segments, and come and go. Every ten seconds one sample; what counts
is the middle of the first third (after a warm-up) against the middle of the last.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # when Chappe is not installed

from figures import Figure, median, say, table
from parts import SMPPLOAD, Bearer, Child, Gateway, free_port, sink, workspace

TROUBLES = (
    "--dlr-delay=300", "--dlr-window=500", "--limit=1200", "--error=0.5", "--error-code=69", "--undeliv=3",
    "--tlv", "--mo-every=500", "--enquire=10",
)  # fmt: skip
SAMPLE_EVERY = 10.0
CARRIER_FALLS_EVERY = 300.0
MAY_GROW = 0.10
"""Of the resident memory between the first third and the last."""


class Traffic:
    """smppload again and again, a minute each: `options` say which kind of application it is."""

    def __init__(self, name: str, port: int, rate: int, folder: Path, *options: str) -> None:
        self.totals = {"sent": 0, "accepted": 0, "receipts": 0, "no_resp": 0, "duplicates": 0}
        self._reports = folder / f"{name}.json"
        self._command = [
            str(SMPPLOAD), "load", "-p", str(port), "-n", "2", "-w", "200", "-m", str(rate * 50),
            "--rate", str(rate), "-t", "30", "--max-time", "60", "--reconnect", "--retry", "20", *options,
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def keep(self) -> None:
        """Start the next minute when the last one is over."""
        if self._process is not None and self._process.poll() is None:
            return
        self._count()
        with self._reports.open("wb") as output:
            self._process = subprocess.Popen(self._command, stdout=output, stderr=subprocess.DEVNULL)

    def end(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._count()

    def _count(self) -> None:
        if self._process is not None and (text := self._reports.read_text().strip()):
            report = json.loads(text)
            for field in self.totals:
                self.totals[field] += report[field]


def sampled(gateway: Gateway, began: float) -> dict[str, Any]:
    return {**gateway.ask(), "minute": (time.monotonic() - began) / 60, "rss": gateway.rss()}


def mixed(minutes: float, rate: int) -> tuple[list[dict[str, Any]], list[Traffic]]:
    """The run itself: samples, and what the applications counted."""
    samples: list[dict[str, Any]] = []
    with workspace() as folder:
        port, smsc = free_port(), free_port()
        accounts = {"shop": "marketing", "news": "transactional", "bank": "otp"}
        carrier: Child = sink(folder, smsc, *TROUBLES)
        gateway = Gateway(folder, port, [Bearer("sink", smsc, 5 * rate, 200)], accounts, "--drain", "5")
        traffic = [
            Traffic("bank", port, max(1, rate // 4), folder, "-u", "bank", "-P", "bank"),
            Traffic("shop", port, max(1, rate // 2), folder, "-u", "shop", "-P", "shop"),
            Traffic("long", port, max(1, rate // 8), folder, "-u", "news", "-P", "news", "-l", "400"),
        ]
        try:
            gateway.wait_until("up")
            began = fell = time.monotonic()
            while time.monotonic() - began < 60 * minutes:
                for each in traffic:
                    each.keep()
                time.sleep(SAMPLE_EVERY)
                samples.append(sampled(gateway, began))
                _tell(samples[-1])
                if time.monotonic() - fell > min(CARRIER_FALLS_EVERY, 60 * minutes / 4):
                    carrier.process.kill()
                    carrier.process.wait()
                    carrier = sink(folder, smsc, *TROUBLES)
                    fell = time.monotonic()
        finally:
            for each in traffic:
                each.end()
            gateway.stop()
            carrier.stop()
    return samples, traffic


def _tell(sample: dict[str, Any]) -> None:
    say(
        f"minute {sample['minute']:5.1f}: RSS {sample['rss']:.0f} MB, {sample['fds']} descriptors, {sample['tasks']} tasks,"
        f" {sample['objects']:,} objects, {sample['waiting']:,} waiting, {sample['rows']:,} rows"
    )


def judged(samples: list[dict[str, Any]], traffic: list[Traffic]) -> list[Figure]:
    third = max(1, len(samples) // 3)
    early, late = samples[third // 2 : third // 2 + third], samples[-third:]

    def middle(part: list[dict[str, Any]], field: str) -> float:
        return median([sample[field] for sample in part])

    figures = []
    for field, unit, slack in (("rss", " MB", 5), ("fds", "", 4), ("tasks", "", 4), ("objects", "", 20_000)):
        before, after = middle(early, field), middle(late, field)
        flat = after <= before * (1 + MAY_GROW) + slack
        figures.append(
            Figure(
                f"soak, {field}",
                f"{before:,.0f}{unit} → {after:,.0f}{unit}",
                None,
                f"+{MAY_GROW:.0%} at most",
                flat,
            )
        )
    totals = {field: sum(each.totals[field] for each in traffic) for field in traffic[0].totals}
    words = ", ".join(f"{count:,} {field}" for field, count in totals.items())
    figures.append(Figure("soak, the applications counted", words))
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=int, default=400, help="messages a second, all applications together")
    options = parser.parse_args()
    figures = judged(*mixed(options.minutes, options.rate))
    print(table(figures))
    return 1 if any(figure.met is False for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
