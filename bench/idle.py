#!/usr/bin/env python3
"""Five hundred applications are bound and say nothing: the gateway's CPU, as a part of one core."""

from __future__ import annotations

import time

from esme import Crowd
from figures import Figure, Plan, say, table
from parts import Bearer, Gateway, free_port, sink, workspace

MOST = 3.0


def measure(plan: Plan) -> list[Figure]:
    count, seconds = (20, 1.0) if plan.small else (500, 40.0)
    with workspace() as folder:
        smsc, port = free_port(), free_port()
        with (
            sink(folder, smsc),
            Gateway(
                folder, port, [Bearer("sink", smsc)], {"load": "otp"}, more="max_binds = 1000\n"
            ) as gateway,
        ):
            gateway.wait_until("up")
            with Crowd(port, ["load"], count) as crowd:
                crowd.wait()
                crowd.serve(seconds / 20)
                before, began, rss = gateway.cpu(), time.monotonic(), gateway.rss()
                crowd.serve(seconds)
                share = 100 * (gateway.cpu() - before) / (time.monotonic() - began)
    say(f"{count} idle connections: {share:.2f} % of a core")
    return [
        Figure(f"{count} idle connections", f"{share:.2f} % of a core, RSS {rss:.0f} MB", None, f"≤ {MOST:g} %",
               share <= MOST)
    ]  # fmt: skip


if __name__ == "__main__":
    print(table(measure(Plan())))
