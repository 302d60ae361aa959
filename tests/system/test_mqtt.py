"""MQTT around the process that users run: killed, stopped, without its carrier, before a broker that swallows all."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from lab import chappe
from mqtting import PREFIX, gateway_with
from peers.install import environment, program
from peers.process import free_port
from peers.smppload import load
from peers.subscriber import Subscriber
from system.certificates import certificates
from system.gatewayconfig import configuration, written
from system.gatewayprocess import GatewayProcess

from drivers.smpp.behaviour import Behaviour
from drivers.smpp.simulator import SimulatedCarrier

pytestmark = pytest.mark.peers("mosquitto")

OURS = "chappe/v1/default/tests"
ACL = Path(__file__).resolve().parents[2] / "config" / "mosquitto-acl.example"


def process(tmp_path, broker_port, carriers, **changes):
    mqtt = {"url": f"mqtt://127.0.0.1:{broker_port}", "interval": "1s"}
    table = configuration(tmp_path, free_port(), carriers, {"mqtt": mqtt, **changes})
    return GatewayProcess(tmp_path, table), table["listeners"]["smpp"]["port"]


def test_a_killed_gateway_and_a_fallen_carrier_are_seen_within_a_second(broker, tmp_path):
    mosquitto = broker()

    async def story():
        carrier = SimulatedCarrier(Behaviour())
        gateway, _ = process(tmp_path, mosquitto.port, {"orange": await carrier.start()})
        with Subscriber(mosquitto.port, "chappe/#") as heard:
            try:
                await asyncio.to_thread(gateway.start)
                await asyncio.to_thread(heard.wait, "/bearer/orange/state", state="up")
                await asyncio.to_thread(heard.wait, "/status", state="ready")
                began = time.monotonic()
                await carrier.stop()
                fallen = await asyncio.to_thread(heard.wait, "/bearer/orange/state", state="down")
                assert fallen.at - began < 1
                began = time.monotonic()
                gateway.kill()
                lost = await asyncio.to_thread(heard.wait, "/status", state="lost")
                assert lost.at - began < 1
                assert lost.view == {"v": 1, "state": "lost"}
                await asyncio.to_thread(gateway.start)
                await asyncio.to_thread(heard.wait, "/status", 2, state="ready")
                assert "mqtt.taken" not in gateway.said()  # its predecessor is no second gateway
                assert await asyncio.to_thread(gateway.stop) == 0
                await asyncio.to_thread(heard.wait, "/status", state="disconnected")
                words = [one.view["state"] for one in heard.all("/status")]
                assert words.count("lost") == 1
            finally:
                gateway.__exit__()

    asyncio.run(story())


@pytest.mark.peers("smppload")
def test_a_broker_that_swallows_everything_costs_no_message(sink, tmp_path):
    carrier = sink(tlv=True)
    with socket.create_server(("127.0.0.1", 0)) as hole:
        gateway, port = process(tmp_path, hole.getsockname()[1], {"orange": carrier.port})
        with gateway:
            gateway.wait_line("bearer.up")
            report = load(port, 3000, window=100, user="shop", password="secret")
            assert (report["exit"], report["accepted"], report["receipts"]) == (0, 3000, 3000)
            gateway.wait_line("alarm.raised", alarm="mqtt", timeout=15)
            assert gateway.stop() == 0
    assert carrier.stop()["accepted"] == 3000


def passwords(tmp_path, *names):
    file = tmp_path / "passwords"
    file.touch(mode=0o600)
    for name in names:
        command = [program("mosquitto_passwd"), "-b", file, name, f"{name}-pw"]
        subprocess.run(command, env=environment(), check=True, capture_output=True)
    return file


def test_the_acl_of_the_examples_lets_everybody_do_his_own(broker, tmp_path):
    """Over TLS, with a password for each: gateway, monitor, operator, and a machine that sends texts."""
    files = certificates(tmp_path / "tls")
    names = ("chappe-lyon-1", "monitor", "operator", "alarm-box")
    mosquitto = broker(
        "allow_anonymous false", f"acl_file {ACL}", f"password_file {passwords(tmp_path, *names)}",
        f"certfile {files.certificate}", f"keyfile {files.key}",
    )  # fmt: skip
    secret = tmp_path / "secret"
    secret.write_text("chappe-lyon-1-pw\n")
    secret.chmod(0o600)
    more = (
        f'interval = "1s"\nca_file = "{files.authority}"\nusername = "chappe-lyon-1"\npassword_file = "{secret}"\n'
        'commands = ["link.reset"]\nsubmit = ["oncall"]'
    )
    text = gateway_with(mosquitto.port, more).replace("mqtt://127.0.0.1", "mqtts://localhost")
    (tmp_path / "gateway.toml").write_text(text)

    def client(name):
        return (
            "-h",
            "localhost",
            "--cafile",
            str(files.authority),
            "-u",
            name,
            "-P",
            f"{name}-pw",
            "-V",
            "5",
        )

    checked = chappe("check", "--config", tmp_path / "gateway.toml", "--connect", "--json")
    broker_said = json.loads(checked.stdout)["bearers"][-1]
    assert (broker_said["bearer"], broker_said["ok"]) == ("mqtt", True), checked.stdout
    gateway = GatewayProcess(tmp_path / "run", {})
    gateway.file.write_text(text)
    with (
        gateway,
        Subscriber(mosquitto.port, "chappe/#", *client("monitor")) as seen,
        Subscriber(mosquitto.port, "chappe/v1/lab/+/cmd/+/reply", *client("operator")) as answered,
        Subscriber(mosquitto.port, "clients/alarm-box/answers", *client("alarm-box")) as machine,
    ):
        seen.wait("/status", state="ready")
        seen.wait("/bearer/sim/state", state="up")
        seen.wait("/queue/otp/metrics")
        mosquitto.publish(f"{PREFIX}/cmd/link.reset", '{"name": "sim"}', *client("alarm-box"))  # not its own
        mosquitto.publish(f"{PREFIX}/cmd/link.reset", '{"name": "sim"}', *client("operator"))
        assert answered.wait("/cmd/link.reset/reply").view["status"] == "done"
        alert = '{"to": "+33612345678", "text": "Porte ouverte"}'
        where = (
            "-D",
            "publish",
            "response-topic",
            "clients/alarm-box/answers",
            "-D",
            "publish",
            "correlation-data",
            "7",
        )
        mosquitto.publish(f"{PREFIX}/submit/oncall", alert, *client("operator"))  # nor his
        mosquitto.publish(f"{PREFIX}/submit/oncall", alert, *client("alarm-box"), *where)
        assert machine.wait("clients/alarm-box/answers").view["status"] == "accepted"
        seen.wait("/queue/alert/metrics", delivered=1)
        time.sleep(0.2)
        assert len(answered.all()) == len(machine.all()) == 1
        assert not [one for one in seen.all() if "submit" in one.topic or "cmd" in one.topic]
        assert "mqtt.forbidden" not in gateway.said()


def test_check_connect_says_what_is_wrong_with_the_broker(tmp_path):
    file = tmp_path / "gateway.toml"
    file.write_text(gateway_with(free_port()))
    done = chappe("check", "--config", file, "--connect")
    assert done.returncode == 1
    assert "mqtt: FAILED, 127.0.0.1:" in done.stderr
    assert "cannot be reached" in done.stderr


def test_a_reload_that_touches_mqtt_is_refused_with_the_reason(broker, tmp_path):
    mosquitto = broker()
    with Subscriber(mosquitto.port, "chappe/#") as heard:
        gateway, port = process(tmp_path, mosquitto.port, {"orange": 1})
        with gateway:
            heard.wait("/status", state="ready")
            mqtt = {"url": f"mqtt://127.0.0.1:{mosquitto.port}", "interval": "1s", "root": "x"}
            written(tmp_path, configuration(tmp_path, port, {"orange": 1}, {"mqtt": mqtt}))
            os.kill(gateway.pid, signal.SIGHUP)
            told = heard.wait("/event/reload").view
            assert "mqtt.root" in told["error"]
            assert told["changed"] == []
