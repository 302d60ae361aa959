"""Everything that the store holds about one telephone number: where it is, and the writes that take it away.

No index has numbers (see the schema), so messages and replies are read from the first to the last, in slices that
are each made to take a fifth of a second: neither the loop nor the log of the writer waits for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

from gateway.stores import rows
from gateway.stores.sqlite import SqliteStore
from gateway.stores.store import Batches

__all__ = ["Traces", "erasures", "traces_of"]

FIRST_SLICE = 20_000
MOST_SLICE = 1_000_000
PACE = 0.2
CHUNK = 400

Tell = Callable[[dict[str, Any]], Awaitable[None]]

_SAME_NUMBER = (
    "instr(raw, :octets) OR (length(ltrim(recipient, '+0'))>=8 AND ltrim(recipient, '+0') NOT GLOB '*[^0-9]*'"
    " AND :digits LIKE '%' || ltrim(recipient, '+0'))"
)
"""A carrier writes the handset's number with its prefix, with 00, or as in its own country."""

_TABLES: tuple[tuple[str, str, str], ...] = (
    ("message", "destination", "destination=:number"),
    ("mo", "source", "source=:number"),
    ("mo_part", "source", "source=:number"),
    ("orphan", "recipient, raw", _SAME_NUMBER),
    ("auto_reply", "destination", "destination=:number"),
    ("audit", "detail", "instr(detail, :digits) OR instr(detail, :mark)"),
)
"""(table, columns that the condition needs, condition)."""


class Traces:
    """Ids of the rows about one number, rising. answers: of our own that have not been submitted; key: its digest."""

    __slots__ = ("answers", "audit", "key", "messages", "notes", "number", "orphans", "parts", "replies")

    def __init__(self, number: str, key: int) -> None:
        self.number = number
        self.key = key
        self.messages: list[int] = []
        self.replies: list[int] = []
        self.parts: list[int] = []
        self.orphans: list[int] = []
        self.answers: list[int] = []
        self.audit: list[int] = []
        self.notes: list[tuple[int, int]] = []

    @property
    def mark(self) -> str:
        """What the audit log calls this number: the first eight hexadecimal digits of its keyed digest."""
        return f"{self.key & 2**64 - 1:016x}"[:8]


async def traces_of(
    store: SqliteStore, now: Callable[[], float], number: str, key: int, tell: Tell
) -> Traces:
    """Look through all tables. now: seconds, monotonic. tell: hears how far it has come."""
    found = Traces(number, key)
    places = (found.messages, found.replies, found.parts, found.orphans, found.answers, found.audit)
    digits = number.removeprefix("+")
    wanted = {"number": number, "digits": digits, "octets": digits.encode(), "mark": found.mark}
    for (table, columns, condition), ids in zip(_TABLES, places, strict=True):
        await _scan(store, now, (table, columns, condition), wanted, ids, tell)
    for start in range(0, len(found.replies), CHUNK):  # replies that no application has fetched
        chunk = found.replies[start : start + CHUNK]
        sql = f"SELECT account, seq FROM outbox WHERE mo IN ({_marks(chunk)})"
        found.notes += [(row[0], row[1]) for row in await store.query(sql, chunk)]
    return found


async def _scan(
    store: SqliteStore, now: Callable[[], float], place: tuple[str, str, str], wanted: dict[str, Any],
    ids: list[int], tell: Tell,
) -> None:  # fmt: skip
    table, columns, condition = place
    newest = (await store.query(f"SELECT max(id) FROM {table}"))[0][0]
    sql = (
        f"SELECT max(id), count(*), group_concat(CASE WHEN {condition} THEN id END) FROM"
        f" (SELECT id, {columns} FROM {table} WHERE id>:after AND id<=:newest ORDER BY id LIMIT :limit)"
    )
    after, limit, seen = -1, FIRST_SLICE, 0
    while newest is not None and after < newest:
        began = now()
        last, count, listed = (
            await store.query(sql, {**wanted, "after": after, "newest": newest, "limit": limit})
        )[0]
        if last is None:
            return
        ids += map(int, listed.split(",")) if listed else ()
        after, seen = last, seen + count
        took = now() - began
        limit = max(1_000, limit // 2) if took > PACE else min(MOST_SLICE, limit * 2)
        await tell({"progress": {"table": table, "rows_read": seen}})


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))


async def erasures(store: SqliteStore, found: Traces) -> list[Batches]:
    """The writes that erase what was found, each small enough for one transaction beside others.

    Numbers and texts go; states, times, counts and the keyed digests of objections stay.
    """
    digits = found.number.removeprefix("+")
    batches: list[Batches] = []
    for chunk in _chunks(found.messages):
        sql = (
            f"SELECT account, reference FROM message WHERE reference IS NOT NULL AND id IN ({_marks(chunk)})"
        )
        references = await store.query(sql, chunk)
        batches.append([
            (rows.ERASE_MESSAGE, [(digits, i) for i in chunk]),
            (rows.ERASE_REFERENCE_0, references), (rows.ERASE_REFERENCE_1, references),
        ])  # fmt: skip
    batches += [[(rows.ERASE_MO, [(i,) for i in chunk])] for chunk in _chunks(found.replies)]
    batches += [[(rows.DELETE_NOTE, list(chunk))] for chunk in _chunks(found.notes)]
    batches += [[(rows.DELETE_MO_PART, [(i,) for i in chunk])] for chunk in _chunks(found.parts)]
    batches += [[(rows.DELETE_ORPHAN, [(i,) for i in chunk])] for chunk in _chunks(found.orphans)]
    key = found.key
    scopes = await store.query("SELECT DISTINCT scope FROM optout_act WHERE key=?", (key,))
    batches.append([
        (rows.ERASE_OPTOUT, [(scope, key) for (scope,) in scopes]), (rows.ERASE_OPTOUT_ACTS, [(key,)]),
    ])  # fmt: skip
    scopes = await store.query("SELECT DISTINCT scope FROM consent_act WHERE key=?", (key,))
    batches.append([
        (rows.ERASE_CONSENT, [(scope, key) for (scope,) in scopes]), (rows.ERASE_CONSENT_ACTS, [(key,)]),
    ])  # fmt: skip
    return batches


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]
