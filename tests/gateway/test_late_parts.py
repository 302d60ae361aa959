"""Late answers to the parts of a text: each counts for its part, and all together for the text."""

import asyncio

import pytest
from core import core
from lating import LONG, doubted, late_rows

from drivers.bearer import Remedy
from gateway.lifecycle import State


@pytest.mark.parametrize("together", [True, False])
def test_a_text_is_accepted_when_each_part_is(tmp_path, together):
    async def story():
        async with core(tmp_path, on_doubt="wait") as gw:
            m = gw.sms(text=LONG)
            await gw.submit(m)
            one, two, three = gw.a.given
            gw.a.accept([two])
            gw.a.doubt()
            await gw.settled()
            if together:
                gw.a.accept_late(three, one, ids=["x3", "x1"])
            else:
                gw.a.accept_late(three, ids=["x3"])
                await gw.settled()
                assert (gw.state(m), len(gw.doubts)) == (State.INFLIGHT, 1)
                gw.a.accept_late(one, ids=["x1"])
            await gw.settled()
            assert (gw.state(m), len(gw.doubts), gw.outcomes.long) == (State.ENROUTE, 0, {})
            assert late_rows(gw, m) == [(-3, 1, "x1", None), (-5, 1, "x3", None)]
            for carrier_id in ("x1", "x3", "a1"):
                assert gw.state(m) is State.ENROUTE
                gw.a.receipt(carrier_id)
                await gw.settled()
            assert gw.state(m) is State.DELIVERED
            assert len(gw.a.seen) == 3
            assert not gw.mismatches

    asyncio.run(story())


@pytest.mark.parametrize("action", ["wait", "resend"])
def test_a_part_that_is_answered_late_while_the_others_are_on_the_wire(tmp_path, action):
    async def story():
        async with core(tmp_path, on_doubt=action) as gw:
            m = gw.sms(text=LONG)
            await gw.submit(m)
            one, two, three = gw.a.given
            gw.a.doubt([one])
            gw.a.accept_late(one, ids=["x1"])
            gw.a.accept([three, two])
            await gw.settled()
            assert (gw.state(m), gw.outcomes.long) == (State.ENROUTE, {})
            for carrier_id in ("x1", "a1", "a2"):
                gw.a.receipt(carrier_id)
            await gw.settled()
            assert (gw.state(m), len(gw.a.seen)) == (State.DELIVERED, 3)

    asyncio.run(story())


def test_the_part_that_was_refused_late_is_sent_again_alone(tmp_path):
    async def story():
        async with core(tmp_path, on_doubt="wait") as gw:
            m, (one, two, three) = await doubted(gw, text=LONG)
            gw.a.refuse_late(two, remedy=Remedy.RETRY)
            await gw.passes(60)
            assert (gw.state(m), len(gw.a.seen)) == (State.INFLIGHT, 3)  # the others are in doubt still
            gw.a.accept_late(three, one)
            await gw.passes(60)
            assert [segment.part for segment in gw.a.seen[3:]] == [1]
            gw.a.accept()
            await gw.settled()
            assert gw.state(m) is State.ENROUTE
            assert not gw.mismatches

    asyncio.run(story())


def test_a_part_that_is_refused_for_good_ends_the_text(tmp_path):
    async def story():
        async with core(tmp_path, on_doubt="wait") as gw:
            m, (_, two, _) = await doubted(gw, text=LONG)
            gw.a.refuse_late(two, remedy=Remedy.GIVE_UP)
            await gw.settled()
            assert (gw.state(m), len(gw.doubts), gw.outcomes.long) == (State.REJECTED, 0, {})

    asyncio.run(story())


def test_a_part_whose_receipts_were_matched_by_number_is_left_to_them(tmp_path):
    """Which part the receipt was of is a guess: an id that is given to another one would leave one without a word."""

    async def story():
        async with core(tmp_path, on_doubt="wait") as gw:
            m, (one, two, three) = await doubted(gw, text=LONG)
            gw.a.receipt("x2")  # taken for the first part's
            await gw.settled()
            gw.a.accept_late(one, two, three, ids=["x1", "x2", "x3"])
            await gw.settled()
            assert (gw.state(m), gw.outcomes.late.left) == (State.INFLIGHT, 3)
            gw.a.receipt("x3")
            gw.a.receipt("x1")
            await gw.settled()
            assert gw.state(m) is State.DELIVERED

    asyncio.run(story())
