"""Who wrote last to a number: what a reply answers, and whose it is when it came to a SIM's own number.

Every accepted message is remembered by account and recipient, the newest MOST to twice as many, in memory alone:
after a restart it is read from the messages. Where handsets see the bearer's own number, a reply says nothing of
the account; those are few a second, so they are kept on disk, by the recipient's digest, MOST of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from drivers.bearer import Accepted
from gateway.model import Message
from gateway.reading import Reading
from gateway.stores.writer_table import Written

__all__ = ["MOST", "LastWriters", "Table"]

MOST = 100_000


class Table(Protocol):
    """Where they are kept (stores/writer_table.py)."""

    def all(self) -> list[Written]: ...

    def one(self, bearer: str, key: int) -> tuple[str, int] | None: ...

    def sent(self) -> Iterator[list[tuple[int, str, str]]]: ...

    def put(self, written: Sequence[Written]) -> None: ...

    def drop(self, keys: Sequence[tuple[str, int]]) -> None: ...


class LastWriters:
    """See the module. digest: of a number, under the key of the opt-outs."""

    def __init__(self, table: Table, digest: Callable[[str], int], most: int = MOST) -> None:
        self._table = table
        self._digest = digest
        self._most = most
        # Two generations: the older one goes when the younger is full. Keys are hashes, 64 bits: a wrong message
        # named once in 10^14 look-ups among a hundred thousand costs a line in a trace, and memory is a third.
        self._young: dict[int, int] = {}
        self._old: dict[int, int] = {}
        self._own: dict[tuple[str, int], tuple[str, int]] = {}
        self.reading = Reading("last writers", self._read)

    def load(self) -> None:
        """What is on disk, and what the messages tell, at once."""
        self.reading.load()

    def _read(self) -> Iterator[None]:
        """What is written meanwhile is newer than all that is read."""
        yield
        kept = {(bearer, key): (account, message) for bearer, key, account, message in self._table.all()}
        yield
        for place in self._own:
            kept.pop(place, None)
        self._own = {**kept, **self._own}  # the first is the oldest
        old = self._old
        for page in self._table.sent():
            for message, account, number in page:
                old.setdefault(hash((account, number)), message)
            yield
            if len(old) >= self._most or old is not self._old:
                break

    def answered(self, bearer: str, from_own_number: bool, outcomes: Iterable[object]) -> None:
        """A bearer's answers, before they are settled: those that say "accepted" have written to somebody."""
        young = self._young
        written: dict[tuple[str, int], tuple[str, int]] = {}
        for outcome in outcomes:
            if type(outcome) is not Accepted:
                continue
            m = outcome.segment.context
            assert isinstance(m, Message)
            young[hash((m.account, m.destination))] = m.id
            if from_own_number:
                written[bearer, self._digest(m.destination)] = (m.account, m.id)
        if len(young) > self._most:
            self._old, self._young = young, {}
        if written:
            self._keep(written)

    def _keep(self, written: dict[tuple[str, int], tuple[str, int]]) -> None:
        for key, who in written.items():
            self._own.pop(key, None)  # put back behind the others: the first is the oldest
            self._own[key] = who
        self._table.put([(bearer, key, *who) for (bearer, key), who in written.items()])
        gone = []
        while len(self._own) > self._most:
            oldest = next(iter(self._own))
            del self._own[oldest]
            gone.append(oldest)
        if gone:
            self._table.drop(gone)

    def account_of(self, bearer: str, number: str) -> str:
        """The account that wrote last to this number from this bearer's own; "" when none is remembered."""
        if not self._own and not self.reading.unread:
            return ""
        place = (bearer, self._digest(number))
        found = self._own.get(place) or (self._table.one(*place) if self.reading.unread else None)
        return found[0] if found is not None else ""

    def message_of(self, account: str, number: str) -> int:
        """The id of the last message that this account sent to the number; 0 when none is remembered."""
        key = hash((account, number))
        return self._young.get(key) or self._old.get(key, 0)

    def forget(self, number: str, accounts: Iterable[str]) -> None:
        """Its owner asked for erasure: nothing leads from a reply of his to an account, or to a message, any more."""
        self.reading.finish()
        for account in accounts:
            key = hash((account, number))
            self._young.pop(key, None)
            self._old.pop(key, None)
        digest = self._digest(number)
        gone = [place for place in self._own if place[1] == digest]
        for place in gone:
            del self._own[place]
        if gone:
            self._table.drop(gone)
