"""One transaction of many units: their statements, COMMIT, and what became of each. Only sqlite3; no loop, no thread.

Rows go by statement and not by unit, many in one statement. When a row is refused, the transaction is rolled back
and its units are tried one by one, so that one bad row answers its own sender and nobody else. When the disk
refuses, nothing of it stands, and the verdict says why.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Any

from gateway.stores.wide import SIZES, wide

__all__ = ["LAST", "Lines", "Shapes", "Transactions", "Verdict"]

Row = tuple[Any, ...]
Lines = Sequence[tuple[int, Sequence[Row]]]
"""What one unit writes: rows by the number of their statement."""

_HOPELESS = (sqlite3.OperationalError, sqlite3.DatabaseError)
_ROW_FAULTS = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    UnicodeError,  # a lone surrogate
)

LAST = "last_transaction"
"""The key in the table meta under which a mark is kept."""

_MARK = "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)"
_PROBE = "CREATE TABLE probe AS SELECT zeroblob(262144) AS room"


class Shapes:
    """The statements by number, which is the order in which they run within a transaction.

    guarded: those whose every row must change exactly one row. by_many: those whose rows go many at once.
    """

    __slots__ = ("by_many", "guarded", "sql")

    def __init__(
        self, sql: Sequence[str], guarded: frozenset[int] = frozenset(), by_many: frozenset[int] = frozenset()
    ) -> None:
        self.sql = tuple(sql)
        self.guarded = guarded
        self.by_many = by_many


class Verdict:
    """What became of a batch of units. why: the disk's reason, "" when what was not refused is durable.

    refused: by the place of a unit in the batch, why its rows cannot be written.
    unexpected: rows of guarded statements that changed nothing, or too much; they stop nobody.
    """

    __slots__ = ("refused", "unexpected", "why")

    def __init__(
        self,
        why: str = "",
        refused: dict[int, str] | None = None,
        unexpected: list[tuple[int, Row]] | None = None,
    ) -> None:
        self.why = why
        self.refused = {} if refused is None else refused
        self.unexpected = [] if unexpected is None else unexpected


class Transactions:
    """Writes on a connection that is in autocommit and that nobody else writes on."""

    def __init__(self, db: sqlite3.Connection, shapes: Shapes) -> None:
        self._db = db
        self._shapes = shapes
        self._made: dict[tuple[int, int], str] = {}
        self._halted = ""

    def carry_out(self, batch: Sequence[Lines], probe: bool, follows: bool, mark: str) -> Verdict:
        """Statements and COMMIT. follows: it was sent before the one in front of it was answered.

        Behind one that the disk refused nothing is done, for the same reason: its rows may be about those.
        """
        if follows and self._halted:
            return Verdict(self._halted)
        verdict = Verdict()
        if probe or any(batch):
            verdict = self.perform(batch, probe)
            if not verdict.why and self.open:
                self.commit(verdict, " ".join(map(str, (mark, *verdict.refused))) if mark else "")
        self._halted = verdict.why
        return verdict

    def perform(self, batch: Sequence[Lines], probe: bool) -> Verdict:
        """Run the statements of these units: what stands awaits `commit`, if anything does (`open`).

        probe: the disk was ill, and a batch without a row has to find out whether there is room for something.
        """
        verdict = Verdict()
        try:
            self._execute(batch, probe)
        except _ROW_FAULTS:
            self._rollback(verdict)
            self._one_by_one(batch, verdict)
        except _HOPELESS as error:
            self._rollback(verdict)
            verdict.why = _said(error)
        return verdict

    @property
    def open(self) -> bool:
        """Whether a COMMIT is owed."""
        return self._db.in_transaction

    def commit(self, verdict: Verdict, mark: str = "") -> None:
        """Write and fsync: when it returns, what the verdict doesn't refuse is durable, or `why` says the reason.

        mark: kept in the table meta by the same COMMIT, for whoever must find out whether it was done.
        """
        try:
            if mark:
                self._db.execute(_MARK, (LAST, mark))
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._rollback(verdict)
            verdict.why = _said(error)

    def checkpoint(self, busy_ms: int) -> tuple[str, bool]:
        """Empty the WAL into the file. Why it could not be, and whether a reader's old snapshot was in its way."""
        try:
            self._db.execute("PRAGMA busy_timeout=100")  # writers wait as long
            try:
                return "", bool(self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
            finally:
                self._db.execute(f"PRAGMA busy_timeout={busy_ms}")
        except sqlite3.Error as error:
            return str(error), False

    def close(self) -> None:
        """The last checkpoint of the file may be in it: it may take long."""
        self._db.close()

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────
    def _execute(self, batch: Sequence[Lines], probe: bool) -> None:
        db = self._db
        by_statement: dict[int, list[Sequence[Row]]] = {}
        for lines in batch:
            for statement, rows in lines:
                by_statement.setdefault(statement, []).append(rows)
        db.execute("BEGIN IMMEDIATE")
        if probe and not by_statement:
            db.execute(_PROBE)
            db.execute("DROP TABLE probe")
        for statement in sorted(by_statement):
            groups = by_statement[statement]
            rows = groups[0] if len(groups) == 1 else list(chain.from_iterable(groups))
            changed = self._change(statement, rows)
            if changed != len(rows) and statement in self._shapes.guarded:
                raise sqlite3.IntegrityError("a state was not what we thought")

    def _change(self, statement: int, rows: Sequence[Row]) -> int:
        """Run one statement for all of its rows; how many rows of the table that has changed."""
        db, sql = self._db, self._shapes.sql[statement]
        changed = done = 0
        if statement in self._shapes.by_many:
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
            made = self._made[statement, size] = wide(self._shapes.sql[statement], size)
        return made

    def _one_by_one(self, batch: Sequence[Lines], verdict: Verdict) -> None:
        """After a failure: each unit behind a savepoint of its own. Nothing is left open when none stands."""
        db = self._db
        try:
            db.execute("BEGIN IMMEDIATE")
            for place, lines in enumerate(batch):
                db.execute("SAVEPOINT unit")
                unexpected = len(verdict.unexpected)
                try:
                    self._row_by_row(lines, verdict)
                except _ROW_FAULTS as error:
                    db.execute("ROLLBACK TO unit")
                    del verdict.unexpected[unexpected:]
                    verdict.refused[place] = str(error)
                db.execute("RELEASE unit")
        except _HOPELESS as error:
            self._rollback(verdict)
            verdict.why = _said(error)
            return
        if len(verdict.refused) == len(batch):
            self._rollback(verdict)

    def _row_by_row(self, lines: Lines, verdict: Verdict) -> None:
        for statement, rows in sorted(lines, key=lambda pair: pair[0]):
            guarded = statement in self._shapes.guarded
            for row in rows:
                changed = self._db.execute(self._shapes.sql[statement], row).rowcount
                if guarded and changed != 1:
                    verdict.unexpected.append((statement, row))

    def _rollback(self, verdict: Verdict) -> None:
        if self._db.in_transaction:
            try:
                self._db.execute("ROLLBACK")
            except sqlite3.Error as error:
                # SQLite rolls back by itself on SQLITE_FULL and SQLITE_IOERR; then there is nothing left to undo.
                verdict.why = _said(error)


def _said(error: sqlite3.Error) -> str:
    return f"{error} ({getattr(error, 'sqlite_errorname', 'SQLITE_ERROR')})"
