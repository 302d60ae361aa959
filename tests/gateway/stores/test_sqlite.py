"""The contract of gateway/stores/store.py, kept by SQLite."""

import asyncio
from pathlib import Path

import pytest
from making import LOOPS, NOW, Told, all_of, message, opened, outcome, run
from records import field_names

from gateway.lifecycle import Cause, State
from gateway.model import Kind, Note, NoteKind, Part
from gateway.stores import rows
from gateway.stores.transactions import Transactions

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
                for name in field_names(type(m)) - {"listed"}:
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
            assert (back[1].carrier_id, back[1].sent_at, back[1].bearer, back[1].tries) == (
                "AB12",
                NOW,
                "orange",
                1,
            )
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
            queued, later, held, gone = (
                message(1),
                message(2, Cause.POSTPONE, due=NOW + 9),
                message(3, Cause.HOLD),
                message(4),
            )
            refused, straight = message(5, Cause.REFUSE), message(6, Cause.ADMIT_AT_ONCE)
            await store.admit([queued, later, held, gone, refused, straight])
            await store.apply(move(gone, Cause.TAKE))
            assert ids(store.refill(FLOW, START, NOW, 10)) == [1]
            assert ids(store.refill(FLOW, START, NOW + 9, 10)) == [1, 2]
            assert [(w.key, w.count, w.first_due) for w in store.waiting()] == [(FLOW, 2, 0)]
            await store.apply(
                [*move(gone, Cause.RETRY), *move(held, Cause.RELEASE), *move(queued, Cause.CANCEL)]
            )
            assert ids(store.refill(FLOW, START, NOW + 9, 10)) == [3, 4, 2]
            assert len(all_of(store, "backlog")) == 3

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
                part.state, part.carrier_id, part.bearer, part.tries, part.sent_at = (
                    state,
                    carrier,
                    "orange",
                    1,
                    NOW,
                )
                await store.part(m, index)
            await store.apply(
                move(m, Cause.RETRY)
            )  # the third was refused: the try is history, its parts are not
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


def test_replacing_moves_the_message_to_its_new_time(tmp_path):
    async def main():
        async with opened(tmp_path / "s.db") as store:
            m = message(1, Cause.POSTPONE, due=NOW + 50)
            await store.admit([m])
            m.payload, m.data_coding, m.due, m.expires, m.registered, m.user_reference = (
                b"new",
                4,
                NOW,
                NOW + 99,
                0,
                5,
            )
            await store.replace(m)
            (back,) = store.refill(FLOW, START, NOW, 9)
            assert (back.payload, back.data_coding, back.expires, back.registered, back.user_reference) == (
                b"new",
                4,
                NOW + 99,
                0,
                5,
            )
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


def test_or_while_the_disk_refuses(tmp_path, monkeypatch):
    """Nor is it forgotten that a text is in the WAL yet."""

    async def main():
        async with opened(tmp_path / "s.db") as store:
            await store.admit([message(1)])
            with monkeypatch.context() as patch:
                patch.setattr(Transactions, "checkpoint", lambda *_: ("disk I/O error", False))
                await store.scrub()
            assert store.wiped
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
