"""Who wants no marketing, from whom: the whole list in memory, a few octets each. Pure.

A scope is what an objection covers: short_code:36180, sender:+336…, account:shop, brand:Chappe, global. A number
is here as a keyed digest only; an entry is its digest crossed with its scope's, so that one digest asks for all
scopes. Two numbers in one entry: once in 10^13 look-ups among a million.
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
    """

    def __init__(self, key: bytes, mention: Callable[[str], str] = _no_mention) -> None:
        self.digest = Digests(key)
        self._entries = DigestSet()
        self._salts: dict[str, int] = {}
        self._short_codes: list[tuple[str, str, int]] = []
        self._callers: dict[tuple[str, str, str, str], list[tuple[str, int]]] = {}
        self.mention = mention
        self.reviews: dict[int, int] = {}
        self.version = 0
        # Of each number that was ever added one bit: most have none, and are asked for nothing else.
        self._bits = bytearray(_BITS >> 3)

    def __len__(self) -> int:
        return len(self._entries)

    # ── changing ─────────────────────────────────────────────────────────────────────────────────────────
    def add(self, scope: str, digest: int) -> bool:
        """Whether it is new."""
        self.version += 1
        self._bits[digest >> 3 & _BITS_MASK] |= 1 << (digest & 7)
        return self._entries.add((digest ^ self._salt(scope)) or 1)

    def fill(self, scope: str, digests: Iterable[int]) -> None:
        """Many at once, as at start."""
        salt = self._salt(scope)
        self.version += 1
        digests = list(digests)
        self._entries.update([(digest ^ salt) or 1 for digest in digests])
        bits = self._bits
        for digest in digests:
            bits[digest >> 3 & _BITS_MASK] |= 1 << (digest & 7)

    def review(self, digest: int, until: int) -> None:
        """Marketing to this number waits until then, Unix ms."""
        self.version += 1
        self.reviews[digest] = until

    def remove(self, scope: str, digest: int) -> bool:
        """Whether it was there."""
        return scope in self._salts and self._entries.discard((digest ^ self._salts[scope]) or 1)

    def has(self, scope: str, digest: int) -> bool:
        return scope in self._salts and ((digest ^ self._salts[scope]) or 1) in self._entries

    def _salt(self, scope: str) -> int:
        salt = self._salts.get(scope)
        if salt is None:
            salt = self._salts[scope] = self.digest(f"scope {scope}")
            self._callers.clear()
            if scope.startswith("short_code:"):
                self._short_codes.append((scope, scope.partition(":")[2], salt))
        return salt

    # ── asking ───────────────────────────────────────────────────────────────────────────────────────────
    def perhaps(self, messages: tuple[Message, ...]) -> Sequence[int]:
        """The places of those whose recipient may have said anything at all; nearly all who have not are left out."""
        if not self._salts and not self.reviews:
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
        if not self._salts:
            return ""
        entries = self._entries
        digest = self.digest(message.destination)
        if not self._bits[digest >> 3 & _BITS_MASK] & 1 << (digest & 7):
            return ""
        caller = (account.name, message.source, account.stop_number, account.brand)
        scopes = self._callers.get(caller)
        if scopes is None:
            scopes = self._scopes_for(*caller)
        for scope, salt in scopes:
            if ((digest ^ salt) or 1) in entries:
                return scope
        named: str | None = None
        for scope, number, salt in self._short_codes:
            if ((digest ^ salt) or 1) in entries:
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

    def _scopes_for(self, account: str, source: str, stop_number: str, brand: str) -> list[tuple[str, int]]:
        """The scopes in use that cover all marketing of one account from one sender."""
        if len(self._callers) >= _MOST_CALLERS:
            self._callers.clear()
        names = ["global", f"short_code:{source}", f"sender:{source}", f"account:{account}"]
        names += [f"short_code:{stop_number}"] if stop_number and stop_number != source else []
        names += [f"brand:{brand}"] if brand else []
        found = [(name, self._salts[name]) for name in names if name in self._salts]
        self._callers[account, source, stop_number, brand] = found
        return found
