"""The same run on every Python: after how many handles each thing happens, written down once and true for all.

`make storm-versions` asks the same of whole seeds, and of the interpreters that it is given.
"""

import asyncio
import random
import sys

import pytest
from simulation.clockwork import SimLoop, World
from simulation.interpreters import INSTEAD, connected

LETTERS = "abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def loop(monkeypatch):
    for name, one_way in INSTEAD.items():
        monkeypatch.setattr(asyncio, name, one_way)
    loop = SimLoop(World(leap=0.0), None, random.Random(1).random)
    asyncio._set_running_loop(loop)
    yield loop
    asyncio._set_running_loop(None)
    assert loop.complaints == []
    loop.close()


class Diary:
    """What happened, and after how many handles. main: what is run to its end."""

    def __init__(self, loop):
        self.loop = loop
        self.lines = []
        loop.crash_at = 1_000_000  # every handle is counted where its death may be near

    def __call__(self, what):
        self.lines.append((what, self.loop.steps))

    def run(self, main):
        task = self.loop.create_task(main)
        while not task.done() or self.loop._due:
            self.loop.turn()
        self("over")
        task.result()
        return self.lines


async def nothing():
    """Ends at once."""


async def ends(diary, name, seconds, result=None):
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        diary(f"{name} is cancelled")
        raise
    diary(f"{name} ends")
    if isinstance(result, Exception):
        raise result
    return result


async def over(task):
    """It has ended, with whatever."""
    await asyncio.wait([task])
    return task


async def gathers(diary):
    one, other = asyncio.ensure_future(nothing()), asyncio.ensure_future(nothing())
    await asyncio.wait([one, other])
    diary("both were over")
    await asyncio.gather(one, other)
    diary("of what was over")
    await asyncio.gather(one, ends(diary, "late", 1.0), return_exceptions=True)
    diary("of what was over, and what was not")
    one = asyncio.ensure_future(ends(diary, "stopped", 9.0))
    await asyncio.sleep(0)
    one.cancel()
    assert isinstance((await asyncio.gather(one, return_exceptions=True))[0], asyncio.CancelledError)
    diary("of what was just cancelled")
    assert await asyncio.gather() == []
    diary("of nothing")


async def shields(diary):
    inner = asyncio.ensure_future(ends(diary, "act", 1.0, "done"))
    assert await asyncio.shield(inner) == "done"
    diary("shielded")
    assert await asyncio.shield(inner) == "done"
    diary("what was over")
    inner = asyncio.ensure_future(ends(diary, "act", 1.0, ValueError("no")))

    async def asks():
        await asyncio.shield(inner)

    asking = asyncio.ensure_future(asks())
    await asyncio.sleep(0.5)
    asking.cancel()
    assert (await over(asking)).cancelled()
    diary("given up")
    assert isinstance((await over(inner)).exception(), ValueError)
    diary("it went on")


async def groups(diary):
    async def leads():
        async with asyncio.TaskGroup() as group:
            for name in LETTERS:
                group.create_task(ends(diary, name, 9.0))

    leading = asyncio.ensure_future(leads())
    await asyncio.sleep(1.0)
    leading.cancel()
    assert (await over(leading)).cancelled()
    diary("the group was cancelled")


async def waits(diary):
    try:
        async with asyncio.timeout(1.0):
            await asyncio.Event().wait()
    except TimeoutError:
        diary("timeout")
    lock, queue = asyncio.Lock(), asyncio.Queue(1)

    async def holds():
        async with lock:
            await queue.put(1)
            await queue.put(2)

    holding = asyncio.ensure_future(holds())
    await asyncio.sleep(0)
    assert [await queue.get(), await queue.get()] == [1, 2]
    async with lock:
        diary("queue and lock")
    assert await asyncio.to_thread(lambda: 3) == 3
    diary("thread")
    await holding


class Transport(asyncio.Transport):
    closed = False

    def close(self):
        self.closed = True

    def is_closing(self):
        return self.closed


async def connections(diary):
    """A handler that ends, one that is cancelled, and one that fails."""
    loop = asyncio.get_running_loop()

    async def handler(reader, writer):
        tasks.append(asyncio.current_task())
        diary(f"heard {await reader.read(3)!r}")
        writer.close()

    for octets in (b"one", b"two", 3):
        tasks, transport = [], Transport()
        protocol = connected(
            loop, asyncio.StreamReaderProtocol(asyncio.StreamReader(loop=loop), handler, loop=loop)
        )
        protocol.connection_made(transport)
        await asyncio.sleep(0)
        if octets == b"two":
            tasks[0].cancel()
        elif octets == b"one":
            protocol.data_received(octets)
        else:
            protocol.connection_lost(ValueError("broken"))
        await over(tasks[0])
        await asyncio.sleep(0)
        diary("ended")
        assert transport.closed
    assert loop.complaints == ["A connection's handler failed: ValueError('broken')"]
    loop.complaints.clear()


WAYS = {
    gathers: [
        ("both were over", 6),
        ("of what was over", 6),
        ("late ends", 9),
        ("of what was over, and what was not", 11),
        ("stopped is cancelled", 14),
        ("of what was just cancelled", 16),
        ("of nothing", 16),
        ("over", 16),
    ],
    shields: [
        ("act ends", 4),
        ("shielded", 7),
        ("what was over", 7),
        ("given up", 15),
        ("act ends", 17),
        ("it went on", 19),
        ("over", 19),
    ],
    groups: [
        *((f"{name} is cancelled", 32 + after) for after, name in enumerate(LETTERS)),
        ("the group was cancelled", 86),
        ("over", 86),
    ],
    waits: [("timeout", 3), ("queue and lock", 7), ("thread", 8), ("over", 8)],
    connections: [("heard b'one'", 4), ("ended", 8), ("ended", 15), ("ended", 22), ("over", 22)],
}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_it_takes_as_many_handles_on_every_python(loop, way):
    diary = Diary(loop)
    assert diary.run(way(diary)) == WAYS[way]


def test_no_task_begins_at_once(loop):
    """aiohttp asks for it where it can be had."""
    eager = {"eager_start": True} if sys.version_info >= (3, 12) else {}
    begun = []

    async def main():
        begun.append(True)

    async def asks():
        task = asyncio.Task(main(), loop=loop, **eager)
        assert not begun
        await task

    Diary(loop).run(asks())
    assert begun
