"""Who wants no marketing, from whom: the whole list in memory, a few octets each. Pure.

A scope is what an objection covers: short_code:36180, sender:+336…, account:shop, brand:Chappe, global. A number
is here as a keyed digest only, a set of them for each scope. While the list is still being read from the store,
whoever changes it learns from there what it would say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from drivers.sms.alphabet import decode
from gateway.model import Message
from gateway.rules.digest_set import DigestSet
from gateway.rules.digests import Digests

if TYPE_CHECKING:
    from gateway.accounts import Account

__all__ = ["OptOuts", "scope_fault"]

_SCOPE = re.compile(
    r"global|short_code:[0-9]{3,8}|sender:(?:\+[0-9]{7,15}|[0-9]{3,15})|(?:account|brand):[^\s,:][^\n,]*"
)
_MOST_CALLERS = 4_096
_BITS = 1 << 25
_BITS_MASK = (_BITS >> 3) - 1


def scope_fault(scope: str) -> str:
    """What is wrong with a scope, and what one looks like; "" when nothing is."""
    if _SCOPE.fullmatch(scope):
        return ""
    return f"{scope!r} is no scope: use short_code:36180, sender:+33600000000, account:NAME, brand:NAME or global"


def _no_mention(_text: str) -> str:
    return ""


class OptOuts:
    """The list. key: of the digests. digest: what stands for a number.

    mention: the number that a text tells to send STOP to, or "".
    reviews: numbers whose reply may have been an objection, by digest: until when marketing waits (Unix ms).
    version: another number after each change that may cover more than before.
    stored: while the list is being read, whether the store has an objection; None once all is here.
    """

    def __init__(self, key: bytes, mention: Callable[[str], str] = _no_mention) -> None:
        self.digest = Digests(key)
        self._held: dict[str, DigestSet] = {}
        self._short_codes: list[tuple[str, str, DigestSet]] = []
        self._callers: dict[tuple[str, str, str, str], list[tuple[str, DigestSet]]] = {}
        self._asked: set[tuple[str, int]] = set()
        self._stored: Callable[[str, int], bool] | None = None
        self.mention = mention
        self.reviews: dict[int, int] = {}
        self.version = 0
        # Of each number that was ever added one bit: most have none, and are asked for nothing else.
        self._bits = bytearray(_BITS >> 3)

    def __len__(self) -> int:
        return sum(map(len, self._held.values()))

    @property
    def octets(self) -> int:
        """What the list takes."""
        return sum(held.octets for held in self._held.values()) + len(self._bits)

    @property
    def stored(self) -> Callable[[str, int], bool] | None:
        return self._stored

    @stored.setter
    def stored(self, look: Callable[[str, int], bool] | None) -> None:
        self._stored = look
        self._asked.clear()

    # ── changing ─────────────────────────────────────────────────────────────────────────────────────────
    def add(self, scope: str, digest: int) -> bool:
        """Whether it is new."""
        self.version += 1
        self._settle(scope, digest)
        self._mark([digest])
        return self._scope(scope).add(digest)

    def fill(self, scope: str, digests: Iterable[int]) -> None:
        """Many at once, as they are read; not those that were changed meanwhile."""
        self.version += 1
        asked = self._asked
        found = [digest for digest in digests if not asked or (scope, digest) not in asked]
        self._scope(scope).update(found)
        self._mark(found)

    def review(self, digest: int, until: int) -> None:
        """Marketing to this number waits until then, Unix ms."""
        self.version += 1
        self.reviews[digest] = until

    def remove(self, scope: str, digest: int) -> bool:
        """Whether it was there."""
        self._settle(scope, digest)
        return scope in self._held and self._held[scope].discard(digest)

    def has(self, scope: str, digest: int) -> bool:
        self._settle(scope, digest)
        return scope in self._held and digest in self._held[scope]

    def _settle(self, scope: str, digest: int) -> None:
        """Before it is changed or asked for by itself: as the store has it, once; what is read later is older."""
        if self._stored is None or (scope, digest) in self._asked:
            return
        if self._stored(scope, digest):
            self.fill(scope, [digest])
        self._asked.add((scope, digest))

    def _mark(self, digests: Iterable[int]) -> None:
        bits = self._bits
        for digest in digests:
            bits[digest >> 3 & _BITS_MASK] |= 1 << (digest & 7)

    def _scope(self, scope: str) -> DigestSet:
        held = self._held.get(scope)
        if held is None:
            held = self._held[scope] = DigestSet()
            self._callers.clear()
            if scope.startswith("short_code:"):
                self._short_codes.append((scope, scope.partition(":")[2], held))
        return held

    # ── asking ───────────────────────────────────────────────────────────────────────────────────────────
    def perhaps(self, messages: tuple[Message, ...]) -> Sequence[int]:
        """The places of those whose recipient may have said anything at all; nearly all who have not are left out."""
        if not self._held and not self.reviews:
            return ()
        bits, reviews = self._bits, self.reviews
        return [
            place
            for place, digest in enumerate(self.digest.of(messages))
            if bits[digest >> 3 & _BITS_MASK] & 1 << (digest & 7) or digest in reviews
        ]

    def covers(self, message: Message, account: Account) -> str:
        """The scope under which this recipient wants nothing of the kind from this sender; "" when he never said so.

        short_code:N covers what is sent from N, what comes from an account whose stop_number is N, and what has a
        STOP mention that names N. The text is read only when the number has an opt-out that depends on it.
        """
        if not self._held:
            return ""
        digest = self.digest(message.destination)
        if not self._bits[digest >> 3 & _BITS_MASK] & 1 << (digest & 7):
            return ""
        caller = (account.name, message.source, account.stop_number, account.brand)
        scopes = self._callers.get(caller)
        if scopes is None:
            scopes = self._scopes_for(*caller)
        for scope, held in scopes:
            if digest in held:
                return scope
        named: str | None = None
        for scope, number, held in self._short_codes:
            if digest in held:
                if named is None:
                    named = self.mention(decode(message.payload, message.data_coding, udh=message.udh))
                if named == number:
                    return scope
        return ""

    def review_until(self, number: str, now_ms: int) -> int:
        """Until when marketing to this number waits after a doubtful reply; 0: it doesn't."""
        if not self.reviews:
            return 0
        until = self.reviews.get(self.digest(number), 0)
        return until if until > now_ms else 0

    def _scopes_for(
        self, account: str, source: str, stop_number: str, brand: str
    ) -> list[tuple[str, DigestSet]]:
        """The scopes in use that cover all marketing of one account from one sender."""
        if len(self._callers) >= _MOST_CALLERS:
            self._callers.clear()
        names = ["global", f"short_code:{source}", f"sender:{source}", f"account:{account}"]
        names += [f"short_code:{stop_number}"] if stop_number and stop_number != source else []
        names += [f"brand:{brand}"] if brand else []
        found = [(name, self._held[name]) for name in names if name in self._held]
        self._callers[account, source, stop_number, brand] = found
        return found
