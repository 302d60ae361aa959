"""A process that is killed in mid-write."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from making import opened, run

CHILD = """
import asyncio, sys
from pathlib import Path
from making import message, NOW
from gateway.lifecycle import Cause
from gateway.stores.opening import open_sqlite

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
            assert {m.id for m in store.in_doubt()} == inflight
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
