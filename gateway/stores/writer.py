"""Group commit: everything that was written in one turn of the loop is one transaction.

Statements run in the loop, COMMIT (write and fsync, without the GIL) in one thread, and the next transaction
begins when the last is durable: self-clocked, no timer. A lone write waits for nobody; under load a batch
grows to what arrived while the disk was busy. Measured: executemany in a thread beside a busy loop is 22
times slower (it takes the GIL at every row), so only COMMIT goes there.

When a statement fails, the transaction is rolled back and its units are tried one by one, so that one bad
row answers its own sender and nobody else. When the disk fails, all of them fail, and the next batch tries anew.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from queue import SimpleQueue
from typing import Any

from gateway.stores.store import BadRow, StoreUnavailable

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
)


RETRY_AFTER = 0.5
"""Seconds between tries while the disk refuses: nothing else happens meanwhile, and space may come back."""


class Unit:
    """One caller's batch: rows by statement, and the future that its caller waits for.

    insist: what it tells has already happened (a carrier accepted, a receipt came): when the disk fails it is
    kept and tried again until it is written, while a unit that only asks (a new message) fails at once.
    """

    __slots__ = ("future", "insist", "rows", "size")

    def __init__(self, future: asyncio.Future[None], insist: bool) -> None:
        self.future = future
        self.insist = insist
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
    health: told "" when writing works again, else why it does not.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        statements: Sequence[str],
        guarded: frozenset[int],
        mismatch: Callable[[int, Row], None],
        health: Callable[[str], None],
    ) -> None:
        self._db = connection
        self._sql = statements
        self._guarded = guarded
        self._mismatch = mismatch
        self._health = health
        self._pending: list[Unit] = []
        self._under_way: list[Unit] = []
        self._busy = False
        self._armed = False
        self._sick = ""
        self._jobs: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._idle: list[asyncio.Future[None]] = []
        self.transactions = 0
        self.rows = 0
        self.last_commit = self._loop.time()
        self._thread = threading.Thread(target=self._work, name="chappe-commit", daemon=True)
        self._thread.start()

    # ── called by the store ──────────────────────────────────────────────────────────────────────────────
    def unit(self, insist: bool = True) -> Unit:
        return Unit(self._loop.create_future(), insist)

    @property
    def sick(self) -> str:
        """Why nothing can be written now; "" when all is well."""
        return self._sick

    def write(self, unit: Unit) -> asyncio.Future[None]:
        """Queue a unit for the next transaction; its future is done when it is durable, or has failed."""
        self._pending.append(unit)
        if not self._armed and not self._busy:
            self._armed = True
            self._loop.call_soon(self._begin)
        return unit.future

    async def flush(self) -> None:
        """Wait until nothing is pending or under way."""
        while self._pending or self._busy:
            waiter = self._loop.create_future()
            self._idle.append(waiter)
            await waiter

    async def in_thread(self, job: Callable[[], object]) -> None:
        """Run something slow on the connection (a checkpoint, a backup step) between two transactions."""
        await self.flush()
        self._busy = True
        done = self._loop.create_future()

        def run() -> None:
            try:
                job()
            except sqlite3.Error as error:
                self._loop.call_soon_threadsafe(self._job_done, done, error)
            else:
                self._loop.call_soon_threadsafe(self._job_done, done, None)

        self._jobs.put(run)
        await done

    async def close(self) -> None:
        if not self._sick:
            await self.flush()
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    @property
    def backlog(self) -> int:
        """Units waiting for the next transaction."""
        return len(self._pending)

    # ── one transaction ──────────────────────────────────────────────────────────────────────────────────
    def _begin(self) -> None:
        self._armed = False
        if self._busy:
            return
        if not self._pending:
            self._wake_idle()
            return
        units = self._take()
        try:
            self._execute(units)
        except _ROW_FAULTS:
            self._rollback()
            units = self._one_by_one(units)
        except _HOPELESS as error:
            self._rollback()
            self._fail(units, error)
            units = []
        if not units:
            self._next()
            return
        self._busy = True
        self._under_way = units
        self._jobs.put(self._commit)

    def _take(self) -> list[Unit]:
        pending = self._pending
        size = 0
        for index, unit in enumerate(pending):
            size += unit.size
            if size > MAX_ROWS and index:
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
        for statement in sorted(by_statement):
            groups = by_statement[statement]
            rows = groups[0] if len(groups) == 1 else list(chain.from_iterable(groups))
            changed = db.executemany(self._sql[statement], rows).rowcount
            self.rows += len(rows)
            if changed != len(rows) and statement in self._guarded:
                raise sqlite3.IntegrityError("a state was not what we thought")

    def _one_by_one(self, units: list[Unit]) -> list[Unit]:
        """After a failure: each unit behind a savepoint of its own; returns those that stand."""
        db = self._db
        good: list[Unit] = []
        try:
            db.execute("BEGIN IMMEDIATE")
            for unit in units:
                db.execute("SAVEPOINT unit")
                try:
                    self._row_by_row(unit)
                except _ROW_FAULTS as error:
                    db.execute("ROLLBACK TO unit")
                    _set_exception(unit.future, BadRow(f"the store refused a row: {error}"))
                else:
                    good.append(unit)
                db.execute("RELEASE unit")
        except _HOPELESS as error:
            self._rollback()
            self._fail([unit for unit in units if not unit.future.done()], error)
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
            self.last_commit = self._loop.time()
            if self._sick:
                self._sick = ""
                self._health("")
            for unit in units:
                if not unit.future.done():
                    unit.future.set_result(None)
        self._next()

    def _next(self) -> None:
        # Behind the callbacks that set_result has just queued: answers leave before the next batch begins.
        if not self._armed:
            self._armed = True
            if self._sick and self._pending:
                self._loop.call_later(RETRY_AFTER, self._begin)
            else:
                self._loop.call_soon(self._begin)

    def _job_done(self, done: asyncio.Future[None], error: sqlite3.Error | None) -> None:
        self._busy = False
        if not done.done():
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(StoreUnavailable(str(error)))
        self._next()

    def _wake_idle(self) -> None:
        waiters, self._idle = self._idle, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

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
        kept = []
        for unit in units:
            if unit.insist:
                kept.append(unit)
            else:
                _set_exception(unit.future, StoreUnavailable(why))
        self._pending[:0] = kept


def _set_exception(future: asyncio.Future[None], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # fetched: a caller that only logs must not make asyncio complain
