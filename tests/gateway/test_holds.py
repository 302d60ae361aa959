"""Flows that operators hold."""

import asyncio

import pytest
from core import Clock, core

from gateway.holds import Holds
from gateway.model import Kind


@pytest.mark.parametrize(
    ("hold", "stays"),
    [(("", "", "", "promo"), 1), (("", "", "shop", ""), 1), (("", "marketing", "", ""), 1), (("all", "", "", ""), 1),
     (("", "otp", "", ""), 0), (("", "", "bank", ""), 0), (("all", "marketing", "shop", "other"), 0)],
)  # fmt: skip
def test_a_hold_keeps_its_flow_over_a_restart(tmp_path, hold, stays):
    async def story():
        clock = Clock()
        async with core(tmp_path, clock=clock) as gw:
            gw.a.link(False)
            await Holds(gw.store).add(hold)
            await gw.submit(gw.sms(kind=Kind.MARKETING, tag="promo"))
        held = []
        async with core(tmp_path, (), clock, held=lambda key: any(h.matches(key) for h in held)) as gw:
            holds = Holds(gw.store)
            assert list(holds) == [hold]
            held.append(holds)
            gw.queue.refresh_holds()
            gw.add("a")
            await gw.passes(1)
            assert len(gw.a.seen) == 1 - stays
            await holds.drop(hold)
            gw.queue.refresh_holds()
            await gw.passes(1)
            assert len(gw.a.seen) == 1
            assert holds.drop(hold) is None

    asyncio.run(story())


def test_a_hold_says_what(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            holds = Holds(gw.store)
            for hold in (("", "", "", ""), ("", "sms", "", "")):
                with pytest.raises(ValueError, match=r"say what|use otp"):
                    holds.add(hold)
            assert list(holds) == []

    asyncio.run(story())
