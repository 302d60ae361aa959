"""The window and what is stored behind it: bounded memory, restarts, and a thousand things at random."""

import asyncio
import random

import pytest
from making import NOW
from queueing import anything, bench, ids

from gateway.lifecycle import Cause, State
from gateway.model import LANES, Kind
from gateway.queue import LEAST, ActiveQueue
from gateway.stores.store import Waiting


# ── memory, restart ──────────────────────────────────────────────────────────────────────────────────────
def test_the_window_is_bounded_and_a_dead_route_does_not_starve_the_others(tmp_path):
    async def scenario(b):
        await b.put(100, route="dead")
        await b.put(100, route="alive")
        assert b.memory == 50
        alive = lambda route, kind: route == "alive"  # noqa: E731
        seen = []
        while got := await b.take(10, allowed=alive):
            seen += ids(got)
            assert b.memory <= 50 + LEAST
        assert seen == list(range(101, 201))

    bench(scenario, tmp_path, window=50)


def test_a_new_process_finds_everything(tmp_path):
    async def scenario(b):
        await b.put(30)
        await b.later(NOW + 50)
        await b.put(1, cause=Cause.HOLD)
        await b.take(10)
        b.queue = ActiveQueue(b.store, lambda a: 1, lambda key: False, 8)
        b.queue.load(b.now)
        assert b.queue.count == 21
        assert b.memory == 0
        assert ids(await b.take(99)) == list(range(11, 31))
        b.now += 50
        assert ids(await b.take(99)) == [31]

    bench(scenario, tmp_path)


def test_empty_flows_are_forgotten_and_lose_nothing(tmp_path):
    async def scenario(b):
        for tag in range(50):
            await b.put(1, tag=str(tag))
        await b.take(50)
        lost = b.made(1, tag="7")
        await b.store.admit(lost)  # and nobody lives to offer it
        for _ in range(3):
            b.queue.tidy(b.now)
            b.now += 61_000
        assert [flow.key[4] for flow in b.queue.flows()] == ["7"]
        assert ids(await b.take(9)) == [51]
        assert b.queue.count == 0
        for _ in range(3):
            b.queue.tidy(b.now)
            b.now += 61_000
        assert list(b.queue.flows()) == []
        assert [lane.shares or lane.active for lane in b.queue._lanes] == [{}] * LANES

    bench(scenario, tmp_path)


def test_times_that_come_ever_sooner_do_not_pile_up(tmp_path):
    async def scenario(b):
        messages = [m for n in range(3000) for m in b.made(1, Cause.POSTPONE, due=NOW + 9000 - n)]
        await b.store.admit(messages)
        b.queue.offer(messages, b.now)
        b.queue.tidy(b.now)
        assert len(b.queue._asleep) == 1
        b.now += 9000
        assert ids(await b.take(3000)) == ids(messages)[::-1]

    bench(scenario, tmp_path)


# ── at random, against a simple model ────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("seed", range(25))
def test_whatever_happens_each_message_leaves_once_and_none_is_lost(tmp_path, seed):
    rnd = random.Random(seed)

    async def scenario(b):
        waiting = {}  # id -> message, as the applications believe
        ended, taken = set(), []

        def announce(future, messages, back):
            future.add_done_callback(
                lambda _: (b.queue.give_back if back else lambda m: b.queue.offer(m, b.now))(messages)
            )

        async def put():
            messages = []
            for _ in range(rnd.randrange(1, 12)):
                soon = rnd.random() < 0.7
                due = {"due": rnd.choice([0, b.now])} if soon else {"due": b.now + rnd.randrange(1, 60)}
                cause = Cause.ADMIT if soon else Cause.POSTPONE
                messages += b.made(1, cause, account=rnd.choice("ab"), tag=rnd.choice("xy"), **due)
            waiting.update((m.id, m) for m in messages)
            announce(b.store.admit(messages), messages, back=False)

        async def pop():
            out = b.pop(rnd.randrange(1, 15), allowed=anything)
            for m in out:
                assert m.id in waiting, f"{m} left twice or after its end"
                assert m.due <= b.now
                del waiting[m.id]
            taken.extend(out)

        async def give_back():
            if taken:
                batch = [
                    taken.pop(rnd.randrange(len(taken))) for _ in range(rnd.randrange(1, len(taken) + 1))
                ]
                batch.sort(key=lambda m: (m.due, m.id))
                await b.left
                waiting.update((m.id, m) for m in batch)
                announce(b.store.apply([m.advance(Cause.GIVE_BACK) for m in batch]), batch, back=True)

        async def retry():
            if taken:
                m = taken.pop()
                m.due = b.now + rnd.randrange(0, 30)
                waiting[m.id] = m
                announce(b.store.apply([m.advance(Cause.RETRY)]), [m], back=False)

        async def cancel():
            if waiting:
                await b.store.flush()
                await asyncio.sleep(0)
                number = rnd.choice(sorted(waiting))
                copy = (await b.store.get([number])).get(number)
                m = b.queue.loaded(number) or copy
                if number in waiting and m is not None and m.state in (State.QUEUED, State.SCHEDULED):
                    b.queue.leave(m)
                    done = b.store.apply([m.advance(Cause.CANCEL)])
                    done.add_done_callback(lambda _: b.queue.left([m]))
                    del waiting[number]
                    ended.add(number)

        async def wait():
            b.now += rnd.randrange(1, 20)
            await asyncio.sleep(rnd.choice([0, 0, 0.001]))

        for _ in range(300):
            await rnd.choice([put, pop, pop, pop, give_back, retry, cancel, wait, wait])()
        await b.store.flush()
        await asyncio.sleep(0)
        ended_in_memory = (
            ended & b.queue._loaded.keys()
        )  # these are counted until they are popped and skipped
        assert b.queue.count == len(waiting) + len(ended_in_memory)
        b.now += 1000
        while waiting:
            before = len(waiting)
            await pop()
            assert len(waiting) < before, f"{sorted(waiting)} never leave"
        assert b.queue.count == b.memory == 0
        assert b.queue._loaded == {}
        await b.left
        assert b.store.waiting() == []

    bench(scenario, tmp_path, window=rnd.choice([1, 5, 20, 1000]))


def test_a_store_is_asked_only_at_start_when_nothing_is_offered():
    class Stored:
        def waiting(self):
            return [Waiting(("all", Kind.OTP, 0, "shop", ""), 3, NOW + 5)]

    queue = ActiveQueue(Stored(), lambda a: 1, lambda key: False)
    queue.load(NOW)
    assert queue.count == 3
    assert queue.pop("orange", (10,) * 4, NOW, anything) == []


def test_what_is_durable_and_not_yet_offered_is_left_to_its_offer(tmp_path):
    async def scenario(b):
        await b.put(4)
        late = b.made(2)
        await b.store.admit(late)
        assert ids(await b.take(10)) == [1, 2, 3, 4]
        b.queue.offer(late, b.now)
        assert ids(await b.take(10)) == [5, 6]
        assert b.queue.count == 0

    bench(scenario, tmp_path, window=1)


def test_what_is_about_to_leave_is_not_read(tmp_path):
    async def scenario(b):
        await b.put(5)
        copies = await b.store.get([2, 4])
        for m in copies.values():
            b.queue.leave(m)
        assert ids(await b.take(10)) == [1, 3, 5]
        assert b.queue.count == 0
        await b.change(copies.values(), Cause.CANCEL)
        b.queue.left(copies.values())
        assert b.queue._ending == set()

    bench(scenario, tmp_path, window=1)
