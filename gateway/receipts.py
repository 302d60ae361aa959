"""Delivery receipts in: each finds its message, moves it, and is owed to the application in the same commit.

A receipt may outrun its submit_sm_resp, come twice, come on another bind or days late, or belong to nothing:
what matches nothing is stored as an orphan and tried again when the response arrives. A guess by another base
must be unique and agree with the handset's number; two candidates that both fit are left to an operator.
The network is told only when all of it is durable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from drivers.bearer import MessageState, NotStored, Receipt
from gateway.correlation import Correlation, Found
from gateway.ledger import Ledger
from gateway.lifecycle import FINAL, RECEIPT_CAUSE, Cause, State, can, verdict
from gateway.model import Change, Message, Note, NoteKind
from gateway.outbox import wants_receipt
from gateway.stores.store import Orphan

__all__ = ["Receipts"]

EARLY = 10_000
"""How many unmatched receipts are kept in memory for a submit_sm_resp that may still come."""

_PART_STATE = {
    Cause.DELIVER: State.DELIVERED,
    Cause.FAIL: State.UNDELIVERABLE,
    Cause.EXPIRE: State.EXPIRED,
    Cause.REJECT: State.REJECTED,
    Cause.DELETE: State.DELETED,
}
_MESSAGE_CAUSE = {state: cause for cause, state in _PART_STATE.items()}

Doubts = Callable[[str, str], Message | None]
"""Takes (bearer, recipient) and gives the doubtful message that this receipt must be about, if one waits."""


class Receipts:
    """See the module. corrections and duplicates are counted for the operators."""

    def __init__(self, ledger: Ledger, correlation: Correlation, doubts: Doubts) -> None:
        self._ledger = ledger
        self._store = ledger.store
        self._correlation = correlation
        self._doubts = doubts
        self._early: dict[str, Orphan] = {}
        self.duplicates = 0
        self.orphans = 0
        self.ambiguous = 0

    # ── in ───────────────────────────────────────────────────────────────────────────────────────────────
    def handle(self, bearer: str, receipts: Sequence[Receipt]) -> asyncio.Future[None]:
        """Match and settle a batch; the future is done when it is durable. Raises NotStored."""
        if self._store.sick:
            raise NotStored(self._store.sick)
        changes: list[Change] = []
        notes: list[Note] = []
        orphans: list[Orphan] = []
        now = self._ledger.clock.wall_ms()
        for receipt in receipts:
            found = self._find(bearer, receipt)
            if found is None:
                orphans.append(self._orphan(bearer, receipt, now))
            else:
                self._apply(found, bearer, receipt.state, receipt.final, receipt.code, now, changes, notes)
        if orphans:
            self.orphans += len(orphans)
            kept = self._store.keep_orphans(orphans)
            if not changes and not notes:
                return kept
        notes.extend(self._ledger.owe(changes))
        return self._ledger.settle(changes, notes)

    def accepted(self, bearer: str, key: str, message: Message, part: int, changes: list[Change]) -> None:
        """A response gave this id: a receipt that came before it is settled in the same batch of changes."""
        if not self._early:
            return
        orphan = self._early.pop(bearer + " " + key, None)
        if orphan is None:
            return
        for name in [name for name, other in self._early.items() if other is orphan]:
            del self._early[name]
        notes: list[Note] = []
        now = self._ledger.clock.wall_ms()
        self._apply(
            (message, part),
            bearer,
            MessageState(orphan.state),
            orphan.final,
            orphan.code,
            now,
            changes,
            notes,
        )
        if notes:
            _ = self._ledger.settle((), notes)
        _ = self._store.drop_orphans([orphan.id])

    def remember(self, orphan: Orphan, keys: Sequence[str]) -> None:
        """Keep an unmatched receipt at hand under all its ids; the oldest give way."""
        while len(self._early) >= EARLY:
            del self._early[next(iter(self._early))]
        for key in keys:
            self._early[orphan.bearer + " " + key] = orphan

    def rematch(self, orphan: Orphan, keys: Sequence[str]) -> bool:
        """Try an orphan again (an operator asked, or a restart); whether it found its message."""
        receipt = Receipt(
            orphan.carrier_id, keys, MessageState(orphan.state), orphan.final, orphan.recipient, orphan.code, 0.0,
            orphan.raw,
        )  # fmt: skip
        found = self._find(orphan.bearer, receipt)
        if found is None:
            return False
        changes: list[Change] = []
        notes: list[Note] = []
        now = self._ledger.clock.wall_ms()
        self._apply(found, orphan.bearer, receipt.state, receipt.final, receipt.code, now, changes, notes)
        notes.extend(self._ledger.owe(changes))
        if changes or notes:
            _ = self._ledger.settle(changes, notes)
        _ = self._store.drop_orphans([orphan.id])
        return True

    # ── which message ────────────────────────────────────────────────────────────────────────────────────
    def _find(self, bearer: str, receipt: Receipt) -> Found | None:
        keys = receipt.keys
        for index, key in enumerate(keys):
            found = self._correlation.find(bearer, key)
            if found is not None and (index == 0 or same_number(found[0].destination, receipt.recipient)):
                receipt.matched = index
                return found
        if keys:
            found = self._find_stored(bearer, receipt)
            if found is not None:
                return found
        doubtful = self._doubts(bearer, receipt.recipient)
        if doubtful is not None:
            doubtful.carrier_id = doubtful.carrier_id or receipt.carrier_id
            return doubtful, -1
        return None

    def _find_stored(self, bearer: str, receipt: Receipt) -> Found | None:
        stored = self._store.match(bearer, receipt.keys)
        fitting = [pair for pair in stored if same_number(pair[0].destination, receipt.recipient)] or (
            stored if len(receipt.keys) == 1 else []
        )
        if len(fitting) != 1:
            self.ambiguous += len(fitting) > 1
            return None
        message, part = fitting[0]
        if part >= 0:
            message = self._correlation.the_one(bearer, message)
        carrier_id = message.part_states[part].carrier_id if message.part_states else message.carrier_id
        receipt.matched = next(
            (i for i, key in enumerate(receipt.keys) if key == carrier_id.lower().lstrip("0x")), 0
        )
        self._correlation.add(bearer, receipt.keys[receipt.matched], message, part)
        return message, part

    def _orphan(self, bearer: str, receipt: Receipt, now: int) -> Orphan:
        orphan = Orphan(
            self._ledger.ids.take(1, now)[0], bearer, receipt.carrier_id, receipt.recipient, int(receipt.state),
            receipt.final, receipt.code, now, receipt.raw,
        )  # fmt: skip
        self.remember(orphan, receipt.keys)
        return orphan

    # ── what it does ─────────────────────────────────────────────────────────────────────────────────────
    def _apply(
        self,
        found: Found,
        bearer: str,
        state: MessageState,
        final: bool,
        code: str,
        now: int,
        changes: list[Change],
        notes: list[Note],
    ) -> None:
        message, part = found
        if not final:
            self._intermediate(message, state, code, now, notes)
            return
        cause = RECEIPT_CAUSE[state]
        if part >= 0 and message.part_states is not None:
            whole = self._part(message, part, cause, code, now)
            if whole is None:
                return
            cause = whole
        elif message.state in FINAL and message.state is not State.UNKNOWN:
            self.duplicates += 1
            return
        if can(message.state, cause):
            message.bearer = message.bearer or bearer
            message.error = "" if code.strip("0") == "" else code
            message.done_at = now
            message.reason = "receipt"
            changes.append(message.advance(cause))

    def _part(self, message: Message, index: int, cause: Cause, code: str, now: int) -> Cause | None:
        """One part's outcome; the cause for the whole message when this part settles it."""
        assert message.part_states is not None
        part = message.part_states[index]
        if part.state in FINAL and part.state is not State.UNKNOWN:
            self.duplicates += 1
            return None
        part.state = _PART_STATE[cause]
        part.done_at = now
        part.error = code
        _ = self._store.part(message, index)
        whole = verdict(part.state for part in message.part_states)
        if whole is None or message.state in FINAL - {State.UNKNOWN}:
            return None
        return _MESSAGE_CAUSE.get(whole)

    def _intermediate(
        self, message: Message, state: MessageState, code: str, now: int, notes: list[Note]
    ) -> None:
        """A notice on the way changes nothing; it is passed on to who asked (registered_delivery 0x10)."""
        if message.state in FINAL or not wants_receipt(message.registered, State.ENROUTE):
            return
        seq = self._ledger.ids.take(1, now)[0]
        shown = State.ENROUTE if state is not MessageState.UNKNOWN else State.UNKNOWN
        notes.append(Note(seq, message.account, NoteKind.INTERMEDIATE, message, None, shown, code, now))


def same_number(ours: str, theirs: str) -> bool:
    """Whether two addresses can be the same handset: carriers drop prefixes and write national forms."""
    if not theirs or ours == theirs:
        return True
    return len(theirs) >= 8 and ours[-8:] == theirs[-8:]
