"""The active window over a real store: order, shares, the floor, a bounded memory, and each message once."""

import asyncio
from collections import Counter

import pytest
from making import NOW
from queueing import anything, bench, ids

from gateway.lanes import EACH
from gateway.lifecycle import Cause
from gateway.model import LANES, Kind, lane_of


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
        assert await b.take((0, 0, 0, 0)) == []
        assert ids(await b.take((9, 0, 0, 0))) == [3, 4]

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
        assert seen["north"] >= 40

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


@pytest.mark.parametrize("parts", [1, 3])
def test_the_floor_counts_segments_of_long_texts(tmp_path, parts):
    """One place at a time: a text of three takes three segments all the same, and pays for them."""

    async def scenario(b):
        await b.put(400, kind=Kind.OTP, parts=3)
        await b.put(200, parts=parts)
        await b.put(200, kind=Kind.MARKETING, parts=parts)
        seen = [m for _ in range(400) for m in await b.take(1)]
        left = [m.kind for m in seen for _ in range(m.parts)]
        for kind in (Kind.TRANSACTIONAL, Kind.MARKETING):
            assert abs(left.count(kind) / len(left) - 0.05) < 0.01
            runs = "".join("x" if k is kind else "." for k in left).split("x")
            assert max(map(len, runs)) <= (EACH + 5) * parts

    bench(scenario, tmp_path)


def test_what_goes_past_the_queue_is_counted_for_each_lane_that_waits(tmp_path):
    async def scenario(b):
        await b.put(100)
        await b.put(100, kind=Kind.MARKETING)
        seen, passed = Counter(), 0
        for _ in range(200):
            passed += max(0, b.queue.slack("orange"))
            (m,) = b.pop(1, passed=max(0, b.queue.slack("orange")))
            seen[m.kind] += 1
            if sum(seen.values()) > 60:
                break
        await b.left
        assert min(seen.values()) >= 0.05 * (passed + sum(seen.values())) - 2, (seen, passed)

    bench(scenario, tmp_path)


def test_one_that_is_overdue_gets_what_is_kept_for_those_that_pass_it(tmp_path):
    """And only then: what is kept for OTPs is not for the floor among others."""

    async def scenario(b):
        await b.put(300, kind=Kind.OTP)
        await b.put(50, kind=Kind.MARKETING)
        seen = [(await b.take((1, 0, 0, 0)))[0].kind for _ in range(200)]
        assert seen.count(Kind.MARKETING) == pytest.approx(10, abs=1)
        owed = set()
        while not owed:
            (m,) = b.pop((1, 0, 0, 0), owed=owed)
        assert (owed, m.kind) == ({m.id}, Kind.MARKETING)
        await b.left

    bench(scenario, tmp_path)


def test_nor_does_it_draw_on_what_is_kept_for_a_kind_that_does_not_wait(tmp_path):
    async def scenario(b):
        await b.put(100)
        await b.put(100, kind=Kind.MARKETING)
        for _ in range(60):
            await b.take((1, 1, 1, 0))
        assert await b.take((1, 0, 0, 0)) == []

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
