"""The port of applications: who may connect, what the log is told, how binds are dismissed and drained."""

import asyncio

import pytest
import structlog
from door import door
from raw_esme import until

from drivers.smpp.pdu import CommandStatus
from drivers.smpp.session import Closing
from gateway.events import AccountMoved

S = CommandStatus


@pytest.fixture
def lines():
    """What the log is told, from here on."""
    with structlog.testing.capture_logs() as captured:
        yield lambda event: [line for line in captured if line["event"] == event]


# ── who may connect ──────────────────────────────────────────────────────────────────────────────────────
def test_one_connection_too_many_is_closed_and_a_place_comes_free(tmp_path, lines):
    async def story():
        async with door(tmp_path, listener={"max_connections": 2}) as gw:
            one, _ = await gw.esme(), await gw.esme()
            await (await gw.silent()).ended()
            await (await gw.silent()).ended()
            assert len(list(gw.smpp.binds())) == 2
            (line,) = lines("connection.refused")
            assert line["detail"] == "listeners.smpp.max_connections are open"
            one.close()
            await until(lambda: len(list(gw.smpp.binds())) == 1)
            assert (await gw.esme()).session.bind_status == 0

    asyncio.run(story())


def test_who_connects_and_does_not_bind_keeps_no_application_out(tmp_path):
    async def story():
        async with door(tmp_path, listener={"max_connections": 3}) as gw:
            bound = await gw.esme()
            strangers = [await gw.silent() for _ in range(3)]
            await strangers[0].ended()
            assert (await gw.esme()).session.bind_status == 0
            await strangers[1].ended()
            assert (bound.end, strangers[2].end) == (None, None)

    asyncio.run(story())


def test_who_does_not_bind_is_closed_when_the_bind_timer_ends(tmp_path, lines):
    async def story():
        async with door(tmp_path, listener={"bind_timeout": 7.0}) as gw:
            idle, bound = await gw.silent(), await gw.esme()
            await gw.later(0)
            await gw.later(6.9)
            assert idle.end is None
            await gw.later(0.2)
            await idle.ended()
            assert bound.end is None
            assert len(lines("connection.closed")) == 1

    asyncio.run(story())


def test_a_look_at_the_port_is_no_line_in_the_log(tmp_path, lines):
    async def story():
        async with door(tmp_path) as gw:
            (await gw.silent()).close()
            await until(lambda: not list(gw.smpp.binds()))
            assert not lines("connection.closed")

    asyncio.run(story())


def test_a_quiet_bind_is_asked_and_a_dead_one_left(tmp_path, lines):
    async def story():
        async with door(tmp_path, listener={"enquire_link": 20.0}) as gw:
            alive = await gw.esme()
            await gw.later(21)
            await asyncio.sleep(0.05)  # its answer
            await gw.later(19)
            assert alive.end is None
            alive.transport.hold_reading(True)
            await gw.later(2)
            await gw.later(31)
            await until(lambda: not list(gw.smpp.binds()))
            (line,) = lines("account.left")
            assert line["reason"] == Closing.DEAD

    asyncio.run(story())


# ── what the log and the bus are told ────────────────────────────────────────────────────────────────────
def test_the_same_refusal_is_one_line_a_minute(tmp_path, lines):
    async def story():
        async with door(tmp_path) as gw:
            esme = await gw.esme()
            esme.submit(50, service_type=b"WAP")
            await esme.answered(50)
            esme.submit(2, schedule_delivery_time=b"000000000000000X")
            await esme.answered(52)
            told = lines("submit.refused")
            assert [(line["about"], line["repeated"]) for line in told] == [("0x0015", 0), ("0x0061", 0)]
            gw.clock.pass_(61)
            esme.submit(3, service_type=b"WAP")
            await esme.answered(55)
            last = lines("submit.refused")[2]
            assert (last["account"], last["about"], last["repeated"]) == ("shop", "0x0015", 49)
            assert len(lines("submit.refused")) == 3

    asyncio.run(story())


def test_guesses_are_one_line_whatever_names_they_make_up(tmp_path, lines):
    async def story():
        async with door(tmp_path) as gw:
            for number in range(5):
                esme = await gw.esme(system_id=b"guess%d\n" % number)
                assert esme.session.bind_status == S.ESME_RBINDFAIL
                await esme.ended()
            (line,) = lines("bind.refused")
            assert (line["account"], line["detail"]) == ("guess0?", "unknown")
            await (await gw.esme(password=b"wrong")).ended()
            assert [line["detail"] for line in lines("bind.refused")] == ["unknown", "password"]

    asyncio.run(story())


def test_comings_and_goings_are_events(tmp_path, lines):
    async def story():
        async with door(tmp_path) as gw:
            heard = gw.bus.subscribe("test")
            esme = await gw.esme(mode="rx")
            esme.close()
            await until(lambda: lines("account.left"))
            moves = [(e.account, e.bound, e.binds) for e in await heard.next() if type(e) is AccountMoved]
            assert moves == [("shop", True, 1), ("shop", False, 0)]
            assert [line["bind"] for line in lines("account.bound")] == ["bound_rx"]

    asyncio.run(story())


# ── the end ──────────────────────────────────────────────────────────────────────────────────────────────
def test_a_removed_account_is_unbound_and_nobody_else(tmp_path):
    async def story():
        async with door(tmp_path) as gw:
            esme, idle = await gw.esme(), await gw.silent()
            gw.smpp.dismiss(["another"])
            await gw.settled()
            assert esme.end is None
            gw.smpp.dismiss(["shop"])
            reason, _, _ = await esme.ended()
            assert reason == Closing.PEER_UNBOUND
            await until(lambda: gw.account.bound == 0)
            assert idle.end is None

    asyncio.run(story())


def test_a_drain_answers_what_was_submitted_and_lets_nobody_in(tmp_path):
    async def story():
        async with door(tmp_path) as gw:
            one, two = await gw.esme(), await gw.esme(mode="rx")
            one.submit(20)
            await until(lambda: gw.store.read("SELECT 1 FROM message"))
            await gw.smpp.drain(5.0)
            for esme in (one, two):
                assert (await esme.ended())[0] == Closing.PEER_UNBOUND
            assert [status for _, status, _ in one.answers] == [0] * 20
            with pytest.raises(OSError):
                await gw.silent()

    asyncio.run(story())


def test_a_drain_does_not_wait_for_who_does_not_answer(tmp_path):
    async def story():
        async with door(tmp_path) as gw:
            deaf = await gw.esme(status=None)
            await gw.owe()
            await deaf.given(1)
            drained = asyncio.create_task(gw.smpp.drain(5.0))
            await asyncio.sleep(0.02)
            assert not drained.done()
            gw.clock.pass_(6)
            await drained
            assert len(gw.owed()) == 1  # for the next start

    asyncio.run(story())


def test_what_was_asked_for_later_is_dropped_with_the_last_bind_and_read_again(tmp_path):
    async def story():
        async with door(tmp_path) as gw:
            (owed,) = await gw.owe()
            esme = await gw.esme(status=S.ESME_RX_T_APPN)
            await until(lambda: gw.smpp._later)
            esme.close()
            await until(lambda: gw.account.bound == 0)
            assert gw.smpp._later == []
            after = await gw.esme()
            await after.given(1)
            await gw.later(10)
            assert [int(receipt.id) for receipt in after.receipts] == [owed]

    asyncio.run(story())


class Hook:
    """As a webhook stands in the outbox: takes what comes while no bind is there."""

    def __init__(self, outbox):
        self.outbox = outbox
        self.seen = []
        outbox.attach("shop", self)

    def room(self):
        return 10 if self.outbox.alone("shop", self) else 0

    def deliver(self, notes):
        self.seen += [note.message.id for note in notes]
        self.outbox.answered("shop", notes)


def test_what_was_asked_for_later_goes_to_the_webhook_when_the_last_bind_has_gone(tmp_path):
    """The storm's seed 46: nobody was told of it any more, for as long as the process lived."""

    async def story():
        async with door(tmp_path) as gw:
            hook = Hook(gw.outbox)
            asks = await gw.esme(status=S.ESME_RX_T_APPN)
            other = await gw.esme(status=None)
            owed = await gw.owe(4)
            await until(lambda: gw.smpp._later)
            other.close()
            await until(lambda: gw.account.bound == 1)
            assert hook.seen == []
            asks.close()
            await until(lambda: hook.seen == owed)
            await gw.later(10)
            assert hook.seen == owed
            await until(lambda: not gw.owed())

    asyncio.run(story())
