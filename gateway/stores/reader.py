"""The reading half of the embedded store: short synchronous look-ups, and the long ones of reports (aiosqlite).

Reads see what is durable, less what is under way: a row of the backlog that was written but not yet announced
to whoever wrote it, or that is about to leave, and notes that were answered. Otherwise a message could be read
here while somebody else has it in hand, and would be sent twice.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiosqlite

from gateway.lifecycle import WAITING
from gateway.model import EPOCH_MS, Message, Mo, Note, Part
from gateway.stores import files, rows
from gateway.stores.names import Names
from gateway.stores.rows import MESSAGE_COLUMNS
from gateway.stores.store import FlowKey, Orphan, StoredPart, Waiting

__all__ = ["Reader"]

_ID = "ltrim(lower(carrier_id), '0x')"  # the same expression as that of the indexes, or they are not used
_AWAITING = (
    f"SELECT {MESSAGE_COLUMNS} FROM message"
    f" WHERE {_ID} IN ({{}}) AND state IN (1, 7) AND carrier_id IS NOT NULL AND bearer=?"
)
_AWAITING_PART = (
    "SELECT message, part, carrier_id, sent_at FROM attempt"
    f" WHERE {_ID} IN ({{}}) AND state IN (1, 7) AND carrier_id IS NOT NULL AND bearer=?"
)
_ORPHANS = (
    "SELECT id, carrier_id, recipient, state, final, code, at, raw FROM orphan"
    f" WHERE {_ID} IN ({{}}) AND bearer=? ORDER BY id"
)
_FLOW = "route=? AND kind=? AND priority=? AND account=? AND tag=? AND (due, id) > (?, ?) AND held=0"
_REFILL = (
    f"SELECT {', '.join('m.' + c.strip() for c in MESSAGE_COLUMNS.split(','))}, b.due"
    f" FROM (SELECT id, due FROM backlog WHERE {_FLOW} AND due<=?) b JOIN message m ON m.id=b.id"
    " ORDER BY b.due, b.id"
)
_FIRST_DUE = f"SELECT due, id FROM backlog WHERE {_FLOW} ORDER BY due, id"
_PARTS = (
    "SELECT part, try, bearer, carrier_id, state, error, sent_at, done_at FROM attempt"
    " WHERE message=? AND part>=0 ORDER BY part, try"
)
_LAST_ID = (
    "SELECT max(coalesce((SELECT max(id) FROM message), 0), coalesce((SELECT max(id) FROM mo), 0),"
    " coalesce((SELECT max(id) FROM mo_part), 0), coalesce((SELECT max(seq) FROM outbox), 0),"
    " coalesce((SELECT max(id) FROM orphan), 0))"
)


class Reader:
    """See the module, and gateway/stores/store.py for what every method promises."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self.path = path
        self._reader = files.open_reader(path)
        self._names = Names(db)
        self._aio: aiosqlite.Connection | None = None
        self._aio_lock = asyncio.Lock()
        self._moving: dict[int, int] = {}
        self._answered: set[int] = set()

    # ── correlation ──────────────────────────────────────────────────────────────────────────────────────
    def match(self, bearer: str, keys: Sequence[str]) -> list[tuple[Message, int]]:
        marks, arguments = self._canonical(bearer, keys)
        awaiting = self._reader.execute(_AWAITING.format(marks), arguments)
        found = [(self._message(row), -1) for row in awaiting]
        parts = self._reader.execute(_AWAITING_PART.format(marks), arguments).fetchall()
        messages = self._many([row[0] for row in parts]) if parts else {}
        for message_id, part, carrier_id, sent_at in parts:
            message = messages.get(message_id)
            if message is None:
                continue
            if part >= 0 and message.part_states is not None:
                found.append((message, part))
            elif all(known.id != message_id for known, _ in found):
                if part < 0:  # an answer that came late (rows.late_row): its message has no id of its own
                    message.carrier_id, message.sent_at = carrier_id, sent_at
                found.append((message, -1))
        return found

    def claim_orphans(self, bearer: str, keys: Sequence[str]) -> list[Orphan]:
        marks, arguments = self._canonical(bearer, keys)
        return [
            Orphan(r[0], bearer, r[1], r[2], r[3], bool(r[4]), r[5], r[6], r[7])
            for r in self._reader.execute(_ORPHANS.format(marks), arguments)
        ]

    def orphans_since(self, since_ms: int, limit: int) -> list[Orphan]:
        sql = (
            "SELECT id, bearer, carrier_id, recipient, state, final, code, at, raw FROM orphan WHERE id>=?"
            " ORDER BY id DESC LIMIT ?"
        )
        text = self._names.text
        found: list[tuple[Any, ...]] = self._reader.execute(
            sql, (max(0, since_ms - EPOCH_MS) << 22, limit)
        ).fetchall()
        return [Orphan(r[0], text(r[1]), r[2], r[3], r[4], bool(r[5]), r[6], r[7], r[8]) for r in found[::-1]]

    def sent_lately(self, numbers: Collection[str], limit: int) -> list[Message]:
        newest = self._reader.execute(
            "SELECT id, destination FROM message ORDER BY id DESC LIMIT ?", (limit,)
        )
        return list(self._many([row[0] for row in newest if row[1] in numbers]).values())

    def _canonical(self, bearer: str, keys: Sequence[str]) -> tuple[str, list[str | int]]:
        marks = ",".join("?" * len(keys))
        return marks, [*(key.lower().lstrip("0x") for key in keys), self._names.number(bearer)]

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
        found: list[Message] = []
        moving = self._moving
        cursor = self._reader.execute(_REFILL, (*self._flow(key), *after, now_ms))
        for row in cursor:
            if row[0] in moving:
                continue
            message = self._message(row)
            message.listed = row[-1]
            found.append(message)
            if len(found) == limit:
                break
        cursor.close()
        for message in found:
            if message.parts > 1 and message.tries:
                self._load_parts(message)
        return found

    def states(self, ids: Sequence[int]) -> dict[int, int]:
        """The state of each message as it is durable now; a point look-up each."""
        found: dict[int, int] = {}
        for message_id in ids:
            row = self._reader.execute("SELECT state FROM message WHERE id=?", (message_id,)).fetchone()
            if row is not None:
                found[message_id] = row[0]
        return found

    def moving(self, ids: Sequence[int]) -> bool:
        """Whether a change of one of these is being written: what can be read of it is old."""
        return bool(self._moving) and any(message_id in self._moving for message_id in ids)

    def first_due(self, key: FlowKey, after: tuple[int, int]) -> int:
        cursor = self._reader.execute(_FIRST_DUE, (*self._flow(key), *after))
        due = next((int(row[0]) for row in cursor if row[1] not in self._moving), -1)
        cursor.close()
        return due

    # ── what applications are owed ───────────────────────────────────────────────────────────────────────
    def owed(self, account: str, after: int, limit: int) -> list[Note]:
        sql = "SELECT seq, kind, message, mo, state, error, at FROM outbox WHERE account=? AND seq>? ORDER BY seq"
        found = []
        cursor = self._reader.execute(sql, (self._names.number(account), after))
        for row in cursor:
            if row[0] not in self._answered:
                found.append(row)
                if len(found) == limit:
                    break
        cursor.close()
        messages = self._many([r[2] for r in found if r[2]])
        mos = self._mos([r[3] for r in found if r[3]])
        return [rows.note_from(r, account, messages, mos) for r in found]

    def owed_counts(self) -> dict[str, tuple[int, int]]:
        sql = "SELECT account, count(*), min(at) FROM outbox GROUP BY account"
        return {self._names.text(r[0]): (r[1], r[2]) for r in self._reader.execute(sql)}

    # ── small facts ──────────────────────────────────────────────────────────────────────────────────────
    def kept_parts(self) -> list[StoredPart]:
        sql = "SELECT id, bearer, source, destination, data_coding, udh, payload, received_at FROM mo_part ORDER BY id"
        return [(r[0], self._names.text(r[1]), *r[2:]) for r in self._reader.execute(sql)]

    def last_id(self) -> int:
        """The highest id ever given to a message, a reply or a note: new ones begin above it."""
        return int(self._reader.execute(_LAST_ID).fetchone()[0])

    def meta(self, key: str) -> str:
        row = self._reader.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
        return row[0] if row else ""

    def read(self, sql: str, arguments: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """A short synchronous read; only for ranges and points that are one page away."""
        return self._reader.execute(sql, arguments).fetchall()

    def number(self, name: str) -> int:
        return self._names.number(name)

    def name(self, number: int) -> str:
        return self._names.text(number)

    # ── look-ups and reports ─────────────────────────────────────────────────────────────────────────────
    async def query(
        self, sql: str, arguments: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        async with self._aio_lock:
            if self._aio is None:
                self._aio = await aiosqlite.connect(files.read_only(self.path), uri=True)
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

    # ── rows into nouns ──────────────────────────────────────────────────────────────────────────────────
    def _flow(self, key: FlowKey) -> tuple[int, int, int, int, str]:
        return (self._names.number(key[0]), key[1], key[2], self._names.number(key[3]), key[4])

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

    def _many(self, ids: Sequence[int]) -> dict[int, Message]:
        found: dict[int, Message] = {}
        for start in range(0, len(ids), 500):
            chunk = ids[start : start + 500]
            marks = ",".join("?" * len(chunk))
            sql = f"SELECT {MESSAGE_COLUMNS} FROM message WHERE id IN ({marks})"
            for row in self._reader.execute(sql, chunk).fetchall():
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
