"""The floor at the hand-over: a twentieth for each lane that waits, straight-through traffic and a reserve or not."""

import asyncio

import pytest
from core import core

from drivers.bearer import Remedy
from gateway.model import Kind


def test_lower_lanes_keep_a_twentieth_beside_straight_through_traffic(tmp_path):
    async def story():
        async with core(tmp_path, road={"rate": 100}) as gw:
            await gw.submit(*(gw.sms(kind=Kind.MARKETING) for _ in range(400)))
            await gw.passes(1)
            begin = len(gw.a.seen)
            for _ in range(200):
                await gw.submit(gw.sms(kind=Kind.OTP), gw.sms(kind=Kind.OTP))
                await gw.passes(0.02)
                gw.a.accept()
            late = [s.context.kind for s in gw.a.seen[begin:]]
            share = late.count(Kind.MARKETING) / len(late)
            assert 0.04 <= share <= 0.2, share

    asyncio.run(story())


async def saturated(gw, count, step, each):
    """OTPs come faster than the rate; (when, kind) of each segment that left in so many steps."""
    left = []
    gw.a.on_submit = lambda segments: left.extend((gw.clock.now(), s.context.kind) for s in segments)
    for _ in range(count):
        await gw.submit(*(gw.sms(kind=Kind.OTP, to=f"+336{n:08d}") for n in range(each)))
        gw.clock.pass_(step)
        gw.dispatcher.pump_all()
        await gw.settled()
        gw.a.accept()
        await gw.settled()
    return left


def longest_without(kind, left):
    return max(map(len, "".join("x" if k is kind else "." for _, k in left).split("x")))


@pytest.mark.parametrize("reserve", [{}, {Kind.OTP: 1}, {Kind.OTP: 3, Kind.ALERT: 2}])
@pytest.mark.parametrize(("rate", "step", "each"), [(20, 0.02, 1), (100, 0.005, 1), (100, 0.05, 7)])
def test_nobody_starves_while_otps_saturate_a_rate_of_which_slots_are_kept(
    tmp_path, reserve, rate, step, each
):
    """The floor at the hand-over, for each lane; and the rate is exact all the same."""

    async def story():
        async with core(tmp_path, road={"rate": rate, "reserve": reserve}) as gw:
            lower = (Kind.TRANSACTIONAL, Kind.MARKETING)
            await gw.submit(*(gw.sms(kind=kind) for kind in lower for _ in range(150)))
            await gw.passes(2)
            left = await saturated(gw, round(400 / rate / step), step, each)
            for kind in lower:
                assert longest_without(kind, left[40:]) <= 26
                assert [k for _, k in left].count(kind) / len(left) >= 0.045
            times = [at for at, _ in left]
            assert all(after - at > 1 for at, after in zip(times, times[rate:], strict=False))
            assert not gw.dispatcher.roads["a"].owed

    asyncio.run(story())


def test_what_stands_ready_is_not_passed_for_ever(tmp_path):
    """Behind it nothing waits; the slots that it may have are always taken when one is free."""

    async def story():
        async with core(tmp_path, road={"rate": 20, "reserve": {Kind.OTP: 1}}) as gw:
            await gw.submit(*(gw.sms(kind=Kind.OTP) for _ in range(18)))
            gw.a.accept()
            await gw.submit(gw.sms(), gw.sms())
            left = await saturated(gw, 200, 0.02, 1)
            assert [kind for _, kind in left[:50]].count(Kind.TRANSACTIONAL) == 2, left[:50]

    asyncio.run(story())


def test_nor_what_stands_aside(tmp_path):
    async def story():
        roads = {"rate": 20, "reserve": {Kind.OTP: 1}}
        async with core(tmp_path, ("a", "b"), tiers=[["a", "b"]], road=roads) as gw:
            gw.b.link(False)
            await gw.submit(*(gw.sms(kind=Kind.OTP) for _ in range(20)))  # this second of a's is full
            gw.b.link(True)
            await gw.submit(gw.sms())
            gw.b.refuse(Remedy.NEXT_ROUTE)
            await gw.settled()
            gw.b.link(False)
            left = await saturated(gw, 200, 0.02, 1)
            assert Kind.TRANSACTIONAL in [kind for _, kind in left[:40]]

    asyncio.run(story())


@pytest.mark.parametrize("why", ["silent", "too busy", "too busy, and gone"])
def test_a_turn_that_could_not_leave_comes_again(tmp_path, why):
    """It stood ready when the carrier stopped answering: it is owed yet, and no whole twentieth later."""

    async def story():
        async with core(tmp_path, road={"rate": 1000, "window": 0}) as gw:
            road = gw.dispatcher.roads["a"]
            await gw.submit(gw.sms())
            await gw.submit(*(gw.sms(kind=Kind.OTP, to=f"+336{n:08d}") for n in range(60)))

            async def next_one(window):
                """Whoever is taken; `window` is what the carrier lets through when that is written."""
                gw.a.window = 1
                gw.clock.pass_(0.1)
                gw.dispatcher.pump(road)
                gw.a.window = window
                await gw.settled()

            for _ in range(60):
                await next_one(0)
                if road.fed():
                    break
                gw.a.window = 1
                gw.dispatcher.pump(road)
                if why == "silent" or len(gw.a.seen) < 19:
                    gw.a.accept()
            assert road.fed()
            if why == "silent":
                gw.dispatcher.closed(road)
            else:
                gw.a.refuse(Remedy.SLOW_DOWN)
                if why == "too busy, and gone":
                    gw.dispatcher.closed(road)
            await gw.settled()
            assert not road.staged_count
            gw.clock.pass_(60)
            before = len(gw.a.seen)
            for _ in range(2):
                await next_one(1)
                gw.a.accept()
            assert Kind.TRANSACTIONAL in [s.context.kind for s in gw.a.seen[before:]]

    asyncio.run(story())
