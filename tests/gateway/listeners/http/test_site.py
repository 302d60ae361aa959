"""Who may call what, over a real port; who is on this machine; and what becomes of our own faults."""

import pytest
from running_http import ADMIN, OPERATOR, SHOP, VIEWER, Site

from gateway.listeners.http import reports


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Site(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.mark.parametrize(
    ("method", "path", "least"),
    [
        ("GET", "/metrics", "viewer"),
        ("GET", "/v1/reports", "viewer"),
        ("GET", "/v1/optouts", "viewer"),
        ("POST", "/v1/optouts", "operator"),
        ("DELETE", "/v1/optouts", "operator"),
        ("POST", "/v1/alertmanager", "operator"),
    ],
)
def test_each_role_opens_what_is_its_own(site, method, path, least):
    roles = {"viewer": VIEWER, "operator": OPERATOR, "admin": ADMIN}
    order = list(roles)
    for role, token in roles.items():
        status = site.http(method, path, token, {} if method != "GET" else None).status
        assert (status != 403) is (order.index(role) >= order.index(least)), (role, status)


def test_metrics_are_for_this_machine_and_for_viewers(site):
    assert site.http("GET", "/metrics").status == 200
    assert site.http("GET", "/metrics", VIEWER).status == 200
    assert site.http("GET", "/metrics", SHOP).sort == "forbidden"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "9.9.9.9"},
        {"Forwarded": "for=9.9.9.9"},
        {"Via": "1.1 proxy"},
        {"X-Real-IP": "9.9.9.9"},
        {"X-Forwarded-Proto": "https"},
        {"x-forwarded-host": "sms.example"},
        {"True-Client-IP": "9.9.9.9"},
        {"Host": "evil.example"},
        {"Host": "evil.example:8080"},
        {"Host": ""},
    ],
)
def test_who_comes_through_a_proxy_or_by_another_name_is_not_on_this_machine(site, headers):
    assert site.http("GET", "/metrics", headers=headers).sort == "unauthorized"
    assert site.http("GET", "/metrics", VIEWER, headers=headers).status == 200


def test_nginx_as_it_comes_says_nothing_of_its_client(site):
    """proxy_pass alone: HTTP/1.0, the upstream's own address as Host, and no header of a proxy."""
    with site.stream() as stream:
        stream.sendall(
            f"GET /metrics HTTP/1.0\r\nHost: 127.0.0.1:{site.http_port}\r\nConnection: close\r\n\r\n".encode()
        )
        assert b" 401 " in stream.recv(65536).split(b"\r\n")[0]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8080", "[::1]:8080", "[::1]"])
def test_names_of_this_machine(site, host):
    assert site.http("GET", "/metrics", headers={"Host": host}).status == 200


def test_a_fault_of_ours_is_told_and_the_door_stays_open(site, monkeypatch):
    async def broken(*_):
        raise ZeroDivisionError("+33612345678")

    monkeypatch.setattr(reports, "report", broken)
    answer = site.http("GET", "/v1/reports", VIEWER)
    assert answer.sort == "internal"
    assert b"+336" not in answer.body
    assert site.http("GET", "/healthz").status == 200


def test_requests_are_counted_by_pattern(site):
    site.http("GET", "/v1/messages/1", SHOP)
    site.http("GET", "/v1/messages/2", SHOP)
    site.http("GET", "/made/up/4711")
    site.http("BREW", "/healthz")
    counted = site.app.web.http.site.requests
    assert counted["GET", "/v1/messages/{id}", 404] == 2
    assert counted["GET", "other", 404] >= 1
    assert not any("4711" in pattern or method == "BREW" for method, pattern, _ in counted)
