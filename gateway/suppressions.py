"""What endings teach about numbers: unknown ones are suppressed for marketing, reached ones are so no longer.

Learnt from every message, whatever its kind, in the same turn as the receipt is written, so that both share a
commit. What operators add holds until they remove it, its time is over, or somebody is reached there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import structlog

from gateway.config.policy import RulesSettings
from gateway.ledger import Ledger
from gateway.lifecycle import Cause
from gateway.model import Change, Message
from gateway.reading import Reading
from gateway.road import Road
from gateway.rules.suppressed import SuppressedNumbers
from gateway.stores.suppressed_table import FOR_EVER, Strike, SuppressedTable
from gateway.unknown_numbers import is_unknown_number

__all__ = ["DAY_MS", "UNKNOWN", "Suppression", "Suppressions"]

log = structlog.get_logger("gateway.suppressions")

DAY_MS = 86_400_000
SLICE = 1_000
UNKNOWN = "the carrier calls this number unknown"

Suppression = tuple[str, int, int, str]
"""(canonical number, Unix ms, until Unix ms or 0 for the usual time, reason) of what an operator adds."""

_FAILED = frozenset({Cause.FAIL, Cause.REJECT, Cause.EXPIRE, Cause.DELETE, Cause.REFUSE, Cause.EXHAUST})


class Suppressions:
    """See the module. roads: the bearers by name, whose codes say what is unknown."""

    def __init__(
        self, ledger: Ledger, numbers: SuppressedNumbers, table: SuppressedTable, roads: Mapping[str, Road]
    ) -> None:
        self._ledger = ledger
        self._roads = roads
        self._keep_ms = 0
        self._next_end = FOR_EVER
        self.numbers = numbers
        self.table = table
        self.reading = Reading("suppressed numbers", self._read)

    def apply(self, settings: RulesSettings) -> None:
        """New settings; the list stays. With days = 0, or without the rule, nothing is learnt."""
        learns = settings.suppresses and settings.suppress.days
        self._keep_ms = settings.suppress.days * DAY_MS
        self._ledger.learn = self.learn if learns else None
        if settings.suppress.after != self.numbers.after:
            self.numbers.after = settings.suppress.after
            self.reading.begin()

    def load(self) -> None:
        """The whole list, at once."""
        self.reading.load()

    def _read(self) -> Iterator[None]:
        """What is learnt meanwhile asks the table first."""
        self.numbers.clear()
        self.numbers.stored = self.table.strikes
        yield
        self._next_end = min(self._next_end, self.table.first_end())
        for known in self.table.all():
            self.numbers.fill(known)
            yield
        self.numbers.stored = None

    # ── learning ─────────────────────────────────────────────────────────────────────────────────────────
    def learn(self, changes: Sequence[Change]) -> None:
        """From messages that have ended: called for every batch of changes, so most of it must cost nothing."""
        numbers = self.numbers
        idle = numbers.idle
        causes = {cause for _, _, cause in changes}
        if causes.isdisjoint(_FAILED) and (idle or Cause.DELIVER not in causes):
            return
        now = self._ledger.clock.wall_ms()
        found: dict[int, Strike | None] = {}
        for message, _, cause in changes:
            if cause is Cause.DELIVER:
                if not idle and numbers.discard(key := numbers.digest(message.destination)):
                    found[key] = None
            elif cause in _FAILED and self._unknown(message):
                strike = self._strike(message, now)
                numbers.add(strike.key, 1)
                idle = False
                if (earlier := found.get(strike.key)) is not None:
                    strike.strikes += earlier.strikes
                found[strike.key] = strike
        if not found:
            return
        if struck := [strike for strike in found.values() if strike is not None]:
            _ = self.table.write(struck)
            self._next_end = min(self._next_end, now + self._keep_ms)
        if reached := [key for key, strike in found.items() if strike is None]:
            _ = self.table.drop(reached, before=now)

    def _unknown(self, message: Message) -> bool:
        road = self._roads.get(message.bearer)
        bearer = road.bearer if road is not None else None
        return message.destination.startswith("+") and is_unknown_number(
            bearer, message.state, message.error, message.sent_at
        )

    def _strike(self, m: Message, now: int) -> Strike:
        key, until = self.numbers.digest(m.destination), now + self._keep_ms
        return Strike(key, m.destination, now, until, 1, UNKNOWN, "receipt", m.bearer, m.error, m.id)

    def turn(self) -> None:
        """Each second: those whose time is over may be tried again."""
        now = self._ledger.clock.wall_ms()
        if now < self._next_end or self._ledger.store.sick:
            return
        ended = self.table.ended(now, SLICE)
        for key in ended:
            self.numbers.discard(key)
        if ended:
            _ = self.table.drop(ended, ended=now)
            log.info("suppressed.ended", numbers=len(ended))
        # What is dropped is still to be read until it is written: the next look is a second away at least.
        self._next_end = now + 1 if ended else self.table.first_end()

    # ── operators ────────────────────────────────────────────────────────────────────────────────────────
    async def add(self, entries: Sequence[Suppression], source: str) -> int:
        """Suppress numbers by hand or from a file; how many were not yet. Durable when it returns."""
        fresh = 0
        strikes = []
        for number, at, until, reason in entries:
            key = self.numbers.digest(number)
            fresh += self.numbers.add(key, 0)
            until = until or at + (self._keep_ms or 90 * DAY_MS)
            strikes.append(Strike(key, number, at, until, 0, reason, source))
            self._next_end = min(self._next_end, until)
        if strikes:
            await self.table.write(strikes)
        return fresh

    async def remove(self, numbers: Sequence[str]) -> int:
        """Forget what is known against these numbers; how many were suppressed or counted."""
        keys = [self.numbers.digest(number) for number in numbers]
        known = [key for key in keys if self.numbers.discard(key)]
        if known:
            await self.table.drop(known)
        return len(known)
