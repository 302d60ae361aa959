"""Frequency cap and quota are exact over kill -9: in mid-traffic, whatever was on its way to the disk."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
from collections import Counter
from contextlib import closing

import pytest
from peers.process import free_port
from system.esme import Esme, Ticket
from system.gatewayconfig import configuration
from system.gatewayprocess import GatewayProcess

from drivers.smpp.behaviour import Behaviour
from drivers.smpp.simulator import SimulatedCarrier

NUMBERS = [f"+3361234{n:04}" for n in range(1_000)]
CAP, KILLS = 4, int(os.environ.get("CHAPPE_KILLS", "3"))
FREQUENCY_CAP, QUOTA_SPENT, THROTTLED = 0x403, 0x404, 0x58
IN_ALL = CAP * len(NUMBERS)


class Campaign:
    """Submits marketing to all numbers again and again, over every life of the gateway, and keeps the answers."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.statuses: Counter[int] = Counter()
        self.accepted: Counter[str] = Counter()
        self.rounds = 0
        self.ended = False
        self.at_kills: list[int] = []

    def _answered(self, ticket: Ticket) -> None:
        assert ticket.status is not None
        self.statuses[ticket.status] += 1
        self.accepted[ticket.to] += ticket.status == 0

    async def run(self) -> None:
        while not self.ended:
            esme = Esme(window=50)
            esme.on_answer = self._answered
            try:
                await esme.bind(self._port, "tx", "shop", "secret")
            except (OSError, AssertionError):  # the gateway is not there, or has just gone
                await asyncio.sleep(0.02)
                continue
            await self._submit(esme)
            esme.drop()

    async def _submit(self, esme: Esme) -> None:
        while not esme.end and not self.ended:
            for to in NUMBERS:
                while not esme.end and not self.ended and not esme.session.room:
                    await asyncio.sleep(0.001)
                if esme.end or self.ended:
                    return
                esme.submit(to, "Soldes", service_type=b"PROMO")
            self.rounds += 1
            await asyncio.sleep(0.002)


async def rehearse(folder, quota: int) -> tuple[Campaign, Counter[str], int]:
    """The campaign over KILLS deaths; what the store holds at last: messages by number, segments in all."""
    draw = random.Random(os.urandom(4))
    carrier = SimulatedCarrier(Behaviour(latency=0.01, jitter=0.02, receipt_delay=0.02))
    port, carrier_port = free_port(), await carrier.start()
    changes = {
        "accounts": {"shop": {"quota": {"segments_per_month": quota}, "window": 50, "rate": 100_000}},
        "bearers": {"orange": {"rate": 400, "link": {"window": 20}}},
        "rules": {
            "order": ["frequency", "quota"],
            "frequency": {"marketing": {"messages": CAP, "per": "7d"}},
        },
    }
    gateway = GatewayProcess(folder, configuration(folder, port, {"orange": carrier_port}, changes))
    await asyncio.to_thread(gateway.start)
    campaign = Campaign(port)
    running = asyncio.create_task(campaign.run())
    try:
        for _ in range(KILLS):
            await asyncio.sleep(draw.uniform(0.05, 0.3))
            campaign.at_kills.append(campaign.statuses[0])
            gateway.kill()
            await asyncio.to_thread(gateway.start)
        before = campaign.rounds
        while campaign.rounds < before + CAP + 2:  # enough rounds in one life to fill what there is to fill
            assert gateway.running
            await asyncio.sleep(0.02)
    finally:
        campaign.ended = True
        await running
        gateway.kill()
        await carrier.stop()
    with closing(sqlite3.connect(folder / "state" / "chappe.db")) as db:
        held = Counter(dict(db.execute("SELECT destination, count(*) FROM message GROUP BY destination")))
        return campaign, held, int(db.execute("SELECT sum(parts) FROM message").fetchone()[0])


@pytest.mark.slow
@pytest.mark.timeout(60 + 10 * KILLS)
@pytest.mark.parametrize("quota", [0, IN_ALL - 777], ids=["by number", "by account"])
def test_as_many_as_are_allowed_and_not_one_more_or_less(tmp_path, quota):
    campaign, held, segments = asyncio.run(rehearse(tmp_path, quota))
    if quota:
        assert segments == quota
        assert max(held.values()) <= CAP
        assert campaign.statuses[QUOTA_SPENT]
    else:
        assert held == Counter(dict.fromkeys(NUMBERS, CAP))
        assert segments == IN_ALL
        assert campaign.statuses[FREQUENCY_CAP]
    assert campaign.at_kills[-1] and campaign.at_kills[0] < segments, "killed in mid-traffic"
    assert all(held[to] >= count for to, count in campaign.accepted.items()), "what was acknowledged is there"
    assert set(campaign.statuses) <= {0, FREQUENCY_CAP, QUOTA_SPENT, THROTTLED}  # the last just after a start
