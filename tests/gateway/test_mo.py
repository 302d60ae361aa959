"""Replies: whole, in parts in any order, twice, never whole, of nobody, and over a restart."""

import asyncio
from itertools import permutations

import pytest
from core import Clock, core

from drivers.sms.alphabet import decode
from drivers.sms.udh import concat_header

TEXTS = [b"one ", b"two ", b"three"]


def part(gw, n, reference=7, **fields):
    return gw.a.mo(TEXTS[n], udh=concat_header(reference, 3, n + 1), **fields)


def kept(gw):
    return gw.store.read("SELECT count(*) FROM mo_part")[0][0]


def replies(gw):
    return gw.store.read("SELECT payload, complete FROM mo ORDER BY id")


def test_a_reply_is_on_disk_before_the_network_hears(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            sink = gw.bound()
            await gw.a.mo(b"STOP")
            assert replies(gw) == [(b"STOP", 1)]
            await gw.settled()
            assert [n.mo.payload for n in sink.notes] == [b"STOP"]
            assert [n.mo.payload for n in gw.store.owed("shop", 0, 9)] == [b"STOP"]

    asyncio.run(story())


@pytest.mark.parametrize("restart_after", [None, 1, 2])
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_parts_in_any_order_and_over_a_restart(tmp_path, order, restart_after):
    async def story():
        clock = Clock()
        left = list(order)
        if restart_after:
            async with core(tmp_path, clock=clock) as gw:
                for n in left[:restart_after]:
                    await part(gw, n)
                assert kept(gw) == restart_after
            left = left[restart_after:]
        async with core(tmp_path, clock=clock) as gw:
            sink = gw.bound()
            for n in left:
                await part(gw, n)
            await gw.settled()
            assert [(n.mo.payload, n.mo.udh) for n in sink.notes] == [(b"one two three", b"")]
            assert (replies(gw), kept(gw)) == ([(b"one two three", 1)], 0)

    asyncio.run(story())


def test_a_part_that_comes_twice_counts_once(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            for n in (0, 0, 1, 0, 2):
                await part(gw, n)
            await gw.settled()
            assert (replies(gw), kept(gw)) == ([(b"one two three", 1)], 0)

    asyncio.run(story())


def test_all_parts_in_one_batch(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            from drivers.bearer import Inbound

            batch = [
                Inbound("+33612345678", "36180", 0, concat_header(7, 3, n + 1), TEXTS[n], 0.0, b"")
                for n in range(3)
            ]
            await gw.a.emit(batch)
            assert (replies(gw), kept(gw)) == ([(b"one two three", 1)], 0)

    asyncio.run(story())


def test_what_never_comes_whole_is_given_as_it_is(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            sink = gw.bound()
            await part(gw, 2)
            await part(gw, 0)
            gw.mo.give_up_waiting()
            await gw.settled()
            assert not sink.notes
            gw.clock.pass_(48 * 3600)
            gw.mo.give_up_waiting()
            await gw.settled()
            (note,) = sink.notes
            assert note.mo.complete is False
            text = decode(note.mo.payload, note.mo.data_coding)
            assert text.startswith("one ")
            assert text.endswith("three")
            assert kept(gw) == 0

    asyncio.run(story())


def test_a_reply_to_nobody_is_kept_and_counted(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            await gw.a.mo(b"hello", destination="99999")
            assert (gw.mo.unowned, replies(gw), gw.owed()) == (1, [(b"hello", 1)], [])

    asyncio.run(story())


def test_texts_of_two_senders_do_not_mix(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            for n in range(3):
                for source in ("+33600000001", "+33600000002"):
                    await part(gw, n, source=source)
            await gw.settled()
            assert [text for text, _ in replies(gw)] == [b"one two three"] * 2

    asyncio.run(story())
