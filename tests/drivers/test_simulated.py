"""The bearer without network: what its settings order, seen as the gateway sees it. The contract: tests/contracts."""

import asyncio
import time

import pytest

from drivers import load
from drivers.bearer import (
    Accepted,
    Doubtful,
    Inbound,
    LinkChanged,
    MessageState,
    NotStored,
    Receipt,
    Refused,
    Remedy,
    Segment,
)
from drivers.simulated import Settings
from drivers.simulated import open as open_bearer
from gateway.settings import read


def segments(count, want_receipt=True):
    return [
        Segment(n, -1, "36180", f"+336{n:08}", 0, b"", b"hello", 0.0, want_receipt, 0, None)
        for n in range(count)
    ]


class Gateway:
    def __init__(self):
        self.events = []
        self.fails = False

    def __call__(self, events):
        self.events += events
        return self.stored()

    async def stored(self):
        if self.fails:
            raise NotStored("disk full")

    def of(self, kind):
        return [event for event in self.events if type(event) is kind]


async def until(condition, timeout=5.0):
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.002)


def play(scene, **settings):
    async def main():
        bearer = open_bearer(
            "rehearsal", Settings(**{"latency": 0.005, "receipt_delay": 0.005, **settings}), None
        )
        gateway = Gateway()
        task = asyncio.create_task(bearer.run(gateway))
        await until(lambda: bearer.credit() > 0)
        await scene(bearer, gateway)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_it_loads_as_a_driver_and_reads_its_settings():
    driver = load("simulated")
    link = read(driver.Settings, {"latency": "20ms", "down_every": "5m", "error_percent": 2.5})
    assert (link.latency, link.down_every, link.error_percent, link.window) == (0.02, 300, 2.5, 100)
    assert link.faults() == []
    assert driver.open("rehearsal", link, None).name == "rehearsal"


def test_accepted_then_its_receipt():
    async def scene(bearer, gateway):
        batch = segments(5)
        bearer.submit(batch)
        assert bearer.credit() == 95
        await until(lambda: len(gateway.of(Receipt)) == 5)
        accepted = gateway.of(Accepted)
        assert [answer.segment for answer in accepted] == batch
        assert len({answer.key for answer in accepted}) == 5
        for answer, receipt in zip(accepted, gateway.of(Receipt), strict=True):
            assert receipt.keys == (answer.key,)
            assert (receipt.state, receipt.final) == (MessageState.DELIVERED, True)
            assert receipt.recipient == answer.segment.destination
            assert abs(receipt.done_at - time.time()) < 2
        assert bearer.credit() == 100

    play(scene)


@pytest.mark.parametrize(("settings", "wanted"), [({"receipts": False}, True), ({}, False)])
def test_no_receipts(settings, wanted):
    async def scene(bearer, gateway):
        bearer.submit(segments(3, wanted))
        await until(lambda: len(gateway.of(Accepted)) == 3)
        await asyncio.sleep(0.03)
        assert gateway.of(Receipt) == []

    play(scene, **settings)


@pytest.mark.parametrize(
    ("settings", "remedy", "code"),
    [({"error_percent": 100}, Remedy.RETRY, 8), ({"throttled_percent": 100}, Remedy.SLOW_DOWN, 0x58)],
)
def test_refusals(settings, remedy, code):
    async def scene(bearer, gateway):
        bearer.submit(segments(2))
        await until(lambda: len(gateway.of(Refused)) == 2)
        assert {(answer.remedy, answer.code) for answer in gateway.of(Refused)} == {(remedy, code)}

    play(scene, **settings)


def test_undeliverable_and_replies():
    async def scene(bearer, gateway):
        bearer.submit(segments(1))
        await until(lambda: gateway.of(Inbound))
        (reply,) = gateway.of(Inbound)
        assert (reply.source, reply.destination, reply.payload) == ("+33600000000", "36180", b"STOP")
        bearer.behave(undeliverable_percent=100)
        bearer.submit(segments(1))
        await until(lambda: len(gateway.of(Receipt)) == 2)
        await asyncio.sleep(0.02)
        assert (gateway.of(Receipt)[1].state, gateway.of(Receipt)[1].code) == (
            MessageState.UNDELIVERABLE,
            "001",
        )
        assert len(gateway.of(Inbound)) == 1

    play(scene, reply_percent=100)


def test_silence_ends_in_doubt_and_the_receipt_comes_all_the_same():
    async def scene(bearer, gateway):
        bearer.submit(segments(2))
        await until(lambda: len(gateway.of(Doubtful)) == 2)
        assert len(gateway.of(Receipt)) == 2
        assert bearer.credit() == 100

    play(scene, silent_percent=100, response_timeout=0.1)


def test_the_link_goes_down_by_itself_and_comes_back():
    async def scene(bearer, gateway):
        bearer.submit(segments(3))
        await until(lambda: len(gateway.of(LinkChanged)) == 3)
        assert [(event.up, event.reason) for event in gateway.of(LinkChanged)] == [
            (True, "bound"),
            (False, "connection_lost"),
            (True, "bound"),
        ]
        assert [type(event) for event in gateway.events[2:5]] == [Doubtful] * 3

    play(scene, latency=5, down_every=0.05, down_for=0.05)


def test_what_could_not_be_stored_is_brought_again():
    async def scene(bearer, gateway):
        gateway.fails = True
        bearer.inject_mo("+33612345678", "36180", "Où êtes-vous ?")
        await until(lambda: bearer.counts["not_stored"] == 1)
        gateway.fails = False
        await until(lambda: bearer.counts["stored"] == 1)
        first, second = gateway.of(Inbound)
        assert first is second

    play(scene)


def test_the_same_seed_refuses_the_same_segments():
    runs = []

    async def scene(bearer, gateway):
        bearer.submit(segments(100))
        await until(lambda: bearer.credit() == 100)
        runs.append([answer.segment.id for answer in gateway.of(Refused)])

    for seed in (1, 1, 2):
        play(scene, error_percent=30, seed=seed)
    assert 10 < len(runs[0]) < 60
    assert runs[0] == runs[1] != runs[2]


def test_time_is_the_clock_that_was_given():
    """Nothing is due before the clock says so, whatever the loop's own thinks."""
    now = [1000.0]

    async def main():
        bearer = open_bearer("rehearsal", Settings(latency=60), None, lambda: now[0], lambda: 1.7e9)
        gateway = Gateway()
        task = asyncio.create_task(bearer.run(gateway))
        await until(lambda: bearer.credit() > 0)
        bearer.submit(segments(1))
        await asyncio.sleep(0.02)
        assert gateway.of(Accepted) == []
        now[0] += 61
        bearer.behave()  # wakes it
        await until(lambda: gateway.of(Accepted))
        assert gateway.of(Receipt)[0].done_at == 1.7e9 + 61
        task.cancel()

    asyncio.run(main())


def test_many_segments_a_second():
    async def scene(bearer, gateway):
        began = time.perf_counter()
        for _ in range(20):
            bearer.submit(segments(1000))
            await until(lambda: bearer.credit() == 1000)
        assert len(gateway.of(Accepted)) == 20_000
        assert time.perf_counter() - began < 4

    play(scene, window=1000, latency=0)
