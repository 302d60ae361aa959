"""Opt-outs on disk: what holds now by scope and number, and every act that made it so, as proof.

A number is known by its digest under a key that lies beside the store and not in it: when the number itself is
erased, the digest goes on protecting its owner. Whoever loses the key loses that protection, so a store that has
opt-outs does not start with another key.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gateway.model import Kind
from gateway.stores import rows
from gateway.stores.sqlite import SqliteStore
from gateway.stores.store import Batches, StoreError

__all__ = ["ACTIVE", "REVIEW", "WITHDRAWN", "Act", "OptOutTable", "load_key"]

WITHDRAWN, ACTIVE, REVIEW = 0, 1, 2
PAGE = 5_000
"""Of what is read behind open doors: some 5 ms."""
RECENT = 20_000
"""How many messages back the last writer of a number is looked for: a SIM sends fewer in a month."""
KEY_OCTETS = 32
_SCOPES = (  # from each to the next by the key: DISTINCT would read them all
    "WITH RECURSIVE each(scope) AS (SELECT min(scope) FROM optout UNION ALL"
    " SELECT (SELECT min(scope) FROM optout WHERE scope > each.scope) FROM each WHERE each.scope IS NOT NULL)"
    " SELECT scope FROM each"
)


class Act:
    """One thing that happened to a number in a scope. act: stop, start, review, add, remove, import.

    key: the number's digest, signed 64 bits. source: "mo:36180", or who did it. evidence: the rule that matched,
    or the operator's words. mo, raw: the reply, 0 and "" when there was none. until: the end of a review.
    confirmed: when a confirmation was sent for it, or 0. Times are Unix ms.
    """

    __slots__ = (
        "act", "at", "confirmed", "evidence", "key", "mo", "number", "raw", "scope", "source", "until",
    )  # fmt: skip

    def __init__(
        self, act: str, scope: str, number: str, key: int, at: int, source: str, evidence: str,
        mo: int = 0, raw: str = "", until: int = 0, confirmed: int = 0,
    ) -> None:  # fmt: skip
        self.act = act
        self.scope = scope
        self.number = number
        self.key = key
        self.at = at
        self.source = source
        self.evidence = evidence
        self.mo = mo
        self.raw = raw
        self.until = until
        self.confirmed = confirmed

    @property
    def state(self) -> int:
        if self.act == "review":
            return REVIEW
        return WITHDRAWN if self.act in ("start", "remove") else ACTIVE


def load_key(path: Path, in_use: bool) -> bytes:
    """The key of the digests; made at the first start, mode 0600. Raises StoreError.

    in_use: the store has digests already, so that a new key would leave them without meaning.
    """
    try:
        if not path.exists() and not in_use:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as out:
                out.write(os.urandom(KEY_OCTETS))
                out.flush()
                os.fsync(out.fileno())
        key = path.read_bytes()
    except OSError as error:
        lost = (
            " The opt-outs of the store are digests under this key: put it back from a backup"
            if in_use
            else ""
        )
        raise StoreError(
            f"{path}: the key of the opt-outs can't be read ({error.strerror}).{lost}"
        ) from error
    if len(key) != KEY_OCTETS:
        raise StoreError(
            f"{path}: a key has {KEY_OCTETS} octets, this file {len(key)}: put the right one back from a backup"
        )
    return key


class OptOutTable:
    """See the module. in_use: whether the store has any digest, withdrawn ones too."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    @property
    def in_use(self) -> bool:
        tables = ("optout", "suppressed", "consent")
        return any(self._store.read(f"SELECT 1 FROM {table} LIMIT 1") for table in tables)

    def key_of(self, path: Path) -> bytes:
        """The key in this file, which is the one that the digests were made with. Raises StoreError."""
        key = load_key(path, self.in_use)
        mark = hashlib.blake2b(b"the key of the opt-outs", key=key, digest_size=8).hexdigest()
        known = self._store.meta("optout_key")
        if known and known != mark and self.in_use:
            raise StoreError(
                f"{path} (store.hmac_key_file) is not the key with which this store's opt-outs were made, so none of"
                " them would be found: put the file back that belongs to the store"
            )
        if known != mark:
            _ = self._store.put_meta("optout_key", mark)
        return key

    # ── at start ─────────────────────────────────────────────────────────────────────────────────────────
    def active(self) -> Iterator[tuple[str, list[int]]]:
        """All that hold, as (scope, digests), page by page."""
        scopes = [row[0] for row in self._store.read(_SCOPES) if row[0] is not None]
        sql = "SELECT key FROM optout WHERE scope=? AND state=1 AND key>? ORDER BY key LIMIT ?"
        for scope in scopes:
            after = -(2**63)
            while page := [row[0] for row in self._store.read(sql, (scope, after, PAGE))]:
                yield self._store.name(scope), page
                after = page[-1]

    def holds(self, scope: str, key: int) -> bool:
        """Whether this objection holds: one look-up."""
        sql = "SELECT 1 FROM optout WHERE scope=? AND key=? AND state=1"
        return bool(self._store.read(sql, (self._store.number(scope), key)))

    def reviews(self, now_ms: int) -> list[tuple[int, int]]:
        """(digest, until) of the doubtful replies that still hold marketing back."""
        sql = "SELECT key, until FROM optout WHERE state=2 AND until>?"
        return [(row[0], row[1]) for row in self._store.read(sql, (now_ms,))]

    # ── what a reply asks ────────────────────────────────────────────────────────────────────────────────
    def confirmed_at(self, scope: str, key: int) -> int:
        """When this STOP was last confirmed, Unix ms; 0: never."""
        sql = "SELECT confirmed_at FROM optout WHERE scope=? AND key=?"
        found = self._store.read(sql, (self._store.number(scope), key))
        return int(found[0][0]) if found else 0

    def scopes_of(self, key: int, source: str) -> list[str]:
        """The scopes that this source ever gave this number."""
        sql = "SELECT DISTINCT scope FROM optout_act WHERE key=? AND source=?"
        return [self._store.name(row[0]) for row in self._store.read(sql, (key, source))]

    def last_writer(self, number: str) -> str:
        """The account whose message to this number is the newest of the last RECENT; "" when there is none."""
        sql = (
            "SELECT account FROM (SELECT id, account, destination FROM message ORDER BY id DESC LIMIT ?)"
            " WHERE destination=? ORDER BY id DESC LIMIT 1"
        )
        found = self._store.read(sql, (RECENT, number))
        return self._store.name(found[0][0]) if found else ""

    async def waiting(self, numbers: Sequence[str]) -> list[int]:
        """The marketing messages to these numbers (at most 500) that have not left."""
        marks = ",".join("?" * len(numbers))
        sql = (
            "SELECT m.id FROM backlog b JOIN message m ON m.id=b.id"
            f" WHERE b.kind={int(Kind.MARKETING)} AND m.destination IN ({marks})"
        )
        return [row[0] for row in await self._store.query(sql, numbers)]

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────────
    def batches(self, acts: Sequence[Act]) -> Batches:
        """The rows of these acts, in their order, for a write of one's own or beside a reply's."""
        if not acts:
            return ()
        number = self._store.number
        holds = [
            (
                number(a.scope), a.key, a.number or None, a.state, a.at, a.until, a.source, a.evidence, a.confirmed,
            )
            for a in acts
        ]  # fmt: skip
        proofs = [
            (a.at, a.act, number(a.scope), a.key, a.number or None, a.source, a.evidence, a.mo or None, a.raw or None)
            for a in acts
        ]  # fmt: skip
        return [(rows.PUT_OPTOUT, holds), (rows.INSERT_OPTOUT_ACT, proofs)]

    def write(self, acts: Sequence[Act]) -> asyncio.Future[None]:
        return self._store.write_many(self.batches(acts))

    # ── what operators see ───────────────────────────────────────────────────────────────────────────────
    async def page(
        self, scope: str, key: int | None, after: tuple[int, int], limit: int
    ) -> list[tuple[Any, ...]]:
        """What holds, in slices: (scope number, key, scope, number, state, at, until, source, evidence).

        scope "" is all, key None every number; after: the first two of the last row, (0, 0) at first.
        """
        sql = (
            "SELECT o.scope, o.key, n.text, o.number, o.state, o.at, o.until, o.source, o.evidence"
            " FROM optout o JOIN name n ON n.id=o.scope WHERE (o.scope, o.key) > (?, ?) AND o.state>0"
        )
        begin = after if after[0] else (0, -(2**63))
        arguments: list[Any] = [*begin]
        if scope:
            sql += " AND n.text=?"
            arguments.append(scope)
        if key is not None:
            sql += " AND o.key=?"
            arguments.append(key)
        return await self._store.query(f"{sql} ORDER BY o.scope, o.key LIMIT ?", [*arguments, limit])

    async def story(self, key: int) -> list[tuple[Any, ...]]:
        """All acts of one number, oldest first: (at, act, scope, number, source, evidence, raw)."""
        sql = (
            "SELECT a.at, a.act, n.text, a.number, a.source, a.evidence, a.raw FROM optout_act a"
            " JOIN name n ON n.id=a.scope WHERE a.key=? ORDER BY a.id"
        )
        return await self._store.query(sql, (key,))

    async def counts(self) -> dict[str, int]:
        """How many hold, by scope."""
        sql = "SELECT n.text, count(*) FROM optout o JOIN name n ON n.id=o.scope WHERE o.state=1 GROUP BY o.scope"
        return dict(await self._store.query(sql))
