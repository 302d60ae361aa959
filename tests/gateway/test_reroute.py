"""Waiting messages whose route is gone find another."""

import asyncio

from core import core

from drivers.bearer import Remedy
from gateway.lifecycle import State
from gateway.reroute import reroute
from gateway.routing import Route, Router


async def routed(gw, *routes):
    gw.dispatcher.router = Router(list(routes))
    gw.outcomes.dissolve()
    return await reroute(gw.queue, gw.store, gw.desk, gw.dispatcher.router, gw.clock)


def test_memory_store_and_aside_all_move(tmp_path):
    async def story():
        async with core(tmp_path, ("a", "b", "c"), tiers=[["a"], ["b"]]) as gw:
            gw.b.window = 0
            aside = gw.sms(text=b"aside")
            await gw.submit(aside)
            gw.a.refuse(Remedy.NEXT_ROUTE)
            gw.a.window = 0
            await gw.passes(1)
            later = gw.sms(text=b"later", due=gw.clock.wall_ms() + 5000)
            await gw.submit(gw.sms(text=b"memory"), later)
            assert await routed(gw, Route("new", [["c"]])) == 3
            await gw.passes(1)
            assert sorted(gw.c.texts) == [b"aside", b"memory"]
            await gw.passes(5)
            assert gw.c.texts[-1] == b"later"
            assert not gw.mismatches

    asyncio.run(story())


def test_half_sent_stays_with_its_bearer(tmp_path):
    async def story():
        async with core(tmp_path, ("a", "c")) as gw:
            m = gw.sms(text=b"a" * 400)
            await gw.submit(m)
            gw.a.accept(gw.a.given[:1])
            gw.a.refuse(Remedy.SLOW_DOWN)
            await gw.settled()
            assert await routed(gw, Route("new", [["c"]]), Route("all", [["a"]])) == 0
            await gw.passes(3)
            assert ([s.part for s in gw.a.given], gw.c.seen) == ([1, 2], [])

    asyncio.run(story())


def test_what_no_route_takes_waits_and_leaves_when_one_comes_back(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            gw.a.link(False)
            m = gw.sms()
            await gw.submit(m)
            assert await routed(gw, Route("de", [["a"]], to=["+49"])) == 0
            gw.a.link(True)
            await gw.passes(60)
            assert gw.state(m) is State.QUEUED
            assert await routed(gw, Route("fr", [["a"]])) == 1
            await gw.passes(1)
            assert len(gw.a.seen) == 1

    asyncio.run(story())
