"""Group commit: everything that was written in one turn of the loop is one transaction.

Statements run in the loop, COMMIT (write and fsync, without the GIL) in one thread, and the next transaction
begins when the last is durable: self-clocked, no timer. A lone write waits for nobody; under load a batch
grows to what arrived while the disk was busy. Measured: executemany in a thread beside a busy loop is 22
times slower (it takes the GIL at every row), so only COMMIT goes there.

When a statement fails, the transaction is rolled back and its units are tried one by one, so that one bad
row answers its own sender and nobody else. When the disk fails, who asked is refused, what has happened is
kept, and the disk is tried again and again: whoever waits for it to be well need not write to find out.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from queue import SimpleQueue
from typing import Any

from gateway.stores.store import BadRow, StoreUnavailable
from gateway.stores.wide import SIZES, wide

__all__ = ["GroupWriter", "Unit"]

Row = tuple[Any, ...]

MAX_ROWS = 2_000
"""At 2 to 5 µs a row a transaction holds the loop for at most some 10 ms."""

_HOPELESS = (sqlite3.OperationalError, sqlite3.DatabaseError)
_ROW_FAULTS = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    UnicodeError,  # a lone surrogate
)

RETRY_AFTER = 0.5
"""Seconds between tries while the disk refuses: nothing else happens meanwhile, and space may come back."""

_PROBE = "CREATE TABLE probe AS SELECT zeroblob(262144) AS room"
_CLOSED = "the store is closed"


class Unit:
    """One caller's batch: rows by statement, and the future that its caller waits for.

    insist: what it tells has already happened (a carrier accepted, a receipt came): when the disk fails it is
    kept and tried again until it is written, while a unit that only asks (a new message) fails at once.
    apart: it needs a transaction that begins with it, since one orders rows by statement and not by unit.
    undo: called when it has failed for good, before the future's callbacks.
    """

    __slots__ = ("apart", "future", "insist", "rows", "size", "undo")

    def __init__(self, future: asyncio.Future[None], insist: bool) -> None:
        self.future = future
        self.insist = insist
        self.apart = False
        self.undo: Callable[[], None] | None = None
        self.rows: list[tuple[int, Sequence[Row]]] = []
        self.size = 0

    def add(self, statement: int, rows: Sequence[Row]) -> None:
        if rows:
            self.rows.append((statement, rows))
            self.size += len(rows)


class GroupWriter:
    """The only writer of a SQLite file.

    statements: SQL by number, run in that order within a transaction. guarded: numbers of the statements
    whose every row must change exactly one row; `mismatch` is told of the rows that did not.
    health: told "" when writing works again, else why it does not. by_many: statements whose rows go many at once.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        statements: Sequence[str],
        guarded: frozenset[int],
        mismatch: Callable[[int, Row], None],
        health: Callable[[str], None],
        by_many: frozenset[int] = frozenset(),
    ) -> None:
        self._db = connection
        self._by_many = by_many
        self._made: dict[tuple[int, int], str] = {}
        self._sql = statements
        self._guarded = guarded
        self._mismatch = mismatch
        self._health = health
        self._pending: list[Unit] = []
        self._under_way: list[Unit] = []
        self._busy = False
        self._busy_since = 0.0
        self._armed = False
        self._sick = ""
        self._jobs: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._errands: deque[tuple[Callable[[], object], asyncio.Future[None]]] = deque()
        self._closing: asyncio.Future[None] | None = None
        self._closed = False
        self.begun = 0
        self.transactions = 0
        self.rows = 0
        self.last_commit = self._loop.time()
        self._committer = threading.Thread(target=self._work, name="chappe-commit", daemon=True)
        self._committer.start()

    # ── called by the store ──────────────────────────────────────────────────────────────────────────────
    def unit(self, insist: bool = True) -> Unit:
        return Unit(self._loop.create_future(), insist)

    @property
    def sick(self) -> str:
        """Why nothing can be written now; "" when all is well."""
        return self._sick

    def stuck(self, seconds: float) -> bool:
        """Whether one job has kept the thread for so long."""
        return self._busy and self._loop.time() - self._busy_since > seconds

    def write(self, unit: Unit) -> asyncio.Future[None]:
        """Queue a unit for the next transaction; its future is done when it is durable, or has failed."""
        if self._closed:
            _refuse(unit, StoreUnavailable(_CLOSED))
            return unit.future
        self._pending.append(unit)
        self._arm()
        return unit.future

    async def flush(self) -> None:
        """Wait until everything written so far is durable; what is written meanwhile is not waited for."""
        if self._pending or self._under_way:
            await self.write(self.unit())

    async def in_thread(self, job: Callable[[], object]) -> None:
        """Run something slow on the connection (a checkpoint) between two transactions."""
        await self.flush()
        done: asyncio.Future[None] = self._loop.create_future()
        if self._closed:
            raise StoreUnavailable(_CLOSED)
        self._errands.append((job, done))
        self._arm()
        await done

    async def close(self) -> None:
        """Write what is left. When the disk refuses even now, what insists has failed too."""
        if self._closed:
            return
        self._closing = self._loop.create_future()
        last = self.write(self.unit())
        last.add_done_callback(lambda _: self._closing_may_end())
        await self._closing
        self._closed = True
        left, self._pending = self._pending, []
        for unit in left:  # after this the thread's last COMMIT, if any, answers its own units
            _refuse(unit, StoreUnavailable(self._sick or _CLOSED))
        for _, done in self._errands:
            _fail_future(done, StoreUnavailable(_CLOSED))
        self._jobs.put(None)
        await asyncio.to_thread(self._committer.join)

    @property
    def backlog(self) -> int:
        """Units waiting for the next transaction."""
        return len(self._pending)

    # ── one transaction ──────────────────────────────────────────────────────────────────────────────────
    def _arm(self) -> None:
        if not self._armed and not self._busy:
            self._armed = True
            self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._armed = False
        if self._busy or self._closed:
            return
        if self._errands:
            self._run(*self._errands.popleft())
            return
        units = self._take()
        if not units and not self._sick:
            return
        try:
            self._execute(units)
        except _ROW_FAULTS:
            self._rollback()
            units = self._one_by_one(units)
            if not units:
                self._next()
                return
        except _HOPELESS as error:
            self._rollback()
            self._fail(units, error)
            self._next()
            return
        self._busy = True
        self.begun += 1
        self._busy_since = self._loop.time()
        self._under_way = units
        self._jobs.put(self._commit)

    def _take(self) -> list[Unit]:
        pending = self._pending
        size = 0
        for index, unit in enumerate(pending):
            size += unit.size
            if index and (unit.apart or size > MAX_ROWS):
                self._pending = pending[index:]
                return pending[:index]
        self._pending = []
        return pending

    def _execute(self, units: Iterable[Unit]) -> None:
        db = self._db
        by_statement: dict[int, list[Sequence[Row]]] = {}
        for unit in units:
            for statement, rows in unit.rows:
                by_statement.setdefault(statement, []).append(rows)
        db.execute("BEGIN IMMEDIATE")
        if self._sick and not by_statement:  # nothing to write: is there room for something?
            db.execute(_PROBE)
            db.execute("DROP TABLE probe")
        for statement in sorted(by_statement):
            groups = by_statement[statement]
            rows = groups[0] if len(groups) == 1 else list(chain.from_iterable(groups))
            changed = self._change(statement, rows)
            if changed != len(rows) and statement in self._guarded:
                raise sqlite3.IntegrityError("a state was not what we thought")

    def _change(self, statement: int, rows: Sequence[Row]) -> int:
        """Run one statement for all of its rows; how many rows of the table that has changed."""
        db, sql = self._db, self._sql[statement]
        changed = done = 0
        if statement in self._by_many:
            left = len(rows)
            for size in SIZES:
                while left >= size:
                    values = list(chain.from_iterable(rows[done : done + size]))
                    changed += db.execute(self._of_size(statement, size), values).rowcount
                    done += size
                    left -= size
            if not left:
                return changed
        return changed + db.executemany(sql, rows[done:] if done else rows).rowcount

    def _of_size(self, statement: int, size: int) -> str:
        made = self._made.get((statement, size))
        if made is None:
            made = self._made[statement, size] = wide(self._sql[statement], size)
        return made

    def _one_by_one(self, units: list[Unit]) -> list[Unit]:
        """After a failure: each unit behind a savepoint of its own; returns those that stand."""
        db = self._db
        good: list[Unit] = []
        bad: set[Unit] = set()
        try:
            db.execute("BEGIN IMMEDIATE")
            for unit in units:
                db.execute("SAVEPOINT unit")
                try:
                    self._row_by_row(unit)
                except _ROW_FAULTS as error:
                    db.execute("ROLLBACK TO unit")
                    bad.add(unit)
                    _refuse(unit, BadRow(f"the store refused a row: {error}"))
                else:
                    good.append(unit)
                db.execute("RELEASE unit")
        except _HOPELESS as error:
            self._rollback()
            self._fail([unit for unit in units if unit not in bad], error)
            return []
        if not good:
            self._rollback()
        return good

    def _row_by_row(self, unit: Unit) -> None:
        for statement, rows in sorted(unit.rows, key=lambda pair: pair[0]):
            guarded = statement in self._guarded
            for row in rows:
                changed = self._db.execute(self._sql[statement], row).rowcount
                if guarded and changed != 1:
                    self._mismatch(statement, row)

    # ── in the thread ────────────────────────────────────────────────────────────────────────────────────
    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _commit(self) -> None:
        try:
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._loop.call_soon_threadsafe(self._committed, error)
        else:
            self._loop.call_soon_threadsafe(self._committed, None)

    # ── back in the loop ─────────────────────────────────────────────────────────────────────────────────
    def _committed(self, error: sqlite3.Error | None) -> None:
        units, self._under_way = self._under_way, []
        self._busy = False
        if error is not None:
            self._rollback()
            self._fail(units, error)
        else:
            self.transactions += 1
            self.rows += sum(unit.size for unit in units)
            self.last_commit = self._loop.time()
            if self._sick:
                self._sick = ""
                self._health("")
            for unit in units:
                if not unit.future.done():
                    unit.future.set_result(None)
        self._next()

    def _next(self) -> None:
        if self._armed or self._closed:
            return
        if self._sick:
            self._armed = True
            self._loop.call_later(RETRY_AFTER, self._begin)
        elif self._pending or self._errands:
            # Behind the callbacks that set_result has just queued: answers leave before the next batch begins.
            self._armed = True
            self._loop.call_soon(self._begin)

    def _run(self, job: Callable[[], object], done: asyncio.Future[None]) -> None:
        self._busy = True

        def run() -> None:
            try:
                job()
            except sqlite3.Error as error:
                self._loop.call_soon_threadsafe(self._job_done, done, error)
            else:
                self._loop.call_soon_threadsafe(self._job_done, done, None)

        self._jobs.put(run)

    def _job_done(self, done: asyncio.Future[None], error: sqlite3.Error | None) -> None:
        self._busy = False
        if error is not None:
            _fail_future(done, StoreUnavailable(str(error)))
        elif not done.done():
            done.set_result(None)
        self._next()

    def _closing_may_end(self) -> None:
        if self._closing is not None and not self._closing.done():
            self._closing.set_result(None)

    def _rollback(self) -> None:
        if self._db.in_transaction:
            try:
                self._db.execute("ROLLBACK")
            except sqlite3.Error as error:
                # SQLite rolls back by itself on SQLITE_FULL and SQLITE_IOERR; then there is nothing left to undo.
                self._sick = self._sick or str(error)

    def _fail(self, units: Sequence[Unit], error: sqlite3.Error) -> None:
        why = f"{error} ({getattr(error, 'sqlite_errorname', 'SQLITE_ERROR')})"
        if why != self._sick:
            self._sick = why
            self._health(why)
        kept: list[Unit] = []
        for unit in [*units, *self._pending]:
            if unit.insist and not self._closed:
                kept.append(unit)
            else:
                _refuse(unit, StoreUnavailable(why))
        self._pending = kept
        self._closing_may_end()


def _refuse(unit: Unit, error: Exception) -> None:
    if unit.undo is not None:
        unit.undo()
    _fail_future(unit.future, error)


def _fail_future(future: asyncio.Future[None], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # fetched: a caller that only logs must not make asyncio complain
