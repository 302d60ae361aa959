"""Who wrote last to whom, on disk: by bearers that send from their own number; the rest is in the messages."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.stores import rows
from gateway.stores.sqlite import SqliteStore

__all__ = ["WriterTable", "Written"]

Written = tuple[str, int, str, int]
"""(bearer, digest of the number, account, id of the message)."""


class WriterTable:
    """See the module."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    def all(self) -> list[Written]:
        """At start, the oldest message first."""
        name = self._store.name
        sql = "SELECT bearer, key, account, message FROM last_writer ORDER BY message"
        return [(name(row[0]), row[1], name(row[2]), row[3]) for row in self._store.read(sql)]

    def sent(self, limit: int) -> list[tuple[int, str, str]]:
        """(id, account, recipient) of the newest messages that a carrier took, the oldest first."""
        name = self._store.name
        sql = "SELECT id, account, destination FROM message WHERE sent_at>0 ORDER BY id DESC LIMIT ?"
        return [(row[0], name(row[1]), row[2]) for row in reversed(self._store.read(sql, (limit,)))]

    def put(self, written: Sequence[Written]) -> None:
        number = self._store.number
        values = [
            (number(bearer), key, number(account), message) for bearer, key, account, message in written
        ]
        _ = self._store.write_rows(rows.PUT_LAST_WRITER, values)

    def drop(self, keys: Sequence[tuple[str, int]]) -> None:
        """By bearer and digest."""
        number = self._store.number
        _ = self._store.write_rows(rows.DELETE_LAST_WRITER, [(number(bearer), key) for bearer, key in keys])
