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

__all__ = ["Outbox", "Sink", "receipt_notes", "wants_receipt"]

HEAD = 2_000
CHUNK = 500

_DELIVERED, _ENROUTE = State.DELIVERED, State.ENROUTE  # an enum's members are slow to reach
_SUCCESS, _FAILURE = frozenset({1, 3}), frozenset({1, 2})


def wants_receipt(registered: int, state: State) -> bool:
    """SMPP 5.0 §4.7.21, bits 1-0: 1 success or failure, 2 failure only, 3 success only; 0x10 intermediate."""
    asked = registered & 3
    if state is _DELIVERED:
        return asked in _SUCCESS
    if state is _ENROUTE:
        return bool(registered & 0x10)
    return asked in _FAILURE


def receipt_notes(messages: Sequence[Message], ids: MessageIds, now_ms: int) -> list[Note]:
    """What applications are owed for messages in final states; nothing for one that asked for nothing."""
    asked = [m for m in messages if wants_receipt(m.registered, m.state)]
    receipt = NoteKind.RECEIPT
    return [
        Note(seq, m.account, receipt, m, None, m.state, m.error, now_ms)
        for seq, m in zip(ids.take(len(asked), now_ms), asked, strict=True)
    ]


class Sink(Protocol):
    """A bind that may carry notes."""

    def room(self) -> int:
        """How many notes it takes now."""

    def deliver(self, notes: Sequence[Note]) -> None:
        """At most room() of them; each comes back through Outbox.answered, .again, or .detach."""


class Box:
    """One account's line. ready: the head of it; stored: notes in the store behind cursor; out: those with a sink.

    oldest: when the note was made that was handed over last, or the first that nobody fetched.
    """

    __slots__ = ("cursor", "oldest", "out", "ready", "sinks", "stored", "turn")

    def __init__(self) -> None:
        self.ready: deque[Note] = deque()
        self.sinks: list[Sink] = []
        self.stored = 0
        self.out: dict[int, Note] = {}
        self.cursor = 0
        self.oldest = 0
        self.turn = 0

    @property
    def owed(self) -> int:
        """All that are unanswered."""
        return self.stored + len(self.ready) + len(self.out)


class Outbox:
    """See the module."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._boxes: dict[str, Box] = {}

    def load(self) -> None:
        """At start: how much each application is owed."""
        for account, (count, oldest) in self._store.owed_counts().items():
            box = self._box(account)
            box.stored = count
            box.oldest = oldest

    # ── in ───────────────────────────────────────────────────────────────────────────────────────────────
    def push(self, notes: Sequence[Note]) -> None:
        """Notes that are durable."""
        by_account: dict[str, list[Note]] = {}
        for note in notes:
            if note.account in by_account:
                by_account[note.account].append(note)
            else:
                by_account[note.account] = [note]
        for account, theirs in by_account.items():
            box = self._box(account)
            box.oldest = box.oldest or theirs[0].at
            if box.sinks and not box.stored and len(box.ready) + len(theirs) <= HEAD:  # nearly always
                box.ready.extend(theirs)
                box.cursor = max(box.cursor, *[note.seq for note in theirs])
            else:
                _line_up(box, theirs)
        for account in by_account:
            box = self._boxes[account]
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
            self._first_again(box, unanswered)
            self._pump(account, box)
        else:  # everything owed is in the store: read it from the beginning when somebody comes
            box.stored = box.owed
            box.cursor = 0
            box.ready.clear()
            box.out.clear()

    def pump(self, account: str) -> None:
        """A bind of this account has room again."""
        box = self._boxes.get(account)
        if box is not None:
            self._pump(account, box)

    def answered(self, account: str, notes: Sequence[Note]) -> None:
        """The application answered these: nothing is owed for them any more."""
        box = self._box(account)
        out = box.out
        strays = {note.seq for note in notes if out.pop(note.seq, None) is None}
        if strays:  # given back for want of an answer, which came after all
            box.ready = deque(note for note in box.ready if note.seq not in strays)
        if not box.owed:
            box.oldest = 0
        _ = self._store.forget(notes)
        self._pump(account, box)

    def again(self, account: str, notes: Sequence[Note]) -> None:
        """The application asked for these later (ESME_RX_T_APPN and the like)."""
        self._first_again(self._box(account), notes)

    def _first_again(self, box: Box, notes: Sequence[Note]) -> None:
        """Those that are still out: when the last bind went, the others have gone back to the store.

        One may be named twice: sent again for want of an answer, it got two in the same moment.
        """
        back = {note.seq: note for note in notes if box.out.get(note.seq) is note}
        for seq in back:
            del box.out[seq]
        box.ready.extendleft(sorted(back.values(), key=_seq, reverse=True))

    def alone(self, account: str, sink: Sink) -> bool:
        """Whether nobody else carries this account's notes now."""
        box = self._boxes.get(account)
        return box is not None and all(other is sink for other in box.sinks)

    def counts(self) -> dict[str, tuple[int, int]]:
        """By account: how many notes are owed, and about since when (Unix ms)."""
        return {account: (box.owed, box.oldest) for account, box in self._boxes.items() if box.owed}

    def dropped(self, account: str, count: int) -> None:
        """Retention dropped the oldest notes of this account from the store."""
        box = self._box(account)
        box.stored -= min(box.stored, max(0, count - len(box.out) - len(box.ready)))

    def erase(self, number: str) -> None:
        """Its owner asked for it: what stands in memory tells no more of him than what the store has kept."""
        for box in self._boxes.values():
            for note in (*box.ready, *box.out.values()):
                m = note.message
                if m is not None and m.destination == number:
                    m.destination, m.payload, m.echo = "", b"", b""
                if note.mo is not None and note.mo.source == number:
                    note.mo = None

    def _pump(self, account: str, box: Box) -> None:
        for _ in range(len(box.sinks)):
            if not box.sinks or not (box.ready or box.stored):
                return
            box.turn = (box.turn + 1) % len(box.sinks)
            sink = box.sinks[box.turn]
            room = sink.room()
            if room <= 0:
                continue
            ready = box.ready
            if len(ready) < room and box.stored:
                self._refill(account, box)
            if room >= len(ready):
                batch = list(ready)
                ready.clear()
            else:
                batch = [ready.popleft() for _ in range(room)]
            if batch:
                box.out.update({note.seq: note for note in batch})
                box.oldest = batch[0].at
                sink.deliver(batch)

    def _refill(self, account: str, box: Box) -> None:
        """Never more than was pushed or loaded: what is durable beyond that is still on its way here."""
        limit = min(CHUNK, box.stored)
        found = self._store.owed(account, box.cursor, limit)
        if found:
            box.cursor = found[-1].seq
            box.ready.extend(found)
        box.stored = box.stored - len(found) if len(found) == limit else 0

    def _box(self, account: str) -> Box:
        box = self._boxes.get(account)
        if box is None:
            box = self._boxes[account] = Box()
        return box


def _line_up(box: Box, notes: Sequence[Note]) -> None:
    """As many as its head holds; the rest is read from the store when its turn comes."""
    for note in notes:
        first = not box.stored and len(box.ready) < HEAD
        if box.sinks and (first or note.seq <= box.cursor):  # behind the cursor nobody would read it
            box.ready.append(note)
            box.cursor = max(box.cursor, note.seq)
        else:
            box.stored += 1


def _seq(note: Note) -> int:
    return note.seq
