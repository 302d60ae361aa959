"""Delivery receipts: every way in which one finds its message, and what it is owed."""

import asyncio
import threading
from itertools import permutations

import pytest
from core import Clock, core

from drivers.bearer import MessageState, NotStored
from gateway import sweeper
from gateway.lifecycle import State
from gateway.model import NoteKind
from gateway.stores.transactions import Transactions

LONG = b"a" * 400
M = MessageState


async def sent(gw, **fields):
    m = gw.sms(**fields)
    await gw.submit(m)
    ids = gw.a.accept()
    await gw.settled()
    return m, ids


@pytest.mark.parametrize(
    ("state", "ends", "code", "error"),
    [
        (M.DELIVERED, State.DELIVERED, "000", ""),
        (M.EXPIRED, State.EXPIRED, "027", "027"),
        (M.DELETED, State.DELETED, "", ""),
        (M.UNDELIVERABLE, State.UNDELIVERABLE, "011", "011"),
        (M.REJECTED, State.REJECTED, "x", "x"),
        (M.ACCEPTED, State.DELIVERED, "000", ""),
        (M.SKIPPED, State.UNDELIVERABLE, "1", "1"),
        (M.UNKNOWN, State.UNKNOWN, "000", ""),
    ],
)
@pytest.mark.parametrize("text", [b"short", LONG])
def test_a_final_receipt_ends_the_message(tmp_path, state, ends, code, error, text):
    async def story():
        async with core(tmp_path) as gw:
            m, ids = await sent(gw, text=text)
            for carrier_id in ids:
                gw.a.receipt(carrier_id, state, code=code)
            await gw.settled()
            assert gw.state(m) is ends
            assert gw.owed() == [(ends, error)]
            assert gw.row(m.id, "done_at")[0] == gw.clock.wall_ms()

    asyncio.run(story())


def test_another_base_is_found_when_the_number_agrees(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            m, (carrier_id,) = await sent(gw)
            gw.a.receipt("0099", to="+33699999999", keys=["99", carrier_id])
            await gw.settled()
            assert gw.state(m) is State.ENROUTE
            gw.a.receipt("0099", to="0612345678", keys=["99", carrier_id])
            await gw.settled()
            assert (gw.state(m), gw.a.last.matched) == (State.DELIVERED, 1)

    asyncio.run(story())


def test_two_candidates_that_fit_are_left_to_an_operator(tmp_path):
    async def story():
        clock = Clock()
        async with core(tmp_path, clock=clock) as gw:
            await sent(gw)
            await sent(gw)
        async with core(tmp_path, clock=clock) as gw:
            gw.a.receipt("99", keys=["99", "a1", "a2"])
            await gw.settled()
            assert (gw.receipts.ambiguous, gw.receipts.orphans) == (1, 1)

    asyncio.run(story())


@pytest.mark.parametrize("text", [b"short", LONG])
@pytest.mark.parametrize("recipient", ["+33612345678", "+33699999999"])
def test_a_receipt_may_come_before_its_response(tmp_path, text, recipient):
    async def story():
        async with core(tmp_path) as gw:
            gw.bound()
            m = gw.sms(text=text)
            await gw.submit(m)
            count = len(gw.a.given)
            for n in range(1, count + 1):
                gw.a.receipt(f"a{n}", to=recipient)
            await gw.settled()
            assert gw.state(m) is State.INFLIGHT
            gw.a.accept()
            await gw.settled()
            known = recipient == "+33612345678"
            assert gw.state(m) is (State.DELIVERED if known else State.ENROUTE)
            assert [n.state for n in gw.sink.notes] == ([State.DELIVERED] if known else [])
            left = gw.store.read("SELECT count(*) FROM orphan")[0][0]
            assert left == (0 if known else count)

    asyncio.run(story())


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("order", list(permutations((0, 1, 2))))
def test_parts_receipts_in_every_order(tmp_path, order, restart):
    async def story():
        clock = Clock()
        async with core(tmp_path, clock=clock) as gw:
            m, ids = await sent(gw, text=LONG)
            if not restart:
                await all_of_them(gw, m, [ids[n] for n in order])
        if restart:
            async with core(tmp_path, clock=clock) as gw:
                await all_of_them(gw, m, [ids[n] for n in order], together=True)

    asyncio.run(story())


async def all_of_them(gw, m, ids, together=False):
    for carrier_id in ids:
        assert gw.state(m) is State.ENROUTE
        gw.a.receipt(carrier_id)
        if not together:
            await gw.settled()
    await gw.settled()
    assert gw.state(m) is State.DELIVERED
    assert gw.owed() == [(State.DELIVERED, "")]
    gw.a.receipt(ids[0])
    await gw.settled()
    assert len(gw.owed()) == 1


def test_one_part_that_failed_fails_the_text_once(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            m, ids = await sent(gw, text=LONG)
            gw.a.receipt(ids[1], M.UNDELIVERABLE, code="011")
            gw.a.receipt(ids[0])
            gw.a.receipt(ids[2])
            await gw.settled()
            assert gw.owed() == [(State.UNDELIVERABLE, "011")]
            assert gw.state(m) is State.UNDELIVERABLE

    asyncio.run(story())


def test_duplicates_change_nothing(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            m, (carrier_id,) = await sent(gw)
            gw.a.receipt(carrier_id)
            gw.a.receipt(carrier_id, M.UNDELIVERABLE)
            await gw.settled()
            assert (gw.state(m), gw.receipts.duplicates, len(gw.owed())) == (State.DELIVERED, 1, 1)

    asyncio.run(story())


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("text", [b"short", LONG])
def test_a_late_receipt_corrects_unknown(tmp_path, late, text):
    async def story():
        async with core(tmp_path, late_receipts=late) as gw:
            m, ids = await sent(gw, text=text)
            gw.clock.pass_(73 * 3600)
            await gw.sweeper.overdue(gw.clock.wall_ms())
            assert gw.state(m) is State.UNKNOWN
            for carrier_id in ids:
                gw.a.receipt(carrier_id)
            await gw.settled()
            assert gw.state(m) is State.DELIVERED
            assert [s for s, _ in gw.owed()] == [State.UNKNOWN] + [State.DELIVERED] * late

    asyncio.run(story())


def test_an_orphan_is_stored_and_can_be_matched_again(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            m, (carrier_id,) = await sent(gw)
            gw.a.receipt("0x" + carrier_id + "9", keys=["zz"])
            await gw.settled()
            assert gw.store.read("SELECT carrier_id, raw FROM orphan") == [("0x" + carrier_id + "9", b"raw")]
            (orphan,) = gw.store.claim_orphans("a", ["0x" + carrier_id + "9"])
            assert gw.receipts.rematch(orphan, ["zz"]) is False
            assert gw.receipts.rematch(orphan, [carrier_id]) is True
            await gw.settled()
            assert gw.state(m) is State.DELIVERED
            assert gw.store.read("SELECT * FROM orphan") == []

    asyncio.run(story())


@pytest.mark.parametrize(("registered", "told"), [(0x11, 1), (0x10, 1), (1, 0)])
def test_a_notice_on_the_way_is_passed_on_to_who_asked(tmp_path, registered, told):
    async def story():
        async with core(tmp_path) as gw:
            gw.bound()
            m, (carrier_id,) = await sent(gw, registered=registered)
            gw.a.receipt(carrier_id, M.ENROUTE, final=False)
            await gw.settled()
            assert gw.state(m) is State.ENROUTE
            assert [(n.kind, n.state) for n in gw.sink.notes] == [
                (NoteKind.INTERMEDIATE, State.ENROUTE)
            ] * told
            gw.a.receipt(carrier_id)
            gw.a.receipt(carrier_id, M.ENROUTE, final=False)
            await gw.settled()
            assert gw.state(m) is State.DELIVERED
            assert len(gw.sink.notes) == told + (registered & 1)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("registered", "delivered", "failed"), [(0, 0, 0), (1, 1, 1), (2, 0, 1), (3, 1, 0), (0x1D, 1, 1)]
)
def test_registered_delivery_says_what_is_owed(tmp_path, registered, delivered, failed):
    async def story():
        async with core(tmp_path) as gw:
            _, (first,) = await sent(gw, registered=registered)
            _, (second,) = await sent(gw, registered=registered)
            gw.a.receipt(first)
            await gw.settled()
            assert len(gw.owed()) == delivered
            gw.a.receipt(second, M.EXPIRED)
            await gw.settled()
            assert len(gw.owed()) == delivered + failed

    asyncio.run(story())


def test_nothing_is_acknowledged_while_the_store_is_sick(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            m, (carrier_id,) = await sent(gw)
            gw.store._writer._sick = "disk full"
            with pytest.raises(NotStored, match="disk full"):
                await gw.a.receipt(carrier_id)
            with pytest.raises(NotStored):
                await gw.a.mo()
            gw.store._writer._sick = ""
            await gw.a.receipt(carrier_id)
            assert gw.state(m) is State.DELIVERED

    asyncio.run(story())


def test_what_emit_returns_is_done_when_the_receipt_is_on_disk(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            m, (carrier_id,) = await sent(gw)
            await gw.a.receipt(carrier_id)
            assert gw.state(m) is State.DELIVERED
            await gw.a.receipt("nobody's")
            assert gw.store.read("SELECT count(*) FROM orphan") == [(1,)]

    asyncio.run(story())


def test_a_receipt_for_the_first_try_saves_the_second(tmp_path):
    async def story():
        async with core(tmp_path, on_doubt="resend") as gw:
            m = gw.sms()
            await gw.submit(m)
            segment = gw.a.given[0]
            gw.a.doubt()
            gw.a.window = 0
            await gw.settled()
            gw.a.accept([segment])
            gw.a.receipt("a1")
            await gw.settled()
            gw.a.window = 10
            await gw.passes(1)
            assert (gw.state(m), len(gw.a.seen)) == (State.DELIVERED, 1)
            assert not gw.mismatches

    asyncio.run(story())


async def forgotten(gw):
    """The id of a message that was delivered, and that memory has dropped since."""
    await gw.submit(gw.sms())
    (carrier_id,) = gw.a.accept()
    await gw.settled()
    gw.a.receipt(carrier_id)
    await gw.settled()
    for _ in range(20):
        await gw.passes(100)
        await gw.sweeper.turn()
    assert len(gw.correlation) == 0
    return carrier_id


def test_repeated_so_while_another_is_on_the_wire_it_is_none_of_that_ones(tmp_path):
    async def story():
        async with core(tmp_path, on_doubt="wait") as gw:
            carrier_id = await forgotten(gw)
            doubtful = gw.sms()
            await gw.submit(doubtful)
            gw.a.receipt(carrier_id)
            await gw.settled()
            gw.a.doubt()
            for _ in range(3):
                await gw.passes(1)
                await gw.sweeper.turn()
            assert gw.state(doubtful) is State.INFLIGHT
            gw.a.receipt("x1")
            await gw.settled()
            assert gw.state(doubtful) is State.DELIVERED

    asyncio.run(story())


@pytest.mark.parametrize("text", [b"short", b"a" * 400])
def test_repeated_for_the_first_time_when_its_message_is_forgotten_it_is_no_news_of_one_in_doubt(
    tmp_path, text
):
    async def story():
        async with core(tmp_path, on_doubt="wait") as gw:
            carrier_id = await forgotten(gw)
            doubtful = gw.sms(text=text)
            await gw.submit(doubtful)
            gw.a.doubt()
            gw.a.receipt(carrier_id)
            await gw.settled()
            assert gw.state(doubtful) is State.INFLIGHT
            assert (gw.receipts.duplicates, gw.receipts.orphans) == (1, 0)
            for word in ["x1"] if text == b"short" else ["x1", "x2", "x3"]:
                gw.a.receipt(word)
                await gw.settled()
            assert gw.state(doubtful) is State.DELIVERED

    asyncio.run(story())


def test_a_receipt_that_is_repeated_while_the_disk_hangs_is_a_duplicate_however_long_that_takes(
    tmp_path, monkeypatch
):
    """What the first one changed is not to be read in the store yet."""
    monkeypatch.setattr(sweeper, "BEHIND", 0.0)
    answers = threading.Event()
    commit = Transactions.commit
    monkeypatch.setattr(Transactions, "commit", lambda *args: answers.wait(10) and commit(*args))

    async def story():
        async with core(tmp_path) as gw:
            answers.set()
            m, (carrier_id,) = await sent(gw)
            answers.clear()
            gw.a.receipt(carrier_id)
            for _ in range(4):
                await asyncio.sleep(0.01)
                gw.clock.pass_(61)
                await gw.sweeper.turn()
            gw.a.receipt(carrier_id)
            answers.set()
            await gw.settled()
            assert (gw.state(m), gw.receipts.duplicates, len(gw.owed())) == (State.DELIVERED, 1, 1)
            assert not gw.mismatches

    asyncio.run(story())


def test_nor_is_it_read_there_when_the_disk_begins_to_hang_as_its_message_grows_old(tmp_path, monkeypatch):
    """The store is not behind yet, but what the receipt changed is not durable."""
    answers = threading.Event()
    commit = Transactions.commit
    monkeypatch.setattr(Transactions, "commit", lambda *args: answers.wait(10) and commit(*args))

    async def story():
        async with core(tmp_path) as gw:
            answers.set()
            m, (carrier_id,) = await sent(gw)
            await gw.sweeper.turn()
            gw.clock.pass_(61)
            answers.clear()
            gw.a.receipt(carrier_id)
            await gw.sweeper.turn()
            monkeypatch.setattr(sweeper, "BEHIND", 0.0)  # a second later
            await asyncio.sleep(0.01)
            await gw.sweeper.turn()
            gw.a.receipt(carrier_id)
            answers.set()
            await gw.settled()
            assert (gw.state(m), gw.receipts.duplicates, len(gw.owed())) == (State.DELIVERED, 1, 1)
            assert not gw.mismatches

    asyncio.run(story())
