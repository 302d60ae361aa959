"""A modem at work: initialised, watched, sent by and read from. One errand at a time, the urgent first.

Owns what is known of modem and SIM while they are there, and the rounds: registration and signal, sweep of the
memories, a sign of life, reports that wait in vain, the balance. Raises Silent, Trouble and PortLost to modem.py,
which knows what to do about them. Never asks a modem two things at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import structlog

from drivers.bearer import Event, StateStore
from drivers.modem import answers, network
from drivers.modem.access import Seams
from drivers.modem.answers import Unreadable
from drivers.modem.at import Late, Urc
from drivers.modem.books import Books
from drivers.modem.commands import At
from drivers.modem.facts import Facts
from drivers.modem.line import Line
from drivers.modem.mailbox import Mailbox
from drivers.modem.numbering import numbering_of
from drivers.modem.profile import Quirks
from drivers.modem.receiver import Receiver
from drivers.modem.script import SIM_BUSY, Pause, Script, Trouble, ask
from drivers.modem.sender import Sender
from drivers.modem.settings import Settings, Terms
from drivers.modem.shown import Fields, about_modem, about_quota, moment
from drivers.modem.start import Plan, read_service_centre, start

__all__ = ["Service"]

_BOOT = ("RDY", "+CFUN: 1", "+CFUN:1", "SYSSTART", "MODEM STARTUP", "APP RDY")
_SETTLED = ("+CPIN", "^SIMST", "^BOOT", "CALL READY", "SMS READY", "PB DONE", "SMS DONE")
_OFF = ("NORMAL POWER DOWN", "POWERED DOWN", "UNDER-VOLTAGE POWER DOWN", "OVER-VOLTAGE POWER DOWN")
_SUPPLY = ("UNDER-VOLTAGE", "OVER-VOLTAGE")
_LONG = 120.0
"""Seconds without quota above which the road is closed: others may take over."""
_SOON = 5.0
_FULL = 0.8


class Service:
    """See the module. facts: None until it is initialised. restart: why it must be initialised anew, or "".

    where: the bearer's table in the configuration. quirks: of the model that is there. emit, tell: emits, to wait for
    it or not; wake: there is something to do.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        terms: Terms,
        state: StateStore,
        seams: Seams,
        emit: Callable[[Sequence[Event]], Awaitable[None]],
        tell: Callable[[Sequence[Event]], None],
        wake: Callable[[], None],
    ) -> None:
        self.where = f"[bearers.{name}.link]"
        self.facts: Facts | None = None
        self.books: Books | None = None
        self.restart = ""
        self.supply = ""
        self.balance = ""
        self.quirks = Quirks()
        self._settings = settings
        self._terms = terms
        self._table = f"[bearers.{name}]"
        self._seams = seams
        self._times = seams.timings
        self._tell = tell
        self._wake = wake
        self._log = structlog.get_logger("driver.modem").bind(bearer=name)
        self.line = Line(self._heard, wake, state, seams.clock, self._times.pair, name)
        self.at = At(self._times)
        self.mailbox = Mailbox(seams.wall, self._note)
        self.sender = Sender(self.line, self.at, self._times, seams.wall)
        self.receiver = Receiver(self.line, self.at, self.mailbox, emit, wake, seams.clock, self._times.again)
        self._ringing = False
        self._off = ""
        self._rounds: dict[str, float] = {}

    # ── beginning ────────────────────────────────────────────────────────────────────────────────────────
    async def begin(self) -> None:
        """Initialise: after each opening, reset, and change of the SIM."""
        self.facts, self.restart, self._off, self._ringing = None, "", "", False
        line, settings = self.line, self._settings
        self.receiver.one_by_one = self.quirks.read_by == "CMGR"
        facts = await line.play(start(self.at, self._times, self._plan()))
        sim = facts.iccid or facts.imsi or facts.imei
        if self.books is None or (self.books.sim, self.books.imsi) != (sim, facts.imsi):
            self.books = await Books.open(sim, facts.imsi, self._terms.quota, line.recall, line.keep)
            if self.books.unclear:
                self._note(
                    "submit.unclear", f"message {self.books.unclear} was on its way when the gateway ended"
                )
        await line.play(network.subscribe(self.at))
        await line.play(network.watch(self.at, facts))
        self.facts = facts
        numbering = numbering_of(facts.imsi, facts.service_centre, facts.number)
        self.mailbox.use(self.books, facts.number, numbering)
        self.receiver.sweep(facts)
        now = self._seams.clock()
        t = self._times
        self._rounds = {
            "watch": now + self._watch_in(facts),
            "sweep": now + t.sweep,
            "probe": now + t.probe,
            "reports": now + _SOON,
        }
        if settings.balance and not self.balance:
            self._rounds["balance"] = now + _SOON
        self._log.info(
            "modem.ready", imei=facts.imei, iccid=facts.iccid, model=facts.model, routing=facts.routing
        )

    def _plan(self) -> Plan:
        settings, line = self._settings, self.line

        def noise() -> int:
            return line.dialogue.noise

        return Plan(
            self.where,
            settings.pin,
            settings.imei,
            settings.service_centre,
            settings.number,
            self.quirks,
            noise,
        )

    def ended(self) -> None:
        """The session is over: what is known is not known any more."""
        self.facts = None

    # ── may it send ──────────────────────────────────────────────────────────────────────────────────────
    def gate(self) -> tuple[str, str] | None:
        """(reason, what to do) while it may not send; None when it may."""
        if self.facts is None or self.books is None:
            return "modem.starting", "it is being initialised"
        if not self._terms.sim_contract:
            return (
                "sim.no_contract",
                f"this SIM only receives: name its contract by sim_contract in {self._table}",
            )
        blocked = network.unfit(self.facts, self._terms.roaming, self._table)
        if blocked is not None:
            return blocked
        wall = self._seams.wall()
        sender = self.sender
        if sender.suspended and wall < sender.resume_at:
            advice = f"{sender.last_error}: see the SIM's credit and contract; tried again by itself"
            return f"sim.{sender.suspended}", advice
        quota = self.books.quota
        if not quota.free(wall) and quota.free_at(wall) - wall > _LONG:
            again = moment(self.books.quota.free_at(wall))
            return (
                "sim.quota_spent",
                f"the SIM has sent what it may until {again}: see quota in {self._table}",
            )
        return None

    # ── errands ──────────────────────────────────────────────────────────────────────────────────────────
    async def errand(self, sending: bool) -> bool:
        """Do what is most urgent; False when there was nothing. sending: the gate is open."""
        assert self.facts is not None
        assert self.books is not None
        if self._off:
            raise Trouble(
                "modem.off", f"it says {self._off}: see its supply and its power key", recovers=True
            )
        if self._ringing:
            self._ringing = False
            await self.line.play(network.hang_up(self.at))
            return True
        if sending and self.sender.in_parts:
            await self._send(self.facts, self.books)
            return True
        worked = self.receiver.pending
        if worked:
            await self.receiver.work(self.facts, self.books)
        if sending and self.sender.queue:
            await self._send(self.facts, self.books)
            return True
        return worked or await self._round(self.facts, self.books)

    async def _send(self, facts: Facts, books: Books) -> None:
        outcome = await self.sender.send(books, facts)
        self._rounds["probe"] = self._seams.clock() + self._times.probe
        self.restart = self.restart or outcome.anew
        if outcome.full:
            self.receiver.sweep(facts)
        if outcome.network:
            self._rounds["watch"] = self._seams.clock()
        if outcome.failure is not None:
            self.facts = None  # so that no more is handed over
        if outcome.events:
            self._tell(outcome.events)
        if outcome.early:
            self.receiver.bring(self.mailbox.early(outcome.early))
        if outcome.failure is not None:
            raise outcome.failure

    def due(self) -> float:
        """When the next round begins, on the clock."""
        moments = list(self._rounds.values())
        if self.receiver.again_at:
            moments.append(self.receiver.again_at)
        changes = self.sender.changes_at(self.books)
        if changes:
            moments.append(self._seams.clock() + max(0.0, changes - self._seams.wall()) + 0.01)
        return min(moments, default=self._seams.clock() + self._times.probe)

    async def _round(self, facts: Facts, books: Books) -> bool:
        """The first of the rounds that is due."""
        now = self._seams.clock()
        name = next((name for name, at in self._rounds.items() if at <= now), "")
        if not name:
            return False
        t = self._times
        if name == "watch":
            await self.line.play(network.watch(self.at, facts))
            if not facts.cell.registered:
                await self._see_sim()
            elif not facts.service_centre:  # somebody may set it; or its answer was lost
                await self.line.play(read_service_centre(self.at, t, facts, self._plan()))
            self._rounds["watch"] = now + self._watch_in(facts)
        elif name == "sweep":
            self.receiver.sweep(facts)
            self._rounds["sweep"] = now + t.sweep
        elif name == "probe":
            await self.line.play(ask(self.at.attention()))
            self._rounds["probe"] = self._seams.clock() + t.probe
        elif name == "reports":
            self._rounds["reports"] = now + _SOON
            await self._reports(books)
        elif name == "balance":
            self._rounds["balance"] = now + t.balance
            await self._ask_balance()
        return True

    def _watch_in(self, facts: Facts) -> float:
        """Seconds until registration is worth a look: few while it may not send."""
        unfit = network.unfit(facts, self._terms.roaming, self._table) is not None
        return min(_SOON, self._times.watch) if unfit else self._times.watch

    async def _see_sim(self) -> None:
        """A SIM that was out, or lost its power, is locked again, and few modems say so."""
        answer = await self.line.play(ask(self.at.query("+CPIN?")))
        if answer.code not in SIM_BUSY and not (answer.ok and answers.sim_state(answer.lines) == "READY"):
            self.restart = f"AT+CPIN? gives {answer.lines[-1] if answer.lines else answer.text}"

    async def _reports(self, books: Books) -> None:
        """Reports that wait in vain are told with the ids that they may mean; what has changed is kept."""
        wall = self._seams.wall()
        overdue = books.references.overdue(wall)
        if overdue:
            self.receiver.bring(self.mailbox.early(overdue))
        if books.references.expired(wall):
            books.unsettled = True
        await books.settle(under_way=False)

    async def settle(self) -> None:
        """Keep what has changed: before the port is closed in order."""
        if self.books is not None:
            await self.books.settle(under_way=self.sender.working is not None)

    async def _ask_balance(self) -> None:
        self.balance = ""

        def script() -> Script[None]:
            answer = yield from ask(self.at.ussd(self._settings.balance), again=False)
            waited = 0.0
            while answer.ok and not self.balance and waited < self._times.ussd:
                yield Pause(0.5)
                waited += 0.5
            if not self.balance:
                yield from ask(self.at.plain("+CUSD=2"))

        await self.line.play(script())
        if not self.balance:
            self.balance = "no answer"

    # ── what the modem says by itself ────────────────────────────────────────────────────────────────────
    def _heard(self, event: Urc | Late) -> None:
        if isinstance(event, Late):
            self._note("answer.late", f"{event.answer.command.shown}: {event.answer.shown}")
            return
        line = event.line
        if line.startswith(self.quirks.noise_urcs or ("\0",)) or self.receiver.heard(event, self.facts):
            return
        if line.startswith(("+CREG:", "+CEREG:", "+CGREG:")):
            self._rounds["watch"] = min(self._rounds.get("watch", 0.0), self._seams.clock())
        elif line.startswith("+CUSD:"):
            self._usd(line)
        elif line.startswith(("RING", "+CRING:")):
            self._ringing = True
        elif self._is_reset(line.upper()):
            self.restart = f"the modem says {line}"
            if line.upper().startswith(_BOOT):
                self.line.hurry()  # it has forgotten what it was asked
        elif line.upper().startswith(_OFF) or (self.quirks.off_urc and line.startswith(self.quirks.off_urc)):
            self._off = line
        elif line.upper().startswith(_SUPPLY) or line.startswith(self.quirks.alarm_urcs or ("\0",)):
            self.supply = line
            self._note("modem.supply", f"{line}: it wants 2 A in bursts; see supply, cable and capacitor")
        elif self.quirks.full_urc and line.startswith(self.quirks.full_urc):
            self.receiver.sweep(self.facts)
        self._wake()

    def _is_reset(self, line: str) -> bool:
        """While it is initialised, what a SIM says after its PIN is no news."""
        if line.startswith(_BOOT):
            return True
        words = (*_SETTLED, *(word.upper() for word in self.quirks.boot_urcs))
        return self.facts is not None and line.startswith(words)

    def _usd(self, line: str) -> None:
        try:
            _, text = answers.balance_text(line)
        except Unreadable as error:
            self._note("ussd.unreadable", str(error))
            return
        self.balance = text[:160] or "empty"

    def _note(self, event: str, detail: str) -> None:
        self._log.warning(event, detail=detail)

    # ── shown ────────────────────────────────────────────────────────────────────────────────────────────
    def fields(self) -> Fields:
        """For Status."""
        fields: Fields = {}
        if self.facts is not None:
            fields |= about_modem(self.facts)
            full = [name for name, memory in self.facts.memories.items() if memory.fill >= _FULL]
            if full:
                fields["alarm"] = (
                    f"{', '.join(full)} nearly full, and then no reply comes any more: what can't be read stays "
                    "there, see the log and delete it by hand (AT+CMGD)"
                )
        if self.books is not None:
            fields |= about_quota(self.books.quota, self._seams.wall())
            fields["reports_awaited"] = len(self.books.references)
        if self.mailbox.counts["unreadable"]:
            fields["unreadable"] = self.mailbox.counts["unreadable"]
        if self.sender.last_error:
            fields["last_error"] = self.sender.last_error
        for name in ("supply", "balance"):
            if getattr(self, name):
                fields[name] = getattr(self, name)
        return fields
