"""MO in: replies from handsets. Parts are stored as they come, joined, and given to the account of the number.

A long reply may come in any order, over minutes, or never whole: parts are in the store until the text is
joined or its wait is over, and then it is delivered marked as incomplete, never dropped. A reply to a number
that belongs to no account is stored too, and shown. The network is told only when all of it is durable, what it
means (a STOP) included: see stops.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from drivers.bearer import Inbound, NotStored
from drivers.sms.split import Joined, Joiner, Part
from drivers.sms.udh import parse_udh
from gateway.events import Replied
from gateway.last_writers import LastWriters
from gateway.ledger import Ledger
from gateway.lifecycle import State
from gateway.model import Mo, Note, NoteKind
from gateway.stores.store import Batches, Store, StoredPart

__all__ = ["Heard", "MobileOriginated"]

OwnerOf = Callable[[str], str]
"""The account that owns a number (a short code, a long number); "" when none does."""


class Heard:
    """What replies mean: rows that share their commit, and what is done once that is durable."""

    __slots__ = ("durable", "rows")

    def __init__(self, rows: Batches = (), durable: Callable[[], None] = lambda: None) -> None:
        self.rows = rows
        self.durable = durable


Hear = Callable[[Sequence[Mo]], Heard]
"""Asked of whole replies, and of each part of a long one as it comes (its header says so)."""


class MobileOriginated:
    """See the module. unowned: replies to numbers of nobody, counted. hear: reads them for the rules.

    A text counts whatever brought it, also as a user's acknowledgement (esm_class, SMPP 3.4 §5.2.12).
    """

    def __init__(self, ledger: Ledger, owner_of: OwnerOf, writers: LastWriters) -> None:
        self._ledger = ledger
        self._store: Store = ledger.store
        self._account_with = owner_of
        self._writers = writers
        self._joiner = Joiner()
        self.unowned = 0
        self.hear: Hear = lambda _: Heard()

    def load(self) -> None:
        """At start: parts that still wait for the others."""
        for part_id, bearer, source, destination, data_coding, udh, payload, at in self._store.kept_parts():
            part = Part.of(source, destination, udh, data_coding, payload, (part_id, bearer))
            joined = self._joiner.add(part, at / 1000)
            if joined is not None:
                _ = self._deposit([self._whole(joined, bearer)], list(joined.tokens))

    def handle(self, bearer: str, inbound: Sequence[Inbound], own: str = "") -> asyncio.Future[None]:
        """Store a batch of parts and whole replies; done when durable. Raises NotStored.

        own: what the bearer is written to under, for replies that do not say (a SIM does not know its number).
        """
        if self._store.sick:
            raise NotStored(self._store.sick)
        now = self._ledger.clock.wall_ms()
        mos: list[Mo] = []
        finished: list[object] = []
        stored: list[StoredPart] = []
        for each in inbound:
            part_id = self._ledger.ids.take(1, now)[0]
            to = each.destination or own
            part = Part.of(each.source, to, each.udh, each.data_coding, each.payload, (part_id, bearer))
            joined = self._joiner.add(part, now / 1000)
            if joined is not None:
                tokens = [token for token in joined.tokens if token != part.token]
                finished += tokens
                mos.append(self._whole(joined, bearer))
            else:
                stored.append(
                    (
                        part_id,
                        bearer,
                        each.source,
                        to,
                        each.data_coding,
                        each.udh,
                        each.payload,
                        now,
                    )
                )
        finished += self._joiner.copies()
        gone = {token[0] for token in finished if isinstance(token, tuple)}
        stored = [row for row in stored if row[0] not in gone]
        if stored:
            kept = self._keep(stored)
            if not mos and not finished:
                return kept
        return self._deposit(mos, finished)

    def give_up_waiting(self) -> None:
        """Called now and then: texts whose missing parts did not come are delivered as they are."""
        for joined in self._joiner.expired(self._ledger.clock.wall_ms() / 1000):
            token = joined.tokens[0]
            bearer = token[1] if isinstance(token, tuple) else ""
            _ = self._deposit([self._whole(joined, bearer)], list(joined.tokens))

    def forget(self, source: str) -> None:
        """Its owner asked for erasure: parts of his that wait for others are dropped from memory."""
        self._joiner.drop(source)

    def _keep(self, parts: Sequence[StoredPart]) -> asyncio.Future[None]:
        """A part may say STOP although the others never come."""
        owner_of = self._owner_of
        heard = self.hear([
            Mo(part_id, bearer, source, to, coding, udh, payload, at, owner_of(bearer, source, to), 0, False)
            for part_id, bearer, source, to, coding, udh, payload, at in parts
        ])  # fmt: skip
        done = self._store.keep_parts(parts, heard.rows)
        done.add_done_callback(lambda future: None if _failed(future) else heard.durable())
        return done

    def _whole(self, joined: Joined, bearer: str) -> Mo:
        now = self._ledger.clock.wall_ms()
        data_coding, udh, payload = whole_of(joined)
        account = self._owner_of(bearer, joined.source, joined.destination)
        message = self._writers.message_of(account, joined.source) if account else 0
        self.unowned += not account
        mo_id = self._ledger.ids.take(1, now)[0]
        return Mo(
            mo_id, bearer, joined.source, joined.destination, data_coding, udh, payload, now, account, message,
            joined.complete,
        )  # fmt: skip

    def _owner_of(self, bearer: str, source: str, destination: str) -> str:
        """Of a number in somebody's `mo`, its account; of a SIM's own, whoever wrote to that handset last."""
        return self._account_with(destination) or self._writers.account_of(bearer, source)

    def _deposit(self, mos: Sequence[Mo], tokens: Sequence[object]) -> asyncio.Future[None]:
        now = self._ledger.clock.wall_ms()
        owned = [mo for mo in mos if mo.account]
        seqs = self._ledger.ids.take(len(owned), now)
        notes = [
            Note(seq, mo.account, NoteKind.MO, None, mo, State.NEW, "", now)
            for seq, mo in zip(seqs, owned, strict=True)
        ]
        parts = [token[0] for token in tokens if isinstance(token, tuple)]
        heard = self.hear(mos)
        done = self._store.deposit(mos, notes, parts, heard.rows)

        def durable(future: asyncio.Future[None]) -> None:
            if _failed(future):
                return
            if mos:
                self._ledger.bus.publish(Replied(mos, now))
            try:
                heard.durable()
            finally:  # a fault in one may not cost the other: asyncio only logs what a callback raises
                if notes:
                    self._ledger.outbox.push(notes)

        done.add_done_callback(durable)
        return done


def _failed(future: asyncio.Future[None]) -> bool:
    return future.cancelled() or future.exception() is not None


def whole_of(joined: Joined) -> tuple[int, bytes, bytes]:
    """(data_coding, udh, payload) of a joined text; runs of different codings become one UCS-2 text.

    Its header says no longer that it is a part: an application would wait for the others.
    """
    runs = joined.runs
    if len(runs) == 1:
        data_coding, udh, payload = runs[0]
        return data_coding, without_concat(udh), payload
    return 8, b"", joined.text().encode("utf-16-be", "surrogatepass")


def without_concat(udh: bytes) -> bytes:
    """The header without its concatenation elements; b"" when nothing else stood in it (TS 23.040 §9.2.3.24.1)."""
    header = parse_udh(udh)
    if header is None or header.concat is None:
        return udh
    kept = b"".join(
        b"%c%c%b" % (name, len(data), data) for name, data in header.elements if name not in (0, 8)
    )
    return b"%c%b" % (len(kept), kept) if kept else b""
