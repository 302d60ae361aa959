"""The embedded store: one SQLite file, one writer (writer.py), readers beside it.

The writer drives sqlite3 itself; aiosqlite, which costs 145 µs for every awaited call, serves what people ask
for: trace, find, reports. See docs/adr/0003. Synchronous look-ups are in reader.py, rows and statements in
rows.py, the file's care in files.py.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from gateway.answers import ended_unsent
from gateway.lifecycle import FINAL, WAITING, Cause, State, advance
from gateway.model import Change, Message, Mo, Note, Part
from gateway.stores import files, rows
from gateway.stores.reader import Reader
from gateway.stores.rows import MESSAGE_COLUMNS
from gateway.stores.scribe import Scribe
from gateway.stores.store import Batches, Orphan, StoredPart, StoreUnavailable
from gateway.stores.usage import usage_rows
from gateway.stores.writer import GroupWriter, Unit

__all__ = ["SqliteStore"]

_INFLIGHT_IDS = "SELECT id FROM message WHERE id>=? AND state=12"
_INFLIGHT = State.INFLIGHT  # an enum's members are slow to reach
_TRIED = frozenset({Cause.RETRY, Cause.FAIL_OVER, Cause.DOUBT_RESEND})


class SqliteStore(Reader):
    """See gateway/stores/store.py for what every method promises."""

    def __init__(
        self,
        path: Path,
        db: sqlite3.Connection,
        scribe: Scribe,
        wipe_at_once: frozenset[int],
        health: Callable[[str], None],
        mismatch: Callable[[int, str], None],
    ) -> None:
        super().__init__(path, db)
        self.wipe_at_once = wipe_at_once
        self._report_mismatch = mismatch
        self._scribe = scribe
        self._writer = GroupWriter(scribe, self._mismatch, health)
        self._low = int(self.meta("inflight_low") or 0)
        inflight = self.read(_INFLIGHT_IDS, (self._low,))
        self._inflight: dict[int, None] = dict.fromkeys(row[0] for row in inflight)
        self._newest = self.last_id()
        self._serial = 0
        self.wiped = False
        self.wipe_before = 0  # what is older has lost its text, or loses it when it ends

    # ── the path of a message ────────────────────────────────────────────────────────────────────────────
    def admit(self, messages: Sequence[Message]) -> asyncio.Future[None]:
        unit = self._writer.unit(insist=False)
        number = self._names.number
        account: str | None = None
        route, of_account, of_route = "", 0, 0  # nearly always a batch names one of each
        plain: list[rows.Row] = []
        referenced: list[rows.Row] = []
        inserts: list[rows.Row] = []
        listed: list[rows.Row] = []
        moved: list[int] = []
        for m in messages:
            bearer = number(m.bearer) if m.bearer else 0
            if m.account != account or m.route != route:
                account, of_account, route, of_route = m.account, number(m.account), m.route, number(m.route)
            if not rows.is_plain(m):
                inserts.append(rows.message_row(m, of_account, of_route, bearer or None))
            elif m.reference:
                referenced.append(rows.referenced_row(m, of_account, of_route, bearer))
            else:
                plain.append(rows.plain_row(m, of_account, of_route, bearer))
            if m.state is _INFLIGHT:
                self._inflight[m.id] = None
                if m.id < self._low:
                    self._lower(m.id)
            elif m.state in WAITING:
                m.listed = m.due
                listed.append(self._backlog_row(m))
                moved.append(m.id)
        if messages:
            self._newest = max(self._newest, messages[-1].id)
            unit.add(rows.ADD_USAGE, usage_rows(messages, number))
        unit.add(rows.INSERT_PLAIN, plain)
        unit.add(rows.INSERT_REFERENCED, referenced)
        unit.add(rows.INSERT_MESSAGE, inserts)
        unit.add(rows.INSERT_BACKLOG, listed)
        unit.undo = partial(self._not_admitted, messages)
        return self._write(unit, moved)

    def _not_admitted(self, messages: Sequence[Message]) -> None:
        for m in messages:
            self._inflight.pop(m.id, None)

    def apply(self, changes: Sequence[Change], notes: Sequence[Note] = ()) -> asyncio.Future[None]:
        unit = self._writer.unit()
        number = self._names.number
        updates: dict[int, list[rows.Row]] = {}
        enter: list[rows.Row] = []
        leave: list[rows.Row] = []
        wipe: list[rows.Row] = []
        history: list[rows.Row] = []
        moved: list[int] = []
        inflight = self._inflight
        bearer, of_bearer = "", 0  # nearly always a batch names one
        once = len({change[0] for change in changes}) == len(changes)
        for m, before, cause in changes:
            state = m.state if once else advance(before, cause)  # a receipt may have outrun its response
            if m.bearer != bearer:
                bearer = m.bearer
                of_bearer = number(bearer) if bearer else 0
            statement, row = rows.change_row(m, before, state, cause, of_bearer)
            if statement in updates:
                updates[statement].append(row)
            else:
                updates[statement] = [row]
            if state is _INFLIGHT:
                inflight[m.id] = None
                if m.id < self._low:
                    self._lower(m.id)
            elif before is _INFLIGHT:
                inflight.pop(m.id, None)
            if m.listed >= 0:
                leave.append(self._backlog_key(m))
                moved.append(m.id)
                m.listed = -1
            if state in WAITING:
                m.listed = m.due
                enter.append(self._backlog_row(m))
                moved.append(m.id)
                if cause in _TRIED:  # the row will tell of the next try: the one that failed becomes history
                    history.append(rows.try_row(m, of_bearer))
            elif (m.kind in self.wipe_at_once or m.id < self.wipe_before) and state in FINAL and m.payload:
                wipe.append((m.id,))
        for statement, batch in updates.items():
            unit.add(statement, batch)
        unit.add(rows.PUT_ATTEMPT, history)
        unit.add(rows.DELETE_BACKLOG, leave)
        unit.add(rows.INSERT_BACKLOG, enter)
        self._follow(unit, changes, wipe, notes)
        unit.undo = partial(self._not_applied, changes)
        return self._write(unit, moved)

    def _follow(
        self, unit: Unit, changes: Sequence[Change], wipe: Sequence[rows.Row], notes: Sequence[Note]
    ) -> None:
        """What shares the commit of changes: texts that go, segments that were not used, and what is owed for them."""
        if wipe:
            unit.add(rows.WIPE_TEXT, wipe)
            self.wiped = True
        unsent = ended_unsent(changes)
        if unsent:
            unit.add(rows.ADD_USAGE, usage_rows(unsent, self._names.number, -1))
        short, full = rows.note_rows(notes, self._names.number)
        unit.add(rows.INSERT_RECEIPT, short)
        unit.add(rows.INSERT_NOTE, full)

    def _not_applied(self, changes: Sequence[Change]) -> None:
        for m, before, _ in changes:  # the row is INFLIGHT still, and must be found after a restart
            if before is State.INFLIGHT:
                self._inflight[m.id] = None

    def part(self, message: Message, part: int) -> asyncio.Future[None]:
        unit = self._writer.unit()
        assert message.part_states is not None
        state = message.part_states[part]
        unit.add(rows.PUT_ATTEMPT, [rows.part_row(message, part, state, self._names.number(state.bearer))])
        return self._write(unit)

    def answered_late(self, answers: Sequence[tuple[Message, int, Part]]) -> asyncio.Future[None]:
        unit = self._writer.unit()
        number = self._names.number
        unit.add(rows.PUT_ATTEMPT, [rows.late_row(m, n, said, number(said.bearer)) for m, n, said in answers])
        return self._write(unit)

    def forget(self, notes: Sequence[Note]) -> asyncio.Future[None]:
        unit = self._writer.unit()
        numbers = {account: self._names.number(account) for account in {n.account for n in notes}}
        unit.add(rows.DELETE_NOTE, [(numbers[n.account], n.seq) for n in notes])
        answered = [n.seq for n in notes]
        self._answered.update(answered)
        unit.future.add_done_callback(lambda _: self._answered.difference_update(answered))
        return self._write(unit)

    def deposit(
        self,
        mos: Sequence[Mo],
        notes: Sequence[Note],
        parts: Sequence[int] = (),
        more: Batches = (),
    ) -> asyncio.Future[None]:
        unit = self._writer.unit()
        number = self._names.number
        unit.add(
            rows.INSERT_MO,
            [rows.mo_row(mo, number(mo.bearer), number(mo.account) if mo.account else None) for mo in mos],
        )
        unit.add(rows.INSERT_NOTE, [rows.note_row(n, number(n.account)) for n in notes])
        unit.add(rows.DELETE_MO_PART, [(part,) for part in parts])
        for statement, batch in more:
            unit.add(statement, batch)
        return self._write(unit)

    def replace(self, message: Message) -> asyncio.Future[None]:
        m = message
        unit = self._writer.unit(insist=False)
        reference = m.user_reference if m.user_reference >= 0 else None
        unit.add(rows.RESIZE_USAGE, [(m.parts, m.id)])
        unit.add(
            rows.REPLACE_MESSAGE,
            [(m.data_coding, m.payload, m.parts, m.registered, m.expires, m.due or None, reference, m.id)],
        )
        if m.listed < 0:
            return self._write(unit)
        unit.add(rows.DELETE_BACKLOG, [self._backlog_key(m)])
        unit.undo = partial(setattr, m, "listed", m.listed)
        m.listed = m.due
        unit.add(rows.INSERT_BACKLOG, [self._backlog_row(m)])
        return self._write(unit, [m.id])

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
        return self._write(unit, [m.id for m, _ in moves])

    # ── correlation ──────────────────────────────────────────────────────────────────────────────────────
    def keep_orphans(self, orphans: Sequence[Orphan]) -> asyncio.Future[None]:
        unit = self._writer.unit()
        number = self._names.number
        found = [
            (o.id, number(o.bearer), o.carrier_id, o.recipient, o.state, int(o.final), o.code, o.at, o.raw)
            for o in orphans
        ]
        unit.add(rows.INSERT_ORPHAN, found)
        return self._write(unit)

    def drop_orphans(self, ids: Sequence[int]) -> asyncio.Future[None]:
        unit = self._writer.unit()
        unit.add(rows.DELETE_ORPHAN, [(i,) for i in ids])
        return self._write(unit)

    # ── replies ──────────────────────────────────────────────────────────────────────────────────────────
    def keep_parts(self, parts: Sequence[StoredPart], more: Batches = ()) -> asyncio.Future[None]:
        number = self._names.number
        kept = [(p[0], number(p[1]), *p[2:]) for p in parts]
        return self.write_many([(rows.INSERT_MO_PART, kept), *more])

    # ── small facts ──────────────────────────────────────────────────────────────────────────────────────
    def put_meta(self, key: str, value: str) -> asyncio.Future[None]:
        unit = self._writer.unit()
        unit.add(rows.PUT_META, [(key, value)])
        return self._write(unit)

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

    def mark_low(self) -> None:
        """Write below which id nothing is INFLIGHT, so that in_doubt need not read all history.

        Called about once a second. An older message that is taken later lowers the mark in its own transaction.
        """
        low = min(self._inflight, default=self._newest + 1)
        if low > self._low:
            self._low = low
            _ = self.put_meta("inflight_low", str(low))

    def in_doubt(self) -> list[Message]:
        sql = f"SELECT {MESSAGE_COLUMNS} FROM message WHERE id>=? AND state=12 ORDER BY id"
        found = [self._message(row) for row in self._reader.execute(sql, (self._low,))]
        for message in found:
            self._load_parts(message)
        return found

    # ── life ─────────────────────────────────────────────────────────────────────────────────────────────
    async def flush(self) -> None:
        await self._writer.flush()

    async def scrub(self) -> None:
        """Truncate the WAL, so that wiped text is gone from it too (deleted content is zeroed in the pages).

        A reader that holds an old snapshot puts it off, and so does a disk that refuses, or a clerk that can't open
        the file: `wiped` stays true, and the next call tries again.
        """
        self.wiped = False
        try:
            self.wiped = await self._writer.checkpoint() or self.wiped
        except StoreUnavailable:  # who writes says so
            self.wiped = True

    async def backup(self, target: Path, key: bytes = b"") -> None:
        """A consistent copy while running. key: the opt-outs' (store.hmac_key_file), which travels in the copy."""
        await self.flush()
        await asyncio.to_thread(files.copy, self.path, target, key)

    @property
    def sick(self) -> str:
        return self._writer.sick

    def stuck(self, seconds: float) -> bool:
        """Whether a COMMIT has been under way for so long: the disk hangs, and nothing can be acknowledged."""
        return self._writer.stuck(seconds)

    def behind(self, seconds: float) -> bool:
        """Whether anything was written so long ago and is not durable: who reads the file does not see it yet."""
        return self._writer.behind(seconds)

    @property
    def begun(self) -> int:
        return self._writer.begun

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
        await self._scribe.close()  # the last checkpoint may take long

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────
    def _write(self, unit: Unit, moved: Sequence[int] = ()) -> asyncio.Future[None]:
        """moved: the messages whose row in the backlog comes or goes; until that is announced, no read sees it."""
        self._names.enlist(unit)
        if moved:
            moving = self._moving
            serial = self._serial = self._serial + 1
            for message_id in moved:
                if moving.get(message_id, serial) != serial:
                    unit.apart = True
                moving[message_id] = serial

            def announced(_: asyncio.Future[None]) -> None:
                for message_id in moved:
                    if moving.get(message_id) == serial:
                        del moving[message_id]

            unit.future.add_done_callback(announced)
        return self._writer.write(unit)

    def _lower(self, message_id: int) -> None:
        """Durable no later than the unit that makes it necessary, and even if that one fails."""
        self._low = message_id
        _ = self.put_meta("inflight_low", str(message_id))

    def _mismatch(self, _: int, row: rows.Row) -> None:
        self._report_mismatch(row[-2], f"state {State(row[-1]).name} expected before {State(row[0]).name}")

    def _backlog_key(self, m: Message) -> rows.Row:
        number = self._names.number
        return (number(m.route), m.kind, m.priority, number(m.account), m.tag, m.listed, m.id)

    def _backlog_row(self, m: Message) -> rows.Row:
        return (*self._backlog_key(m), m.expires, int(m.state is State.HELD))
