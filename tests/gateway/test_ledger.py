"""Disk first, then the world."""

import asyncio

import pytest
from core import core

from gateway.events import Moved
from gateway.lifecycle import Cause, State


def test_nothing_is_told_before_it_is_durable(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            gw.bound()
            m = gw.sms()
            await gw.submit(m)
            watch, then = gw.bus.subscribe("test"), []
            done = gw.ledger.end([m.advance(Cause.REFUSE)], lambda: then.append(gw.state(m)))
            assert (gw.sink.notes, then) == ([], [])
            await done
            await gw.settled()
            assert then == [State.REJECTED]
            assert len(gw.sink.notes) == 1
            (event,) = [e for e in await watch.next() if isinstance(e, Moved)]
            assert event.changes[0][1:] == (State.INFLIGHT, Cause.REFUSE)

    asyncio.run(story())


@pytest.mark.parametrize("faulty", ["then", "bind"])
def test_a_fault_in_one_callback_does_not_cost_the_other(tmp_path, faulty):
    async def story():
        async with core(tmp_path) as gw:
            asyncio.get_running_loop().set_exception_handler(lambda *_: None)
            sink, then = gw.bound(), []
            if faulty == "bind":
                sink.deliver = lambda notes: 1 / 0
            m = gw.sms()
            await gw.submit(m)

            def after():
                then.append(1)
                if faulty == "then":
                    raise ZeroDivisionError

            await gw.ledger.end([m.advance(Cause.REFUSE)], after)
            await gw.settled()
            assert then == [1]
            assert len(sink.notes) == (1 if faulty == "then" else 0)

    asyncio.run(story())


def test_the_tally_counts_by_what_happened(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            await gw.submit(gw.sms(), gw.sms())
            gw.a.accept()
            await gw.settled()
            counts = gw.ledger.tally.counts
            assert counts[Cause.ADMIT_AT_ONCE, 2, "shop", "a"] == 2
            assert counts[Cause.ACCEPT, 2, "shop", "a"] == 2

    asyncio.run(story())
