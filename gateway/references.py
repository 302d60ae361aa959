"""Clients' references: the same account and reference within a day is the same message, not a second one.

The newest stand in memory and travel to a side table in sorted batches every few seconds; after a crash they
are read back from the messages themselves. With another recipient or text, a reference is refused, not reused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from gateway.model import EPOCH_MS, Message
from gateway.stores import rows

if TYPE_CHECKING:
    from gateway.stores.sqlite import SqliteStore

__all__ = ["References"]

DAY_MS = 86_400_000
HORIZON_MS = DAY_MS


class References:
    """See the module. Looked up by batch: one read of the side table for all references of a submission."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._young: dict[tuple[str, str], tuple[int, int]] = {}
        self._leaving: dict[tuple[str, str], tuple[int, int]] = {}
        self._day = int(store.meta("reference_day") or 0)
        self._used = bool(store.read("SELECT 1 FROM reference_0 UNION ALL SELECT 1 FROM reference_1 LIMIT 1"))

    def load(self) -> None:
        """At start: those that had not reached the side table when the last process ended."""
        mark = int(self._store.meta("indexed_to") or 0)
        sql = "SELECT account, reference, id, destination, payload FROM message WHERE id>? AND reference IS NOT NULL"
        for account, reference, message_id, destination, payload in self._store.read(sql, (mark,)):
            digest = hash((destination, payload or b""))
            self._young[self._store.name(account), reference] = (message_id, digest)

    def find(self, account: str, messages: Iterable[Message], now_ms: int) -> dict[str, tuple[int, bool]]:
        """For those of the references that are known: (first message's id, whether it is the same message)."""
        found: dict[str, tuple[int, bool]] = {}
        unknown: dict[str, Message] = {}
        for m in messages:
            known = self._young.get((account, m.reference)) or self._leaving.get((account, m.reference))
            if known is None:
                unknown[m.reference] = m
            else:
                found[m.reference] = (known[0], known[1] == _digest(m))
        if unknown and self._used:
            self._find_stored(account, unknown, found)
        oldest = (now_ms - HORIZON_MS - EPOCH_MS) << 22
        return {reference: hit for reference, hit in found.items() if hit[0] > oldest}

    def _find_stored(
        self, account: str, unknown: dict[str, Message], found: dict[str, tuple[int, bool]]
    ) -> None:
        number = self._store.number(account)
        marks = ",".join("?" * len(unknown))
        sql = (
            f"SELECT ref, id FROM reference_0 WHERE account=? AND ref IN ({marks})"
            f" UNION ALL SELECT ref, id FROM reference_1 WHERE account=? AND ref IN ({marks})"
        )
        for reference, message_id in self._store.read(sql, (number, *unknown, number, *unknown)):
            if reference in found and found[reference][0] > message_id:
                continue
            rows_ = self._store.read("SELECT destination, payload FROM message WHERE id=?", (message_id,))
            m = unknown[reference]
            same = not rows_ or (rows_[0][0] == m.destination and rows_[0][1] in (None, m.payload))
            found[reference] = (message_id, same)

    def add(self, message: Message) -> None:
        self._young[message.account, message.reference] = (message.id, _digest(message))

    def drop(self, message: Message) -> None:
        """The store refused the message: its reference is free again."""
        self._young.pop((message.account, message.reference), None)

    def flush(self, now_ms: int) -> None:
        """Called every few seconds: send what is young to the side table of the day."""
        if self._leaving or not self._young:
            return
        self._turn_day(now_ms)
        self._leaving, self._young = self._young, {}
        self._used = True
        number = self._store.number
        values = sorted(
            (number(account), reference, known[0]) for (account, reference), known in self._leaving.items()
        )
        newest = max(known[0] for known in self._leaving.values())
        statement = (rows.PUT_REFERENCE_0, rows.PUT_REFERENCE_1)[self._day % 2]
        done = self._store.write_many([(statement, values), (rows.PUT_META, [("indexed_to", str(newest))])])

        def durable(future: asyncio.Future[None]) -> None:
            if future.cancelled() or future.exception() is not None:
                self._leaving.update(self._young)
                self._young = dict(self._leaving)
            self._leaving = {}

        done.add_done_callback(durable)

    def _turn_day(self, now_ms: int) -> None:
        day = now_ms // DAY_MS
        if day > self._day:
            older = (rows.EMPTY_REFERENCE_0, rows.EMPTY_REFERENCE_1)[day % 2]
            self._day = day
            _ = self._store.write_many(
                [(older, [((1 << 63) - 1,)]), (rows.PUT_META, [("reference_day", str(day))])]
            )


def _digest(message: Message) -> int:
    return hash((message.destination, message.payload))
