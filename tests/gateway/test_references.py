"""Clients' references beyond intake: wiped texts, a day's end, a table that cannot be written."""

import asyncio

import pytest
from core import Clock, core

from gateway.answers import REFERENCE_REUSED
from gateway.model import Kind
from gateway.stores.store import StoreUnavailable

DAY = 86_400


@pytest.mark.parametrize("filed", [True, False])
def test_a_wiped_text_is_still_the_same_message(tmp_path, filed):
    async def story():
        clock = Clock()
        wipe = frozenset({Kind.OTP})
        async with core(tmp_path, clock=clock, wipe=wipe) as gw:
            (first,) = await gw.submit(gw.sms(text=b"1234", kind=Kind.OTP, reference="r"))
            gw.a.receipt(gw.a.accept()[0])
            await gw.settled()
            assert gw.row(first.message_id, "payload") == (None,)
            if filed:
                gw.references.flush(clock.wall_ms())
                await gw.settled()
        async with core(tmp_path, clock=clock, wipe=wipe) as gw:
            (again,) = await gw.submit(gw.sms(text=b"1234", kind=Kind.OTP, reference="r"))
            assert again.message_id == first.message_id
            (other,) = await gw.submit(gw.sms("+33699999999", text=b"1234", kind=Kind.OTP, reference="r"))
            assert other.status == REFERENCE_REUSED
            assert not gw.a.seen

    asyncio.run(story())


@pytest.mark.parametrize(("hours", "new"), [(23, False), (25, True)])
def test_a_reference_is_free_after_a_day(tmp_path, hours, new):
    async def story():
        async with core(tmp_path) as gw:
            (first,) = await gw.submit(gw.sms(reference="r"))
            gw.references.flush(gw.clock.wall_ms())
            gw.clock.pass_(hours * 3600)
            (again,) = await gw.submit(gw.sms(reference="r"))
            assert (again.message_id != first.message_id) is new

    asyncio.run(story())


def test_what_could_not_be_filed_is_filed_later(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            table, calls = gw.references._table, []

            class Broken:
                find, unfiled = table.find, table.unfiled

                def file(self, known, now_ms):
                    calls.append(list(known))
                    future = asyncio.get_running_loop().create_future()
                    future.set_exception(OSError("disk full"))
                    return future

            gw.references._table = Broken()
            (first,) = await gw.submit(gw.sms(reference="r"))
            gw.references.flush(gw.clock.wall_ms())
            await gw.settled()
            gw.references._table = table
            gw.references.flush(gw.clock.wall_ms())
            await gw.settled()
            assert calls == [[("shop", "r", first.message_id)]]
            assert list(table.find("shop", ["r"])) == ["r"]

    asyncio.run(story())


def test_references_are_each_account_s_own(tmp_path):
    async def story():
        from core import account

        async with core(tmp_path, accounts=[account("shop"), account("bank", mo=())]) as gw:
            (one,) = await gw.submit(gw.sms(reference="r"))
            (two,) = await gw.submit(gw.sms(reference="r", account="bank"))
            assert one.message_id != two.message_id
            assert two.status == 0

    asyncio.run(story())


def test_a_start_reads_no_messages_once_all_references_are_filed(tmp_path):
    """A long history without any reference, or with filed ones only, must not hold a start up."""

    async def story():
        clock = Clock()
        async with core(tmp_path, clock=clock) as gw:
            (first,) = await gw.submit(gw.sms(reference="r"))
            gw.references.flush(clock.wall_ms())
            await gw.settled()
            (last,) = await gw.submit(gw.sms("+33600000009"))
            assert gw.store.meta("indexed_to") == str(first.message_id)
            gw.references.flush(clock.wall_ms())
            await gw.settled()
            assert gw.store.meta("indexed_to") == str(last.message_id)
            (young,) = await gw.submit(gw.sms("+33600000010", reference="young"))
        async with core(tmp_path, clock=clock) as gw:
            assert [(r, known[0]) for _, r, known in gw.references._table.unfiled()] == [
                ("young", young.message_id)
            ]
            (again,) = await gw.submit(gw.sms(reference="r"))
            assert again.message_id == first.message_id

    asyncio.run(story())


def test_many_are_filed_a_slice_at_a_time_and_what_fails_is_young_again(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.references.SLICE", 10)

    async def story():
        async with core(tmp_path) as gw:
            table, sizes, fail = gw.references._table, [], []

            class Counting:
                find, unfiled, none_left = table.find, table.unfiled, table.none_left

                def file(self, known, now_ms):
                    sizes.append(len(known))
                    if not fail:
                        return table.file(known, now_ms)
                    future = asyncio.get_running_loop().create_future()
                    future.set_exception(StoreUnavailable("database or disk is full"))
                    future.exception()
                    return future

            gw.references._table = Counting()
            await gw.submit(*(gw.sms(reference=f"r{n}") for n in range(14)))
            await gw.references.filed(gw.clock.wall_ms())
            assert sizes == [10, 4]
            assert not gw.references._young
            await gw.submit(*(gw.sms(reference=f"s{n}") for n in range(5)))
            fail.append(True)
            await gw.references.filed(gw.clock.wall_ms())
            assert len(gw.references._young) == 5
            fail.clear()
            await gw.references.filed(gw.clock.wall_ms())
            assert not gw.references._young
            assert gw.references._table.find("shop", ["s4"]).keys() == {"s4"}

    asyncio.run(story())
