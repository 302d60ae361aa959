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
    def takes_all(self) -> bool:
        return not (self.to or self.kinds or self.accounts or self.senders)

    @property
    def bearers(self) -> tuple[str, ...]:
        return tuple(name for tier in self.tiers for name in tier)


SICK_AFTER = 10.0
"""Seconds of trouble, with nothing accepted meanwhile, after which an open bearer is sick."""

TROUBLED = 3
"""Different messages that must have met trouble: one message that nobody wants makes no bearer sick."""

PROBE = 30.0
"""Seconds after the last trouble when a sick bearer is given one message again, to see."""

RELAPSE = 300.0
"""Seconds after a sickness in which new trouble is taken for the same one: no second patience is had with it."""

SETTLED = 10.0
"""Seconds that a bearer whose place a lower tier took must be back before it is used again: no flapping."""


class Health:
    """What routing needs to know of a bearer. since: when it last went up or down (seconds, steady clock).

    down_since: when its last outage began, a gap shorter than SETTLED being part of it. replaced: (route, kind) of
    the messages that a lower tier takes in its stead. sick: why an open bearer takes nothing, "" while it does;
    sick_since: when that trouble began, a relapse being part of it. note: why some kinds are not its own, in words,
    "" for all.
    """

    __slots__ = (
        "_trouble_since",
        "_troubled",
        "_well_since",
        "down_since",
        "enabled",
        "kinds",
        "note",
        "reason",
        "replaced",
        "sick",
        "sick_since",
        "since",
        "troubled_at",
        "up",
    )

    def __init__(self, kinds: Iterable[int], since: float, note: str = "") -> None:
        self.kinds = frozenset(kinds)
        self.note = note
        self.up = False
        self.enabled = True
        self.since = since
        self.down_since = since
        self.replaced: set[tuple[str, int]] = set()
        self.reason = "starting"
        self.sick = ""
        self.sick_since = 0.0
        self.troubled_at = 0.0
        self._troubled: set[int] = set()
        self._trouble_since = 0.0
        self._well_since = -RELAPSE

    def moved(self, up: bool, reason: str, now: float) -> None:
        """The link opened, closed, or has another reason for what it is."""
        if up != self.up:
            if not up and now - self.since >= SETTLED:
                self.down_since = now  # else it had not settled: one outage with a gap
            self.since = now
            self.fine(now)
        self.up, self.reason = up, reason

    def goes_on_from(self, before: Health) -> None:
        """The same bearer, bound anew: what it was replaced for it still is, and an outage did not begin just now."""
        self.replaced = before.replaced
        if not before.up:
            self.down_since = before.down_since

    def fine(self, now: float) -> bool:
        """Something was accepted, or refused for a message's own sake; whether that ended a sickness."""
        was_sick = bool(self.sick)
        if self._troubled:
            self._troubled.clear()
        if was_sick:
            self._well_since = now
        self.sick = ""
        return was_sick

    def trouble(self, message_id: int, why: str, now: float) -> bool:
        """A message met an error that is the bearer's, or silence; whether the bearer is sick from now on."""
        if not self._troubled:
            self._trouble_since = now
            if now - self._well_since >= RELAPSE:
                self.sick_since = now
        if len(self._troubled) < TROUBLED:
            self._troubled.add(message_id)
        self.troubled_at = now
        if self.sick or len(self._troubled) < TROUBLED or now - self._trouble_since < SICK_AFTER:
            return False
        self.sick = why
        return True

    def well(self, patience: float, now: float) -> bool:
        """Open, and not sick for so long (seconds) that the next tier should take its place."""
        if not (self.up and self.enabled):
            return False
        return not self.sick or now - self.sick_since < patience

    def probed(self, now: float) -> bool:
        """Sick, and due for one message, to see whether it still is."""
        return self.up and self.enabled and bool(self.sick) and now - self.troubled_at >= PROBE


class Choice:
    """The bearers that may take a message now, and why those: `chappe explain` prints it.

    tier: theirs, from 0. instead_of: those of better tiers that would have had it.
    """

    __slots__ = ("bearers", "instead_of", "retry_at", "tier", "why")

    def __init__(
        self,
        bearers: tuple[str, ...],
        why: str,
        retry_at: float = 0.0,
        tier: int = 0,
        instead_of: tuple[str, ...] = (),
    ) -> None:
        self.bearers = bearers
        self.instead_of = instead_of
        self.why = why
        self.retry_at = retry_at
        self.tier = tier

    def beside(self, probed: tuple[str, ...]) -> tuple[str, ...]:
        """These bearers behind the others that it is time to try: when all are sick, one may be well again."""
        return tuple(name for name in probed if name not in self.bearers) + self.bearers


class Router:
    """Routes in the order of the file; the first that matches wins."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)
        first = self.routes[0] if self.routes else None
        self._all = first if first is not None and first.takes_all else None
        self._by_name = {route.name: route for route in routes}

    def match(self, account: str, kind: int, source: str, destination: str) -> Route | None:
        if self._all is not None:
            return self._all
        for route in self.routes:
            if route.matches(account, kind, source, destination):
                return route
        return None

    def get(self, name: str) -> Route | None:
        return self._by_name.get(name)

    def choose(self, route: Route, kind: int, health: Mapping[str, Health], now: float) -> Choice:
        """The best tier that works; a lower one only when every better one has been down, or sick, for
        fallback_after, and until it is back for a while. A sick tier is still better than none, and is given one
        message beside the tier that stands in for it, now and then (Road.room sees to the one).
        """
        why: list[str] = []
        second = Choice((), "")
        better: tuple[str, ...] = ()
        probed: tuple[str, ...] = ()
        for number, tier in enumerate(route.tiers):
            able = [name for name in tier if name in health and kind in health[name].kinds]
            if not able:
                why.append(_carries_none(number, tier, health))
                continue
            well = tuple(name for name in able if health[name].well(route.fallback_after, now))
            ill = tuple(name for name in able if name not in well and health[name].probed(now))
            if well and not self._returning(
                route, number, kind, [health[name] for name in well], health, now
            ):
                words = "; ".join([*why, f"tier {number + 1}: {', '.join(well)}"])
                return Choice(probed + ill + well, words, 0.0, number, better)
            better += tuple(able)
            probed += ill
            reasons = ", ".join(f"{name} {_state(health[name], now)}" for name in able)
            opened = tuple(name for name in able if health[name].up and health[name].enabled)
            if opened and not second.bearers:
                second = Choice(opened, f"tier {number + 1}, no other being better: {reasons}", 0.0, number)
            down = max(health[name].down_since for name in able)
            if not opened and now - down < route.fallback_after and number + 1 < len(route.tiers):
                wait = f"{reasons}: the next tier is used {route.fallback_after:g} s after it went down"
                return Choice(
                    second.beside(probed), "; ".join([*why, wait]), down + route.fallback_after, second.tier
                )
            why.append(f"tier {number + 1} is {'not used' if opened else 'down'}: {reasons}")
        if not second.bearers:
            return Choice((), "; ".join(why) or "the route has no bearer")
        return Choice(second.beside(probed), second.why, 0.0, second.tier)

    def _returning(
        self, route: Route, number: int, kind: int, better: Sequence[Health], health: Mapping[str, Health], now: float
    ) -> bool:  # fmt: skip
        """Whether a lower tier has taken this one's place, and keeps it until this one has settled."""
        if any((route.name, kind) not in each.replaced or now - each.since >= SETTLED for each in better):
            return False
        lower = (name for tier in route.tiers[number + 1 :] for name in tier if name in health)
        return any(health[name].well(0.0, now) and kind in health[name].kinds for name in lower)


def _carries_none(number: int, tier: Sequence[str], health: Mapping[str, Health]) -> str:
    notes = [f"{name}: {health[name].note}" for name in tier if name in health and health[name].note]
    return f"tier {number + 1} ({', '.join(tier)}) carries no such kind" + (
        f" ({'; '.join(notes)})" if notes else ""
    )


def _state(health: Health, now: float) -> str:
    if not health.enabled:
        return "is disabled"
    if not health.up:
        return health.reason
    if health.sick:
        return f"is sick: {health.sick}"
    return f"is back for {now - health.since:.0f} s, used again after {SETTLED:g} s"
