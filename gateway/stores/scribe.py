"""Who carries out a transaction: here in the loop with COMMIT in a thread, or a process of its own (clerk.py).

Both answer in the loop, in the order in which they were asked.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Protocol

from gateway.stores.transactions import Lines, Transactions, Verdict

__all__ = ["LoopScribe", "Scribe"]


class Scribe(Protocol):
    """Carries out transactions and checkpoints, one after the other.

    most_rows: of one transaction, unless one unit has more. ahead: how many may be asked for before the first is
    answered. When that one fails for the disk's sake, those behind it do too, and nothing of them is done.
    """

    @property
    def most_rows(self) -> int: ...

    @property
    def ahead(self) -> int: ...

    def write(self, batch: Sequence[Lines], probe: bool, told: Callable[[Verdict], None]) -> None:
        """One transaction of these units; `told` is called in the loop, perhaps before this returns."""
        ...

    def checkpoint(self, told: Callable[[str, bool], None]) -> None:
        """Empty the WAL, when nothing is under way; `told` hears why it failed, and whether a reader was in the way."""
        ...

    async def close(self) -> None:
        """Let go of the file, when the last has been told."""
        ...


class LoopScribe:
    """Statements in the loop; COMMIT, which writes and syncs without the GIL, in one thread.

    Measured: executemany in a thread beside a busy loop is 22 times slower (it takes the GIL at every row).
    """

    ahead = 1
    most_rows = 2_000  # at 2 to 5 µs a row the loop is held for at most some 10 ms

    def __init__(self, transactions: Transactions, busy_ms: int) -> None:
        self._transactions = transactions
        self._busy_ms = busy_ms
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="chappe-commit", daemon=True)
        self._thread.start()

    def write(self, batch: Sequence[Lines], probe: bool, told: Callable[[Verdict], None]) -> None:
        verdict = self._transactions.perform(batch, probe)
        if verdict.why or not self._transactions.open:
            told(verdict)
            return

        def commit() -> None:
            self._transactions.commit(verdict)
            self._loop.call_soon_threadsafe(told, verdict)

        self._jobs.put(commit)

    def checkpoint(self, told: Callable[[str, bool], None]) -> None:
        def empty() -> None:
            self._loop.call_soon_threadsafe(told, *self._transactions.checkpoint(self._busy_ms))

        self._jobs.put(empty)

    async def close(self) -> None:
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._transactions.close)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
