"""Proofs of consent that the gateway keeps: given and revoked by operators and imports, asked by the consent rule.

A proof is in force at once and durable when the call returns. Nothing is ever overwritten: what holds now is one
row, what led to it is a line for each act.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.clock import Clock
from gateway.reading import Reading
from gateway.rules.kept_consents import KeptConsents
from gateway.stores.consent_table import GIVEN, REVOKED, ConsentAct, ConsentTable
from gateway.stores.store import StoreError

__all__ = ["Consents", "Proof"]

Proof = tuple[str, str, str, str, str, int]
"""(scope, canonical number or "", reference, source, text shown, Unix ms)."""


class Consents:
    """See the module. kept: what the rule asks."""

    def __init__(self, clock: Clock, kept: KeptConsents, table: ConsentTable) -> None:
        self._clock = clock
        self._unwritten: set[tuple[str, int]] = set()
        self.kept = kept
        self.table = table
        self.reading = Reading("consents", self._read)

    def load(self) -> None:
        """All that is kept, at once."""
        self.reading.load()

    def _read(self) -> Iterator[None]:
        """Nothing changes meanwhile: giving and revoking wait for it."""
        yield
        for scope, state, keys in self.table.all():
            self.kept.fill(scope, keys, state == GIVEN)
            yield

    async def give(self, proofs: Sequence[Proof], who: str, act: str = "add") -> int:
        """Keep proofs; how many were new: one that holds already, with the same reference and time, is not.

        Raises StoreError: without its proof nothing is given.
        """
        await self.reading.over()
        acts = []
        fresh: list[tuple[str, int]] = []
        for scope, number, reference, source, text, at in proofs:
            key = self.kept.key(number, reference)
            if self.kept.put(scope, key, given=True):
                fresh.append((scope, key))
            elif self.table.same(scope, key, reference, at):
                continue
            acts.append(ConsentAct(act, scope, key, number, at, reference, source, text, who))
        try:
            await self._write(acts)
        except StoreError:
            self._take_back(fresh)
            raise
        return len(acts)

    async def revoke(self, proofs: Sequence[Proof], who: str, act: str = "revoke") -> int:
        """Withdraw; how many were not withdrawn yet. source says why. One that was never kept may be withdrawn too.

        Raises StoreError: it is obeyed at once; if it is not kept, the same again is no repetition.
        """
        await self.reading.over()
        acts = []
        for scope, number, reference, source, text, at in proofs:
            key = self.kept.key(number, reference)
            if self.kept.put(scope, key, given=False) or (scope, key) in self._unwritten:
                acts.append(ConsentAct(act, scope, key, number, at, reference, source, text, who))
        keys = {(each.scope, each.key) for each in acts}
        self._unwritten |= keys
        await self._write(acts)
        self._unwritten -= keys
        return len(acts)

    async def _write(self, acts: Sequence[ConsentAct]) -> None:
        if acts:
            await self.table.write(acts, self._clock.wall_ms())

    def _take_back(self, given: Sequence[tuple[str, int]]) -> None:
        """What could not be kept is again what it was: withdrawn, or never heard of."""
        for scope, key in given:
            if self.kept.has(scope, key):  # else it was withdrawn meanwhile
                self.kept.drop(scope, key)
                if (scope, key) in self._unwritten or self.table.state(scope, key) == REVOKED:
                    self.kept.put(scope, key, given=False)
