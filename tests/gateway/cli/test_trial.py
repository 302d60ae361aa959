"""check --connect: every bearer bound once, and nothing taken from the carrier."""

import asyncio
import json
import time

import pytest

from drivers.modem.sim_behaviour import ModemBehaviour
from drivers.modem.sim_modem import SimulatedModem
from drivers.modem.simulator import PtyModem
from drivers.smpp.behaviour import Behaviour
from drivers.smpp.simulator import SimulatedCarrier
from gateway.cli import trial
from gateway.config import load_config


def test_connect_binds_for_real(lab, chappe):
    carrier = lab.carrier()
    done = chappe("check", "--config", lab.config, "--connect")
    assert (done.returncode, "carrier: ok" in done.stderr) == (0, True)
    carrier.wait_for("closed .*peer_unbound")


def test_connect_says_what_is_wrong(lab, chappe):
    nobody = chappe("check", "--config", lab.config, "--connect")
    assert nobody.returncode == 1
    assert "nothing listens there" in nobody.stderr
    lab.carrier("--bind-status", "ESME_RINVPASWD")
    refused = chappe("check", "--config", lab.config, "--connect", "--json")
    assert refused.returncode == 1
    (road,) = json.loads(refused.stdout)["bearers"]
    assert (road["bearer"], road["ok"]) == ("carrier", False)
    assert "wrong password or system_id: ask the carrier" in road["detail"]


def test_a_reply_that_waits_at_the_carrier_stays_there(lab):
    async def go():
        carrier = SimulatedCarrier(Behaviour(retry_after=60.0))
        lab.edit(f"port = {lab.carrier_port}", f"port = {await carrier.start()}")
        carrier.inject_mo("+33600000001", "36180", "Bonjour")
        tried = await trial._try(load_config(lab.config, {}), "carrier", 5.0)
        assert tried.ok
        assert carrier.counts["mos"] == 0, "the check has taken a reply that is the daemon's"
        await carrier.stop()

    asyncio.run(go())


def test_a_host_that_says_nothing_is_given_up(lab):
    async def go():
        silent = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
        port = silent.sockets[0].getsockname()[1]
        lab.edit(f"port = {lab.carrier_port}", f"port = {port}")
        tried = await trial._try(load_config(lab.config, {}), "carrier", 0.3)
        assert (tried.ok, "no answer in 0.3 s" in tried.detail) == (False, True)
        silent.close()

    asyncio.run(go())


MODEM = """
[bearers.sim1]
driver = "modem"
rate = 0.2
sim_contract = "M2M 4711"
kinds = ["alert"]
[bearers.sim1.link]
port = "{port}"
pin = "1234"
"""


@pytest.mark.parametrize(
    ("behaviour", "ok", "words"),
    [
        ({}, True, "SIM ready, on Orange F, signal -71 dBm"),
        ({"pin": "1234"}, True, "the SIM wants its PIN, 3 tries are left: not tried here, the daemon tries it once"),
        ({"registration": 3}, False, "the network refuses this SIM"),
    ],
)  # fmt: skip
def test_a_modem_is_asked_and_neither_used_nor_unlocked(lab, tmp_path, behaviour, ok, words):
    async def go():
        simulated = SimulatedModem(ModemBehaviour(boot=0.0, **behaviour), wall=time.time())
        async with PtyModem(simulated, tmp_path / "modem") as line:
            line.mo("+33600000001", "STOP")
            lab.config.write_text(lab.config.read_text() + MODEM.format(port=line.place))
            tried = await trial._try(load_config(lab.config, {}), "sim1", 5.0)
        assert (tried.ok, words in tried.detail) == (ok, True), tried.detail
        assert tried.detail.startswith("SIMCOM INCORPORATED SIMCOM_SIM7600E, IMEI 860000000000018: ")
        assert not simulated.state.card.tries
        assert not simulated.state.network.submitted

    asyncio.run(go())


def test_a_modem_that_is_not_there(lab, chappe, tmp_path):
    lab.carrier()
    lab.config.write_text(lab.config.read_text() + MODEM.format(port=tmp_path / "modem"))
    done = chappe("check", "--config", lab.config, "--connect")
    assert done.returncode == 1
    assert "sim1: FAILED" in done.stderr
    assert "plug the modem in, or mend the path" in done.stderr
