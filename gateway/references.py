"""Clients' references: the same account and reference within a day is the same message, not a second one.

The newest stand in memory and travel to a side table in sorted batches every few seconds; after a crash they
are read back from the messages themselves. With another recipient or text, a reference is refused, not reused.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from gateway.model import EPOCH_MS, Message

__all__ = ["References", "Table"]

HORIZON_MS = 86_400_000
SLICE = 2_000
"""References filed in one transaction."""

Known = tuple[int, str, bytes | None]
"""The message of a reference: its id, recipient and text (None once wiped)."""


class Table(Protocol):
    """Where references are filed (stores/reference_table.py)."""

    def unfiled(self) -> list[tuple[str, str, Known]]: ...

    def find(self, account: str, references: Sequence[str]) -> dict[str, Known]: ...

    def file(self, known: Sequence[tuple[str, str, int]], now_ms: int) -> asyncio.Future[None]: ...

    def none_left(self) -> None: ...


class References:
    """See the module. In memory: (account, reference) -> (id, digest of recipient and text)."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._young: dict[tuple[str, str], tuple[int, int]] = {}
        self._leaving: dict[tuple[str, str], tuple[int, int]] = {}
        self._filed: asyncio.Future[None] | None = None

    def load(self) -> None:
        """At start: those that had not been filed when the last process ended."""
        for account, reference, (message_id, destination, payload) in self._table.unfiled():
            self._young[account, reference] = (message_id, hash((destination, payload)))

    def find(self, account: str, messages: Sequence[Message], now_ms: int) -> dict[str, tuple[int, bool]]:
        """For those of the references that are known: (first message's id, whether it is the same message)."""
        found: dict[str, tuple[int, bool]] = {}
        unknown: dict[str, Message] = {}
        for m in messages:
            known = self._young.get((account, m.reference)) or self._leaving.get((account, m.reference))
            if known is None:
                unknown[m.reference] = m
            else:
                found[m.reference] = (known[0], known[1] in _digests(m))
        if unknown:
            for reference, (first, destination, payload) in self._table.find(account, list(unknown)).items():
                m = unknown[reference]
                found[reference] = (first, destination == m.destination and payload in (None, m.payload))
        oldest = (now_ms - HORIZON_MS - EPOCH_MS) << 22
        return {reference: hit for reference, hit in found.items() if hit[0] > oldest}

    def add(self, message: Message) -> None:
        self._young[message.account, message.reference] = (message.id, _digests(message)[0])

    def drop(self, message: Message) -> None:
        """The store refused the message: its reference is free again."""
        self._young.pop((message.account, message.reference), None)

    def flush(self, now_ms: int) -> None:
        """Called every few seconds: file what is young. It stays findable until that is durable."""
        if self._leaving:
            return
        if not self._young:
            self._table.none_left()
            return
        self._leaving, self._young = self._young, {}
        known = [(account, reference, hit[0]) for (account, reference), hit in self._leaving.items()]
        self._filed = asyncio.get_running_loop().create_future()
        self._file(deque(known), self._filed, now_ms)

    async def filed(self, now_ms: int) -> None:
        """Until all that is known now is filed, or could not be: then it is young again."""
        for _ in range(2):  # what is under way already, and what has come since
            self.flush(now_ms)
            if self._leaving and self._filed is not None:
                await self._filed

    def _file(self, left: deque[tuple[str, str, int]], all_done: asyncio.Future[None], now_ms: int) -> None:
        """Some, then the rest: in one piece those of five seconds would stop the loop for a tenth of a second."""
        some = [left.popleft() for _ in range(min(SLICE, len(left)))]

        def durable(future: asyncio.Future[None]) -> None:
            failed = future.cancelled() or future.exception() is not None
            if left and not failed:
                self._file(left, all_done, now_ms)
                return
            if failed:
                self._young = {**self._leaving, **self._young}
            self._leaving = {}
            if not all_done.done():
                all_done.set_result(None)

        self._table.file(some, now_ms).add_done_callback(durable)


def _digests(message: Message) -> tuple[int, int]:
    """Of recipient and text; and of the recipient alone, which is all that is left of a text once wiped."""
    return hash((message.destination, message.payload)), hash((message.destination, None))
