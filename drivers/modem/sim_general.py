"""The commands of a simulated modem that are not about messages: itself, its SIM, its network, calls, settings.

Each takes the state and a command, returns the lines of its answer or raises how else it ends. TS 27.007 and
V.250; what no client understands is not here, and answers ERROR as modems do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from drivers.modem.sim_card import PIN_TRIES
from drivers.modem.sim_commands import CmeError, Command, Failed, Form, quoted
from drivers.modem.sim_incoming import catch_up
from drivers.modem.sim_state import Registers, State
from drivers.modem.sim_text import charset_decoded, charset_encoded

__all__ = ["GENERAL", "Handler", "place_of"]

Handler = Callable[[State, Command], list[str]]

_CHARSETS = ("IRA", "GSM", "UCS2")
_PLACE = ',"00C3","0001A2B3"'  # <lac>,<ci>
_UNSUPPORTED = 4  # +CME ERROR


def _defaults(state: State, command: Command) -> list[str]:  # noqa: ARG001 - Handler
    state.registers = Registers(next(iter(state.memories), "SM"))
    return []


def _nothing(state: State, command: Command) -> list[str]:  # noqa: ARG001 - Handler
    return []


def _says(attribute: str) -> Handler:
    """A command whose answer is a bare line: +CGMM."""

    def say(state: State, command: Command) -> list[str]:
        return [] if command.form is Form.TEST else [str(getattr(state.behaviour, attribute))]

    return say


def _setting(values: str, default: str = "0") -> Handler:
    """A setting without an effect here, which is remembered for its query."""

    def keep(state: State, command: Command) -> list[str]:
        name = command.name
        if command.form is Form.SET:
            state.registers.noted[name] = command.argument
            return []
        if command.form is Form.READ:
            return [f"{name}: {state.registers.noted.get(name, default)}"]
        return [f"{name}: {values}"] if command.form is Form.TEST else []

    return keep


# ── the SIM ─────────────────────────────────────────────────────────────────────────────────────────────────
def _cpin(state: State, command: Command) -> list[str]:
    if command.form is Form.TEST:
        return []
    if state.sim == "absent" or not state.card.wants:
        state.need_sim()
    card = state.card
    if command.form is Form.READ:
        return [f"+CPIN: {card.wants}"]
    values = command.values
    if card.wants == "READY" or not values:
        raise CmeError(3)
    if card.wants == "SIM PUK":
        if len(values) < 2:
            raise CmeError(12)
        right = card.enter_puk(values[0], values[1])
    else:
        right = card.enter_pin(values[0])
    state.tell("pin", {"right": right, "left": card.pin_left})
    if not right:
        raise CmeError(16)
    state.sim_ready()
    return []


def _tries(state: State, command: Command) -> list[str]:
    """+CPINR (TS 27.007 §8.65) and Quectel's +QPINC."""
    if not state.behaviour.show_tries or state.sim == "absent":
        raise CmeError(_UNSUPPORTED)
    card = state.card
    if command.name == "+QPINC":
        return [f'+QPINC: "SC",{card.pin_left},{card.puk_left}']
    return [f"+CPINR: SIM PIN,{card.pin_left},{PIN_TRIES}"]


def _iccid(state: State, command: Command) -> list[str]:
    if command.name != state.behaviour.iccid_command:
        raise CmeError(_UNSUPPORTED)
    if state.sim == "absent":
        state.need_sim()
    return [f"{command.name}: {state.behaviour.iccid}"]


def _imsi(state: State, command: Command) -> list[str]:
    state.need_sim()
    return [] if command.form is Form.TEST else [state.behaviour.imsi]


def _own_number(state: State, command: Command) -> list[str]:  # noqa: ARG001 - Handler
    state.need_sim()
    return [f'+CNUM: "","{state.behaviour.number}",145'] if state.behaviour.number else []


# ── the network ─────────────────────────────────────────────────────────────────────────────────────────────
def place_of(stat: int) -> str:
    """What +CREG=2 adds behind <stat>."""
    return _PLACE if stat in (1, 5) else ""


def _registration(state: State, command: Command) -> list[str]:
    name = command.name
    if command.form is Form.TEST:
        return [f"{name}: (0-2)"]
    if command.form is Form.SET:
        state.registers.reporting[name] = command.number()
        return []
    form, stat = state.registers.reporting[name], state.registration_for(name)
    where = place_of(stat) if form == 2 else ""
    return [f"{name}: {form},{stat}{where}"]


def _operator(state: State, command: Command) -> list[str]:
    b, registers = state.behaviour, state.registers
    if command.form is Form.TEST:
        return [f'+COPS: (2,"{b.operator}","{b.operator}","{b.plmn}",2),,(0,1,2,3,4),(0,1,2)']
    if command.form is Form.SET:
        if command.number() == 3:
            registers.cops_format = command.number(1, 0)
        return []
    if not state.registered:
        return ["+COPS: 0"]
    name = b.plmn if registers.cops_format == 2 else charset_encoded(b.operator, registers.cscs)
    return [f'+COPS: 0,{registers.cops_format},"{name}",7']


def _signal(state: State, command: Command) -> list[str]:
    if command.form is Form.TEST:
        return ["+CSQ: (0-31,99),(0-7,99)"]
    return [f"+CSQ: {state.behaviour.csq},99"]


def _attached(state: State, command: Command) -> list[str]:
    return [f"+CGATT: {int(state.registered)}"] if command.form is Form.READ else []


def _ussd(state: State, command: Command) -> list[str]:
    if command.form is not Form.SET:
        return ["+CUSD: 0"] if command.form is Form.READ else ["+CUSD: (0-2)"]
    values = command.values
    if len(values) < 2 or not state.behaviour.balance:
        return []
    state.need_sim()
    if not state.registered:
        raise CmeError(30)
    try:
        charset_decoded(values[1], state.registers.cscs)
    except ValueError:
        raise CmeError(50) from None
    text = charset_encoded(state.behaviour.balance, state.registers.cscs)
    state.later(state.behaviour.ussd, partial(state.urcs.append, f'+CUSD: 0,"{text}",15'))
    return []


# ── the modem ───────────────────────────────────────────────────────────────────────────────────────────────
def _functionality(state: State, command: Command) -> list[str]:
    if command.form is Form.READ:
        return [f"+CFUN: {state.functional}"]
    if command.form is Form.TEST:
        return ["+CFUN: (0,1,4),(0,1)"]
    level = command.number()
    if level not in (0, 1, 4):
        raise CmeError(50)
    if command.number(1, 0) == 1:
        state.reset_wanted = True
    if level == 1 and state.functional != 1:
        state.registered_at = state.now + state.behaviour.register
    state.functional = level
    catch_up(state)
    return []


def _battery(state: State, command: Command) -> list[str]:  # noqa: ARG001 - Handler
    return ["+CBC: 0,80"]


def _errors(state: State, command: Command) -> list[str]:
    if command.form is Form.SET:
        state.registers.cmee = command.number()
    return {Form.READ: [f"+CMEE: {state.registers.cmee}"], Form.TEST: ["+CMEE: (0-2)"]}.get(command.form, [])


def _charset(state: State, command: Command) -> list[str]:
    if command.form is Form.TEST:
        return [f"+CSCS: ({quoted(*_CHARSETS)})"]
    if command.form is Form.READ:
        return [f'+CSCS: "{state.registers.cscs}"']
    wanted = command.values[0] if command.values else ""
    if wanted not in _CHARSETS:
        raise CmeError(_UNSUPPORTED)
    state.registers.cscs = wanted
    return []


def _phonebook(state: State, command: Command) -> list[str]:
    if command.form is Form.TEST:
        return ['+CPBS: ("SM","ME","ON")'] if command.name == "+CPBS" else ["+CPBR: (1-250),40,18"]
    if command.name == "+CPBR":
        return []
    if command.form is Form.READ:
        return [f'+CPBS: "{state.registers.phonebook}",0,250']
    state.registers.phonebook = command.values[0] if command.values else "SM"
    return []


def _dial(state: State, command: Command) -> list[str]:  # noqa: ARG001 - Handler
    raise Failed("NO CARRIER")


GENERAL: Mapping[str, Handler] = {
    **dict.fromkeys(("E", "V", "Q", "S", "X", "H", "I", "L", "M", "&C", "&D", "&K", "&W"), _nothing),
    **dict.fromkeys(("Z", "&F"), _defaults),
    **dict.fromkeys(("+CGMI", "+GMI"), _says("manufacturer")),
    **dict.fromkeys(("+CGMM", "+GMM"), _says("model")),
    **dict.fromkeys(("+CGMR", "+GMR"), _says("revision")),
    **dict.fromkeys(("+CGSN", "+GSN"), _says("imei")),
    **dict.fromkeys(("+CREG", "+CGREG", "+CEREG"), _registration),
    **dict.fromkeys(("+CCID", "+QCCID", "+ICCID", "^ICCID"), _iccid),
    **dict.fromkeys(("+CPINR", "+QPINC"), _tries),
    **dict.fromkeys(("+CPBS", "+CPBR"), _phonebook),
    **dict.fromkeys(("+CLIP", "+CRC", "+CVHU", "+CCWA", "+COLP", "+CLIR", "+CMMS"), _setting("(0,1)")),
    **dict.fromkeys(("+CLCC", "+CPOF", "+CPOWD", "+QPOWD"), _nothing),
    "+IFC": _setting("(0-2),(0-2)", "0,0"),
    "+IPR": _setting("(0,9600,115200)"),
    "+CPAS": _setting("(0-4)"),
    "+CBC": _battery,
    "+CSTA": _setting("(129,145)", "145"),
    "D": _dial,
    "+CPIN": _cpin,
    "+CIMI": _imsi,
    "+CNUM": _own_number,
    "+COPS": _operator,
    "+CSQ": _signal,
    "+CGATT": _attached,
    "+CUSD": _ussd,
    "+CFUN": _functionality,
    "+CMEE": _errors,
    "+CSCS": _charset,
}
