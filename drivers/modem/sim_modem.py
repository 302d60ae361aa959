r"""A GSM modem without I/O: octets in, octets out, and the next moment at which something happens by itself.

    modem = SimulatedModem(ModemBehaviour(submit=4.0), now=0.0, wall=1_790_000_000.0)
    modem.receive(b"AT\r", now);  port.write(modem.output());  modem.advance(modem.next)

Owns its life: time, power, resets, the faults of a moment. sim_dialogue has the line, sim_general and
sim_messages the commands, sim_network what lies behind. Pure: one seed and one order of calls, one run.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from drivers.modem.sim_behaviour import ModemBehaviour
from drivers.modem.sim_dialogue import Dialogue
from drivers.modem.sim_faults import Fault, Faults
from drivers.modem.sim_general import place_of
from drivers.modem.sim_incoming import catch_up
from drivers.modem.sim_state import Event, State
from drivers.modem.sim_storage import RECEIVED_READ, Stored

__all__ = ["SimulatedModem"]

_BANNER = ("RDY", "+CFUN: 1")
_DONE = ("SMS DONE", "PB DONE")
_CURES = ("esc", "reopen", "cfun", "reset", "power")  # each heals what a gentler one heals


def _silent(kind: str, fields: dict[str, object]) -> None:
    """Nobody listens."""


class SimulatedModem(Dialogue):
    """One modem with one SIM. wall: Unix seconds at `now`; script: faults by moment; on_event: told of all.

    present: whether the port is there, which the shell around it acts on. state: everything else that a test
    may look at: state.network.submitted, state.card.tries, state.memories, state.network.outcomes.
    """

    def __init__(
        self,
        behaviour: ModemBehaviour | None = None,
        now: float = 0.0,
        wall: float = 1_790_000_000.0,
        script: Iterable[Fault] = (),
        on_event: Event = _silent,
    ) -> None:
        behaviour = behaviour or ModemBehaviour()
        rnd = Random(behaviour.seed)  # noqa: S311 - a rehearsal that can be repeated
        super().__init__(State(behaviour, now, wall, rnd, on_event), Faults(behaviour, script, rnd, now))
        self.present = True
        self.powered = True
        self._starting = False
        self._hung: Fault | None = None
        self._hung_until = now
        self._known = self.state.registration

    # ── octets and time ─────────────────────────────────────────────────────────────────────────────────
    def receive(self, data: bytes, now: float) -> None:
        """What the client wrote. Lost while the port is away, the modem starts or hangs."""
        self.advance(now)
        if self._hung is not None:
            self._cured("cfun" if b"+CFUN" in data.upper() else "esc" if b"\x1b" in data else "")
        if self.present and not self.deaf:
            self._terminal.feed(data)
            self._work()

    @property
    def deaf(self) -> bool:
        return not self.powered or self._starting or self._hung is not None

    @property
    def next(self) -> float | None:
        """When to call advance() at the latest; None when nothing lies ahead."""
        state = self.state
        moments = [state.own.next, state.world.next, self.faults.next]
        ahead = (
            state.registered_at, state.no_network_until, state.sim_out_until, state.busy_until,
            self._hung_until,
        )  # fmt: skip
        moments += [moment for moment in ahead if moment > state.now]
        return min((moment for moment in moments if moment is not None), default=None)

    def advance(self, now: float) -> None:
        """Let everything happen that is due by now, each at its own time."""
        while (moment := self.next) is not None and moment <= now:
            self._step(max(moment, self.state.now))
        self._step(now)

    def _step(self, now: float) -> None:
        state = self.state
        state.now = max(now, state.now)
        for fault in self.faults.due(now):
            self._strike(fault)
        if self._hung is not None and self._hung_until <= now:
            self._hung = None
        for agenda in (state.own, state.world):
            for action in agenda.due(now):
                action()
        self._tell_registration()
        catch_up(state)
        self._write_urcs()

    # ── from outside ────────────────────────────────────────────────────────────────────────────────────
    def mo(self, source: str, text: str, now: float) -> None:
        """A handset writes to the SIM."""
        self.advance(now)
        self._handset(source, text)
        self._write_urcs()

    def fault(self, fault: Fault, now: float) -> None:
        """One more fault; its moment counts from now."""
        self.advance(now)
        self.faults.add(fault, now)
        self.advance(now)

    def reopened(self, now: float) -> None:
        """The client closed the port, or opened it."""
        self.advance(now)
        self._cured("reopen")

    def reset(self, now: float) -> None:
        """The reset line was pulled."""
        self.advance(now)
        self._cured("reset")
        self.start()

    def power(self, on: bool, now: float) -> None:
        """The supply, or the power key that makes of it what is wanted."""
        self.advance(now)
        self._cured("power")
        if on and not self.powered:
            self.powered = True
            self.start()
        elif not on:
            self._break_off()
            self.powered = self.present = False

    def _tell_registration(self) -> None:
        stat = self.state.registration
        if stat == self._known:
            return
        self._known = stat
        for name, form in self.state.registers.reporting.items():
            if form:
                where = place_of(stat) if form == 2 else ""
                self.state.urcs.append(f"{name}: {self.state.registration_for(name)}{where}")

    # ── faults of a moment ──────────────────────────────────────────────────────────────────────────────
    def _strike(self, fault: Fault) -> None:
        state = self.state
        state.tell("fault", {"fault": fault})
        if fault.kind == "reset":
            self.start()
        elif fault.kind == "unplug":
            self._unplugged(fault.seconds)
        elif fault.kind == "hang":
            self._hung = fault
            self._hung_until = state.now + fault.seconds
            self._out.clear()
            self._terminal.clear()
        elif fault.kind == "no-network":
            state.no_network_until = state.now + fault.seconds
        elif fault.kind == "sim-out":
            state.sim_out_until = state.now + fault.seconds
            state.card.power_up()
        elif fault.kind == "full":
            self._fill()
        else:
            self._say(*fault.text.split("|"))

    def _fill(self) -> None:
        old = self.state.network.mo("+33600000000", "old", self.state.unix)[0]
        for memory in self.state.memories.values():
            while not memory.full:
                memory.add(Stored(RECEIVED_READ, self.state.smsc, old))

    def _cured(self, remedy: str) -> None:
        """Whether a hanging modem is helped by this: by what its fault names, and by all that is harder."""
        fault = self._hung
        if fault is None or remedy not in _CURES or fault.text not in _CURES:
            return
        if _CURES.index(remedy) >= _CURES.index(fault.text):
            self._hung = None

    def _break_off(self) -> None:
        """The power goes, or what is like it. A submit on its way has arrived or not: nobody can tell."""
        flying, self._flying = self._flying, None
        if flying is not None and self.state.random.random() < 0.5:
            self._taken(flying)
        self._busy = self._starting = False
        self._terminal.clear()
        self._terminal.echo = True
        self._out.clear()
        self.state.start_up()

    def start(self) -> None:
        self._break_off()
        self.present = not self.behaviour.gone
        self.state.later(self.behaviour.gone, self._appear)
        self._starting = True
        self.state.later(max(self.behaviour.boot, self.behaviour.gone), self._started)

    def _started(self) -> None:
        self._starting = False
        self.state.sim_ready()
        self._known = self.state.registration
        wants = self.state.sim
        pin = [f"+CPIN: {'READY' if wants == 'busy' else wants}"] if wants not in ("absent", "") else []
        self._say(*_BANNER, *pin, *(_DONE if wants == "READY" else ()))

    def _unplugged(self, seconds: float) -> None:
        """A cable pulled: a modem on USB loses its power too."""
        self._break_off()
        self.present = False
        self.state.later(seconds, self._appear)
        self._starting = True
        self.state.later(seconds + self.behaviour.boot, self._started)

    def _appear(self) -> None:
        self.present = self.powered
