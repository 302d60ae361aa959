"""Suppressed numbers: carriers say that nobody has them, so no marketing is paid for twice. Other kinds go.

The list in memory holds digests only, 12 to 24 octets each. A number is on it from its `after`-th unknown receipt
in a row until one message reaches it, or until its time is over: gateway/suppressions.py sees to both. Asked
before the queue and again before the wire. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from gateway import answers
from gateway.model import Kind, Message
from gateway.rules.digest_set import DigestSet
from gateway.rules.digests import Digests
from gateway.rules.packed import PackedCounts
from gateway.rules.rule import Action, Batch, Verdict

if TYPE_CHECKING:
    from gateway.accounts import Account

__all__ = ["SuppressRule", "SuppressedNumbers"]

_MARKETING = int(Kind.MARKETING)
_UNSIGNED = 2**64 - 1


class SuppressedNumbers:
    """The list. digest: as of the opt-outs. after: how many strikes in a row put a number on it.

    version: another number after each change that may cover more than before; 0 while nothing was ever added.
    stored: while the list is being read, the strikes that the store has against a number, -1 for none.
    """

    __slots__ = ("_asked", "_counted", "_held", "_stored", "_strikes", "after", "digest", "version")

    def __init__(self, digest: Digests) -> None:
        self.digest = digest
        self.after = 1
        self.version = 0
        self._asked: set[int] = set()
        self._stored: Callable[[int], int] | None = None
        self.clear()

    @property
    def stored(self) -> Callable[[int], int] | None:
        return self._stored

    @stored.setter
    def stored(self, look: Callable[[int], int] | None) -> None:
        self._stored = look
        self._asked.clear()

    def fill(self, known: Iterable[tuple[int, int]]) -> None:
        """(digest, strikes) of many, as they are read; not of those that were changed meanwhile."""
        self.version += 1
        asked, after = self._asked, self.after
        held = []
        for digest, strikes in known:
            if digest in asked:
                continue
            if not strikes or strikes >= after:
                held.append(digest)
            elif not self._strikes.get(digest & _UNSIGNED):  # else it was read already
                self._strikes.add(digest & _UNSIGNED, strikes)
                self._counted += 1
        self._held.update(held)

    def clear(self) -> None:
        """Empty, as before it is filled."""
        self._held = DigestSet()
        self._strikes = PackedCounts()
        self._counted = 0

    def _settle(self, digest: int) -> None:
        """Before it is changed: as the store has it, once; what is read later is older."""
        if self._stored is None or digest in self._asked:
            return
        strikes = self._stored(digest)
        if strikes >= 0:
            self.fill([(digest, strikes)])
        self._asked.add(digest)

    def __len__(self) -> int:
        return len(self._held)

    @property
    def idle(self) -> bool:
        """Whether nothing at all is known, so that nobody need compute a digest."""
        return self._stored is None and not self._counted and not len(self._held)

    def holds(self, number: str) -> bool:
        return bool(len(self._held)) and self.digest(number) in self._held

    def among(self, messages: tuple[Message, ...]) -> Sequence[int]:
        """The places of those whose recipient is on the list."""
        held = self._held
        if not len(held):
            return ()
        return [place for place, digest in enumerate(self.digest.of(messages)) if digest in held]

    def add(self, digest: int, strikes: int) -> bool:
        """Count so many more, 0 for an operator's word, which holds by itself. Whether it is on the list anew."""
        self._settle(digest)
        if digest in self._held:
            return False
        self.version += 1
        key = digest & _UNSIGNED
        had = self._strikes.get(key)
        if strikes and had + strikes < self.after:
            self._counted += not had
            self._strikes.add(key, strikes)
            return False
        if had:
            self._strikes.add(key, -had)
            self._counted -= 1
        return self._held.add(digest)

    def discard(self, digest: int) -> bool:
        """Forget it, strikes too. Whether anything was known of it."""
        self._settle(digest)
        if self._held.discard(digest):
            return True
        had = self._strikes.get(digest & _UNSIGNED)
        if had:
            self._strikes.add(digest & _UNSIGNED, -had)
            self._counted -= 1
        return bool(had)


class SuppressRule:
    """Reads the list."""

    name: ClassVar = "suppress"
    recheck: ClassVar = True
    marketing_only: ClassVar = True

    def __init__(self, numbers: SuppressedNumbers) -> None:
        self._numbers = numbers

    def version(self, now_ms: int) -> int:  # noqa: ARG002 - the contract's
        return self._numbers.version

    def sift(self, batch: Batch) -> Sequence[int]:
        return self._numbers.among(batch.messages)

    def judge(self, message: Message, account: Account, now_ms: int) -> Verdict | None:  # noqa: ARG002 - the contract's
        numbers = self._numbers
        if message.kind != _MARKETING or not numbers.version or not numbers.holds(message.destination):
            return None
        reason = "this number is suppressed: it was told to be out of use (chappe suppressed list --number)"
        return Verdict(self.name, Action.REFUSE, reason, answers.SUPPRESSED)
