"""Group commit: everything that was written in one turn of the loop is one transaction.

Self-clocked, no timer: a transaction begins when one before it is durable. A lone write waits for nobody; under load
a batch grows to what arrived while the disk was busy. Who carries a transaction out is scribe.py's affair.

One bad row answers its own sender and nobody else. When the disk fails, who asked is refused, what has happened
is kept, and the disk is tried again and again: whoever waits for it to be well need not write to find out.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from gateway.stores.scribe import Scribe
from gateway.stores.store import BadRow, StoreUnavailable
from gateway.stores.transactions import Verdict

__all__ = ["GroupWriter", "Unit"]

Row = tuple[Any, ...]

RETRY_AFTER = 0.5
"""Seconds between tries while the disk refuses: nothing else happens meanwhile, and space may come back."""

WORTH = 500
"""Rows for which a second transaction is begun while one is under way: each costs two processes some 100 µs."""

_CLOSED = "the store is closed"


class Unit:
    """One caller's batch: rows by statement, and the future that its caller waits for.

    insist: what it tells has already happened (a carrier accepted, a receipt came): when the disk fails it is
    kept and tried again until it is written, while a unit that only asks (a new message) fails at once.
    since: the loop's time at which it was written.
    apart: it needs a transaction that begins with it, since one orders rows by statement and not by unit.
    undo: called when it has failed for good, before the future's callbacks.
    """

    __slots__ = ("apart", "future", "insist", "rows", "since", "size", "undo")

    def __init__(self, future: asyncio.Future[None], insist: bool) -> None:
        self.future = future
        self.insist = insist
        self.apart = False
        self.since = 0.0
        self.undo: Callable[[], None] | None = None
        self.rows: list[tuple[int, Sequence[Row]]] = []
        self.size = 0

    def add(self, statement: int, rows: Sequence[Row]) -> None:
        if rows:
            self.rows.append((statement, rows))
            self.size += len(rows)


class GroupWriter:
    """The only writer of a SQLite file.

    mismatch: told of rows of guarded statements that did not change exactly one row.
    health: told "" when writing works again, else why it does not.
    """

    def __init__(
        self, scribe: Scribe, mismatch: Callable[[int, Row], None], health: Callable[[str], None]
    ) -> None:
        self._scribe = scribe
        self._mismatch = mismatch
        self._health = health
        self._pending: list[Unit] = []
        self._pending_rows = 0
        self._under_way: deque[list[Unit]] = deque()
        self._failed: list[Unit] = []
        self._emptying = False
        self._busy_since = 0.0
        self._armed = False
        self._sick = ""
        self._loop = asyncio.get_running_loop()
        self._checkpoints: deque[asyncio.Future[bool]] = deque()
        self._closing: asyncio.Future[None] | None = None
        self._closed = False
        self.begun = 0
        self.transactions = 0
        self.rows = 0
        self.last_commit = self._loop.time()

    # ── called by the store ──────────────────────────────────────────────────────────────────────────────
    def unit(self, insist: bool = True) -> Unit:
        return Unit(self._loop.create_future(), insist)

    @property
    def sick(self) -> str:
        """Why nothing can be written now; "" when all is well."""
        return self._sick

    def stuck(self, seconds: float) -> bool:
        """Whether one transaction or checkpoint has taken so long."""
        return self.busy and self._loop.time() - self._busy_since > seconds

    def behind(self, seconds: float) -> bool:
        """Whether anything was written so long ago and is not durable, nor has it failed."""
        for units in (self._failed, *self._under_way, self._pending):
            if units:
                return self._loop.time() - units[0].since > seconds
        return False

    @property
    def busy(self) -> bool:
        """Whether anything is under way."""
        return self._emptying or bool(self._under_way)

    def write(self, unit: Unit) -> asyncio.Future[None]:
        """Queue a unit for the next transaction; its future is done when it is durable, or has failed."""
        if self._closed:
            _refuse(unit, StoreUnavailable(_CLOSED))
            return unit.future
        unit.since = self._loop.time()
        self._pending.append(unit)
        self._pending_rows += unit.size
        self._arm()
        return unit.future

    async def flush(self) -> None:
        """Wait until everything written so far is durable and announced; what comes meanwhile is not waited for."""
        if self._pending or self._under_way:
            await self.write(self.unit())
        else:  # the last to have been written may stand before their futures' callbacks
            await asyncio.sleep(0)

    async def checkpoint(self) -> bool:
        """Empty the WAL into the file, between two transactions; whether a reader's snapshot was in the way.

        Raises StoreUnavailable when the disk refuses.
        """
        await self.flush()
        done: asyncio.Future[bool] = self._loop.create_future()
        if self._closed:
            raise StoreUnavailable(_CLOSED)
        self._checkpoints.append(done)
        self._arm()
        return await done

    async def close(self) -> None:
        """Write what is left. When the disk refuses even now, what insists has failed too."""
        if self._closed:
            return
        self._closing = self._loop.create_future()
        last = self.write(self.unit())
        last.add_done_callback(lambda _: self._closing_may_end())
        await self._closing
        self._closed = True
        left, self._pending = self._pending, []
        for unit in left:  # after this the last COMMIT, if any, answers its own units
            _refuse(unit, StoreUnavailable(self._sick or _CLOSED))
        for done in self._checkpoints:
            _fail_future(done, StoreUnavailable(_CLOSED))

    @property
    def backlog(self) -> int:
        """Units waiting for the next transaction."""
        return len(self._pending)

    # ── one transaction ──────────────────────────────────────────────────────────────────────────────────
    def _arm(self) -> None:
        if not self._armed and self._may_begin():
            self._armed = True
            self._loop.call_soon(self._begin)

    def _may_begin(self) -> bool:
        if self._emptying or self._closed:
            return False
        if not self._under_way:
            return True
        if self._sick or self._failed or self._checkpoints or self._pending_rows < WORTH:
            return False
        return len(self._under_way) < self._scribe.ahead

    def _begin(self) -> None:
        self._armed = False
        if not self._may_begin():
            return
        if self._checkpoints:
            self._emptying = True
            self._busy_since = self._loop.time()
            self._scribe.checkpoint(self._emptied)
            return
        units = self._take()
        if not units and not self._sick:
            return
        if not self._under_way:
            self._busy_since = self._loop.time()
        self.begun += 1
        self._under_way.append(units)
        self._scribe.write([unit.rows for unit in units], bool(self._sick), self._settled)

    def _take(self) -> list[Unit]:
        pending, most = self._pending, self._scribe.most_rows
        size = 0
        for index, unit in enumerate(pending):
            size += unit.size
            if index and (unit.apart or size > most):
                self._pending = pending[index:]
                self._pending_rows = sum(each.size for each in self._pending)
                return pending[:index]
        self._pending = []
        self._pending_rows = 0
        return pending

    def _settled(self, verdict: Verdict) -> None:
        """The oldest that is under way is answered."""
        units = self._under_way.popleft()
        self._busy_since = self._loop.time()
        if verdict.refused:
            for place, why in verdict.refused.items():
                _refuse(units[place], BadRow(f"the store refused a row: {why}"))
            units = [unit for place, unit in enumerate(units) if place not in verdict.refused]
        if not verdict.why:
            self._durable(units, verdict)
        else:
            self._failed += units
            if not self._under_way:  # what was sent behind it has failed with it: all goes back, in order
                failed, self._failed = self._failed, []
                self._fail(failed, verdict.why)
        self._next()

    def _durable(self, units: Sequence[Unit], verdict: Verdict) -> None:
        for statement, row in verdict.unexpected:
            self._mismatch(statement, row)
        if units:
            self.transactions += 1
            self.rows += sum(unit.size for unit in units)
            self.last_commit = self._loop.time()
        if self._sick and (units or not verdict.refused):  # a probe is a batch of none
            self._sick = ""
            self._health("")
        for unit in units:
            if not unit.future.done():
                unit.future.set_result(None)

    def _emptied(self, why: str, in_the_way: bool) -> None:
        self._emptying = False
        done = self._checkpoints.popleft()
        if why:
            _fail_future(done, StoreUnavailable(why))
        elif not done.done():
            done.set_result(in_the_way)
        self._next()

    def _next(self) -> None:
        if self._armed or not self._may_begin():
            return
        if self._sick:
            self._armed = True
            self._loop.call_later(RETRY_AFTER, self._begin)
        elif self._pending or self._checkpoints:
            # Behind the callbacks that set_result has just queued: answers leave before the next batch begins.
            self._armed = True
            self._loop.call_soon(self._begin)

    def _closing_may_end(self) -> None:
        if self._closing is not None and not self._closing.done():
            self._closing.set_result(None)

    def _fail(self, units: Sequence[Unit], why: str) -> None:
        if why != self._sick:
            self._sick = why
            self._health(why)
        kept: list[Unit] = []
        for unit in [*units, *self._pending]:
            if unit.insist and not self._closed:
                kept.append(unit)
            else:
                _refuse(unit, StoreUnavailable(why))
        self._pending = kept
        self._pending_rows = sum(each.size for each in kept)
        self._closing_may_end()


def _refuse(unit: Unit, error: Exception) -> None:
    if unit.undo is not None:
        unit.undo()
    _fail_future(unit.future, error)


def _fail_future(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # fetched: a caller that only logs must not make asyncio complain
