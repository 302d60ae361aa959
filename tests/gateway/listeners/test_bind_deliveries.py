"""What one connection is given: receipts and replies within its window, and when they come again."""

import asyncio

import pytest
from door import door
from raw_esme import until

from drivers.smpp import codec
from drivers.smpp.pdu import CommandStatus

S = CommandStatus


def ids(esme):
    """The messages whose receipts came, in their order."""
    return [int(receipt.id) for receipt in esme.receipts]


def answer(esme, sm, status=0):
    esme.session.respond(codec.response(sm.command_id, status, sm.sequence_number, b""))
    esme.transport.flush()


def test_no_more_notes_than_its_window(tmp_path):
    async def story():
        async with door(tmp_path, window=3) as gw:
            owed = await gw.owe(5)
            esme = await gw.esme(status=None)
            await esme.given(3)
            await gw.settled()
            assert ids(esme) == owed[:3]
            answer(esme, esme.delivered[1])
            await esme.given(4)
            for sm in (esme.delivered[0], esme.delivered[2], esme.delivered[3]):
                answer(esme, sm)
            await esme.given(5)
            assert ids(esme) == owed
            answer(esme, esme.delivered[4])
            await until(lambda: not gw.owed())
            assert gw.bind.delivered == 5

    asyncio.run(story())


@pytest.mark.parametrize("status", [S.ESME_RSYSERR, S.ESME_RMSGQFUL, S.ESME_RTHROTTLED, S.ESME_RX_T_APPN])
def test_later_means_five_seconds_later(tmp_path, status):
    async def story():
        async with door(tmp_path) as gw:
            (owed,) = await gw.owe()
            esme = await gw.esme(mode="rx", status=None)
            await esme.given(1)
            answer(esme, esme.delivered[0], status)
            await until(lambda: gw.smpp._later)
            await gw.later(4.9)
            assert ids(esme) == [owed]
            assert len(gw.owed()) == 1
            esme.status = 0
            await gw.later(0.2)
            await esme.given(2)
            assert ids(esme) == [owed, owed]
            await until(lambda: not gw.owed())

    asyncio.run(story())


@pytest.mark.parametrize("status", [S.ESME_RINVMSGLEN, S.ESME_RX_P_APPN, S.ESME_RX_R_APPN, 0x4FF])
def test_any_other_error_is_an_answer_too(tmp_path, status):
    async def story():
        async with door(tmp_path) as gw:
            await gw.owe()
            esme = await gw.esme(mode="rx", status=status)
            await esme.given(1)
            await until(lambda: not gw.owed())
            await gw.later(60)
            assert len(esme.delivered) == 1

    asyncio.run(story())


def test_a_note_without_an_answer_comes_again(tmp_path):
    async def story():
        async with door(tmp_path) as gw:
            (owed,) = await gw.owe()
            esme = await gw.esme(status=None)
            await esme.given(1)
            await gw.later(0)
            await gw.later(31)
            await gw.later(6)
            await esme.given(2)
            assert ids(esme) == [owed, owed]
            answer(esme, esme.delivered[0])  # the late answer counts as one
            await until(lambda: not gw.owed())

    asyncio.run(story())


def test_what_a_bind_leaves_goes_to_the_next(tmp_path):
    async def story():
        async with door(tmp_path) as gw:
            first = await gw.esme(mode="rx", status=None)
            owed = await gw.owe(3)
            await first.given(3)
            answer(first, first.delivered[1])
            await until(lambda: len(gw.owed()) == 2)
            second = await gw.esme(mode="rx")
            first.close()
            await second.given(2)
            assert ids(second) == [owed[0], owed[2]]
            await until(lambda: not gw.owed())

    asyncio.run(story())


def test_a_transmitter_is_given_nothing(tmp_path):
    async def story():
        async with door(tmp_path) as gw:
            esme = await gw.esme(mode="tx")
            await gw.owe()
            await gw.settled()
            assert not gw.bind.receives
            assert esme.delivered == []
            assert len(gw.owed()) == 1

    asyncio.run(story())


def test_a_reply_of_more_parts_than_the_window_goes_as_answers_come(tmp_path):
    async def story():
        async with door(tmp_path, window=2, long_mo="parts") as gw:
            esme = await gw.esme(status=None)
            gw.a.mo(text=b"a" * 500)
            await esme.given(2)
            (owed,) = await gw.owe()  # has to wait until the reply is through
            for number in range(4):
                await esme.given(min(4, number + 2))
                answer(esme, esme.delivered[number])
            await esme.given(5)
            parts = esme.delivered[:4]
            assert b"".join(sm.short_message[6:] for sm in parts) == b"a" * 500
            assert [sm.short_message[4:6] for sm in parts] == [b"\4\1", b"\4\2", b"\4\3", b"\4\4"]
            answer(esme, esme.delivered[4])
            assert ids(esme) == [owed]
            await until(lambda: not gw.owed())

    asyncio.run(story())


def test_one_part_refused_for_now_brings_the_whole_reply_again(tmp_path):
    async def story():
        async with door(tmp_path, long_mo="parts") as gw:
            esme = await gw.esme(status=None)
            gw.a.mo(text=b"a" * 300)
            await esme.given(2)
            answer(esme, esme.delivered[0], S.ESME_RX_T_APPN)
            answer(esme, esme.delivered[1])
            await until(lambda: gw.smpp._later)
            esme.status = 0
            await gw.later(5)
            await esme.given(4)
            assert esme.delivered[2].short_message == esme.delivered[0].short_message
            await until(lambda: not gw.store.read("SELECT 1 FROM outbox"))

    asyncio.run(story())


def test_one_that_does_not_read_is_given_nothing_and_then_left(tmp_path):
    async def story():
        async with door(tmp_path) as gw:
            slow = await gw.esme()
            gw.bind.transport.pause_writing()  # as asyncio calls it above a megabyte that nobody has read
            owed = await gw.owe(2)
            assert (gw.bind.room(), slow.delivered) == (0, [])
            gw.bind.transport.resume_writing()
            await slow.given(2)
            slow.status = None
            gw.bind.transport.pause_writing()
            more = await gw.owe()
            await gw.later(31)
            await slow.ended()
            assert not list(gw.smpp.binds())
            quick = await gw.esme()
            await quick.given(1)
            assert ids(slow) + ids(quick) == owed + more

    asyncio.run(story())
