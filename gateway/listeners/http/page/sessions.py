"""Who has logged in: sessions in memory, known to the browser by a random id in a cookie that scripts cannot read.

The token itself is kept nowhere: a session remembers its digest, and ends with it when a reload takes it out of
force. A restart ends all of them.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from gateway.listeners.http.access import Caller

__all__ = ["LASTS", "MOST", "Session", "Sessions"]

LASTS = 12 * 3600.0
"""Seconds from the login on: a shift."""
MOST = 200
"""Sessions at once; a new one ends the oldest."""


class Session:
    """caller: whose it is. proof: digest of its token. csrf: what each form must bring back. said: told once, then
    forgotten: what became of the last act.
    """

    __slots__ = ("caller", "csrf", "proof", "said", "until")

    def __init__(self, caller: Caller, proof: bytes, csrf: str, until: float) -> None:
        self.caller = caller
        self.proof = proof
        self.csrf = csrf
        self.until = until
        self.said: tuple[bool, str] | None = None

    def meant(self, csrf: str) -> bool:
        """Whether a form came from a page of this session."""
        return hmac.compare_digest(self.csrf.encode(), csrf.encode("utf-8", "replace"))

    def take_said(self) -> tuple[bool, str] | None:
        """(whether it went well, what to say), once."""
        said, self.said = self.said, None
        return said


class Sessions:
    """rnd(n): n random octets. now(): steady seconds. stands: whether a token with this digest is still in force."""

    def __init__(
        self, rnd: Callable[[int], bytes], now: Callable[[], float], stands: Callable[[bytes], bool]
    ) -> None:
        self._rnd = rnd
        self._now = now
        self._stands = stands
        self._open: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._open)

    def open(self, caller: Caller, proof: bytes) -> str:
        """The id of a new one."""
        while len(self._open) >= MOST:
            del self._open[next(iter(self._open))]
        key = self._rnd(32).hex()
        self._open[key] = Session(caller, proof, self._rnd(32).hex(), self._now() + LASTS)
        return key

    def find(self, key: str) -> Session | None:
        session = self._open.get(key)
        if session is None:
            return None
        if self._now() >= session.until or not self._stands(session.proof):
            del self._open[key]
            return None
        return session

    def close(self, key: str) -> None:
        self._open.pop(key, None)
