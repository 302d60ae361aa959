"""By the number alone: a receipt whose id nobody knows, where one message can be meant and no other.

Faults that the storm found, without the storm (docs/reliability.md).
"""

import asyncio

import pytest
from core import Clock, account, core

from drivers.bearer import MessageState
from gateway.lifecycle import State

LONG = b"a" * 400
M = MessageState


async def sent(gw, **fields):
    m = gw.sms(**fields)
    await gw.submit(m)
    ids = gw.a.accept()
    await gw.settled()
    return m, ids


def test_an_early_receipt_of_a_younger_message_is_not_taken_for_one_in_doubt(tmp_path):
    async def story():
        async with core(tmp_path, on_doubt="wait") as gw:
            old = gw.sms()
            await gw.submit(old)
            gw.a.doubt()
            await gw.settled()
            young = gw.sms()
            await gw.submit(young)
            gw.a.receipt("a1")  # before its response
            await gw.settled()
            assert gw.state(old) is State.INFLIGHT
            gw.a.accept()
            await gw.settled()
            assert (gw.state(old), gw.state(young)) == (State.INFLIGHT, State.DELIVERED)
            gw.a.receipt("x9")
            await gw.settled()
            assert gw.state(old) is State.DELIVERED

    asyncio.run(story())


def test_what_was_left_aside_for_a_younger_message_is_asked_again_when_that_has_its_id(tmp_path):
    async def story():
        async with core(tmp_path, on_doubt="wait") as gw:
            old, young = gw.sms(), gw.sms()
            await gw.submit(old)
            gw.a.doubt()
            await gw.settled()
            await gw.submit(young)
            gw.a.receipt("x9")
            await gw.passes(1)
            assert gw.state(old) is State.INFLIGHT
            gw.a.accept()
            await gw.passes(1)
            assert (gw.state(old), gw.state(young)) == (State.DELIVERED, State.ENROUTE)
            assert gw.store.read("SELECT * FROM orphan") == []

    asyncio.run(story())


@pytest.mark.parametrize("text", [b"short", LONG])
@pytest.mark.parametrize("action", ["resend", "stop", "wait"])
def test_a_receipt_that_came_before_the_process_died_tells_the_next_one(tmp_path, action, text):
    async def story():
        clock = Clock()
        async with core(tmp_path, clock=clock, on_doubt=action) as gw:
            m = gw.sms(text=text)
            await gw.submit(m)
            for n in range(len(gw.a.given)):
                gw.a.receipt(f"a{n}")
            await gw.settled()
        async with core(tmp_path, clock=clock, on_doubt=action) as gw:
            await gw.settled()
            assert (gw.state(m), gw.a.seen, gw.owed()) == (State.DELIVERED, [], [(State.DELIVERED, "")])
            assert gw.store.read("SELECT * FROM orphan") == []

    asyncio.run(story())


@pytest.mark.parametrize("receipts", [1, 3])
def test_as_many_receipts_as_are_missing_or_on_doubt_decides(tmp_path, receipts):
    async def story():
        clock = Clock()
        async with core(tmp_path, clock=clock, on_doubt="stop") as gw:
            one, two = gw.sms(), gw.sms()
            await gw.submit(one, two)
            for n in range(receipts):
                gw.a.receipt(f"a{n}")
            await gw.settled()
        async with core(tmp_path, clock=clock, on_doubt="stop") as gw:
            await gw.settled()
            assert (gw.state(one), gw.state(two)) == (State.UNKNOWN, State.UNKNOWN)

    asyncio.run(story())


@pytest.mark.parametrize("text", [b"short", LONG])
def test_a_receipt_that_is_repeated_after_a_restart_is_no_news_of_one_in_doubt(tmp_path, text):
    async def story():
        clock = Clock()
        async with core(tmp_path, clock=clock, on_doubt="wait") as gw:
            _, ids = await sent(gw, text=text)
            for carrier_id in ids[: 1 if text is LONG else None]:
                gw.a.receipt(carrier_id)
            doubtful = gw.sms()
            await gw.submit(doubtful)
        async with core(tmp_path, clock=clock, on_doubt="wait") as gw:
            for _ in range(5):  # for as long as the doubt lasts
                clock.pass_(100)
                gw.correlation.tidy(clock.now(), True)
                gw.a.receipt(ids[0])
                await gw.settled()
                assert gw.state(doubtful) is State.INFLIGHT
            assert gw.receipts.duplicates == 5
            gw.a.receipt("x9")
            await gw.settled()
            assert gw.state(doubtful) is State.DELIVERED

    asyncio.run(story())


def test_a_receipt_that_is_repeated_for_long_is_no_news_of_one_in_doubt(tmp_path):
    """A carrier that does not read our answers sends it again and again."""

    async def story():
        async with core(tmp_path, on_doubt="wait") as gw:
            _, (carrier_id,) = await sent(gw)
            gw.a.receipt(carrier_id)
            await gw.settled()
            doubtful = gw.sms(text=LONG)
            await gw.submit(doubtful)
            gw.a.doubt()
            for _ in range(4):
                await gw.passes(100)
                await gw.sweeper.turn()
                gw.a.receipt(carrier_id)
                await gw.settled()
            assert (gw.receipts.duplicates, gw.receipts.orphans) == (4, 0)
            for _ in range(4):  # and one of its own is one part only, however often it comes
                gw.a.receipt("x1")
                await gw.settled()
                gw.correlation._young.clear()
            assert gw.state(doubtful) is State.INFLIGHT
            assert [part.carrier_id for part in gw.doubts.get(doubtful.id).part_states] == ["x1", "", ""]

    asyncio.run(story())


def test_without_an_id_it_may_be_about_what_was_accepted_for_the_same_number(tmp_path):
    """A SIM's, once the modem's references were forgotten."""

    async def story():
        async with core(tmp_path, on_doubt="wait") as gw:
            accepted, (carrier_id,) = await sent(gw)
            doubtful = gw.sms()
            await gw.submit(doubtful)
            gw.a.doubt()
            gw.a.receipt("")
            await gw.settled()
            assert (gw.state(doubtful), gw.receipts.orphans) == (State.INFLIGHT, 1)
            gw.a.receipt(carrier_id)
            await gw.settled()
            gw.a.receipt("")
            await gw.settled()
            assert (gw.state(accepted), gw.state(doubtful)) == (State.DELIVERED, State.DELIVERED)

    asyncio.run(story())


def forget(gw):
    """As a minute or two later."""
    gw.correlation._young.clear()
    gw.correlation._old.clear()
    gw.correlation._repeated.clear()


@pytest.mark.parametrize("dies", [False, True], ids=["", "and the process dies"])
def test_what_was_told_before_a_message_came_is_no_news_of_that_one(tmp_path, dies):
    """A carrier that does not read our answers, and repeats a receipt once we have forgotten what it is about."""

    async def story():
        clock = Clock()
        async with core(tmp_path, clock=clock, on_doubt="wait") as gw:
            _, (carrier_id,) = await sent(gw)
            gw.a.receipt(carrier_id)
            await gw.settled()
            forget(gw)
            gw.a.receipt(carrier_id)
            await gw.passes(60)
            doubtful = gw.sms()
            await gw.submit(doubtful)
            gw.a.receipt(carrier_id)
            await gw.settled()
            if not dies:
                gw.a.doubt()
                await gw.passes(1)
                await gw.sweeper.turn()
                gw.a.receipt(carrier_id)
                await gw.settled()
                assert gw.state(doubtful) is State.INFLIGHT
        if dies:
            async with core(tmp_path, clock=clock, on_doubt="wait") as gw:
                forget(gw)
                gw.a.receipt(carrier_id)
                await gw.settled()
                await gw.sweeper.turn()
                assert gw.state(doubtful) is State.INFLIGHT

    asyncio.run(story())


@pytest.mark.parametrize("action", ["resend", "stop"])
def test_who_was_sent_again_or_given_up_may_be_the_one_that_a_receipt_is_about(tmp_path, action):
    async def story():
        listed = [account(on_doubt=action), account("bank", on_doubt="wait")]
        clock = Clock()
        async with core(tmp_path, clock=clock, accounts=listed) as gw:
            first, second = gw.sms(), gw.sms(account="bank")
            await gw.submit(first)
            gw.a.doubt()
            await gw.settled()
            if action == "resend":
                gw.a.accept()
            await gw.submit(second)
            gw.a.doubt()
            gw.a.receipt("x9")
            await gw.passes(1)
            assert (gw.state(second), gw.receipts.orphans) == (State.INFLIGHT, 1)
            third = gw.sms(account="bank", to="+33600000009")
            await gw.submit(third)
            gw.a.doubt()
            gw.a.receipt("x8", to="0600000009")
            await gw.settled()
            assert gw.state(third) is State.DELIVERED

    asyncio.run(story())


@pytest.mark.parametrize(("action", "became"), [("resend", State.QUEUED), ("stop", State.UNKNOWN)])
@pytest.mark.parametrize("text", [b"Bonjour", LONG], ids=["short", "long"])
def test_who_was_sent_again_or_given_up_in_a_life_before_may_be_the_one_too(tmp_path, text, action, became):
    async def story():
        listed = [account(on_doubt=action), account("bank", on_doubt="wait")]
        clock = Clock()
        async with core(tmp_path, clock=clock, accounts=listed) as gw:
            first, second = gw.sms(text=text), gw.sms(account="bank")
            await gw.submit(first)
            await gw.submit(second)  # the process dies: both were on the wire
        full = {"window": 0}
        async with core(tmp_path, clock=clock, accounts=listed, road=full) as gw:
            assert gw.row(first.id) == (int(became),)  # when the process dies again
        async with core(tmp_path, clock=clock, accounts=listed, road=full) as gw:
            gw.a.receipt("x9")  # its first try's
            await gw.settled()
            assert (gw.state(second), gw.receipts.orphans) == (State.INFLIGHT, 1)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("second", "states"),
    [
        (M.DELIVERED, (State.DELIVERED, State.DELIVERED)),
        (M.UNDELIVERABLE, (State.UNKNOWN, State.UNKNOWN)),  # which is whose would be a guess
        (None, (State.UNKNOWN, State.UNKNOWN)),
    ],
)
def test_where_the_responses_alone_were_lost_the_receipts_tell(tmp_path, second, states):
    async def story():
        async with core(tmp_path, on_doubt="stop") as gw:
            one, two = gw.sms(), gw.sms()
            await gw.submit(one, two)
            gw.a.receipt("a1")
            if second is not None:
                gw.a.receipt("a2", second)
            gw.a.doubt()
            await gw.settled()
            assert (gw.state(one), gw.state(two)) == states

    asyncio.run(story())


def test_nor_do_they_while_another_to_that_number_has_no_answer_yet(tmp_path):
    async def story():
        async with core(tmp_path, on_doubt="stop") as gw:
            one, two = gw.sms(), gw.sms()
            await gw.submit(one, two)
            gw.a.receipt("a1")
            gw.a.doubt(gw.a.given[:1])
            await gw.settled()
            assert gw.state(one) is State.UNKNOWN
            gw.a.accept()
            await gw.settled()
            assert gw.state(two) is State.DELIVERED

    asyncio.run(story())


def test_receipts_without_an_id_settle_one_part_only(tmp_path):
    """After a restart nobody knows which part they are about, nor whether they are one receipt or two."""

    async def story():
        clock = Clock()
        async with core(tmp_path, clock=clock, on_doubt="wait") as gw:
            m = gw.sms(text=LONG)
            await gw.submit(m)
        async with core(tmp_path, clock=clock, on_doubt="wait") as gw:
            for _ in range(3):
                gw.a.receipt("", keys=[])
                await gw.settled()
            assert gw.state(m) is State.INFLIGHT
            assert [part.state for part in gw.doubts.get(m.id).part_states] == [
                State.DELIVERED,
                State.QUEUED,
                State.QUEUED,
            ]

    asyncio.run(story())


@pytest.mark.parametrize("answered", [0, 1, 2])
@pytest.mark.parametrize("missing", [0, 1])
def test_a_text_in_parts_is_delivered_when_each_part_is_though_the_power_went(tmp_path, answered, missing):
    """What was on the wire then is in doubt part by part: one receipt is no news of the others."""

    async def story():
        clock = Clock()
        async with core(tmp_path, clock=clock, on_doubt="wait") as gw:
            m = gw.sms(text=LONG)
            await gw.submit(m)
            ids = gw.a.accept(gw.a.given[:answered]) if answered else []
        async with core(tmp_path, clock=clock, on_doubt="wait") as gw:
            ids += ["x1", "x2", "x3"][answered:]
            for carrier_id in ids[: 3 - missing]:
                await gw.settled()
                assert gw.state(m) is State.INFLIGHT
                gw.a.receipt(carrier_id)
            await gw.passes(1)
            assert gw.state(m) is (State.INFLIGHT if missing else State.DELIVERED)
            await gw.passes(601)
            assert gw.state(m) is (State.UNKNOWN if missing else State.DELIVERED)
            assert (gw.a.seen, len(gw.owed())) == ([], 1)

    asyncio.run(story())


def test_a_text_of_which_one_part_was_delivered_before_the_power_went_is_one_object(tmp_path):
    """Its settled part is recalled, its last part sent again: whose receipts come then must meet in one text."""

    async def story():
        clock = Clock()
        async with core(tmp_path, clock=clock, on_doubt="resend") as gw:
            m = gw.sms(text=LONG)
            await gw.submit(m)
            first, second = gw.a.accept(gw.a.given[:2])
            gw.a.receipt(first)
            await gw.settled()
        async with core(tmp_path, clock=clock, on_doubt="resend") as gw:
            await gw.passes(1)
            (third,) = gw.a.accept()
            await gw.settled()
            gw.a.receipt(third)
            await gw.settled()
            assert gw.state(m) is State.ENROUTE
            for _ in range(3):  # long enough for its ids to be read from the store again
                clock.pass_(70)
                gw.correlation.tidy(clock.now())
            gw.a.receipt(second)
            await gw.settled()
            assert gw.state(m) is State.DELIVERED
            assert len(gw.owed()) == 1

    asyncio.run(story())


@pytest.mark.parametrize("early", [True, False])
def test_a_text_that_left_whole_is_delivered_by_its_one_receipt_though_the_power_went(tmp_path, early):
    """The carrier cuts it (message_payload): that we count three segments makes no three receipts."""

    async def story():
        clock = Clock()
        async with core(tmp_path, clock=clock, on_doubt="wait", road={"takes_whole": True}) as gw:
            m = gw.sms(text=LONG)
            await gw.submit(m)
            if early:
                gw.a.receipt("x1")
        async with core(tmp_path, clock=clock, on_doubt="wait", road={"takes_whole": True}) as gw:
            if not early:
                gw.a.receipt("x1")
            await gw.passes(1)
            assert (gw.state(m), gw.owed()) == (State.DELIVERED, [(State.DELIVERED, "")])

    asyncio.run(story())
