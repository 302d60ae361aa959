"""check --connect: every bearer bound once, and nothing taken from the carrier."""

import asyncio
import json

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
