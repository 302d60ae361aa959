"""Who came first leaves first: faults that the storm found, without the storm (docs/reliability.md)."""

import asyncio

from core import Clock, core

from drivers.bearer import Remedy
from gateway.answers import SYSTEM_ERROR
from gateway.lifecycle import State
from gateway.model import Kind

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


def test_what_comes_behind_one_that_waits_leaves_at_once_when_there_is_room_again(tmp_path):
    """Else one message that had to wait would make all those wait that come before it is durable, for ever."""

    async def story():
        async with core(tmp_path) as gw:
            gw.a.window = 0
            first, second, third = gw.sms(), gw.sms(), gw.sms()
            one = gw.intake.submit(gw.shop, [first])
            while gw.store.begun == gw.store.transactions:  # until its transaction is under way
                await asyncio.sleep(0)
            two = gw.intake.submit(gw.shop, [second])
            three = gw.intake.submit(gw.shop, [third])
            gw.a.window = 10
            assert (first.state, second.state, third.state) == (State.QUEUED, State.NEW, State.NEW)
            await asyncio.wait([one.durable, two.durable, three.durable])
            assert (second.state, third.state) == (State.INFLIGHT, State.INFLIGHT)
            await gw.settled()
            assert [segment.id for segment in gw.a.seen] == [first.id, second.id, third.id]
            assert [answer.status for each in (one, two, three) for answer in each.answers] == [0, 0, 0]
            assert gw.store.read("SELECT count(*) FROM backlog") == [(0,)]
            assert not gw.dispatcher._coming

    asyncio.run(story())


def test_who_was_put_off_so_is_not_overtaken_when_another_flow_waits_meanwhile(tmp_path):
    """Its own batch is not written yet, the other flow's is on its way: a third of the first flow comes behind both."""

    async def story():
        async with core(tmp_path) as gw:
            gw.a.window = 0
            first, second, third = gw.sms(), gw.sms(), gw.sms()
            batches = [gw.intake.submit(gw.shop, [first])]
            while gw.store.begun == gw.store.transactions:
                await asyncio.sleep(0)
            others = (second, gw.sms(tag="another flow"), third)
            batches += [gw.intake.submit(gw.shop, [message]) for message in others]
            assert (second.state, third.state) == (State.NEW, State.NEW)
            await asyncio.wait([each.durable for each in batches])
            gw.a.window = 10
            await gw.passes(1)
            order = [segment.id for segment in gw.a.seen]
            assert [each for each in order if each in (first.id, second.id, third.id)] == [
                first.id,
                second.id,
                third.id,
            ]
            assert len(order) == 4
            assert not gw.dispatcher._coming
            assert not gw.intake._put_off

    asyncio.run(story())


def test_it_is_refused_like_the_one_it_stands_behind_when_the_disk_is_full(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            gw.a.window = 0
            bad, good = gw.sms(), gw.sms()
            one = gw.intake.submit(gw.shop, [bad])
            while gw.store.begun == gw.store.transactions:
                await asyncio.sleep(0)
            gw.store._scribe._transactions._db.execute("PRAGMA query_only=1")  # from the next transaction on
            two = gw.intake.submit(gw.shop, [good])
            await asyncio.wait([one.durable, two.durable])
            assert one.answers[0].status == 0
            assert two.answers[0].status == SYSTEM_ERROR
            assert two.durable.exception() is not None
            gw.store._scribe._transactions._db.execute("PRAGMA query_only=0")
            assert not gw.dispatcher._coming

    asyncio.run(story())


def test_the_same_again_is_refused_with_its_first_though_another_batch_stands_behind(tmp_path):
    """Two batches are on their way: the repetition's answer is as good as the one that its first message is in."""

    async def story():
        async with core(tmp_path) as gw:
            gw.a.window = 0
            one = gw.intake.submit(gw.shop, [gw.sms()])
            while gw.store.begun == gw.store.transactions:
                await asyncio.sleep(0)
            behind = gw.intake.submit(gw.shop, [gw.sms()])
            bad = gw.sms(tag="another flow", reference="r")
            bad.priority = 1 << 70  # no INTEGER of SQLite holds it
            first = gw.intake.submit(gw.shop, [bad])
            again = gw.intake.submit(gw.shop, [gw.sms(tag="another flow", reference="r")])
            await asyncio.wait([each.durable for each in (one, behind, first, again)])
            await gw.settled()
            assert [each.answers[0].status for each in (one, behind)] == [0, 0]
            assert first.answers[0].status != 0
            assert again.answers[0].status != 0

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


def test_the_rest_of_half_a_text_leaves_once_though_the_queue_reads_its_row_in_that_very_turn(tmp_path):
    """It waits aside; behind it, in the same flow, waits a message that the queue must read from the store."""

    async def story():
        async with core(tmp_path) as gw:
            long, short = gw.sms(text=LONG), gw.sms(to="+33600000009")
            await gw.submit(long, short)
            gw.a.accept(gw.a.given[:1])
            gw.a.refuse(Remedy.RETRY, segments=[s for s in gw.a.given if s.id == long.id])
            await gw.passes(1)
            gw.a.refuse(Remedy.RETRY)
            await gw.settled()
            assert (gw.state(long), gw.state(short)) == (State.SCHEDULED, State.SCHEDULED)
            gw.a.seen.clear()
            await gw.passes(11)
            await gw.passes(1)
            assert sorted((s.id, s.part) for s in gw.a.seen) == [(long.id, 1), (long.id, 2), (short.id, -1)]
            gw.a.accept()
            await gw.settled()
            assert not gw.mismatches
            assert gw.queue.count == 0

    asyncio.run(story())


def test_what_was_given_back_leaves_once_though_each_kind_is_taken_for_itself(tmp_path):
    """A reserve: the queue is asked for each kind, and may read between two of them what it has just given."""

    async def story():
        clock = Clock()
        road = {"rate": 10, "reserve": {Kind.OTP: 5}}
        async with core(tmp_path, clock=clock, road=road) as gw:
            sent = [gw.sms(kind=Kind.OTP) for _ in range(5)]
            await gw.submit(*sent)
            assert len(gw.a.seen) == 5
            gw.a.window = 0
            await gw.submit(gw.sms(kind=Kind.OTP))
        clock.pass_(5)
        async with core(tmp_path, clock=clock, road={**road, "window": 0}) as gw:
            gw.a.window = 100  # now they have been given back: in doubt, and sent again
            for _ in range(3):
                await gw.passes(1)
                gw.a.accept()
            await gw.settled()
            assert (len(gw.a.seen), len({s.id for s in gw.a.seen})) == (6, 6)
            assert not gw.mismatches
            assert (gw.queue.count, gw.queue._loaded) == (0, {})

    asyncio.run(story())
