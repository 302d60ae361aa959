"""The embedded store: one SQLite file, one writer (writer.py), readers beside it.

The writer drives sqlite3 itself; aiosqlite, which costs 145 µs for every awaited call, serves what people ask
for: trace, find, reports. See docs/adr/0003. Rows and statements are in rows.py, the file's care in files.py.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import aiosqlite

from gateway.lifecycle import FINAL, WAITING, Cause, State
from gateway.model import Change, Message, Mo, Note, Part
from gateway.stores import files, rows
from gateway.stores.names import Names
from gateway.stores.rows import MESSAGE_COLUMNS
from gateway.stores.store import FlowKey, Orphan, StoredPart, Waiting
from gateway.stores.writer import GroupWriter, Unit

__all__ = ["SqliteStore", "open_sqlite"]

_AWAITING = f"SELECT {MESSAGE_COLUMNS} FROM message WHERE ltrim(lower(carrier_id), '0x') IN ({{}}) AND state IN (1, 7) AND carrier_id IS NOT NULL AND bearer=?"
_AWAITING_PART = "SELECT message, part FROM attempt WHERE ltrim(lower(carrier_id), '0x') IN ({}) AND state IN (1, 7) AND carrier_id IS NOT NULL AND bearer=?"
_REFILL = (
    f"SELECT {', '.join('m.' + c.strip() for c in MESSAGE_COLUMNS.split(','))}, b.due FROM backlog b JOIN message m ON m.id=b.id"
    " WHERE b.route=? AND b.kind=? AND b.priority=? AND b.account=? AND b.tag=? AND (b.due, b.id) > (?, ?)"
    " AND b.due<=? AND b.held=0 ORDER BY b.due, b.id LIMIT ?"
)
_FIRST_DUE = (
    "SELECT due FROM backlog WHERE route=? AND kind=? AND priority=? AND account=? AND tag=? AND (due, id) > (?, ?)"
    " AND held=0 ORDER BY due, id LIMIT 1"
)
_TRIED = frozenset({Cause.RETRY, Cause.FAIL_OVER, Cause.DOUBT_RESEND})
_PARTS = "SELECT part, try, bearer, carrier_id, state, error, sent_at, done_at FROM attempt WHERE message=? ORDER BY part, try"


class SqliteStore:
    """See gateway/stores/store.py for what every method promises."""

    def __init__(
        self,
        path: Path,
        db: sqlite3.Connection,
        wipe_at_once: frozenset[int],
        health: Callable[[str], None],
        mismatch: Callable[[int, str], None],
    ) -> None:
        self.path = path
        self._db = db
        self._reader = files.open_reader(path)
        self._names = Names(db)
        self._wipe = wipe_at_once
        self._report_mismatch = mismatch
        self._writer = GroupWriter(db, rows.STATEMENTS, rows.GUARDED, self._mismatch, health)
        self._inflight: dict[int, None] = {}
        mark = db.execute("SELECT value FROM meta WHERE key='inflight_low'").fetchone()
        self._low = int(mark[0]) if mark else 0
        self._newest = self.last_id()
        self.wiped = False
        self._aio: aiosqlite.Connection | None = None
        self._aio_lock = asyncio.Lock()

    # ── the path of a message ────────────────────────────────────────────────────────────────────────────
    def admit(self, messages: Sequence[Message]) -> asyncio.Future[None]:
        unit = self._writer.unit(insist=False)
        number = self._names.number
        inserts = []
        listed = []
        for m in messages:
            bearer = number(m.bearer) if m.bearer else None
            inserts.append(rows.message_row(m, number(m.account), number(m.route), bearer))
            if m.state is State.INFLIGHT:
                self._inflight[m.id] = None
            elif m.state in WAITING:
                m.listed = m.due
                listed.append(self._backlog_row(m))
        if messages and messages[-1].id > self._newest:
            self._newest = messages[-1].id
        unit.add(rows.INSERT_MESSAGE, inserts)
        unit.add(rows.INSERT_BACKLOG, listed)
        return self._write(unit)

    def apply(self, changes: Sequence[Change], notes: Sequence[Note] = ()) -> asyncio.Future[None]:
        unit = self._writer.unit()
        number = self._names.number
        updates: list[rows.Row] = []
        enter: list[rows.Row] = []
        leave: list[rows.Row] = []
        wipe: list[rows.Row] = []
        history: list[rows.Row] = []
        inflight = self._inflight
        for m, before, cause in changes:
            state = m.state
            updates.append(rows.update_row(m, before, number(m.bearer) if m.bearer else None))
            if state is State.INFLIGHT:
                inflight[m.id] = None
                if m.id < self._low:
                    self._lower(m.id, unit)
            elif before is State.INFLIGHT:
                inflight.pop(m.id, None)
            if m.listed >= 0:
                leave.append(self._backlog_key(m))
                m.listed = -1
            if state in WAITING:
                m.listed = m.due
                enter.append(self._backlog_row(m))
                if cause in _TRIED:  # the row will tell of the next try: the one that failed becomes history
                    history.append(self._attempt_row(m))
            elif m.kind in self._wipe and state in FINAL and m.payload:
                wipe.append((m.id,))
        unit.add(rows.UPDATE_MESSAGE, updates)
        unit.add(rows.PUT_ATTEMPT, history)
        unit.add(rows.DELETE_BACKLOG, leave)
        unit.add(rows.INSERT_BACKLOG, enter)
        if wipe:
            unit.add(rows.WIPE_TEXT, wipe)
            self.wiped = True
        if notes:
            unit.add(rows.INSERT_NOTE, [rows.note_row(n, number(n.account)) for n in notes])
        return self._write(unit)

    def part(self, message: Message, part: int) -> asyncio.Future[None]:
        unit = self._writer.unit()
        assert message.part_states is not None
        state = message.part_states[part]
        unit.add(rows.PUT_ATTEMPT, [rows.part_row(message, part, state, self._names.number(state.bearer))])
        return self._write(unit)

    def forget(self, notes: Sequence[Note]) -> asyncio.Future[None]:
        unit = self._writer.unit()
        number = self._names.number
        unit.add(rows.DELETE_NOTE, [(number(n.account), n.seq) for n in notes])
        return self._write(unit)

    def deposit(
        self, mos: Sequence[Mo], notes: Sequence[Note], parts: Sequence[int] = ()
    ) -> asyncio.Future[None]:
        unit = self._writer.unit()
        number = self._names.number
        unit.add(
            rows.INSERT_MO,
            [rows.mo_row(mo, number(mo.bearer), number(mo.account) if mo.account else None) for mo in mos],
        )
        unit.add(rows.INSERT_NOTE, [rows.note_row(n, number(n.account)) for n in notes])
        unit.add(rows.DELETE_MO_PART, [(part,) for part in parts])
        return self._write(unit)

    def replace(self, message: Message) -> asyncio.Future[None]:
        m = message
        unit = self._writer.unit(insist=False)
        reference = m.user_reference if m.user_reference >= 0 else None
        unit.add(
            rows.REPLACE_MESSAGE,
            [(m.data_coding, m.payload, m.parts, m.registered, m.expires, m.due or None, reference, m.id)],
        )
        if m.listed >= 0:
            unit.add(rows.DELETE_BACKLOG, [self._backlog_key(m)])
            m.listed = m.due
            unit.add(rows.INSERT_BACKLOG, [self._backlog_row(m)])
        return self._write(unit)

    def reroute(self, moves: Sequence[tuple[Message, str]]) -> asyncio.Future[None]:
        unit = self._writer.unit()
        number = self._names.number
        leave, enter, update = [], [], []
        for m, route in moves:
            leave.append(self._backlog_key(m))
            m.route = route
            enter.append(self._backlog_row(m))
            update.append((number(route), m.id))
        unit.add(rows.DELETE_BACKLOG, leave)
        unit.add(rows.INSERT_BACKLOG, enter)
        unit.add(rows.REROUTE, update)
        return self._write(unit)

    # ── correlation ──────────────────────────────────────────────────────────────────────────────────────
    def match(self, bearer: str, keys: Sequence[str]) -> list[tuple[Message, int]]:
        marks = ",".join("?" * len(keys))
        arguments = [key.lstrip("0x") for key in keys]
        number = self._names.number(bearer)
        found = [
            (self._message(row), -1)
            for row in self._reader.execute(_AWAITING.format(marks), [*arguments, number])
        ]
        for message_id, part in self._reader.execute(
            _AWAITING_PART.format(marks), [*arguments, number]
        ).fetchall():
            message = self._one(message_id)
            if message is not None:
                found.append((message, part if message.part_states is not None else -1))
        return found

    def keep_orphans(self, orphans: Sequence[Orphan]) -> asyncio.Future[None]:
        unit = self._writer.unit()
        number = self._names.number
        unit.add(
            rows.INSERT_ORPHAN,
            [(o.id, number(o.bearer), o.carrier_id, o.recipient, o.state, int(o.final), o.code, o.at, o.raw) for o in orphans],
        )  # fmt: skip
        return self._write(unit)

    def claim_orphans(self, bearer: str, keys: Sequence[str]) -> list[Orphan]:
        marks = ",".join("?" * len(keys))
        sql = (
            "SELECT id, carrier_id, recipient, state, final, code, at, raw FROM orphan"
            f" WHERE ltrim(lower(carrier_id), '0x') IN ({marks}) AND bearer=?"
        )
        number = self._names.number(bearer)
        return [
            Orphan(r[0], bearer, r[1], r[2], r[3], bool(r[4]), r[5], r[6], r[7])
            for r in self._reader.execute(sql, [*(key.lstrip("0x") for key in keys), number])
        ]

    def drop_orphans(self, ids: Sequence[int]) -> asyncio.Future[None]:
        unit = self._writer.unit()
        unit.add(rows.DELETE_ORPHAN, [(i,) for i in ids])
        return self._write(unit)

    # ── the backlog ──────────────────────────────────────────────────────────────────────────────────────
    def waiting(self) -> list[Waiting]:
        sql = (
            "SELECT route, kind, priority, account, tag, count(*), min(due) FROM backlog WHERE held=0"
            " GROUP BY route, kind, priority, account, tag"
        )
        text = self._names.text
        return [
            Waiting((text(r[0]), r[1], r[2], text(r[3]), r[4]), r[5], r[6]) for r in self._reader.execute(sql)
        ]

    def refill(self, key: FlowKey, after: tuple[int, int], now_ms: int, limit: int) -> list[Message]:
        found = []
        for row in self._reader.execute(_REFILL, (*self._flow(key), *after, now_ms, limit)):
            message = self._message(row)
            message.listed = row[-1]
            if message.parts > 1 and message.tries:
                self._load_parts(message)
            found.append(message)
        return found

    def first_due(self, key: FlowKey, after: tuple[int, int]) -> int:
        row = self._reader.execute(_FIRST_DUE, (*self._flow(key), *after)).fetchone()
        return int(row[0]) if row else 0

    def in_doubt(self) -> list[Message]:
        sql = f"SELECT {MESSAGE_COLUMNS} FROM message WHERE id>=? AND state=12"
        found = [self._message(row) for row in self._reader.execute(sql, (self._low,))]
        for message in found:
            self._inflight[message.id] = None
            self._load_parts(message)
        return found

    def last_id(self) -> int:
        """The highest id ever given to a message, a reply or a note: new ones begin above it."""
        sql = "SELECT max(coalesce((SELECT max(id) FROM message), 0), coalesce((SELECT max(id) FROM mo), 0), coalesce((SELECT max(seq) FROM outbox), 0), coalesce((SELECT max(id) FROM orphan), 0))"
        return int(self._reader.execute(sql).fetchone()[0])

    # ── what applications are owed ───────────────────────────────────────────────────────────────────────
    def owed(self, account: str, after: int, limit: int) -> list[Note]:
        sql = "SELECT seq, kind, message, mo, state, error, at FROM outbox WHERE account=? AND seq>? ORDER BY seq LIMIT ?"
        found = self._reader.execute(sql, (self._names.number(account), after, limit)).fetchall()
        messages = self._many([r[2] for r in found if r[2]])
        mos = self._mos([r[3] for r in found if r[3]])
        return [rows.note_from(r, account, messages, mos) for r in found]

    def owed_counts(self) -> dict[str, tuple[int, int]]:
        sql = "SELECT account, count(*), min(at) FROM outbox GROUP BY account"
        return {self._names.text(r[0]): (r[1], r[2]) for r in self._reader.execute(sql)}

    # ── replies ──────────────────────────────────────────────────────────────────────────────────────────
    def keep_parts(self, parts: Sequence[StoredPart]) -> asyncio.Future[None]:
        number = self._names.number
        return self.write_rows(rows.INSERT_MO_PART, [(p[0], number(p[1]), *p[2:]) for p in parts])

    def kept_parts(self) -> list[StoredPart]:
        sql = "SELECT id, bearer, source, destination, data_coding, udh, payload, received_at FROM mo_part ORDER BY id"
        return [(r[0], self._names.text(r[1]), *r[2:]) for r in self._reader.execute(sql)]

    # ── small facts ──────────────────────────────────────────────────────────────────────────────────────
    def put_meta(self, key: str, value: str) -> asyncio.Future[None]:
        unit = self._writer.unit()
        unit.add(rows.PUT_META, [(key, value)])
        return self._write(unit)

    def meta(self, key: str) -> str:
        row = self._reader.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
        return row[0] if row else ""

    def write_rows(self, statement: int, values: Sequence[rows.Row]) -> asyncio.Future[None]:
        """Rows of one statement of rows.STATEMENTS: for the cold parts (keeping, audit, references)."""
        unit = self._writer.unit()
        unit.add(statement, values)
        return self._write(unit)

    def write_many(self, values: Sequence[tuple[int, Sequence[rows.Row]]]) -> asyncio.Future[None]:
        """The same for several statements, in one transaction."""
        unit = self._writer.unit()
        for statement, batch in values:
            unit.add(statement, batch)
        return self._write(unit)

    def read(self, sql: str, arguments: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """A short synchronous read; only for ranges and points that are one page away."""
        return self._reader.execute(sql, arguments).fetchall()

    def number(self, name: str) -> int:
        return self._names.number(name)

    def name(self, number: int) -> str:
        return self._names.text(number)

    def mark_low(self) -> None:
        """Write below which id nothing is INFLIGHT, so that in_doubt need not read all history.

        Called about once a second. An older message that is taken later lowers the mark in its own transaction.
        """
        low = min(self._inflight, default=self._newest + 1)
        if low > self._low:
            self._low = low
            _ = self.put_meta("inflight_low", str(low))

    # ── look-ups and reports ─────────────────────────────────────────────────────────────────────────────
    async def query(self, sql: str, arguments: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        async with self._aio_lock:
            if self._aio is None:
                self._aio = await aiosqlite.connect(f"file:{self.path}?mode=ro", uri=True)
                await self._aio.execute("PRAGMA query_only=ON")
            async with self._aio.execute(sql, arguments) as cursor:
                return [tuple(row) for row in await cursor.fetchall()]

    async def get(self, ids: Sequence[int]) -> dict[int, Message]:
        found: dict[int, Message] = {}
        for start in range(0, len(ids), 500):
            chunk = ids[start : start + 500]
            marks = ",".join("?" * len(chunk))
            for row in await self.query(
                f"SELECT {MESSAGE_COLUMNS} FROM message WHERE id IN ({marks})", chunk
            ):
                message = self._message(row)
                self._load_parts(message)
                found[message.id] = message
        return found

    # ── life ─────────────────────────────────────────────────────────────────────────────────────────────
    async def flush(self) -> None:
        await self._writer.flush()

    async def scrub(self) -> None:
        """Truncate the WAL, so that wiped text is gone from it too (deleted content is zeroed in the pages)."""
        self.wiped = False
        await self._writer.in_thread(lambda: self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())

    async def backup(self, target: Path) -> None:
        """A consistent copy while running."""

        def copy() -> None:
            source = files.open_reader(self.path)
            destination = sqlite3.connect(target)
            try:
                source.backup(destination, pages=4096)
            finally:
                destination.close()
                source.close()

        await self.flush()
        await asyncio.to_thread(copy)

    @property
    def sick(self) -> str:
        return self._writer.sick

    @property
    def transactions(self) -> int:
        return self._writer.transactions

    @property
    def rows_written(self) -> int:
        return self._writer.rows

    @property
    def last_commit(self) -> float:
        return self._writer.last_commit

    async def close(self) -> None:
        await self._writer.close()
        if self._aio is not None:
            await self._aio.close()
        self._reader.close()
        self._db.close()

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────
    def _write(self, unit: Unit) -> asyncio.Future[None]:
        self._names.enlist(unit)
        return self._writer.write(unit)

    def _lower(self, message_id: int, unit: Unit) -> None:
        self._low = message_id
        unit.add(rows.PUT_META, [("inflight_low", str(message_id))])

    def _mismatch(self, statement: int, row: rows.Row) -> None:
        self._report_mismatch(row[-2], f"state {State(row[-1]).name} expected before {State(row[0]).name}")

    def _flow(self, key: FlowKey) -> tuple[int, int, int, int, str]:
        return (self._names.number(key[0]), key[1], key[2], self._names.number(key[3]), key[4])

    def _backlog_key(self, m: Message) -> rows.Row:
        number = self._names.number
        return (number(m.route), m.kind, m.priority, number(m.account), m.tag, m.listed, m.id)

    def _backlog_row(self, m: Message) -> rows.Row:
        return (*self._backlog_key(m), m.expires, int(m.state is State.HELD))

    def _attempt_row(self, m: Message) -> rows.Row:
        number = self._names.number
        bearer = number(m.bearer) if m.bearer else 0
        return (
            m.id,
            0,
            m.tries,
            bearer,
            m.carrier_id or None,
            int(State.REJECTED),
            m.error or None,
            m.sent_at or None,
            m.done_at or None,
        )

    def _message(self, row: tuple[Any, ...]) -> Message:
        message = rows.message_from(row, self._names.text)
        if message.state in WAITING:
            message.listed = message.due
        return message

    def _load_parts(self, message: Message) -> None:
        if message.parts > 1:
            states = [Part() for _ in range(message.parts)]
            for row in self._reader.execute(_PARTS, (message.id,)):
                index, part = rows.part_from(row, self._names.text)
                if index < len(states):
                    states[index] = part
            message.part_states = states

    def _one(self, message_id: int) -> Message | None:
        found = self._many([message_id])
        return found.get(message_id)

    def _many(self, ids: Sequence[int]) -> dict[int, Message]:
        found: dict[int, Message] = {}
        for start in range(0, len(ids), 500):
            chunk = ids[start : start + 500]
            marks = ",".join("?" * len(chunk))
            for row in self._reader.execute(
                f"SELECT {MESSAGE_COLUMNS} FROM message WHERE id IN ({marks})", chunk
            ).fetchall():
                message = self._message(row)
                self._load_parts(message)
                found[message.id] = message
        return found

    def _mos(self, ids: Sequence[int]) -> dict[int, Mo]:
        if not ids:
            return {}
        marks = ",".join("?" * len(ids))
        sql = (
            "SELECT id, bearer, source, destination, data_coding, udh, payload, received_at, account, message, complete"
            f" FROM mo WHERE id IN ({marks})"
        )
        return {row[0]: rows.mo_from(row, self._names.text) for row in self._reader.execute(sql, ids)}


def open_sqlite(
    path: Path,
    wipe_at_once: frozenset[int],
    health: Callable[[str], None],
    mismatch: Callable[[int, str], None],
) -> SqliteStore:
    """Open (or make) the file, bring it to the newest schema, and start its writer. The caller holds files.lock."""
    db = files.connect(path)
    files.migrate(db, path)
    return SqliteStore(path, db, wipe_at_once, health, mismatch)
