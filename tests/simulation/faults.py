"""The storm's faults: a list drawn from the seed, each switched on at its moment and off again.

A fault is data (when, what, on whom, for how long, how bad), so that a failing run can be replayed with fewer of
them. What a fault means is one entry of EFFECTS.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from simulation.disk import SAYING

if TYPE_CHECKING:
    from simulation.shape import Cast
    from simulation.storm import Storm

__all__ = ["COUNTED_LATER", "EFFECTS", "Fault", "drawn"]


class Fault(NamedTuple):
    at: float
    what: str
    whom: str
    lasts: float
    level: float

    def __str__(self) -> str:
        lasts = f" for {self.lasts:.0f} s" if self.lasts else ""
        return f"{self.at:10.3f}  {self.what:<24} {self.whom}{lasts} ({self.level:.2f})"


CARRIER_MOODS = ("throttled", "queue_full", "retry", "refused", "next_route", "silent", "slow", "dead", "no_receipt",
                 "undelivered", "other_base", "early", "late", "twice", "bind_refused")  # fmt: skip
APPLICATION_MOODS = ("mute", "later", "resubmit", "cancel")
MODEM_FAULTS = ("mute", "late", "storm", "refused", "lost-answer", "lost-submit", "report-early", "report-twice",
                "report-late", "report-none", "reset", "unplug", "hang", "no-network", "full", "urc", "sim-out")  # fmt: skip
BROKER_FAULTS = ("gone", "slow", "hangs", "refuses", "cuts", "forgets", "remembers", "loses_acks")
WEBHOOK_MOODS = ("refuses", "gone", "fails", "busy", "redirects", "odd", "too_large", "early", "silent", "late", "slow", "cuts",
                 "garbage", "half", "hangs_up", "continues", "trickles", "idle", "name_lost", "name_private",
                 "name_slow", "name_dual")  # fmt: skip
COUNTED_LATER = frozenset(f"webhook.{name}" for name in WEBHOOK_MOODS)
"""When they bite (webserver.py, webhooks.py), not when they begin."""
Effect = Callable[["Storm", Fault], object]


def _actor(storm: Storm, fault: Fault) -> Any:
    """An application's web server has its name."""
    return (storm.webs if fault.what.startswith("webhook.") else storm.actors)[fault.whom]


def _mood(storm: Storm, fault: Fault) -> None:
    actor = _actor(storm, fault)
    name = fault.what.split(".")[1]
    if fault.what.startswith("webhook."):
        for _ in range(storm.random.choice((3, 12))):  # of which it is told
            within = min(fault.lasts, storm.random.choice((0.5, 120.0)))
            storm.world.after(within * storm.random.random(), storm.traffic.submit, fault.whom)
    lasts = fault.lasts
    if name == "too_large":  # several must wait for it
        actor.open_door(False)
        storm.world.after(8.0, actor.open_door, True)
        lasts += 60.0
    actor.moods[name] = fault.level
    storm.world.after(lasts, actor.moods.pop, name, None)


def _working(call: Effect) -> Effect:
    """The same a moment after some messages were submitted."""

    def effect(storm: Storm, fault: Fault) -> None:
        storm.at_work()
        storm.world.after(0.1 * storm.random.random(), call, storm, fault)

    return effect


def _door(storm: Storm, fault: Fault) -> None:
    server = _actor(storm, fault)
    server.open_door(False)
    storm.world.after(fault.lasts, server.open_door, True)


def _deaf(storm: Storm, fault: Fault) -> None:
    server = _actor(storm, fault)
    storm.network.deaf.add(server.port)
    server.drop()
    storm.world.after(fault.lasts, storm.network.deaf.discard, server.port)


def _unreading(storm: Storm, fault: Fault) -> None:
    actor = _actor(storm, fault)
    actor.moods["unreading"] = 1.0
    actor.read(False)

    def again() -> None:
        actor.moods.pop("unreading", None)
        actor.read(True)

    storm.world.after(fault.lasts, again)


def _slow(storm: Storm, fault: Fault) -> None:
    port = 2775 if fault.what.startswith("application.") else _actor(storm, fault).port
    storm.network.slow[port] = 5 * fault.level
    storm.world.after(fault.lasts, storm.network.slow.pop, port, None)


def _away(storm: Storm, fault: Fault) -> None:
    application = storm.applications[fault.whom]
    application.vanish(True)
    for _ in range(4):  # what comes meanwhile waits for it, and in order
        storm.world.after(fault.lasts * storm.random.random(), storm.traffic.reply, 0.1, fault.whom)
    storm.world.after(fault.lasts, application.vanish, False)


def _broker(storm: Storm, fault: Fault) -> None:
    storm.broker.mood(fault.what.split(".")[1], fault.lasts)
    if fault.what == "broker.slow" and fault.level < 0.6:  # who leaves now finds no ear
        storm.world.after(min(2.0, fault.lasts / 2), storm.restart)


def _modem(storm: Storm, fault: Fault) -> None:
    kind = fault.what.split(".")[1]
    if kind in ("lost-answer", "lost-submit", "refused"):
        for name in storm.applications:
            storm.traffic.submit(name, "ALERT")
    storm.modem.fault(
        kind, fault.lasts or 5.0, "+CMS ERROR: 38" if kind == "refused" else "power" if kind == "hang" else ""
    )


def _restarting(storm: Storm, fault: Fault) -> None:
    """Where there are webhooks, mostly while some of them do not answer."""
    if not storm.webs:
        storm.restart()
        return
    for server in storm.webs.values():
        if storm.random.random() < 0.7:
            server.moods["silent"] = 1.0
            storm.world.after(15.0, server.moods.pop, "silent", None)
    storm.at_work()
    storm.world.after(8.0 * fault.level, storm.restart)


def _refusing(storm: Storm, fault: Fault) -> None:
    """The disk answers ENOSPC to every write, or EIO at COMMIT."""
    disk = storm.disk
    storm.alerts()
    disk.refuse = "SQLITE_FULL" if fault.level < 0.5 else "SQLITE_IOERR_FSYNC"
    disk.refuse_commits_only = fault.level >= 0.5
    storm.sick(fault.lasts)
    storm.world.after(fault.lasts, setattr, disk, "refuse", "")


def _hanging(storm: Storm, fault: Fault) -> None:
    storm.disk.stall = 6 * fault.level
    storm.sick(fault.lasts)
    storm.world.after(fault.lasts, setattr, storm.disk, "stall", 0.0)


def _refusing_once(storm: Storm, fault: Fault) -> None:
    """EIO at one COMMIT; what follows it may be on its way already."""
    storm.at_work()
    storm.disk.refuse_at = storm.disk.commits + 1 + int(9 * fault.level)
    storm.sick(10.0)


def _killing_the_clerk(storm: Storm, fault: Fault) -> None:
    """About one of the next ten COMMITs, or at a moment that has to do with none."""
    storm.at_work()
    where = int(5 * fault.level)
    if where > SAYING:
        storm.world.after(0.1 * storm.random.random(), storm.clerks.kill)
    else:
        storm.disk.kill_where = where
        storm.disk.kill_at = storm.disk.commits + 1 + int(50 * fault.level) % 10


def _without_a_clerk(storm: Storm, fault: Fault) -> None:
    """Whoever writes dies, and no other can be started, or open the file."""
    thing, why = (storm.clerks, "none") if fault.what == "clerk.none" else (storm.disk, "shut")
    setattr(thing, why, True)
    storm.at_work()
    storm.world.after(0.05, storm.clerks.kill)
    storm.sick(fault.lasts)
    storm.world.after(fault.lasts, setattr, thing, why, False)


def _stalling(storm: Storm, fault: Fault) -> None:
    world = storm.world
    world.now += 0.05 + 3 * fault.level**3
    storm.books.sick.append([world.now - 0.05 - 3 * fault.level**3, world.now + 1])


def _jumping(storm: Storm, fault: Fault) -> None:
    storm.clock.base_ms += int((fault.level - 0.5) * 14_400 * 1000)
    storm.books.jumped = True


EFFECTS: dict[str, Effect] = {
    **{f"carrier.{name}": _mood for name in CARRIER_MOODS},
    **{f"application.{name}": _mood for name in APPLICATION_MOODS},
    "carrier.reset": _working(lambda storm, fault: storm.carriers[fault.whom].drop()),
    "carrier.half_close": _working(lambda storm, fault: storm.carriers[fault.whom].half_close()),
    "carrier.closed": _working(_door),
    "carrier.unreachable": _deaf,
    "carrier.unreading": _unreading,
    "carrier.line_slow": _slow,
    "application.reset": _working(lambda storm, fault: storm.applications[fault.whom].drop()),
    "application.half_close": _working(lambda storm, fault: storm.applications[fault.whom].half_close()),
    "application.away": _working(_away),
    "application.unreading": _unreading,
    "application.line_slow": _slow,
    "application.burst": lambda storm, fault: storm.traffic.burst(fault.whom, fault.level),
    **{f"webhook.{name}": _mood for name in WEBHOOK_MOODS},
    "webhook.reset": _working(lambda storm, fault: storm.webs[fault.whom].drop()),
    "webhook.closed": _working(_door),
    "webhook.unreachable": _working(_deaf),
    "webhook.unreading": _working(_unreading),
    "webhook.line_slow": _slow,
    "webhook.moves": _working(lambda storm, fault: storm.webs[fault.whom].move(storm)),
    "phones.reply": lambda storm, fault: storm.traffic.reply(fault.level),
    "phones.stop": lambda storm, fault: storm.traffic.stop_word(),
    **{f"modem.{kind}": _modem for kind in MODEM_FAULTS},
    **{f"broker.{kind}": _broker for kind in BROKER_FAULTS},
    "mqtt.command": lambda storm, fault: storm.remote.command(fault.lasts, fault.level),
    "mqtt.wrong": lambda storm, fault: storm.remote.wrong(),
    "mqtt.alerts": lambda storm, fault: storm.remote.texts(fault.level),
    "modem.other_sim": lambda storm, fault: storm.modem.other_pin(),
    "phones.to_the_sim": lambda storm, fault: storm.modem.reply("+33612340001", f"Oui {fault.level:.2f}"),
    "disk.refuses": _refusing,
    "disk.refuses_once": _refusing_once,
    "disk.hangs": _hanging,
    "disk.nearly_full": lambda storm, fault: storm.nearly_full(fault.lasts),
    "clerk.killed": _killing_the_clerk,
    "clerk.none": _without_a_clerk,
    "clerk.shut_out": _without_a_clerk,
    "process.killed": lambda storm, fault: storm.kill(int(1000 * fault.level**3)),
    "process.power": lambda storm, fault: storm.cut_power(1 + int(20 * fault.level)),
    "process.restarted": _restarting,
    "process.stalls": _stalling,
    "clock.jumps": _jumping,
    "operator.reloads": lambda storm, fault: storm.operator.reload(fault.level),
    "operator.holds": lambda storm, fault: storm.operator.hold(fault.lasts, fault.level),
    "operator.drains": lambda storm, fault: storm.operator.drain(fault.lasts),
    "operator.link": lambda storm, fault: storm.operator.link(fault.whom, fault.lasts, fault.level),
    "operator.looks": lambda storm, fault: storm.operator.look(fault.level),
}

_SHORT = {"clerk.none", "clerk.shut_out", "disk.refuses", "disk.hangs", "operator.drains"}
_NO_TIME = {"carrier.reset", "carrier.half_close", "application.reset", "application.half_close", "application.burst",
            "clerk.killed", "disk.refuses_once", "phones.reply", "phones.stop", "process.killed", "process.power", "process.restarted", "process.stalls",
            "webhook.reset", "webhook.moves",
            "clock.jumps", "operator.reloads", "operator.looks", "modem.other_sim", "phones.to_the_sim", "broker.cuts", "broker.forgets",
            "broker.remembers", "mqtt.wrong", "mqtt.alerts"}  # fmt: skip
_WEIGHT = {**{f"modem.{kind}": 1.5 for kind in MODEM_FAULTS}, "modem.other_sim": 0.4,
           "phones.reply": 6, "phones.stop": 4, "application.burst": 6, "clerk.killed": 4, "process.killed": 5, "process.power": 3,
           "broker.slow": 3, "mqtt.command": 14, "mqtt.wrong": 8, "mqtt.alerts": 4,
           "clock.jumps": 0.5, "carrier.reset": 2}  # fmt: skip


def drawn(
    draw: random.Random,
    until: float,
    count: int,
    carriers: list[str],
    applications: list[str],
    webs: list[str],
    cast: Cast,
) -> list[Fault]:
    """`count` faults before `until`, about half of them in thick weather: several within a minute or two.

    Well before: what begins when all is mended is never ended.
    """
    absent: list[str] = [] if cast.modem else ["modem.", "phones.to_the_sim"]
    absent += [] if cast.broker else ["broker.", "mqtt."]
    absent += [] if cast.clerk else ["clerk."]
    absent += [] if cast.webhooks else ["webhook."]
    names = [name for name in EFFECTS if not name.startswith(tuple(absent))]
    weights = [_WEIGHT.get(name, 1.0) for name in names]
    found = []
    thick = [draw.uniform(60, until) for _ in range(max(1, count // 12))]
    for _ in range(count):
        what = draw.choices(names, weights)[0]
        at = draw.choice(thick) + draw.uniform(0, 120) if draw.random() < 0.6 else draw.uniform(30, until)
        actors = {"application": applications, "webhook": webs}
        whom = draw.choice(actors.get(what.split(".")[0], carriers))
        lasts = (
            0.0
            if what in _NO_TIME
            else draw.choice((2, 20, 120) if what in _SHORT else (5, 60, 600, 7200)) * (0.5 + draw.random())
        )
        level = draw.choice((0.1, 0.3, 1.0)) if "mood" in what or EFFECTS[what] is _mood else draw.random()
        found.append(Fault(round(min(at, until - 5), 3), what, whom, round(lasts, 3), level))
    return sorted(found)


def words(fault: Fault) -> dict[str, Any]:
    return fault._asdict()
