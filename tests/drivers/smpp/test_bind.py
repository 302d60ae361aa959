"""One bind: what it logs, how it says what state it is in, TLS, and how it ends."""

import asyncio
import contextlib
import ssl
import subprocess

import loopback_esme
import pytest
from loopback_smsc import Recorder, Smsc, until
from structlog.testing import capture_logs

from drivers import smpp
from drivers.smpp.pdu import Command, CommandStatus
from drivers.smpp.settings import Reconnect

FAST = Reconnect(first=0.01, max=0.01)


def settings(port, **changes):
    return loopback_esme.settings(port, **{"reconnect": FAST, **changes})


async def during(bearer, happens):
    """Runs the bearer while happens(gateway) does; the gateway."""
    gateway = Recorder()
    task = asyncio.create_task(bearer.run(gateway))
    try:
        await asyncio.wait_for(happens(gateway), 10)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.01)
    return gateway


def up(gateway):
    return any(event.up for event in gateway.of("LinkChanged"))


def test_status_shows_the_bind():
    async def main():
        async with Smsc() as smsc:
            bearer = smpp.open("c", settings(smsc.port, window=7), dialects=[], wall=lambda: 1_700_000_000.0)
            gateway = await during(bearer, lambda gateway: until(lambda: up(gateway)))
            (status,) = gateway.of("Status")
            assert status.identity == "bind/1"
            assert status.fields == {
                "state": "bound",
                "role": "transceiver",
                "since": 1_700_000_000.0,
                "peer": f"127.0.0.1:{smsc.port}",
                "window": 7,
                "system_id": "carrier",
            }

    asyncio.run(main())


@pytest.mark.parametrize(("version", "octet"), [("3.3", 0x33), ("3.4", 0x34), ("5.0", 0x50)])
def test_the_bind_says_what_the_settings_say(version, octet):
    async def main():
        async with Smsc() as smsc:
            bearer = smpp.open("c", settings(smsc.port, interface_version=version), dialects=[])

            async def check(gateway):
                await until(lambda: up(gateway))
                assert smsc.transports[0].session.peer_version == octet
                assert smsc.binds == [(Command.BIND_TRANSCEIVER, b"shop", b"secret")]

            await during(bearer, check)

    asyncio.run(main())


def test_the_log_has_a_line_for_each_change_and_few_for_failures():
    async def main():
        async with Smsc() as smsc:
            smsc.bind_statuses = [CommandStatus.ESME_RSYSERR] * 9
            bearer = smpp.open("c", settings(smsc.port), dialects=[])

            async def check(gateway):
                await until(lambda: up(gateway))
                smsc.abort()
                await until(lambda: len(gateway.of("LinkChanged")) == 4)

            with capture_logs() as lines:
                await during(bearer, check)
        return lines

    lines = asyncio.run(main())
    assert {line["bearer"] for line in lines} == {"c"}
    failures = [line["failures"] for line in lines if line["event"] == "bind.waits"]
    assert failures[:4] == [1, 2, 4, 8]
    assert [line["event"] for line in lines if line["event"] != "bind.waits"] == ["bind.up", "bind.down"] * 2
    assert "secret" not in repr(lines)


def test_a_host_that_is_no_name_is_a_failure_like_any():
    async def main():
        bearer = smpp.open("c", settings(1, host="x" * 70 + ".example"), dialects=[])
        gateway = await during(bearer, lambda gateway: until(lambda: gateway.of("LinkChanged")))
        assert gateway.of("LinkChanged")[0].reason == "connect.failed"

    asyncio.run(main())


def test_the_password_may_come_from_its_file(tmp_path):
    secret = tmp_path / "password"
    secret.write_text("hidden\n")

    async def main():
        async with Smsc() as smsc:
            bearer = smpp.open("c", settings(smsc.port, password="", password_file=secret), dialects=[])
            await during(bearer, lambda gateway: until(lambda: up(gateway)))
            assert smsc.binds[0][2] == b"hidden"

    asyncio.run(main())


@pytest.fixture
def certificate(tmp_path):
    """A self-signed certificate for 127.0.0.1."""
    key, chain = tmp_path / "key.pem", tmp_path / "chain.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-keyout", str(key), "-out", str(chain), "-subj", "/CN=smsc", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    return chain, key


@pytest.mark.parametrize("trusted", [True, False])
def test_tls_is_verified(certificate, trusted):
    chain, key = certificate
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, key)

    async def main():
        async with Smsc(ssl=server) as smsc:
            link = settings(smsc.port, tls=True, tls_ca_file=chain if trusted else None)
            bearer = smpp.open("c", link, dialects=[])
            return await during(bearer, lambda gateway: until(lambda: gateway.of("LinkChanged")))

    changed = asyncio.run(main()).of("LinkChanged")[0]
    assert changed.up is trusted
    if not trusted:
        assert "CERTIFICATE_VERIFY_FAILED" in changed.detail


def test_a_missing_certificate_is_told_when_the_bearer_is_opened(tmp_path):
    with pytest.raises(OSError):
        smpp.open("c", settings(1, tls=True, tls_ca_file=tmp_path / "nothing.pem"), dialects=[])
