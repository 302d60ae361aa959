"""Who sees the page and who may act there: log-in, sessions, this machine, and forms that are not one's own."""

import pytest
from page_browser import FORM, Browser
from page_reader import Page
from page_stage import Stage
from running_http import ADMIN, OPERATOR, SHOP, VIEWER, Site


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with Stage(tmp_path_factory.mktemp("stage")) as running:
        yield running


@pytest.fixture
def untold(tmp_path):
    """A gateway that names no operator's token."""
    with Stage(tmp_path, tokens=False) as running:
        yield running


@pytest.mark.parametrize("path", ["/", "/messages/1", "/alarms/disk", "/acts/drain"])
def test_a_stranger_is_sent_to_log_in(stage, path):
    answer = Browser(stage).get(path)
    assert (answer.status, answer.headers["location"]) == (303, "/login")
    assert Browser(stage).get("/events").status == 401


def test_the_log_in_form_and_its_cookie(stage):
    page = Browser(stage).page("/login")
    assert page.faults() == []
    assert page.one("input", name="token")["type"] == "password"
    browser = Browser(stage, VIEWER)
    cookie = browser.answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Secure" not in cookie  # not by TLS: the browser would never send it back
    assert VIEWER not in cookie
    assert (
        "Secure"
        in Browser(stage).post("/login", {"X-Forwarded-Proto": "https"}, token=VIEWER).headers["set-cookie"]
    )


@pytest.mark.parametrize(
    ("token", "status", "words"),
    [("wrong", 401, "this token opens nothing here"), ("", 401, "opens nothing")],
)
def test_a_wrong_token_is_told_and_counted(stage, token, status, words):
    answer = Browser(stage).post("/login", token=token)
    assert answer.status == status
    assert words in Page(answer.body.decode()).one("p", role="alert").text
    assert "www-authenticate" not in answer.headers
    assert stage.app.web.http.access._guessers


def test_guessing_is_slowed_down(tmp_path):
    with Stage(tmp_path) as site:
        statuses = [Browser(site).post("/login", token=f"guess-{number}").status for number in range(12)]
        assert statuses == [401] * 10 + [429] * 2


def test_an_applications_token_opens_nothing_here(tmp_path):
    with Site(tmp_path) as site:
        assert Browser(site).post("/login", token=SHOP).status == 403
        assert site.http("GET", "/", SHOP).status == 403


def test_a_token_in_the_header_looks_and_does_not_act(stage):
    answer = stage.http("GET", "/", ADMIN)
    page = Page(answer.body.decode())
    assert "root, read-only" in page.text
    assert list(page.all("a", class_="button", href="/acts/drain")) == []
    assert stage.http("GET", "/acts/drain", ADMIN).status == 403


def test_without_tokens_this_machine_looks_and_nobody_logs_in(untold):
    page = Browser(untold).page("/")
    assert "Seen from this machine, read-only." in page.text
    assert page.faults() == []
    assert "No token is configured" in Browser(untold).page("/login").text
    for header in ({"X-Forwarded-For": "203.0.113.9"}, {"Host": "rebound.example"}):
        assert Browser(untold).get("/", **header).headers["location"] == "/login"


def test_with_tokens_even_this_machine_logs_in(stage):
    assert Browser(stage).get("/").status == 303


def test_a_log_out_ends_the_session(stage):
    browser = Browser(stage, OPERATOR)
    assert browser.post("/logout", csrf=browser.csrf()).headers["location"] == "/login"
    assert browser.get("/").status == 303


def test_a_reload_without_the_token_ends_its_sessions(tmp_path):
    with Stage(tmp_path) as site:
        browser, other = Browser(site, OPERATOR), Browser(site, VIEWER)
        (tmp_path / "operator").write_text("another-token-0123456789\n")
        site.run(site.app.reload())
        assert browser.get("/").status == 303
        assert other.get("/").status == 200


@pytest.mark.parametrize(
    ("headers", "csrf"),
    [({}, ""), ({}, "0" * 64), ({"Origin": "https://elsewhere.example"}, None), ({"Sec-Fetch-Site": "cross-site"}, None),
     ({"Origin": "null"}, None), ({"Content-Type": "text/plain"}, None)],
)  # fmt: skip
def test_a_form_of_another_site_does_nothing(stage, headers, csrf):
    browser = Browser(stage, ADMIN)
    answer = browser.post("/acts/drain", headers, csrf=browser.csrf() if csrf is None else csrf)
    assert answer.status in (403, 415)
    assert stage.app.drained == ""


def test_a_form_of_another_session_does_nothing(stage):
    browser, other = Browser(stage, ADMIN), Browser(stage, ADMIN)
    assert browser.post("/acts/drain", csrf=other.csrf()).status == 403


@pytest.mark.parametrize(("body", "status"), [(b"\xff", 400), (b"a=1&" * 30, 400), (b"x" * 20_000, 413)])
def test_a_form_that_cannot_be_read(stage, body, status):
    assert stage.http("POST", "/login", body=body, headers=FORM).status == status
