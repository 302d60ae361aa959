"""Receipts and replies on their way to an application, kept in the store until it answers.

Any bind of the account may carry them; each bind has a window, and what it leaves unanswered goes to the
next one. In memory stands a bounded head of each account's line; an application that is away costs a counter.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from gateway.lifecycle import State
from gateway.model import Message, MessageIds, Note, NoteKind
from gateway.stores.store import Store

__all__ = ["Outbox", "Sink", "receipt_note", "wants_receipt"]

HEAD = 2_000
CHUNK = 500

_SUCCESS, _FAILURE = frozenset({1, 3}), frozenset({1, 2})


def wants_receipt(registered: int, state: State) -> bool:
    """SMPP 5.0 §4.7.21, bits 1-0: 1 success or failure, 2 failure only, 3 success only; 0x10 intermediate."""
    asked = registered & 3
    if state is State.DELIVERED:
        return asked in _SUCCESS
    if state is State.ENROUTE:
        return bool(registered & 0x10)
    return asked in _FAILURE


def receipt_note(message: Message, ids: MessageIds, now_ms: int) -> Note | None:
    """What the application is owed for a message in a final state; None if it asked for nothing."""
    if not wants_receipt(message.registered, message.state):
        return None
    seq = ids.take(1, now_ms)[0]
    return Note(seq, message.account, NoteKind.RECEIPT, message, None, message.state, message.error, now_ms)


class Sink(Protocol):
    """A bind that may carry notes."""

    def room(self) -> int:
        """How many notes it takes now."""

    def deliver(self, notes: Sequence[Note]) -> None:
        """At most room() of them; each comes back through Outbox.answered, .again, or .detach."""


class Box:
    """One account's line. stored: notes in the store behind cursor; owed: all that are unanswered."""

    __slots__ = ("cursor", "oldest", "owed", "ready", "sinks", "stored", "turn")

    def __init__(self) -> None:
        self.ready: deque[Note] = deque()
        self.sinks: list[Sink] = []
        self.stored = 0
        self.cursor = 0
        self.owed = 0
        self.oldest = 0
        self.turn = 0


class Outbox:
    """See the module."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._boxes: dict[str, Box] = {}

    def load(self) -> None:
        """At start: how much each application is owed."""
        for account, (count, oldest) in self._store.owed_counts().items():
            box = self._box(account)
            box.stored = box.owed = count
            box.oldest = oldest

    # ── in ───────────────────────────────────────────────────────────────────────────────────────────────
    def push(self, notes: Sequence[Note]) -> None:
        """Notes that are durable."""
        touched: dict[str, Box] = {}
        for note in notes:
            box = touched.get(note.account)
            if box is None:
                box = touched[note.account] = self._box(note.account)
            box.owed += 1
            box.oldest = box.oldest or note.at
            if box.sinks and not box.stored and len(box.ready) < HEAD:
                box.ready.append(note)
                box.cursor = note.seq
            else:
                box.stored += 1
        for account, box in touched.items():
            if box.sinks:
                self._pump(account, box)

    # ── out ──────────────────────────────────────────────────────────────────────────────────────────────
    def attach(self, account: str, sink: Sink) -> None:
        """A receiver or transceiver bind of this account is there."""
        box = self._box(account)
        box.sinks.append(sink)
        self._pump(account, box)

    def detach(self, account: str, sink: Sink, unanswered: Sequence[Note]) -> None:
        """The bind is gone; what it did not answer goes first on the next one."""
        box = self._box(account)
        if sink in box.sinks:
            box.sinks.remove(sink)
        if box.sinks:
            box.ready.extendleft(sorted(unanswered, key=_seq, reverse=True))
            self._pump(account, box)
        else:  # everything owed is in the store: read it from the beginning when somebody comes
            box.ready.clear()
            box.cursor = 0
            box.stored = box.owed

    def pump(self, account: str) -> None:
        """A bind of this account has room again."""
        box = self._boxes.get(account)
        if box is not None and box.sinks and (box.ready or box.stored):
            self._pump(account, box)

    def answered(self, account: str, notes: Sequence[Note]) -> None:
        """The application answered these: nothing is owed for them any more."""
        box = self._box(account)
        box.owed = max(0, box.owed - len(notes))
        if not box.owed:
            box.oldest = 0
        _ = self._store.forget(notes)
        if box.ready or box.stored:
            self._pump(account, box)

    def again(self, account: str, notes: Sequence[Note]) -> None:
        """The application asked for these later (ESME_RX_T_APPN and the like)."""
        self._box(account).ready.extendleft(sorted(notes, key=_seq, reverse=True))

    def counts(self) -> dict[str, tuple[int, int]]:
        """By account: how many notes are owed, and since when (Unix ms)."""
        return {account: (box.owed, box.oldest) for account, box in self._boxes.items() if box.owed}

    def dropped(self, account: str, count: int) -> None:
        """Retention dropped the oldest notes of this account from the store."""
        box = self._box(account)
        box.owed = max(0, box.owed - count)
        box.stored = max(0, box.stored - count)

    def _pump(self, account: str, box: Box) -> None:
        sinks = box.sinks
        for _ in range(len(sinks)):
            box.turn = (box.turn + 1) % len(sinks)
            sink = sinks[box.turn]
            room = sink.room()
            if room <= 0:
                continue
            if not box.ready and box.stored:
                self._refill(account, box)
            ready = box.ready
            if not ready:
                return
            if room >= len(ready):
                batch = list(ready)
                ready.clear()
            else:
                batch = [ready.popleft() for _ in range(room)]
            sink.deliver(batch)

    def _refill(self, account: str, box: Box) -> None:
        found = self._store.owed(account, box.cursor, CHUNK)
        if found:
            box.cursor = found[-1].seq
            box.ready.extend(found)
        box.stored = max(0, box.stored - len(found)) if len(found) == CHUNK else 0

    def _box(self, account: str) -> Box:
        box = self._boxes.get(account)
        if box is None:
            box = self._boxes[account] = Box()
        return box


def _seq(note: Note) -> int:
    return note.seq
