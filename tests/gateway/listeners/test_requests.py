"""query_sm, cancel_sm, replace_sm, submit_multi: one account's own messages, and what each answers."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from core import account, core

from drivers.smpp import codec
from drivers.smpp.pdu import Cancel, Command, CommandStatus, Query, Replace, Sm, SubmitMulti
from gateway.lifecycle import State
from gateway.listeners.requests import Requests, shown_state
from gateway.listeners.submission import Submissions
from gateway.stores.store import StoreUnavailable

S = CommandStatus


@asynccontextmanager
async def asked(path, **options):
    async with core(path, **options) as gw:
        gw.requests = Requests(gw.ledger, gw.desk, gw.intake)
        yield gw


async def answer(gw, pdu, version=0x34, who=None):
    raw = await gw.requests.answer(who or gw.shop, pdu, version)
    await gw.settled()
    return answered(raw)


def answered(raw):
    (found,), _ = codec.decode(raw)
    assert found.sequence_number == 5
    return found


def query(message_id):
    return Query(Command.QUERY_SM, 0, 5, message_id, 0, 0, b"36180")


def cancel(message_id, to=b""):
    return Cancel(Command.CANCEL_SM, 0, 5, b"", message_id, 3, 0, b"36180", 1, 1, to)


def replace(message_id, text, source=b"36180", validity=b"", schedule=b""):
    return Replace(Command.REPLACE_SM, 0, 5, message_id, 3, 0, source, schedule, validity, 1, 0, text)


def multi(*to):
    one = Sm(
        Command.SUBMIT_SM, 0, 5, b"", 3, 0, b"36180", 1, 1, b"", 0, 0, 0, b"", b"", 1, 0, 0, 0, b"hello", {}
    )
    return SubmitMulti(Command.SUBMIT_MULTI, 0, 5, list(to), one)


async def waiting(gw, **fields):
    m = gw.sms(due=gw.clock.wall_ms() + 60_000, **fields)
    await gw.submit(m)
    return m


@pytest.mark.parametrize(
    ("state", "version", "shown"),
    [(State.SCHEDULED, 0x34, 1), (State.SCHEDULED, 0x50, 0), (State.HELD, 0x34, 1), (State.INFLIGHT, 0x50, 1),
     (State.ENROUTE, 0x34, 1), (State.DELIVERED, 0x34, 2), (State.UNKNOWN, 0x34, 7), (State.REJECTED, 0x34, 8)],
)  # fmt: skip
def test_query_shows_smpp_s_states(state, version, shown):
    assert shown_state(state, version) == shown


def test_query_follows_a_message(tmp_path):
    async def story():
        async with asked(tmp_path) as gw:
            m = gw.sms()
            await gw.submit(m)
            name = b"%d" % m.id
            found = await answer(gw, query(name))
            assert (found.command_status, found.message_id, found.body[-2:]) == (0, name, b"\x01\0")
            gw.a.receipt(gw.a.accept()[0])
            await gw.settled()
            found = await answer(gw, query(name))
            assert (len(found.body), found.body[-2:]) == (len(name) + 1 + 17 + 2, b"\x02\0")

    asyncio.run(story())


@pytest.mark.parametrize("name", [b"", b"12", b"x", b"9" * 19, b"9" * 30, b"-1"])
def test_ids_that_are_none(tmp_path, name):
    async def story():
        async with asked(tmp_path) as gw:
            for pdu in (query(name), replace(name, b"x")):
                assert (await answer(gw, pdu)).command_status != 0
            if name:
                assert (await answer(gw, cancel(name))).command_status == S.ESME_RINVMSGID

    asyncio.run(story())


def test_another_account_s_message_does_not_exist(tmp_path):
    async def story():
        async with asked(tmp_path, accounts=[account("shop"), account("bank", mo=())]) as gw:
            m = await waiting(gw)
            name, bank = b"%d" % m.id, gw.accounts["bank"]
            assert (await answer(gw, query(name), who=bank)).command_status == S.ESME_RQUERYFAIL
            assert (await answer(gw, cancel(name), who=bank)).command_status == S.ESME_RINVMSGID
            assert (await answer(gw, replace(name, b"x"), who=bank)).command_status == S.ESME_RREPLACEFAIL
            assert gw.state(m) is State.SCHEDULED

    asyncio.run(story())


def test_cancel_by_id_and_by_addresses(tmp_path):
    async def story():
        async with asked(tmp_path) as gw:
            one, two = await waiting(gw), await waiting(gw)
            other = await waiting(gw, to="+33699999999")
            assert (await answer(gw, cancel(b"%d" % one.id))).command_status == 0
            assert (await answer(gw, cancel(b"%d" % one.id))).command_status == S.ESME_RCANCELFAIL
            assert (await answer(gw, cancel(b"", b"33612345678"))).command_status == 0
            assert [gw.state(m) for m in (one, two, other)] == [State.DELETED, State.DELETED, State.SCHEDULED]
            assert (await answer(gw, cancel(b"", b"12"))).command_status == S.ESME_RINVDSTADR

    asyncio.run(story())


def test_replace_rewrites_what_waits(tmp_path):
    async def story():
        async with asked(tmp_path) as gw:
            m = await waiting(gw)
            name = b"%d" % m.id
            assert (await answer(gw, replace(name, b"other", b"99999"))).command_status == S.ESME_RREPLACEFAIL
            assert (await answer(gw, replace(name, b"other"))).command_status == 0
            assert gw.row(m.id, "payload, expires, due") == (b"other", m.expires, m.due)
            sooner = replace(name, b"third", schedule=b"000000000010000R", validity=b"000000000100000R")
            assert (await answer(gw, sooner)).command_status == 0
            await gw.passes(10.1)
            assert gw.a.texts == [b"third"]
            assert (await answer(gw, replace(name, b"late"))).command_status == S.ESME_RREPLACEFAIL

    asyncio.run(story())


def test_a_store_that_fails_is_said(tmp_path):
    async def story():
        async with asked(tmp_path) as gw:
            m = await waiting(gw)

            async def broken(ids):
                raise StoreUnavailable("disk full")

            gw.desk.waiting = broken
            assert (await answer(gw, query(b"%d" % m.id))).command_status == S.ESME_RSYSERR

    asyncio.run(story())


def test_many_recipients_have_one_id(tmp_path):
    async def story():
        async with asked(tmp_path) as gw:
            to = [(1, 1, b"33612345670"), (2, 1, b"0612345678"), b"list", (1, 1, b"33612345671")]
            raw = await gw.requests.submit_multi(gw.shop, multi(*to), Submissions(gw.shop))
            await gw.settled()
            found = answered(raw)
            assert found.command_status == 0
            assert [s.destination for s in gw.a.seen] == ["+33612345670", "+33612345671"]
            name = found.message_id
            assert name == b"%d" % gw.a.seen[0].id
            gw.a.accept(gw.a.given[1:])
            gw.a.receipt("a1", to="+33612345671")
            await gw.settled()
            assert (await answer(gw, query(name))).body[-2] == 1
            nobody = answered(await gw.requests.submit_multi(gw.shop, multi(to[1]), Submissions(gw.shop)))
            assert nobody.command_status == S.ESME_RINVDSTADR

    asyncio.run(story())


def test_cancelling_many(tmp_path):
    async def story():
        async with asked(tmp_path) as gw:
            gw.a.link(False)
            to = [(1, 1, b"3361234567%d" % n) for n in range(3)]
            name = answered(
                await gw.requests.submit_multi(gw.shop, multi(*to), Submissions(gw.shop))
            ).message_id
            await gw.settled()
            assert (await answer(gw, replace(name, b"x"))).command_status == S.ESME_RREPLACEFAIL
            assert (await answer(gw, cancel(name, b"33612345671"))).command_status == 0
            states = gw.store.read("SELECT destination, state FROM message ORDER BY 1")
            assert [state for _, state in states] == [State.QUEUED, State.DELETED, State.QUEUED]
            assert (await answer(gw, cancel(name))).command_status == 0
            assert {s for _, s in gw.store.read("SELECT id, state FROM message")} == {State.DELETED}

    asyncio.run(story())
