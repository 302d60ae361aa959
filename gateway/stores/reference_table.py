"""The side tables of clients' references: looked up by batch, filled in sorted batches, emptied by day."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway.stores import rows
from gateway.stores.sqlite import SqliteStore

__all__ = ["Known", "ReferenceTable"]

DAY_MS = 86_400_000
Known = tuple[int, str, bytes | None]
"""The message of a reference: its id, recipient and text (None once wiped)."""


class ReferenceTable:
    """Two tables take turns by day, so that forgetting is emptying one."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._day = int(store.meta("reference_day") or 0)
        self._seen = int(store.meta("indexed_to") or 0)
        self._used = bool(store.read("SELECT 1 FROM reference_0 UNION ALL SELECT 1 FROM reference_1 LIMIT 1"))

    def unfiled(self) -> list[tuple[str, str, Known]]:
        """At start: (account, reference, message) of those that had not reached the tables."""
        mark = int(self._store.meta("indexed_to") or 0)
        sql = "SELECT account, reference, id, destination, payload FROM message WHERE id>? AND reference IS NOT NULL"
        return [(self._store.name(r[0]), r[1], (r[2], r[3], r[4])) for r in self._store.read(sql, (mark,))]

    def find(self, account: str, references: Sequence[str]) -> dict[str, Known]:
        """Those that are filed, the newest message of each."""
        found: dict[str, Known] = {}
        if not self._used:
            return found
        number = self._store.number(account)
        marks = ",".join("?" * len(references))
        sql = (
            f"SELECT ref, id FROM reference_0 WHERE account=? AND ref IN ({marks})"
            f" UNION ALL SELECT ref, id FROM reference_1 WHERE account=? AND ref IN ({marks}) ORDER BY id"
        )
        for reference, message_id in self._store.read(sql, (number, *references, number, *references)):
            message = self._store.read(
                "SELECT id, destination, payload FROM message WHERE id=?", (message_id,)
            )
            if message:
                found[reference] = (message[0][0], message[0][1], message[0][2])
        return found

    def file(self, known: Sequence[tuple[str, str, int]], now_ms: int) -> asyncio.Future[None]:
        """Write (account, reference, id); remembers up to which id all are filed."""
        self._turn_day(now_ms, min(message_id for _, _, message_id in known))
        self._used = True
        number = self._store.number
        values = sorted((number(account), reference, message_id) for account, reference, message_id in known)
        newest = max(message_id for _, _, message_id in known)
        statement = (rows.PUT_REFERENCE_0, rows.PUT_REFERENCE_1)[self._day % 2]
        return self._store.write_many([(statement, values), (rows.PUT_META, [("indexed_to", str(newest))])])

    def none_left(self) -> None:
        """What is in the messages' table now is filed: the next start need not look for references there."""
        newest = self._store.read("SELECT max(id) FROM message")[0][0] or 0
        if newest > self._seen:
            self._seen = newest
            _ = self._store.put_meta("indexed_to", str(newest))

    def _turn_day(self, now_ms: int, oldest: int) -> None:
        """Empty the table of the day before yesterday: what is older than the batch that follows, since both
        are one transaction and its order is that of the statements.
        """
        day = now_ms // DAY_MS
        if day > self._day:
            self._day = day
            older = (rows.EMPTY_REFERENCE_0, rows.EMPTY_REFERENCE_1)[day % 2]
            mark = (rows.PUT_META, [("reference_day", str(day))])
            _ = self._store.write_many([(older, [(oldest - 1,)]), mark])
