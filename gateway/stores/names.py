"""Names (accounts, bearers, routes) as small numbers, so that a row holds one byte instead of a word."""

from __future__ import annotations

import sqlite3
from asyncio import Future

from gateway.stores import rows
from gateway.stores.writer import Unit

__all__ = ["Names"]


class Names:
    """text ↔ number, for ever: a number is never given twice. A new name travels with the units that use it
    until one of them is durable, so that no row can name what is not there.
    """

    __slots__ = ("_fresh", "_numbers", "_texts")

    def __init__(self, db: sqlite3.Connection) -> None:
        self._texts: dict[int, str] = dict(db.execute("SELECT id, text FROM name"))
        self._numbers = {text: number for number, text in self._texts.items()}
        self._fresh: dict[str, int] = {}

    def number(self, text: str) -> int:
        found = self._numbers.get(text)
        if found is None:
            found = len(self._numbers) + 1
            self._numbers[text] = found
            self._texts[found] = text
            self._fresh[text] = found
        return found

    def text(self, number: int) -> str:
        return self._texts.get(number, f"#{number}")

    def enlist(self, unit: Unit) -> None:
        """Add the names that are not yet durable to this unit."""
        if not self._fresh:
            return
        travelling = dict(self._fresh)
        unit.add(rows.PUT_NAME, [(number, text) for text, number in travelling.items()])

        def settled(future: Future[None]) -> None:
            if not future.cancelled() and future.exception() is None:
                for text in travelling:
                    self._fresh.pop(text, None)

        unit.future.add_done_callback(settled)
