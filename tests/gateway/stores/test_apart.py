"""The process that writes: it may die at any moment, and nobody loses a row, writes one twice, or learns of it."""

import asyncio
import enum
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from making import LOOPS, outcome
from structlog.testing import capture_logs
from writing import UPDATE, desk

from gateway.stores import apart, files, opening, writer
from gateway.stores.apart import ProcessScribe
from gateway.stores.store import StoreError
from gateway.stores.transactions import LAST

pytestmark = pytest.mark.filterwarnings("error")


class Colour(enum.IntEnum):
    RED = 7


class Word(enum.StrEnum):
    HELLO = "hello"


def process(scenario, tmp_path, loop=LOOPS[0]):
    desk(scenario, tmp_path, "process", loop)


async def stopped(pid):
    """SIGSTOP is not instant: until it holds, the clerk may still read what it is sent."""
    os.kill(pid, signal.SIGSTOP)
    while Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "T":
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_clerk_that_dies_idle_is_replaced(tmp_path, loop):
    async def scenario(d):
        await d.put(1)
        first = d.pid
        with capture_logs() as logs:
            os.kill(first, signal.SIGKILL)
            await d.put(2)
        assert d.pid != first
        assert d.stored == {1: "a", 2: "a"}
        assert d.health == []
        assert [(entry["event"], entry["status"]) for entry in logs] == [
            ("store.clerk_died", -signal.SIGKILL)
        ]

    process(scenario, tmp_path, loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_what_was_on_its_way_to_one_that_dies_is_sent_to_the_next(tmp_path, loop):
    async def scenario(d):
        await d.put(1)
        await stopped(d.pid)
        waiting = [d.put(2), d.put(3)]
        await asyncio.sleep(0.02)
        later = d.put(4)
        os.kill(d.pid, signal.SIGKILL)
        await asyncio.gather(*waiting, later)
        assert list(d.stored) == [1, 2, 3, 4]

    process(scenario, tmp_path, loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_two_that_were_on_their_way_are_sent_again_in_order(tmp_path, loop, monkeypatch):
    monkeypatch.setattr(writer, "WORTH", 1)

    async def scenario(d):
        await d.put(1)
        await stopped(d.pid)
        first = d.put(2)
        await asyncio.sleep(0.01)
        second = d.write((UPDATE, ("b", 2, "a")))
        await asyncio.sleep(0.01)
        assert len(d.scribe._asked) == 2
        third = d.write((UPDATE, ("c", 2, "b")))
        os.kill(d.pid, signal.SIGKILL)
        await asyncio.gather(first, second, third)
        assert d.stored == {1: "a", 2: "c"}
        assert d.mismatches == []

    process(scenario, tmp_path, loop)


def test_when_it_dies_between_two_refusals_of_the_disk_the_second_is_not_done_without_the_first(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(writer, "WORTH", 1)
    monkeypatch.setattr(writer, "RETRY_AFTER", 0.02)

    async def scenario(d):
        await d.put(1)
        await stopped(d.pid)
        first = d.put(2, name="insert")
        await asyncio.sleep(0.01)
        second = d.write((UPDATE, ("b", 2, "a")), name="update")
        await asyncio.sleep(0.01)
        assert len(d.scribe._asked) == 2
        d.scribe._answered(("disk I/O error", {}, []))  # what it said of the first with its last breath
        os.kill(d.pid, signal.SIGKILL)
        await asyncio.wait_for(asyncio.gather(first, second), 5)
        assert d.stored == {1: "a", 2: "b"}
        assert d.order == [("insert", "NoneType"), ("update", "NoneType")]
        assert d.mismatches == []
        assert d.health == ["disk I/O error", ""]

    process(scenario, tmp_path)


def test_a_file_that_was_taken_away_is_not_replaced_by_an_empty_one(tmp_path, monkeypatch):
    monkeypatch.setattr(apart, "RETRY_AFTER", 0.01)

    async def scenario(d):
        await d.put(1)
        first = d.pid
        d.path.rename(d.path.with_suffix(".aside"))
        os.kill(first, signal.SIGKILL)
        while d.pid == first:
            await asyncio.sleep(0.001)
        assert await outcome(d.put(2, insist=False)) == "StoreUnavailable"
        assert "is gone" in d.writer.sick
        assert await outcome(d.writer.checkpoint()) == "StoreUnavailable"
        assert not d.path.exists()
        d.path.with_suffix(".aside").rename(d.path)
        await d.put(3)
        assert d.stored == {1: "a", 3: "a"}

    process(scenario, tmp_path)


def test_what_it_had_committed_before_it_died_is_not_written_again(tmp_path):
    """The answer is lost, the mark is in the file: with what was refused of that transaction."""

    async def scenario(d):
        await d.put(1)
        await stopped(d.pid)
        good, bad = d.put(2), d.write((UPDATE, ("b", 1, "a")))
        await asyncio.sleep(0.02)
        other = sqlite3.connect(
            d.path, isolation_level=None
        )  # does what the clerk would have done, but for (UPDATE …)
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO t VALUES (2, 'its own')")
        other.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (LAST, f"{d.scribe._name}-2 1"))
        other.execute("COMMIT")
        other.close()
        os.kill(d.pid, signal.SIGKILL)
        assert await asyncio.gather(outcome(good), outcome(bad)) == ["ok", "BadRow"]
        assert d.stored == {1: "a", 2: "its own"}
        await d.put(3)

    process(scenario, tmp_path)


def test_it_may_die_again_and_again_at_any_moment(tmp_path, monkeypatch):
    monkeypatch.setattr(apart, "RETRY_AFTER", 0.01)

    async def scenario(d):
        going = True
        deaths = 0

        async def kill():
            nonlocal deaths
            while going:
                while not d.scribe._ready:
                    await asyncio.sleep(0.001)
                await asyncio.sleep(0.003 * (deaths % 7))
                pid = d.pid
                os.kill(pid, signal.SIGKILL)
                deaths += 1
                while d.pid == pid:
                    await asyncio.sleep(0.001)

        async def client(number):
            for step in range(50):
                await d.put(number * 1000 + step, insist=bool(step % 2))

        killer = asyncio.create_task(kill())
        await asyncio.gather(*(client(n) for n in range(4)))
        going = False
        await killer
        assert deaths > 3
        assert len(d.stored) == 200
        assert d.mismatches == []

    process(scenario, tmp_path)


def test_a_batch_larger_than_any_socket_buffer_arrives(tmp_path):
    async def scenario(d):
        text = "x" * 100_000
        await asyncio.gather(*(d.put(n, text) for n in range(60)))
        assert len(d.stored) == 60

    process(scenario, tmp_path, LOOPS[1])


def test_what_is_a_number_or_a_text_to_sqlite_is_one_here_too(tmp_path):
    async def scenario(d):
        await asyncio.gather(d.put(Colour.RED, Word.HELLO), d.put(True, "a"))
        assert d.stored == {7: "hello", 1: "a"}
        beside = await asyncio.gather(outcome(d.put(2)), outcome(d.put(object())), outcome(d.put(Colour.RED)))
        assert beside == ["ok", "BadRow", "BadRow"]

    process(scenario, tmp_path)


def test_signals_that_ask_it_to_leave_are_for_the_gateway(tmp_path):
    async def scenario(d):
        await d.put(1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(d.pid, number)
        await d.put(2)
        assert os.getpgid(d.pid) != os.getpgid(0)  # nor does a Ctrl-C reach it

    process(scenario, tmp_path)


def test_a_file_that_cannot_be_opened_refuses_who_asks_until_it_can(tmp_path, monkeypatch):
    monkeypatch.setattr(apart, "RETRY_AFTER", 0.01)

    async def scenario(d):
        await d.put(1)
        aside = d.path.with_suffix(".aside")
        with capture_logs() as logs:
            d.path.rename(aside)
            d.path.mkdir()
            first = d.pid
            os.kill(first, signal.SIGKILL)
            while d.pid == first:  # what was sent to it before that would be in doubt, and wait
                await asyncio.sleep(0.001)
            assert await outcome(d.put(2, insist=False)) == "StoreUnavailable"
            kept = d.put(3)
            await asyncio.sleep(0.1)
            assert not kept.done()
            d.path.rmdir()
            aside.rename(d.path)
            await kept
        assert {entry["event"] for entry in logs} == {"store.clerk_cannot_open", "store.clerk_died"}
        assert d.stored == {1: "a", 3: "a"}
        assert d.health[-1] == ""

    process(scenario, tmp_path)


def test_when_no_process_can_be_had_it_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(apart, "RETRY_AFTER", 0.01)

    async def scenario(d):
        await d.put(1)
        with capture_logs() as logs, monkeypatch.context() as poor:
            poor.setattr(sys, "executable", "/nowhere/python")
            os.kill(d.pid, signal.SIGKILL)
            kept = d.put(2)
            while len(logs) < 3:
                await asyncio.sleep(0.001)
        await kept
        assert {entry["event"] for entry in logs} == {"store.clerk_died", "store.no_clerk"}
        assert d.stored == {1: "a", 2: "a"}

    process(scenario, tmp_path)


def test_it_can_be_closed_between_two_clerks(tmp_path, monkeypatch):
    monkeypatch.setattr(apart, "RETRY_AFTER", 0.05)

    async def scenario(d):
        await d.put(1)
        await d.writer.close()
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
        os.kill(d.pid, signal.SIGKILL)
        while d.scribe._sock.fileno() >= 0:
            await asyncio.sleep(0.001)
        await asyncio.wait_for(d.scribe.close(), 1)
        await asyncio.sleep(0.06)
        assert d.scribe._sock.fileno() < 0  # nobody was hired afterwards

    process(scenario, tmp_path)


def test_a_store_that_cannot_be_made_leaves_no_clerk_behind(tmp_path, monkeypatch):
    hired = []
    monkeypatch.setattr(
        opening, "ProcessScribe", lambda *given: hired.append(ProcessScribe(*given)) or hired[0]
    )
    monkeypatch.setattr(opening, "SqliteStore", lambda *_: 1 / 0)

    async def story():
        with files.lock(tmp_path / "s.db") as lock, pytest.raises(ZeroDivisionError):
            opening.open_sqlite(tmp_path / "s.db", frozenset(), print, print, lock)
        assert not running(hired[0].pid)
        files.lock(tmp_path / "s.db").close()

    asyncio.run(story())


GATEWAY = """
import asyncio, sys
from pathlib import Path
from gateway.stores import files
from gateway.stores.opening import open_sqlite

async def main(path):
    lock = files.lock(path)
    store = open_sqlite(path, frozenset(), print, print, lock)
    await store.put_meta("first", "durable")
    print(store._scribe.pid, flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    print(store.put_meta("last", "begun"), flush=True)
    await asyncio.sleep(60)

asyncio.run(main(Path(sys.argv[1])))
"""


def test_nobody_opens_the_store_of_a_killed_gateway_before_its_last_transaction_is_there(tmp_path):
    path = tmp_path / "s.db"
    gateway = subprocess.Popen(
        [sys.executable, "-c", GATEWAY, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
    )
    with gateway:
        clerk = int(gateway.stdout.readline())
        with pytest.raises(StoreError, match=f"in use by process {gateway.pid}"):
            files.lock(path)
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")  # the clerk waits for it
        gateway.stdin.write("\n")
        gateway.stdin.flush()
        gateway.stdout.readline()
        time.sleep(0.05)
        gateway.kill()
        gateway.wait()
        release = threading.Timer(0.2, other.execute, ("ROLLBACK",))
        began = time.monotonic()
        release.start()
        with files.lock(path):
            assert time.monotonic() - began > 0.15
            assert dict(other.execute("SELECT key, value FROM meta WHERE key IN ('first', 'last')")) == {
                "first": "durable",
                "last": "begun",
            }
        release.join()
        other.close()
    while running(clerk):
        time.sleep(0.005)


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
