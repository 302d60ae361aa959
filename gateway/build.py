"""From settings to parts: how each part is made of its table. Opens nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import drivers
from drivers.bearer import Bearer, StateStore
from gateway.config import Config
from gateway.config.roads import BearerSettings, RouteSettings
from gateway.config.sections import StoreSettings
from gateway.model import KINDS, Kind
from gateway.road import Road
from gateway.routing import Route
from gateway.rules.country_file import Law
from gateway.sweeper import Keep
from gateway.throttle import Backoff

__all__ = [
    "bearer_of",
    "carried",
    "keep_of",
    "road_of",
    "routes_of",
    "terms_of",
    "wiped_at_once",
    "writes_apart",
]


def routes_of(settings: Sequence[RouteSettings]) -> list[Route]:
    return [
        Route(
            route.name,
            route.tiers,
            () if "*" in route.match.to else route.match.to,
            [KINDS[kind] for kind in route.match.kinds],
            () if "*" in route.match.accounts else route.match.accounts,
            () if "*" in route.match.from_ else route.match.from_,
            route.fallback_after,
        )
        for route in settings
    ]


def bearer_of(settings: BearerSettings, state: StateStore) -> Bearer:
    """The driver's object. Raises what the driver's open() raises."""
    driver = drivers.load(settings.driver)
    bearer: Bearer = driver.open(settings.name, settings.link, state, *terms_of(settings))
    return bearer


def terms_of(settings: BearerSettings) -> tuple[Any, ...]:
    """The driver's Terms, of the bearer's own table; nothing for a driver that asks for none."""
    terms = getattr(drivers.load(settings.driver), "Terms", None)
    return () if terms is None else (terms(**{f.name: getattr(settings, f.name) for f in fields(terms)}),)


def carried(settings: BearerSettings, from_own_number: bool, law: Law | None) -> tuple[list[Kind], str]:
    """The kinds that a bearer may carry, and why not all that its table names."""
    kinds = [KINDS[kind] for kind in settings.kinds]
    if not from_own_number:
        return kinds, ""
    if not settings.sim_contract:
        return (
            [],
            f"it only receives: bearers.{settings.name}.sim_contract names no contract that allows sending",
        )
    forbidden = law is not None and law.home.sender.long_number_marketing == "forbidden"
    if forbidden and law is not None and Kind.MARKETING in kinds:
        kinds.remove(Kind.MARKETING)
        return kinds, f"no marketing from a SIM: country {law.home.code} forbids it"
    return kinds, ""


def road_of(settings: BearerSettings, bearer: Bearer, now: float, law: Law | None = None) -> Road:
    reserve = settings.reserve
    kinds, note = carried(settings, bearer.from_own_number, law)
    kept: dict[int, int] = {} if reserve is None else {
        Kind.OTP: reserve.otp, Kind.ALERT: reserve.alert, Kind.TRANSACTIONAL: reserve.transactional,
    }  # fmt: skip
    return Road(
        settings.name,
        bearer,
        kinds,
        settings.rate,
        kept,
        Backoff(settings.retry.first, settings.retry.max),
        settings.retry.tries,
        now,
        note,
    )


def keep_of(settings: StoreSettings) -> Keep:
    keep = settings.retention
    return Keep(
        int(keep.text * 1000), int(keep.otp_text * 1000), int(keep.metadata * 1000), int(keep.outbox * 1000)
    )


def wiped_at_once(config: Config) -> frozenset[int]:
    """Kinds whose text goes in the same write as their final state."""
    keep = config.store.retention
    kinds = {Kind.OTP} if keep.otp_text == 0 else set()
    return frozenset(kinds if keep.text else set(Kind))


def writes_apart(config: Config) -> bool:
    """Whether a process of its own writes the store: on one core it would only be in the way."""
    wanted = config.store.writer
    return wanted == "process" or (wanted == "auto" and len(os.sched_getaffinity(0)) > 1)
