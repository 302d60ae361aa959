#!/usr/bin/env python3
"""A restart with a million marketing messages waiting, a thousand OTPs among them, and a million opt-outs.

How long from the start of the process until the first OTP is at the carrier, and the first marketing message; with
all rules on, and the numbers of all that waits to be counted.
"""

from __future__ import annotations

import time

import fill
from backlog import Seen
from figures import Figure, Plan, median, say, table
from parts import Bearer, Gateway, carrier, free_port, workspace
from setups import ACCOUNT, RULES, permitted, seed

from gateway.model import Kind

OTP_WITHIN, MARKETING_WITHIN = 1.0, 3.0
MARKETING, OTP = "336", "337"
"""What their numbers begin with."""


def once(waiting: int, otps: int, optouts: int) -> tuple[float, float, float]:
    """Seconds to the first OTP, to the first marketing message; megabytes at most."""
    with workspace() as folder:
        seed(folder / "state", optouts)
        flows = [fill.Batch(waiting, "shop", "sink", Kind.MARKETING, "+" + MARKETING)]
        flows.append(fill.Batch(otps, "bank", "sink", Kind.OTP, "+" + OTP))
        fill.fill(folder / "state" / "chappe.db", flows)
        smsc, port, log = free_port(), free_port(), folder / "carrier.txt"
        accounts = {"shop": "marketing", "bank": "otp"}
        bearers = [Bearer("sink", smsc, 1000, 500, reserve="{ otp = 1 }")]
        ahead = ("--ahead", f"{permitted():.0f}")
        with (
            carrier(folder, smsc, log),
            Gateway(folder, port, bearers, accounts, *ahead, rules=RULES, more=ACCOUNT) as gateway,
        ):
            gateway.wait_until("up")
            seen, deadline = Seen(log), time.monotonic() + 60
            first: dict[str, float] = {}
            while len(first) < 2:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"within 60 s only {sorted(first)} reached the carrier")
                for to, at in seen.arrivals().items():
                    first[to[:3]] = min(first.get(to[:3], at), at)
                time.sleep(0.05)
            return first[OTP] - gateway.started, first[MARKETING] - gateway.started, gateway.rss(peak=True)


def measure(plan: Plan) -> list[Figure]:
    waiting, otps, optouts = (2000, 20, 1000) if plan.small else (1_000_000, 1000, 1_000_000)
    runs = [once(waiting, otps, optouts) for _ in range(1 if plan.small else 3)]
    otp, marketing = median([run[0] for run in runs]), median([run[1] for run in runs])
    say(f"restart: OTP {otp:.2f} s, marketing {marketing:.2f} s")
    words = f"restart, {waiting:,} waiting, {optouts:,} opt-outs, to the first"
    return [
        Figure(f"{words} OTP", f"{otp:.2f} s", None, f"≤ {OTP_WITHIN:g} s", otp <= OTP_WITHIN),
        Figure(f"{words} marketing message", f"{marketing:.2f} s", None, f"≤ {MARKETING_WITHIN:g} s",
               marketing <= MARKETING_WITHIN),
        Figure("  RSS at most", f"{max(run[2] for run in runs):.0f} MB"),
    ]  # fmt: skip


if __name__ == "__main__":
    print(table(measure(Plan())))
