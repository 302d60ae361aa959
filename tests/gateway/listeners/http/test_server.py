"""The listener at its edges: TLS, limits, slow and broken clients, tokens at a reload, and what it costs who has none."""

import contextlib
import json
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest
from peers.process import free_port
from running_http import BANK, OPERATOR, SHOP, VIEWER, Site
from structlog.testing import capture_logs
from system.certificates import certificates, client_context

from gateway.cli.daemon import why_not
from gateway.config import load_config
from gateway.listeners.http import door, operation, server
from gateway.listeners.http.operation import LARGEST

REPO = Path(__file__).parents[4]
MESSAGE = {"to": "+33612345678", "text": "x"}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Site(tmp_path_factory.mktemp("site")) as running:
        yield running


def said(stream) -> bytes:
    """All that comes until the other end closes."""
    found = b""
    while chunk := stream.recv(65536):
        found += chunk
    return found


# ── what is not there ────────────────────────────────────────────────────────────────────────────────────────
def test_paths_and_methods_that_are_none(site):
    assert site.http("GET", "/v2/messages", SHOP).sort == "not-found"
    answer = site.http("PUT", "/v1/messages", SHOP, MESSAGE)
    assert answer.sort == "method-not-allowed"
    assert answer.headers["allow"] == "POST"
    assert site.http("GET", "/v1/messages/a/b", SHOP).sort == "not-found"
    assert site.http("GET", "/../../etc/passwd").sort == "not-found"


def test_every_answer_is_dressed(site):
    for answer in (site.http("GET", "/healthz"), site.http("GET", "/nothing")):
        assert answer.headers["server"] == "chappe"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


# ── bodies ───────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nothing", b'{"to": NaN}', b"\xff\xfe{}", b"[" * 100_000, b'{"a":' * 50_000, b"1" * 5000],
    ids=["empty", "half", "word", "nan", "no-utf8", "deep", "deep-objects", "huge-number"],
)
def test_broken_json(site, body):
    answer = site.http("POST", "/v1/messages", SHOP, body=body)
    assert answer.sort == "bad-request"


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_other_media_types(site, media):
    answer = site.http("POST", "/v1/messages", SHOP, body=b"{}", headers={"Content-Type": media})
    assert answer.sort == "media-type"


def test_nothing_is_unpacked(site):
    answer = site.http("POST", "/v1/messages", SHOP, MESSAGE, headers={"Content-Encoding": "gzip"})
    assert answer.sort == "media-type"


def test_a_huge_body_that_says_so(site):
    with site.stream() as stream:
        stream.sendall(
            f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SHOP}\r\nContent-Type: application/json\r\n"
            "Content-Length: 10000000000\r\nConnection: close\r\n\r\n".encode()
        )
        answer = said(stream)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"urn:chappe:too-large" in answer


def test_a_huge_body_that_does_not(site):
    with site.stream() as stream:
        stream.sendall(
            f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SHOP}\r\nContent-Type: application/json\r\n"
            "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode()
        )
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        answer = b""
        try:
            for _ in range(LARGEST // 0x10000 * 4):
                stream.sendall(chunk)
        except OSError:
            pass  # it has hung up while we still sent
        try:
            answer = said(stream)
        except OSError:
            pass
    assert answer.startswith(b"HTTP/1.1 413 ") or not answer
    assert site.http("GET", "/healthz").status == 200


def test_as_large_as_it_may_be(site):
    body = json.dumps([{**MESSAGE, "text": "x" * 1000}] * 900).encode()
    assert len(body) < LARGEST
    assert site.http("POST", "/v1/messages", SHOP, body=body.ljust(LARGEST)).status in (202, 207)
    assert site.http("POST", "/v1/messages", SHOP, body=body.ljust(LARGEST + 1)).sort == "too-large"


def test_a_body_that_never_comes(site, monkeypatch):
    monkeypatch.setattr(operation, "ARRIVES", 0.2)
    with site.stream() as stream:
        stream.sendall(
            f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SHOP}\r\nContent-Type: application/json\r\n"
            'Content-Length: 100\r\nConnection: close\r\n\r\n{"to":'.encode()
        )
        answer = said(stream)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"urn:chappe:too-slow" in answer


# ── heads ────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_slow_loris_loses_its_place(tmp_path, monkeypatch):
    monkeypatch.setattr(door, "FIRST", 0.3)
    with Site(tmp_path) as site, site.stream() as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
        began = time.monotonic()
        slow.settimeout(0.1)
        answer = b""
        while not answer and time.monotonic() - began < 8:
            try:
                slow.sendall(b"a")  # an octet now and then, for ever
                answer = slow.recv(1000)
            except TimeoutError:
                continue
            except OSError:
                break
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert site.app.web.http.doors.slow == 1
        assert site.http("GET", "/healthz").status == 200


def test_a_connection_that_says_nothing_more_is_closed(tmp_path, monkeypatch):
    monkeypatch.setattr(door, "IDLE", 0.2)
    with Site(tmp_path) as site:
        connection = site.connection()
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        assert connection.sock.recv(1) == b""
        connection.close()


def test_who_holds_all_connections_and_asks_nothing_shuts_nobody_out(tmp_path):
    with Site(tmp_path, listener="max_connections = 2") as site, capture_logs() as logs:
        with site.stream() as first, site.stream():
            site.until(lambda: len(site.app.web.http.doors) == 2)
            assert site.http("GET", "/healthz").status == 200
            assert said(first).startswith(b"HTTP/1.1 408 ")
        assert "http.full" in {line["event"] for line in logs}


def test_a_tls_handshake_that_does_not_end_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "FIRST", 0.3)
    files = certificates(tmp_path / "tls")
    listener = f'tls_certificate_file = "{files.certificate}"\ntls_key_file = "{files.key}"'
    with (
        Site(tmp_path, listener=listener) as site,
        site.stream(5.0) as stream,
        contextlib.suppress(ConnectionError),
    ):
        assert said(stream) == b""


# ── who ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_tokens_that_open_nothing(site):
    for headers in (
        {"Authorization": "Bearer nonsense"},
        {"Authorization": f"Basic {SHOP}"},
        {"Authorization": "Bearer"},
        {"Authorization": SHOP},
    ):
        answer = site.http("POST", "/v1/messages", value=MESSAGE, headers=headers)
        assert answer.sort == "unauthorized"
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_those_who_guess_wait_and_those_who_know_do_not(tmp_path):
    with Site(tmp_path) as site, capture_logs() as logs:
        assert site.http("GET", "/v1/reports", VIEWER).status == 200
        answers = [site.http("GET", "/v1/reports", f"guess-{n}").status for n in range(12)]
        assert answers == [401] * 10 + [429] * 2
        refused = site.http("GET", "/v1/reports", OPERATOR)
        assert refused.sort == "throttled", "a right token that was never seen from there waits as well"
        assert int(refused.headers["retry-after"]) > 50
        assert site.http("GET", "/v1/reports", VIEWER).status == 200
        assert site.http("GET", "/healthz").status == 200
    lines = [line for line in logs if line["event"] == "http.refused"]
    assert len(lines) == 1, "strangers do not fill the log"
    assert SHOP not in str(logs)


def test_an_account_s_networks_hold_here_too(tmp_path):
    with Site(tmp_path, bank='networks = ["10.0.0.0/8"]') as site:
        assert site.http("POST", "/v1/messages", BANK, MESSAGE).sort == "unauthorized"


def test_tokens_are_read_again_at_a_reload(tmp_path):
    with Site(tmp_path) as site:
        assert site.http("GET", "/v1/messages/1", SHOP).status == 404
        (tmp_path / "shop").write_text("another-token-of-shop-1")
        site.run(site.app.reload())
        assert site.http("GET", "/v1/messages/1", SHOP).status == 401
        assert site.http("GET", "/v1/messages/1", "another-token-of-shop-1").status == 404
        (tmp_path / "shop").write_text("short")
        error = site.refused("reload")
        assert "at least 16" in str(error)
        assert error.code == 78
        assert site.http("GET", "/v1/messages/1", "another-token-of-shop-1").status == 404, (
            "nothing was changed"
        )


def test_two_of_one_token_do_not_start(tmp_path):
    site = Site(tmp_path)
    (tmp_path / "bank").write_text(SHOP)
    with pytest.raises(Exception, match="the same token as that of shop"), site:
        pass


# ── TLS ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_tls_and_nothing_but_tls(tmp_path):
    files = certificates(tmp_path / "tls")
    listener = f'tls_certificate_file = "{files.certificate}"\ntls_key_file = "{files.key}"'
    with Site(tmp_path, listener=listener) as site:
        context = client_context(files)
        answer = site.http("POST", "/v1/messages", SHOP, MESSAGE, tls=context)
        assert answer.status == 202
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        with pytest.warns(DeprecationWarning):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, OSError)):
            site.http("GET", "/healthz", tls=old)
        with site.stream() as plain:
            plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200" not in plain.recv(1000)
        assert site.http("GET", "/healthz", tls=context).status == 200


# ── its end ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_it_stops_with_connections_open(tmp_path):
    with Site(tmp_path) as site:
        idle, half = site.stream(), site.stream()
        half.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\n")
        connection = site.connection()
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        began = time.monotonic()
    assert time.monotonic() - began < 5
    for stream in (idle, half):
        stream.close()
    connection.close()
    with pytest.raises(OSError):
        site.stream(1.0)


def test_a_port_that_is_taken_is_said(tmp_path):
    folders = tmp_path / "one", tmp_path / "two"
    for folder in folders:
        folder.mkdir()
    with Site(folders[0]) as first:
        second = Site(folders[1])
        second.config = second.config.replace(f"port = {second.http_port}", f"port = {first.http_port}")
        with pytest.raises(OSError) as error, second:
            pass
        words = why_not(error.value, load_config(folders[1] / "gateway.toml", {}))
        assert f"127.0.0.1:{first.http_port} is in use" in words
        assert "listeners.http.port" in words


# ── who has none pays nothing ────────────────────────────────────────────────────────────────────────────────
def test_without_it_nothing_of_it_is_imported(tmp_path):
    program = """
import sys, asyncio
from pathlib import Path
from gateway.app import App
from gateway.config import load_config
import gateway.cli
async def main():
    app = App(load_config(Path(sys.argv[1]), {}))
    await app.start()
    await app.stop(0)
asyncio.run(main())
print(sorted(name for name in sys.modules if name.split(".")[0] in ("aiohttp", "prometheus_client")))
"""
    file = tmp_path / "gateway.toml"
    file.write_text(f'[store]\nmin_free_disk = "1MB"\n[listeners.smpp]\nport = {free_port()}\n')
    done = subprocess.run(
        [sys.executable, "-c", program, str(file)],
        capture_output=True,
        check=False,
        text=True,
        timeout=30,
        cwd=REPO,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "[]"
