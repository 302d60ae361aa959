"""Who may come in: accounts at run time, their secrets, and what happens to those who guess.

`check_quick` answers without blocking, from a cached proof of the last verified password; a scrypt hash seen
for the first time takes 25 ms, so `verify` computes it in one thread. Strangers can't lock a customer out:
failures count by (address, account), never by account alone. The peer hears one and the same refusal; the
reason is for the log. `now` is an argument, in seconds that never go back. Nothing here knows SMPP.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from gateway import secrets
from gateway.config.sections import KIND_NAMES, AccountSettings
from gateway.model import KINDS, Kind

__all__ = ["Account", "Accounts", "Refusal"]

FREE_TRIES = 4
"""Wrong passwords of one (address, account) before each further one costs time: 1 s, doubled up to 30 s."""
LONGEST_WAIT = 30.0
TRIES_TO_LOCK = 11
LOCKED = 300.0
FORGOTTEN = 3_600.0
"""Seconds after the last failure when it counts no longer."""
MOST_GUESSERS = 10_000


class Refusal:
    """Why somebody may not come in: for the log only.

    reason: unknown, network, password, no_secret, slowed, locked_out, too_many_binds. retry_after: seconds
    during which a further try from there is refused unseen.
    """

    __slots__ = ("reason", "retry_after")

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        self.reason = reason
        self.retry_after = retry_after

    def __repr__(self) -> str:
        return f"Refusal({self.reason!r})"


class Account:
    """One customer while the daemon runs. A reload changes it in place, so that sessions may hold it.

    senders: allowed source addresses, None for all; default_sender: the first of them. validity (seconds)
    and on_doubt are indexed by Kind. removed: true once the configuration no longer has it: close its
    sessions. bound: how many binds are up; the listener adds and subtracts one.
    """

    __slots__ = (
        "bound",
        "brand",
        "default_alphabet",
        "default_kind",
        "default_sender",
        "extra_regions",
        "keywords",
        "kinds",
        "long_mo",
        "max_binds",
        "max_segments",
        "mo",
        "name",
        "networks",
        "on_doubt",
        "proof",
        "quota_per_day",
        "quota_per_month",
        "rate",
        "removed",
        "require_consent",
        "response_tlvs",
        "secret",
        "secret_hash",
        "senders",
        "smart_encoding",
        "stop_number",
        "system_id",
        "validity",
        "weight",
        "window",
    )

    def __init__(self, settings: AccountSettings) -> None:
        self.bound = 0
        self.apply(settings)

    def apply(self, settings: AccountSettings) -> None:
        """Take over new settings; what is bound stays bound."""
        self.name = settings.name
        self.system_id = settings.system_id or settings.name
        self.secret = None if settings.password is None else settings.password.encode("ascii")
        self.secret_hash = settings.password_hash or ""
        self.proof = b""
        self.removed = False
        self.kinds = frozenset(KINDS[kind] for kind in settings.kinds)
        self.default_kind: Kind = KINDS[settings.default_kind]
        self.networks = tuple(ipaddress.ip_network(network) for network in settings.networks)
        self.max_binds = settings.max_binds
        self.window = settings.window
        self.rate = settings.rate
        self.weight = settings.weight
        self.senders = None if "*" in settings.senders else frozenset(settings.senders)
        self.default_sender = next((sender for sender in settings.senders if sender != "*"), "")
        self.stop_number = settings.stop_number or ""
        self.default_alphabet: str = settings.default_alphabet
        self.smart_encoding = settings.smart_encoding
        self.response_tlvs: str = settings.response_tlvs
        self.max_segments = settings.max_segments
        self.long_mo: str = settings.long_mo
        self.brand = settings.brand
        self.require_consent = settings.require_consent
        self.extra_regions = settings.extra_regions
        self.quota_per_day = settings.quota.segments_per_day
        self.quota_per_month = settings.quota.segments_per_month
        self.mo = frozenset(settings.mo)
        self.on_doubt: tuple[str, ...] = tuple(getattr(settings.on_doubt, kind) for kind in KIND_NAMES)
        self.validity: tuple[float, ...] = tuple(getattr(settings.validity, kind) for kind in KIND_NAMES)
        self.keywords = dict(settings.keywords)

    def __repr__(self) -> str:
        return f"Account({self.name!r})"

    def may_send_from(self, sender: str) -> bool:
        return self.senders is None or sender in self.senders

    def admits(self, address: str) -> bool:
        """Whether an IPv4 or IPv6 address is in its networks; ::ffff:a.b.c.d counts as IPv4."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        return any(ip in network for network in self.networks)


class _Guesser:
    """Failures of one (address, account). until: tries before it are refused unseen."""

    __slots__ = ("failures", "last", "until")

    def __init__(self) -> None:
        self.failures = 0
        self.last = 0.0
        self.until = 0.0


class Accounts:
    """All accounts, by system_id for those who bind and by name for the rest of the gateway.

    rnd(n) gives n random octets. close() ends the thread.
    """

    def __init__(self, settings: Mapping[str, AccountSettings], rnd: Callable[[int], bytes]) -> None:
        self._by_name: dict[str, Account] = {}
        self._by_system_id: dict[str, Account] = {}
        self._guessers: dict[tuple[str, str], _Guesser] = {}
        self._key = rnd(32)
        # Unknown names are checked against it, so that time doesn't tell them from known ones.
        self._decoy = secrets.hash_password(rnd(8), rnd)
        self._hasher = ThreadPoolExecutor(1, "scrypt")
        self.apply(settings)

    def __iter__(self) -> Iterator[Account]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def get(self, name: str) -> Account | None:
        """By the table's name in [accounts]."""
        return self._by_name.get(name)

    def apply(self, settings: Mapping[str, AccountSettings]) -> None:
        """Swap in a new [accounts]: known ones change in place, those that are gone are marked removed."""
        for name in self._by_name.keys() - settings.keys():
            self._by_name.pop(name).removed = True
        known = self._by_name
        self._by_name = {}
        for name, account in settings.items():
            self._by_name[name] = known.get(name) or Account(account)
            self._by_name[name].apply(account)
        self._by_system_id = {account.system_id: account for account in self._by_name.values()}
        self._any_hash = any(account.secret_hash for account in self._by_name.values())

    def close(self) -> None:
        self._hasher.shutdown(wait=False, cancel_futures=True)

    # ── coming in ───────────────────────────────────────────────────────────────────────────────────────
    def check_quick(
        self, system_id: str, password: bytes, address: str, now: float
    ) -> Account | Refusal | None:
        """An answer at once, or None: then `verify` must compute a hash. Never blocks."""
        account = self._by_system_id.get(system_id)
        waiting = self._waiting(address, account, now)
        if waiting is not None:
            return waiting
        if account is not None and not account.admits(address):
            return Refusal("network")
        if account is None or account.secret_hash:
            if account is not None and account.proof and self._is_proven(account, password):
                return self._settle(account, True, address, now)
            return None if self._any_hash else self._settle(account, False, address, now)
        if account.secret is None:
            return Refusal("no_secret")
        return self._settle(account, hmac.compare_digest(account.secret, password), address, now)

    async def verify(
        self, system_id: str, password: bytes, address: str, clock: Callable[[], float]
    ) -> Account | Refusal:
        """The answer, with scrypt in the thread where it takes one. clock() gives `now`, before and after.

        An account is returned in the same turn of the loop that counted its binds: add to `bound` before
        the next await.
        """
        quick = self.check_quick(system_id, password, address, clock())
        if quick is not None:
            return quick
        hashed = self._hash_of(system_id)
        loop = asyncio.get_running_loop()
        right = await loop.run_in_executor(self._hasher, secrets.verify, password, hashed)
        return self._conclude(system_id, password, hashed, right, address, clock())

    def authenticate(self, system_id: str, password: bytes, address: str, now: float) -> Account | Refusal:
        """As verify, but blocks for the 25 ms of a hash: for programs without a loop."""
        quick = self.check_quick(system_id, password, address, now)
        if quick is not None:
            return quick
        hashed = self._hash_of(system_id)
        return self._conclude(system_id, password, hashed, secrets.verify(password, hashed), address, now)

    def _hash_of(self, system_id: str) -> str:
        account = self._by_system_id.get(system_id)
        return account.secret_hash if account is not None else self._decoy

    def _conclude(
        self, system_id: str, password: bytes, hashed: str, right: bool, address: str, now: float
    ) -> Account | Refusal:
        """After the hash: the account may have changed or gone meanwhile, and others may have guessed."""
        account = self._by_system_id.get(system_id)
        waiting = self._waiting(address, account, now)
        if waiting is not None:
            return waiting
        right = right and account is not None and account.secret_hash == hashed
        if right and account is not None:
            account.proof = self._proof(password)
        return self._settle(account, right, address, now)

    def _proof(self, password: bytes) -> bytes:
        """A keyed digest, the key made at start: alone it says nothing."""
        return hashlib.blake2b(password, key=self._key, digest_size=32).digest()

    def _is_proven(self, account: Account, password: bytes) -> bool:
        return hmac.compare_digest(account.proof, self._proof(password))

    def _settle(self, account: Account | None, right: bool, address: str, now: float) -> Account | Refusal:
        if account is None or not right:
            wait = self._failed(address, account, now)
            return Refusal("unknown" if account is None else "password", wait)
        self._guessers.pop((address, account.name), None)
        return account if account.bound < account.max_binds else Refusal("too_many_binds")

    # ── those who guess ─────────────────────────────────────────────────────────────────────────────────
    def _waiting(self, address: str, account: Account | None, now: float) -> Refusal | None:
        guesser = self._guessers.get(_who(address, account))
        if guesser is None or now >= guesser.until:
            return None
        reason = "locked_out" if guesser.failures >= TRIES_TO_LOCK else "slowed"
        return Refusal(reason, guesser.until - now)

    def _failed(self, address: str, account: Account | None, now: float) -> float:
        """Count a failure; how long further tries are refused unseen."""
        key = _who(address, account)
        # Taken out and put back, the dict stays in order of the last failure: the oldest is forgotten first.
        guesser = self._guessers.pop(key, None)
        if guesser is None or now - guesser.last > FORGOTTEN:
            guesser = _Guesser()
        if len(self._guessers) >= MOST_GUESSERS:
            del self._guessers[next(iter(self._guessers))]
        self._guessers[key] = guesser
        guesser.failures = min(guesser.failures + 1, TRIES_TO_LOCK)
        guesser.last = now
        wait = _wait_after(guesser.failures)
        guesser.until = now + wait
        return wait

    def guessing(self, now: float) -> Iterable[tuple[str, str, int, float]]:
        """(address, account, failures, seconds still refused) of those who wait, for operators."""
        for (address, name), guesser in self._guessers.items():
            if guesser.until > now:
                yield address, name, guesser.failures, guesser.until - now


def _who(address: str, account: Account | None) -> tuple[str, str]:
    """All unknown names from one address are one guesser: made-up names can't push real ones out."""
    return address, account.name if account is not None else ""


def _wait_after(failures: int) -> float:
    if failures >= TRIES_TO_LOCK:
        return LOCKED
    if failures <= FREE_TRIES:
        return 0.0
    return float(min(2.0 ** (failures - FREE_TRIES - 1), LONGEST_WAIT))
