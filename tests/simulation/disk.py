"""The store's outside: COMMITs that take their time, disks that refuse, power that goes.

The real SQLite on real files; only the thread that commits becomes a moment of virtual time, and a thin wrapper
stands before the writing connection. When power goes, what is left is what the last fsync covered, and of what
was written since, any sectors: SQLite has to find its way.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simulation.clockwork import World

__all__ = ["Connection", "Disk", "Killed", "Lane", "Queries"]

SECTOR, WAL_HEADER = 512, 32


class Killed(BaseException):
    """The process that writes is killed in the middle of what it does; nothing catches that."""


BEFORE, COMMIT, AFTER, SAYING = range(4)
"""Where a clerk is killed: among the statements, at COMMIT, behind it, while it says so."""


class Disk:
    """What is wrong with it now. stall: seconds a COMMIT hangs. refuse: the error of every write, "" for none.

    cut_at: the COMMIT during which power goes, counted from the start; 0 for never. cut: called then.
    refuse_at: the one COMMIT that fails, and none behind it.
    kill_at: the COMMIT about which its clerk is killed, at `kill_where`. shut: no clerk can open the file.
    """

    def __init__(self, world: World, draw: random.Random) -> None:
        self.world = world
        self.random = draw
        self.stall = 0.0
        self.refuse = ""
        self.refuse_commits_only = False
        self.commits = 0
        self.cut_at = 0
        self.cut: Callable[[], object] = lambda: None
        self.left: dict[str, bytes] = {}
        self.path = Path()
        self.refusals = 0
        self.in_clerk = False
        self.refuse_at = 0
        self.kill_at = 0
        self.kill_where = BEFORE
        self.shut = False

    def files(self) -> dict[str, bytes]:
        """The database and its WAL as they stand; the shared memory dies with the machine."""
        found = {}
        for suffix in ("", "-wal"):
            path = Path(f"{self.path}{suffix}")
            if path.exists():
                found[suffix] = path.read_bytes()
        return found

    def put_back(self, files: dict[str, bytes]) -> None:
        for suffix in ("-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        for suffix, octets in files.items():
            Path(f"{self.path}{suffix}").write_bytes(octets)

    def takes(self) -> float:
        """Seconds for the next transaction."""
        return 0.0003 + 0.006 * self.random.random() ** 3 + self.stall * self.random.random()

    def dies(self, where: int) -> None:
        """Raises Killed when it is time."""
        if self.in_clerk and self._its_turn(where):
            self.kill_at = 0
            raise Killed

    def dies_saying(self) -> bool:
        if not self._its_turn(SAYING):
            return False
        self.kill_at = 0
        return True

    def _its_turn(self, where: int) -> bool:
        return 0 < self.kill_at <= self.commits and self.kill_where == where

    def check(self, commit: bool) -> None:
        if self.refuse and (commit or not self.refuse_commits_only):
            self.refusals += 1
            raise _error(self.refuse)

    def commit(self, db: sqlite3.Connection) -> None:
        self.dies(COMMIT)
        self.check(commit=True)
        if 0 < self.refuse_at <= self.commits + 1:
            self.refuse_at = 0
            self.refusals += 1
            raise _error("SQLITE_IOERR_FSYNC")
        self.commits += 1
        if self.commits != self.cut_at:
            db.execute("COMMIT")
            self.dies(AFTER)
            return
        before = self.files()
        db.execute("COMMIT")
        self.left = self._torn(before, self.files())
        self.cut()

    def _torn(self, before: dict[str, bytes], after: dict[str, bytes]) -> dict[str, bytes]:
        """Power went during this COMMIT. Frames are synced before a checkpoint touches the database."""
        checkpointed = before.get("") != after.get("")
        torn = dict(after)
        which = "" if checkpointed else "-wal"
        old, new = before.get(which, b""), after.get(which, b"")
        # What was never written may hold anything. Zeros would be its page by luck, or not, as SQLite's version has it.
        out = bytearray(old.ljust(len(new), b"\xff"))
        for begin in range(0, len(new), SECTOR):
            if self.random.random() < 0.5:
                out[begin : begin + SECTOR] = new[begin : begin + SECTOR]
        if (
            not checkpointed
        ):  # a WAL that begins anew: its header is synced before the frames (SQLite, ff5be73dee)
            out[:WAL_HEADER] = new[:WAL_HEADER]
        if not checkpointed and self.random.random() < 0.5:  # the file had not grown yet
            del out[self.random.randrange(len(old), len(out) + 1) :]
        torn[which] = bytes(out)
        return torn


def _error(words: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(
        "database or disk is full" if words == "SQLITE_FULL" else "disk I/O error"
    )
    error.sqlite_errorname = words  # type: ignore[misc]
    return error


class Connection:
    """A sqlite3.Connection behind a disk."""

    def __init__(self, db: sqlite3.Connection, disk: Disk) -> None:
        self._db = db
        self._disk = disk

    def execute(self, sql: str, *args: Any) -> Any:
        if sql == "COMMIT":
            return self._disk.commit(self._db)
        if sql.startswith("CREATE TABLE probe"):
            self._disk.check(commit=False)
        return self._db.execute(sql, *args)

    def executemany(self, sql: str, rows: Any) -> Any:
        self._disk.check(commit=False)
        self._disk.dies(BEFORE)
        return self._db.executemany(sql, rows)

    @property
    def in_transaction(self) -> bool:
        return self._db.in_transaction

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


class Lane:
    """In the place of the writer's queue and thread: each job is done at a later moment, in order."""

    def __init__(self, disk: Disk, dead: Callable[[], bool]) -> None:
        self._disk = disk
        self._dead = dead
        self._free = 0.0

    def put(self, job: Callable[[], object] | None) -> None:
        if job is None:
            return
        disk = self._disk
        self._free = max(self._free, disk.world.now) + disk.takes()
        disk.world.at(self._free, self._do, job)

    def _do(self, job: Callable[[], object]) -> None:
        if not self._dead():
            job()


def let_go(unread: dict[sqlite3.Cursor, None], db: sqlite3.Connection) -> None:
    """A cursor read to no end would keep its connection alive, and with that the index of a WAL that is no more: the next
    life, in the same process of ours, would be given it.
    """
    for cursor in [each for each in unread if each.connection is db]:
        del unread[cursor]
        cursor.close()
    db.close()


class _Waits:
    """Awaitable and async context manager, as aiosqlite's results are."""

    def __init__(self, make: Any) -> None:
        self._make = make
        self._made: Any = None

    def __await__(self) -> Any:
        return self._make().__await__()

    async def __aenter__(self) -> Any:
        self._made = await self._make()
        return self._made

    async def __aexit__(self, *_: object) -> None:
        await self._made.close()


class _Cursor:
    def __init__(self, run: Any, cursor: sqlite3.Cursor, unread: dict[sqlite3.Cursor, None]) -> None:
        self._run = run
        self._cursor = cursor
        self._unread = unread

    async def fetchall(self) -> list[Any]:
        rows: list[Any] = await self._run(self._cursor.fetchall)
        return rows

    async def close(self) -> None:
        self._unread.pop(self._cursor, None)
        self._cursor.close()


class _Reader:
    def __init__(self, run: Any, db: sqlite3.Connection, unread: dict[sqlite3.Cursor, None]) -> None:
        self._run = run
        self._db = db
        self._unread = unread

    def execute(self, sql: str, arguments: Any = ()) -> _Waits:
        def asked() -> sqlite3.Cursor:
            cursor = self._db.execute(sql, arguments)
            self._unread[cursor] = None
            return cursor

        async def make() -> _Cursor:
            return _Cursor(self._run, await self._run(asked), self._unread)

        return _Waits(make)

    async def close(self) -> None:
        let_go(self._unread, self._db)


class Queries:
    """In the place of the module aiosqlite: its thread becomes moments too."""

    Connection = _Reader
    Error = sqlite3.Error
    OperationalError = sqlite3.OperationalError

    def __init__(self, run: Callable[..., Any]) -> None:
        self._run = run
        self.opened: list[sqlite3.Connection] = []
        self._unread: dict[sqlite3.Cursor, None] = {}

    def die(self) -> None:
        for db in self.opened:
            let_go(self._unread, db)

    def connect(self, database: str, **options: Any) -> _Waits:
        async def make() -> _Reader:
            db = sqlite3.connect(database, check_same_thread=False, **options)
            self.opened.append(db)
            return _Reader(self._run, db, self._unread)

        return _Waits(make)
