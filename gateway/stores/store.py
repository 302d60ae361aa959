"""The contract of a store: batches in, durable when the future is done; nobody above knows the engine.

A write begins when it is called and returns a future that is done when the batch is on disk (fsync). New
messages and replacements fail with StoreUnavailable when the disk does (the application is told to retry);
what has already happened (a carrier's answer, a receipt, an application's answer) waits until it is written.
BadRow: this row can never be written; the rest of the world goes on. All writes of one turn of the loop
share one transaction, in the order of the calls.
Reads marked `async` go another way and never hold up the writer; the few synchronous ones are point or range
look-ups of the hot path, in memory or one page away.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Collection, Sequence
from typing import Any, Protocol

from drivers.bearer import NotStored
from gateway.model import Change, Message, Mo, Note, Part

__all__ = [
    "BadRow",
    "Batches",
    "FlowKey",
    "Orphan",
    "Store",
    "StoreError",
    "StoreNewer",
    "StoreUnavailable",
    "StoredPart",
    "Waiting",
]


Batches = Sequence[tuple[int, Sequence[tuple[Any, ...]]]]
"""Rows by the number of their statement, for what shares the commit of something else."""


class StoreError(Exception):
    """Base of what a store may raise."""


class StoreUnavailable(StoreError, NotStored):
    """The store cannot write now. The text says why and what to do; the next batch tries again.

    To a driver that waits for its emit() it is NotStored: the network keeps what it told us.
    """


class BadRow(StoreError):
    """One row that the store refuses for good, found by halving its batch."""


class StoreNewer(StoreError):
    """The store was written by a newer program: exit 78 rather than damage it."""


FlowKey = tuple[str, int, int, str, str]
"""(route, kind, priority, account, tag): messages of one flow leave in order."""


StoredPart = tuple[int, str, str, str, int, bytes, bytes, int]
"""A part of a long reply: id, bearer, source, destination, data_coding, udh, payload, received_at (Unix ms)."""


class Waiting:
    """What stands in the stored backlog: how many, and when the first of a flow comes due (Unix ms)."""

    __slots__ = ("count", "first_due", "key")

    def __init__(self, key: FlowKey, count: int, first_due: int) -> None:
        self.key = key
        self.count = count
        self.first_due = first_due


class Orphan:
    """A receipt that matched nothing (yet)."""

    __slots__ = ("at", "bearer", "carrier_id", "code", "final", "id", "raw", "recipient", "state")

    def __init__(
        self,
        id: int,  # noqa: A002 - the field's word
        bearer: str,
        carrier_id: str,
        recipient: str,
        state: int,
        final: bool,
        code: str,
        at: int,
        raw: bytes,
    ) -> None:
        self.id = id
        self.bearer = bearer
        self.carrier_id = carrier_id
        self.recipient = recipient
        self.state = state
        self.final = final
        self.code = code
        self.at = at
        self.raw = raw


class Store(Protocol):
    """See the module's docstring. `backlog` arguments: messages that must be found again by their flow."""

    @property
    def sick(self) -> str:
        """Why nothing can be written now; "" when all is well."""

    @property
    def begun(self) -> int:
        """How many transactions have begun; what is written now will be in one that has not."""

    # ── the path of a message ────────────────────────────────────────────────────────────────────────────
    def admit(self, messages: Sequence[Message]) -> Future[None]:
        """Insert new messages; those in a waiting state (QUEUED, SCHEDULED, HELD) enter the backlog too."""

    def apply(self, changes: Sequence[Change], notes: Sequence[Note] = ()) -> Future[None]:
        """Write changes of state, each guarded by the state it left, and what applications are owed for them.

        Entering or leaving a waiting state moves the backlog row; entering a final one wipes what retention
        says to wipe at once.
        """

    def part(self, message: Message, part: int) -> Future[None]:
        """Write the outcome so far of one part of a message of several."""

    def answered_late(self, answers: Sequence[tuple[Message, int, Part]]) -> Future[None]:
        """Write what a bearer said of a try that it was no longer waited for, beside the outcome: (message, index of
        the part or -1, what it said). A part that is UNKNOWN can be matched by its carrier_id, no other can.
        """

    def forget(self, notes: Sequence[Note]) -> Future[None]:
        """The application has answered: nothing is owed any more."""

    def deposit(
        self, mos: Sequence[Mo], notes: Sequence[Note], parts: Sequence[int] = (), more: Batches = ()
    ) -> Future[None]:
        """Store replies and the notes that carry them; drop the stored parts that they were joined from.

        more: what they mean (a STOP), durable with them or not at all.
        """

    def replace(self, message: Message) -> Future[None]:
        """Rewrite the text, times and registered_delivery of a waiting message (replace_sm)."""

    def keep_parts(self, parts: Sequence[StoredPart], more: Batches = ()) -> Future[None]:
        """Store parts of long replies until they are deposited whole; more as in deposit."""

    def kept_parts(self) -> list[StoredPart]:
        """At start."""

    # ── correlation ──────────────────────────────────────────────────────────────────────────────────────
    def match(self, bearer: str, keys: Sequence[str]) -> list[tuple[Message, int]]:
        """Messages that await a receipt from this bearer under one of these canonical ids, and the index of
        the part that it is for (-1: the message has one segment). Synchronous.
        """

    def keep_orphans(self, orphans: Sequence[Orphan]) -> Future[None]: ...

    def claim_orphans(self, bearer: str, keys: Sequence[str]) -> list[Orphan]:
        """Orphans under these canonical ids, still in the store. Synchronous."""

    def drop_orphans(self, ids: Sequence[int]) -> Future[None]: ...

    def orphans_since(self, since_ms: int, limit: int) -> list[Orphan]:
        """The newest since then, in order; at start."""

    def sent_lately(self, numbers: Collection[str], limit: int) -> list[Message]:
        """Those of the newest `limit` messages that go to one of these numbers, with their parts; at start."""

    # ── the backlog ──────────────────────────────────────────────────────────────────────────────────────
    def waiting(self) -> list[Waiting]:
        """Every flow that has a backlog; at start."""

    def refill(self, key: FlowKey, after: tuple[int, int], now_ms: int, limit: int) -> list[Message]:
        """The next due messages of a flow behind (due, id), in order. Synchronous, one range.

        What is under way is left out: an entry that is written but not yet announced, a row that is about to
        leave. So nobody reads a message that somebody else has in hand.
        """

    def first_due(self, key: FlowKey, after: tuple[int, int]) -> int:
        """When the next message of this flow behind (due, id) comes due, Unix ms; -1 if there is none."""

    def in_doubt(self) -> list[Message]:
        """At start: the messages that were INFLIGHT when the last process died."""

    def states(self, ids: Sequence[int]) -> dict[int, int]:
        """The state of each message as it is durable now. Synchronous, a point look-up each."""

    def moving(self, ids: Sequence[int]) -> bool:
        """Whether one of these is entering or leaving the backlog and that is not durable yet."""

    # ── what applications are owed ───────────────────────────────────────────────────────────────────────
    def owed(self, account: str, after: int, limit: int) -> list[Note]:
        """The next notes of an account behind sequence `after`, in order. Synchronous, one range."""

    def owed_counts(self) -> dict[str, tuple[int, int]]:
        """By account: how many notes are owed, and the oldest one's time; at start."""

    # ── look-ups and reports (asynchronous, on a reader of their own) ─────────────────────────────────────
    async def get(self, ids: Sequence[int]) -> dict[int, Message]: ...

    def number(self, name: str) -> int:
        """The number under which rows hold this name (account, bearer, route)."""

    async def query(self, sql: str, arguments: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...

    # ── life ─────────────────────────────────────────────────────────────────────────────────────────────
    async def flush(self) -> None:
        """Wait until everything written so far is durable."""

    async def close(self) -> None: ...
