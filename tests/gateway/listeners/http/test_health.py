"""/healthz, /readyz and /metrics as those who ask them see them."""

import pytest
from records import Instead
from running_http import VIEWER, Site


@pytest.fixture
def site(tmp_path):
    with Site(tmp_path) as running:
        yield running


def test_alive_and_ready(site):
    assert site.http("GET", "/healthz").json == {"status": "alive"}
    assert site.http("GET", "/readyz").json == {"status": "ready"}
    head = site.http("HEAD", "/healthz")
    assert (head.status, head.body) == (200, b"")


def test_not_ready_says_so_and_not_why(site):
    site.ask("drain")
    answer = site.http("GET", "/readyz")
    assert (answer.status, answer.json) == (503, {"status": "drained"})
    assert site.http("GET", "/healthz").status == 200
    site.ask("drain", off=True)
    site.ask("link", name="sim", act="disable")
    assert site.http("GET", "/readyz").json == {"status": "degraded"}


def test_a_disk_that_hangs_is_no_life(site, monkeypatch):
    monkeypatch.setattr(site.app, "store", Instead(site.app.store, stuck=lambda seconds: True))
    assert site.http("GET", "/healthz").status == 503


def test_metrics_in_both_languages(site):
    text = site.http("GET", "/metrics", VIEWER)
    assert text.headers["content-type"].startswith("text/plain")
    other = site.http(
        "GET", "/metrics", VIEWER, headers={"Accept": "application/openmetrics-text; version=1.0.0"}
    )
    assert other.headers["content-type"].startswith("application/openmetrics-text")
    assert other.body.endswith(b"# EOF\n")
    assert site.http("GET", "/metrics?collect[]=x", VIEWER).status == 200, (
        "Prometheus may ask with parameters"
    )
