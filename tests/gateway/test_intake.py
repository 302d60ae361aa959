"""MT in: nothing is accepted before it is durable, and every refusal says why."""

import asyncio

import pytest
import structlog
from core import account, core

from drivers.bearer import Remedy
from drivers.sms.udh import concat_header
from gateway import answers
from gateway.events import JudgedMarketing
from gateway.lifecycle import State
from gateway.model import Kind
from gateway.routing import Route
from gateway.rules.content import ContentRule
from gateway.rules.country_file import load_law
from gateway.rules.rule import Action, Verdict
from gateway.stores.store import StoreUnavailable


class Says:
    """A rule with one verdict for every message of a kind."""

    name, recheck = "says", False

    def __init__(self, action, kind=Kind.MARKETING, until=0):
        self.verdict = Verdict("says", action, "so", answers.FREQUENCY_CAP, until)
        self.kind = kind

    def judge(self, message, account, now_ms):
        return self.verdict if message.kind == self.kind else None


def test_an_answer_waits_for_the_disk(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            submitted = gw.intake.submit(gw.shop, [gw.sms()])
            (answer,) = submitted.answers
            assert not submitted.durable.done()
            assert gw.store.read("SELECT * FROM message") == []
            assert gw.a.seen == []
            await submitted.durable
            assert gw.state(answer.message_id) is State.INFLIGHT
            await gw.settled()
            assert len(gw.a.seen) == 1

    asyncio.run(story())


def test_a_reference_is_not_confirmed_between_its_end_and_its_undoing(tmp_path):
    """The future of a batch is done a turn of the loop before anybody hears of it: who asks in between waits, too."""

    async def story():
        async with core(tmp_path) as gw:
            first = gw.intake.submit(gw.shop, [gw.sms(reference="r1")])
            (unit,) = gw.store._writer._pending
            gw.store._writer._pending = []
            unit.undo()
            unit.future.set_exception(StoreUnavailable("row refused"))
            again = gw.intake.submit(gw.shop, [gw.sms(reference="r1")])
            if again.durable is not None:
                await asyncio.wait([again.durable])
            assert [first.answers[0].status, again.answers[0].status] == [answers.SYSTEM_ERROR] * 2
            third = gw.intake.submit(gw.shop, [gw.sms(reference="r1")])
            await third.durable
            fourth = gw.intake.submit(gw.shop, [gw.sms(reference="r1")])
            assert fourth.answers[0].status == answers.OK
            assert fourth.durable is None or await fourth.durable is None

    asyncio.run(story())


def test_a_store_that_fails_accepts_nothing_and_frees_everything(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            first = gw.intake.submit(gw.shop, [gw.sms(reference="r1"), gw.sms(reference="r1")])
            again = gw.intake.submit(gw.shop, [gw.sms(reference="r1")])  # while the first is on its way
            units, gw.store._writer._pending = gw.store._writer._pending, []
            for unit in units:
                unit.undo()
                unit.future.set_exception(StoreUnavailable("disk full"))
            await asyncio.sleep(0)
            for submitted in (first, again):
                assert {(a.status, a.message_id) for a in submitted.answers} == {(answers.SYSTEM_ERROR, 0)}
            assert gw.dispatcher.roads["a"].taking == 0
            assert not gw.a.seen
            (answer,) = await gw.submit(gw.sms(reference="r1"))
            assert answer.status == 0
            assert len(gw.a.seen) == 1

    asyncio.run(story())


def test_a_sick_store_a_full_queue_and_a_drain_are_told_apart(tmp_path):
    async def story():
        async with core(tmp_path, max_waiting=2) as gw:
            gw.store._writer._sick = "disk full"
            (sick,) = await gw.submit(gw.sms())
            gw.store._writer._sick = ""
            gw.intake.closed = lambda: (answers.SYSTEM_ERROR, "shutting down")
            (drain,) = await gw.submit(gw.sms())
            gw.intake.closed = lambda: None
            gw.a.link(False)
            await gw.submit(gw.sms(), gw.sms())
            (full,) = await gw.submit(gw.sms())
            assert [a.status for a in (sick, drain, full)] == [8, 8, 0x14]
            assert "disk full" in sick.text
            assert drain.text == "shutting down"
            assert "max_waiting" in full.text

    asyncio.run(story())


def test_the_account_s_rate_counts_segments_that_were_taken(tmp_path):
    async def story():
        rules = [Says(Action.REFUSE)]
        async with core(tmp_path, accounts=[account(rate=5.0)], rules=rules) as gw:
            batch = (
                [gw.sms(kind=Kind.MARKETING)] * 4 + [gw.sms(text=b"a" * 400)] + [gw.sms() for _ in range(3)]
            )
            found = [a.status for a in await gw.submit(*batch)]
            assert found == [answers.FREQUENCY_CAP] * 4 + [0, 0, 0, answers.THROTTLED]
            gw.clock.pass_(1.01)
            assert (await gw.submit(gw.sms()))[0].status == 0

    asyncio.run(story())


def test_a_text_longer_than_a_second_s_worth_goes_alone(tmp_path):
    async def story():
        async with core(tmp_path, accounts=[account(rate=2.0)]) as gw:
            found = await gw.submit(gw.sms(text=b"a" * 400), gw.sms())
            assert [a.status for a in found] == [0, answers.THROTTLED]
            gw.shop.rate = 0.5  # a reload
            gw.clock.pass_(1.5)
            assert (await gw.submit(gw.sms()))[0].status == answers.THROTTLED
            gw.clock.pass_(1)
            assert (await gw.submit(gw.sms()))[0].status == 0

    asyncio.run(story())


def test_no_route_and_rules(tmp_path):
    async def story():
        until = 10**13
        routes = [Route("fr", [["a"]], to=["+33"])]
        rules = [Says(Action.POSTPONE, Kind.MARKETING, until), Says(Action.HOLD, Kind.ALERT)]
        async with core(tmp_path, routes=routes, rules=rules) as gw:
            ads = gw.sms(kind=Kind.MARKETING)
            alarm = gw.sms(kind=Kind.ALERT)
            abroad, later, held = await gw.submit(gw.sms("+4912345678"), ads, alarm)
            assert (abroad.status, abroad.message_id) == (answers.NO_ROUTE, 0)
            assert (later.status, later.deferred, later.text) == (0, until, "says: so")
            assert (gw.state(ads), gw.state(alarm)) == (State.SCHEDULED, State.HELD)
            assert held.status == 0
            assert gw.row(ads.id, "due, reason") == (until, "says: so")

    asyncio.run(story())


@pytest.mark.parametrize("kind", list(Kind))
def test_scheduled_for_later_leaves_later(tmp_path, kind):
    async def story():
        async with core(tmp_path) as gw:
            m = gw.sms(kind=kind, due=gw.clock.wall_ms() + 60_000)
            await gw.submit(m)
            assert gw.state(m) is State.SCHEDULED
            await gw.passes(59)
            assert not gw.a.seen
            await gw.passes(1.1)
            assert len(gw.a.seen) == 1

    asyncio.run(story())


def test_a_submission_to_many_has_one_name(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            three = [gw.sms(f"+3361234567{n}") for n in range(3)]
            found = await gw.submit(*three, multi=True)
            assert len({a.message_id for a in found}) == 3
            assert {m.public_id for m in three} == {three[0].id}
            gw.a.refuse(Remedy.GIVE_UP)
            await gw.settled()
            assert len(gw.owed()) == 3

    asyncio.run(story())


@pytest.mark.parametrize("second", ["same batch", "other batch", "filed", "restart", "filed and restart"])
@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 0),
        ({"to": "+33699999999"}, answers.REFERENCE_REUSED),
        ({"text": b"other"}, answers.REFERENCE_REUSED),
    ],
)
def test_one_reference_is_one_message(tmp_path, second, change, status):
    async def story():
        async with core(tmp_path) as gw:
            gw.a.link(False)
            one, two = gw.sms(reference="r"), gw.sms(reference="r", **change)
            if second == "same batch":
                first, again = await gw.submit(one, two)
            else:
                (first,) = await gw.submit(one)
            if second.startswith("filed"):
                gw.references.flush(gw.clock.wall_ms())
                await gw.settled()
                assert not gw.references._young
            if second in ("other batch", "filed"):
                (again,) = await gw.submit(two)
            clock = gw.clock
        if "restart" in second:
            async with core(tmp_path, clock=clock) as gw:
                (again,) = await gw.submit(two)
                assert len(gw.store.read("SELECT * FROM message")) == 1
        assert again.status == status
        assert again.message_id == (first.message_id if status == 0 else 0)

    asyncio.run(story())


def test_the_first_of_a_batch_decides_for_each_of_the_others(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            texts = [b"one", b"two", b"one"]
            found = await gw.submit(*(gw.sms(text=t, reference="r") for t in texts))
            assert [a.status for a in found] == [0, answers.REFERENCE_REUSED, 0]
            assert found[0].message_id == found[2].message_id
            assert gw.a.texts == [b"one"]

    asyncio.run(story())


def content():
    return ContentRule("require", load_law("fr").vocabulary.mention)


def test_what_is_marketing_under_another_name_is_told_once_a_batch_when_it_is_durable(tmp_path):
    async def story():
        async with core(tmp_path, rules=[content()]) as gw:
            told = gw.bus.subscribe("test")
            with structlog.testing.capture_logs() as lines:
                for texts in (
                    [b"a STOP 36180", b"b STOP 36180", b"Bonjour"],
                    [b"c STOP 36180"],
                    [b"Bonjour"],
                ):
                    submitted = gw.intake.submit(gw.shop, [gw.sms(text=text) for text in texts])
                    assert not any(isinstance(event, JudgedMarketing) for event in told._events)
                    await submitted.durable
                    await gw.settled()
                    counted = [e for e in await told.next() if isinstance(e, JudgedMarketing)]
                    assert [(e.account, e.count) for e in counted] == (
                        [("shop", sum(b"STOP" in text for text in texts))] if b"STOP" in texts[0] else []
                    )
            assert [line["messages"] for line in lines if line["event"] == "content.is_marketing"] == [2]

    asyncio.run(story())


def test_what_was_never_stored_is_told_to_nobody(tmp_path):
    async def story():
        async with core(tmp_path, rules=[content(), Says(Action.REFUSE)]) as gw:
            told = gw.bus.subscribe("test")
            await gw.submit(gw.sms(text=b"a STOP 36180"), gw.sms())
            assert not any(isinstance(e, JudgedMarketing) for e in await told.next())

    asyncio.run(story())


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(("last", "state"), [(b"ldes STOP 36180", State.INFLIGHT), (b"ldes", State.REJECTED)])
def test_parts_wait_no_longer_than_for_the_last_of_them(tmp_path, last, state, together):
    """The application has split the text: all are judged when all are there, not after a minute."""

    async def story():
        async with core(tmp_path, rules=[content()]) as gw:
            gw.intake.go_on = gw.desk.hasten
            texts = [b"Chappe: ", b"so", last]
            parts = [
                gw.sms(
                    text=text, kind=Kind.MARKETING, udh=concat_header(7, 3, n), group="36180 +33612345678 7 3"
                )
                for n, text in enumerate(texts, 1)
            ]
            batches = [parts] if together else [[parts[1]], [parts[0]], [parts[2]]]
            for batch in batches:
                found = await gw.submit(*batch)
            assert found[-1].status == (answers.OK if state is State.INFLIGHT else answers.MENTION_MISSING)
            await asyncio.wait_for(asyncio.shield(gw.desk._hastening), 5.0)
            gw.dispatcher.pump_all()
            await gw.settled()
            assert [gw.state(m) for m in parts[:2]] == [state] * 2
            assert len(gw.a.seen) == (3 if state is State.INFLIGHT else 0)

    asyncio.run(story())
