"""The gateway on a real broker: birth, states, events, figures; broker gone and back; two of one name; hostile ones."""

import json
import socket
import time

import pytest
import structlog
from mqtting import PREFIX, check, gateway_with
from peers.process import Process
from peers.subscriber import Subscriber
from running_gateway import Running

from gateway.topics import Reply
from gateway.watchers import mqtt, mqtt_client

pytestmark = pytest.mark.peers("mosquitto")

QUICK = 'interval = "0.2s"'


class Lab(Running):
    """A gateway with [mqtt]; its configuration is taken as it is."""

    def __init__(self, folder, text):
        folder.mkdir(exist_ok=True)
        super().__init__(folder, None, text.replace("{", "{{").replace("}", "}}"))

    def connected(self):
        self.until(lambda: self.app.watch.mqtt.connected)
        self.until(lambda: self.app.dispatcher.roads["sim"].open)
        return self

    def alarm(self, alarm_id):
        return self.until(lambda: next((a for a in self.app.alarms if a.id == alarm_id), None))

    def no_alarm(self, alarm_id):
        self.until(lambda: alarm_id not in self.app.alarms)


@pytest.fixture
def logged():
    """The lines of the log, whatever a test before has made of it."""
    structlog.reset_defaults()
    with structlog.testing.capture_logs() as lines:
        yield lines


def topics_of(heard):
    return [one.topic.removeprefix(f"{PREFIX}/") for one in heard]


# ── what is seen ─────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("version", ["auto", "3.1.1"])
def test_a_life_from_birth_to_goodbye_by_the_schemas(broker, tmp_path, version):
    mosquitto = broker()
    text = gateway_with(
        mosquitto.port, f'{QUICK}\nversion = "{version}"\ncommands = ["link.disable"]\nsubmit = ["shop"]'
    )
    with Subscriber(mosquitto.port, "chappe/#") as heard:
        with Lab(tmp_path / "gw", text) as lab:
            lab.connected()
            heard.wait("/status", state="ready")
            heard.wait("/store/metrics")
            message = json.dumps({"to": "+33612345678", "text": "Porte ouverte", "reference": "m-1"})
            mosquitto.publish(f"{PREFIX}/submit/shop", message)
            assert heard.wait("/submit/shop/reply", reference="m-1").view["status"] == "accepted"
            mosquitto.publish(f"{PREFIX}/cmd/link.disable", '{"name": "sim", "confirm": "lyon-1"}')
            assert heard.wait("/cmd/link.disable/reply").view["status"] == "done"
            heard.wait("/bearer/sim/state", state="disabled")
            lab.call(lab.app.alarms.raise_, "test.one", "critical", "a cause")
            heard.wait("/alarm/test.one", severity="critical")
            heard.wait("/event/alarm", id="test.one", raised=True)
            lab.call(lab.app.alarms.clear, "test.one")
            heard.wait("/event/alarm", id="test.one", raised=False)
            assert heard.wait("/alarm/test.one", 2).payload == ""
            heard.wait("/queue/transactional/metrics", delivered=1)
        heard.wait("/status", state="disconnected")
        life = heard.all()
    mine = [
        one
        for one in life
        if not one.topic.startswith((f"{PREFIX}/submit/shop", f"{PREFIX}/cmd/")) or "reply" in one.topic
    ]
    for one in mine:
        if one.payload:
            check(one.topic, one.view)
        assert "3361234" not in one.payload
        assert "Porte" not in one.payload
    words = [one.view["state"] for one in mine if one.topic == f"{PREFIX}/status"]
    assert words[:2] == ["init", "ready"]
    assert words[-1] == "disconnected"
    names = topics_of(mine)
    assert names.index("bearer/sim/state") < names.index("status", 1)  # states come before `ready`


def test_late_subscribers_get_states_and_no_stale_figures(broker, tmp_path):
    mosquitto = broker()
    with Lab(tmp_path / "gw", gateway_with(mosquitto.port, QUICK)) as lab:
        lab.connected()
        with Subscriber(mosquitto.port, "chappe/#") as early:
            early.wait("/store/metrics")
        with Subscriber(mosquitto.port, "chappe/#") as late:
            late.wait("/store/metrics")
            kept = [one for one in late.all() if one.retained]
    assert set(topics_of(kept)) == {
        "status",
        "info",
        "bearer/sim/state",
        "account/shop/state",
        "account/oncall/state",
    }


def test_a_bearer_s_fall_is_seen_within_a_second(broker, tmp_path):
    mosquitto = broker()
    with (
        Lab(tmp_path / "gw", gateway_with(mosquitto.port)) as lab,
        Subscriber(mosquitto.port, "chappe/#") as heard,
    ):
        lab.connected()
        heard.wait("/bearer/sim/state", state="up")
        began = time.monotonic()
        lab.call(lab.app.dispatcher.roads["sim"].bearer.reset)
        fallen = heard.wait("/event/bearer", up=False, bearer="sim")
        assert fallen.at - began < 1
        lab.call(lambda: setattr(lab.app.dispatcher.roads["sim"], "disabled", "ana"))
        began = time.monotonic()
        assert heard.wait("/bearer/sim/state", state="disabled").at - began < 1.2


def test_what_is_gone_is_cleared_at_start(broker, tmp_path):
    mosquitto = broker()
    stale = ("bearer/gone/state", "modem/gone/state", "account/gone/state", "alarm/bearer.gone")
    for topic in (*stale, "bearer/sim/state"):
        mosquitto.publish(f"{PREFIX}/{topic}", '{"v":1,"state":"up"}', "-r")
    others = ("chappe/v1/lab/lyon-2/bearer/x/state", f"{PREFIX}/elsewhere/x")
    for topic in others:
        mosquitto.publish(topic, "{}", "-r")
    with Lab(tmp_path / "gw", gateway_with(mosquitto.port)) as lab:
        lab.connected()
        began = time.monotonic()
        lab.until(lambda: time.monotonic() - began > 0.3 and not lab.app.watch.mqtt._kept)
        with Subscriber(mosquitto.port, "chappe/#") as heard:
            heard.wait("/account/shop/state")
            time.sleep(0.1)
            names = {one.topic for one in heard.all()}
    assert not names & {f"{PREFIX}/{topic}" for topic in stale}
    assert names >= {*others, f"{PREFIX}/bearer/sim/state"}


# ── what is asked, through the broker ────────────────────────────────────────────────────────────────────────
def test_a_retained_command_is_ignored_and_said_so(broker, tmp_path, logged):
    mosquitto = broker()
    mosquitto.publish(f"{PREFIX}/cmd/drain", '{"confirm": "lyon-1"}', "-r")
    text = gateway_with(mosquitto.port, 'commands = ["drain", "link.reset"]\nsubmit = ["shop"]')
    with Lab(tmp_path / "gw", text) as lab, Subscriber(mosquitto.port, f"{PREFIX}/cmd/#") as heard:
        lab.connected()
        mosquitto.publish(
            f"{PREFIX}/cmd/drain", '{"confirm": "lyon-1"}', "-r"
        )  # kept, and passed on, while we listen
        mosquitto.publish(f"{PREFIX}/cmd/link.reset", '{"name": "sim"}')
        heard.wait("/cmd/link.reset/reply", status="done")
        assert lab.app.drained == ""
    assert {line["topic"] for line in logged if line["event"] == "mqtt.retained_ignored"} == {
        f"{PREFIX}/cmd/drain"
    }


def test_mqtt_5_says_where_the_reply_goes_and_who_asks(broker, tmp_path):
    mosquitto = broker()
    with Lab(tmp_path / "gw", gateway_with(mosquitto.port, 'commands = ["link.reset"]')) as lab:
        lab.connected()
        with Subscriber(mosquitto.port, "ops/#", "-V", "5") as heard:
            properties = [
                f"-D publish {word}"
                for word in ("response-topic ops/7", "correlation-data c1", "user-property user ana")
            ]
            mosquitto.publish(
                f"{PREFIX}/cmd/link.reset", '{"name": "sim"}', "-V", "5", *" ".join(properties).split()
            )
            assert heard.wait("ops/7").view["status"] == "done"
        assert ("mqtt, who says 'ana'", "link reset", "sim") in lab.audit()


def test_nothing_is_subscribed_to_unless_it_is_allowed(broker, tmp_path):
    mosquitto = broker()
    with Lab(tmp_path / "gw", gateway_with(mosquitto.port)) as lab:
        lab.connected()
        time.sleep(0.2)
    assert "/cmd/" not in mosquitto.log()
    assert "/submit/" not in mosquitto.log()


# ── brokers ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_broker_that_goes_and_comes_back_gets_the_truth(broker, tmp_path, monkeypatch):
    monkeypatch.setattr(mqtt, "Backoff", lambda first, most: constant(0.2))
    mosquitto = broker()
    with Lab(tmp_path / "gw", gateway_with(mosquitto.port)) as lab:
        lab.connected()
        mosquitto.kill()
        lab.until(lambda: not lab.app.watch.mqtt.connected)
        alarm = lab.alarm("mqtt")
        assert "cannot be reached" in alarm.text
        assert lab.submit("+33612345678")
        lab.call(lab.app.alarms.raise_, "test.one", "critical", "while nobody looked")
        lab.call(lambda: setattr(lab.app.dispatcher.roads["sim"], "disabled", "ana"))
        mosquitto.start()  # without persistence: what it kept is gone
        lab.until(lambda: lab.app.watch.mqtt.connected)
        lab.no_alarm("mqtt")
        with Subscriber(mosquitto.port, "chappe/#") as heard:
            heard.wait("/bearer/sim/state", state="disabled")
            heard.wait("/alarm/test.one")
            heard.wait("/status", state="ready")
            assert not [one for one in heard.all("/alarm/mqtt") if one.payload]


def test_events_wait_for_the_broker_in_a_bounded_buffer(broker, tmp_path, monkeypatch):
    monkeypatch.setattr(mqtt, "ROOM", 20)
    mosquitto = broker()
    mosquitto.stop()
    with Lab(tmp_path / "gw", gateway_with(mosquitto.port)) as lab:
        lab.alarm("mqtt")
        for number in range(50):
            lab.call(lab.app.alarms.raise_, f"test.{number}", "warning", "x")
        mosquitto.start()
        with Subscriber(mosquitto.port, "chappe/#") as heard:
            heard.wait("/event/alarm", id="test.49")
            told = [one.view["id"] for one in heard.all("/event/alarm") if one.view["id"].startswith("test.")]
    assert told == [f"test.{number}" for number in range(50 - len(told), 50)]
    assert 15 <= len(told) <= 20


def test_a_wrong_password_is_one_alarm_and_nothing_else(broker, tmp_path, logged, monkeypatch):
    monkeypatch.setattr(mqtt, "Backoff", lambda first, most: constant(0.1))
    mosquitto = broker("allow_anonymous false")
    (tmp_path / "secret").write_text("s3kr1t-no\n")
    (tmp_path / "secret").chmod(0o600)
    more = f'username = "chappe"\npassword_file = "{tmp_path / "secret"}"'
    with Lab(tmp_path / "gw", gateway_with(mosquitto.port, more)) as lab:
        alarm = lab.alarm("mqtt")
        assert "mqtt.password_file" in alarm.text
        assert lab.submit("+33612345678")
        watcher = lab.app.watch.mqtt
        lab.until(lambda: watcher._tries >= 3)
        assert [a.id for a in lab.app.alarms] == ["mqtt"]
    assert [line["alarm"] for line in logged if line["event"] == "alarm.raised"] == ["mqtt"]
    assert "s3kr1t-no" not in str(logged)


def test_a_broker_that_forbids_is_an_alarm(broker, tmp_path):
    acl = tmp_path / "acl"
    acl.write_text(f"topic readwrite {PREFIX}/status\n")
    mosquitto = broker(f"acl_file {acl}")
    with Lab(tmp_path / "gw", gateway_with(mosquitto.port)) as lab:
        assert "look at its ACL" in lab.alarm("mqtt.forbidden").text
        assert lab.submit("+33612345678")


def test_two_gateways_of_one_name_are_an_alarm(broker, tmp_path):
    mosquitto = broker()
    text = gateway_with(mosquitto.port)
    with Lab(tmp_path / "one", text) as one:
        one.connected()
        with Lab(tmp_path / "two", text) as two:
            alarm = one.alarm("mqtt.taken")
            assert "another gateway named lyon-1 runs on" in alarm.text
            assert two.submit("+33612345678")
            assert one.submit("+33612345678")


def test_a_broker_that_cuts_us_off_again_and_again_is_an_alarm(broker, tmp_path, monkeypatch):
    monkeypatch.setattr(mqtt, "Backoff", lambda first, most: constant(0.05))
    mosquitto = broker()
    with Lab(tmp_path / "gw", gateway_with(mosquitto.port)) as lab:
        for _ in range(3):
            lab.connected()
            time.sleep(0.1)
            taken = mosquitto_pub_as(mosquitto, "chappe-lab-lyon-1")
            lab.until(lambda: not lab.app.watch.mqtt.connected or "mqtt.taken" in lab.app.alarms)
            taken.close()
        assert "use our identifier" in lab.alarm("mqtt.taken").text


def constant(seconds):
    from gateway.throttle import Backoff

    return Backoff(seconds, seconds)


def mosquitto_pub_as(mosquitto, identifier):
    """Some other client with our identifier, MQTT 3.1.1, written by hand."""
    name = identifier.encode()
    body = b"\0\4MQTT\4\2\0\x3c" + len(name).to_bytes(2, "big") + name
    sock = socket.create_connection(("127.0.0.1", mosquitto.port))
    sock.sendall(b"\x10" + bytes([len(body)]) + body)
    assert sock.recv(4) == b"\x20\2\0\0"
    return sock


@pytest.mark.parametrize("scheme", ["mqtt", "mqtts"])
def test_a_broker_that_swallows_everything_costs_no_message(tmp_path, monkeypatch, scheme):
    monkeypatch.setattr(mqtt_client, "PATIENCE", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as hole:  # the kernel takes the connection, and nobody reads
        text = gateway_with(hole.getsockname()[1], QUICK).replace("mqtt://", f"{scheme}://")
        with Lab(tmp_path / "gw", text) as lab:
            ids = [lab.submit("+33612345678", f"hello {n}") for n in range(50)]
            assert lab.alarm("mqtt")
            lab.until(lambda: lab.app.dispatcher.roads["sim"].accepted == 50)
            assert len(set(ids)) == 50
            began = time.monotonic()
        assert time.monotonic() - began < 2  # nor does it hold up the end


def test_a_broker_that_falls_silent_fills_no_memory(broker, tmp_path, monkeypatch):
    monkeypatch.setattr(mqtt_client, "PATIENCE", 0.3)
    monkeypatch.setattr(mqtt, "Backoff", lambda first, most: constant(0.2))
    monkeypatch.setattr(mqtt, "CLEANING", 0.3)
    mosquitto = broker()
    with Lab(tmp_path / "gw", gateway_with(mosquitto.port, 'interval = "10ms"')) as lab:
        lab.connected()
        process: Process = mosquitto._process
        process.send(19)
        try:
            lab.until(lambda: not lab.app.watch.mqtt.connected)
            assert lab.submit("+33612345678")
            assert lab.alarm("mqtt")
        finally:
            process.send(18)
        lab.until(lambda: lab.app.watch.mqtt.connected)


def test_a_fault_of_ours_costs_the_connection_and_not_the_watcher(broker, tmp_path, monkeypatch):
    monkeypatch.setattr(mqtt, "Backoff", lambda first, most: constant(0.2))
    mosquitto = broker()
    with Lab(tmp_path / "gw", gateway_with(mosquitto.port)) as lab:
        lab.connected()
        views = lab.app.watch.mqtt._views
        states = views.states
        monkeypatch.setattr(views, "states", lambda: 1 / 0)
        lab.until(lambda: not lab.app.watch.mqtt.connected)
        monkeypatch.setattr(views, "states", states)
        lab.until(lambda: lab.app.watch.mqtt.connected)


# ── what its askers do to it ─────────────────────────────────────────────────────────────────────────────────
def test_a_reply_for_which_the_broker_hangs_up_is_given_up(broker, tmp_path, monkeypatch):
    """Some end a connection for a topic that they forbid: one client's choice must not silence the gateway for ever."""
    monkeypatch.setattr(mqtt, "Backoff", lambda first, most: constant(0.02))
    publish, tried = mqtt_client.Connection.publish, []

    async def hangs_up(self, topic, payload, qos, retain=False, correlation=None):
        if topic == "clients/forbidden":
            tried.append(topic)
            raise mqtt_client.BrokerError("lost", "the broker closed the connection")
        await publish(self, topic, payload, qos, retain, correlation)

    monkeypatch.setattr(mqtt_client.Connection, "publish", hangs_up)
    mosquitto = broker()
    with (
        Subscriber(mosquitto.port, "clients/#") as heard,
        Lab(tmp_path / "gw", gateway_with(mosquitto.port)) as lab,
    ):
        lab.connected()
        lab.call(lab.app.watch.mqtt.post, Reply("clients/forbidden", b"{}"))
        lab.call(lab.app.watch.mqtt.post, Reply("clients/allowed", b'{"v":1}'))
        assert heard.wait("clients/allowed")
        lab.until(lambda: lab.app.watch.mqtt.connected)
        assert len(tried) == mqtt.MOST_TRIES
        assert "mqtt.taken" not in lab.app.alarms, "and that is no sign of another gateway"


def test_a_reply_that_the_acl_forbids_is_no_fault_of_ours(broker, tmp_path):
    acl = tmp_path / "acl"
    acl.write_text(f"topic readwrite {PREFIX}/#\n")
    mosquitto = broker(f"acl_file {acl}")
    with Lab(tmp_path / "gw", gateway_with(mosquitto.port)) as lab:
        lab.connected()
        watcher = lab.app.watch.mqtt
        lab.call(watcher.post, Reply("clients/7/answers", b"{}"))
        lab.until(lambda: watcher._excused == 1)
        lab.until(lambda: watcher._sent)
        assert "mqtt.forbidden" not in lab.app.alarms


def test_a_signature_that_is_too_deep_for_us_leaves_us_our_ears(broker, tmp_path):
    mosquitto = broker()
    text = gateway_with(mosquitto.port, f'{QUICK}\nsubmit = ["shop"]')
    with Subscriber(mosquitto.port, "chappe/#") as heard, Lab(tmp_path / "gw", text) as lab:
        lab.connected()
        watcher = lab.app.watch.mqtt
        lab.call(watcher._read_signature, b"[" * 100_000)
        lab.call(watcher._read_signature, json.dumps({"host": "x" * 9999, "pid": 1, "started": ""}).encode())
        assert len(lab.alarm("mqtt.taken").text) < 250
        mosquitto.publish(
            f"{PREFIX}/submit/shop", '{"to": "+33612345678", "text": "hello", "reference": "r"}'
        )
        assert heard.wait("/submit/shop/reply", reference="r").view["status"] == "accepted"
