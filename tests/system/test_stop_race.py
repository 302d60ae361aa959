"""The race over real sockets: a campaign of 10,000 to people who all write STOP at some moment of it.

Once a STOP is acknowledged to the carrier, not one marketing message to that number is handed to the transport;
a long one of which a part has left is finished. The short race, of every order of events, is in tests/gateway.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from records import Instead
from system.esme import settled
from system.world import story

from drivers.bearer import Segment
from gateway.model import Kind

MESSAGES, NUMBERS = 10_000, 1_000
SHORT, LONG = "{n} soldes STOP 36180", "{n} soldes " + "tout doit partir " * 10 + "STOP 36180"
RULES = {"order": ["content", "stop"]}


class Race:
    """Looks over the gateway's shoulder: what is acknowledged, and what is handed over after it."""

    def __init__(self, app) -> None:
        self.acknowledged: set[str] = set()
        self.begun: set[int] = set()
        self.late: list[Segment] = []
        self.counts: Counter[str] = Counter()
        self._road = app.dispatcher.roads["orange"]
        self._submit = self._road.bearer.submit
        self._road.bearer = Instead(self._road.bearer, submit=self.handed)
        self._handle, app.mo.handle = app.mo.handle, self.heard

    def heard(self, bearer, inbound, *more):
        """The driver answers the carrier when this future is done: our callback is told before it."""
        done = self._handle(bearer, inbound, *more)
        done.add_done_callback(lambda _: self.acknowledged.update(each.source for each in inbound))
        return done

    def handed(self, segments) -> None:
        for segment in segments:
            m = segment.context
            if m.kind != Kind.MARKETING:
                self.counts["other"] += 1
                continue
            self.counts["marketing"] += 1
            if segment.destination in self.acknowledged:
                self.counts["finished"] += m.id in self.begun
                self.late += [] if m.id in self.begun else [segment]
            self.begun.add(m.id)
        self._submit(segments)


@pytest.mark.slow
@story
async def test_ten_thousand_in_flight_and_everybody_objects(world):
    draw = random.Random(36180)
    numbers = [f"+336{n:08}" for n in range(NUMBERS)]
    bearers = {"orange": {"rate": 1_500, "link": {"window": 61}}}
    behaviour = {"orange": {"latency": 0.02, "jitter": 0.05, "receipts": "none", "keep": 30_000}}
    async with world(behaviour, bearers=bearers, rules=RULES) as w:
        race = Race(w.app)
        shop = await w.application()
        began = asyncio.get_running_loop().time()
        stopping = asyncio.create_task(_write_stop(w.carrier, draw.sample(numbers, NUMBERS), draw))
        tickets = []
        for start in range(0, MESSAGES, 200):
            chunk = [numbers[n % NUMBERS] for n in range(start, start + 200)]
            text = LONG if draw.random() < 0.2 else SHORT
            tickets += shop.submit_many(chunk, text.format(n=start), service_type=b"PROMO")
            tickets.append(shop.submit(draw.choice(numbers), "Votre code: 1234", service_type=b"OTP"))
            await shop.answered(*tickets[-201:])
        await stopping
        await settled(lambda: len(race.acknowledged) == NUMBERS, 20.0, lambda: len(race.acknowledged))
        await settled(lambda: not w.app.queue.count, 20.0, lambda: w.app.queue.count)
        await w.app.store.flush()
        states = dict(await w.app.store.query("SELECT error, count(*) FROM message WHERE state=8 GROUP BY 1"))
        took = asyncio.get_running_loop().time() - began
        refused = Counter(ticket.status for ticket in tickets)
        print(
            f"\n{MESSAGES} messages to {NUMBERS} numbers, {len(race.acknowledged)} STOPs in {took:.1f} s:"
            f" {race.counts['marketing']} segments handed over, {states['0401']} messages refused while they waited,"
            f" {refused[0x401]} at submission, {race.counts['finished']} parts of texts begun before;"
            f" {len(race.late)} late"
        )
        assert race.late == []
        assert len(race.acknowledged) == NUMBERS
        assert set(refused) == {0, 0x401}
        assert refused[0x401] > 100  # each way of being stopped has happened
        assert states["0401"] > 100
        assert race.counts["marketing"] > 1_000
        carried = await w.carried(race.counts.total() - race.counts["finished"])
        assert len(carried) == race.counts["marketing"] + race.counts["other"]
        otps = [taken for taken in carried if b"1234" in taken.sm.short_message]
        assert len(otps) == MESSAGES // 200


async def _write_stop(carrier, numbers, draw) -> None:
    """Handsets write one after the other, in bursts and alone."""
    while numbers:
        for _ in range(min(len(numbers), draw.randrange(1, 8))):
            carrier.inject_mo(
                numbers.pop(), "36180", draw.choice(["STOP", "Stop.", "ARRET", "désabonnement"])
            )
        await asyncio.sleep(draw.random() * 0.05)
