"""One run of the storm: a world, a gateway that is killed and started again in it, faults, calm, and a verdict."""

from __future__ import annotations

import hashlib
import random
import re
import shutil
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from simulation import faults as weather
from simulation import wire
from simulation.application import Application
from simulation.books import MOST_WRONG, Attempt, Books
from simulation.bounded import Bounded
from simulation.broker import SUBMIT, Broker
from simulation.carrier import TOKEN, Carrier
from simulation.clerk import Clerks
from simulation.clockwork import Crash, Spinning, World
from simulation.disk import Disk
from simulation.faults import COUNTED_LATER, EFFECTS, Fault
from simulation.judge import Judge
from simulation.modem import Modem
from simulation.network import Network, Plug
from simulation.operator import Operator
from simulation.process import Process, SimClock, seams
from simulation.remote import Remote
from simulation.shape import Cast, configuration, hooked
from simulation.traffic import Traffic
from simulation.webhooks import Names, reached
from simulation.webserver import ELSEWHERE, WebServer
from system.gatewayconfig import written

__all__ = ["Result", "Storm", "run"]

BEGINNINGS = ("2026-03-28T06:30", "2026-10-24T15:00", "2026-11-10T16:00", "2026-12-31T08:00", "2026-06-10T05:45",
              "2026-06-12T16:20")  # fmt: skip
"""UTC; summer time begins and ends, a holiday is near, midnight of a year, a Wednesday, a Friday evening."""
DAY = 86_400.0
ALLOWED = frozenset({"alarm.raised", "store.clerk_died", "store.clerk_cannot_open"})


class Result:
    """What came of a seed. digest: of every octet that left the gateway, with its moment."""

    def __init__(self, storm: Storm) -> None:
        self.seed = storm.seed
        self.faults = storm.faults
        self.wrong = storm.books.wrong
        self.happened = storm.books.happened
        self.days = storm.world.now / DAY
        self.digest = storm.digest.hexdigest()
        self.asked = len(storm.books.asks)
        self.sent = sum(len(ask.attempts) for ask in storm.books.asks.values())
        self.told = sum(len(ask.told) for ask in storm.books.asks.values())
        self.lives = len(storm.books.starts)
        self.story = storm.books.story


class Storm:
    """See the module. days: of storm, before the calm."""

    def __init__(
        self, seed: int, faults: list[Fault] | None = None, days: float = 1.0, story: bool = False
    ) -> None:
        self.seed = seed
        self.days = days
        self.random = self._draw("storm")
        self.world = World()
        self.network = Network(self.world, self._draw("network"))
        self.disk = Disk(self.world, self._draw("disk"))
        begin = datetime.fromisoformat(self._draw("begin").choice(BEGINNINGS)).replace(tzinfo=UTC)
        self.clock = SimClock(self.world, int(begin.timestamp() * 1000))
        self.books = Books(lambda: self.world.now, self.clock.wall_ms)
        if story:
            self.books.story = []
        self.judge = Judge(self.books)
        self.digest = hashlib.sha256()
        self.folder = Path(
            tempfile.mkdtemp(prefix="chappe-storm-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        )
        self._place = str(self.folder).encode()
        self.disk.path = self.folder / "state" / "chappe.db"
        self.disk.cut = self._power_is_gone
        self.clerks = Clerks(
            self.disk.path, self.world, self.disk, self._draw("clerk"), self._serves, self.books.fault
        )
        draw = self._draw("shape")
        self.cast = cast = Cast.of(seed)
        self.http = cast.http
        if not cast.modem:  # which has timers of its own, and much to say
            self.world.leap, self.world.stride = 120.0, 8.0
        self.table = configuration(self.folder, draw, cast)
        if cast.webhooks:
            hooked(self.folder, self._draw("hooks"), self.table["accounts"])
        self.config = self.write_configuration()
        self.carriers = {
            name: Carrier(name, table["link"]["port"], self.world, self.network, self.books, self._draw(name),
                          draw.choice(("decimal", "hex", "HEX", "padded")))
            for name, table in self.table["bearers"].items() if table["driver"] == "smpp"
        }  # fmt: skip
        for carrier in self.carriers.values():
            carrier.sluggish = 0.25 if cast.late else 0.0
        self.applications = {
            name: Application(
                name, self.world, self.network, self.books, self._draw(name), draw.choice((1, 2))
            )
            for name in self.table["accounts"]
        }
        self.webs = self._webservers()
        self.actors: dict[str, Any] = {**self.carriers, **self.applications}
        self.broker = Broker(self.world, self.books, self._draw("broker"))
        self.modem = Modem("sim1", "1234", self.world, self.books, begin.timestamp(), draw.randrange(1 << 30))
        self.operator = Operator(self, self._draw("operator"))
        for name, table in self.table["bearers"].items():
            self.books.rates[name] = [(0.0, table["rate"])]
        count = max(12, int(days * draw.choice((10, 25, 50, 90))))
        names = list(self.carriers), list(self.applications), list(self.webs)
        self.faults = (
            weather.drawn(self._draw("faults"), days * DAY, count, *names, cast) if faults is None else faults
        )
        self.process: Process | None = None
        self._frames: dict[Plug, wire.Deframer] = {}
        self._bearers = {carrier.port: name for name, carrier in self.carriers.items()}
        self.traffic = Traffic(self, self._draw("traffic"))
        self.remote = Remote(self, self._draw("remote"))
        self.bounded = Bounded(self)
        self._power = False
        self._full_until = -1.0
        self._lives = 0

    def _draw(self, name: str) -> random.Random:
        return random.Random(f"{self.seed} {name}")

    def _webservers(self) -> dict[str, WebServer]:
        """Of the accounts that have a webhook; some of them receive nothing by SMPP then."""
        draw, wrong = self._draw("webs"), self.books.violation
        self.network.names = names = Names(wrong, self.books.happened, draw)
        found = {}
        for name, account in self.table["accounts"].items():
            if "webhook" in account:
                at = urlsplit(account["webhook"])
                owner = self.applications[name]
                owner.bind_as = draw.choice((wire.BIND_TX, wire.BIND_TX, wire.BIND_TRX))
                if owner.bind_as == wire.BIND_TX:
                    self.books.by_post.add(name)
                found[name] = WebServer(owner, str(at.hostname), at.port or 0, names, draw, wrong)
        self.network.services[ELSEWHERE] = lambda _: wrong("webhook", "a redirect was followed")
        return found

    def write_configuration(self) -> Path:
        return written(self.folder, self.table)

    # ── running ──────────────────────────────────────────────────────────────────────────────────────────
    def run(self) -> Result:
        self.network.tap = self._tap
        world = self.world
        for fault in self.faults:
            world.at(fault.at, self._strike, fault)
        self.traffic.begin()
        free = lambda: 0 if world.now < self._full_until else 10**12  # noqa: E731
        clerks = self.clerks if self.cast.clerk else None
        outside = seams(self.disk, self._draw("urandom"), free, self._line, self.broker.session, clerks)
        with outside, reached(world):
            try:
                self._start()
                self.until(self.days * DAY)
                self._calm()
                self._drained()
                self.judge.settle()
                self.remote.settle()
                self.modem.judge()
                self.bounded.judge()
                self.broker.judge(self.process)
                self._remembered()
            except Spinning as error:
                self.books.violation("spins", str(error))
            finally:
                if self.process is not None:
                    self.process.die()
                shutil.rmtree(self.folder, ignore_errors=True)
        return Result(self)

    def until(self, end: float) -> None:
        world = self.world
        while world.now < end:
            process = self.process
            if process is None:
                world.step()
                continue
            try:
                process.loop.turn()
            except Crash:
                self._died()
                continue
            if process.stopped:
                self._died(words="stopped")
            elif process.failed:
                self._did_not_start(process.failed)

    def _start(self) -> None:
        self._lives += 1
        if self.books.deaths:
            self.broker.judge_absence(self.books.deaths[-1])
        self.books.starts.append(self.world.now)
        for name, table in self.table["bearers"].items():
            self.books.rates[name] = [(self.world.now, table["rate"])]
        self.process = Process(
            self.world,
            self.network,
            self.disk,
            self.clock,
            self.config,
            f"{self.seed} life {self._lives}",
            self.modem.open,
            self.clerks,
        )

    def _died(self, words: str = "died") -> None:
        process = self.process
        assert process is not None
        left = self.disk.left if self._power else None
        self.broker.died(self._power)
        self.remote.standing.died()
        self.books.tell("gateway", f"{'power is gone' if self._power else words}")
        self._power = False
        self._complaints(process)
        process.die(left)
        self.process = None
        self.books.deaths.append(self.world.now)
        self._frames.clear()
        self.world.after(1.5 + 20 * self.random.random() ** 4, self._start)

    def _did_not_start(self, why: str) -> None:
        if not (self.disk.refuse or self.disk.shut):
            self.books.violation("start", why)
            if len(self.books.wrong) >= MOST_WRONG:  # each life that never began is kept in memory
                raise Spinning("it starts again and again, and never runs")
        self._died(f"did not start: {why}")

    def _complaints(self, process: Process) -> None:
        for words in process.loop.complaints:
            self.books.violation("loop", words)

    # ── faults ───────────────────────────────────────────────────────────────────────────────────────────
    def _strike(self, fault: Fault) -> None:
        if fault.what in COUNTED_LATER:
            self.books.tell("FAULT", fault.what)
        else:
            self.books.fault(fault.what)
        EFFECTS[fault.what](self, fault)

    def at_work(self) -> None:
        """Nobody learns anything from the death of an idle process, or of an idle connection."""
        for name in self.applications:
            for _ in range(self.random.randrange(10)):
                self.world.after(0.02 * self.random.random(), self.traffic.submit, name)
        self.alerts()

    def alerts(self) -> None:
        """Some texts by MQTT, at this moment."""
        for name in SUBMIT * 2 if self.cast.broker else ():
            self.world.after(0.02 * self.random.random(), self.traffic.submit, name, "", True)

    def kill(self, steps: int) -> None:
        self.at_work()
        if self.process is not None:
            self.process.loop.crash_at = self.process.loop.steps + 1 + steps

    def cut_power(self, commits: int) -> None:
        self.at_work()
        self.disk.cut_at = self.disk.commits + commits

    def _serves(self) -> bool:
        return self.process is not None and self.process.ready

    def _power_is_gone(self) -> None:
        if self.process is not None:
            self._power = True
            self.process.loop.crash_at = self.process.loop.steps

    def restart(self) -> None:
        process = self.process
        if process is not None and process.ready:
            process.ready = False
            process.stop()
            self.world.after(300, self._must_have_stopped, process)  # its timers may be late by a leap

    def _must_have_stopped(self, process: Process) -> None:
        if process is self.process and not process.stopped and not self.disk.refuse:
            self.books.violation("stop", "the gateway did not stop within 300 s of SIGTERM")

    def sick(self, lasts: float) -> None:
        self.books.sick.append([self.world.now, self.world.now + lasts + 10])

    def nearly_full(self, lasts: float) -> None:
        self._full_until = self.world.now + lasts

    # ── seeing ───────────────────────────────────────────────────────────────────────────────────────────
    def _tap(self, plug: Plug, octets: bytes) -> None:
        """The gateway hands these octets to a transport."""
        self.digest.update(f"{self.world.now:.9f} {plug.port} ".encode())
        if plug.port != "control":  # which tells of paths and of the machine
            self.digest.update(octets.replace(self._place, b""))  # a full disk is told of with its folder
        bearer = self._bearers.get(plug.port)
        if bearer is None:
            return
        frames = self._frames.setdefault(plug, wire.Deframer())
        for command, _, _, body in frames.feed(octets):
            if command == wire.SUBMIT:
                self.judge.rate(bearer)
                self._handed(bearer, wire.parse_sm(body))

    def _handed(self, bearer: str, sm: wire.Submission) -> None:
        found = TOKEN.search(sm.text)
        if found is None:
            return  # the gateway's own: the confirmation of a STOP
        ask = self.books.find(found[1].decode(), sm.destination)
        if ask is None:
            self.books.violation("truth", f"{found[1]!r} leaves for {sm.destination}, whom nobody named")
            return
        attempt = Attempt(bearer, sm.part, sm.total, self.world.now, self.clock.wall_ms())
        attempt.version = int(found[2])
        ask.attempts.append(attempt)
        self.books.tell("gateway", f"{ask.token} part {sm.part}/{sm.total} leaves by {bearer}")
        self.judge.handed(ask, attempt)
        self.remote.standing.handed(bearer, ask)

    def _line(self, level: str, event: str, fields: dict[str, Any]) -> None:
        if fields.get("exc_info") is True:
            fields["exc_info"] = traceback.format_exc()[-1800:]
        self.books.tell("log", level, event, fields)
        if event == "operator.act":
            self.remote.act(fields["who"], fields["verb"])
        if level in ("error", "critical", "exception") and event not in ALLOWED:
            self.books.violation("log", f"{event} {fields}")

    # ── the end ──────────────────────────────────────────────────────────────────────────────────────────
    def _calm(self) -> None:
        """Everything is mended, everybody is there."""
        self.books.tell("world", "calm")
        self.world.leap = 60.0 if self.cast.modem else 600.0
        self.disk.refuse, self.disk.stall, self.disk.cut_at = "", 0.0, 0
        self.disk.refuse_at = self.disk.kill_at = 0
        self.clerks.none = self.disk.shut = False
        self._full_until = -1.0
        self.network.deaf.clear()
        self.network.slow.clear()
        for actor in (*self.actors.values(), *self.webs.values()):
            actor.moods.clear()
            actor.read(True)
        for carrier in self.carriers.values():
            carrier.sluggish = 0.0
        for server in (*self.carriers.values(), *self.webs.values()):
            server.open_door(True)
        for application in self.applications.values():
            if application.away:
                application.vanish(False)
        self.broker.calm()
        self.remote.calm = True
        self.operator.held += self.remote.held
        for flow in list(self.operator.held):
            self.operator.release(flow)
        self.operator._until_heard("drain", {"off": True})
        for name in self.carriers:
            self.operator._until_heard("link", {"name": name, "act": "enable"})

    def _drained(self) -> None:
        """Until nobody waits for anything; at most as long as the longest validity and the wait for receipts."""
        end = self.world.now + 3 * DAY
        while self.world.now < end:
            self.until(self.world.now + 1800)
            app = self.process.app if self.process is not None and self.process.ready else None
            if app is not None and not app.queue.count and not self.judge.open():
                break
        self.until(self.world.now + 900)

    def _remembered(self) -> None:
        """What `chappe trace` tells of the messages that something is wrong with."""
        if self.books.story is None or self.process is None or not self.process.ready:
            return
        self.network.tap = lambda _plug, _octets: None  # to be asked is no part of the run, nor of its digest
        concerned = dict.fromkeys(re.findall(r"M\d{6}", " ".join(self.books.wrong[:3])))
        for ask in [ask for ask in self.books.asks.values() if ask.token in concerned and ask.ids]:
            self.operator.trace(ask)
        self.until(self.world.now + 10)


def run(seed: int, faults: list[Fault] | None = None, days: float = 1.0, story: bool = False) -> Result:
    return Storm(seed, faults, days, story).run()
