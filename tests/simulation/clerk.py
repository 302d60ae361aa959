"""The process that writes the store, as a lane of virtual time: two transactions may be under way (stores/apart.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.stores.scribe import LoopScribe
from gateway.stores.transactions import Lines, Verdict

__all__ = ["Clerk"]


class Clerk(LoopScribe):
    """Statements and COMMIT are one moment, later; a disk that refuses one halts what was sent behind it."""

    ahead = 2
    most_rows = 10_000
    _under_way = 0

    def write(self, batch: Sequence[Lines], probe: bool, told: Callable[[Verdict], None]) -> None:
        follows = self._under_way > 0
        self._under_way += 1

        def carry_out() -> None:
            self._loop.call_soon_threadsafe(answer, self._transactions.carry_out(batch, probe, follows, ""))

        def answer(verdict: Verdict) -> None:
            self._under_way -= 1
            told(verdict)

        self._jobs.put(carry_out)
