"""Bearers kept running: failures, stops, states, and what a batch of mixed events becomes."""

import asyncio

from core import core

from drivers.bearer import Accepted, Inbound, MessageState, Receipt, Status
from gateway.events import LinkMoved
from gateway.lifecycle import State


def test_a_batch_of_everything(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            one, two = gw.sms(), gw.sms()
            await gw.submit(one, two)
            first, second = gw.a.given
            receipt = Receipt("i1", ["i1"], MessageState.DELIVERED, True, "+33612345678", "000", 0.0, b"")
            inbound = Inbound("+33612345678", "36180", 0, b"", b"hello", 0.0, b"")
            await gw.a.emit([receipt, inbound, Accepted(first, "i1", "i1"), Status("bind 1", {"n": 3})])
            assert gw.state(one) is State.DELIVERED
            assert gw.state(two) is State.INFLIGHT
            assert gw.store.read("SELECT payload FROM mo") == [(b"hello",)]
            assert gw.dispatcher.roads["a"].status == {"bind 1": {"n": 3}}
            assert second not in gw.a.seen[:1]

    asyncio.run(story())


def test_link_states_are_told_once(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            watch = gw.bus.subscribe("test")
            for up in (False, False, True, True):
                gw.a.link(up)
            events = [(e.up, e.reason) for e in await watch.next() if isinstance(e, LinkMoved)]
            assert events == [(False, "link.down"), (True, "bound")]

    asyncio.run(story())


def test_a_driver_that_dies_is_started_again_later_and_later(tmp_path, monkeypatch):
    async def story():
        slept = []

        async with core(tmp_path) as gw:
            real = asyncio.sleep

            async def sleep(seconds):
                slept.append(seconds)
                await real(0)

            monkeypatch.setattr("gateway.links.asyncio.sleep", sleep)
            for ran in (1, 1, 100, 1):
                gw.clock.pass_(ran)
                gw.a.dies.set()
                for _ in range(5):
                    await real(0)
                assert gw.a.up
            assert slept == [1.0, 2.0, 1.0, 2.0]

    asyncio.run(story())


def test_stop_drains_and_what_is_left_is_in_doubt(tmp_path):
    async def story():
        async with core(tmp_path, on_doubt="stop") as gw:
            gw.a.window = 1
            sent, waits = gw.sms(), gw.sms()
            await gw.submit(sent, waits)

            async def drain(seconds):
                gw.a.up = False
                raise OSError("it does not even leave")

            gw.a.drain = drain
            await gw.links.stop_all(1.0)
            await gw.settled()
            assert (gw.state(sent), gw.state(waits)) == (State.UNKNOWN, State.QUEUED)
            assert gw.dispatcher.roads == {}

    asyncio.run(story())


def test_a_bearer_that_is_gone_while_its_message_is_written(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            m = gw.sms()
            submitted = gw.intake.submit(gw.shop, [m])
            await gw.links.stop("a", 0)
            await submitted.durable
            await gw.settled()
            assert (gw.state(m), m.tries) == (State.QUEUED, 0)
            gw.add("a")
            await gw.passes(1)
            assert len(gw.a.seen) == 1

    asyncio.run(story())
