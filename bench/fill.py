"""A backlog written straight into the store's tables, as intake would have left it: a million in seconds.

Rows agree with gateway/stores/schema and rows.py: the same statements, the same ids. Needs no gateway.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from gateway.lifecycle import Cause
from gateway.model import Kind, Message, MessageIds
from gateway.stores import files, rows

__all__ = ["TEXT", "Batch", "fill", "messages"]

TEXT = b"Votre colis arrive demain entre 10 h et 12 h. Suivi: 8KX2-19"
"""60 characters of GSM 03.38."""

CHUNK = 10_000


class Batch:
    """`count` messages of one flow, to numbers that begin with `prefix` (like "+33601")."""

    def __init__(self, count: int, account: str, route: str, kind: Kind, prefix: str) -> None:
        self.count = count
        self.account = account
        self.route = route
        self.kind = kind
        self.prefix = prefix


def messages(batch: Batch, ids: MessageIds, now_ms: int) -> Iterator[Message]:
    """New messages of this flow, QUEUED, their ids taken at now_ms."""
    digits = 12 - len(batch.prefix)
    for number, message_id in enumerate(ids.take(batch.count, now_ms)):
        to = f"{batch.prefix}{number % 10**digits:0{digits}d}"
        m = Message(
            message_id, batch.account, batch.kind, 0, "38000", to, 0, b"", TEXT, 1, 1, now_ms + 345_600_000
        )
        m.route = batch.route
        m.due = now_ms
        m.advance(Cause.ADMIT)
        yield m


def fill(path: Path, batches: list[Batch]) -> None:
    """Make the store at `path` and put these flows into it."""
    db = files.connect(path)
    files.migrate(db, path)
    names: dict[str, int] = {}
    for batch in batches:
        for name in (batch.account, batch.route):
            names.setdefault(name, len(names) + 1)
    db.execute("BEGIN")
    db.executemany(rows.STATEMENTS[rows.PUT_NAME], [(number, name) for name, number in names.items()])
    # an hour ago: a counter of 14 bits a millisecond must not run into the future
    now_ms = time.time_ns() // 1_000_000 - 3_600_000
    ids = MessageIds(1)
    for batch in batches:
        account, route = names[batch.account], names[batch.route]
        inserts, listed = [], []
        for m in messages(batch, ids, now_ms):
            inserts.append(rows.message_row(m, account, route, None))
            listed.append((route, m.kind, m.priority, account, m.tag, m.due, m.id, m.expires, 0))
            if len(inserts) == CHUNK:
                _write(db, inserts, listed)
        _write(db, inserts, listed)
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def _write(db: sqlite3.Connection, inserts: list[rows.Row], listed: list[rows.Row]) -> None:
    db.executemany(rows.STATEMENTS[rows.INSERT_MESSAGE], inserts)
    db.executemany(rows.STATEMENTS[rows.INSERT_BACKLOG], listed)
    inserts.clear()
    listed.clear()
