"""What operators hold: whole flows by tag, account, kind or route, until they release them. Kept in the store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

from gateway.model import KINDS, Kind
from gateway.stores.sqlite import SqliteStore
from gateway.stores.store import FlowKey

__all__ = ["Hold", "Holds"]

Hold = tuple[str, str, str, str]
"""(route, kind, account, tag); "" matches all."""


class Holds:
    """A held flow stays where it is: stored, counted, expiring by its validity."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._holds: set[Hold] = {tuple(h) for h in json.loads(store.meta("holds") or "[]")}

    def __iter__(self) -> Iterator[Hold]:
        return iter(sorted(self._holds))

    def matches(self, key: FlowKey) -> bool:
        if not self._holds:
            return False
        route, kind, _, account, tag = key
        mine = (route, Kind(kind).name.lower(), account, tag)
        return any(
            all(not want or want == have for want, have in zip(hold, mine, strict=True))
            for hold in self._holds
        )

    def add(self, hold: Hold) -> asyncio.Future[None]:
        """Raises ValueError for a kind that is none, or a hold of nothing in particular."""
        if not any(hold):
            raise ValueError("say what to hold: a tag, an account, a kind or a route")
        if hold[1] and hold[1] not in KINDS:
            raise ValueError(f"kind {hold[1]!r}: use {', '.join(KINDS)}")
        self._holds.add(hold)
        return self._save()

    def drop(self, hold: Hold) -> asyncio.Future[None] | None:
        """None when there was no such hold."""
        if hold not in self._holds:
            return None
        self._holds.discard(hold)
        return self._save()

    def _save(self) -> asyncio.Future[None]:
        return self._store.put_meta("holds", json.dumps(sorted(self._holds)))
