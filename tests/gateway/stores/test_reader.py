"""Synchronous look-ups: in order, by their indexes, and blind to what is under way."""

import asyncio

import pytest
from making import NOW, message, opened, outcome, run
from records import fields

from gateway.lifecycle import Cause, State
from gateway.model import EPOCH_MS, Kind, Mo, Note, NoteKind
from gateway.stores import reader
from gateway.stores.store import Orphan

FLOW = ("all", Kind.TRANSACTIONAL, 0, "shop", "")
START = (0, 0)


def ids(messages):
    return [m.id for m in messages]


def move(m, *causes):
    return [m.advance(cause) for cause in causes]


def note(seq, m=None, mo=None, account="shop", kind=NoteKind.RECEIPT):
    return Note(seq, account, kind, m, mo, m.state if m else State.NEW, "", NOW + seq)


def test_a_flow_is_read_in_order_behind_a_place(tmp_path):
    async def main():
        async with opened(tmp_path / "s.db") as store:
            due = [0, 0, NOW - 5, NOW - 5, NOW, NOW + 1]
            await store.admit(
                [message(n + 1, Cause.POSTPONE if d else Cause.ADMIT, due=d) for n, d in enumerate(due)]
            )
            await store.admit([message(9, tag="other"), message(10, priority=1), message(11, route="south")])
            first = store.refill(FLOW, START, NOW, 2)
            assert ids(first) == [1, 2]
            second = store.refill(FLOW, (first[-1].listed, 2), NOW, 2)
            assert ids(second) == [3, 4]
            assert ids(store.refill(FLOW, (second[-1].listed, 4), NOW, 99)) == [5]
            assert store.first_due(FLOW, (NOW, 5)) == NOW + 1
            assert store.first_due(FLOW, (NOW + 1, 6)) == -1
            assert store.first_due(FLOW, START) == 0
            plan = str(store.read("EXPLAIN QUERY PLAN " + reader._REFILL, (1, 2, 0, 1, "", 0, 0, NOW)))
            assert "TEMP B-TREE" not in plan

    run(main())


def test_what_is_under_way_is_not_read(tmp_path):
    """Durable rows whose writer has not been told yet, and rows that are about to go."""

    async def main():
        async with opened(tmp_path / "s.db") as store:
            first = message(1)
            await store.admit([first])
            seen = []
            second = message(2)
            written = store.admit([second])
            written.add_done_callback(lambda _: seen.append(ids(store.refill(FLOW, START, NOW, 9))))
            while not written.done():
                seen.append(ids(store.refill(FLOW, START, NOW, 9)))
                await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert seen[-1] == [1, 2]
            assert set(map(tuple, seen[:-1])) == {(1,)}
            leaving = store.apply(move(first, Cause.TAKE))
            assert ids(store.refill(FLOW, START, NOW, 9)) == [2]
            assert store.first_due(FLOW, (0, 1)) == 0
            assert store.first_due(FLOW, (0, 2)) == -1
            await leaving
            assert ids(store.refill(FLOW, START, NOW, 9)) == [2]

    run(main())


@pytest.mark.parametrize("written", ["1a2b", "1A2B", "0x1A2B", "00001a2B", "0000001a2b"])
@pytest.mark.parametrize("asked", ["1a2b", "01A2b", "0x1a2b"])
def test_a_receipt_finds_its_message_in_any_case_and_padding(tmp_path, written, asked):
    async def main():
        async with opened(tmp_path / "s.db") as store:
            messages = [
                message(n, Cause.ADMIT_AT_ONCE, bearer=b)
                for n, b in ((1, "orange"), (2, "sfr"), (3, "orange"))
            ]
            await store.admit(messages)
            for m, carrier in zip(messages, (written, written, "77"), strict=True):
                m.carrier_id = carrier
            await store.apply([c for m in messages for c in move(m, Cause.ACCEPT)])
            assert [(m.id, part) for m, part in store.match("orange", ["zz", asked])] == [(1, -1)]
            assert store.match("orange", []) == store.match("nobody", [asked]) == []
            await store.apply(move(messages[0], Cause.DELIVER))
            assert store.match("orange", [asked]) == []
            await store.apply(move(messages[1], Cause.OVERDUE))
            assert ids(m for m, _ in store.match("sfr", [asked])) == [2]  # a late one may still come

    run(main())


def test_look_ups_by_carrier_id_use_their_indexes(tmp_path):
    async def main():
        async with opened(tmp_path / "s.db") as store:
            for sql, index in (
                (reader._AWAITING, "message_awaits_receipt"),
                (reader._AWAITING_PART, "attempt_awaits_receipt"),
                (reader._ORPHANS, "orphan_by_id"),
            ):
                plan = str(store.read("EXPLAIN QUERY PLAN " + sql.format("?,?"), ("a", "b", 1)))
                assert index in plan
                assert "SCAN" not in plan

    run(main())


def test_orphans_wait_for_their_message(tmp_path):
    async def main():
        async with opened(tmp_path / "s.db") as store:
            kept = [
                Orphan(n, "orange", c, "+336", 2, True, "000", NOW, b"raw")
                for n, c in ((1, "00AB"), (2, "cd"))
            ]
            await store.keep_orphans(kept)
            (found,) = store.claim_orphans("orange", ["ab"])
            assert fields(found) == fields(kept[0])
            assert store.claim_orphans("sfr", ["ab"]) == []
            await store.drop_orphans([1])
            assert store.claim_orphans("orange", ["ab", "cd"])[0].id == 2

    run(main())


def test_the_newest_orphans_and_what_was_sent_lately_to_a_number(tmp_path):
    async def main():
        async with opened(tmp_path / "s.db") as store:
            at = [NOW + 1000 * n for n in range(5)]
            ids = [ms - EPOCH_MS << 22 for ms in at]
            await store.keep_orphans(
                [
                    Orphan(i, "orange", "x", "+336", 2, True, "", ms, b"")
                    for i, ms in zip(ids, at, strict=True)
                ]
            )
            assert [o.id for o in store.orphans_since(at[2], 100)] == ids[2:]
            assert [o.id for o in store.orphans_since(at[0], 2)] == ids[3:]
            await store.admit([message(n, destination=f"+3360000000{n % 2}") for n in range(1, 9)])
            assert [m.id for m in store.sent_lately({"+33600000001"}, 4)] == [5, 7]
            assert store.sent_lately(set(), 4) == []

    run(main())


def test_notes_are_owed_until_they_are_answered(tmp_path):
    path = tmp_path / "s.db"

    async def main():
        async with opened(path) as store:
            m = message(1, Cause.ADMIT_AT_ONCE)
            mo = Mo(2, "orange", "+336", "36180", 0, b"", b"STOP", NOW, "shop", 1, False)
            await store.admit([m])
            await store.apply(move(m, Cause.ACCEPT))
            await store.apply(move(m, Cause.DELIVER), [note(10, m)])
            await store.keep_parts([(99, "orange", "+336", "36180", 0, b"u", b"p", NOW)])
            assert store.kept_parts() == [(99, "orange", "+336", "36180", 0, b"u", b"p", NOW)]
            await store.deposit([mo], [note(11, None, mo, kind=NoteKind.MO)], [99])
            assert store.kept_parts() == []
        async with opened(path) as store:
            assert store.owed_counts() == {"shop": (2, NOW + 10)}
            receipt, reply = store.owed("shop", 0, 10)
            assert (receipt.seq, receipt.kind, receipt.state, receipt.message.id) == (
                10,
                NoteKind.RECEIPT,
                State.DELIVERED,
                1,
            )
            assert fields(reply.mo) == fields(mo)
            assert [n.seq for n in store.owed("shop", 10, 10)] == [11]
            assert [n.seq for n in store.owed("shop", 0, 1)] == [10]
            assert store.owed("nobody", 0, 9) == []
            forgotten = store.forget([receipt])
            assert [n.seq for n in store.owed("shop", 0, 1)] == [11]  # not again while that is being written
            await forgotten
            assert store.owed_counts() == {"shop": (1, NOW + 11)}

    run(main())


def test_names_are_numbers_for_ever(tmp_path):
    path = tmp_path / "s.db"

    async def main():
        async with opened(path) as store:
            assert await outcome(store.admit([message(1, account="lost", source="\ud800")])) == "BadRow"
            await store.admit([message(2, account="naïve ✓")])
            numbers = {name: store.number(name) for name in ("all", "lost", "naïve ✓")}
            store.number("never written")
        async with opened(path) as store:
            assert {name: store.number(name) for name in numbers} == numbers
            assert store.name(numbers["naïve ✓"]) == "naïve ✓"
            assert (await store.get([2]))[2].account == "naïve ✓"
            assert store.name(999) == "#999"

    run(main())
