"""The state of a simulated modem that its commands read and change: registers, SIM, memories, network.

Registers are what a reset forgets (CNMI, CMGF, CPMS, CMEE, echo …), the rest is what it keeps. Pure: `now` is
set by the modem before anything runs, and what lies ahead stands in two agendas: a reset empties the modem's
own, never the network's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random

from drivers.agenda import Agenda
from drivers.modem.sim_behaviour import ModemBehaviour
from drivers.modem.sim_card import SimCard
from drivers.modem.sim_commands import CmeError, CmsError
from drivers.modem.sim_network import Network
from drivers.modem.sim_storage import Memory

__all__ = ["Awaited", "Event", "Registers", "State", "Submission"]

HOME, SEARCHING = 1, 2
_BY_NEED = {"absent": 10, "SIM PIN": 11, "SIM PUK": 12, "": 13, "busy": 14}  # +CME; +CMS is 300 more

Action = Callable[[], None]
Event = Callable[[str, dict[str, object]], None]


class Awaited:
    """What the prompt is for. command: +CMGS or +CMGW; length: TPDU octets announced, -1 in text mode;
    destination: who it is for, in text mode; status: <stat> for +CMGW.
    """

    __slots__ = ("command", "destination", "length", "status")

    def __init__(self, command: str, length: int, destination: str = "", status: int = 2) -> None:
        self.command = command
        self.length = length
        self.destination = destination
        self.status = status


class Submission:
    """On its way to the network. command: what its answer is called; smsc: "" for the SIM's own; tpdu: octets."""

    __slots__ = ("command", "smsc", "tpdu")

    def __init__(self, command: str, smsc: str, tpdu: bytes) -> None:
        self.command = command
        self.smsc = smsc
        self.tpdu = tpdu


class Registers:
    """What ATZ, AT&F and a reset put back. cpms: names of the three memories; csmp: <fo>,<vp>,<pid>,<dcs>."""

    def __init__(self, memory: str) -> None:
        self.cmee = 0
        self.cmgf = 0
        self.cscs = "IRA"
        self.csms = 0
        self.csdh = 0
        self.cmms = 0
        self.cnmi = [0, 0, 0, 0, 0]
        self.cpms = [memory] * 3
        self.csmp = [17, 167, 0, 0]
        self.cops_format = 0
        self.phonebook = "SM"
        self.reporting = {"+CREG": 0, "+CGREG": 0, "+CEREG": 0}
        self.noted: dict[str, str] = {}  # settings without an effect here, for their query


class State:
    """now: the modem's seconds; wall: Unix seconds at now 0. urcs: lines not written yet.

    functional: the level of +CFUN. busy_until, registered_at: when the SIM answers, when the network is there.
    unacknowledged: the TPDU that was shown and waits for +CNMA.
    """

    def __init__(self, behaviour: ModemBehaviour, now: float, wall: float, rnd: Random, tell: Event) -> None:
        self.behaviour = behaviour
        self.now = now
        self.wall = wall - now
        self.random = rnd
        self.tell = tell
        self.card = SimCard(behaviour.pin, behaviour.puk)
        self.network = Network(behaviour, rnd)
        self.memories = {
            name: Memory(size)
            for name, size in (("SM", behaviour.sm_size), ("ME", behaviour.me_size), ("SR", 20))
            if size
        }
        self.smsc = behaviour.smsc
        self.own: Agenda[Action] = Agenda()
        self.world: Agenda[Action] = Agenda()
        self.urcs: deque[str] = deque()
        self.awaited: Awaited | None = None
        self.submission: Submission | None = None
        self.reset_wanted = False
        self.functional = 1
        self.sim_out_until = self.no_network_until = now
        self.unacknowledged: bytes | None = None
        self.start_up()

    def start_up(self) -> None:
        """What a reset does to all of this."""
        self.registers = Registers(next(iter(self.memories), "SM"))
        self.card.power_up()
        self.own.clear()
        self.urcs.clear()
        self.awaited = self.submission = None
        self.reset_wanted = False
        self.unacknowledged = None
        self.functional = 1
        self.sim_ready()

    def sim_ready(self) -> None:
        """The SIM has just been powered or unlocked: it is busy, and the network comes later."""
        self.busy_until = self.now + self.behaviour.sim_busy
        self.registered_at = self.busy_until + self.behaviour.register

    # ── the SIM ─────────────────────────────────────────────────────────────────────────────────────────
    @property
    def sim(self) -> str:
        """READY, or what is wanting: SIM PIN, SIM PUK, absent, busy, "" for blocked."""
        if self.behaviour.sim == "absent" or self.now < self.sim_out_until:
            return "absent"
        wants = self.card.wants
        return "busy" if wants == "READY" and self.now < self.busy_until else wants

    def need_sim(self, *, messages: bool = False) -> None:
        """Raises CmeError, or CmsError for the message commands, unless the SIM answers."""
        code = _BY_NEED.get(self.sim)
        if code is not None:
            raise CmsError(code + 300) if messages else CmeError(code)

    # ── the network ─────────────────────────────────────────────────────────────────────────────────────
    @property
    def registration(self) -> int:
        """<stat> as it is, whichever command asks."""
        if self.functional != 1 or self.sim not in ("READY", "busy"):
            return 0
        if self.now < max(self.registered_at, self.no_network_until):
            return SEARCHING
        return self.behaviour.registration

    @property
    def registered(self) -> bool:
        return self.registration in (1, 5, 6, 7)

    def registration_for(self, command: str) -> int:
        """<stat> as this command tells it: a modem on 4G alone has nothing to say in +CREG."""
        stat = self.registration
        return 0 if self.behaviour.lte_only and command != "+CEREG" else stat

    @property
    def unix(self) -> float:
        """Unix seconds now."""
        return self.wall + self.now

    # ── what lies ahead ─────────────────────────────────────────────────────────────────────────────────
    def later(self, delay: float, action: Action) -> None:
        """The modem does it, unless it is reset before."""
        self.own.add(self.now + delay, action)

    def happens(self, delay: float, action: Action) -> None:
        """The world does it, whatever becomes of the modem."""
        self.world.add(self.now + delay, action)
