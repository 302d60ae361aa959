"""The tables about where messages go: [bearers.NAME] and [routes.NAME].

Only data and its limits. A bearer's `link` belongs to its driver: load_config reads it into that driver's
own Settings class.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from drivers.settings import Between, Duration, LongerThanZero, Mark, Matches, NotEmpty, Positive
from drivers.terms import PowerLines, Quota
from gateway.config.sections import KIND_NAMES, Kinds, Sender

__all__ = [
    "BearerSettings",
    "MatchSettings",
    "Reserve",
    "RetrySettings",
    "RouteSettings",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """Segments of each second that lower kinds leave free for this one."""

    otp: Annotated[int, Between(0, 1000)] = 0
    alert: Annotated[int, Between(0, 1000)] = 0
    transactional: Annotated[int, Between(0, 1000)] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySettings:
    """Seconds before the first retry, doubled up to `max`; at most `tries` sendings."""

    first: LongerThanZero = 5.0
    max: LongerThanZero = 600.0
    tries: Annotated[int, Between(1, 1000)] = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class BearerSettings:
    """[bearers.NAME]: one road. rate: segments per second, exact in every sliding second.

    name is the table's. link: the driver's own Settings. enabled: false keeps the table and opens nothing.
    reserve, quota: filled by load_config where not given.
    """

    name: str = ""
    enabled: bool = True
    driver: Annotated[str, Matches(r"[A-Za-z_][\w.]*", "a driver's name or a dotted module")]
    rate: Annotated[Positive, Between(0, 100_000)]
    kinds: Kinds = KIND_NAMES
    reserve: Reserve | None = None
    receipt_timeout: LongerThanZero = 72 * 3_600.0
    retry: RetrySettings = RetrySettings()
    quota: Quota | None = None
    sim_contract: str = ""
    roaming: bool = False
    power: PowerLines | None = None
    link: Any = field(default_factory=dict)


class _Tiers(Mark):
    """["a", ["b", "c"]] as (("a",), ("b", "c")): tiers in order, each of bearers that share."""

    whole = True

    def read(self, value: Any) -> tuple[tuple[str, ...], ...]:
        words = 'must be a list of bearers: ["a", "b"], or ["a", ["b", "c"]] to share between b and c'
        if not isinstance(value, list) or not value:
            raise ValueError(words)
        tiers = tuple(tuple(tier) if isinstance(tier, list) else (tier,) for tier in value)
        names = [name for tier in tiers for name in tier]
        if not all(tiers) or not all(isinstance(name, str) for name in names):
            raise ValueError(words)
        if len(set(names)) < len(names):
            raise ValueError("must name each bearer once")
        return tiers

    def show(self, value: tuple[tuple[str, ...], ...]) -> list[str | list[str]]:
        return [tier[0] if len(tier) == 1 else list(tier) for tier in value]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchSettings:
    """What a route takes: prefixes of the recipient ("*" is all), kinds, accounts, source addresses."""

    to: tuple[Annotated[str, Matches(r"\*|\+?[0-9]{1,15}", 'a prefix like "+33", or "*"')], ...] = ("*",)
    kinds: Kinds = KIND_NAMES
    accounts: Annotated[tuple[str, ...], NotEmpty()] = ("*",)
    from_: Annotated[tuple[Sender, ...], NotEmpty()] = ("*",)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSettings:
    """[routes.NAME]: the first that matches, in file order. tiers: `bearers`, each tier a tuple of names.

    fallback_after: seconds that the better tier must be down or sick before the next one is used.
    """

    name: str = ""
    match: MatchSettings = MatchSettings()
    bearers: Annotated[tuple[tuple[str, ...], ...], _Tiers()]
    fallback_after: Duration = 30.0

    @property
    def tiers(self) -> tuple[tuple[str, ...], ...]:
        return self.bearers
