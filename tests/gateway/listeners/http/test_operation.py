"""What an operation reads of a request: its query, once and known; that its table is told without gaps."""

import pytest
from running_http import SHOP, Site

from gateway.listeners.http.server import OPERATIONS


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Site(tmp_path_factory.mktemp("site")) as running:
        yield running


def test_every_operation_says_who_may_and_what_comes():
    for operation in OPERATIONS:
        assert operation.summary
        assert any(status < 300 for status in operation.answers), operation.path
        allow = operation.allow
        assert allow.anybody or allow.account or allow.role or allow.local, operation.path
        assert operation.path.count("{") == len(operation.parameters)


def test_no_path_is_there_twice():
    pairs = [(operation.method, operation.path) for operation in OPERATIONS]
    assert len(pairs) == len(set(pairs))


def test_a_body_that_is_cut_short(site):
    with site.stream() as stream:
        stream.sendall(
            f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SHOP}\r\nContent-Type: application/json\r\n"
            'Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\n{"to"\r\nzz\r\n'.encode()
        )
        answer = stream.recv(65536)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert site.http("GET", "/healthz").status == 200


def test_an_unknown_parameter_is_told_and_not_ignored(site):
    answer = site.http("POST", "/v1/messages?dry_run=true", SHOP, {"to": "+33612345678", "text": "x"})
    assert answer.sort == "invalid"
    assert answer.json["errors"] == [{"at": "?dry_run", "what": "is not known here"}]


@pytest.mark.parametrize(
    "body",
    [
        '{"to": "+33612345678", "to": "+33612345679", "text": "x"}',
        '[{"to": "+33612345678", "text": "x", "text": "y"}]',
    ],
)
def test_a_key_that_stands_there_twice_is_refused(site, body):
    answer = site.http("POST", "/v1/messages", SHOP, body=body.encode())
    assert answer.sort == "bad-request"
    assert answer.json["detail"] == "the body is no JSON: a key stands there twice"
