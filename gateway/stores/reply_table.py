"""Answers of our own that have not been submitted yet: made durable with the reply that asks for them."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.stores import rows
from gateway.stores.sqlite import SqliteStore
from gateway.stores.store import Batches

__all__ = ["Reply", "ReplyTable"]


class Reply:
    """One answer. id: of the reply that it answers; account: a name; until: Unix ms after which it is late."""

    __slots__ = ("account", "data_coding", "destination", "id", "payload", "source", "until")

    def __init__(
        self, id: int, account: str, source: str, destination: str, data_coding: int, payload: bytes, until: int  # noqa: A002 - the column's word
    ) -> None:  # fmt: skip
        self.id = id
        self.account = account
        self.source = source
        self.destination = destination
        self.data_coding = data_coding
        self.payload = payload
        self.until = until


class ReplyTable:
    """See the module."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    def all(self) -> list[Reply]:
        """At start, the oldest first."""
        sql = (
            "SELECT id, account, source, destination, data_coding, payload, until FROM auto_reply ORDER BY id"
        )
        return [Reply(row[0], self._store.name(row[1]), *row[2:]) for row in self._store.read(sql)]

    def batches(self, replies: Sequence[Reply]) -> Batches:
        """Their rows, for the commit of what they answer."""
        if not replies:
            return ()
        number = self._store.number
        return [(
            rows.PUT_AUTO_REPLY,
            [(r.id, number(r.account), r.source, r.destination, r.data_coding, r.payload, r.until) for r in replies],
        )]  # fmt: skip

    def drop(self, reply: Reply) -> None:
        """It was submitted, or never will be."""
        _ = self._store.write_rows(rows.DELETE_AUTO_REPLY, [(reply.id,)])
