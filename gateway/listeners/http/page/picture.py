"""The gateway at one moment, as plain data for the page: one picture, shared by all who look within its second.

Read from the live parts by the views that the command line has, too. The store is asked for two small ranges of
its newest rows and for what is held one by one, never more often than here, however many look.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import gateway as program
from drivers.sms import address
from gateway.control import roads, views, waiting
from gateway.control.parts import Gateway, View
from gateway.control.words import admitted_at, kind_word, moment, state_word
from gateway.events import AlarmMoved
from gateway.holds import Hold
from gateway.masking import masked
from gateway.model import Kind
from gateway.routing import Route

__all__ = ["FRESH", "LAST", "OptOutsToday", "Pictures"]

FRESH = 1.0
"""Seconds for which one picture serves."""
LAST = 20
"""Messages that are shown."""
SIZES_EVERY = 10.0
"""Seconds between two looks at the store's files."""
_MESSAGES = "SELECT id, account, kind, destination, state, bearer FROM message ORDER BY id DESC LIMIT ?"
_ACTS = "SELECT id, at, act, key FROM optout_act WHERE id>? ORDER BY id LIMIT 5000"
_ACTS_BEFORE = "SELECT id, at FROM optout_act WHERE id<? ORDER BY id DESC LIMIT 1000"
_FLOW = ("route", "kind", "account", "tag")
_WORST_FIRST = ("down", "sick", "disabled", "draining", "paused", "full", "up")


class OptOutsToday:
    """Numbers whose owners objected, or took that back, since midnight; counted on from the last row that was seen."""

    def __init__(self) -> None:
        self._day = 0
        self._after = 0
        self._numbers: dict[str, set[int]] = {}

    async def count(self, gateway: Gateway, midnight: int) -> dict[str, int]:
        """By act: stop, start, add, import, … midnight: when today began, Unix ms."""
        store = gateway.store
        if self._day != midnight:
            self._day, self._numbers = midnight, {}
            self._after = await self._last_before(gateway, midnight)
        while rows := await store.query(_ACTS, (self._after,)):
            for _, _, act, key in rows:
                self._numbers.setdefault(act, set()).add(key)
            self._after = rows[-1][0]
        return {act: len(numbers) for act, numbers in self._numbers.items()}

    @staticmethod
    async def _last_before(gateway: Gateway, midnight: int) -> int:
        """The last act of the day before, looked for from the newest on: rows stand in the order of time."""
        before = 2**63 - 1
        while rows := await gateway.store.query(_ACTS_BEFORE, (before,)):
            for number, at in rows:
                if at < midnight:
                    return int(number)
            before = rows[-1][0]
        return 0


class Pictures:
    """See the module."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._lock = asyncio.Lock()
        self._taken: tuple[float, View] | None = None
        self._began: dict[str, tuple[str, int]] = {}
        self._optouts = OptOutsToday()
        self._sizes: tuple[float, View] | None = None

    @property
    def zone(self) -> ZoneInfo:
        """In which moments are shown."""
        return ZoneInfo(self._gateway.config.gateway.timezone)

    async def now(self, age: float = FRESH) -> View:
        """A picture that is at most so old, in seconds."""
        async with self._lock:
            now = time.monotonic()
            if self._taken is None or now - self._taken[0] >= age:
                self._taken = now, await self._take()
            return self._taken[1]

    def forget(self) -> None:
        """Somebody has acted: the next picture is a new one."""
        self._taken = None

    def look(self) -> None:
        """Notes since when each bearer is as it is: nobody else knows when an operator disabled one."""
        now, wall = self._gateway.clock.now(), self._gateway.clock.wall_ms()
        there = self._gateway.dispatcher.roads
        for name, road in there.items():
            state = roads.condition(road, now)[0]
            if self._began.get(name, ("", 0))[0] != state:
                self._began[name] = state, wall
        for name in self._began.keys() - there.keys():
            del self._began[name]

    # ── taking one ───────────────────────────────────────────────────────────────────────────────────────
    async def _take(self) -> View:
        gateway = self._gateway
        self.look()
        wall = gateway.clock.wall_ms()
        held = await gateway.held.count(gateway)
        state, why = views.state_of(gateway)
        acts = await self._optouts.count(gateway, _midnight(wall, self.zone))
        there = gateway.dispatcher.roads.values()
        bearers = masked(self._bearers())
        return {
            "at": moment(wall),
            "unix": wall / 1000,
            "name": gateway.config.gateway.name,
            "site": gateway.config.gateway.site,
            "version": program.__version__,
            "started": moment(gateway.started_at),
            "timezone": gateway.config.gateway.timezone,
            "state": state,
            "why": masked(why),
            "alarms": [_alarm(event, bearers) for event in gateway.alarms],
            "bearers": bearers,
            "routes": masked(_routes(gateway)),
            "waiting": waiting.by_kind(gateway, held),
            "holds": [_hold(hold) for hold in gateway.holds],
            "in_flight": sum(len(road.unanswered) + road.staged_count + road.taking for road in there),
            "in_doubt": len(gateway.doubts),
            "rates": {name: gateway.rates.per_second(name) for name in ("admitted", "accepted", "delivered", "failed")},
            "accounts": masked(views.accounts(gateway, gateway.rates)),
            "messages": await self._messages(),
            "optouts": {"total": len(gateway.stops.optouts), "today": acts},
            "store": await self._store(),
        }  # fmt: skip

    def _bearers(self) -> list[View]:
        """Worst first. Those that are configured and not open stand among them, as down."""
        gateway = self._gateway
        now, wall = gateway.clock.now(), gateway.clock.wall_ms()
        found = roads.links(gateway, gateway.rates)
        for link in found:
            road = gateway.dispatcher.roads[link["name"]]
            link["modem"] = road.bearer.from_own_number
            if link["state"] == "sick":
                link["since"] = moment(wall - int((now - road.health.sick_since) * 1000))
            elif link["state"] not in ("up", "full", "down"):
                link["since"] = moment(self._began[link["name"]][1])
        for name in gateway.config.bearers.keys() - gateway.dispatcher.roads.keys():
            found.append(_closed(name, gateway.config.bearers[name].driver == "modem"))
        return sorted(found, key=lambda link: (_WORST_FIRST.index(link["state"]), link["name"]))

    async def _messages(self) -> list[View]:
        store = self._gateway.store
        return [
            {
                "id": str(row[0]),
                "admitted": moment(admitted_at(row[0])),
                "account": store.name(row[1]),
                "kind": kind_word(row[2]),
                "to": address.mask(row[3]),
                "state": state_word(row[4]),
                "bearer": store.name(row[5]) if row[5] else "",
            }
            for row in await store.query(_MESSAGES, (LAST,))
        ]

    async def _store(self) -> View:
        """Sizes change slowly, and asking for them takes a thread."""
        now = time.monotonic()
        if self._sizes is None or now - self._sizes[0] >= SIZES_EVERY:
            self._sizes = now, await views.store_figures(self._gateway)
        store = self._gateway.store
        fresh = round(asyncio.get_running_loop().time() - store.last_commit, 1)
        return {**self._sizes[1], "sick": store.sick, "last_commit_s": fresh}


def _midnight(wall_ms: int, zone: ZoneInfo) -> int:
    today = datetime.fromtimestamp(wall_ms / 1000, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return int(today.timestamp() * 1000)


def _alarm(event: AlarmMoved, bearers: Sequence[View]) -> View:
    """One that is about a bearer says what the bearer knows: since when, why, and what helps just now."""
    view = {
        "id": event.id, "severity": event.severity, "text": masked(event.text), "since": moment(event.at), "why": "",
        "remedy": "",
    }  # fmt: skip
    about = event.id.partition(".")[2] if event.id.startswith("bearer.") else ""
    for link in bearers:
        if link["name"] == about and link["since"]:
            view |= {
                "text": f"bearer {about} is {link['state']}",
                "why": link["detail"],
                "remedy": link["remedy"],
            }
            view["since"] = link["since"]
    return view


def _hold(hold: Hold) -> View:
    return {"words": waiting.hold_words(hold), "flow": dict(zip(_FLOW, hold, strict=True))}


def _closed(name: str, modem: bool) -> View:
    """A bearer that the gateway has closed for a moment: a reload opens it anew."""
    return {
        "name": name, "state": "down", "since": None, "reason": "stopped", "detail": "closed by the gateway",
        "remedy": roads.REMEDIES["stopped"], "modem": modem, "binds": [],
    }  # fmt: skip


def _routes(gateway: Gateway) -> list[View]:
    """Where each route with more than one tier sends now, kind by kind; what stands in says since when and why."""
    alarms = {event.id: event for event in gateway.alarms}
    found = []
    for route in gateway.dispatcher.router.routes:
        if len(route.tiers) > 1:
            alarm = alarms.get(f"fallback.{route.name}")
            ways = _ways(gateway, route)
            found.append(
                {
                    "name": route.name,
                    "tiers": [list(tier) for tier in route.tiers],
                    "ways": ways,
                    "fallen": alarm is not None,
                    "since": moment(alarm.at) if alarm is not None else None,
                }
            )
    return found


def _ways(gateway: Gateway, route: Route) -> list[View]:
    """Kinds that go the same way now, together."""
    ways: dict[tuple[int, tuple[str, ...]], View] = {}
    for kind in route.kinds or tuple(Kind):
        choice = gateway.dispatcher.choice(route, kind)
        way = ways.setdefault(
            (choice.tier, choice.bearers),
            {"tier": choice.tier + 1, "bearers": list(choice.bearers), "why": choice.why, "kinds": []},
        )
        way["kinds"].append(kind_word(kind))
    return list(ways.values())
