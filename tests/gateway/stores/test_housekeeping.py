"""What time asks of the store, in slices."""

import asyncio

from making import NOW, message, opened

from gateway.lifecycle import Cause, State
from gateway.model import EPOCH_MS, Kind
from gateway.stores.housekeeping import Housekeeping


async def ended(store, numbers, cause=Cause.REFUSE, **fields):
    messages = [message(n, **fields) for n in numbers]
    await store.admit(messages)
    await store.apply([m.advance(cause) for m in messages])


def texts(store):
    return [row[0] for row in store.read("SELECT id FROM message WHERE payload IS NOT NULL ORDER BY id")]


def test_wiping_goes_by_slices_and_remembers_where(tmp_path):
    async def story():
        async with opened(tmp_path / "db") as store:
            await ended(store, range(1, 2502))
            house = Housekeeping(store)
            await house.wipe_texts(2500, 0)
            assert texts(store) == [2500, 2501]
            assert store.meta("texts_wiped_to") == "2500"
            await house.wipe_texts(2501, 0)
            assert texts(store) == [2501]

    asyncio.run(story())


def test_otps_go_sooner(tmp_path):
    async def story():
        async with opened(tmp_path / "db") as store:
            await ended(store, [1, 3], kind=Kind.OTP)
            await ended(store, [2, 4])
            await Housekeeping(store).wipe_texts(0, 5)
            assert texts(store) == [2, 4]

    asyncio.run(story())


def test_what_still_waits_keeps_its_text_until_it_ends(tmp_path):
    async def story():
        async with opened(tmp_path / "db") as store:
            m = message(1)
            await store.admit([m])
            await Housekeeping(store).wipe_texts(10, 10)
            assert texts(store) == [1]
            await store.apply([m.advance(Cause.CANCEL)])
            assert texts(store) == []
            assert store.wiped

    asyncio.run(story())


def test_dropping_spares_what_is_open(tmp_path):
    async def story():
        async with opened(tmp_path / "db") as store:
            await ended(store, range(1, 1502))
            await store.admit([message(1600)])
            house = Housekeeping(store)
            await house.drop_messages(2000)
            assert store.read("SELECT id FROM message") == [(1600,)]
            assert await house.drop_notes("shop", 2000) == 0

    asyncio.run(story())


def test_expired_and_overdue_are_limited(tmp_path):
    async def story():
        async with opened(tmp_path / "db") as store:
            await store.admit([message(n, expires=NOW + n) for n in range(1, 11)])
            house = Housekeeping(store)
            assert await house.expired(NOW + 5, 3) == [1, 2, 3]
            assert await house.expired(NOW + 5, 100) == [1, 2, 3, 4, 5]
            sent = [message(n, Cause.ADMIT_AT_ONCE, bearer="a", tries=1) for n in range(20, 26)]
            await store.admit(sent)
            changes = []
            for m in sent:
                m.carrier_id, m.sent_at = f"c{m.id}", NOW + m.id
                changes.append(m.advance(Cause.ACCEPT))
            await store.apply(changes)
            assert await house.awaited() == {"a"}
            assert sorted(await house.overdue("a", NOW + 23, 100)) == [20, 21, 22]
            assert len(await house.overdue("a", NOW + 23, 2)) == 2
            assert await house.overdue("b", NOW + 23, 100) == []
            assert store.read("SELECT state FROM message WHERE id=20")[0][0] == State.ENROUTE

    asyncio.run(story())


def test_sums_that_no_quota_asks_for_are_dropped(tmp_path):
    async def story():
        async with opened(tmp_path / "db") as store:
            days = [NOW + n * 86_400_000 for n in (0, 1, 31, 63)]
            await store.admit([message((at - EPOCH_MS) << 22) for at in days])
            await Housekeeping(store).drop_usage(days[-1])
            assert [row[0] for row in store.read("SELECT quarter FROM usage")] == [
                at // 900_000 for at in days[1:]
            ]

    asyncio.run(story())
