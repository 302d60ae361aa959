"""Proofs of consent that the gateway keeps: given and revoked by operators and imports, asked by the consent rule.

A proof is in force at once and durable when the call returns. Nothing is ever overwritten: what holds now is one
row, what led to it is a line for each act.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.clock import Clock
from gateway.rules.kept_consents import KeptConsents
from gateway.stores.consent_table import GIVEN, ConsentAct, ConsentTable

__all__ = ["Consents", "Proof"]

Proof = tuple[str, str, str, str, str, int]
"""(scope, canonical number or "", reference, source, text shown, Unix ms)."""


class Consents:
    """See the module. kept: what the rule asks."""

    def __init__(self, clock: Clock, kept: KeptConsents, table: ConsentTable) -> None:
        self._clock = clock
        self.kept = kept
        self.table = table

    def load(self) -> None:
        """At start, before any door opens."""
        for scope, state, keys in self.table.all():
            self.kept.fill(scope, keys, state == GIVEN)

    async def give(self, proofs: Sequence[Proof], who: str, act: str = "add") -> int:
        """Keep proofs; how many were new: one that holds already, with the same reference and time, is not."""
        acts = []
        for scope, number, reference, source, text, at in proofs:
            key = self.kept.key(number, reference)
            fresh = self.kept.put(scope, key, given=True)
            if fresh or not self.table.same(scope, key, reference, at):
                acts.append(ConsentAct(act, scope, key, number, at, reference, source, text, who))
        if acts:
            await self.table.write(acts, self._clock.wall_ms())
        return len(acts)

    async def revoke(self, proofs: Sequence[Proof], who: str, act: str = "revoke") -> int:
        """Withdraw; how many were not withdrawn yet. source says why. One that was never kept may be withdrawn too."""
        acts = []
        for scope, number, reference, source, text, at in proofs:
            key = self.kept.key(number, reference)
            if self.kept.put(scope, key, given=False):
                acts.append(ConsentAct(act, scope, key, number, at, reference, source, text, who))
        if acts:
            await self.table.write(acts, self._clock.wall_ms())
        return len(acts)
