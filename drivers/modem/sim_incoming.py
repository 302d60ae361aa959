"""What reaches a simulated modem from the network, and where +CNMI sends it: TS 27.005 §3.4.1.

Stored with +CMTI or +CDSI, shown at once with +CMT or +CDS, or dropped (a report with ds = 0). A modem that is
off, out of reach or full takes nothing: the network keeps it until there is room. With +CSMS=1 one shown
message waits for +CNMA; without it in time the modem stops showing and stores, as §3.4.1 says.
"""

from __future__ import annotations

from functools import partial

from drivers.modem.sim_network import Taken
from drivers.modem.sim_state import State
from drivers.modem.sim_storage import RECEIVED_UNREAD, Stored
from drivers.modem.sim_text import direct
from drivers.sms.tpdu import with_smsc

__all__ = ["acknowledged", "arrive", "catch_up", "report_arrives"]


def report_arrives(state: State, taken: Taken, status: int) -> None:
    """The report of a submit is on its way to the modem."""
    state.tell("report", {"destination": taken.destination, "reference": taken.reference, "status": status})
    arrive(state, state.network.report(taken, status, state.unix), report=True)


def arrive(state: State, tpdu: bytes, *, report: bool) -> None:
    """One SMS-DELIVER or SMS-STATUS-REPORT is due: delivered behind those that wait already."""
    state.network.waiting.append((tpdu, report))
    catch_up(state)


def catch_up(state: State) -> None:
    """Deliver what waits, for as long as the modem takes it."""
    waiting = state.network.waiting
    while waiting and state.registered and state.sim == "READY" and _take(state, *waiting[0]):
        waiting.popleft()


def acknowledged(state: State) -> bool:
    """+CNMA came; False when nothing waited for it."""
    was = state.unacknowledged
    state.unacknowledged = None
    catch_up(state)
    return was is not None


def _take(state: State, tpdu: bytes, report: bool) -> bool:
    _, mt, _, ds, _ = state.registers.cnmi
    if report and ds == 0:
        state.tell("dropped", {"why": "a report, and +CNMI has ds 0"})
        return True
    if ds == 1 if report else mt == 2:
        return _show(state, tpdu, report)
    name = state.registers.cpms[2]
    if report and state.behaviour.report_memory:
        name = state.behaviour.report_memory
    return _store(state, name, tpdu, report)


def _show(state: State, tpdu: bytes, report: bool) -> bool:
    if state.registers.csms:
        if state.unacknowledged is not None:
            return False
        state.unacknowledged = tpdu
        state.later(state.behaviour.ack, partial(_not_acknowledged, state, tpdu, report))
    if state.registers.cmgf:
        state.urcs.append(direct(tpdu, state.registers.cscs, report=report))
    else:
        head = f"+CDS: {len(tpdu)}" if report else f"+CMT: ,{len(tpdu)}"
        state.urcs.append(f"{head}\r\n{with_smsc(state.smsc, tpdu).hex().upper()}")
    return True


def _not_acknowledged(state: State, tpdu: bytes, report: bool) -> None:
    if state.unacknowledged is tpdu:
        state.unacknowledged = None
        state.registers.cnmi[1] = state.registers.cnmi[3] = 0
        state.tell("dropped", {"why": "no +CNMA came: nothing is shown any more"})
        if not report:
            _store(state, state.registers.cpms[2], tpdu, report)
        catch_up(state)


def _store(state: State, name: str, tpdu: bytes, report: bool) -> bool:
    memory = state.memories.get(name)
    index = memory.add(Stored(RECEIVED_UNREAD, state.smsc, tpdu, report)) if memory else None
    if index is None:
        return False
    if report:
        state.urcs.append(f'+CDSI: "{name}",{index}')
    elif state.registers.cnmi[1] in (1, 3):
        state.urcs.append(f'+CMTI: "{name}",{index}')
    return True
