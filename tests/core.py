"""A gateway's core without sockets: real store, real queue, scripted bearers and a clock that stands still.

async with core(tmp_path, bearers=("a", "b"), tiers=[["a"], ["b"]]) as gw:
    answers = await gw.submit(gw.sms("+33612345678"))
    gw.a.accept()                       # answers all that the bearer was given
    await gw.settled()
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from making import NOW

from drivers.bearer import (
    Accepted,
    Doubtful,
    Inbound,
    Late,
    LinkChanged,
    MessageState,
    Receipt,
    Refused,
    Remedy,
    Unsent,
)
from drivers.sms.split import segment_count
from gateway import answers
from gateway.accounts import Account
from gateway.bus import Bus
from gateway.config.sections import AccountSettings, OnDoubt
from gateway.correlation import Correlation
from gateway.desk import Desk
from gateway.dispatch import Dispatcher
from gateway.doubts import Doubts
from gateway.intake import Intake
from gateway.last_writers import LastWriters
from gateway.ledger import Ledger
from gateway.lifecycle import State
from gateway.links import Links
from gateway.mo import MobileOriginated
from gateway.model import Kind, Message, MessageIds
from gateway.outbox import Outbox
from gateway.outcomes import Outcomes
from gateway.queue import ActiveQueue
from gateway.receipts import Receipts
from gateway.references import References
from gateway.road import Road
from gateway.routing import Route, Router
from gateway.rules import Rulebook
from gateway.rules.optouts import OptOuts
from gateway.stores.housekeeping import Housekeeping
from gateway.stores.opening import open_sqlite
from gateway.stores.reference_table import ReferenceTable
from gateway.stores.sqlite import SqliteStore
from gateway.stores.writer_table import WriterTable
from gateway.sweeper import Keep, Sweeper
from gateway.throttle import Backoff

__all__ = ["Clock", "Core", "ScriptedBearer", "account", "core"]

DAY = 86_400_000


class Clock:
    """Both clocks, moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        return self.seconds

    def wall_ms(self) -> int:
        return NOW + int((self.seconds - 1000.0) * 1000)

    def pass_(self, seconds: float) -> None:
        self.seconds += seconds


class ScriptedBearer:
    """A member of the bearer contract that does what the test says. given: segments not answered yet, in order."""

    from_own_number = False

    def __init__(self, name: str, window: int = 1000, takes_whole: bool = False) -> None:
        self.name = name
        self.window = window
        self.takes_whole = takes_whole
        self.given = []
        self.seen = []
        self.emit = None
        self.up = False
        self.resets = 0
        self.serial = 0
        self.dies = asyncio.Event()
        self.on_submit = lambda segments: None

    def credit(self):
        return max(0, self.window - len(self.given)) if self.up else 0

    def submit(self, segments):
        assert len(segments) <= self.credit()
        self.on_submit(segments)
        self.given += segments
        self.seen += segments

    async def run(self, emit):
        self.emit, self.given = emit, []
        self.link(True)
        await self.dies.wait()
        self.dies.clear()
        self.up = False
        raise ConnectionError("the test says so")

    async def drain(self, seconds):
        self.up = False

    def reset(self):
        self.resets += 1

    # ── the script ───────────────────────────────────────────────────────────────────────────────────────
    def link(self, up, reason="link.down"):
        self.up = up
        return self.emit([LinkChanged(up, "bound" if up else reason, "")])

    def _taken(self, segments):
        chosen = list(self.given) if segments is None else list(segments)
        self.given = [s for s in self.given if s not in chosen]
        return chosen

    def accept(self, segments=None):
        """Accepts these (all that are unanswered); their ids, in order."""
        chosen = self._taken(segments)
        ids = [f"{self.name}{self.serial + n}" for n in range(1, len(chosen) + 1)]
        self.serial += len(chosen)
        self.emit([Accepted(s, i, i) for s, i in zip(chosen, ids, strict=True)])
        return ids

    def refuse(self, remedy, code=8, segments=None, text="refused"):
        self.emit([Refused(s, remedy, code, text) for s in self._taken(segments)])

    def doubt(self, segments=None):
        self.emit([Doubtful(s, "response.timeout") for s in self._taken(segments)])

    def accept_late(self, *segments, ids=()):
        """One batch; their ids, in order."""
        ids = list(ids) or [f"{self.name}late{segment.part}" for segment in segments]
        self.emit([Late(Accepted(s, i, i.lower())) for s, i in zip(segments, ids, strict=True)])
        return ids

    def refuse_late(self, *segments, remedy=Remedy.RETRY, code=8):
        self.emit([Late(Refused(s, remedy, code, "refused")) for s in segments])

    def unsent(self, segments=None):
        self.emit([Unsent(s, "link.down") for s in self._taken(segments)])

    def receipt(
        self,
        carrier_id,
        state=MessageState.DELIVERED,
        final=True,
        to="+33612345678",
        code="000",
        keys=None,
    ):
        """What emit returned: done when durable. keys: the candidates, default the id itself."""
        self.last = Receipt(
            carrier_id, [carrier_id] if keys is None else keys, state, final, to, code, 0.0, b"raw"
        )
        return self.emit([self.last])

    def mo(
        self, text=b"Bonjour", source="+33612345678", destination="36180", udh=b"", data_coding=0, ack=False
    ):
        return self.emit([Inbound(source, destination, data_coding, udh, text, 0.0, b"", ack)])

    @property
    def texts(self):
        return [s.payload for s in self.seen]


def account(name="shop", **fields) -> Account:
    given = {"default_kind": "transactional", "password": "secret", "senders": ("*",), "mo": ("36180",)}
    doubt = fields.pop("on_doubt", None)
    if doubt is not None:
        given["on_doubt"] = OnDoubt(otp=doubt, alert=doubt, transactional=doubt, marketing=doubt)
    return Account(AccountSettings(name=name, **(given | fields)))


class Sink:
    """A bind that takes notes and answers none until told."""

    def __init__(self) -> None:
        self.notes = []

    def room(self):
        return 1000

    def deliver(self, notes):
        self.notes += notes


class Core:
    """Every part is an attribute; a bearer is one by its name too."""

    def __init__(self, path: Path, clock: Clock, options: dict) -> None:
        self.path, self.clock = path, clock
        self.mismatches: list = []
        self.health: list[str] = []
        self.store: SqliteStore = open_sqlite(
            path / "chappe.db",
            options.get("wipe", frozenset()),
            self.health.append,
            lambda i, d: self.mismatches.append((i, d)),
        )
        listed = options.get("accounts") or [account(on_doubt=options.get("on_doubt", "resend"))]
        self.accounts = {each.name: each for each in listed}
        self.shop = listed[0]
        self.rules = Rulebook(options.get("rules", ()), self.accounts.get)
        self.bus = Bus()
        self.ids = MessageIds(1, self.store.last_id())
        self.outbox = Outbox(self.store)
        self.ledger = Ledger(
            self.store, self.bus, self.outbox, self.ids, clock, options.get("late_receipts", False)
        )
        self.queue = ActiveQueue(self.store, lambda _: 1, options.get("held", lambda _: False))
        self.doubts = Doubts(lambda name, kind: self.accounts[name].on_doubt[kind])
        self.correlation = Correlation()
        tiers = options.get("tiers", [["a"]])
        routes = options.get("routes") or [Route("all", tiers, fallback_after=30.0)]
        self.outcomes = Outcomes(
            self.ledger, self.queue, Router(routes), self.correlation, self.doubts, lambda: 0.5
        )
        self.dispatcher = Dispatcher(self.ledger, self.queue, self.outcomes, self.rules.recheck)
        self.receipts = Receipts(self.ledger, self.correlation, self.doubts.claim)
        self.outcomes.early = self.receipts.accepted
        self.doubts.unmatched = self.receipts
        self.writers = LastWriters(WriterTable(self.store), OptOuts(bytes(32)).digest)
        self.mo = MobileOriginated(self.ledger, self.owner_of, self.writers)
        self.references = References(ReferenceTable(self.store))
        self.intake = Intake(
            self.ledger,
            self.queue,
            self.dispatcher,
            self.rules,
            self.references,
            options.get("max_waiting", 1000),
        )
        self.desk = Desk(self.ledger, self.queue)
        self.links = Links(self.ledger, self.dispatcher, self.receipts, self.mo, lambda: 0.5, self.writers)
        self.house = Housekeeping(self.store)
        keep = options.get("keep") or Keep(7 * DAY, 0, 365 * DAY, 7 * DAY)
        self.sweeper = Sweeper(
            self.store,
            self.house,
            self.desk,
            self.ledger,
            self.queue,
            self.dispatcher,
            self.correlation,
            self.references,
            self.mo,
            keep,
            lambda _: 72 * 3_600_000,
        )
        self.bearers: dict[str, ScriptedBearer] = {}
        self.sink: Sink | None = None

    def owner_of(self, number: str) -> str:
        return next((a.name for a in self.accounts.values() if number in a.mo), "")

    def remember(self) -> None:
        """As App: what the last process left."""
        self.queue.load(self.clock.wall_ms())
        self.outbox.load()
        self.references.load()
        self.writers.load()
        self.mo.load()
        doubtful = self.store.in_doubt()
        if doubtful:
            self.outcomes.recover(doubtful)

    def add(self, name, rate=1000.0, tries=3, reserve=None, kinds=tuple(Kind), **bearer) -> ScriptedBearer:
        made = ScriptedBearer(name, **bearer)
        road = Road(name, made, kinds, rate, reserve or {}, Backoff(10.0, 600.0), tries, self.clock.now())
        self.bearers[name] = made
        setattr(self, name, made)
        self.links.start(road)
        return made

    # ── doing ────────────────────────────────────────────────────────────────────────────────────────────
    def sms(self, to="+33612345678", text=b"Bonjour", kind=Kind.TRANSACTIONAL, **fields) -> Message:
        """A message in state NEW, as a listener makes it."""
        given = {"priority": 0, "source": "36180", "data_coding": 0, "udh": b"", "registered": 1}
        given |= {name: fields.pop(name) for name in list(fields) if name in given}
        parts = 1 if given["udh"] else segment_count(text, given["data_coding"])
        expires = fields.pop("expires", self.clock.wall_ms() + 48 * 3_600_000)
        made = Message(
            0, fields.pop("account", self.shop.name), kind, given["priority"], given["source"], to,
            given["data_coding"], given["udh"], text, parts, given["registered"], expires,
        )  # fmt: skip
        for name, value in fields.items():
            setattr(made, name, value)
        return made

    async def submit(self, *messages: Message, multi=False) -> list[answers.Answer]:
        """In one batch; the answers once they may be given."""
        name = messages[0].account
        submitted = self.intake.submit(self.accounts[name], messages, multi)
        if submitted.durable is not None:
            await asyncio.wait([submitted.durable])
        await self.settled()
        return submitted.answers

    async def settled(self) -> None:
        """Until nothing moves by itself."""
        for _ in range(6):
            await asyncio.sleep(0)
            await self.store.flush()
        await asyncio.sleep(0)

    async def passes(self, seconds: float) -> None:
        """Time goes by, and the ticks with it."""
        await self.settled()
        self.clock.pass_(seconds)
        self.dispatcher.every_second()
        self.dispatcher.pump_all()
        await self.settled()

    def bound(self) -> Sink:
        """An application that receives."""
        self.sink = Sink()
        self.outbox.attach(self.shop.name, self.sink)
        return self.sink

    # ── seeing ───────────────────────────────────────────────────────────────────────────────────────────
    def row(self, message_id: int, columns="state") -> tuple:
        found = self.store.read(f"SELECT {columns} FROM message WHERE id=?", (message_id,))
        return found[0]

    def state(self, message: Message | int) -> State:
        """On disk."""
        return State(self.row(message if isinstance(message, int) else message.id)[0])

    def owed(self, name="shop") -> list:
        """Notes on disk, as (state, error) of each."""
        return [(n.state, n.error) for n in self.store.owed(name, 0, 1000)]

    async def close(self) -> None:
        for task in self.links._tasks.values():
            task.cancel()
        await asyncio.gather(*self.links._tasks.values(), return_exceptions=True)
        await self.desk.close()
        await self.store.close()


@asynccontextmanager
async def core(
    path: Path, bearers: Sequence[str] = ("a",), clock: Clock | None = None, **options
) -> AsyncIterator[Core]:
    """bearers: their names; road: their Road's and bearer's options. The rest: see Core."""
    road = options.pop("road", {})
    made = Core(path, clock or Clock(), options)
    made.remember()
    try:
        for name in bearers:
            made.add(name, **road)
        await asyncio.sleep(0)
        await made.settled()
        yield made
    finally:
        await made.close()
