"""The contract of gateway/stores/store.py, kept by SQLite."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from making import LOOPS, NOW, Told, all_of, message, opened, outcome, run

from gateway.lifecycle import Cause, State
from gateway.model import Kind, Mo, Note, NoteKind, Part
from gateway.stores import rows
from gateway.stores.store import Orphan

FLOW = ("all", Kind.TRANSACTIONAL, 0, "shop", "")
START = (0, 0)


def ids(messages):
    return [m.id for m in messages]


def move(m, *causes):
    return [m.advance(cause) for cause in causes]


def note(seq, m=None, mo=None, account="shop", kind=NoteKind.RECEIPT):
    return Note(seq, account, kind, m, mo, m.state if m else State.NEW, "", NOW + seq)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_message_comes_back_as_it_was(tmp_path, loop):
    whole = {
        "kind": Kind.OTP, "priority": 3, "source": "36180", "destination": "+4912345", "data_coding": 8, "udh": b"\x05\0\x03\1\2\1",
        "payload": "é€😀".encode("utf-16-be"), "parts": 1, "registered": 0x11, "expires": NOW + 5, "reference": "r-1",
        "tag": "t", "user_reference": 0, "echo": b"\1\2\3", "group": "g", "due": NOW, "reason": "hours",
    }  # fmt: skip

    async def main():
        async with opened(tmp_path / "s.db") as store:
            m = message(7, **whole)
            plain = message(8)
            await store.admit([m, plain])
            back = await store.get([7, 8, 9])
            assert set(back) == {7, 8}
            for made in (m, plain):
                for name in set(m.__slots__) - {"listed"}:
                    assert getattr(back[made.id], name) == getattr(made, name), name

    run(main(), loop)


def test_a_change_is_written_only_from_the_state_it_left(tmp_path):
    async def main():
        told = Told()
        async with opened(tmp_path / "s.db", told) as store:
            m, other = message(1), message(2)
            await store.admit([m, other])
            m.bearer, m.tries = "orange", 1
            await store.apply(move(m, Cause.TAKE))
            m.carrier_id, m.sent_at = "AB12", NOW
            await store.apply(move(m, Cause.ACCEPT))
            stale = (await store.get([2]))[2]
            await store.apply(move(other, Cause.TAKE))
            change = store.apply(move(stale, Cause.CANCEL))  # a copy, and the other was faster
            good = message(3)
            await asyncio.gather(store.admit([good]), change)
            back = await store.get([1, 2, 3])
            assert [back[i].state for i in (1, 2, 3)] == [State.ENROUTE, State.INFLIGHT, State.QUEUED]
            assert (back[1].carrier_id, back[1].sent_at, back[1].bearer, back[1].tries) == ("AB12", NOW, "orange", 1)
            assert told.mismatches == [(2, "state QUEUED expected before DELETED")]

    run(main())


def test_two_changes_of_one_message_in_one_batch_are_both_written(tmp_path):
    """A receipt that outran its submit_sm_resp: ACCEPT and DELIVER come together."""

    async def main():
        told = Told()
        async with opened(tmp_path / "s.db", told) as store:
            m, again = message(1, Cause.ADMIT_AT_ONCE), message(2)
            await store.admit([m, again])
            await store.apply([*move(m, Cause.ACCEPT), *move(m, Cause.DELIVER)])
            await store.apply([*move(again, Cause.TAKE), *move(again, Cause.GIVE_BACK)])
            back = await store.get([1, 2])
            assert (back[1].state, back[2].state) == (State.DELIVERED, State.QUEUED)
            assert ids(store.refill(FLOW, START, NOW, 10)) == [2]
            assert told.mismatches == []

    run(main())


def test_the_backlog_holds_what_waits_and_nothing_else(tmp_path):
    async def main():
        async with opened(tmp_path / "s.db") as store:
            queued, later, held, gone = message(1), message(2, Cause.POSTPONE, due=NOW + 9), message(3, Cause.HOLD), message(4)
            refused, straight = message(5, Cause.REFUSE), message(6, Cause.ADMIT_AT_ONCE)
            await store.admit([queued, later, held, gone, refused, straight])
            await store.apply(move(gone, Cause.TAKE))
            assert ids(store.refill(FLOW, START, NOW, 10)) == [1]
            assert ids(store.refill(FLOW, START, NOW + 9, 10)) == [1, 2]
            assert [(w.key, w.count, w.first_due) for w in store.waiting()] == [(FLOW, 2, 0)]
            await store.apply([*move(gone, Cause.RETRY), *move(held, Cause.RELEASE), *move(queued, Cause.CANCEL)])
            assert ids(store.refill(FLOW, START, NOW + 9, 10)) == [3, 4, 2]
            assert len(all_of(store, "backlog")) == 3

    run(main())


def test_a_flow_is_read_in_order_behind_a_place(tmp_path):
    async def main():
        async with opened(tmp_path / "s.db") as store:
            due = [0, 0, NOW - 5, NOW - 5, NOW, NOW + 1]
            await store.admit([message(n + 1, Cause.POSTPONE if d else Cause.ADMIT, due=d) for n, d in enumerate(due)])
            await store.admit([message(9, tag="other"), message(10, priority=1), message(11, route="south")])
            first = store.refill(FLOW, START, NOW, 2)
            assert ids(first) == [1, 2]
            second = store.refill(FLOW, (first[-1].listed, 2), NOW, 2)
            assert ids(second) == [3, 4]
            assert ids(store.refill(FLOW, (second[-1].listed, 4), NOW, 99)) == [5]
            assert store.first_due(FLOW, (NOW, 5)) == NOW + 1
            assert store.first_due(FLOW, (NOW + 1, 6)) == -1
            assert store.first_due(FLOW, START) == 0
            plan = str(store.read("EXPLAIN QUERY PLAN " + store_refill(), (1, 2, 0, 1, "", 0, 0, NOW)))
            assert "TEMP B-TREE" not in plan

    run(main())


def store_refill():
    from gateway.stores import reader

    return reader._REFILL


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


def test_a_row_that_comes_and_goes_in_one_turn_is_gone(tmp_path):
    async def main():
        async with opened(tmp_path / "s.db") as store:
            m, n = message(1), message(2)
            futures = [store.admit([m, n]), store.apply(move(m, Cause.CANCEL))]
            futures += [store.apply(move(n, Cause.TAKE)), store.apply(move(n, Cause.GIVE_BACK))]
            futures += [store.apply(move(n, Cause.TAKE)), store.apply(move(n, Cause.GIVE_BACK))]
            await asyncio.gather(*futures)
            assert ids(store.refill(FLOW, START, NOW, 9)) == [2]
            assert len(all_of(store, "backlog")) == 1

    run(main())


def test_parts_have_outcomes_of_their_own(tmp_path):
    path = tmp_path / "s.db"

    async def main():
        async with opened(path) as store:
            m = message(1, Cause.ADMIT_AT_ONCE, parts=3)
            m.tries, m.bearer = 1, "orange"
            await store.admit([m])
            m.part_states = [Part(), Part(), Part()]
            for index, (state, carrier) in enumerate([(State.ENROUTE, "00A1"), (State.DELIVERED, "00A2")]):
                part = m.part_states[index]
                part.state, part.carrier_id, part.bearer, part.tries, part.sent_at = state, carrier, "orange", 1, NOW
                await store.part(m, index)
            await store.apply(move(m, Cause.RETRY))  # the third was refused: the try is history, its parts are not
        async with opened(path) as store:
            (back,) = store.refill(FLOW, START, NOW, 9)
            assert [p.state for p in back.part_states] == [State.ENROUTE, State.DELIVERED, State.QUEUED]
            assert back.part_states[0].carrier_id == "00A1"
            ((found, part),) = store.match("orange", ["a1"])
            assert (found.id, part) == (1, 0)
            assert store.match("orange", ["a2"]) == []  # it has its outcome

    run(main())


def test_a_text_refused_whole_is_sent_again_whole(tmp_path):
    """The history of a try is no part: a refill must not think that the first segment had left."""
    path = tmp_path / "s.db"

    async def main():
        async with opened(path) as store:
            m = message(1, Cause.ADMIT_AT_ONCE, parts=2, bearer="orange")
            m.tries = 1
            await store.admit([m])
            await store.apply(move(m, Cause.RETRY))
        async with opened(path) as store:
            (back,) = store.refill(FLOW, START, NOW, 9)
            assert [p.state for p in back.part_states] == [State.QUEUED, State.QUEUED]
            assert len(all_of(store, "attempt")) == 1

    run(main())


@pytest.mark.parametrize("written", ["1a2b", "1A2B", "0x1A2B", "00001a2B", "0000001a2b"])
@pytest.mark.parametrize("asked", ["1a2b", "01A2b", "0x1a2b"])
def test_a_receipt_finds_its_message_in_any_case_and_padding(tmp_path, written, asked):
    async def main():
        async with opened(tmp_path / "s.db") as store:
            messages = [message(n, Cause.ADMIT_AT_ONCE, bearer=b) for n, b in ((1, "orange"), (2, "sfr"), (3, "orange"))]
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
    from gateway.stores import reader

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
            kept = [Orphan(n, "orange", c, "+336", 2, True, "000", NOW, b"raw") for n, c in ((1, "00AB"), (2, "cd"))]
            await store.keep_orphans(kept)
            (found,) = store.claim_orphans("orange", ["ab"])
            assert [getattr(found, s) for s in Orphan.__slots__] == [getattr(kept[0], s) for s in Orphan.__slots__]
            assert store.claim_orphans("sfr", ["ab"]) == []
            await store.drop_orphans([1])
            assert store.claim_orphans("orange", ["ab", "cd"])[0].id == 2

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
            assert (receipt.seq, receipt.kind, receipt.state, receipt.message.id) == (10, NoteKind.RECEIPT, State.DELIVERED, 1)
            assert [getattr(reply.mo, s) for s in Mo.__slots__] == [getattr(mo, s) for s in Mo.__slots__]
            assert [n.seq for n in store.owed("shop", 10, 10)] == [11]
            assert [n.seq for n in store.owed("shop", 0, 1)] == [10]
            assert store.owed("nobody", 0, 9) == []
            forgotten = store.forget([receipt])
            assert [n.seq for n in store.owed("shop", 0, 1)] == [11]  # not again while that is being written
            await forgotten
            assert store.owed_counts() == {"shop": (1, NOW + 11)}

    run(main())


def test_replacing_moves_the_message_to_its_new_time(tmp_path):
    async def main():
        async with opened(tmp_path / "s.db") as store:
            m = message(1, Cause.POSTPONE, due=NOW + 50)
            await store.admit([m])
            m.payload, m.data_coding, m.due, m.expires, m.registered, m.user_reference = b"new", 4, NOW, NOW + 99, 0, 5
            await store.replace(m)
            (back,) = store.refill(FLOW, START, NOW, 9)
            assert (back.payload, back.data_coding, back.expires, back.registered, back.user_reference) == (b"new", 4, NOW + 99, 0, 5)
            assert (back.due, back.listed) == (NOW, NOW)
            await store.reroute([(back, "south")])
            assert [w.key[0] for w in store.waiting()] == ["south"]

    run(main())


def test_texts_are_wiped_at_once_where_retention_says_so(tmp_path):
    path = tmp_path / "s.db"

    async def main():
        async with opened(path, wipe=frozenset({Kind.OTP})) as store:
            secret, open_text = message(1, kind=Kind.OTP, payload=b"code 4711-secret"), message(2)
            await store.admit([secret, open_text])
            await store.apply([*move(secret, Cause.CANCEL), *move(open_text, Cause.CANCEL)])
            assert store.wiped
            await store.scrub()
            assert not store.wiped
            back = await store.get([1, 2])
            assert (back[1].payload, back[2].payload) == (b"", b"hello")
            raw = path.read_bytes() + Path(f"{path}-wal").read_bytes()
            assert b"4711-secret" not in raw

    run(main())


def test_scrubbing_is_put_off_while_somebody_reads(tmp_path):
    async def main():
        async with opened(tmp_path / "s.db") as store:
            await store.admit([message(1)])
            store._reader.execute("BEGIN")
            store.read("SELECT count(*) FROM message")
            await store.admit([message(2)])
            await store.scrub()
            assert store.wiped
            store._reader.execute("COMMIT")
            await store.scrub()
            assert not store.wiped

    run(main())


def test_in_doubt_after_a_crash_is_what_was_inflight(tmp_path):
    """Whatever the mark says: also an old message that was taken late, or admitted late."""
    path = tmp_path / "s.db"

    async def main():
        store_path = path
        async with opened(store_path) as store:
            await store.admit([message(n) for n in range(1, 6)])
            sent = message(10, Cause.ADMIT_AT_ONCE)
            await store.admit([sent])
            await store.apply(move(sent, Cause.ACCEPT))
            store.mark_low()
            await store.flush()
            assert store.meta("inflight_low") == "11"
            old = (await store.get([3]))[3]
            await store.apply(move(old, Cause.TAKE))
            assert store.meta("inflight_low") == "3"
            await store.apply(move(old, Cause.ACCEPT))
            store.mark_low()
            await store.flush()
            assert store.meta("inflight_low") == "11"
            await store.admit([message(8, Cause.ADMIT_AT_ONCE), message(9, Cause.ADMIT_AT_ONCE, parts=2)])
            store.mark_low()
            await store.flush()
        async with opened(store_path) as store:
            doubtful = store.in_doubt()
            assert ids(doubtful) == [8, 9]
            assert len(doubtful[1].part_states) == 2
            assert store.last_id() == 10
            store.mark_low()
            await store.flush()
            assert store.meta("inflight_low") == "8"

    run(main())


def test_an_admission_that_failed_leaves_no_trace(tmp_path):
    async def main():
        async with opened(tmp_path / "s.db") as store:
            await store.admit([message(1)])
            twice = message(1, Cause.ADMIT_AT_ONCE)
            assert await outcome(store.admit([twice])) == "BadRow"
            assert await outcome(store.admit([message(2, source="\ud800")])) == "BadRow"
            assert await outcome(store.admit([message(1 << 63)])) == "BadRow"
            await store.admit([message(3, Cause.ADMIT_AT_ONCE)])
            store.mark_low()
            await store.flush()
            assert store.meta("inflight_low") == "3"
            assert ids(store.refill(FLOW, START, NOW, 9)) == [1]

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


def test_a_callers_death_does_not_stop_his_write(tmp_path):
    async def main():
        async with opened(tmp_path / "s.db") as store:
            future = store.admit([message(1, account="fresh")])
            future.cancel()
            await store.admit([message(2)])
            assert set(await store.get([1, 2])) == {1, 2}

    run(main())


def test_retention_drops_tries_of_what_has_ended(tmp_path):
    async def main():
        async with opened(tmp_path / "s.db") as store:
            ended, waits = message(1, Cause.ADMIT_AT_ONCE, parts=2), message(2, Cause.ADMIT_AT_ONCE, parts=2)
            await store.admit([ended, waits])
            for m in (ended, waits):
                m.part_states = [Part(), Part()]
                m.part_states[0].state = State.ENROUTE
                await store.part(m, 0)
            await store.apply([*move(ended, Cause.DOUBT_STOP)])
            await store.write_rows(rows.DELETE_ATTEMPTS, [(0, 9)])
            assert [row[0] for row in all_of(store, "attempt")] == [2]

    run(main())


def test_a_backup_is_whole_while_the_store_is_written(tmp_path):
    async def main():
        async with opened(tmp_path / "s.db") as store:
            await store.admit([message(n, payload=bytes(400)) for n in range(1, 3000)])
            copying = asyncio.create_task(store.backup(tmp_path / "copy ?#%.db"))
            number = 3000
            while not copying.done():
                await store.admit([message(number)])
                number += 1
            await copying
        async with opened(tmp_path / "copy ?#%.db") as copy:
            assert copy.read("PRAGMA integrity_check") == [("ok",)]
            count = copy.read("SELECT count(*) FROM message")[0][0]
            assert 2999 <= count < number
            assert copy.last_id() == count

    run(main())


CHILD = """
import asyncio, sys
from pathlib import Path
from making import message, NOW
from gateway.lifecycle import Cause
from gateway.stores.sqlite import open_sqlite

async def main(path):
    store = open_sqlite(Path(path), frozenset(), print, print)
    first = store.last_id() + 1
    under_way = 0

    def announce(ids):
        def done(future):
            nonlocal under_way
            under_way -= 1
            if future.exception() is None:
                sys.stdout.write("".join(f"{i}\\n" for i in ids))
                sys.stdout.flush()
        return done

    for n in range(first, 1 << 30, 7):
        batch = [message(i, Cause.ADMIT_AT_ONCE if i % 3 else Cause.ADMIT) for i in range(n, n + 7)]
        under_way += 1
        store.admit(batch).add_done_callback(announce([m.id for m in batch]))
        await asyncio.sleep(0.002 if under_way > 20 else 0)
        if n % 5 == 0:
            store.mark_low()

asyncio.run(main(sys.argv[1]))
"""


def test_sigkill_in_mid_write_loses_nothing_that_was_announced(tmp_path):
    path = tmp_path / "s.db"
    here = Path(__file__).resolve()
    env = os.environ | {"PYTHONPATH": os.pathsep.join((str(here.parents[2]), str(here.parents[3])))}

    async def durable():
        async with opened(path) as store:
            assert store.read("PRAGMA integrity_check") == [("ok",)]
            stored = {row[0] for row in store.read("SELECT id FROM message")}
            inflight = {row[0] for row in store.read("SELECT id FROM message WHERE state=12")}
            assert set(ids(store.in_doubt())) == inflight
            assert {row[0] for row in store.read("SELECT id FROM backlog")} == stored - inflight
            return stored

    announced = set()
    for turn in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, env=env, cwd=here.parents[3]
        )
        lines = [child.stdout.readline() for _ in range(200 + 150 * turn)]
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.read().split(b"\n")[:-1]
        child.stdout.close()
        assert child.wait() == -signal.SIGKILL
        announced |= {int(line) for line in lines}
        assert announced <= run(durable())
    assert len(announced) >= 1000
