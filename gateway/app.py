"""Builds every part and runs them: the only module that knows everybody.

    app = App(config); await app.start(); await app.stop(drain=30)

Opening order: the store, what it remembers, the bearers, and last the doors; ready means that all listen. Long
lists are read behind open doors (recall.py): only marketing waits for them. Stopping goes the other way: doors, a
drain of what is on the wire, bearers, the store.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Sequence
from typing import IO

import structlog

from drivers.bearer import Bearer
from gateway import answers, build, process
from gateway.accounts import Accounts
from gateway.alarms import Alarms
from gateway.auto_replies import AutoReplies
from gateway.bus import Bus
from gateway.clock import Clock, SystemClock
from gateway.config import Config
from gateway.config.roads import BearerSettings
from gateway.consents import Consents
from gateway.control.rates import Rates, counters
from gateway.control.waiting import HeldOnes
from gateway.correlation import Correlation
from gateway.desk import Desk
from gateway.dispatch import Dispatcher, Ruling
from gateway.doubts import Doubts
from gateway.driver_state import DriverState
from gateway.events import StoreMoved
from gateway.holds import Holds
from gateway.intake import Intake
from gateway.last_writers import LastWriters
from gateway.ledger import Ledger
from gateway.links import Links
from gateway.listeners.control import ControlListener
from gateway.listeners.requests import Requests
from gateway.listeners.smpp import SmppListener
from gateway.lookout import Lookout
from gateway.mo import MobileOriginated
from gateway.model import Kind, Message, MessageIds
from gateway.notify import notify, watchdog_interval
from gateway.outbox import Outbox
from gateway.outcomes import Outcomes
from gateway.queue import ActiveQueue
from gateway.recall import Recall
from gateway.receipts import Receipts
from gateway.references import References
from gateway.reload import reload
from gateway.reroute import reroute
from gateway.routing import Router
from gateway.rulebook import Counters, law_of, rules_of
from gateway.rules import Rulebook
from gateway.rules.consent import ConsentRule
from gateway.rules.kept_consents import KeptConsents
from gateway.rules.optouts import OptOuts
from gateway.rules.reading import ReadingRule
from gateway.rules.rule import Rule
from gateway.rules.stop import StopRule
from gateway.rules.suppressed import SuppressedNumbers, SuppressRule
from gateway.stops import Stops
from gateway.stores import files
from gateway.stores.consent_table import ConsentTable
from gateway.stores.housekeeping import Housekeeping
from gateway.stores.opening import open_sqlite
from gateway.stores.optout_table import OptOutTable
from gateway.stores.reference_table import ReferenceTable
from gateway.stores.reply_table import ReplyTable
from gateway.stores.suppressed_table import SuppressedTable
from gateway.stores.writer_table import WriterTable
from gateway.suppressions import Suppressions
from gateway.sweeper import Sweeper
from gateway.watch import Watch
from gateway.web import Web

__all__ = ["App"]

log = structlog.get_logger("gateway")

TICK = 0.005
"""How often a waiting backlog is looked at between events: the throttle's slots come by time alone."""


class App:
    """A gateway. Every part is an attribute, for the control socket and for tests."""

    def __init__(self, config: Config, clock: Clock | None = None, draw: random.Random | None = None) -> None:
        self.config = config
        self.clock: Clock = clock or SystemClock()
        self.random = draw or random.Random()  # noqa: S311 - jitter, no secret
        self.draining = False
        self.drained = ""
        self.started_at = self.clock.wall_ms()
        self.rates = Rates()
        self.held = HeldOnes()
        self.control: ControlListener | None = None
        self._lock: IO[str] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._reloading = asyncio.Lock()

    # ── starting ─────────────────────────────────────────────────────────────────────────────────────────
    async def start(self) -> None:
        """Open everything; raises StoreError, OSError or the driver's own error, with nothing left open."""
        try:
            self._open_store()
            self._build()
            self._build_paths()
            self._remember()
            await reroute(self.queue, self.store, self.desk, self.dispatcher.router, self.clock)
            await self._open_doors()
        except BaseException:  # cancelled or failed: what is open is closed
            await self.stop(0.0)
            raise
        await self.watch.start()
        self._tasks += [
            asyncio.create_task(self._every_second(), name="every second"),
            asyncio.create_task(self._sweep(), name="sweeper"),
            asyncio.create_task(self._ticks(), name="ticks"),
        ]
        process.settle()
        log.info("gateway.ready", name=self.config.gateway.name, waiting=self.queue.count)
        self.recall.go_on()
        notify("READY=1", f"STATUS={self.queue.count} messages wait")

    def _open_store(self) -> None:
        path = self.config.store_path
        gone = files.was_there(path)
        self._lock = files.lock(path)
        if gone:
            log.warning(
                "store.missing", path=str(path),
                reason="a gateway ran here and its store is gone: an empty one is made",
                remedy="stop, chappe restore BACKUP, start; what applications submit meanwhile is kept in the new one",
            )  # fmt: skip
        self.store = open_sqlite(
            path, build.wiped_at_once(self.config), self._store_moved, self._mismatch,
            self._lock if build.writes_apart(self.config) else None,
        )  # fmt: skip

    def _build(self) -> None:
        """What all paths share: names, lists, rules, the queue."""
        config = self.config
        last = self.store.last_id()
        self.bus = Bus()
        self.alarms = Alarms(self.bus, self.clock)
        self.ids = MessageIds(config.gateway.node, last)
        self.accounts = Accounts(config.accounts, os.urandom)
        self.outbox = Outbox(self.store)
        self.ledger = Ledger(
            self.store, self.bus, self.outbox, self.ids, self.clock, config.gateway.late_receipts
        )
        self.holds = Holds(self.store)
        self.queue = ActiveQueue(self.store, self._weight, self.holds.matches)
        self.doubts = Doubts(self._on_doubt)
        self.correlation = Correlation()
        self.outcomes = Outcomes(
            self.ledger, self.queue, Router(build.routes_of(config.routes)), self.correlation, self.doubts,
            self.random.random,
        )  # fmt: skip
        self.optouts = OptOuts(OptOutTable(self.store).key_of(config.store.hmac_key_file))
        self.suppressions = Suppressions(
            self.ledger, SuppressedNumbers(self.optouts.digest), SuppressedTable(self.store), self.outcomes.roads
        )  # fmt: skip
        self.suppressions.apply(config.rules)
        self.consents = Consents(self.clock, KeptConsents(self.optouts.digest), ConsentTable(self.store))
        self.law = law_of(config)
        self.counters = Counters()
        self.rules = self.rulebook()

    def _build_paths(self) -> None:
        """Out, in, back, and who watches."""
        config = self.config
        self.dispatcher = Dispatcher(self.ledger, self.queue, self.outcomes, self._recheck)
        self.receipts = Receipts(self.ledger, self.correlation, self.doubts.claim)
        self.outcomes.early = self.receipts.accepted
        self.doubts.unmatched = self.receipts
        self.writers = LastWriters(WriterTable(self.store), self.optouts.digest)
        self.mo = MobileOriginated(self.ledger, self.owner_of, self.writers)
        self.references = References(ReferenceTable(self.store))
        self.intake = Intake(
            self.ledger, self.queue, self.dispatcher, self.rules, self.references, config.store.max_waiting
        )
        self.intake.closed = self._closed
        self.desk = Desk(self.ledger, self.queue, self.outcomes.standing_aside)
        self.intake.go_on = self.desk.hasten
        self.stops = Stops(
            self.ledger, self.desk, self.optouts, OptOutTable(self.store), self.accounts.get, self.dispatcher.roads,
            AutoReplies(self.clock, ReplyTable(self.store), self.accounts.get, self.intake.submit), self.writers,
        )  # fmt: skip
        self.stops.apply(config.rules, self.law)
        self.mo.hear = self.stops.hear
        self.links = Links(
            self.ledger, self.dispatcher, self.receipts, self.mo, self.random.random, self.writers
        )
        self.sweeper = Sweeper(
            self.store, Housekeeping(self.store), self.desk, self.ledger, self.queue, self.dispatcher,
            self.correlation, self.references, self.mo, build.keep_of(config.store), self._receipt_timeout,
        )  # fmt: skip
        self.recall = Recall(
            [self.stops.reading, self.suppressions.reading, self.consents.reading], [self.counters.reading],
            [self.writers.reading], self.clock, self.store.flush, self._bar,
        )  # fmt: skip
        self.lookout = Lookout(
            lambda: self.config, self.alarms, self.bus, self.clock, self.outbox, self.dispatcher
        )
        self.watch = Watch(self, self.random.random)
        self.web = Web(self, self.random.random)
        self.smpp: SmppListener | None = None
        if config.smpp is not None:
            requests = Requests(self.ledger, self.desk, self.intake)
            self.smpp = SmppListener(
                config.smpp, self.accounts, self.intake, self.outbox, requests, self.bus, self.clock
            )

    def _remember(self) -> None:
        """What the last process left: the backlog, what applications are owed, what was on the wire."""
        self.queue.load(self.clock.wall_ms())
        self.outbox.load()
        self.references.load()
        self.stops.remember()
        for each in (self.suppressions, self.consents, self.writers):
            each.reading.begin()
        self.recall.start()
        self.mo.load()
        doubtful = self.store.in_doubt()
        if doubtful:
            log.warning(
                "gateway.in_doubt",
                messages=len(doubtful),
                reason="they were on the wire when the last process ended",
            )
            self.outcomes.recover(doubtful)

    async def _open_doors(self) -> None:
        for name in self.config.bearers:
            self.open_bearer(name)
        if self.smpp is not None:
            await self.smpp.start()
        await self.web.start()
        self.control = ControlListener(self)
        await self.control.start()

    def open_bearer(self, name: str) -> None:
        settings = self.config.bearers[name]
        self.links.start(build.road_of(settings, self.make_bearer(settings), self.clock.now(), self.law))

    def make_bearer(self, settings: BearerSettings) -> Bearer:
        """The driver's object, not yet running. Raises what the driver's open() raises."""
        return build.bearer_of(settings, DriverState(self.store, settings.name))

    async def close_bearer(self, name: str, seconds: float) -> None:
        """Drain it and take it out; what it still had is in doubt, what waited for it waits."""
        await self.links.stop(name, seconds)

    async def reload(self) -> list[dict[str, str]]:
        """Read the file again and apply the difference; see reload.py for what it raises. One at a time."""
        async with self._reloading:
            if self.draining:
                raise ValueError("the gateway is stopping: nothing was changed")
            return await reload(self)

    def rulebook(self) -> Rulebook:
        """The rules as they are configured now; what they count is read where it is not counted yet."""
        self.counters.apply(self.config, self.store, self.clock.wall_ms())
        made: dict[str, Rule] = {
            "reading": ReadingRule(lambda: self.recall.unread),
            "stop": StopRule(self.optouts), "suppress": SuppressRule(self.suppressions.numbers),
            "consent": ConsentRule(self.consents.kept),
        }  # fmt: skip
        book = rules_of(self.config, self.law, self.counters, self.accounts.get, made)
        self.ledger.taken = book.taken if book.counts else None
        self.ledger.given_back = book.given_back if book.counts else None
        return book

    # ── stopping ─────────────────────────────────────────────────────────────────────────────────────────
    async def stop(self, drain: float) -> None:
        """Take nothing new, let what is on the wire be answered for at most `drain` seconds, close."""
        self.draining = True
        notify("STOPPING=1")
        if self.control is not None:
            await self.control.stop()
        async with self._reloading:
            pass  # one under way would open bearers behind us
        if hasattr(self, "recall"):
            await self.recall.stop()
        if getattr(self, "smpp", None) is not None and self.smpp is not None and drain:
            await self.smpp.drain(min(drain, 5.0))
        if hasattr(self, "links"):
            await self.links.stop_all(drain)
        if getattr(self, "smpp", None) is not None and self.smpp is not None:
            await self.smpp.stop()
        if hasattr(self, "web"):
            await self.web.stop()
        if hasattr(self, "stops"):
            await self.stops.close()
            await self.desk.close()
        if hasattr(self, "watch"):
            await self.watch.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if hasattr(self, "accounts"):
            self.accounts.close()
        if hasattr(self, "store"):
            if not self.store.sick:
                await self.store.flush()
            await self.store.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # ── always ───────────────────────────────────────────────────────────────────────────────────────────
    async def _ticks(self) -> None:
        while True:
            await asyncio.sleep(TICK if self.dispatcher.waiting else TICK * 4)
            if not self.dispatcher.waiting:
                continue
            try:
                self.dispatcher.pump_all()
            except Exception:  # a tick that dies would leave the backlog to chance
                log.exception("dispatch.failed")
                await asyncio.sleep(1.0)

    async def _every_second(self) -> None:
        watchdog = watchdog_interval()
        beat_at = self.clock.now()
        while True:
            await asyncio.sleep(min(1.0, watchdog or 1.0))
            try:
                self.lookout.look()
            except Exception:  # what cannot be looked at is no reason to miss the watchdog's beat
                log.exception("lookout.failed")
            now = self.clock.now()
            accepted = {name: road.accepted for name, road in self.dispatcher.roads.items()}
            self.rates.sample(now, counters(self.ledger.tally.counts, accepted))
            if watchdog and now - beat_at >= watchdog * 0.9 and not self.store.stuck(watchdog):
                beat_at = now
                notify("WATCHDOG=1", f"STATUS={self.queue.count} messages wait")

    async def _sweep(self) -> None:
        """Apart from the watchdog's beat: a full disk makes the sweeper wait, and is no reason to be killed."""
        while True:
            await asyncio.sleep(1.0)
            try:
                self.stops.turn()
                self.suppressions.turn()
                await self.sweeper.turn()
            except Exception:  # the next turn tries again
                log.exception("sweeper.failed")

    # ── what parts ask ───────────────────────────────────────────────────────────────────────────────────
    def _bar(self) -> None:
        """Marketing leaves once it is known who objects to it."""
        self.dispatcher.bar(frozenset({Kind.MARKETING} if self.recall.barred else ()))

    def _recheck(self, messages: Sequence[Message], now_ms: int) -> dict[int, Ruling]:
        return self.rules.recheck(messages, now_ms)  # whichever rulebook is in force: a reload swaps it

    def owner_of(self, number: str) -> str:
        """The account whose `mo` names this number."""
        return next((account.name for account in self.accounts if number in account.mo), "")

    def _closed(self) -> tuple[int, str] | None:
        if self.draining:
            return answers.SYSTEM_ERROR, "the gateway is shutting down: bind again in a moment"
        if self.drained:
            return answers.SYSTEM_ERROR, f"the gateway takes nothing new ({self.drained})"
        if self.lookout.low:  # which folder, is no application's business
            return answers.QUEUE_FULL, "the disk is nearly full (store.min_free_disk): submit again later"
        return None

    def _weight(self, account: str) -> int:
        found = self.accounts.get(account)
        return found.weight if found is not None else 1

    def _on_doubt(self, account: str, kind: int) -> str:
        found = self.accounts.get(account)
        return found.on_doubt[kind] if found is not None else "wait"

    def _receipt_timeout(self, bearer: str) -> int:
        settings = self.config.bearers.get(bearer)
        return int(settings.receipt_timeout * 1000) if settings is not None else 72 * 3_600_000

    def _store_moved(self, why: str) -> None:
        self.bus.publish(StoreMoved(not why, why, self.clock.wall_ms()))
        hint = f"{why}: new messages are refused until {self.config.store_path} can be written again"
        self.alarms.turn("store", bool(why), "critical", hint)

    def _mismatch(self, message_id: int, detail: str) -> None:
        log.error("store.state_mismatch", id=str(message_id), detail=detail)
