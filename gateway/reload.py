"""A new configuration in a running gateway: checked first, then only the difference is applied.

What needs a restart refuses the whole reload, with the reason, before anything has changed: half a
configuration is nobody's. Which key takes what is one table: gateway.config.RELOAD.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from typing import TYPE_CHECKING

import structlog

from drivers.bearer import Bearer
from gateway import build
from gateway.config import Change, Config, Effect, diff, load_config
from gateway.events import Reloaded
from gateway.reroute import reroute
from gateway.road import Road
from gateway.routing import Router
from gateway.rulebook import law_of
from gateway.rules import Rulebook
from gateway.rules.country_file import Law
from gateway.stores.store import StoreError
from gateway.throttle import Backoff
from gateway.watchers import log as logging

if TYPE_CHECKING:
    from gateway.app import App

__all__ = ["ReloadRefused", "apply", "reload"]

log = structlog.get_logger("gateway.reload")

DRAIN = 10.0
"""Seconds that a bearer which is removed or bound anew may take for its last answers."""


class ReloadRefused(ValueError):
    """Nothing was changed. changes: those that need a restart."""

    def __init__(self, changes: list[Change]) -> None:
        self.changes = changes
        keys = "; ".join(f"{change} ({change.why})" for change in changes)
        super().__init__(f"a restart is needed for: {keys}. Nothing was changed")


async def reload(app: App) -> list[dict[str, str]]:
    """Read the file again and apply it. Raises ConfigError (all faults) or ReloadRefused; then nothing changed."""
    return await apply(app, load_config(app.config.path, os.environ))


async def apply(app: App, new: Config) -> list[dict[str, str]]:
    """Go from app.config to `new`; returns what changed, as words for operators."""
    changes = diff(app.config, new)
    stopping = [change for change in changes if change.effect is Effect.RESTART]
    if stopping:
        log.error("reload.refused", keys=[change.key for change in stopping])
        refused = ReloadRefused(stopping)
        app.bus.publish(Reloaded([], str(refused), app.clock.wall_ms()))
        raise refused
    law = law_of(new)
    served = app.web.check(new)
    renewed = app.smpp.renewal() if app.smpp is not None else None
    made = _make_bearers(app, new, changes)
    old = app.config
    rules = _rules(app, new, law)
    _accounts(app, old, new)
    served()
    if renewed is not None:
        renewed()
    _live(app, new, rules)
    await _bearers(app, old, new, made)
    if any(change.key.split(".")[0] == "routes" for change in changes):
        app.dispatcher.router = Router(build.routes_of(new.routes))
        app.outcomes.dissolve()
        await _reroute(app)
    app.dispatcher.health_changed()
    app.dispatcher.pump_all()
    log.info("reload.applied", changes=[change.key for change in changes])
    app.bus.publish(Reloaded([change.key for change in changes], "", app.clock.wall_ms()))
    return [{"key": c.key, "effect": c.effect.value, "change": str(c), "why": c.why} for c in changes]


def _rules(app: App, new: Config, law: Law | None) -> Rulebook:
    """`new` is in force with its rules, or, where the store does not tell what they count, nothing is."""
    before = app.config, app.law
    app.config, app.law = new, law
    try:
        return app.rulebook()
    except (StoreError, sqlite3.Error):
        app.config, app.law = before
        raise


async def _reroute(app: App) -> None:
    """All else is in force by now: a store that cannot be read for a moment does not leave the rest undone."""
    for wait in (1.0, 5.0, 0.0):
        try:
            await reroute(app.queue, app.store, app.desk, app.dispatcher.router, app.clock)
        except (StoreError, sqlite3.Error) as error:
            log.warning(
                "reload.reroute", reason=str(error),
                remedy="what waits for a route that is gone stays where it is: reload again when the store is well",
            )  # fmt: skip
            await asyncio.sleep(wait)
        else:
            return


def _accounts(app: App, old: Config, new: Config) -> None:
    app.accounts.apply(new.accounts)
    removed = [name for name in old.accounts if name not in new.accounts]
    if app.smpp is not None:
        app.smpp.dismiss(removed)
        app.smpp.resize_windows()


def _live(app: App, new: Config, rules: Rulebook) -> None:
    logging.configure(new.log)
    app.ledger.late_receipts = new.gateway.late_receipts
    app.intake.max_waiting = new.store.max_waiting
    app.sweeper.keep = build.keep_of(new.store)
    app.store.wipe_at_once = build.wiped_at_once(new)
    app.queue.reweigh()
    app.rules = app.intake.rules = rules
    app.stops.apply(new.rules, app.law)
    app.suppressions.apply(new.rules)
    app.recall.go_on()


def _make_bearers(app: App, new: Config, changes: list[Change]) -> dict[str, Bearer]:
    """The bearers that come or bind anew, made before anything is changed: a driver may refuse its settings."""
    anew = {
        c.key.split(".")[1] for c in changes if c.effect is Effect.REBIND and c.key.startswith("bearers.")
    }
    come = [name for name in new.bearers if name in anew or name not in app.dispatcher.roads]
    return {name: app.make_bearer(new.bearers[name]) for name in come}


async def _bearers(app: App, old: Config, new: Config, made: dict[str, Bearer]) -> None:
    """Links that are gone drain, changed ones bind anew, the others keep their sessions and take new figures."""
    for name in old.bearers:
        if name in app.dispatcher.roads and name not in new.bearers:
            await app.close_bearer(name, DRAIN)
    for name, settings in new.bearers.items():
        road = app.dispatcher.roads.get(name)
        if name in made:
            if (
                road is not None
            ):  # one after another: for a bearer that is not there, a lower tier is used at once
                await app.close_bearer(name, DRAIN)
            app.links.start(build.road_of(settings, made[name], app.clock.now(), app.law))
            if road is not None:
                _goes_on(app.dispatcher.roads[name], road)
            continue
        if road is None:  # gone while others were bound anew: the gateway stops
            continue
        fresh = build.road_of(settings, road.bearer, app.clock.now(), app.law)
        road.health.kinds, road.health.note = fresh.health.kinds, fresh.health.note
        road.backoff = Backoff(settings.retry.first, settings.retry.max)
        road.tries = settings.retry.tries
        if settings.rate != old.bearers[name].rate or settings.reserve != old.bearers[name].reserve:
            road.adaptive = fresh.adaptive
            road.throttle.adopt(fresh.throttle)


def _goes_on(road: Road, before: Road) -> None:
    """Bound anew: an operator's word outlives a new password, and a route that had fallen does not wait again."""
    before.throttle.adopt(road.throttle)
    road.throttle = before.throttle  # the last second counts, whichever connection it left by
    road.health.goes_on_from(before.health)
    road.disabled, road.health.enabled = before.disabled, not before.disabled
