"""MO in: replies from handsets. Parts are stored as they come, joined, and given to the account of the number.

A long reply may come in any order, over minutes, or never whole: parts are in the store until the text is
joined or its wait is over, and then it is delivered marked as incomplete, never dropped. A reply to a number
that belongs to no account is stored too, and shown. The network is told only when all of it is durable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from drivers.bearer import Inbound, NotStored
from drivers.sms.split import Joined, Joiner, Part
from drivers.sms.udh import parse_udh
from gateway.events import Replied
from gateway.ledger import Ledger
from gateway.lifecycle import State
from gateway.model import Mo, Note, NoteKind
from gateway.stores.store import Store, StoredPart

__all__ = ["MobileOriginated"]

OwnerOf = Callable[[str], str]
"""The account that owns a number (a short code, a long number); "" when none does."""


class MobileOriginated:
    """See the module. unowned: replies to numbers of nobody, counted."""

    def __init__(self, ledger: Ledger, owner_of: OwnerOf) -> None:
        self._ledger = ledger
        self._store: Store = ledger.store
        self._owner_of = owner_of
        self._joiner = Joiner()
        self.unowned = 0

    def load(self) -> None:
        """At start: parts that still wait for the others."""
        for part_id, bearer, source, destination, data_coding, udh, payload, at in self._store.kept_parts():
            part = Part.of(source, destination, udh, data_coding, payload, (part_id, bearer))
            joined = self._joiner.add(part, at / 1000)
            if joined is not None:
                _ = self._deposit([self._whole(joined, bearer)], list(joined.tokens))

    def handle(self, bearer: str, inbound: Sequence[Inbound]) -> asyncio.Future[None]:
        """Store a batch of parts and whole replies; done when durable. Raises NotStored."""
        if self._store.sick:
            raise NotStored(self._store.sick)
        now = self._ledger.clock.wall_ms()
        mos: list[Mo] = []
        finished: list[object] = []
        stored: list[StoredPart] = []
        for each in inbound:
            part_id = self._ledger.ids.take(1, now)[0]
            part = Part.of(
                each.source, each.destination, each.udh, each.data_coding, each.payload, (part_id, bearer)
            )
            joined = self._joiner.add(part, now / 1000)
            if joined is not None:
                tokens = [token for token in joined.tokens if token != part.token]
                finished += tokens
                mos.append(self._whole(joined, bearer, each.user_ack))
            else:
                stored.append(
                    (
                        part_id,
                        bearer,
                        each.source,
                        each.destination,
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
            kept = self._store.keep_parts(stored)
            if not mos and not finished:
                return kept
        return self._deposit(mos, finished)

    def give_up_waiting(self) -> None:
        """Called now and then: texts whose missing parts did not come are delivered as they are."""
        for joined in self._joiner.expired(self._ledger.clock.wall_ms() / 1000):
            token = joined.tokens[0]
            bearer = token[1] if isinstance(token, tuple) else ""
            _ = self._deposit([self._whole(joined, bearer)], list(joined.tokens))

    def _whole(self, joined: Joined, bearer: str, user_ack: bool = False) -> Mo:  # noqa: ARG002 - the rules will ask
        now = self._ledger.clock.wall_ms()
        data_coding, udh, payload = whole_of(joined)
        account = self._owner_of(joined.destination)
        self.unowned += not account
        mo_id = self._ledger.ids.take(1, now)[0]
        return Mo(
            mo_id, bearer, joined.source, joined.destination, data_coding, udh, payload, now, account, 0,
            joined.complete,
        )  # fmt: skip

    def _deposit(self, mos: Sequence[Mo], tokens: Sequence[object]) -> asyncio.Future[None]:
        now = self._ledger.clock.wall_ms()
        owned = [mo for mo in mos if mo.account]
        seqs = self._ledger.ids.take(len(owned), now)
        notes = [
            Note(seq, mo.account, NoteKind.MO, None, mo, State.NEW, "", now)
            for seq, mo in zip(seqs, owned, strict=True)
        ]
        parts = [token[0] for token in tokens if isinstance(token, tuple)]
        done = self._store.deposit(mos, notes, parts)

        def durable(future: asyncio.Future[None]) -> None:
            if future.cancelled() or future.exception() is not None:
                return
            if mos:
                self._ledger.bus.publish(Replied(mos, now))
            if notes:
                self._ledger.outbox.push(notes)

        done.add_done_callback(durable)
        return done


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
