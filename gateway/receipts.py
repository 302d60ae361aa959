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
from gateway.correlation import Correlation, Found, key_of, settled
from gateway.ledger import Ledger
from gateway.lifecycle import FINAL, RECEIPT_CAUSE, WAITING, Cause, State, can, verdict
from gateway.model import Change, Message, Note, NoteKind
from gateway.outbox import wants_receipt
from gateway.stores.store import Orphan

__all__ = ["Receipts"]

EARLY = 10_000
"""How many unmatched receipts are kept in memory for a submit_sm_resp that may still come."""

REPEATED_MS = 3_600_000
"""Receipts of an hour before are read back too: what a carrier repeats is about none that came since."""

RECALLED = 50_000
"""How many of the newest messages are looked through at start for those to a number that is in doubt."""

_PART_STATE = {
    Cause.DELIVER: State.DELIVERED,
    Cause.FAIL: State.UNDELIVERABLE,
    Cause.EXPIRE: State.EXPIRED,
    Cause.REJECT: State.REJECTED,
    Cause.DELETE: State.DELETED,
    Cause.OVERDUE: State.UNKNOWN,
}
_UNKNOWN = State.UNKNOWN  # an enum's members are slow to reach
_MESSAGE_CAUSE = {state: cause for cause, state in _PART_STATE.items()}

Doubts = Callable[[str, str], Message | None]
"""Takes (bearer, recipient) and gives the doubtful message that this receipt must be about, if one waits."""


class _Early:
    """An unmatched receipt at hand. names: the keys under which it stands in memory. repeated: None until asked."""

    __slots__ = ("names", "number", "orphan", "repeated")

    def __init__(self, orphan: Orphan, names: list[str]) -> None:
        self.orphan = orphan
        self.names = names
        self.number = _numbered(orphan.bearer, orphan.recipient)
        self.repeated: bool | None = None


class Receipts:
    """See the module. corrections and duplicates are counted for the operators."""

    def __init__(self, ledger: Ledger, correlation: Correlation, doubts: Doubts) -> None:
        self._ledger = ledger
        self._store = ledger.store
        self._correlation = correlation
        self._doubts = doubts
        self._early: dict[str, list[_Early]] = {}
        self._early_by_number: dict[str, list[_Early]] = {}
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
        early = self._early.get(bearer + " " + key, ())
        fitting = [each for each in early if same_number(message.destination, each.orphan.recipient)]
        if not fitting:
            return
        notes: list[Note] = []
        now = self._ledger.clock.wall_ms()
        for each in fitting:
            self._forget(each)
            o = each.orphan
            self._apply(
                (message, part), bearer, MessageState(o.state), o.final, o.code, now, changes, notes
            )  # fmt: skip
        if notes:
            _ = self._ledger.settle((), notes)
        _ = self._store.drop_orphans([each.orphan.id for each in fitting])

    def remember(self, orphan: Orphan, keys: Sequence[str]) -> None:
        """Keep an unmatched receipt at hand under all its ids; the oldest give way."""
        while len(self._early) >= EARLY:
            self._forget(next(iter(self._early.values()))[0])
        early = _Early(orphan, [orphan.bearer + " " + key for key in keys])
        for name in early.names:
            self._early.setdefault(name, []).append(early)
        if early.names:
            self._early_by_number.setdefault(early.number, []).append(early)

    def _forget(self, early: _Early) -> None:
        for index, names in ((self._early, early.names), (self._early_by_number, [early.number])):
            for name in names:
                left = [each for each in index.get(name, ()) if each is not early]
                if left:
                    index[name] = left
                else:
                    index.pop(name, None)

    def heard_of(self, bearer: str, number: str, since_ms: int) -> list[tuple[str, str, int]]:
        """(carrier's id, key, state) of what this bearer has told of a number since then, nobody has claimed, and it
        has not told before: what it repeats is about an older message.
        """
        found: dict[str, tuple[str, str, int]] = {}
        before: set[str] = set()
        for early in self._early_by_number.get(_numbered(bearer, number), ()):
            key = early.names[0][len(bearer) + 1 :]
            if early.orphan.at < since_ms or self._is_repeated(early, bearer, key):
                before.add(key)
            else:
                found[key] = (early.orphan.carrier_id, key, early.orphan.state)
        return [told for key, told in found.items() if key not in before]

    def _is_repeated(self, early: _Early, bearer: str, key: str) -> bool:
        if early.repeated is None:  # once: doubts ask each second
            early.repeated = self._correlation.ended(bearer, [key]) is not None
        return early.repeated

    def _told_before(self, bearer: str, keys: Sequence[str], since_ms: int) -> bool:
        return any(
            early.orphan.at < since_ms for key in keys for early in self._early.get(bearer + " " + key, ())
        )

    def take(self, bearer: str, number: str, since_ms: int) -> None:
        """Match these again: a message that waits in doubt may claim them."""
        for early in tuple(self._early_by_number.get(_numbered(bearer, number), ())):
            keys = [name[len(bearer) + 1 :] for name in early.names]
            if early.orphan.at >= since_ms and self.rematch(early.orphan, keys):
                self._forget(early)

    def recall(self, doubtful: Sequence[Message], until: float) -> list[Message]:
        """At start: what the last process knew of the numbers of these messages, which were on the wire.

        The receipts that nobody had claimed; the ids of what was settled, as a carrier repeats what it had no
        answer to; and, given back, the messages that had ended in doubt themselves, or were tried more than once.
        """
        live = {
            m.id: m for m in doubtful
        }  # these objects, and no copies: else a text's parts are settled in two
        found = self._store.sent_lately({m.destination for m in doubtful}, RECALLED)
        sent = [live.get(m.id, m) for m in found]
        self._correlation.recall(settled(sent), until)
        since = min(m.submitted_at for m in doubtful) - REPEATED_MS
        for orphan in self._store.orphans_since(since, EARLY):
            key = key_of(orphan.carrier_id)
            if key and self._correlation.find(orphan.bearer, key) is None:
                self.remember(orphan, [key])
        return [m for m in sent if _tried_before(m) or _given_up(m)]

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
        rewritten: Found | None = None
        for index, key in enumerate(receipt.keys):
            found = self._correlation.find(bearer, key)
            if found is None:
                continue
            ours = found[0].destination
            if ours == receipt.recipient or same_number(ours, receipt.recipient):
                receipt.matched = index
                return found
            if index == 0:
                rewritten = found
        if rewritten is not None:  # as written, and no better guess: the number is in the carrier's form
            receipt.matched = 0
            return rewritten
        keys = receipt.keys
        found = self._find_stored(bearer, receipt) if keys else None
        if found is not None:
            return found
        doubtful = self._doubts(bearer, receipt.recipient)
        if doubtful is None or self._told_before(bearer, keys, doubtful.submitted_at):
            return None
        if not receipt.carrier_id and self._another_waits(bearer, doubtful):
            return None
        return self._claimed(doubtful, bearer, receipt)

    def _another_waits(self, bearer: str, doubtful: Message) -> bool:
        """Whether a receipt that names no id can be about what this bearer has accepted for the same number.

        A SIM's are so when the modem's references were forgotten: seldom enough to look it up.
        """
        return any(
            _awaits_receipt(m, bearer)
            for m in self._store.sent_lately({doubtful.destination}, RECALLED)
            if m.id != doubtful.id
        )

    def _claimed(self, doubtful: Message, bearer: str, receipt: Receipt) -> Found | None:
        """The number alone told: of a text in parts, it is the first that has no id yet, if none has this one."""
        parts = doubtful.part_states
        ids = [doubtful.carrier_id] if parts is None else [part.carrier_id for part in parts]
        if receipt.carrier_id and receipt.carrier_id in ids:
            return doubtful, -1 if parts is None else ids.index(receipt.carrier_id)
        if "" not in ids:
            return None
        repeated = self._correlation.ended(bearer, receipt.keys)
        if repeated is not None:
            return repeated
        index = -1
        if parts is None:
            doubtful.carrier_id = receipt.carrier_id
        else:
            index = ids.index("")
            parts[index].bearer, parts[index].carrier_id = bearer, receipt.carrier_id
        for key in receipt.keys[:1]:  # its next receipt finds it by this id
            self._correlation.add(bearer, key, doubtful, index)
        return doubtful, index

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
        parts = message.part_states if part >= 0 else None  # a text that left in one piece has its own id
        carrier_id = parts[part].carrier_id if parts else message.carrier_id
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
        if part >= 0:
            whole = self._part(message, part, bearer, cause, code, now)
            if whole is None:
                return
            cause = whole
        elif message.state in FINAL and message.state is not _UNKNOWN:
            self.duplicates += 1
            return
        if can(message.state, cause):
            message.bearer = message.bearer or bearer
            message.error = "" if code == "000" or code.strip("0") == "" else code
            message.done_at = now
            message.reason = "receipt"
            changes.append(message.advance(cause))

    def _part(
        self, message: Message, index: int, bearer: str, cause: Cause, code: str, now: int
    ) -> Cause | None:
        """One part's outcome; the cause for the whole message when this part settles it.

        A text given up half sent and sent anew has other parts: what becomes of the first ones says nothing.
        """
        parts = message.part_states
        if parts is None or parts[index].bearer != bearer:
            self.duplicates += 1
            return None
        part = parts[index]
        if part.state in FINAL and part.state is not State.UNKNOWN:
            self.duplicates += 1
            return None
        part.state = _PART_STATE[cause]
        part.done_at = now
        part.error = code
        _ = self._store.part(message, index)
        whole = verdict(part.state for part in parts)
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
    """Whether two addresses can be the same handset: carriers drop prefixes and write national forms.

    ours is "" where the number was erased: then the id alone must do.
    """
    if not theirs or not ours or ours == theirs:
        return True
    return len(theirs) >= 8 and ours[-8:] == theirs[-8:]


def _tried_before(m: Message) -> bool:
    """Whether it has had another try than the present one, of which a carrier may have something."""
    return m.tries > (0 if m.state in WAITING else 1)


def _awaits_receipt(m: Message, bearer: str) -> bool:
    """Whether this bearer has accepted it, or a part of it, and may tell what became of that."""
    if m.part_states is None:
        return m.state is State.ENROUTE and m.bearer == bearer
    return any(part.state is State.ENROUTE and part.bearer == bearer for part in m.part_states)


def _given_up(m: Message) -> bool:
    """Whether it ended without the carrier's word, be it of one part only."""
    if m.state is not State.UNKNOWN:
        return False
    if m.part_states is None:
        return not m.carrier_id
    return any(not part.carrier_id for part in m.part_states)


def _numbered(bearer: str, number: str) -> str:
    return f"{bearer} {number[-8:]}"
