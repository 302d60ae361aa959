"""What time alone does."""

import asyncio

import pytest
from core import DAY, core

from gateway.lifecycle import State
from gateway.model import EPOCH_MS, Kind
from gateway.routing import Router
from gateway.sweeper import Keep

LONG = b"a" * 400


@pytest.mark.parametrize("where", ["memory", "store", "held"])
def test_validity_ends_what_waits_with_a_receipt(tmp_path, where):
    async def story():
        async with core(tmp_path) as gw:
            gw.a.link(False)
            due = gw.clock.wall_ms() + (50_000 if where == "store" else 0)
            m = gw.sms(expires=gw.clock.wall_ms() + 20_000, due=due)
            await gw.submit(m)
            if where == "held":
                await gw.desk.hold((await gw.desk.waiting([m.id])).values(), "by an operator")
            await gw.sweeper.expire(gw.clock.wall_ms() + 19_000)
            assert gw.state(m) is not State.EXPIRED
            gw.clock.pass_(21)
            await gw.sweeper.expire(gw.clock.wall_ms())
            assert gw.row(m.id, "state, reason, error") == (State.EXPIRED, "expired.queue", "0402")
            assert gw.owed() == [(State.EXPIRED, "0402")]
            gw.a.link(True)
            await gw.passes(60)
            assert not gw.a.seen
            assert not gw.mismatches

    asyncio.run(story())


def test_a_message_whose_route_is_gone_says_so(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            gw.a.link(False)
            m = gw.sms(expires=gw.clock.wall_ms() + 1000)
            await gw.submit(m)
            gw.dispatcher.router = Router([])
            gw.clock.pass_(2)
            await gw.sweeper.expire(gw.clock.wall_ms())
            assert gw.owed() == [(State.EXPIRED, "0407")]

    asyncio.run(story())


def test_more_than_a_slice_expires_in_one_turn(tmp_path):
    async def story():
        async with core(tmp_path, max_waiting=10_000) as gw:
            gw.a.link(False)
            await gw.submit(*(gw.sms(expires=gw.clock.wall_ms() + 1000) for _ in range(1200)))
            gw.clock.pass_(2)
            await gw.sweeper.expire(gw.clock.wall_ms())
            assert gw.store.read("SELECT state, count(*) FROM message GROUP BY 1") == [(3, 1200)]
            assert gw.store.read("SELECT count(*) FROM backlog") == [(0,)]

    asyncio.run(story())


@pytest.mark.parametrize("text", [b"short", LONG])
@pytest.mark.parametrize("bearer_gone", [False, True])
@pytest.mark.parametrize("in_memory", [False, True])
def test_no_receipt_in_time_is_unknown(tmp_path, text, bearer_gone, in_memory):
    async def story():
        async with core(tmp_path) as gw:
            messages = [gw.sms(text=text) for _ in range(300)]
            await gw.submit(*messages)
            gw.a.accept()
            await gw.settled()
            gw.clock.pass_(0.5)
            gw.dispatcher.pump_all()
            await gw.settled()
            gw.a.accept()
            await gw.settled()
            await gw.sweeper.overdue(gw.clock.wall_ms() + 71 * 3_600_000)
            sent = sum(gw.state(m) is State.ENROUTE for m in messages)
            assert sent > 30
            if bearer_gone:
                await gw.links.stop("a", 0)
            if not in_memory:
                gw.correlation.__init__()
            gw.clock.pass_(73 * 3600)
            await gw.sweeper.overdue(gw.clock.wall_ms())
            assert sum(gw.state(m) is State.UNKNOWN for m in messages) == sent
            assert len(gw.owed()) == sent
            assert not gw.mismatches

    asyncio.run(story())


def test_an_otp_s_text_is_gone_from_file_and_log_at_its_end(tmp_path):
    async def story():
        async with core(tmp_path, wipe=frozenset({Kind.OTP})) as gw:
            secret = b"xyzzy-987654"
            m = gw.sms(text=secret, kind=Kind.OTP)
            await gw.submit(m)
            gw.a.receipt(gw.a.accept()[0])
            await gw.settled()
            assert gw.row(m.id, "payload") == (None,)
            gw.bound()
            assert gw.sink.notes[0].message.kind is Kind.OTP
            for _ in range(30):
                await gw.sweeper.turn()
            assert not gw.store.wiped
            for name in ("chappe.db", "chappe.db-wal"):
                assert secret not in (tmp_path / name).read_bytes()

    asyncio.run(story())


def test_texts_messages_and_attempts_are_forgotten_in_time(tmp_path):
    async def story():
        keep = Keep(7 * DAY, 3600_000, 30 * DAY, 7 * DAY)
        async with core(tmp_path, keep=keep) as gw:
            otp = gw.sms(text=b"secret-otp", kind=Kind.OTP)
            m = gw.sms(text=b"secret-text" * 30)
            waits = gw.sms(
                text=b"secret-late", due=gw.clock.wall_ms() + 8 * DAY, expires=gw.clock.wall_ms() + 9 * DAY
            )
            await gw.submit(otp, m, waits)
            for carrier_id in gw.a.accept():
                gw.a.receipt(carrier_id)
            gw.a.mo(b"secret-reply")
            gw.a.receipt("nobody")
            await gw.settled()
            gw.clock.pass_(2 * 3600)
            await gw.sweeper.forget(gw.clock.wall_ms())
            assert gw.row(otp.id, "payload") == (None,)
            assert gw.row(m.id, "payload") == (b"secret-text" * 30,)
            gw.clock.pass_(8 * DAY / 1000)
            await gw.sweeper.forget(gw.clock.wall_ms())
            assert gw.row(m.id, "payload") == (None,)
            assert gw.row(waits.id, "payload") == (b"secret-late",)
            assert gw.store.wiped
            await gw.passes(1)
            gw.a.receipt(gw.a.accept()[0])
            await gw.settled()
            assert gw.row(waits.id, "state, payload") == (State.DELIVERED, None)
            assert gw.store.read("SELECT payload FROM mo") == [(None,)]
            assert gw.store.read("SELECT * FROM orphan") == []
            gw.clock.pass_(31 * DAY / 1000)
            await gw.sweeper.forget(gw.clock.wall_ms())
            for table in ("message", "attempt", "mo"):
                assert gw.store.read(f"SELECT * FROM {table}") == []

    asyncio.run(story())


def test_notes_that_nobody_fetched_are_dropped_and_counted(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            for hours in (0, 6 * 24):
                gw.clock.pass_(hours * 3600)
                await gw.submit(gw.sms())
                gw.a.receipt(gw.a.accept()[0])
                await gw.settled()
            gw.clock.pass_(2 * 24 * 3600)
            await gw.sweeper.forget(gw.clock.wall_ms())
            assert (gw.sweeper.dropped_notes, len(gw.owed())) == (1, 1)
            await gw.sweeper.forget(gw.clock.wall_ms())
            assert gw.sweeper.dropped_notes == 1
            assert gw.outbox.counts()["shop"][0] == 1
            assert len(gw.bound().notes) == 1

    asyncio.run(story())


def test_nothing_is_swept_while_the_store_is_sick(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            gw.store._writer._sick = "disk full"
            for _ in range(600):
                await gw.sweeper.turn()
            gw.store._writer._sick = ""
            assert gw.store.transactions == 0 or gw.store.meta("texts_wiped_to") == ""

    asyncio.run(story())


def test_ids_tell_the_time(tmp_path):
    from gateway.sweeper import _id_before

    assert _id_before(EPOCH_MS + 5) == 5 << 22
    assert _id_before(0) == 0
