"""The storm's own tools: virtual time, a network in memory, and a disk whose power goes."""

import asyncio
import itertools
import random
import sqlite3

import pytest
from simulation.clockwork import Crash, SimLoop, Spinning, World
from simulation.disk import Connection, Disk
from simulation.network import Network


def looped(main, world=None, network=None):
    """Runs main() on a loop of its own until it is done; returns its result."""
    world = world or World()
    loop = SimLoop(world, network, random.Random(1).random)
    asyncio._set_running_loop(loop)
    task = loop.create_task(main())
    try:
        while not task.done():
            loop.turn()
        return task.result()
    finally:
        asyncio._set_running_loop(None)
        task._log_destroy_pending = False
        loop.close()


def test_a_day_takes_no_time_and_timers_keep_their_order():
    heard = []

    async def one(name, seconds):
        await asyncio.sleep(seconds)
        heard.append(name)

    async def main():
        await asyncio.gather(one("late", 86_400.0), one("soon", 1.0), one("first", 0.5))

    world = World(leap=0.0)
    looped(main, world)
    assert heard == ["first", "soon", "late"]
    assert world.now == 86_400.0


def test_while_all_is_quiet_timers_run_late_together():
    ticks = []

    async def main():
        loop = asyncio.get_running_loop()
        while loop.time() < 10_000:
            await asyncio.sleep(1.0)
            ticks.append(loop.time())

    looped(main, World(leap=60.0))
    assert len(ticks) < 250
    assert max(b - a for a, b in itertools.pairwise(ticks)) <= 61.0


def test_an_event_of_the_world_ends_a_leap():
    seen = []

    async def main():
        await asyncio.sleep(5000)

    world = World(leap=60.0)
    world.at(1234.5, lambda: seen.append(world.now))
    looped(main, world)
    assert seen == [1234.5]


def test_a_process_dies_between_two_callbacks():
    async def main():
        for _ in range(100):
            await asyncio.sleep(0.1)

    world = World()
    loop = SimLoop(world, None, random.Random(1).random)
    asyncio._set_running_loop(loop)
    task = loop.create_task(main())
    loop.crash_at = 7
    with pytest.raises(Crash):
        while True:
            loop.turn()
    asyncio._set_running_loop(None)
    assert loop.steps == 7
    assert not task.done()
    loop.close()
    task._log_destroy_pending = False


def test_callbacks_that_never_let_time_pass_are_found(monkeypatch):
    monkeypatch.setattr("simulation.clockwork.SPIN", 1000)

    async def main():
        while True:
            await asyncio.sleep(0)

    with pytest.raises(Spinning):
        looped(main)


class Echo(asyncio.Protocol):
    def __init__(self):
        self.read, self.lost = b"", []

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.read += data

    def connection_lost(self, exc):
        self.lost.append(exc)


def test_octets_arrive_whole_and_in_order_however_they_are_cut():
    world = World()
    network = Network(world, random.Random(3))
    network.split = 0.8
    taken = []

    def accept(plug):
        plug.on_data = taken.append
        for number in range(50):
            plug.send(b"%05d" % number)

    network.services[1] = accept

    async def main():
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_connection(Echo, "127.0.0.1", 1)
        for number in range(50):
            transport.write(b"%03d" % number)
        await asyncio.sleep(2)
        transport.close()
        await asyncio.sleep(1)
        return protocol

    protocol = looped(main, world, network)
    assert protocol.read == b"".join(b"%05d" % n for n in range(50))
    assert b"".join(taken) == b"".join(b"%03d" % n for n in range(50))
    assert protocol.lost == [None]


def test_a_reset_is_heard_and_a_closed_door_refuses():
    world = World()
    network = Network(world, random.Random(3))
    network.services[1] = lambda plug: world.after(1.0, plug.reset)

    async def main():
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_connection(Echo, "127.0.0.1", 1)
        await asyncio.sleep(2)
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(Echo, "127.0.0.1", 2)
        return protocol

    protocol = looped(main, world, network)
    assert isinstance(protocol.lost[0], ConnectionResetError)


@pytest.mark.parametrize("dies", [False, True])
def test_who_knocks_while_the_process_dies_is_told(dies):
    world = World()
    network = Network(world, random.Random(3))
    opened = []

    async def main():
        network.listen(asyncio.get_running_loop(), Echo, 2775)
        network.connect_in(2775, opened.append)
        if dies:
            network.die()
        await asyncio.sleep(1)

    looped(main, world, network)
    assert [plug is not None for plug in opened] == [not dies]


@pytest.mark.parametrize("seed", range(40))
def test_when_power_goes_in_a_commit_all_of_it_is_there_or_nothing(tmp_path, seed):
    """Torn sectors of the WAL never make half a transaction, and never cost an earlier one."""
    disk = Disk(World(), random.Random(seed))
    disk.path = tmp_path / "x.db"
    db = sqlite3.connect(disk.path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE t(n, text)")
    behind = Connection(db, disk)
    disk.cut_at = 6
    for transaction in range(6):
        behind.execute("BEGIN")
        behind.executemany("INSERT INTO t VALUES (?, ?)", [(transaction, "x" * 300)] * 40)
        behind.execute("COMMIT")
    db.close()
    disk.put_back(disk.left)
    again = sqlite3.connect(disk.path)
    counts = dict(again.execute("SELECT n, count(*) FROM t GROUP BY n").fetchall())
    assert again.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    again.close()
    assert counts in (dict.fromkeys(range(5), 40), dict.fromkeys(range(6), 40))


def test_a_disk_that_refuses_does_so_at_every_write():
    disk = Disk(World(), random.Random(1))
    db = Connection(sqlite3.connect(":memory:", isolation_level=None), disk)
    db.execute("CREATE TABLE t(n)")
    disk.refuse = "SQLITE_FULL"
    with pytest.raises(sqlite3.OperationalError, match="full"):
        db.executemany("INSERT INTO t VALUES (?)", [(1,)])
    disk.refuse = ""
    db.executemany("INSERT INTO t VALUES (?)", [(1,)])
    db.close()
