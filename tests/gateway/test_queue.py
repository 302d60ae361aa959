"""The active window over a real store: order, shares, the floor, a bounded memory, and each message once."""

import asyncio
import random
from collections import Counter

import pytest
from making import NOW, message, opened, run

from gateway.lifecycle import Cause, State
from gateway.model import LANES, Kind, lane_of
from gateway.queue import LEAST, ActiveQueue
from gateway.stores.store import Waiting


def anything(route, kind):
    return True


class Bench:
    """A queue and its store; take() does what dispatch does: pops, and writes that they left."""

    def __init__(self, store, weights=None, window=20_000):
        self.store = store
        self.holds = set()
        self.weights = weights or {}
        self.number = 0
        self.queue = ActiveQueue(store, lambda a: self.weights.get(a, 1), lambda key: key in self.holds, window)
        self.now = NOW

    def made(self, count=1, cause=Cause.ADMIT, **fields):
        self.number += count
        given = {"due": self.now} | fields
        return [message(n, cause, **given) for n in range(self.number - count + 1, self.number + 1)]

    async def put(self, count=1, **fields):
        messages = self.made(count, **fields)
        await self.store.admit(messages)
        self.queue.offer(messages, self.now)
        return messages

    async def later(self, due):
        return (await self.put(cause=Cause.POSTPONE, due=due))[0]

    def pop(self, slots, bearer="orange", allowed=anything, lowest=LANES):
        messages = self.queue.pop(bearer, slots, self.now, allowed, lowest)
        self.left = self.store.apply([m.advance(Cause.TAKE) for m in messages])
        return messages

    async def take(self, slots, **how):
        messages = self.pop(slots, **how)
        await self.left
        return messages

    async def change(self, messages, cause):
        await self.store.apply([m.advance(cause) for m in messages])

    @property
    def memory(self):
        return sum(len(flow.ready) for flow in self.queue.flows())


def bench(scenario, tmp_path, **how):
    async def main():
        async with opened(tmp_path / "s.db") as store:
            await scenario(Bench(store, **how))

    run(main())


def ids(messages):
    return [m.id for m in messages]


# ── order ────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("window", [3, 7, 1000])
def test_a_flow_leaves_in_order_whatever_fits_in_memory(tmp_path, window):
    async def scenario(b):
        await b.put(40)
        seen = []
        for slots in (1, 3, 2, 10, 1, 100):
            seen += ids(await b.take(slots))
            if len(seen) < 30:
                await b.put(5)
        assert seen == list(range(1, b.number + 1))
        assert b.queue.count == b.memory == 0

    bench(scenario, tmp_path, window=window)


def test_lanes_go_by_kind_and_then_by_priority(tmp_path):
    async def scenario(b):
        lanes = [(kind, priority) for kind in Kind for priority in range(4)]
        for kind, priority in lanes:
            await b.put(1, kind=kind, priority=priority)
        seen = [lane_of(m.kind, m.priority) for m in await b.take(16)]
        assert seen == sorted(seen)
        assert len(seen) == 16
        assert b.queue.waiting_rank(b.now, anything) == LANES

    bench(scenario, tmp_path)


def test_only_what_the_bearer_may_carry(tmp_path):
    async def scenario(b):
        await b.put(2, route="north")
        await b.put(2, route="south", kind=Kind.OTP)
        north = lambda route, kind: route == "north"  # noqa: E731
        nothing = lambda route, kind: False  # noqa: E731
        assert b.queue.waiting_rank(b.now, north) == lane_of(Kind.TRANSACTIONAL, 0)
        assert b.queue.anything_waits(b.now, anything)
        assert not b.queue.anything_waits(b.now, nothing)
        assert ids(await b.take(9, allowed=north)) == [1, 2]
        assert await b.take(9, allowed=north) == []
        assert await b.take(9, lowest=0) == []
        assert ids(await b.take(9, lowest=4)) == [3, 4]

    bench(scenario, tmp_path)


def test_scheduled_messages_come_due_in_order(tmp_path):
    async def scenario(b):
        for offset in (500, 100, 300, 200, 400):
            await b.later(NOW + offset)
        assert b.pop(9) == []
        seen = []
        for offset in (99, 100, 250, 499, 500):
            b.now = NOW + offset
            seen.append([m.due - NOW for m in await b.take(9)])
        assert seen == [[], [100], [200], [300, 400], [500]]
        assert b.queue.count == 0

    bench(scenario, tmp_path)


def test_what_comes_at_once_is_found_beside_what_has_come_due(tmp_path):
    """A retry moves the flow's cursor by its time; a message for at once stands before it, and must be read."""

    async def scenario(b):
        retry = await b.later(NOW + 10)
        b.now = NOW + 20
        assert ids(await b.take(1)) == [retry.id]
        first = await b.put(2, due=0)
        rest = await b.put(5, due=0)  # the window holds two
        assert ids(await b.take(9)) == ids(first + rest)

    bench(scenario, tmp_path, window=2)


# ── shares ───────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("slots", [1, 7, 100])
def test_accounts_share_by_weight(tmp_path, slots):
    async def scenario(b):
        for account in "abc":
            await b.put(600, account=account)
        counts = Counter()
        while sum(counts.values()) < 600:
            counts.update(m.account for m in await b.take(slots))
        total = sum(counts.values())
        for account, weight in (("a", 1), ("b", 2), ("c", 5)):
            assert abs(counts[account] - total * weight / 8) <= 1 + slots / 8

    bench(scenario, tmp_path, weights={"a": 1, "b": 2, "c": 5}, window=50)


def test_weight_is_measured_in_segments(tmp_path):
    async def scenario(b):
        await b.put(60, account="long", parts=6)
        await b.put(300, account="short")
        segments = Counter()
        for _ in range(240):
            for m in await b.take(1):
                segments[m.account] += m.parts
        assert abs(segments["long"] - segments["short"]) <= 6

    bench(scenario, tmp_path)


def test_tags_take_turns_even_one_slot_at_a_time(tmp_path):
    async def scenario(b):
        b.holds.add(("all", Kind.TRANSACTIONAL, 0, "shop", "held"))
        await b.put(5, tag="held")
        for tag in "xyz":
            await b.put(20, tag=tag)
        seen = "".join([(await b.take(1))[0].tag for _ in range(30)])
        assert seen == "xyz" * 10

    bench(scenario, tmp_path)


def test_who_was_away_collects_no_past(tmp_path):
    async def scenario(b):
        await b.put(400, account="busy")
        await b.take(300)
        await b.put(50, account="back")
        seen = Counter(m.account for m in await b.take(40))
        assert abs(seen["busy"] - seen["back"]) <= 2

    bench(scenario, tmp_path)


def test_a_bearer_that_was_down_is_not_made_up_for(tmp_path):
    async def scenario(b):
        await b.put(100, account="south", route="south")
        await b.put(600, account="north", route="north")
        for _ in range(5):
            await b.take(100, allowed=lambda route, kind: route == "north")
        seen = Counter(m.account for m in await b.take(100))
        assert 40 <= seen["north"]

    bench(scenario, tmp_path)


# ── the floor ────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("slots", [1, 3, 20, 100])
def test_every_lower_lane_gets_a_twentieth(tmp_path, slots):
    async def scenario(b):
        for kind, count in ((Kind.OTP, 1000), (Kind.TRANSACTIONAL, 100), (Kind.MARKETING, 100)):
            await b.put(count, kind=kind)
        seen = Counter()
        while sum(seen.values()) < 800:
            got = b.pop(slots)
            assert len(got) == slots
            seen.update(m.kind for m in got)
        await b.left
        for kind in (Kind.TRANSACTIONAL, Kind.MARKETING):
            assert abs(seen[kind] - 0.05 * sum(seen.values())) <= 1 + 0.05 * slots

    bench(scenario, tmp_path)


def test_a_lower_lane_that_runs_dry_leaves_its_slots_to_the_others(tmp_path):
    async def scenario(b):
        await b.put(30, kind=Kind.OTP)
        await b.put(1, kind=Kind.MARKETING)
        assert len(await b.take(100)) == 31

    bench(scenario, tmp_path)


# ── what others did meanwhile ────────────────────────────────────────────────────────────────────────────
def test_given_back_goes_first_again_in_order(tmp_path):
    async def scenario(b):
        await b.put(10)
        out = await b.take(4)
        await b.change(out, Cause.GIVE_BACK)
        b.queue.give_back(out)
        assert b.queue.count == 10
        assert ids(await b.take(20)) == list(range(1, 11))

    bench(scenario, tmp_path, window=6)


def test_what_left_at_once_and_came_back_is_not_read_a_second_time(tmp_path):
    """It never stood in the queue, so its row lies behind no cursor."""

    async def scenario(b):
        straight = b.made(3, Cause.ADMIT_AT_ONCE, due=0)
        await b.store.admit(straight)
        await b.put(6)
        await b.change(straight, Cause.GIVE_BACK)
        b.queue.give_back(straight)
        assert ids(b.pop(2)) == [1, 2]
        assert ids(await b.take(20)) == [3, 4, 5, 6, 7, 8, 9]
        assert b.queue.count == 0

    bench(scenario, tmp_path, window=2)


def test_what_waits_in_other_hands_is_left_there(tmp_path):
    async def scenario(b):
        aside = b.made(1, Cause.ADMIT_AT_ONCE, due=0)
        await b.store.admit(aside)
        await b.change(aside, Cause.FAIL_OVER)
        b.queue.lay_aside(aside[0])
        await b.put(6)
        assert b.queue.loaded(1) is aside[0]
        assert ids(await b.take(20)) == [2, 3, 4, 5, 6, 7]
        b.queue.pick_up(aside[0])
        b.queue.give_back(aside)
        assert await b.take(1) == aside

    bench(scenario, tmp_path, window=1)


def test_the_cancelled_and_the_held_are_skipped(tmp_path):
    async def scenario(b):
        messages = await b.put(8)
        loaded, stored = messages[:4], messages[4:]
        assert [b.queue.loaded(m.id) is m for m in messages] == [True] * 4 + [False] * 4
        copies = await b.store.get(ids(stored))
        gone = [loaded[0], copies[5], copies[8]]
        for m in gone:
            b.queue.leave(m)
        cancelled = b.store.apply([m.advance(Cause.CANCEL) for m in gone])
        b.queue.leave(loaded[1])
        held = b.store.apply([loaded[1].advance(Cause.HOLD)])
        assert ids(b.pop(3)) == [3, 4, 6]
        await asyncio.gather(cancelled, held)
        b.queue.left(gone)
        assert ids(await b.take(9)) == [7]
        assert b.queue.count == 0
        await b.change([loaded[1]], Cause.RELEASE)
        b.queue.offer([loaded[1]], b.now)
        assert ids(await b.take(9)) == [2]

    bench(scenario, tmp_path, window=4)


def test_a_replaced_message_leaves_at_its_new_time(tmp_path):
    async def scenario(b):
        (m, _) = await b.put(2)
        m.due, m.payload = NOW + 100, b"new"
        await b.store.replace(m)
        assert ids(await b.take(9)) == [2]
        assert b.queue.count == 1
        b.now = NOW + 100
        (back,) = await b.take(9)
        assert (back.id, back.payload) == (1, b"new")

    bench(scenario, tmp_path)


def test_held_flows_wait_and_go_on(tmp_path):
    async def scenario(b):
        flow = ("all", Kind.TRANSACTIONAL, 0, "shop", "sale")
        await b.put(5, tag="sale")
        await b.put(2)
        b.holds.add(flow)
        b.queue.refresh_holds()
        assert ids(await b.take(9)) == [6, 7]
        await b.put(2, tag="sale")
        assert b.queue.waiting_rank(b.now, anything) == LANES
        assert await b.take(9) == []
        b.holds.clear()
        b.queue.refresh_holds()
        assert ids(await b.take(9)) == [1, 2, 3, 4, 5, 8, 9]

    bench(scenario, tmp_path, window=3)


def test_the_refused_and_the_held_are_not_offered(tmp_path):
    async def scenario(b):
        held = b.made(1, Cause.HOLD)
        await b.store.admit(held)
        b.queue.offer(held, b.now)
        b.queue.offer(b.made(1, Cause.REFUSE), b.now)
        assert b.queue.count == 0

    bench(scenario, tmp_path)


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
            future.add_done_callback(lambda _: (b.queue.give_back if back else lambda m: b.queue.offer(m, b.now))(messages))

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
                batch = [taken.pop(rnd.randrange(len(taken))) for _ in range(rnd.randrange(1, len(taken) + 1))]
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
        ended_in_memory = ended & b.queue._loaded.keys()  # these are counted until they are popped and skipped
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
    assert queue.pop("orange", 10, NOW, anything) == []
