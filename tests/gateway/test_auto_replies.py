"""Answers of our own: kept until they are submitted, sent once, over a restart too."""

import asyncio

from core import Clock
from stopping import sent, shop, stopping

from gateway.routing import Router
from gateway.stores.reply_table import ReplyTable

KEYWORDS = {"INFO": "Boutique"}


def waiting(gw):
    return [(reply.destination, reply.payload) for reply in ReplyTable(gw.store).all()]


def full(account):
    """Its rate is spent, so that the next message finds no room."""
    return account.intake.submit(account.shop, [account.sms("+33600000009")])


def test_an_answer_without_room_outlives_the_process_and_is_sent_once(tmp_path):
    async def story():
        clock = Clock()
        async with stopping(tmp_path, clock=clock, accounts=[shop(rate=1, keywords=KEYWORDS)]) as gw:
            full(gw)
            await gw.a.mo(b"STOP")
            await gw.a.mo(b"INFO", source="+33600000001")
            await gw.settled()
            assert [number for number, _ in waiting(gw)] == ["+33612345678", "+33600000001"]
            gw.a.accept()
            await gw.settled()
        clock.pass_(5.0)
        async with stopping(tmp_path, clock=clock, accounts=[shop(keywords=KEYWORDS)]) as gw:
            gw.stops.turn()
            await gw.settled()
            assert len(sent(gw)) == 2
            assert waiting(gw) == []
            gw.stops.turn()
            await gw.settled()
            assert len(sent(gw)) == 2

    asyncio.run(story())


def test_one_that_was_submitted_just_before_a_crash_is_not_sent_again(tmp_path):
    async def story():
        clock = Clock()
        async with stopping(tmp_path, clock=clock, accounts=[shop(keywords=KEYWORDS)]) as gw:
            gw.stops._replies._table.drop = lambda _: None  # the crash comes before its row is gone
            await gw.a.mo(b"INFO")
            await gw.settled()
            assert (len(sent(gw)), len(waiting(gw))) == (1, 1)
        async with stopping(tmp_path, clock=clock, accounts=[shop(keywords=KEYWORDS)]) as gw:
            gw.stops.turn()
            await gw.settled()
            assert (gw.store.read("SELECT count(*) FROM message"), waiting(gw)) == ([(1,)], [])

    asyncio.run(story())


def test_after_ten_minutes_it_is_given_up(tmp_path):
    async def story():
        async with stopping(tmp_path, accounts=[shop(rate=0.001, keywords=KEYWORDS)]) as gw:
            full(gw)
            await gw.a.mo(b"INFO")
            await gw.settled()
            gw.clock.pass_(599.0)
            gw.stops.turn()
            await gw.settled()
            assert len(waiting(gw)) == 1
            gw.clock.pass_(2.0)
            gw.stops.turn()
            await gw.settled()
            assert (waiting(gw), len(sent(gw))) == ([], 1)

    asyncio.run(story())


def test_nothing_is_kept_for_an_account_that_is_gone_or_may_not_send(tmp_path):
    async def story():
        async with stopping(tmp_path, accounts=[shop(keywords=KEYWORDS)]) as gw:
            (account,) = gw.accounts.values()
            gw.dispatcher.router = Router(())
            await gw.a.mo(b"INFO")  # no route
            await gw.settled()
            assert waiting(gw) == []
            gw.accounts.clear()
            gw.stops._account_of = lambda _: account
            await gw.a.mo(b"INFO", source="+33600000001")
            await gw.settled()
            assert (waiting(gw), sent(gw)) == ([], [])

    asyncio.run(story())
