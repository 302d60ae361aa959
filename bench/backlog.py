#!/usr/bin/env python3
"""A million marketing messages wait: how much memory, how soon after a start, and how an OTP passes them all.

The backlog is written by SQL; the carrier takes 100 a second and logs when each message came. An OTP's time is
from its submit_sm leaving the application to its arrival at the carrier, both on CLOCK_MONOTONIC.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import fill
from esme import Esme
from figures import Figure, Plan, quantile, say, table
from parts import Bearer, Gateway, carrier, free_port, workspace

from gateway.model import Kind

RATE = 100
FIRST_WITHIN = 3.0
RSS_BELOW, RSS_OF_FIVE_BELOW = 150.0, 160.0
OTP_WITHIN = 15.0
"""Milliseconds, where a slot of each second is kept for them."""
APART = (0.2, 0.4)
"""Seconds between two OTPs: some three a second, so that a reserve of one is not what serves them all."""


class Seen:
    """The carrier's log, read as it grows."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def first(self, seconds: float) -> float:
        """When the first message came. Raises RuntimeError after so many seconds."""
        deadline = time.monotonic() + seconds
        while not (lines := self._lines()):
            if time.monotonic() > deadline:
                raise RuntimeError(f"no message reached the carrier within {seconds:g} s")
            time.sleep(0.02)
        return float(lines[0].split()[0])

    def arrivals(self) -> dict[str, float]:
        """By destination, without its plus."""
        return {fields[1]: float(fields[0]) for line in self._lines() if len(fields := line.split()) == 7}

    def _lines(self) -> list[str]:
        return self._path.read_text().splitlines() if self._path.exists() else []


def tries(port: int, count: int, first: int) -> dict[str, float]:
    """Submit so many OTPs one by one; when each was written, by destination."""
    began: dict[str, float] = {}
    draw = random.Random(first)
    with Esme(port, "bank") as esme:
        for number in range(count):
            to = f"337{first + number:08d}"
            began[to] = esme.submit(to, b"Code: 493021")[0]
            time.sleep(draw.uniform(*APART))
    return began


def one(waiting: int, count: int, reserve: str, first: int) -> tuple[float, float, float, list[float]]:
    """Seconds to the first message, RSS once it has settled, RSS at most, and the OTPs' milliseconds."""
    with workspace() as folder:
        (folder / "state").mkdir()
        began = time.monotonic()
        fill.fill(
            folder / "state" / "chappe.db",
            [fill.Batch(waiting, "shop", "sink", Kind.MARKETING, "+336")],
        )
        say(f"backlog of {waiting:,} written in {time.monotonic() - began:.0f} s")
        smsc, port = free_port(), free_port()
        log = folder / "carrier.txt"
        bearers = [Bearer("sink", smsc, RATE, 50, reserve=reserve)]
        accounts = {"shop": "marketing", "bank": "otp"}
        with carrier(folder, smsc, log), Gateway(folder, port, bearers, accounts, "--drain", "1") as gateway:
            gateway.wait_until("up")
            soonest = Seen(log).first(30.0) - gateway.started
            written = tries(port, count, first)
            rss, most = gateway.rss(), gateway.rss(peak=True)
            gateway.stop()
        came = Seen(log).arrivals()
        missing = [to for to in written if to not in came]
        if missing:
            raise RuntimeError(
                f"{len(missing)} of {count} OTPs never came to the carrier, {missing[0]} the first"
            )
        return soonest, rss, most, [1000 * (came[to] - at) for to, at in written.items()]


def measure(plan: Plan) -> list[Figure]:
    waiting, count = (1_000_000, 200) if plan.long else (100_000, 40)
    figures = []
    for reserve, first in (("{}", 0), ("{ otp = 1 }", 1_000_000)):
        soonest, rss, most, times = one(waiting, count, reserve, first)
        words = f"reserve {reserve}"
        say(
            f"backlog, {words}: first after {soonest:.2f} s, RSS {rss:.0f} MB, OTP p99 {quantile(times, 0.99):.1f} ms"
        )
        p99 = quantile(times, 0.99)
        shown = (
            " / ".join(f"{quantile(times, q):.1f}" for q in (0.5, 0.95, 0.99)) + f" ms, max {max(times):.1f}"
        )
        kept = "otp" in reserve
        wanted = (f"p99 of {count} < {OTP_WITHIN:.0f} ms", p99 < OTP_WITHIN) if kept else ("", None)
        what = f"OTP to the wire, {waiting:,} wait at {RATE}/s, {words}, p50/p95/p99"
        figures.append(Figure(what, shown, None, *wanted))
        if first == 0:
            figures += [
                Figure(f"RSS with {waiting:,} waiting", f"{rss:.0f} MB, at most {most:.0f} MB", None,
                       f"< {RSS_BELOW:.0f} MB", most < RSS_BELOW),
                Figure("start to the first message at the carrier", f"{soonest:.2f} s", None,
                       f"< {FIRST_WITHIN:.0f} s", soonest < FIRST_WITHIN),
            ]  # fmt: skip
    return figures + ([five_million()] if plan.long else [])


def five_million() -> Figure:
    """Five times as much costs disk, and no memory."""
    waiting = 5_000_000
    soonest, rss, most, _ = one(waiting, 20, "{ otp = 1 }", 2_000_000)
    say(f"backlog of {waiting:,}: first after {soonest:.2f} s, RSS {rss:.0f} MB, at most {most:.0f} MB")
    return Figure(
        f"RSS with {waiting:,} waiting", f"{rss:.0f} MB, at most {most:.0f} MB; first message after {soonest:.2f} s",
        None, f"< {RSS_OF_FIVE_BELOW:.0f} MB", most < RSS_OF_FIVE_BELOW,
    )  # fmt: skip


if __name__ == "__main__":
    print(table(measure(Plan())))
