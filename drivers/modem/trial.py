"""A look at a modem that changes nothing, for `chappe check --connect`: what is there, and what a daemon would miss.

Promises: nothing is sent, read, deleted or switched; no PIN is tried; the lines of [bearers.NAME.power] are not
touched. What it sets (no echo, numeric errors) each start sets anew.
"""

from __future__ import annotations

from drivers.bearer import StateStore
from drivers.modem import network
from drivers.modem.access import Access, Means
from drivers.modem.at import Late, Urc
from drivers.modem.commands import At
from drivers.modem.facts import Facts
from drivers.modem.line import Line, PortLost
from drivers.modem.pin import sim_state, tries_left, wanting
from drivers.modem.port_errors import PortError
from drivers.modem.profile import Quirks
from drivers.modem.script import Script, Silent, Trouble, ask
from drivers.modem.settings import Settings, Terms
from drivers.modem.start import Plan, identify, read_service_centre, wake

__all__ = ["look"]


class _NoState(StateStore):
    """A daemon's facts are its own."""

    async def get(self, key: str) -> str | None:  # noqa: ARG002 - the contract's signature
        return None

    async def put(self, key: str, value: str) -> None:
        """Kept nowhere."""


def _ignore(event: Urc | Late) -> None:
    """What it says by itself is the daemon's business."""


def _nobody() -> None:
    """Nobody waits for the port's end."""


async def look(name: str, settings: Settings, terms: Terms, means: Means) -> tuple[bool, str]:
    """(whether it could send, what was found and what to do, in a sentence). Raises nothing for what a modem does."""
    timings = means.seams.timings
    line = Line(_ignore, _nobody, _NoState(), means.seams.clock, timings.pair, name)
    at = At(timings)
    access = Access(name, settings, means, line, at)
    facts = Facts()
    table = f"[bearers.{name}]"

    def noise() -> int:
        return line.dialogue.noise

    plan = Plan(f"[bearers.{name}.link]", "", settings.imei, "", settings.number, Quirks(), noise)

    def script() -> Script[str]:
        yield from wake(at, timings, plan)
        for setting in ("E0", "+CMEE=1"):
            yield from ask(at.plain(setting))
        yield from identify(at, plan, facts)
        state = yield from sim_state(at, timings)
        if state == "READY":
            yield from network.watch(at, facts)
            yield from read_service_centre(at, timings, facts, plan)
            return ""
        left = yield from tries_left(at, access.quirks.pin_tries_command)
        return _locked(state, left, settings, plan.where)

    try:
        await access.open()
        locked = await line.play(script())
    except (PortError, Trouble) as error:
        return False, _found(facts, f"{error.detail} ({error.reason})")
    except PortLost as error:
        return False, _found(facts, f"{error} (port.lost)")
    except Silent as error:
        return False, _found(
            facts, f"{error}: see power and cable, and that it is the AT port (modem.silent)"
        )
    finally:
        line.close()
        access.close()
    if locked:
        return True, _found(facts, locked)
    facts.service_centre = facts.service_centre or settings.service_centre
    blocked = network.unfit(facts, terms.roaming, table)
    if blocked is not None:
        return False, _found(facts, f"{blocked[1]} ({blocked[0]})")
    contract = "" if terms.sim_contract else f"; it only receives: {table} sim_contract is empty"
    return True, _found(facts, f"SIM ready, {_network(facts)}{contract}")


def _locked(state: str, left: int | None, settings: Settings, where: str) -> str:
    """A PIN that is configured is the daemon's to try, once. Raises Trouble for what no daemon can answer."""
    if state != "SIM PIN":
        raise wanting(state)
    if not settings.pin and settings.pin_file is None:
        raise Trouble(
            "sim.pin_missing", f"the SIM wants a PIN: set pin_file in {where}, or switch its PIN off"
        )
    tries = "" if left is None else f", {left} tries are left"
    return f"the SIM wants its PIN{tries}: not tried here, the daemon tries it once"


def _network(facts: Facts) -> str:
    where = facts.operator or facts.code or "a network"
    roaming = " (roaming)" if facts.cell.roaming else ""
    return f"on {where}{roaming}, {'signal not known' if facts.dbm is None else f'signal {facts.dbm} dBm'}"


def _found(facts: Facts, words: str) -> str:
    model = " ".join(word for word in (facts.manufacturer, facts.model) if word)
    if not model and not facts.imei:
        return words
    return f"{model or 'a modem'}, IMEI {facts.imei or 'unknown'}: {words}"
