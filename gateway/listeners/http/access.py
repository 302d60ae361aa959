"""Who calls: bearer tokens of accounts and of operators, how often they may, and what becomes of those who guess.

Only keyed digests of tokens are kept, and they are compared in constant time. A wrong token costs its address:
after ten, tokens that never worked from there are refused unseen for a minute; those that did work on. So
nobody shuts others out, and nobody guesses fast. The caller hears one refusal for all reasons; the log knows why.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Callable, Mapping
from typing import NamedTuple

from gateway.accounts import Account, Accounts
from gateway.config import Config
from gateway.listeners.http.problem import Problem
from gateway.secrets import SecretError, read_token_file
from gateway.throttle import SlidingSecond

__all__ = ["LOCAL", "Access", "Allow", "Caller", "Tokens", "is_loopback"]

ROLES = ("viewer", "operator", "admin")
"""In order: each may what those before it may."""
FREE_TRIES = 10
LOCKED = 60.0
MOST = 10_000
"""Addresses that are remembered."""
OPERATOR_RATE = 50
"""Requests a second of one operator's token; an account's token has its account's rate, and never less than this."""


class Caller:
    """Somebody who may come in. role: "" for an application, whose account is set; else one of ROLES."""

    __slots__ = ("account", "name", "role")

    def __init__(self, name: str, role: str, account: Account | None = None) -> None:
        self.name = name
        self.role = role
        self.account = account

    def may(self, role: str) -> bool:
        """Whether it is an operator of at least this role."""
        return self.role in ROLES and ROLES.index(self.role) >= ROLES.index(role)

    @property
    def who(self) -> str:
        """For the audit log."""
        return f"http account {self.account.name}" if self.account is not None else f"http {self.name}"

    def __repr__(self) -> str:
        return f"Caller({self.name!r}, {self.role!r})"


LOCAL = Caller("local", "viewer")
"""Somebody on this machine who shows no token."""


class Allow(NamedTuple):
    """Who may call an operation: accounts, operators from a role on, anybody on this machine, or anybody at all."""

    account: bool = False
    role: str = ""
    local: bool = False
    anybody: bool = False


class _Key(NamedTuple):
    name: str
    role: str


Tokens = Mapping[str, _Key]
"""Token -> whose it is, as read from the files; gone once apply() has digested it."""


class _Guesser:
    __slots__ = ("failures", "last", "until")

    def __init__(self) -> None:
        self.failures = 0
        self.last = self.until = 0.0


class Access:
    """rnd(n): n random octets. now(): steady seconds. said: hears of refusals (event, about, reason)."""

    def __init__(
        self, accounts: Accounts, rnd: Callable[[int], bytes], now: Callable[[], float],
        said: Callable[[str, str, str], None] = lambda *_: None,
    ) -> None:  # fmt: skip
        self._accounts = accounts
        self._secret = rnd(32)
        self._now = now
        self.said = said
        self._keys: dict[bytes, _Key] = {}
        self._proven: dict[tuple[str, _Key], None] = {}
        self._guessers: dict[str, _Guesser] = {}
        self._rates: dict[_Key, SlidingSecond] = {}

    # ── the files ────────────────────────────────────────────────────────────────────────────────────────
    @staticmethod
    def read(config: Config) -> Tokens:
        """Every token of the configuration. Raises SecretError, which names the file or the two that clash."""
        found: dict[str, _Key] = {}
        files = (
            [(token.token_file, _Key(token.name, token.role)) for token in config.http.tokens]
            if config.http
            else []
        )
        files += [
            (account.http_token_file, _Key(name, ""))
            for name, account in config.accounts.items()
            if account.http_token_file is not None
        ]
        for file, key in files:
            token = read_token_file(file)
            if token in found:
                raise SecretError(f"{file} holds the same token as that of {found[token].name}: make another")
            found[token] = key
        return found

    def apply(self, tokens: Tokens) -> None:
        """From now on these; a token that is gone opens nothing any more."""
        self._keys = {self._digest(token): key for token, key in tokens.items()}
        kept = set(self._keys.values())
        self._proven = {pair: None for pair in self._proven if pair[1] in kept}
        self._rates = {key: rate for key, rate in self._rates.items() if key in kept}

    def proof(self, token: str) -> bytes:
        """What a session keeps instead of its token; it means nothing outside this process."""
        return self._digest(token)

    def stands(self, proof: bytes) -> bool:
        """Whether the token of this proof is still in force."""
        return proof in self._keys

    def _digest(self, token: str) -> bytes:
        return hashlib.blake2b(token.encode("utf-8", "replace"), key=self._secret, digest_size=32).digest()

    # ── who is it ────────────────────────────────────────────────────────────────────────────────────────
    def identify(self, token: str, address: str) -> Caller:
        """The one whose token it is, counted against its rate. Raises Problem."""
        key = self._find(token)
        self._refuse_guessers(address, key)
        caller = self._caller(key, address)
        if key is None or caller is None:
            raise self._failed(
                address, "an unknown token" if key is None else f"{key.name} may not come from there"
            )
        self._guessers.pop(address, None)
        self._prove(address, key)
        self._spend(key, caller)
        return caller

    def _prove(self, address: str, key: _Key) -> None:
        """As with guessers: the one that has not come for the longest is forgotten first."""
        pair = (address, key)
        if pair in self._proven:
            del self._proven[pair]
        elif len(self._proven) >= MOST:
            del self._proven[next(iter(self._proven))]
        self._proven[pair] = None

    def _find(self, token: str) -> _Key | None:
        """By a keyed digest, which nobody outside can steer: what a look-up's time tells is worth nothing."""
        digest = self._digest(token)
        found = None
        for known, key in self._keys.items():
            if hmac.compare_digest(known, digest):
                found = key
        return found

    def _caller(self, key: _Key | None, address: str) -> Caller | None:
        if key is None:
            return None
        if key.role:
            return Caller(key.name, key.role)
        account = self._accounts.get(key.name)
        return Caller(key.name, "", account) if account is not None and account.admits(address) else None

    def _spend(self, key: _Key, caller: Caller) -> None:
        rate = self._rates.setdefault(key, SlidingSecond(0))
        of_account = int(caller.account.rate) if caller.account is not None else 0
        rate.limit = max(OPERATOR_RATE, of_account)
        now = self._now()
        if rate.free(now) <= 0:
            raise Problem(
                "throttled", f"more than {rate.limit} requests a second with the token of {caller.name}"
            )
        rate.take(1, now)

    # ── those who guess ──────────────────────────────────────────────────────────────────────────────────
    def _refuse_guessers(self, address: str, key: _Key | None) -> None:
        guesser = self._guessers.get(address)
        if guesser is None or (key is not None and (address, key) in self._proven):
            return
        wait = guesser.until - self._now()
        if wait > 0:
            raise Problem("throttled", f"too many wrong tokens from this address: wait {wait:.0f} s", wait)

    def _failed(self, address: str, reason: str) -> Problem:
        now = self._now()
        # Taken out and put back, the dict stays in order of the last failure: the oldest is forgotten first.
        guesser = self._guessers.pop(address, None)
        if guesser is None or now - guesser.last > LOCKED:
            guesser = _Guesser()
        if len(self._guessers) >= MOST:
            del self._guessers[next(iter(self._guessers))]
        self._guessers[address] = guesser
        guesser.failures += 1
        guesser.last = now
        if guesser.failures >= FREE_TRIES:
            guesser.until = now + LOCKED
        self.said("http.refused", address, reason)
        return Problem("unauthorized", "this token opens nothing here")


def is_loopback(host: str) -> bool:
    """Whether an address, or the host of a Host header, is this machine's own."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
