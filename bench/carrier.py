#!/usr/bin/env python3
"""The simulated carrier as a child of the bench: answers at once, and logs the moment of every submit_sm.

    python bench/carrier.py PORT LOG [--no-receipts]

The log (drivers/smpp/carrier_books.py) has CLOCK_MONOTONIC: what the bench compares with its own clock.
"""

from __future__ import annotations

import argparse
import asyncio
import signal

import uvloop

from drivers.smpp.behaviour import Behaviour
from drivers.smpp.simulator import SimulatedCarrier


async def run(port: int, log: str, receipts: bool) -> None:
    behaviour = Behaviour(log=log, receipts="normal" if receipts else "none", keep=1)
    carrier = SimulatedCarrier(behaviour)
    await carrier.start(port=port)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await carrier.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("port", type=int)
    parser.add_argument("log")
    parser.add_argument("--no-receipts", action="store_true")
    options = parser.parse_args()
    uvloop.run(run(options.port, options.log, not options.no_receipts))


if __name__ == "__main__":
    main()
