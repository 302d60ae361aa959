"""/v1/reports: the seven lines over HTTP, for an application its own."""

import time

import pytest
from running_http import BANK, SHOP, VIEWER, Site

from gateway.control.report import LINES
from gateway.listeners.http import reports


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Site(tmp_path_factory.mktemp("site")) as running:
        for _ in range(3):
            running.send(tag="promo")
        running.send(token=BANK)
        deadline = time.monotonic() + 8
        while running.http("GET", "/v1/reports", VIEWER).json["lines"][0]["messages"] < 4:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield running


def received(site, token, query=""):
    answer = site.http("GET", f"/v1/reports{query}", token)
    assert answer.status == 200, answer
    assert [line["line"] for line in answer.json["lines"]] == [key for key, _ in LINES]
    return answer.json["lines"][0]["messages"]


def test_whose_report(site):
    assert (received(site, VIEWER), received(site, SHOP), received(site, BANK)) == (4, 3, 1)
    assert received(site, VIEWER, "?account=bank") == 1
    assert received(site, SHOP, "?account=shop&tag=promo") == 3
    assert received(site, SHOP, "?tag=other") == 0
    assert site.http("GET", "/v1/reports?account=bank", SHOP).sort == "forbidden"


def test_which_period(site):
    assert received(site, SHOP, "?since=2020-01-01T00:00:00Z&until=2021-01-01T00:00:00%2B01:00") == 0
    assert received(site, SHOP, "?since=2025-01-01T00:00:00Z") == 3


@pytest.mark.parametrize(
    "query", ["since=yesterday", "since=2026-01-01", "since=2026-01-01T00:00:00", "sinc=1", "until="]
)
def test_periods_that_are_none(site, query):
    assert site.http("GET", f"/v1/reports?{query}", SHOP).sort == "invalid"


def test_the_beginning_of_time_is_no_fault_of_ours(site):
    assert site.http("GET", "/v1/reports?since=0001-01-01T00:00:00%2B23:59", SHOP).status in (200, 422)


def test_only_so_many_are_counted_at_once(site, monkeypatch):
    monkeypatch.setattr(site.app.web.http.site, "counting", ["bank"] * reports.AT_ONCE)
    answer = site.http("GET", "/v1/reports", VIEWER)
    assert (answer.sort, answer.headers["retry-after"]) == ("throttled", "2")


def test_one_that_takes_too_long_is_given_up(site, monkeypatch):
    monkeypatch.setattr(reports, "LONGEST", 0.0)
    answer = site.http("GET", "/v1/reports", VIEWER)
    assert answer.sort == "conflict"
    assert "shorter period" in answer.json["detail"]
    assert site.app.web.http.site.counting == []


def test_one_application_does_not_hold_them_all(site, monkeypatch):
    counting = ["shop"]
    monkeypatch.setattr(site.app.web.http.site, "counting", counting)
    answer = site.http("GET", "/v1/reports", SHOP)
    assert (answer.sort, "report of shop" in answer.json["detail"]) == ("throttled", True)
    assert (received(site, BANK), received(site, VIEWER)) == (1, 4)
    assert counting == ["shop"]
