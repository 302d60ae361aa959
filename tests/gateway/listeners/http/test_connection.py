"""What cannot be read as a request: one answer in our words, one line in the log, nobody else disturbed."""

import json
import socket
import struct
import time

import pytest
from running_http import SHOP, Site
from structlog.testing import capture_logs


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


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 500 + b"\r\n",
        b"nonsense\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=["line", "header", "headers", "nonsense", "two-lengths", "tls"],
)
def test_heads_that_cannot_be_read(site, head):
    with site.stream() as stream:
        stream.sendall(head)
        head, _, body = said(stream).partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert b"Server: chappe\r\n" in head
    assert b"application/problem+json" in head
    assert json.loads(body)["type"] == "urn:chappe:bad-request"
    assert b"aiohttp" not in head + body
    assert site.http("GET", "/healthz").status == 200


def test_broken_requests_are_a_line_a_minute_and_no_trace(tmp_path, capfd):
    with Site(tmp_path) as site, capture_logs() as logs:
        for n in range(5):
            with site.stream() as stream:
                head = b"POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                stream.sendall(head + b"+33612345678\r\n%d" % n)  # at once: the head alone has its own answer
                assert b" 400 " in stream.recv(65536)
    lines = [line for line in logs if line["event"] == "http.bad_request"]
    assert [line["about"] for line in lines] == ["127.0.0.1"]
    assert "+336" not in str(logs) + capfd.readouterr().err


def test_a_client_that_resets_in_the_middle_of_its_body_is_no_fault_of_ours(site, capfd):
    """Its RST reaches aiohttp while the handler waits for the rest: no trace, and the next one is served."""
    with capture_logs() as logs:
        for _ in range(5):
            with site.stream() as stream:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                head = f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SHOP}\r\n".encode()
                stream.sendall(head + b"Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n{")
                time.sleep(0.05)  # until the handler has begun
        assert site.http("GET", "/healthz").status == 200
    assert [line for line in logs if line.get("log_level") == "error"] == []
    assert "Traceback" not in capfd.readouterr().err
