"""What was told UNKNOWN and is known by its late id: how the store finds it, when memory knows it no more."""

import asyncio

import pytest
from core import Clock, core
from lating import LONG, doubted

from drivers.bearer import MessageState
from gateway.lifecycle import State


@pytest.mark.parametrize("keys", [["ab1"], ["17", "ab1"]])
def test_a_text_that_left_in_one_piece_is_known_by_its_id_after_a_restart_too(tmp_path, keys):
    """The store gives it its parts, of which none has left by itself."""

    async def story():
        clock = Clock()
        async with core(tmp_path, clock=clock, on_doubt="stop", road={"takes_whole": True}) as gw:
            m, (segment,) = await doubted(gw, text=LONG)
            gw.a.accept_late(segment, ids=["AB1"])
            await gw.settled()
            assert gw.state(m) is State.UNKNOWN
        async with core(tmp_path, clock=clock, on_doubt="stop", road={"takes_whole": True}) as gw:
            gw.a.receipt(keys[0], keys=keys)
            await gw.settled()
            assert (gw.row(m.id, "state, carrier_id"), gw.receipts.orphans) == ((State.DELIVERED, "AB1"), 0)
            assert gw.a.last.keys[gw.a.last.matched] == "ab1"
            assert not gw.mismatches

    asyncio.run(story())


def test_an_id_that_a_receipt_had_told_before_is_one_and_the_same_message(tmp_path):
    async def story():
        clock = Clock()
        async with core(tmp_path, clock=clock, on_doubt="wait") as gw:
            m, (segment,) = await doubted(gw)
            gw.a.receipt("x1", MessageState.ENROUTE, final=False)  # by its number
            await gw.passes(601)
            assert gw.row(m.id, "state, carrier_id") == (State.UNKNOWN, "x1")
            gw.a.accept_late(segment, ids=["x1"])
            await gw.settled()
        async with core(tmp_path, clock=clock, on_doubt="wait") as gw:
            gw.a.receipt("x1")
            await gw.settled()
            assert (gw.state(m), gw.receipts.ambiguous) == (State.DELIVERED, 0)

    asyncio.run(story())
