"""Proofs of consent on disk: what holds now by scope and number, and every proof and withdrawal in its order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from gateway.stores import rows
from gateway.stores.sqlite import SqliteStore

__all__ = ["GIVEN", "REVOKED", "ConsentAct", "ConsentTable"]

REVOKED, GIVEN = 0, 1
PAGE = 5_000
"""Of what is read behind open doors: some 5 ms."""
_SCOPES = (  # from each to the next by the key: DISTINCT would read them all
    "WITH RECURSIVE each(scope) AS (SELECT min(scope) FROM consent UNION ALL"
    " SELECT (SELECT min(scope) FROM consent WHERE scope > each.scope) FROM each WHERE each.scope IS NOT NULL)"
    " SELECT scope FROM each"
)


class ConsentAct:
    """One thing that happened. act: add, import, revoke, erase. at: when it was given or withdrawn, Unix ms.

    number: "" where one proof (its reference) stands for many numbers; then key is the reference's digest.
    source: where it was given, or why it was withdrawn. text: what the person was shown.
    """

    __slots__ = ("act", "at", "key", "number", "reference", "scope", "source", "text", "who")

    def __init__(
        self, act: str, scope: str, key: int, number: str, at: int, reference: str, source: str, text: str,
        who: str,
    ) -> None:  # fmt: skip
        self.act = act
        self.scope = scope
        self.key = key
        self.number = number
        self.at = at
        self.reference = reference
        self.source = source
        self.text = text
        self.who = who

    @property
    def state(self) -> int:
        return GIVEN if self.act in ("add", "import") else REVOKED


class ConsentTable:
    """See the module."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    # ── at start ─────────────────────────────────────────────────────────────────────────────────────────
    def all(self) -> Iterator[tuple[str, int, list[int]]]:
        """(scope, state, digests) of all that is kept, page by page."""
        scopes = [row[0] for row in self._store.read(_SCOPES) if row[0] is not None]
        sql = "SELECT key FROM consent WHERE scope=? AND state=? AND key>? ORDER BY key LIMIT ?"
        for scope in scopes:
            for state in (GIVEN, REVOKED):
                after = -(2**63)
                while page := [row[0] for row in self._store.read(sql, (scope, state, after, PAGE))]:
                    yield self._store.name(scope), state, page
                    after = page[-1]

    def same(self, scope: str, key: int, reference: str, at: int) -> bool:
        """Whether exactly this proof is the one that holds."""
        sql = "SELECT 1 FROM consent WHERE scope=? AND key=? AND state=1 AND reference IS ? AND at=?"
        return bool(self._store.read(sql, (self._store.number(scope), key, reference or None, at)))

    def state(self, scope: str, key: int) -> int | None:
        """GIVEN, REVOKED, or None where nothing is kept."""
        sql = "SELECT state FROM consent WHERE scope=? AND key=?"
        found = self._store.read(sql, (self._store.number(scope), key))
        return found[0][0] if found else None

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────────
    def write(self, acts: Sequence[ConsentAct], now_ms: int) -> asyncio.Future[None]:
        number = self._store.number
        holds = [
            (number(a.scope), a.key, a.number, a.state, a.at, a.reference or None, a.source) for a in acts
        ]
        proofs = [
            (
                now_ms, a.at, a.act, number(a.scope), a.key, a.number, a.reference or None, a.source, a.text or None,
                a.who,
            )
            for a in acts
        ]  # fmt: skip
        return self._store.write_many([(rows.PUT_CONSENT, holds), (rows.INSERT_CONSENT_ACT, proofs)])

    # ── what operators see ───────────────────────────────────────────────────────────────────────────────
    async def page(
        self, scope: str, key: int | None, after: tuple[int, int], limit: int
    ) -> list[tuple[Any, ...]]:
        """In slices: (scope number, key, scope, number, state, at, reference, source, text).

        scope "" is all, key None every number; after: the first two of the last row, (0, 0) at first.
        """
        sql = (
            "SELECT c.scope, c.key, n.text, c.number, c.state, c.at, c.reference, c.source,"
            " (SELECT a.text FROM consent_act a WHERE a.key=c.key AND a.scope=c.scope ORDER BY a.id DESC LIMIT 1)"
            " FROM consent c JOIN name n ON n.id=c.scope WHERE (c.scope, c.key) > (?, ?)"
        )
        arguments: list[Any] = [*(after if after[0] else (0, -(2**63)))]
        if scope:
            sql += " AND n.text=?"
            arguments.append(scope)
        if key is not None:
            sql += " AND c.key=?"
            arguments.append(key)
        return await self._store.query(f"{sql} ORDER BY c.scope, c.key LIMIT ?", [*arguments, limit])

    async def story(self, key: int) -> list[tuple[Any, ...]]:
        """All acts of one number, oldest first: (noted_at, at, act, scope, reference, source, text, who)."""
        sql = (
            "SELECT a.noted_at, a.at, a.act, n.text, a.reference, a.source, a.text, a.who FROM consent_act a"
            " JOIN name n ON n.id=a.scope WHERE a.key=? ORDER BY a.id"
        )
        return await self._store.query(sql, (key,))

    async def counts(self) -> dict[str, int]:
        """How many hold, by scope."""
        sql = "SELECT n.text, count(*) FROM consent c JOIN name n ON n.id=c.scope WHERE c.state=1 GROUP BY c.scope"
        return dict(await self._store.query(sql))
