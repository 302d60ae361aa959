"""A backlog or a history written straight into the store's tables, as the gateway would have left it: by SQL, in
seconds a million. Needs no gateway.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from gateway.lifecycle import Cause, State
from gateway.model import EPOCH_MS, Kind, Message, MessageIds
from gateway.stores import files
from gateway.stores.usage import QUARTER_MS

__all__ = ["TEXT", "Batch", "fill", "history", "messages"]

TEXT = b"Votre colis arrive demain entre 10 h et 12 h. Suivi: 8KX2-19"
"""60 characters of GSM 03.38."""

CHUNK = 500_000
"""Rows of one transaction."""
STEP = 1 << 10
"""Between two ids."""


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
    """Put these flows into the store at `path`, which is made when it is not there."""
    db = files.connect(path)
    files.migrate(db, path)
    # an hour ago: what the gateway takes later must come later
    first = (time.time_ns() // 1_000_000 - 3_600_000 - EPOCH_MS) << 22
    for batch in batches:
        account, route = named(db, batch.account), named(db, batch.route)
        digits = 12 - len(batch.prefix)
        values = {
            "first": first, "step": STEP, "state": int(State.QUEUED), "account": account, "kind": int(batch.kind),
            "payload": TEXT, "route": route, "number": f"{batch.prefix}%0{digits}d", "numbers": 10**digits,
            "due": (first >> 22) + EPOCH_MS, "expires": (first >> 22) + EPOCH_MS + 345_600_000,
        }  # fmt: skip
        for begin in range(0, batch.count, CHUNK):
            span = {"from": begin, "until": min(batch.count, begin + CHUNK)}
            db.execute(_WAITING, {**values, **span})
            db.execute(_LISTED, {"from": first + begin * STEP, "until": first + (begin + CHUNK) * STEP})
        first += batch.count * STEP
    marked(db)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def marked(db: sqlite3.Connection) -> None:
    """What a gateway that runs writes too: nothing of this is in flight, no reference waits to be filed, and what it
    has used of quotas.
    """
    for key, above in (("indexed_to", 0), ("inflight_low", 1)):
        db.execute("INSERT OR REPLACE INTO meta SELECT ?, max(id) + ? FROM message", (key, above))
    db.execute(_USED, (EPOCH_MS, QUARTER_MS))


def named(db: sqlite3.Connection, name: str) -> int:
    """The number of a name, given now when it has none."""
    found = db.execute("SELECT id FROM name WHERE text=?", (name,)).fetchone()
    if found is None:
        found = db.execute("INSERT INTO name (text) VALUES (?) RETURNING id", (name,)).fetchone()
    return int(found[0])


_COUNT = "WITH RECURSIVE n(i) AS (SELECT :from UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :until)"
_WAITING = f"""{_COUNT}
INSERT INTO message (id, state, account, kind, priority, source, destination, data_coding, payload, parts, registered,
    expires, route, due)
SELECT :first + i * :step, :state, :account, :kind, 0, '38000', printf(:number, i % :numbers), 0, :payload, 1, 1,
    :expires, :route, :due FROM n
"""
_LISTED = """
INSERT INTO backlog (route, kind, priority, account, tag, due, id, expires)
SELECT route, kind, priority, account, '', due, id, expires FROM message WHERE id >= :from AND id < :until
"""
_USED = (
    "INSERT OR REPLACE INTO usage SELECT account, ((id >> 22) + ?) / ?, sum(parts) FROM message GROUP BY 1, 2"
)
_FINISHED = f"""{_COUNT}
INSERT INTO message (id, state, account, kind, priority, source, destination, data_coding, payload, parts, registered,
    expires, route, due, bearer, carrier_id, sent_at, done_at, tries)
SELECT :first + i * :step, :state, :account, :kind, 0, '36180', printf('+336%08d', i % 100000000), 0, :payload, 1, 1,
    :now + 345600000, :route, 0, :bearer, printf('%020d', i * 7919), :now, :now, 1 FROM n
"""


def history(
    path: Path, count: int, account: str, bearer: str, kind: Kind, ahead: float = 0.0, hours: float = 20.0
) -> None:
    """Add so many delivered messages to the store at `path`, to numbers from +33600000000 on, one after the other
    within the `hours` before one hour ago. ahead: seconds that its gateway's clock will be put ahead.
    """
    db = files.connect(path)
    files.migrate(db, path)
    number = named(db, bearer)
    until = time.time_ns() // 1_000_000 + int(ahead * 1000) - 3_600_000
    since = until - int(hours * 3_600_000)
    values = {
        "first": (since - EPOCH_MS) << 22, "step": ((until - since) << 22) // count, "state": int(State.DELIVERED),
        "account": named(db, account), "kind": int(kind), "payload": TEXT, "now": until, "route": number, "bearer": number,
    }  # fmt: skip
    for begin in range(0, count, CHUNK):
        db.execute(_FINISHED, {**values, "from": begin, "until": min(count, begin + CHUNK)})
    marked(db)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
