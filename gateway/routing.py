"""Which bearers may carry a message, in which order, and why. Pure: health and `now` are arguments.

A route is chosen once, at admission, by what cannot change (number, kind, account, sender). Which of its
bearers takes the message is decided only when one of them has room: fail-over then needs no requeue storm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Choice", "Health", "Route", "Router"]


class Route:
    """Tiers of bearers for what matches. An empty set of kinds, accounts or senders stands for all."""

    __slots__ = ("accounts", "fallback_after", "kinds", "name", "senders", "tiers", "to")

    def __init__(
        self,
        name: str,
        tiers: Sequence[Sequence[str]],
        to: Sequence[str] = (),
        kinds: Iterable[int] = (),
        accounts: Iterable[str] = (),
        senders: Iterable[str] = (),
        fallback_after: float = 30.0,
    ) -> None:
        self.name = name
        self.tiers = tuple(tuple(tier) for tier in tiers)
        self.to = tuple(to)
        self.kinds = frozenset(kinds)
        self.accounts = frozenset(accounts)
        self.senders = frozenset(senders)
        self.fallback_after = fallback_after

    def matches(self, account: str, kind: int, source: str, destination: str) -> bool:
        return (
            (not self.to or destination.startswith(self.to))
            and (not self.kinds or kind in self.kinds)
            and (not self.accounts or account in self.accounts)
            and (not self.senders or source in self.senders)
        )

    @property
    def bearers(self) -> tuple[str, ...]:
        return tuple(name for tier in self.tiers for name in tier)


class Health:
    """What routing needs to know of a bearer. since: when it last went up or down (seconds, steady clock)."""

    __slots__ = ("enabled", "kinds", "reason", "since", "up")

    def __init__(self, kinds: Iterable[int], since: float) -> None:
        self.kinds = frozenset(kinds)
        self.up = False
        self.enabled = True
        self.since = since
        self.reason = "starting"


class Choice:
    """The bearers that may take a message now, and why those: `chappe explain` prints it."""

    __slots__ = ("bearers", "retry_at", "why")

    def __init__(self, bearers: tuple[str, ...], why: str, retry_at: float = 0.0) -> None:
        self.bearers = bearers
        self.why = why
        self.retry_at = retry_at


class Router:
    """Routes in the order of the file; the first that matches wins."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)
        self._by_name = {route.name: route for route in routes}

    def match(self, account: str, kind: int, source: str, destination: str) -> Route | None:
        for route in self.routes:
            if route.matches(account, kind, source, destination):
                return route
        return None

    def get(self, name: str) -> Route | None:
        return self._by_name.get(name)

    def choose(self, route: Route, kind: int, health: Mapping[str, Health], now: float) -> Choice:
        """The best tier that works; a lower one only when every better one has been down for fallback_after."""
        why: list[str] = []
        for number, tier in enumerate(route.tiers):
            able = [name for name in tier if name in health and kind in health[name].kinds]
            if not able:
                why.append(f"tier {number + 1} ({', '.join(tier)}) carries no such kind")
                continue
            working = tuple(name for name in able if health[name].up and health[name].enabled)
            if working:
                return Choice(working, "; ".join([*why, f"tier {number + 1}: {', '.join(working)}"]))
            down = max(health[name].since for name in able)
            reasons = ", ".join(f"{name} {health[name].reason}" for name in able)
            if now - down < route.fallback_after and number + 1 < len(route.tiers):
                wait = f"{reasons}: the next tier is used {route.fallback_after:g} s after it went down"
                return Choice((), "; ".join([*why, wait]), down + route.fallback_after)
            why.append(f"tier {number + 1} is down: {reasons}")
        return Choice((), "; ".join(why) or "the route has no bearer")
