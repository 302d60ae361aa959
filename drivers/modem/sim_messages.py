"""The message commands of a simulated modem: TS 27.005, in PDU mode and in text mode.

+CMGS and +CMGW only begin here: they leave in the state what the prompt is for. What is typed there becomes a
Submission, which the modem takes its time over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from drivers.modem.sim_commands import CmeError, CmsError, Command, Failed, Form, quoted
from drivers.modem.sim_general import Handler
from drivers.modem.sim_incoming import acknowledged, catch_up
from drivers.modem.sim_state import Awaited, State, Submission
from drivers.modem.sim_storage import RECEIVED_READ, STORED_SENT, Memory, Stored
from drivers.modem.sim_text import STATUSES, read_line, submit_of
from drivers.sms.tpdu import TpduError, decode_submit, split_smsc, with_smsc

__all__ = ["MESSAGES", "typed"]

_INVALID_PDU, _INVALID_TEXT, _INVALID_INDEX, _NO_SMSC, _NO_NETWORK, _FULL = 304, 305, 321, 330, 331, 322
_NOT_ALLOWED, _NOT_SUPPORTED = 302, 303
_ALL = 4
_KEPT = {1: (0, 2, 3), 2: (0, 2), 3: (0,), 4: ()}  # <stat> that +CMGD=n,<delflag> leaves alone


# ── writing and sending ─────────────────────────────────────────────────────────────────────────────────────
def _begin(state: State, command: Command) -> list[str]:
    """+CMGS and +CMGW: the prompt comes, or a reason why not."""
    if command.form is not Form.SET and not (command.name == "+CMGW" and command.form is Form.RUN):
        return []
    state.need_sim(messages=True)
    values = command.values
    if state.registers.cmgf:
        destination = values[0] if values else ""
        state.awaited = Awaited(command.name, -1, destination)
        return []
    status = command.number(1, 2) if command.name == "+CMGW" else 2
    state.awaited = Awaited(command.name, command.number(), status=status)
    return []


def typed(state: State, awaited: Awaited, text: str) -> list[str]:
    """What was typed at the prompt: a submission begins, or the message is stored. Raises CmsError."""
    smsc, tpdu = _read_body(state, awaited, text)
    if awaited.command == "+CMGS":
        _submit(state, Submission("+CMGS", smsc, tpdu))
        return []
    name = state.registers.cpms[1]
    index = state.memories[name].add(Stored(awaited.status, smsc, tpdu))
    if index is None:
        raise CmsError(_FULL)
    return [f"+CMGW: {index}"]


def _read_body(state: State, awaited: Awaited, text: str) -> tuple[str, bytes]:
    try:
        if awaited.length < 0:
            registers = state.registers
            return "", submit_of(awaited.destination, text.strip("\r\n"), registers.cscs, registers.csmp)
        smsc, tpdu = split_smsc(bytes.fromhex(text.strip()))
        if len(tpdu) != awaited.length:
            raise CmsError(_INVALID_PDU)
        if awaited.command == "+CMGS" or awaited.status > RECEIVED_READ:
            decode_submit(tpdu)
    except ValueError:  # no hex, or a TpduError
        raise CmsError(_INVALID_PDU) from None
    return smsc, tpdu


def _submit(state: State, submission: Submission) -> None:
    if not submission.smsc and not state.smsc:
        raise CmsError(_NO_SMSC)
    if not state.registered:
        raise CmsError(_NO_NETWORK)
    state.submission = submission


def _send_stored(state: State, command: Command) -> list[str]:
    if command.form is not Form.SET:
        return []
    state.need_sim(messages=True)
    stored = _at(state.memories[state.registers.cpms[1]], command.number())
    try:
        decode_submit(stored.tpdu)
    except TpduError:
        raise CmsError(_INVALID_PDU) from None
    _submit(state, Submission("+CMSS", stored.smsc, stored.tpdu))
    stored.status = STORED_SENT
    return []


# ── reading and deleting ────────────────────────────────────────────────────────────────────────────────────
def _at(memory: Memory, index: int) -> Stored:
    stored = memory.places.get(index)
    if stored is None:
        raise CmsError(_INVALID_INDEX)
    return stored


def _reading(state: State) -> Memory:
    state.need_sim(messages=True)
    return state.memories[state.registers.cpms[0]]


def _shown(state: State, prefix: str, stored: Stored) -> str:
    if state.registers.cmgf:
        shown = read_line(prefix, stored, state.registers.cscs)
    else:
        pdu = with_smsc(stored.smsc, stored.tpdu).hex().upper()
        shown = f"{prefix}{stored.status},,{len(stored.tpdu)}\r\n{pdu}"
    if not stored.status:
        stored.status = RECEIVED_READ
    return shown


def _list(state: State, command: Command) -> list[str]:
    if command.form is Form.TEST:
        return [f"+CMGL: ({quoted(*STATUSES, 'ALL')})" if state.registers.cmgf else "+CMGL: (0-4)"]
    wanted: int
    if state.registers.cmgf:
        status = command.values[0] if command.values else "REC UNREAD"
        if status not in (*STATUSES, "ALL"):
            raise CmsError(_NOT_ALLOWED)
        wanted = (*STATUSES, "ALL").index(status)
    else:
        wanted = command.number(0, 0)
    places = _reading(state).listed()
    return [_shown(state, f"+CMGL: {n},", one) for n, one in places if wanted in (_ALL, one.status)]


def _read(state: State, command: Command) -> list[str]:
    if command.form is Form.TEST:
        return []
    return [_shown(state, "+CMGR: ", _at(_reading(state), command.number()))]


def _delete(state: State, command: Command) -> list[str]:
    memory = _reading(state)
    if command.form is Form.TEST:
        return [f"+CMGD: ({','.join(str(index) for index, _ in memory.listed())}),(0-4)"]
    index, which = command.number(), command.number(1, 0)
    if which:
        memory.delete(frozenset(_KEPT.get(which, range(4))))
    elif not 0 < index <= memory.size:
        raise CmsError(_INVALID_INDEX)
    else:
        memory.places.pop(index, None)
    catch_up(state)
    return []


# ── settings ────────────────────────────────────────────────────────────────────────────────────────────────
def _used(state: State, names: Sequence[str], *, named: bool) -> str:
    fields: list[object] = []
    for name in names:
        memory = state.memories[name]
        fields += [name, memory.used, memory.size] if named else [memory.used, memory.size]
    return f"+CPMS: {quoted(*fields)}"


def _storage(state: State, command: Command) -> list[str]:
    most = state.behaviour.storage_arguments
    if command.form is Form.TEST:
        first = quoted(*state.memories) if most else ""
        others = quoted(*(name for name in state.memories if name != "SR")) if most > 1 else ""
        return [f"+CPMS: ({first}),({others}),({others if most > 2 else ''})"]
    if not most:
        raise CmsError(_NOT_SUPPORTED)
    state.need_sim(messages=True)
    chosen = state.registers.cpms
    if command.form is Form.READ:
        return [_used(state, chosen, named=True)]
    names = command.values
    if not names or len(names) > most or any(name not in state.memories for name in names):
        raise CmsError(_NOT_ALLOWED)
    state.registers.cpms = [*names, *chosen[len(names) :]]
    catch_up(state)
    return [_used(state, state.registers.cpms, named=False)]


def _routing(state: State, command: Command) -> list[str]:
    registers, b = state.registers, state.behaviour
    if command.form is Form.TEST:
        return ["+CNMI: (0,1,2),(0,1,2,3),(0,2),(0,1,2),(0,1)"]
    if command.form is Form.READ:
        return [f"+CNMI: {quoted(*registers.cnmi)}"]
    given = [command.number(place, old) for place, old in enumerate(registers.cnmi)]
    limits = (2, 3, 2, 2, 1)
    if any(value > most for value, most in zip(given, limits, strict=True)):
        raise CmsError(_NOT_ALLOWED)
    if str(given[0]) in b.mode_refused or (given[3] and str(given[3]) in b.ds_refused):
        raise CmsError(_NOT_SUPPORTED)
    registers.cnmi = given
    catch_up(state)
    return []


def _format(state: State, command: Command) -> list[str]:
    if command.form is Form.SET:
        if command.number() > 1:
            raise CmsError(_NOT_ALLOWED)
        state.registers.cmgf = command.number()
    return {Form.READ: [f"+CMGF: {state.registers.cmgf}"], Form.TEST: ["+CMGF: (0,1)"]}.get(command.form, [])


def _service(state: State, command: Command) -> list[str]:
    if command.form is Form.TEST:
        return ["+CSMS: (0,1)"]
    if command.form is Form.READ:
        return [f"+CSMS: {state.registers.csms},1,1,1"]
    if command.number() > 1:
        raise CmsError(_NOT_SUPPORTED)
    state.registers.csms = command.number()
    return ["+CSMS: 1,1,1"]


def _acknowledge(state: State, command: Command) -> list[str]:
    if command.form is Form.TEST:
        return ["+CNMA: (0-2)"]
    if not acknowledged(state):
        raise CmsError(340)  # no +CNMA acknowledgement expected
    return []


def _centre(state: State, command: Command) -> list[str]:
    state.need_sim(messages=True)
    if command.form is Form.READ:
        return [f'+CSCA: "{state.smsc}",{145 if state.smsc.startswith("+") else 129}']
    if command.form is Form.SET:
        number = command.values[0] if command.values else ""
        if not number.removeprefix("+").isdecimal():
            raise CmsError(_INVALID_TEXT)
        international = command.number(1, 0) == 145 and not number.startswith("+")
        state.smsc = f"+{number}" if international else number
    return []


def _parameters(state: State, command: Command) -> list[str]:
    if command.form is Form.SET:
        given = [command.number(place, old) for place, old in enumerate(state.registers.csmp)]
        state.registers.csmp = given
        return []
    return [f"+CSMP: {quoted(*state.registers.csmp)}"] if command.form is Form.READ else []


def _details(state: State, command: Command) -> list[str]:
    if command.form is Form.SET:
        if command.number() > 1:
            raise CmeError(50)
        state.registers.csdh = command.number()
        return []
    if command.form is Form.RUN:
        raise Failed
    return [f"+CSDH: {state.registers.csdh}"] if command.form is Form.READ else ["+CSDH: (0,1)"]


MESSAGES: Mapping[str, Handler] = {
    "+CMGS": _begin,
    "+CMGW": _begin,
    "+CMSS": _send_stored,
    "+CMGL": _list,
    "+CMGR": _read,
    "+CMGD": _delete,
    "+CPMS": _storage,
    "+CNMI": _routing,
    "+CMGF": _format,
    "+CSMS": _service,
    "+CNMA": _acknowledge,
    "+CSCA": _centre,
    "+CSMP": _parameters,
    "+CSDH": _details,
}
