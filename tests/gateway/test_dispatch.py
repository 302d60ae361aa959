"""MT out: INFLIGHT before the wire, fail-over, throttling, parts, groups, reserve."""

import asyncio

import pytest
from core import account, core

from drivers.bearer import Remedy
from drivers.sms.udh import concat_header
from gateway.lifecycle import Cause, State
from gateway.model import Kind
from gateway.routing import Route, Router
from gateway.rules.rule import Action, Verdict

LONG = b"a" * 400  # three segments


def test_inflight_is_durable_before_the_bearer_sees_it(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            found = []
            gw.a.on_submit = lambda segments: found.extend(gw.state(s.id) for s in segments)
            (answer,) = await gw.submit(gw.sms())
            assert (answer.status, found) == (0, [State.INFLIGHT])
            gw.a.window = 1
            await gw.submit(gw.sms(), gw.sms())
            gw.a.accept()
            await gw.passes(1)
            gw.a.window = 1000
            await gw.passes(1)
            assert found == [State.INFLIGHT] * 3

    asyncio.run(story())


def test_a_lower_tier_takes_over_only_after_fallback_after(tmp_path):
    async def story():
        async with core(tmp_path, ("a", "b"), tiers=[["a"], ["b"]]) as gw:
            gw.a.link(False)
            await gw.submit(gw.sms())
            await gw.passes(29)
            assert not gw.b.seen
            await gw.passes(2)
            assert len(gw.b.seen) == 1
            gw.a.link(True)
            await gw.submit(gw.sms())
            assert len(gw.b.seen) == 2, "a has only just come back: it may go again"
            await gw.passes(11)
            await gw.submit(gw.sms())
            assert len(gw.a.seen) == 1

    asyncio.run(story())


def test_what_was_staged_when_the_link_fell_takes_another_road(tmp_path):
    async def story():
        async with core(tmp_path, ("a", "b"), tiers=[["a"], ["b"]], road={"rate": 1}) as gw:
            messages = [gw.sms(text=b"%d" % n) for n in range(3)]
            await gw.submit(*messages)
            gw.clock.pass_(0.99)  # within the time that a message is staged ahead of its slot
            gw.dispatcher.pump_all()
            await gw.settled()
            road = gw.dispatcher.roads["a"]
            assert (len(gw.a.seen), road.staged_count) == (1, 1)
            gw.a.link(False)
            await gw.settled()
            assert gw.state(messages[1]) is State.QUEUED
            assert messages[1].tries == 0
            for _ in range(4):
                await gw.passes(20)
            assert gw.b.texts == [b"1", b"2"]

    asyncio.run(story())


def test_the_rate_holds_and_nothing_is_lost_or_doubled(tmp_path):
    async def story():
        async with core(tmp_path, road={"rate": 20}) as gw:
            messages = [gw.sms(text=b"%d" % n) for n in range(100)]
            await gw.submit(*messages)
            sent = []
            for _ in range(60):
                before = len(gw.a.seen)
                await gw.passes(0.1)
                gw.a.accept()
                sent.append(len(gw.a.seen) - before)
            assert all(sum(sent[n : n + 9]) <= 20 for n in range(50))
            assert gw.a.texts == [b"%d" % n for n in range(100)]

    asyncio.run(story())


def test_an_otp_passes_what_is_kept_for_it(tmp_path):
    async def story():
        async with core(tmp_path, road={"rate": 20, "reserve": {Kind.OTP: 2}}) as gw:
            await gw.submit(*(gw.sms(kind=Kind.MARKETING) for _ in range(100)))
            await gw.passes(0.05)
            for _ in range(30):
                await gw.passes(0.05)
                gw.a.accept()
            before = len(gw.a.seen)
            await gw.submit(gw.sms(text=b"1234", kind=Kind.OTP))
            assert gw.a.seen[before].payload == b"1234"

    asyncio.run(story())


def test_parts_leave_together_and_get_one_verdict(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            m = gw.sms(text=LONG)
            await gw.submit(m)
            assert [s.part for s in gw.a.given] == [0, 1, 2]
            assert b"".join(s.payload for s in gw.a.given) == LONG
            assert [s.udh[-2:] for s in gw.a.given] == [b"\x03\x01", b"\x03\x02", b"\x03\x03"]
            gw.a.accept(gw.a.given[:2])
            await gw.settled()
            assert gw.state(m) is State.INFLIGHT
            gw.a.accept()
            await gw.settled()
            assert gw.state(m) is State.ENROUTE

    asyncio.run(story())


def test_a_bearer_that_takes_whole_texts_gets_one_segment(tmp_path):
    async def story():
        async with core(tmp_path, road={"takes_whole": True}) as gw:
            m = gw.sms(text=LONG)
            await gw.submit(m)
            assert [(s.part, s.payload) for s in gw.a.given] == [(-1, LONG)]
            (carrier_id,) = gw.a.accept()
            gw.a.receipt(carrier_id)
            await gw.settled()
            assert gw.state(m) is State.DELIVERED

    asyncio.run(story())


def test_half_sent_stays_on_its_bearer_and_sends_only_the_rest(tmp_path):
    async def story():
        async with core(tmp_path, ("a", "b"), tiers=[["a", "b"]]) as gw:
            gw.b.link(False)
            m = gw.sms(text=LONG)
            await gw.submit(m)
            gw.b.link(True)
            first, second, third = gw.a.given
            gw.a.accept([first, third])
            gw.a.refuse(Remedy.NEXT_ROUTE, segments=[second])
            await gw.settled()
            assert gw.state(m) is State.SCHEDULED
            await gw.passes(11)
            assert [s.part for s in gw.a.given] == [1]
            assert not gw.b.seen
            gw.a.accept()
            await gw.settled()
            assert gw.state(m) is State.ENROUTE
            assert not gw.mismatches

    asyncio.run(story())


@pytest.mark.parametrize(("on_doubt", "end"), [("resend", "sent anew"), ("stop", State.UNDELIVERABLE)])
def test_half_sent_and_its_bearer_does_not_come_back(tmp_path, on_doubt, end):
    async def story():
        async with core(tmp_path, ("a", "b"), tiers=[["a", "b"]], on_doubt=on_doubt) as gw:
            gw.b.link(False)
            m = gw.sms(text=LONG)
            await gw.submit(m)
            gw.b.link(True)
            (carrier_id,) = gw.a.accept(gw.a.given[:1])
            gw.a.unsent()
            gw.a.link(False)
            await gw.settled()
            await gw.passes(31)
            await gw.passes(1)
            if end == "sent anew":
                assert [s.part for s in gw.b.given] == [0, 1, 2]
                gw.b.accept()
                gw.a.link(True)
                gw.a.receipt(carrier_id)  # of the first try: it says nothing about the second
                await gw.settled()
                assert gw.state(m) is State.ENROUTE
                assert gw.owed() == []
            else:
                assert (gw.state(m), gw.b.seen) == (end, [])
                assert gw.owed()[0][0] is end

    asyncio.run(story())


@pytest.mark.parametrize("on_doubt", ["resend", "stop"])
@pytest.mark.parametrize("other", ["down as well", "with no room"])
def test_half_sent_and_its_bearer_is_the_first_to_come_back(tmp_path, on_doubt, other):
    """However late: it has the first part, and gets the rest (the storm's seed 100858)."""

    async def story():
        async with core(tmp_path, ("a", "b"), tiers=[["a", "b"]], on_doubt=on_doubt) as gw:
            gw.b.link(False)
            m = gw.sms(text=LONG)
            await gw.submit(m)
            gw.a.accept(gw.a.given[:1])
            gw.a.unsent()
            gw.a.link(False)
            if other == "with no room":
                gw.b.window = 0
                gw.b.link(True)
            await gw.settled()
            for _ in range(100):
                await gw.passes(1)
            gw.a.link(True)
            await gw.passes(1)
            assert ([s.part for s in gw.a.given], gw.b.seen) == ([1, 2], [])
            gw.a.accept()
            await gw.settled()
            assert gw.state(m) is State.ENROUTE

    asyncio.run(story())


def test_parts_that_the_application_has_split_stay_on_one_bearer(tmp_path):
    async def story():
        async with core(tmp_path, ("a", "b"), tiers=[["a", "b"]]) as gw:
            for n in range(1, 5):
                part = gw.sms(udh=concat_header(7, 4, n), group="36180 +33612345678 7 4", text=b"%d" % n)
                await gw.submit(part)
                await gw.submit(gw.sms())
            with_parts = [b for b in (gw.a, gw.b) if any(s.udh for s in b.seen)]
            assert len(with_parts) == 1
            assert [s.payload for s in with_parts[0].seen if s.udh] == [b"1", b"2", b"3", b"4"]

    asyncio.run(story())


def test_a_message_laid_aside_can_be_cancelled_and_is_sent_once(tmp_path):
    async def story():
        async with core(tmp_path, ("a", "b"), tiers=[["a", "b"]], road={"window": 5}) as gw:
            gw.b.link(False)
            messages = [gw.sms(text=b"%d" % n) for n in range(5)]
            await gw.submit(*messages)
            gw.b.window = 0
            gw.b.link(True)
            gw.a.refuse(Remedy.NEXT_ROUTE)
            await gw.settled()
            assert len(gw.outcomes.aside) == 5
            found = await gw.desk.waiting([messages[0].id])
            assert await gw.desk.cancel(found.values(), "cancelled") == 1
            await gw.submit(*(gw.sms(text=b"new") for _ in range(20)))
            gw.a.window = gw.b.window = 100
            for _ in range(5):
                await gw.passes(1)
            sent = [s.payload for s in gw.b.seen]
            assert sorted(t for t in sent if t != b"new") == [b"1", b"2", b"3", b"4"]
            assert not gw.mismatches
            assert gw.state(messages[0]) is State.DELETED

    asyncio.run(story())


class Curfew:
    """A rule that is asked again before the wire."""

    name, recheck = "curfew", True

    def __init__(self):
        self.verdict = None

    def judge(self, message, account, now_ms):
        return self.verdict


@pytest.mark.parametrize("text", [b"Bonjour", LONG])
@pytest.mark.parametrize(
    ("action", "state"), [(Action.POSTPONE, State.SCHEDULED), (Action.REFUSE, State.REJECTED)]
)
def test_a_rule_speaks_again_until_the_last_moment(tmp_path, text, action, state):
    async def story():
        curfew = Curfew()
        async with core(tmp_path, rules=[curfew], road={"rate": 1}) as gw:
            await gw.submit(gw.sms())
            m = gw.sms(text=text)
            await gw.submit(m)
            gw.clock.pass_(0.99)
            gw.dispatcher.pump_all()
            await gw.settled()
            assert m.state is State.INFLIGHT  # staged, its slot not yet there
            curfew.verdict = Verdict("curfew", action, "it is night", 0x0401, gw.clock.wall_ms() + 60_000)
            await gw.passes(0.5)
            assert (len(gw.a.seen), gw.state(m)) == (1, state)
            if action is Action.REFUSE:
                assert gw.owed() == [(State.REJECTED, "0401")]
                return
            curfew.verdict = None
            for _ in range(5):
                await gw.passes(61)
            assert b"".join(s.payload for s in gw.a.seen[1:]) == text

    asyncio.run(story())


def test_what_has_expired_in_the_queue_is_not_sent(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            gw.a.link(False)
            m = gw.sms(expires=gw.clock.wall_ms() + 5000)
            await gw.submit(m)
            gw.clock.pass_(6)
            gw.a.link(True)
            await gw.passes(1)
            assert (gw.state(m), gw.a.seen) == (State.EXPIRED, [])
            assert gw.owed() == [(State.EXPIRED, "0402")]

    asyncio.run(story())


def test_without_a_store_nothing_more_is_taken(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            gw.a.link(False)
            m = gw.sms()
            await gw.submit(m)
            gw.store._writer._sick = "disk full"
            gw.a.link(True)
            gw.dispatcher.pump_all()
            assert m.state is State.QUEUED
            gw.store._writer._sick = ""

    asyncio.run(story())


def test_a_route_can_change_under_a_backlog(tmp_path):
    async def story():
        async with core(tmp_path, ("a", "b")) as gw:
            gw.a.link(False)
            await gw.submit(gw.sms())
            gw.dispatcher.router = Router([Route("all", [["b"]])])
            await gw.passes(1)
            assert len(gw.b.seen) == 1

    asyncio.run(story())


def test_two_accounts_and_one_doubt_policy_each(tmp_path):
    async def story():
        both = [account("shop", on_doubt="resend"), account("bank", on_doubt="stop", mo=())]
        async with core(tmp_path, accounts=both) as gw:
            mine, theirs = gw.sms(), gw.sms(account="bank")
            await gw.submit(mine)
            await gw.submit(theirs)
            gw.a.doubt()
            await gw.settled()
            assert (mine.state, theirs.state) == (State.QUEUED, State.UNKNOWN)
            assert Cause.DOUBT_STOP in {key[0] for key in gw.ledger.tally.counts}

    asyncio.run(story())


def test_what_stands_ready_for_a_window_that_stays_full_goes_back(tmp_path):
    async def story():
        async with core(tmp_path, road={"rate": 1000, "window": 10}) as gw:
            first = [gw.sms(text=b"%d" % n) for n in range(10)]
            await gw.submit(*first)
            gw.a.accept()
            await gw.settled()
            second = [gw.sms(text=b"%d" % n) for n in range(10, 30)]
            await gw.submit(*second)
            staged = gw.dispatcher.roads["a"].staged_count
            assert staged > 0  # counted on the answers of the last 50 ms
            await gw.passes(3.0)
            assert gw.dispatcher.roads["a"].staged_count == 0
            assert sum(m.state is State.QUEUED for m in second) == 20 - 10

    asyncio.run(story())


def test_a_row_that_the_store_refuses_keeps_no_room(tmp_path):
    async def story():
        async with core(tmp_path, road={"rate": 1000, "window": 10}) as gw:
            gw.a.window = 0
            bad = gw.sms()
            await gw.submit(bad)
            bad.tries = 1 << 70  # no INTEGER of SQLite holds it
            gw.a.window = 1
            await gw.passes(1)
            assert gw.dispatcher.roads["a"].taking == 0
            good = gw.sms()
            await gw.submit(good)
            assert [segment.id for segment in gw.a.seen] == [good.id]

    asyncio.run(story())
