#!/usr/bin/env python3
"""kill -9 under load, again and again, and then the accounts: what was lost, what was doubled, what was in doubt.

    python tests/system/kills.py --kills 100

An application submits all the time, over two binds, messages of three kinds, some of several segments; a
carrier with latency answers, so that things are in flight at every moment; the gateway is killed at random.
Both ends live in this process and outlive it. Judged after the last restart, when everything has drained.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

from peers.process import free_port
from system.esme import Esme, Ticket, settled
from system.gatewayconfig import configuration
from system.gatewayprocess import GatewayProcess

from drivers.smpp.behaviour import Behaviour
from drivers.smpp.pdu import Sm
from drivers.smpp.receipt import parse
from drivers.smpp.simulator import SimulatedCarrier
from drivers.sms.udh import concat_of

__all__ = ["Ledger", "Verdict", "rehearse"]

KINDS = ((b"OTP", 1), (b"TRANS", 1), (b"PROMO", 1), (b"TRANS", 3))
"""service_type and segments of the messages, in turn. PROMO is told to stop when in doubt, the others to resend."""


THROTTLED = 0x58
MOST_OPEN = 2_000
"""Messages without a receipt, at which the application waits: a backlog would only lengthen the end."""


class Ledger:
    """What the application knows: what it asked, what was acknowledged, what it was told."""

    def __init__(self) -> None:
        self.submitted: dict[str, bytes] = {}  # recipient -> service_type
        self.acknowledged: dict[str, str] = {}  # recipient -> id
        self.told: dict[str, list[str]] = {}  # id -> verdicts
        self.refused: Counter[int] = Counter()

    def answered(self, ticket: Ticket) -> None:
        if ticket.status == 0:
            self.acknowledged[ticket.to] = ticket.id
        elif ticket.status is not None:
            self.refused[ticket.status] += 1

    def given(self, sm: Sm) -> None:
        receipt = parse(sm.user_data(), sm.tlvs)
        self.told.setdefault(receipt.id, []).append(receipt.stat)

    @property
    def untold(self) -> list[str]:
        """Recipients of acknowledged messages whose receipt has not come."""
        return [to for to, message_id in self.acknowledged.items() if message_id not in self.told]


class Verdict:
    """The accounts. lost: acknowledged, neither at the carrier nor told. doubled: sent twice, by kind."""

    def __init__(self, kills: int, ledger: Ledger, carrier: SimulatedCarrier, in_doubt: list[int]) -> None:
        segments: Counter[tuple[str, int]] = Counter()
        for taken in carrier.submitted:
            if not taken.status:
                concat = concat_of(taken.udh)
                segments[taken.destination, concat.sequence if concat else 1] += 1
        reached = {to for to, _ in segments}
        doubled = {to for (to, _), count in segments.items() if count > 1}
        self.kills = kills
        self.acknowledged = len(ledger.acknowledged)
        self.carried = len(segments)
        self.lost = [to for to in ledger.untold if to not in reached]
        self.untold = ledger.untold
        self.doubled = len(doubled)
        self.doubled_against_the_rule = [to for to in doubled if ledger.submitted[to] == b"PROMO"]
        self.in_doubt = sum(in_doubt)
        self.told_twice = sum(1 for verdicts in ledger.told.values() if len(verdicts) > 1)
        self.contradicted = [verdicts for verdicts in ledger.told.values() if len(set(verdicts)) > 1]
        self.stopped = sum("UNKNOWN" in verdicts for verdicts in ledger.told.values())
        self.refused = dict(ledger.refused)

    def __str__(self) -> str:
        return (
            f"{self.kills} kills: {self.acknowledged} acknowledged, {self.carried} segments at the carrier, "
            f"{len(self.lost)} lost, {len(self.untold)} receipts missing, {self.doubled} sent twice of "
            f"{self.in_doubt} in doubt ({self.stopped} stopped), {self.told_twice} receipts told twice"
        )

    def judge(self) -> None:
        """Raises AssertionError for what must not be."""
        assert not self.lost, f"lost: {self.lost[:10]}"
        assert not self.untold, f"no receipt: {self.untold[:10]}"
        assert not self.doubled_against_the_rule, f"PROMO sent twice: {self.doubled_against_the_rule[:10]}"
        assert self.doubled <= self.in_doubt, f"{self.doubled} doubled, {self.in_doubt} in doubt"
        assert not self.contradicted, f"two verdicts: {self.contradicted[:10]}"
        refused = {status for status in self.refused if status != THROTTLED}  # marketing, just after a start
        assert not refused, f"refused: {self.refused}"


class Load:
    """An application that submits as fast as its windows allow, and binds again when it falls."""

    def __init__(self, port: int, ledger: Ledger, binds: int = 2) -> None:
        self.ledger = ledger
        self.sending = True
        self.ended = False
        self._port = port
        self._number = 0
        self._tasks = [asyncio.create_task(self._live()) for _ in range(binds)]

    async def _live(self) -> None:
        while not self.ended:
            esme = Esme(window=100)
            esme.on_answer, esme.on_given = self.ledger.answered, self.ledger.given
            try:
                await esme.bind(self._port, "trx", "shop", "secret")
            except OSError:  # the gateway is not there
                await asyncio.sleep(0.02)
                continue
            while not esme.end and not self.ended:
                if self.sending:
                    self._fill(esme)
                await asyncio.sleep(0.002)
            esme.drop()

    def _fill(self, esme: Esme) -> None:
        if len(self.ledger.acknowledged) - len(self.ledger.told) > MOST_OPEN:
            return
        for _ in range(min(esme.session.room, 20)):
            self._number += 1
            service_type, segments = KINDS[self._number % len(KINDS)]
            to = f"+336{self._number:08}"
            self.ledger.submitted[to] = service_type
            esme.submit(to, "Bonjour " * (1 if segments == 1 else 48), service_type=service_type)

    async def end(self) -> None:
        self.ended = True
        await asyncio.gather(*self._tasks)


async def rehearse(folder: Path, kills: int, seed: int, report: bool = False) -> Verdict:
    """The whole story; its verdict."""
    draw = random.Random(seed)
    carrier = SimulatedCarrier(Behaviour(latency=0.02, jitter=0.03, receipt_delay=0.05, keep=10_000_000))
    carrier_port, port = await carrier.start(), free_port()
    changes = {
        "accounts": {"shop": {"on_doubt": {"marketing": "stop"}, "window": 100}},
        "bearers": {"orange": {"link": {"window": 200}}},
    }
    gateway = GatewayProcess(folder, configuration(folder, port, {"orange": carrier_port}, changes))
    ledger = Ledger()
    await asyncio.to_thread(gateway.start)
    load = Load(port, ledger)
    try:
        for number in range(kills):
            await asyncio.sleep(draw.uniform(0.1, 0.8))
            gateway.kill()
            began = time.monotonic()
            await asyncio.to_thread(gateway.start)
            if report:
                row = (number + 1, time.monotonic() - began, len(ledger.acknowledged), len(carrier.submitted))
                print("{:>5} {:>10.2f} {:>14} {:>12}".format(*row), flush=True)
        await asyncio.sleep(0.3)
        load.sending = False
        what = lambda: f"{len(ledger.untold)} receipts missing: {ledger.untold[:5]}; {gateway.said()[-1500:]}"  # noqa: E731
        await settled(lambda: not ledger.untold, 30.0, what)
        in_doubt = [line["messages"] for line in gateway.lines("gateway.in_doubt")]
        return Verdict(kills, ledger, carrier, in_doubt)
    finally:
        await load.end()
        gateway.__exit__()
        await carrier.stop()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    asked = parser.parse_args()
    print(f"seed {asked.seed}\n{'kill':>5} {'ready in s':>10} {'acknowledged':>14} {'at carrier':>12}")
    with tempfile.TemporaryDirectory() as folder:
        verdict = asyncio.run(rehearse(Path(folder), asked.kills, asked.seed, report=True))
    print(verdict)
    verdict.judge()


if __name__ == "__main__":
    main()
