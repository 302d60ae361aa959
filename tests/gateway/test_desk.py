"""What can still be changed while it waits: in memory, only in the store, and laid aside."""

import asyncio

import pytest
from core import core

from drivers.bearer import Remedy
from gateway.lifecycle import State
from gateway.stores.store import StoreUnavailable


async def one_waiting(gw, where, **fields):
    """A message that waits: "memory" in the queue's window, "store" only there, "aside" in other hands."""
    if where == "store":
        m = gw.sms(due=gw.clock.wall_ms() + 1000, **fields)
        await gw.submit(m)
    elif where == "memory":
        gw.a.link(False)
        m = gw.sms(**fields)
        await gw.submit(m)
        gw.a.window = 0
        gw.a.link(True)
        gw.dispatcher.pump_all()
    else:
        m = gw.sms(**fields)
        await gw.submit(m)
        gw.b.window = 0
        gw.a.refuse(Remedy.NEXT_ROUTE)
    await gw.settled()
    return m


async def goes_on(gw):
    gw.a.window = gw.b.window = 10
    before = len(gw.a.seen) + len(gw.b.seen)
    for _ in range(3):
        await gw.passes(2)
    assert not gw.mismatches
    return len(gw.a.seen) + len(gw.b.seen) - before


@pytest.mark.parametrize("where", ["memory", "store", "aside"])
@pytest.mark.parametrize("act", ["cancel", "hold", "release", "replace"])
def test_each_act_holds_wherever_the_message_stands(tmp_path, where, act):
    async def story():
        async with core(tmp_path, ("a", "b"), tiers=[["a"], ["b"]]) as gw:
            m = await one_waiting(gw, where)
            found = (await gw.desk.waiting([m.id])).values()
            if act == "cancel":
                assert await gw.desk.cancel(found, "no more") == 1
                assert await goes_on(gw) == 0
                assert gw.row(m.id, "state, reason") == (State.DELETED, "no more")
                assert gw.owed() == [(State.DELETED, "")]
                assert await gw.desk.cancel((await gw.desk.waiting([m.id])).values(), "again") == 0
                return
            if act == "replace":
                fresh = gw.sms(text=b"Bonsoir", registered=0, due=m.due)
                await gw.desk.replace(next(iter(found)), fresh)
                assert await goes_on(gw) == 1
                assert (gw.a.texts + gw.b.texts)[-1] == b"Bonsoir"
                assert gw.row(m.id, "payload, registered") == (b"Bonsoir", 0)
                return
            assert await gw.desk.hold(found, "wait") == 1
            assert await goes_on(gw) == 0
            assert gw.state(m) is State.HELD
            if act == "release":
                assert await gw.desk.release((await gw.desk.waiting([m.id])).values()) == 1
                assert await goes_on(gw) == 1

    asyncio.run(story())


@pytest.mark.parametrize("where", ["memory", "store", "aside"])
def test_a_replacement_that_the_store_refuses_changes_nothing(tmp_path, where):
    async def story():
        async with core(tmp_path, ("a", "b"), tiers=[["a"], ["b"]]) as gw:
            m = await one_waiting(gw, where)
            (found,) = (await gw.desk.waiting([m.id])).values()
            replaced = asyncio.ensure_future(gw.desk.replace(found, gw.sms(text=b"Bonsoir", due=10**13)))
            await asyncio.sleep(0)
            units, gw.store._writer._pending = gw.store._writer._pending, []
            for unit in units:
                if unit.undo:
                    unit.undo()
                unit.future.set_exception(StoreUnavailable("disk full"))
            with pytest.raises(StoreUnavailable):
                await replaced
            assert (found.payload, found.due) == (b"Bonjour", m.due)
            assert await goes_on(gw) == 1
            assert (gw.a.texts + gw.b.texts)[-1] == b"Bonjour"

    asyncio.run(story())


def test_retry_brings_the_next_try_forward(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            m = gw.sms()
            await gw.submit(m)
            gw.a.refuse(Remedy.RETRY)
            await gw.settled()
            assert await gw.desk.retry((await gw.desk.waiting([m.id])).values()) == 1
            await gw.passes(0.1)
            assert len(gw.a.given) == 1
            assert not gw.mismatches

    asyncio.run(story())


def test_what_left_or_ended_is_not_ours_any_more(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            m = gw.sms()
            await gw.submit(m)
            for _ in range(2):
                found = list((await gw.desk.waiting([m.id])).values())
                assert [await gw.desk.cancel(found, ""), await gw.desk.hold(found, "")] == [0, 0]
                gw.a.accept()
                await gw.settled()
            assert (await gw.desk.look(m.id)).state is State.ENROUTE
            assert await gw.desk.look(1) is None

    asyncio.run(story())


@pytest.mark.parametrize("where", ["store", "memory", "aside"])
def test_what_waited_for_something_goes_on_when_that_has_come(tmp_path, where):
    async def story():
        async with core(tmp_path, bearers=("a", "b"), tiers=[["a"], ["b"]]) as gw:
            m = await one_waiting(gw, where)
            later = gw.sms(due=gw.clock.wall_ms() + 60_000)
            await gw.submit(later)
            gw.desk.hasten([m.id])
            gw.desk.hasten([m.id, 12])
            await asyncio.wait_for(gw.desk._hastening, 5.0)
            await gw.settled()
            assert await goes_on(gw) == 1
            assert gw.state(later) is State.SCHEDULED

    asyncio.run(story())


def test_one_that_cannot_be_hastened_leaves_when_it_is_due(tmp_path):
    async def story():
        async with core(tmp_path, bearers=("a", "b")) as gw:
            m = await one_waiting(gw, "store")

            async def broken(ids):
                raise StoreUnavailable("the disk is full")

            gw.desk.waiting = broken
            gw.desk.hasten([m.id])
            await asyncio.wait_for(gw.desk._hastening, 5.0)
            assert await goes_on(gw) == 1

    asyncio.run(story())


def test_who_asks_between_a_commit_and_its_announcement_waits_and_does_not_spin(tmp_path, monkeypatch):
    """Nothing is under way then, and the message is still said to be moving: the callbacks have not run yet."""

    async def story():
        async with core(tmp_path) as gw:
            m = await one_waiting(gw, "memory")
            writer, asked, rounds = gw.store._writer, [], iter(range(1000))
            settled, flush = writer._settled, gw.store.flush

            def told(verdict):
                asked.append(asyncio.ensure_future(gw.desk.waiting([m.id])))  # stands before the callbacks
                settled(verdict)

            async def counted():
                next(rounds)  # StopIteration: it would go round for ever, and the loop with it
                await flush()

            monkeypatch.setattr(writer, "_settled", told)
            monkeypatch.setattr(gw.store, "flush", counted)
            await gw.desk.hold([m], "by an operator")
            assert [list(await one) for one in asked] == [[m.id]] * len(asked)
            assert asked

    asyncio.run(story())
