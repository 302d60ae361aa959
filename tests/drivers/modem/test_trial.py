"""What `chappe check --connect` says of a modem, and that the modem is as it was."""

import asyncio

import pytest
from modem_lab import virtually

from drivers import modem
from drivers.modem.commands import Timings
from drivers.modem.port_errors import PortError
from drivers.modem.sim_behaviour import ModemBehaviour
from drivers.modem.sim_faults import Fault
from drivers.modem.sim_memory import MemoryModem
from drivers.modem.sim_modem import SimulatedModem

FINE = modem.Terms(sim_contract="a plan")


def tried(behaviour=None, settings=None, terms=FINE, faults=(), before=lambda line: None):
    """(ok, words, the modem afterwards, the commands that it got)."""
    commands = []

    def note(kind, fields):
        if kind == "command":
            commands.append(str(fields["line"]))

    simulated = SimulatedModem(behaviour or ModemBehaviour(), script=faults, on_event=note)
    line = MemoryModem(simulated)

    async def main():
        async with line:
            await asyncio.sleep(10)
            before(line)
            given = modem.Settings(**{"port": "/dev/modem", **(settings or {})})
            return await modem.try_out("sim1", given, terms, opener=line.open)

    ok, words = virtually(main())
    return ok, words, simulated, commands


@pytest.mark.parametrize(
    ("given", "ok", "words"),
    [
        ({}, True, "SIMCOM_SIM7600E, IMEI 860000000000018: SIM ready, on Orange F, signal -71 dBm"),
        ({"terms": modem.Terms()}, True, "it only receives: [bearers.sim1] sim_contract is empty"),
        ({"behaviour": ModemBehaviour(csq=99)}, True, "signal not known"),
        ({"behaviour": ModemBehaviour(registration=2)}, False, "see antenna, place and bands of the modem (network.none)"),
        ({"behaviour": ModemBehaviour(registration=5)}, False, "set roaming = true in [bearers.sim1]"),
        ({"behaviour": ModemBehaviour(registration=5), "terms": modem.Terms(sim_contract="x", roaming=True)}, True, "(roaming)"),
        ({"behaviour": ModemBehaviour(smsc="")}, False, "set service_centre in [bearers.sim1].link"),
        ({"behaviour": ModemBehaviour(smsc=""), "settings": {"service_centre": "+33609001390"}}, True, "SIM ready"),
        ({"behaviour": ModemBehaviour(sim="absent")}, False, "no SIM in the modem"),
        ({"behaviour": ModemBehaviour(pin="1234")}, False, "set pin_file in [bearers.sim1.link]"),
        ({"behaviour": ModemBehaviour(pin="1234"), "settings": {"pin": "1234"}}, True,
         "the SIM wants its PIN, 3 tries are left: not tried here, the daemon tries it once"),
        ({"behaviour": ModemBehaviour(pin="1234", show_tries=False), "settings": {"pin": "9999"}}, True, "the SIM wants its PIN: not tried"),
        ({"behaviour": ModemBehaviour(obedient=True)}, False, "this is not a modem's AT port (modem.says_only_ok)"),
        ({"settings": {"imei": "860000000000992"}}, False, "the configuration says 860000000000992"),
        ({"faults": [Fault("hang", seconds=1e6, text="power")]}, False, "see power and cable"),
        ({"before": lambda line: line.power(on=False)}, False, "plug the modem in (port.missing)"),
        ({"faults": [Fault("unplug", at=10.7, seconds=99)]}, False, "(port.lost)"),
    ],
)  # fmt: skip
def test_what_is_found(given, ok, words):
    went, said, _, _ = tried(**given)
    assert (went, words in said) == (ok, True), said


def test_a_locked_sim_with_its_puk_is_for_a_human():
    behaviour = ModemBehaviour(pin="1234")

    def lock(line):
        line.modem.state.card.pin_left = 0

    ok, said, _, _ = tried(behaviour, {"pin": "1234"}, before=lock)
    assert (ok, "unlock it in a phone with its PUK (sim.puk)" in said) == (False, True), said


def test_nothing_is_sent_read_deleted_or_unlocked():
    def message(line):
        line.mo("+33612345678", "STOP")

    ok, _, simulated, commands = tried(ModemBehaviour(pin="1234"), {"pin": "1234"}, before=message)
    _, _, other, more = tried(settings={"service_centre": "+33609001390"}, before=message)
    assert ok
    assert not simulated.state.card.tries
    for each in (simulated, other):
        assert not each.state.network.submitted
        assert sum(memory.used for memory in each.state.memories.values()) + (each is simulated) >= 1
    changing = ("AT+CMG", "AT+CNMI", "AT+CPMS=", "AT+CPIN=", "AT+CSCA=", "AT+CFUN", "AT+CLCK", "AT+CUSD")
    assert not [line for line in commands + more if line.startswith(changing)]


def test_a_port_that_somebody_has_is_told_in_the_ports_words():
    async def busy(*_):
        raise PortError("port.busy", "/dev/modem is taken by gammu-smsd (17): stop it")

    ok, said = asyncio.run(modem.try_out("sim1", modem.Settings(port="/dev/modem"), opener=busy))
    assert (ok, said) == (False, "/dev/modem is taken by gammu-smsd (17): stop it (port.busy)")


def test_auto_finds_it_or_says_that_it_can_not(monkeypatch):
    monkeypatch.setattr("drivers.modem._PATIENCE", 0.0)
    monkeypatch.setattr("drivers.modem.discovery.candidates", lambda _: [])
    settings = modem.Settings(port="auto", imei="860000000000018")
    ok, said = asyncio.run(modem.try_out("sim1", settings, timings=Timings()))
    assert (ok, "(port.not_found)" in said) == (False, True)
