"""What bearers answer: remedies, tries, pauses, doubt, and the end of a bearer."""

import asyncio

import pytest
from core import Clock, core

from drivers.bearer import MessageState, Remedy
from gateway.lifecycle import State
from gateway.routing import Route, Router

LONG = b"a" * 400


def test_next_route_tries_every_bearer_once_then_rejects(tmp_path):
    async def story():
        async with core(tmp_path, ("a", "b", "c"), tiers=[["a", "b"], ["c"]]) as gw:
            m = gw.sms()
            await gw.submit(m)
            order = []
            for _ in range(5):
                for bearer in (gw.a, gw.b, gw.c):
                    if bearer.given:
                        order.append(bearer.name)
                        bearer.refuse(Remedy.NEXT_ROUTE, 0x0B)
                        await gw.settled()
                await gw.passes(1)
            assert sorted(order) == ["a", "b", "c"]
            assert gw.state(m) is State.REJECTED
            assert gw.owed() == [(State.REJECTED, "11")]
            assert not gw.outcomes.avoid
            assert not gw.mismatches

    asyncio.run(story())


def test_next_route_goes_on_though_tries_are_spent(tmp_path):
    async def story():
        async with core(tmp_path, ("a", "b"), tiers=[["a"], ["b"]], road={"tries": 1}) as gw:
            m = gw.sms()
            await gw.submit(m)
            gw.a.refuse(Remedy.NEXT_ROUTE)
            await gw.passes(1)
            gw.b.accept()
            await gw.settled()
            assert (gw.state(m), gw.outcomes.avoid) == (State.ENROUTE, {})

    asyncio.run(story())


def test_a_bearer_that_refused_is_avoided_at_the_retry_too(tmp_path):
    async def story():
        async with core(tmp_path, ("a", "b"), tiers=[["a"], ["b"]]) as gw:
            await gw.submit(gw.sms())
            gw.a.refuse(Remedy.NEXT_ROUTE)
            await gw.passes(1)
            gw.b.refuse(Remedy.RETRY)
            await gw.settled()
            await gw.passes(5)
            assert not gw.b.given
            await gw.passes(20)
            assert (len(gw.a.seen), len(gw.b.given)) == (1, 1)

    asyncio.run(story())


def test_retry_waits_longer_each_time_and_ends_undeliverable(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            m = gw.sms()
            await gw.submit(m)
            waits = []
            for _ in range(3):
                gw.a.refuse(Remedy.RETRY, 0x64)
                await gw.settled()
                if gw.state(m) is State.SCHEDULED:
                    waits.append(gw.row(m.id, "due")[0] - gw.clock.wall_ms())
                    await gw.passes(waits[-1] / 1000 - 1)
                    assert not gw.a.given
                    await gw.passes(1.1)
                    assert len(gw.a.given) == 1
            assert waits == [10_000, 20_000]
            assert gw.row(m.id, "state, tries") == (State.UNDELIVERABLE, 3)
            assert gw.owed() == [(State.UNDELIVERABLE, "100")]

    asyncio.run(story())


def test_give_up_rejects_at_once(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            m = gw.sms(registered=0)
            await gw.submit(m)
            gw.a.refuse(Remedy.GIVE_UP, 0x0B, text="bad number")
            await gw.settled()
            assert gw.row(m.id, "state, error, reason") == (State.REJECTED, "11", "bad number")
            assert gw.owed() == []

    asyncio.run(story())


def test_slow_down_pauses_keeps_the_order_and_burns_no_try(tmp_path):
    async def story():
        async with core(tmp_path, road={"rate": 50, "window": 4}) as gw:
            messages = [gw.sms(text=b"%d" % n) for n in range(12)]
            await gw.submit(*messages)
            assert gw.a.texts == [b"0", b"1", b"2"][: len(gw.a.seen)]
            refused = len(gw.a.given)
            for segment in list(gw.a.given):  # each answer in a chunk of its own
                gw.a.refuse(Remedy.SLOW_DOWN, 0x58, [segment])
                await gw.settled()
            await gw.passes(0.2)
            assert len(gw.a.seen) == refused
            assert all(m.tries == 0 for m in messages if m.state is State.QUEUED)
            for _ in range(100):
                await gw.passes(0.2)
                gw.a.accept()
            assert gw.a.texts[refused:] == [b"%d" % n for n in range(12)]
            assert all(m.tries == 1 for m in messages)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("action", "state", "owed"),
    [("resend", State.QUEUED, 0), ("stop", State.UNKNOWN, 1), ("wait", State.INFLIGHT, 0)],
)
def test_doubt_goes_by_the_account(tmp_path, action, state, owed):
    async def story():
        async with core(tmp_path, on_doubt=action) as gw:
            gw.a.window = 1
            m = gw.sms()
            await gw.submit(m)
            gw.a.doubt()
            gw.a.window = 0
            await gw.settled()
            assert (gw.state(m), len(gw.owed())) == (state, owed)
            gw.a.window = 5
            await gw.passes(1)
            assert len(gw.a.seen) == (2 if action == "resend" else 1)

    asyncio.run(story())


def test_run_that_ends_leaves_doubt_and_begins_again(tmp_path):
    async def story():
        async with core(tmp_path, on_doubt="stop") as gw:
            m = gw.sms()
            await gw.submit(m)
            gw.a.dies.set()
            await asyncio.sleep(0.01)
            await gw.settled()
            assert gw.state(m) is State.UNKNOWN
            assert not gw.dispatcher.roads["a"].unanswered
            assert gw.dispatcher.roads["a"].health.reason == "driver.failed"

    asyncio.run(story())


@pytest.mark.parametrize("how", ["receipt", "receipt after a notice", "late answer", "time"])
def test_the_wait_of_a_doubtful_message_ends(tmp_path, how):
    async def story():
        async with core(tmp_path, on_doubt="wait") as gw:
            m = gw.sms()
            await gw.submit(m)
            segment = gw.a.given[0]
            gw.a.doubt()
            await gw.settled()
            if how == "late answer":
                gw.a.accept([segment])
                await gw.settled()
                assert gw.state(m) is State.ENROUTE
                await gw.passes(700)
                assert gw.state(m) is State.ENROUTE
                return
            if how == "receipt after a notice":
                gw.a.receipt("x9", MessageState.ENROUTE, final=False)
                await gw.settled()
                assert gw.state(m) is State.INFLIGHT
            if how != "time":
                gw.a.receipt("x9")
                await gw.settled()
                assert gw.state(m) is State.DELIVERED
                gw.a.receipt("x9")
                await gw.passes(700)
                assert (gw.receipts.duplicates, len(gw.owed())) == (1, 1)
                return
            await gw.passes(599)
            assert gw.state(m) is State.INFLIGHT
            await gw.passes(2)
            assert gw.state(m) is State.UNKNOWN
            assert [state for state, _ in gw.owed()] == [State.UNKNOWN]

    asyncio.run(story())


def test_a_notice_does_not_keep_a_doubtful_message_for_ever(tmp_path):
    async def story():
        async with core(tmp_path, on_doubt="wait") as gw:
            m = gw.sms()
            await gw.submit(m)
            gw.a.doubt()
            await gw.settled()
            gw.a.receipt("x9", MessageState.ENROUTE, final=False)
            await gw.passes(601)
            assert gw.state(m) is State.UNKNOWN

    asyncio.run(story())


def test_two_doubtful_messages_to_one_number_are_not_guessed(tmp_path):
    async def story():
        async with core(tmp_path, on_doubt="wait") as gw:
            await gw.submit(gw.sms(), gw.sms())
            gw.a.doubt()
            await gw.settled()
            gw.a.receipt("x9")
            await gw.settled()
            assert gw.receipts.orphans == 1
            assert len(gw.doubts) == 2

    asyncio.run(story())


def test_the_doubtful_part_takes_the_receipt_that_only_the_number_names(tmp_path):
    async def story():
        async with core(tmp_path, on_doubt="wait") as gw:
            m = gw.sms(text=LONG)
            await gw.submit(m)
            first = gw.a.accept(gw.a.given[:1])[0]
            gw.a.doubt()
            await gw.settled()
            for carrier_id in ("x1", first, "x2"):
                assert gw.state(m) is State.INFLIGHT
                gw.a.receipt(carrier_id)
                await gw.settled()
            assert gw.state(m) is State.DELIVERED
            assert gw.owed() == [(State.DELIVERED, "")]

    asyncio.run(story())


@pytest.mark.parametrize("action", ["resend", "stop", "wait"])
def test_a_restart_finds_what_was_on_the_wire(tmp_path, action):
    async def story():
        clock = Clock()
        async with core(tmp_path, clock=clock, on_doubt=action) as gw:
            m, long = gw.sms(), gw.sms(text=LONG, to="+33600000009")
            await gw.submit(m, long)
            gw.a.accept([s for s in gw.a.given if s.part == 0])
            await gw.settled()
        async with core(tmp_path, clock=clock, on_doubt=action) as gw:
            await gw.passes(1)
            if action == "resend":
                assert sorted(s.part for s in gw.a.seen) == [-1, 1, 2]
            elif action == "stop":
                assert (gw.state(m), gw.state(long)) == (State.UNKNOWN, State.UNKNOWN)
            else:
                gw.a.receipt("zz")
                for part_id in ("a1", "z2", "z3"):
                    gw.a.receipt(part_id, to="+33600000009")
                await gw.settled()
                assert (gw.state(m), gw.state(long)) == (State.DELIVERED, State.DELIVERED)
            assert not gw.mismatches

    asyncio.run(story())


def test_a_restart_after_half_a_text_sends_the_other_half(tmp_path):
    """Whose rest never left goes back to the queue with its first parts known, also to the next process."""

    async def story():
        clock = Clock()
        async with core(tmp_path, clock=clock, on_doubt="wait") as gw:
            long = gw.sms(text=LONG)
            await gw.submit(long)
            first = gw.a.given[0]
            gw.a.accept([first])
            gw.a.unsent()
            await gw.settled()
            gw.a.link(False)
            assert gw.state(long) is State.QUEUED
        async with core(tmp_path, clock=clock, on_doubt="wait") as gw:
            await gw.passes(1)
            assert sorted(s.part for s in gw.a.seen) == [1, 2]
            gw.a.accept()
            await gw.settled()
            assert gw.state(long) is State.ENROUTE
            assert not gw.mismatches

    asyncio.run(story())


def test_late_acceptance_of_a_part_that_was_sent_again(tmp_path):
    async def story():
        async with core(tmp_path, on_doubt="resend") as gw:
            m = gw.sms(text=LONG)
            await gw.submit(m)
            one, two, three = gw.a.given
            gw.a.accept([one, three])
            gw.a.doubt([two])
            await gw.passes(1)
            again = gw.a.given[0]
            assert again.part == 1
            gw.a.accept([again])
            gw.a.refuse(Remedy.RETRY, segments=[two])  # an answer too many says nothing any more
            await gw.settled()
            assert gw.state(m) is State.ENROUTE
            for n in (1, 2, 3):
                gw.a.receipt(f"a{n}")
            await gw.settled()
            assert gw.state(m) is State.DELIVERED

    asyncio.run(story())


def test_routes_that_change_free_what_was_laid_aside(tmp_path):
    async def story():
        async with core(tmp_path, ("a", "b"), tiers=[["a"], ["b"]]) as gw:
            gw.b.window = 0
            await gw.submit(gw.sms())
            gw.a.refuse(Remedy.NEXT_ROUTE)
            await gw.settled()
            assert len(gw.outcomes.aside) == 1
            gw.dispatcher.router = Router([Route("all", [["a"]])])
            gw.outcomes.dissolve()
            await gw.passes(1)
            assert len(gw.a.given) == 1

    asyncio.run(story())
