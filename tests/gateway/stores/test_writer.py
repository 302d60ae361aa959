"""Group commit: what shares a transaction, who is told of what, and what a full disk does to whom."""

import asyncio
import resource
import signal
import sqlite3
from contextlib import contextmanager

import pytest
from making import LOOPS, outcome
from writing import DELETE, INSERT, SCRIBES, UPDATE, desk

from gateway.stores import writer as module
from gateway.stores.apart import ProcessScribe
from gateway.stores.scribe import LoopScribe


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(module, "RETRY_AFTER", 0.02)


class Tired:
    """A connection whose disk fails at the checkpoint, and at nothing else."""

    def __init__(self, db):
        self._db = db

    def execute(self, sql, *values):
        if "wal_checkpoint" in sql:
            raise sqlite3.OperationalError("disk I/O error")
        return self._db.execute(sql, *values)

    def __getattr__(self, name):
        return getattr(self._db, name)


@contextmanager
def full_disk(d):
    """No file can grow: small statements run, and COMMIT fails."""
    soft, hard = resource.prlimit(d.pid, resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.prlimit(d.pid, resource.RLIMIT_FSIZE, (4096, hard))
    yield
    resource.prlimit(d.pid, resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, before)


@contextmanager
def no_page(d):
    """No page can be had: an INSERT that needs one fails as it runs."""
    db = d.scribe._transactions._db
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count={pages}")
    yield
    db.execute("PRAGMA max_page_count=1000000")


FULL = [("loop", full_disk), ("loop", no_page), ("process", full_disk)]
LARGE = "x" * 20_000


@pytest.mark.parametrize("scribe", SCRIBES)
@pytest.mark.parametrize("loop", LOOPS)
def test_all_units_of_a_turn_share_a_transaction(tmp_path, scribe, loop):
    async def scenario(d):
        await asyncio.gather(*(d.put(n) for n in range(300)))
        assert (d.writer.transactions, d.writer.rows) == (1, 300)
        first = d.put(301)
        await asyncio.sleep(0)
        while d.writer.busy:  # what comes while the disk is busy shares the next one
            d.put(400 + d.writer.backlog)
            await asyncio.sleep(0)
        assert first.done() or d.writer.transactions == 2
        await d.writer.flush()
        assert d.writer.transactions * 20 < d.writer.rows
        assert len(d.stored) == d.writer.rows

    desk(scenario, tmp_path, scribe, loop)


@pytest.mark.parametrize("scribe", SCRIBES)
def test_a_future_is_done_only_when_others_can_read_the_row(tmp_path, scribe):
    async def scenario(d):
        done = d.put(1)
        while not done.done():
            await asyncio.sleep(0)
        assert d.stored == {1: "a"}

    desk(scenario, tmp_path, scribe)


@pytest.mark.parametrize("scribe", SCRIBES)
def test_who_has_waited_for_how_long_is_known(tmp_path, scribe, monkeypatch):
    monkeypatch.setattr(LoopScribe, "most_rows", 1)
    monkeypatch.setattr(ProcessScribe, "most_rows", 1)

    async def scenario(d):
        waiting, began = [d.put(n) for n in range(10)], d.writer._loop.time()
        await waiting[5]  # whatever was answered before
        waited = d.writer._loop.time() - began
        assert (d.writer.behind(waited), d.writer.behind(waited + 10)) == (True, False)
        await d.writer.flush()
        assert not d.writer.behind(-1)

    desk(scenario, tmp_path, scribe)


@pytest.mark.parametrize("scribe", SCRIBES)
def test_a_large_turn_is_cut_and_keeps_its_order(tmp_path, scribe, monkeypatch):
    monkeypatch.setattr(LoopScribe, "most_rows", 10)
    monkeypatch.setattr(ProcessScribe, "most_rows", 10)

    async def scenario(d):
        await asyncio.gather(*(d.put(n, name=n) for n in range(35)))
        assert d.writer.transactions == 4
        assert d.order == [(n, "NoneType") for n in range(35)]
        huge = d.writer.unit()
        huge.add(INSERT, [(n, "b") for n in range(100, 200)])
        await d.writer.write(huge)
        assert d.writer.transactions == 5

    desk(scenario, tmp_path, scribe)


@pytest.mark.parametrize(("rows", "under_way"), [(module.WORTH - 1, 1), (module.WORTH, 2)])
def test_a_second_transaction_is_begun_when_there_is_enough_for_it(tmp_path, rows, under_way):
    async def scenario(d):
        first = d.put(100_000)
        while not d.writer.busy:
            await asyncio.sleep(0)
        unit = d.writer.unit()
        unit.add(INSERT, [(n, "a") for n in range(rows)])
        second = d.writer.write(unit)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(d.scribe._asked) == under_way
        await asyncio.gather(first, second)

    desk(scenario, tmp_path, "process")


@pytest.mark.parametrize("scribe", SCRIBES)
def test_statements_run_in_the_order_of_their_numbers_unless_a_unit_stands_apart(tmp_path, scribe):
    async def scenario(d):
        await asyncio.gather(d.put(1), d.write((DELETE, (1,))), d.put(2))
        assert d.stored == {2: "a"}
        await asyncio.gather(d.write((DELETE, (2,))), d.put(2, "b", apart=True))
        assert d.stored == {2: "b"}

    desk(scenario, tmp_path, scribe)


@pytest.mark.parametrize("scribe", SCRIBES)
@pytest.mark.parametrize("bad", [(1, "twice"), (5, None), (1 << 64, "x"), (5, "\ud800"), (5, object()), (5,)])
def test_one_bad_row_answers_its_own_sender(tmp_path, scribe, bad):
    async def scenario(d):
        await d.put(1)
        undone = []
        unit = d.writer.unit()
        unit.add(INSERT, [(6, "beside it")])
        unit.add(INSERT, [bad])
        unit.undo = lambda: undone.append(True)
        outcomes = await asyncio.gather(outcome(d.put(2)), outcome(d.writer.write(unit)), outcome(d.put(3)))
        assert outcomes == ["ok", "BadRow", "ok"]
        assert undone == [True]
        assert list(d.stored) == [1, 2, 3]
        assert await outcome(d.put(bad[0], *bad[1:]) if len(bad) > 1 else d.write((INSERT, bad))) == "BadRow"
        await d.put(4)
        assert d.health == []

    desk(scenario, tmp_path, scribe)


@pytest.mark.parametrize("scribe", SCRIBES)
def test_a_state_that_is_not_as_thought_is_reported_and_stops_nobody(tmp_path, scribe):
    async def scenario(d):
        await asyncio.gather(d.put(1), d.put(2))
        stale = d.write((UPDATE, ("c", 1, "b")))
        await asyncio.gather(stale, d.write((UPDATE, ("b", 2, "a"))), d.put(3))
        assert d.mismatches == [(UPDATE, ("c", 1, "b"))]
        assert d.stored == {1: "a", 2: "b", 3: "a"}

    desk(scenario, tmp_path, scribe)


@pytest.mark.parametrize(("scribe", "full"), FULL)
@pytest.mark.parametrize("loop", LOOPS)
def test_a_full_disk_refuses_who_asks_and_keeps_what_has_happened(tmp_path, scribe, full, loop):
    async def scenario(d):
        await d.put(1)
        with full(d):
            kept = [d.put(10, LARGE, name="first")]
            assert await outcome(d.put(2, LARGE, insist=False)) == "StoreUnavailable"
            assert "full" in d.writer.sick or "I/O" in d.writer.sick
            assert d.health == [d.writer.sick]
            kept += [d.put(10 + n, LARGE, name=n) for n in range(1, 4)]
            assert await outcome(d.put(3, LARGE, insist=False)) == "StoreUnavailable"
            await asyncio.sleep(0.1)
            assert not any(future.done() for future in kept)
        await asyncio.gather(*kept)
        assert d.order == [("first", "NoneType"), (1, "NoneType"), (2, "NoneType"), (3, "NoneType")]
        assert list(d.stored) == [1, 10, 11, 12, 13]
        assert d.writer.sick == d.health[-1] == ""
        assert len(d.health) == 2

    desk(scenario, tmp_path, scribe, loop)


def test_what_was_sent_behind_one_that_the_disk_refused_goes_back_behind_it(tmp_path, monkeypatch):
    """Two are on their way: were the second done without the first, a row would be changed that is not there."""
    monkeypatch.setattr(module, "WORTH", 1)

    async def scenario(d):
        await d.put(1)
        with full_disk(d):
            kept = [d.put(2, LARGE, name="insert")]
            while not d.writer.busy:
                await asyncio.sleep(0)
            kept.append(d.write((UPDATE, ("b", 2, LARGE)), name="update"))
            asked = d.put(3, insist=False)
            while len(d.scribe._asked) < 2:
                await asyncio.sleep(0)
            kept.append(d.write((UPDATE, ("c", 2, "b")), name="again"))
            assert await outcome(asked) == "StoreUnavailable"
            assert len(d.health) == 1
        await asyncio.gather(*kept)
        assert d.order == [("insert", "NoneType"), ("update", "NoneType"), ("again", "NoneType")]
        assert d.stored == {1: "a", 2: "c"}
        assert d.mismatches == []

    desk(scenario, tmp_path, "process")


@pytest.mark.parametrize(("scribe", "full"), FULL)
def test_it_gets_well_by_itself_though_nobody_writes(tmp_path, scribe, full):
    """Whoever looks at `sick` before it writes would otherwise wait for ever."""

    async def scenario(d):
        await d.put(1)
        with full(d):
            assert await outcome(d.put(2, LARGE, insist=False)) == "StoreUnavailable"
            await asyncio.sleep(0.1)
            assert d.writer.sick
        await asyncio.sleep(0.1)
        assert d.writer.sick == d.health[-1] == ""
        assert len(d.health) == 2
        await d.put(3)
        assert list(d.stored) == [1, 3]

    desk(scenario, tmp_path, scribe)


@pytest.mark.parametrize("scribe", SCRIBES)
def test_behind_more_than_one_batch_of_insisting_units_nobody_waits_for_his_refusal(
    tmp_path, scribe, monkeypatch
):
    monkeypatch.setattr(LoopScribe, "most_rows", 2)
    monkeypatch.setattr(ProcessScribe, "most_rows", 2)

    async def scenario(d):
        await d.put(100)
        with full_disk(d):
            kept = [d.put(n, LARGE) for n in range(10)]
            assert await outcome(d.put(99, insist=False)) == "StoreUnavailable"
        await asyncio.gather(*kept)
        assert list(d.stored) == [*range(10), 100]

    desk(scenario, tmp_path, scribe)


@pytest.mark.parametrize("scribe", SCRIBES)
def test_somebody_elses_lock_is_waited_out(tmp_path, scribe):
    async def scenario(d):
        other = sqlite3.connect(d.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        kept = d.put(1)
        assert await outcome(d.put(2, insist=False)) == "StoreUnavailable"
        assert "locked" in d.writer.sick
        other.execute("ROLLBACK")
        other.close()
        await kept

    desk(scenario, tmp_path, scribe)


@pytest.mark.parametrize("scribe", SCRIBES)
def test_flush_waits_for_what_is_written_and_not_for_what_comes(tmp_path, scribe):
    async def scenario(d):
        going = True

        async def stream():
            number = 0
            while going:
                number += 1
                d.put(number)
                await asyncio.sleep(0)

        task = asyncio.create_task(stream())
        await asyncio.sleep(0.01)
        mine = d.put(0)
        await asyncio.wait_for(d.writer.flush(), 5)
        assert mine.done()
        assert await asyncio.wait_for(d.writer.checkpoint(), 5) is False
        going = False
        await task
        await d.writer.flush()
        assert len(d.stored) == d.writer.rows

    desk(scenario, tmp_path, scribe)


@pytest.mark.parametrize("scribe", SCRIBES)
def test_a_checkpoint_empties_the_wal_or_says_who_is_in_the_way(tmp_path, scribe):
    async def scenario(d):
        wal = d.path.with_name(d.path.name + "-wal")
        await d.put(1)
        assert wal.stat().st_size
        assert await d.writer.checkpoint() is False
        assert wal.stat().st_size == 0
        await d.put(2)
        reader = sqlite3.connect(d.path, isolation_level=None)
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM t").fetchone() == (2,)
        await d.put(3)
        assert await d.writer.checkpoint() is True
        reader.close()
        assert await d.writer.checkpoint() is False

    desk(scenario, tmp_path, scribe)


def test_a_checkpoint_that_fails_says_so(tmp_path):
    async def scenario(d):
        d.scribe._transactions._db = Tired(d.scribe._transactions._db)
        assert await outcome(d.writer.checkpoint()) == "StoreUnavailable"
        await d.put(1)

    desk(scenario, tmp_path)


@pytest.mark.parametrize("scribe", SCRIBES)
def test_closing_writes_what_is_left(tmp_path, scribe):
    async def scenario(d):
        futures = [d.put(n) for n in range(100)]
        await d.writer.close()
        assert all(future.done() and future.exception() is None for future in futures)
        assert len(d.stored) == 100
        assert await outcome(d.put(1000)) == "StoreUnavailable"
        assert await outcome(d.writer.checkpoint()) == "StoreUnavailable"
        await d.writer.close()

    desk(scenario, tmp_path, scribe)


@pytest.mark.parametrize(("scribe", "full"), FULL)
def test_closing_on_a_full_disk_ends_and_says_what_is_lost(tmp_path, scribe, full):
    async def scenario(d):
        await d.put(1)
        with full(d):
            kept = [d.put(2, LARGE), d.put(3, LARGE)]
            await asyncio.sleep(0.05)
            assert d.writer.sick
            kept.append(d.put(4))
            await asyncio.wait_for(d.writer.close(), 2)
            assert [await outcome(future) for future in kept] == ["StoreUnavailable"] * 3
        assert list(d.stored) == [1]

    desk(scenario, tmp_path, scribe)


@pytest.mark.parametrize("scribe", SCRIBES)
def test_closing_when_the_disk_is_well_again_saves_all(tmp_path, scribe):
    async def scenario(d):
        await d.put(1)
        with full_disk(d):
            kept = [d.put(2, LARGE)]
            while not d.writer.sick:
                await asyncio.sleep(0.001)
        await asyncio.wait_for(d.writer.close(), 2)
        assert kept[0].exception() is None
        assert list(d.stored) == [1, 2]

    desk(scenario, tmp_path, scribe)


@pytest.mark.parametrize("scribe", SCRIBES)
def test_no_wake_up_is_lost_at_random_paces(tmp_path, scribe):
    async def scenario(d):
        async def client(number):
            for step in range(60):
                await d.put(number * 1000 + step, insist=bool(step % 2))
                if (step * number) % 7 == 0:
                    await asyncio.sleep(0)

        await asyncio.gather(*(client(n) for n in range(1, 9)))
        assert len(d.stored) == 480
        assert (d.writer.backlog, d.writer.busy, d.writer._armed) == (0, False, False)

    desk(scenario, tmp_path, scribe, LOOPS[1])
