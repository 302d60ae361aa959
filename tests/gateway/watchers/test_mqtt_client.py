"""The adapter against a real broker: versions, TLS, passwords, rights, and brokers that behave badly."""

import asyncio
import contextlib
import subprocess
import time

import pytest
from making import LOOPS, run
from peers.install import environment, program
from peers.subscriber import Subscriber
from system.certificates import _openssl, certificates

from gateway.config.policy import MqttSettings
from gateway.watchers import mqtt_client
from gateway.watchers.mqtt_client import BrokerError, Connection

pytestmark = pytest.mark.peers("mosquitto")


def settings(port, scheme="mqtt", **more):
    return MqttSettings(url=f"{scheme}://127.0.0.1:{port}", **more)


async def refused(made):
    with pytest.raises(BrokerError) as error:
        async with Connection(made, "test", ""):
            pass
    return error.value


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("version", ["auto", "5", "3.1.1"])
def test_it_publishes_and_hears(broker, loop, version):
    mosquitto = broker()

    async def main():
        async with Connection(settings(mosquitto.port, version=version), "test", "t/status") as there:
            assert there.protocol == ("3.1.1" if version == "3.1.1" else "5")
            await there.subscribe(["t/in/+"], 1)
            await there.publish("t/out", b"one", 1, retain=True)
            await there.publish("t/out0", b"two", 0, retain=True)
            publish = ("-q", "1", "-V", "5", "-D", "publish", "response-topic", "t/back", "-D", "publish")
            more = ("correlation-data", "c1", "-D", "publish", "user-property", "user", "ana")
            await asyncio.to_thread(mosquitto.publish, "t/in/a", "hello", *publish, *more)
            heard = await asyncio.wait_for(there.next(), 5)
            assert (heard.topic, heard.payload, heard.retain) == ("t/in/a", b"hello", False)
            if there.protocol == "5":
                assert (heard.answer_to, heard.correlation, heard.who) == ("t/back", b"c1", "ana")
            await there.unsubscribe(["t/in/+"])
        assert await asyncio.to_thread(mosquitto.read, "t/+", 2) == [("t/out", "one"), ("t/out0", "two")]

    run(main(), loop)


def test_a_broker_that_knows_no_mqtt_5(broker):
    """A door in front of mosquitto that closes on the fifth version's CONNECT, as an old broker does."""
    mosquitto = broker()
    seen = []

    async def serve(reader, writer):
        first = await reader.read(1000)
        level = first[first.index(b"MQTT") + 4]
        seen.append(level)
        if level == 4:
            inner_reader, inner = await asyncio.open_connection("127.0.0.1", mosquitto.port)
            inner.write(first)

            async def pipe(source, sink):
                with contextlib.suppress(ConnectionError):
                    while data := await source.read(1000):
                        sink.write(data)
                sink.close()

            await asyncio.gather(pipe(reader, inner), pipe(inner_reader, writer))

    async def main():
        async with door(serve) as port:
            async with Connection(settings(port), "test", "") as there:
                assert (there.protocol, seen) == ("3.1.1", [5, 4])
                await there.publish("t/a", b"x", 1)
            assert (await refused(settings(port, version="5"))).reason == "closed"

    run(main())


def test_the_last_will_is_told_and_a_goodbye_keeps_it_quiet(broker):
    mosquitto = broker()

    async def main():
        with Subscriber(mosquitto.port, "t/status") as heard:
            async with Connection(settings(mosquitto.port), "test", "t/status"):
                pass
            await asyncio.sleep(0.1)
            assert heard.all() == []
            there = await Connection(settings(mosquitto.port), "test", "t/status").__aenter__()
            there._drop()
            assert heard.wait("t/status").view == {"v": 1, "state": "lost"}

    run(main())


def test_who_is_broken_off_before_all_was_said_leaves_the_last_word_to_the_will(broker):
    """A gateway that stops beside a broker too slow for its goodbye: `status` would say `ready` for ever."""
    mosquitto = broker()

    async def main():
        with Subscriber(mosquitto.port, "t/status") as heard:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.5), Connection(settings(mosquitto.port), "test", "t/status"):
                    await asyncio.Event().wait()
            assert heard.wait("t/status").view == {"v": 1, "state": "lost"}

    run(main())


# ── who is let in ────────────────────────────────────────────────────────────────────────────────────────────
def password_file(tmp_path, name, password):
    file = tmp_path / "passwords"
    file.touch(mode=0o600)
    command = [program("mosquitto_passwd"), "-b", file, name, password]
    subprocess.run(command, env=environment(), check=True, capture_output=True)
    return file


def test_passwords(broker, tmp_path):
    mosquitto = broker("allow_anonymous false", f"password_file {password_file(tmp_path, 'chappe', 'right')}")
    secret = tmp_path / "secret"

    async def main():
        for version in ("5", "3.1.1"):
            secret.write_text("wrong\n")
            named = settings(mosquitto.port, username="chappe", password_file=secret, version=version)
            error = await refused(named)
            assert error.reason in ("password", "not_authorized")
            assert "mqtt.password_file" in str(error)
            assert "wrong" not in str(error)
            assert "it wants mqtt.username" in str(await refused(settings(mosquitto.port, version=version)))
            secret.write_text("right\n")
            async with Connection(named, "test", ""):
                pass

    run(main())


def test_rights(broker, tmp_path):
    acl = tmp_path / "acl"
    acl.write_text("topic readwrite ours/#\n")
    mosquitto = broker(f"acl_file {acl}")

    async def main():
        async with Connection(settings(mosquitto.port), "test", "") as there:
            await there.publish("ours/a", b"x", 1)
            assert there.forbidden == 0
            await there.publish("theirs/a", b"x", 1)
            assert there.forbidden == 1

    run(main())


def test_tls(broker, tmp_path):
    files = certificates(tmp_path / "tls")
    mosquitto = broker(f"certfile {files.certificate}", f"keyfile {files.key}")
    _openssl(
        *(
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ),
        *("-keyout", tmp_path / "other.key", "-out", tmp_path / "other.pem", "-subj", "/CN=other"),
    )

    async def main():
        async with Connection(
            settings(mosquitto.port, "mqtts", ca_file=files.authority), "test", ""
        ) as there:
            await there.publish("t/a", b"x" * 60_000, 1)
        for made in (
            settings(mosquitto.port, "mqtts"),
            settings(mosquitto.port, "mqtts", ca_file=tmp_path / "other.pem"),
        ):
            error = await refused(made)
            assert error.reason == "certificate"
            assert "mqtt.ca_file" in str(error)
        plain = await refused(settings(mosquitto.port))
        assert (plain.reason, "does it want TLS" in str(plain)) == ("closed", True)

    run(main())


def test_an_expired_certificate(broker, tmp_path):
    files = certificates(tmp_path / "tls")
    request = tmp_path / "tls" / "localhost.csr"
    _openssl(
        *("x509", "-req", "-in", request, "-CA", files.authority, "-CAkey", tmp_path / "tls" / "ca.key"),
        *(
            "-CAcreateserial",
            "-days",
            "-1",
            "-extfile",
            tmp_path / "tls" / "localhost.ext",
            "-out",
            files.certificate,
        ),
    )
    mosquitto = broker(f"certfile {files.certificate}", f"keyfile {files.key}")
    error = run(refused(settings(mosquitto.port, "mqtts", ca_file=files.authority)))
    assert error.reason == "certificate"
    assert "expired" in str(error)


# ── brokers that behave badly ────────────────────────────────────────────────────────────────────────────────
@contextlib.asynccontextmanager
async def door(serve):
    """A server whose connections have all ended when this does."""
    serving = set()

    async def served(reader, writer):
        serving.add(asyncio.current_task())
        try:
            await serve(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async with await asyncio.start_server(served, "127.0.0.1") as server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.wait_for(asyncio.gather(*serving, return_exceptions=True), 5)


async def mute(reader, writer):
    with contextlib.suppress(ConnectionError):
        while await reader.read(65_536):
            pass


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("scheme", ["mqtt", "mqtts"])
def test_one_that_says_nothing_is_given_up(monkeypatch, loop, scheme):
    monkeypatch.setattr(mqtt_client, "PATIENCE", 0.3)

    async def main():
        async with door(mute) as port:
            began = time.monotonic()
            error = await refused(settings(port, scheme))
            assert time.monotonic() - began < 2
            assert error.reason in ("silent", "unreachable", "certificate")

    run(main(), loop)


def test_one_that_falls_silent_later_ends_the_connection(broker, monkeypatch):
    monkeypatch.setattr(mqtt_client, "PATIENCE", 0.4)
    mosquitto = broker()

    async def main():
        async with Connection(settings(mosquitto.port), "test", "") as there:
            await there.publish("t/a", b"x", 1)
            mosquitto._process.send(19)  # SIGSTOP
            try:
                with pytest.raises(BrokerError) as error:
                    await there.publish("t/a", b"x", 1)
                assert error.value.reason == "silent"
            finally:
                mosquitto._process.send(18)  # SIGCONT

    run(main())


def test_one_that_dies_is_noticed_at_once(broker):
    mosquitto = broker()

    async def main():
        async with Connection(settings(mosquitto.port), "test", "") as there:
            hearing = asyncio.create_task(there.next())
            await asyncio.sleep(0.05)
            began = time.monotonic()
            mosquitto.kill()
            with pytest.raises(BrokerError) as error:
                await hearing
            assert error.value.reason == "lost"
            with pytest.raises(BrokerError):
                await there.publish("t/a", b"x", 1)
            assert time.monotonic() - began < 1
        assert (await refused(settings(mosquitto.port))).reason == "unreachable"

    run(main())


@pytest.mark.parametrize("wait", [0, 0.1])
def test_a_session_that_is_taken_over(wait):
    async def serve(reader, writer):
        await reader.read(1000)
        writer.write(bytes.fromhex("2003000000"))  # CONNACK
        await asyncio.sleep(wait)
        writer.write(bytes.fromhex("e0028e00"))  # DISCONNECT, 0x8E
        with contextlib.suppress(ConnectionError):
            await reader.read()

    async def main():
        async with door(serve) as port:
            with pytest.raises(BrokerError) as error:
                async with Connection(settings(port), "same", "") as there:
                    await there.next()
            assert error.value.reason == "taken"
            assert "same name" in str(error.value)

    run(main())


def test_one_that_answers_rubbish(monkeypatch):
    monkeypatch.setattr(mqtt_client, "PATIENCE", 0.5)

    async def rubbish(reader, writer):
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            await writer.drain()

    async def main():
        async with door(rubbish) as port:
            assert (await refused(settings(port))).reason in ("closed", "silent", "refused")

    run(main())


def test_a_topic_that_mqtt_cannot_carry(broker):
    mosquitto = broker()

    async def main():
        async with Connection(settings(mosquitto.port), "test", "") as there:
            with pytest.raises(BrokerError, match="a/\\+"):
                await there.publish("a/+", b"x", 1)

    run(main())


def test_giving_up_while_it_opens_leaves_nothing_open(monkeypatch):
    async def main():
        async with door(mute) as port:
            opening = asyncio.create_task(Connection(settings(port), "test", "").__aenter__())
            await asyncio.sleep(0.1)
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
            assert opening.cancelled()

    run(main())
