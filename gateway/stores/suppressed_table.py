"""Suppressed numbers on disk: one row a number, with the newest receipt that called it unknown as evidence."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from gateway.stores import rows
from gateway.stores.sqlite import SqliteStore

__all__ = ["FOR_EVER", "Strike", "SuppressedTable"]

PAGE = 5_000
"""Of what is read behind open doors: some 5 ms."""
FOR_EVER = 2**62
"""A time that never comes, for what is dropped whatever its own times say."""


class Strike:
    """One reason to send a number no marketing. key: its digest, signed 64 bits. at, until: Unix ms.

    strikes: 1 for a receipt, whose bearer, code and message are the evidence; 0 for an operator's word. source:
    "receipt", or who did it.
    """

    __slots__ = ("at", "bearer", "code", "key", "message", "number", "reason", "source", "strikes", "until")

    def __init__(
        self, key: int, number: str, at: int, until: int, strikes: int, reason: str, source: str,
        bearer: str = "", code: str = "", message: int = 0,
    ) -> None:  # fmt: skip
        self.key = key
        self.number = number
        self.at = at
        self.until = until
        self.strikes = strikes
        self.reason = reason
        self.source = source
        self.bearer = bearer
        self.code = code
        self.message = message


class SuppressedTable:
    """See the module."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    # ── at start, and each second ────────────────────────────────────────────────────────────────────────
    def all(self) -> Iterator[list[tuple[int, int]]]:
        """(digest, strikes) of every number, page by page; strikes 0: an operator named it."""
        sql = "SELECT key, strikes FROM suppressed WHERE key>? ORDER BY key LIMIT ?"
        after = -(2**63)
        while page := self._store.read(sql, (after, PAGE)):
            yield [(row[0], row[1]) for row in page]
            after = page[-1][0]

    def strikes(self, key: int) -> int:
        """Of one number, -1 where nothing is known: one look-up."""
        found = self._store.read("SELECT strikes FROM suppressed WHERE key=?", (key,))
        return int(found[0][0]) if found else -1

    def first_end(self) -> int:
        """When the first of them is over, Unix ms; FOR_EVER when there is none."""
        found = self._store.read("SELECT min(until) FROM suppressed")[0][0]
        return FOR_EVER if found is None else int(found)

    def ended(self, now_ms: int, limit: int) -> list[int]:
        """Digests of those whose time is over."""
        sql = "SELECT key FROM suppressed WHERE until<=? ORDER BY until LIMIT ?"
        return [row[0] for row in self._store.read(sql, (now_ms, limit))]

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────────
    def write(self, strikes: Sequence[Strike]) -> asyncio.Future[None]:
        number = self._store.number
        values = [
            (
                s.key, s.number, s.at, s.at, s.until, s.strikes, s.reason, number(s.bearer) if s.bearer else None,
                s.code or None, s.message or None, s.source,
            )
            for s in strikes
        ]  # fmt: skip
        return self._store.write_rows(rows.PUT_SUPPRESSED, values)

    def drop(
        self, keys: Sequence[int], before: int = FOR_EVER, ended: int = FOR_EVER
    ) -> asyncio.Future[None]:
        """Forget these. before: unless a receipt called them unknown after this; ended: unless their time is longer."""
        return self._store.write_rows(rows.DELETE_SUPPRESSED, [(key, before, ended) for key in keys])

    # ── what operators see ───────────────────────────────────────────────────────────────────────────────
    async def page(self, key: int | None, after: int, limit: int) -> list[tuple[Any, ...]]:
        """(key, number, since, last, until, strikes, reason, bearer, code, message, source), by key behind `after`."""
        sql = (
            "SELECT s.key, s.number, s.since, s.last, s.until, s.strikes, s.reason, n.text, s.code, s.message, s.source"
            " FROM suppressed s LEFT JOIN name n ON n.id=s.bearer WHERE "
        )
        if key is not None:
            return await self._store.query(f"{sql} s.key=?", (key,))
        return await self._store.query(f"{sql} s.key>? ORDER BY s.key LIMIT ?", (after, limit))
