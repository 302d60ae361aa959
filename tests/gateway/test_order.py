"""Who came first leaves first: faults that the storm found, without the storm (docs/reliability.md)."""

import asyncio

from core import core

from gateway.lifecycle import State

LONG = b"a" * 400  # three segments


def test_a_short_text_does_not_overtake_a_long_one_in_its_batch(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            gw.a.window = 2
            long, short = gw.sms(text=LONG), gw.sms()
            await gw.submit(long, short)
            assert {segment.id for segment in gw.a.seen} == {long.id}
            gw.a.window = 10
            await gw.passes(1)
            assert [segment.id for segment in gw.a.seen] == [long.id] * 3 + [short.id]

    asyncio.run(story())


def test_nor_one_whose_commit_is_under_way(tmp_path):
    """The queue knows of a message once it is durable; until then nothing of its flow may go straight through."""

    async def story():
        async with core(tmp_path) as gw:
            gw.a.window = 2
            long, short, other = gw.sms(text=LONG), gw.sms(), gw.sms(tag="another flow")
            first = gw.intake.submit(gw.shop, [long])
            second = gw.intake.submit(gw.shop, [short, other])
            assert (long.state, short.state, other.state) == (State.QUEUED, State.QUEUED, State.INFLIGHT)
            await asyncio.wait([first.durable, second.durable])
            await gw.settled()
            gw.a.accept()
            gw.a.window = 10
            await gw.passes(1)
            assert [segment.id for segment in gw.a.seen] == [other.id] + [long.id] * 3 + [short.id]
            gw.a.accept()
            assert not gw.dispatcher._coming

    asyncio.run(story())


def test_a_refused_commit_leaves_no_flow_behind(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            gw.a.window = 0
            bad = gw.sms()
            bad.priority = 1 << 70  # no INTEGER of SQLite holds it
            submitted = gw.intake.submit(gw.shop, [bad])
            await asyncio.wait([submitted.durable])
            assert submitted.answers[0].status != 0
            assert not gw.dispatcher._coming

    asyncio.run(story())


def test_what_a_dying_bearer_had_goes_again_in_its_order(tmp_path):
    """A set would forget it: its order is that of addresses in memory."""

    async def story():
        async with core(tmp_path) as gw:
            messages = [gw.sms(text=b"%d" % n) for n in range(40)]
            await gw.submit(*messages)
            gw.a.dies.set()
            await gw.passes(3)
            await asyncio.sleep(1.5)
            await gw.passes(3)
            again = gw.a.seen[len(messages) :]
            assert [segment.id for segment in again] == [m.id for m in messages]

    asyncio.run(story())


def test_what_waits_for_a_later_hour_is_not_looked_at_until_then(tmp_path):
    """Two hundred looks a second, all night, at a queue of which nothing may leave."""

    async def story():
        async with core(tmp_path) as gw:
            await gw.submit(gw.sms(due=gw.clock.wall_ms() + 60_000))
            assert gw.queue.count == 1
            assert not gw.dispatcher.waiting
            gw.clock.pass_(61)
            assert gw.dispatcher.waiting
            await gw.passes(0)
            assert len(gw.a.seen) == 1
            assert not gw.dispatcher.waiting

    asyncio.run(story())
