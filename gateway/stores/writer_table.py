"""Who wrote last to whom, on disk: by bearers that send from their own number; the rest is in the messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.stores import rows
from gateway.stores.sqlite import SqliteStore

__all__ = ["WriterTable", "Written"]

Written = tuple[str, int, str, int]
"""(bearer, digest of the number, account, id of the message)."""
PAGE = 10_000
LOOKED_AT = 4_000_000


class WriterTable:
    """See the module."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    def all(self) -> list[Written]:
        """At start, the oldest message first."""
        name = self._store.name
        sql = "SELECT bearer, key, account, message FROM last_writer ORDER BY message"
        return [(name(row[0]), row[1], name(row[2]), row[3]) for row in self._store.read(sql)]

    def one(self, bearer: str, key: int) -> tuple[str, int] | None:
        """(account, message) of one number: one look-up."""
        sql = "SELECT account, message FROM last_writer WHERE bearer=? AND key=?"
        found = self._store.read(sql, (self._store.number(bearer), key))
        return (self._store.name(found[0][0]), found[0][1]) if found else None

    def sent(self) -> Iterator[list[tuple[int, str, str]]]:
        """(id, account, recipient) of the messages that a carrier took, the newest first, by PAGE of all messages.

        Not behind LOOKED_AT of them: whatever waits stands before what was sent.
        """
        name, read = self._store.name, self._store.read
        upto = 2**63 - 1
        for _ in range(LOOKED_AT // PAGE):
            page = read("SELECT id FROM message WHERE id<=? ORDER BY id DESC LIMIT 1 OFFSET ?", (upto, PAGE))
            first = page[0][0] if page else 0
            sql = "SELECT id, account, destination FROM message WHERE id>? AND id<=? AND sent_at>0 ORDER BY id DESC"
            yield [(row[0], name(row[1]), row[2]) for row in read(sql, (first, upto))]
            if not page:
                return
            upto = first

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
