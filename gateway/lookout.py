"""Looks around once a second, and raises or clears the alarms that nobody else would: the disk, what applications
have not fetched, bearers that stay down, routes that use a lower tier.

Reads, judges, tells. It moves no message.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from gateway.alarms import Alarms
from gateway.bus import Bus
from gateway.clock import Clock
from gateway.config import Config
from gateway.dispatch import Dispatcher
from gateway.events import FallbackMoved
from gateway.model import Kind
from gateway.outbox import Outbox
from gateway.road import Road
from gateway.routing import Route

__all__ = ["Lookout"]

DOWN = 30.0
"""Seconds that a bearer may be away before somebody is told: most reconnect within a few."""
PARKED = frozenset({"bind.refused", "modem.gave_up"})
"""Reasons that do not heal by waiting: told at once. Those that begin with `sim.` are of this sort, too."""

WORDS = 120
"""Characters of a driver's own words in an alarm: it is read on a telephone."""
ONLY_RECEIVES = "sim.no_contract"
"""A modem without `sim_contract` is so by choice: `chappe check` says it, nobody need be woken."""


class Lookout:
    """See the module. low: why nothing new is taken while the disk is nearly full, "" when it is not."""

    def __init__(
        self, config: Callable[[], Config], alarms: Alarms, bus: Bus, clock: Clock, outbox: Outbox,
        dispatcher: Dispatcher,
    ) -> None:  # fmt: skip
        self._config = config
        self._alarms = alarms
        self._bus = bus
        self._clock = clock
        self._outbox = outbox
        self._dispatcher = dispatcher
        self._fallen: dict[str, tuple[int, tuple[str, ...]]] = {}
        self.low = ""

    def look(self) -> None:
        """Once a second."""
        self._disk()
        self._owed()
        self._bearers()
        self._fallbacks()

    # ── the disk ─────────────────────────────────────────────────────────────────────────────────────────
    def _disk(self) -> None:
        config = self._config()
        least = config.store.min_free_disk
        self.low = ""
        try:
            free = shutil.disk_usage(_existing(config.state_dir)).free
        except (
            OSError
        ) as error:  # whether it can be written is the store's to find out, not a reason to stop looking
            self._alarms.raise_("disk", "critical", f"{config.state_dir} cannot be looked at: {error}")
            return
        if free < least:
            self.low = (
                f"{free // 1_000_000} MB free in {config.state_dir}:"
                f" store.min_free_disk asks for {least // 1_000_000} MB"
            )
        self._alarms.turn("disk", bool(self.low), "critical", self.low)

    # ── applications ─────────────────────────────────────────────────────────────────────────────────────
    def _owed(self) -> None:
        """Half of store.retention.outbox is over for what an application is owed: somebody should call them."""
        half = self._clock.wall_ms() - int(self._config().store.retention.outbox * 500)
        late = {name for name, (_, oldest) in self._outbox.counts().items() if oldest and oldest < half}
        for name in late | self._alarms.standing("outbox"):
            text = f"{name} has not fetched receipts for half of store.retention.outbox: is it bound?"
            self._alarms.turn(f"outbox.{name}", name in late, "warning", text)

    # ── bearers ──────────────────────────────────────────────────────────────────────────────────────────
    def _bearers(self) -> None:
        now = self._clock.now()
        roads = self._dispatcher.roads
        wrong = {name: text for name, road in roads.items() if (text := _wrong(road, now))}
        for name in wrong.keys() | self._alarms.standing("bearer"):
            self._alarms.turn(f"bearer.{name}", name in wrong, "critical", wrong.get(name, ""))

    # ── the fallback ─────────────────────────────────────────────────────────────────────────────────────
    def _fallbacks(self) -> None:
        routes = {route.name: route for route in self._dispatcher.router.routes if len(route.tiers) > 1}
        for name in [name for name in self._fallen if name not in routes]:
            if self._fallen[name][0]:
                self._moved(name, 0, (), "the route has no lower tier any more")
            del self._fallen[name]
        for name, route in routes.items():
            lowest = self._lowest(route)
            if lowest is None:  # nobody carries anything: that is no way back to the better tier
                continue
            tier, why = lowest
            now = tier, route.tiers[tier] if tier else ()
            if now != self._fallen.get(name, (0, ())):
                self._fallen[name] = now
                self._moved(name, tier, route.tiers[tier], why)

    def _moved(self, name: str, tier: int, bearers: tuple[str, ...], why: str) -> None:
        """Tell it. From one lower tier to another, the alarm is another: its text names where messages go."""
        self._bus.publish(FallbackMoved(name, tier > 0, tier + 1, bearers, why, self._clock.wall_ms()))
        self._alarms.clear(f"fallback.{name}")
        text = f"route {name} uses tier {tier + 1} ({', '.join(bearers)}): {why}"
        self._alarms.turn(f"fallback.{name}", tier > 0, "warning", text)

    def _lowest(self, route: Route) -> tuple[int, str] | None:
        """The lowest tier that stands in for a better one, for any kind, and why; tier 0 while none does.

        None while no kind has a bearer at all.
        """
        if self._untouched(route):
            return 0, ""
        worst, why, carried = 0, "", False
        for kind in route.kinds or tuple(Kind):
            choice = self._dispatcher.choice(route, kind)
            carried = carried or bool(choice.bearers)
            if choice.bearers and choice.tier > max(worst, self._first_able(route, kind)):
                worst, why = choice.tier, choice.why
        return (worst, why) if carried else None

    def _untouched(self, route: Route) -> bool:
        """Whether the first tier carries every kind, and all of it is well and always was: nobody stands in for it."""
        missing = set(route.kinds or Kind)
        for name in route.tiers[0]:
            road = self._dispatcher.roads.get(name)
            if road is None:
                return False
            health = road.health
            if not (health.up and health.enabled) or health.sick or health.replaced:
                return False
            missing -= health.kinds
        return not missing

    def _first_able(self, route: Route, kind: int) -> int:
        """The first tier that carries this kind at all."""
        roads = self._dispatcher.roads
        for number, tier in enumerate(route.tiers):
            if any(name in roads and kind in roads[name].health.kinds for name in tier):
                return number
        return len(route.tiers)


def _wrong(road: Road, now: float) -> str:
    """Why somebody should look at this bearer; "" when nobody need."""
    health = road.health
    if road.disabled or road.draining or health.reason == ONLY_RECEIVES:
        return ""
    told = next((str(fields["alarm"]) for fields in road.status.values() if fields.get("alarm")), "")
    if told and health.up:
        return f"bearer {road.name}: {told}"
    if health.up and not health.sick:
        return ""
    parked = health.reason in PARKED or health.reason.startswith("sim.")
    if not parked and now - health.since < DOWN:
        return ""
    word = "sick" if health.up else "down"
    why = health.sick or f"{health.reason}{_in_words(road)}"
    return f"bearer {road.name} is {word}: {why}; `chappe links` says what to do"


def _in_words(road: Road) -> str:
    """What a bind that is down says of it, in parentheses: the reason alone is one word."""
    said = (str(fields.get("detail", "")) for fields in road.status.values() if fields.get("state") == "down")
    words = next(filter(None, said), "")
    return f" ({words[:WORDS]})" if words else ""


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there: the disk is the same."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
