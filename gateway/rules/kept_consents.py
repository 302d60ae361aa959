"""Consents that the gateway keeps itself: which number has given one to whom, in a few octets each. Pure.

A scope is whose marketing a consent covers: account:shop or brand:Chappe. As with opt-outs, a number is here as a
keyed digest only, crossed with its scope's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import TYPE_CHECKING

from gateway.rules.digest_set import DigestSet
from gateway.rules.digests import Digests

if TYPE_CHECKING:
    from gateway.accounts import Account
    from gateway.model import Message

__all__ = ["KeptConsents", "Standing", "consent_scope_fault"]

_SCOPE = re.compile(r"(?:account|brand):[^\s,:][^\n,]*")


def consent_scope_fault(scope: str) -> str:
    """What is wrong with a scope, and what one looks like; "" when nothing is."""
    return (
        ""
        if _SCOPE.fullmatch(scope)
        else f"{scope!r} is no scope of a consent: use account:NAME or brand:NAME"
    )


class Standing(Enum):
    """What the list says of a number. NOT_KEPT: nothing is kept for this account, so nothing can be said."""

    NOT_KEPT = "not kept"
    GIVEN = "given"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


class KeptConsents:
    """The list. digest: as of the opt-outs. version: another number after each change."""

    __slots__ = ("_digest", "_given", "_revoked", "_salts", "version")

    def __init__(self, digest: Digests) -> None:
        self._digest = digest
        self._given = DigestSet()
        self._revoked = DigestSet()
        self._salts: dict[str, int] = {}
        self.version = 0

    def __len__(self) -> int:
        return len(self._given)

    def key(self, number: str, reference: str) -> int:
        """What stands for a consent: the number's digest, or the reference's where there is no number."""
        return self._digest(number or f"reference {reference}")

    # ── changing ─────────────────────────────────────────────────────────────────────────────────────────
    def put(self, scope: str, key: int, given: bool) -> bool:
        """Whether that changes anything."""
        self.version += 1
        entry = (key ^ self._salt(scope)) or 1
        (self._revoked if given else self._given).discard(entry)
        return (self._given if given else self._revoked).add(entry)

    def drop(self, scope: str, key: int) -> None:
        """As if it had never been given or withdrawn."""
        self.version += 1
        entry = (key ^ self._salt(scope)) or 1
        self._given.discard(entry)
        self._revoked.discard(entry)

    def fill(self, scope: str, keys: Iterable[int], given: bool) -> None:
        """Many at once, as at start."""
        self.version += 1
        salt = self._salt(scope)
        (self._given if given else self._revoked).update((key ^ salt) or 1 for key in keys)

    def has(self, scope: str, key: int) -> bool:
        """Whether it is given."""
        return scope in self._salts and ((key ^ self._salts[scope]) or 1) in self._given

    def _salt(self, scope: str) -> int:
        return self._salts.setdefault(scope, self._digest(f"scope {scope}"))

    # ── asking ───────────────────────────────────────────────────────────────────────────────────────────
    def standing(self, account: Account, number: str, reference: str) -> Standing:
        """Of this number's consent to marketing of this account, or of its brand. What was revoked wins.

        A reference counts by itself where it was kept without a number; one that is kept for somebody else does not.
        """
        salts = self._salts_of(account)
        if not salts:
            return Standing.NOT_KEPT
        keys = [self._digest(number)]
        if reference:
            keys.append(self._digest(f"reference {reference}"))
        entries = [(key ^ salt) or 1 for key in keys for salt in salts]
        if any(entry in self._revoked for entry in entries):
            return Standing.REVOKED
        return Standing.GIVEN if any(entry in self._given for entry in entries) else Standing.UNKNOWN

    def perhaps_not(self, messages: tuple[Message, ...], account: Account, must: bool) -> Sequence[int]:
        """The places of those whose consent may not stand. must: it is needed, so that none is as bad as revoked."""
        salts = self._salts_of(account)
        if not salts:
            return ()
        given, revoked = self._given, self._revoked
        none_revoked = not len(revoked)
        if none_revoked and not must:
            return ()
        found = []
        for place, (message, digest) in enumerate(zip(messages, self._digest.of(messages), strict=True)):
            entries = [(digest ^ salt) or 1 for salt in salts]
            well = none_revoked or not (message.consent or any(entry in revoked for entry in entries))
            if not well or (must and not any(entry in given for entry in entries)):
                found.append(place)
        return found

    def _salts_of(self, account: Account) -> list[int]:
        """Of the scopes of this account in which anything is kept."""
        known = self._salts
        scopes = (f"account:{account.name}", f"brand:{account.brand}")
        return [known[scope] for scope in scopes if scope in known]
