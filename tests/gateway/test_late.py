"""Answers that come after their segment was in doubt: what they settle, what they spare, and what they leave alone."""

import asyncio

import pytest
from core import Clock, core
from lating import LONG, doubted, late_rows

from drivers.bearer import MessageState, Remedy
from gateway.lifecycle import State
from gateway.outcomes import half_sent_of


async def down(gw):
    """What was in doubt waits in the queue to be sent again."""
    gw.a.window = 0
    await gw.passes(1)


# ── it waits in doubt ────────────────────────────────────────────────────────────────────────────────────────
def test_accepted_late_is_accepted(tmp_path):
    async def story():
        async with core(tmp_path, on_doubt="wait") as gw:
            m, (segment,) = await doubted(gw)
            gw.a.accept_late(segment, ids=["X1"])
            await gw.settled()
            assert gw.row(m.id, "state, carrier_id, tries, error, reason") == (
                State.ENROUTE,
                "X1",
                1,
                None,
                None,
            )
            assert gw.row(m.id, "sent_at")[0]
            assert len(gw.doubts) == 0
            assert late_rows(gw, m) == [(-2, 1, "X1", None)]
            await gw.passes(700)  # longer than a doubt waits
            assert gw.state(m) is State.ENROUTE
            gw.a.receipt("X1", keys=["x1"])
            await gw.settled()
            assert (gw.state(m), gw.owed()) == (State.DELIVERED, [(State.DELIVERED, "")])
            assert len(gw.a.seen) == 1
            assert not gw.mismatches

    asyncio.run(story())


def test_a_receipt_that_came_meanwhile_and_could_be_anothers_is_matched(tmp_path):
    """Two to one number are not guessed at; the late answer says which."""

    async def story():
        async with core(tmp_path, on_doubt="wait") as gw:
            one, two = gw.sms(), gw.sms()
            await gw.submit(one, two)
            first, second = gw.a.given
            gw.a.doubt()
            await gw.settled()
            gw.a.receipt("x2", MessageState.UNDELIVERABLE, code="007")
            await gw.settled()
            assert gw.receipts.orphans == 1
            gw.a.accept_late(second, first, ids=["x2", "x1"])
            await gw.settled()
            assert (gw.state(one), gw.state(two)) == (State.ENROUTE, State.UNDELIVERABLE)
            gw.a.receipt("x1")
            await gw.settled()
            assert gw.state(one) is State.DELIVERED
            assert not gw.mismatches

    asyncio.run(story())


@pytest.mark.parametrize(
    ("remedy", "state", "tries"),
    [
        (Remedy.RETRY, State.SCHEDULED, 1),
        (Remedy.NEXT_ROUTE, State.QUEUED, 1),
        (Remedy.GIVE_UP, State.REJECTED, 1),
        (Remedy.SLOW_DOWN, State.QUEUED, 0),
    ],
)
def test_refused_late_is_that_refusal(tmp_path, remedy, state, tries):
    async def story():
        async with core(tmp_path, ("a", "b"), tiers=[["a"], ["b"]], on_doubt="wait") as gw:
            gw.b.window = 0
            m, (segment,) = await doubted(gw)
            gw.a.window = 0
            gw.a.refuse_late(segment, remedy=remedy, code=11)
            await gw.settled()
            assert gw.row(m.id, "state, error, reason, tries") == (state, "11", "refused", tries or None)
            assert len(gw.doubts) == 0
            assert late_rows(gw, m) == [(-2, 1, None, "11")]
            gw.a.window = gw.b.window = 5
            await gw.passes(60)
            again = {
                Remedy.RETRY: (2, 0),
                Remedy.NEXT_ROUTE: (1, 1),
                Remedy.GIVE_UP: (1, 0),
                Remedy.SLOW_DOWN: (2, 0),
            }
            assert (len(gw.a.seen), len(gw.b.seen)) == again[remedy]
            assert not gw.mismatches

    asyncio.run(story())


def test_a_refusal_after_a_receipt_has_told_of_it_says_nothing(tmp_path):
    async def story():
        async with core(tmp_path, on_doubt="wait") as gw:
            m, (segment,) = await doubted(gw)
            gw.a.receipt("x9", MessageState.ENROUTE, final=False)  # by its number
            await gw.settled()
            gw.a.refuse_late(segment)
            await gw.passes(60)
            assert (gw.state(m), len(gw.a.seen), gw.outcomes.late.left) == (State.INFLIGHT, 1, 1)

    asyncio.run(story())


def test_it_counts_once(tmp_path):
    async def story():
        async with core(tmp_path, on_doubt="wait") as gw:
            m, (segment,) = await doubted(gw)
            gw.a.accept_late(segment)
            gw.a.refuse_late(segment, remedy=Remedy.GIVE_UP)
            gw.a.accept_late(segment, ids=["other"])
            await gw.settled()
            assert gw.row(m.id, "state, carrier_id") == (State.ENROUTE, "alate-1")

    asyncio.run(story())


def test_before_a_crash_it_is_as_it_was(tmp_path):
    """Who died before the commit finds the doubt; the connection is another, no answer comes."""

    async def story():
        clock = Clock()
        async with core(tmp_path, clock=clock, on_doubt="wait") as gw:
            m, _ = await doubted(gw)
        async with core(tmp_path, clock=clock, on_doubt="wait") as gw:
            assert gw.doubts.get(m.id) is not None
            await gw.passes(601)
            assert gw.state(m) is State.UNKNOWN

    asyncio.run(story())


# ── it waits to be sent again ────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("text", [b"short", LONG])
def test_what_waits_to_be_sent_again_is_not_sent(tmp_path, text):
    async def story():
        async with core(tmp_path, on_doubt="resend") as gw:
            m = gw.sms(text=text)
            await gw.submit(m)
            given = list(gw.a.given)
            gw.a.window = 0
            gw.a.doubt()
            await gw.passes(1)
            assert gw.state(m) is State.QUEUED
            ids = []
            for segment in given:
                ids += gw.a.accept_late(segment)
            await gw.settled()
            assert gw.state(m) is State.ENROUTE
            assert gw.store.read("SELECT count(*) FROM backlog") == [(0,)]
            gw.a.window = 10
            await gw.passes(60)
            assert len(gw.a.seen) == len(given)
            assert (gw.queue.count, gw.outcomes.aside, gw.queue.loaded(m.id)) == (0, [], None)
            for carrier_id in ids:
                gw.a.receipt(carrier_id)
            await gw.settled()
            assert gw.state(m) is State.DELIVERED
            assert not gw.mismatches

    asyncio.run(story())


def test_half_a_text_that_waits_for_its_bearer_is_not_sent_again(tmp_path):
    async def story():
        async with core(tmp_path, on_doubt="resend") as gw:
            m = gw.sms(text=LONG)
            await gw.submit(m)
            one, two, three = gw.a.given
            gw.a.window = 0
            gw.a.accept([two])
            gw.a.doubt()
            await gw.passes(1)
            assert half_sent_of(m)
            gw.a.accept_late(one)
            await gw.settled()
            assert gw.state(m) is State.QUEUED  # all, or as before
            gw.a.accept_late(three)
            await gw.settled()
            assert gw.state(m) is State.ENROUTE
            gw.a.window = 10
            await gw.passes(60)
            assert (len(gw.a.seen), gw.outcomes.aside) == (3, [])
            assert not gw.mismatches

    asyncio.run(story())


def test_a_receipt_that_came_first_ends_what_waits_to_be_sent_again(tmp_path):
    async def story():
        async with core(tmp_path, on_doubt="resend") as gw:
            m = gw.sms()
            await gw.submit(m)
            (segment,) = gw.a.given
            gw.a.window = 0
            gw.a.doubt()
            await gw.settled()
            gw.a.receipt("x1")
            await gw.settled()
            assert gw.receipts.orphans == 1
            gw.a.accept_late(segment, ids=["x1"])
            await gw.settled()
            assert (gw.state(m), gw.owed()) == (State.DELIVERED, [(State.DELIVERED, "")])
            assert not gw.mismatches

    asyncio.run(story())


def test_a_text_that_was_replaced_meanwhile_leaves_as_it_is_now(tmp_path):
    async def story():
        async with core(tmp_path, on_doubt="resend") as gw:
            m = gw.sms(text=b"one")
            await gw.submit(m)
            (segment,) = gw.a.given
            gw.a.window = 0
            gw.a.doubt()
            await gw.passes(1)
            await gw.desk.replace(m, gw.sms(text=b"two"))
            gw.a.accept_late(segment)
            gw.a.window = 10
            await gw.passes(1)
            assert gw.a.texts == [b"one", b"two"]

    asyncio.run(story())


@pytest.mark.parametrize("ended", ["cancel", "hold", "opt_out"])
def test_who_was_taken_out_of_the_queue_stays_what_he_is(tmp_path, ended):
    async def story():
        async with core(tmp_path, on_doubt="resend") as gw:
            m = gw.sms()
            await gw.submit(m)
            (segment,) = gw.a.given
            gw.a.window = 0
            gw.a.doubt()
            await gw.passes(1)
            _ = await getattr(gw.desk, ended)([m], "asked")
            before = gw.state(m)
            gw.a.accept_late(segment)
            await gw.settled()
            assert gw.state(m) is before is not State.QUEUED
            assert not gw.mismatches

    asyncio.run(story())


# ── it was sent again ────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("how", ["accepted", "refused"])
def test_an_answer_to_the_try_before_settles_nothing(tmp_path, how):
    """Neither the second try on the wire, nor what is in doubt again."""

    async def story():
        async with core(tmp_path, on_doubt="resend") as gw:
            m, (first,) = await doubted(gw)
            await gw.passes(1)
            second = gw.a.given[0]
            answer = gw.a.accept_late if how == "accepted" else gw.a.refuse_late
            answer(first)
            await gw.settled()
            assert (gw.state(m), gw.a.given) == (State.INFLIGHT, [second])
            assert gw.outcomes.late.left == 1
            gw.a.accept([second])
            await gw.settled()
            assert gw.row(m.id, "state, carrier_id, tries") == (State.ENROUTE, "a1", 2)
            gw.a.receipt(
                "alate-1", MessageState.UNDELIVERABLE
            )  # of the first: the second may yet be delivered
            await gw.settled()
            assert gw.state(m) is State.ENROUTE
            gw.a.receipt("a1")
            await gw.settled()
            assert gw.state(m) is State.DELIVERED

    asyncio.run(story())


@pytest.mark.parametrize("text", [b"short", LONG])
def test_nor_one_that_waits_in_doubt_for_its_last_try(tmp_path, text):
    async def story():
        async with core(tmp_path, on_doubt="resend") as gw:
            m, first = await doubted(gw, text=text)
            await gw.passes(1)
            gw.doubts._action_of = lambda *_: "wait"  # the account was reloaded
            second = list(gw.a.given)
            gw.a.doubt()
            await gw.settled()
            gw.a.accept_late(*first)
            await gw.settled()
            assert (gw.state(m), len(gw.doubts)) == (State.INFLIGHT, 1)
            gw.a.accept_late(*second)
            await gw.settled()
            assert (gw.state(m), len(gw.doubts)) == (State.ENROUTE, 0)

    asyncio.run(story())


# ── its doubt has ended ──────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("state", [MessageState.DELIVERED, MessageState.UNDELIVERABLE])
@pytest.mark.parametrize("text", [b"short", LONG])
@pytest.mark.parametrize("restarts", [False, True])
def test_what_was_told_unknown_is_corrected_by_its_receipt(tmp_path, text, state, restarts):
    async def story():
        clock = Clock()
        async with core(tmp_path, clock=clock, on_doubt="stop") as gw:
            m, segments = await doubted(gw, text=text)
            assert gw.state(m) is State.UNKNOWN
            ids = gw.a.accept_late(*segments)
            await gw.settled()
            assert (gw.state(m), len(gw.owed())) == (State.UNKNOWN, 1)
            if not restarts:
                await receipts(gw, ids)
                assert gw.row(m.id, "state")[0] == state
        if restarts:
            async with core(tmp_path, clock=clock, on_doubt="stop") as gw:
                await receipts(gw, ids)
                assert gw.row(m.id, "state")[0] == state
                assert not gw.mismatches

    async def receipts(gw, ids):
        for carrier_id in ids:
            gw.a.receipt(carrier_id, state)
        await gw.settled()
        assert gw.receipts.orphans == 0
        assert len(gw.owed()) == 1  # told once; late_receipts would tell the correction

    asyncio.run(story())


def test_a_late_refusal_of_what_was_told_unknown_changes_nothing(tmp_path):
    async def story():
        async with core(tmp_path, on_doubt="stop") as gw:
            m, (segment,) = await doubted(gw)
            gw.a.refuse_late(segment)
            await gw.passes(60)
            assert (gw.state(m), len(gw.a.seen)) == (State.UNKNOWN, 1)

    asyncio.run(story())


def test_answers_are_known_for_a_quarter_of_an_hour(tmp_path):
    async def story():
        async with core(tmp_path, on_doubt="stop") as gw:
            m, (segment,) = await doubted(gw)
            await gw.passes(901)
            gw.a.accept_late(segment, ids=["x1"])
            await gw.settled()
            assert (gw.outcomes.late.left, gw.outcomes.late._doubted) == (1, {})
            gw.a.receipt("x1")
            await gw.settled()
            assert gw.state(m) is State.UNKNOWN

    asyncio.run(story())


def test_a_late_answer_says_nothing_of_the_link(tmp_path):
    async def story():
        async with core(tmp_path, on_doubt="stop") as gw:
            _, (segment,) = await doubted(gw)
            road = gw.dispatcher.roads["a"]
            before = road.last_accept, road.health.troubled_at
            gw.clock.pass_(5)
            gw.a.accept_late(segment)
            assert (road.last_accept, road.health.troubled_at) == before

    asyncio.run(story())
