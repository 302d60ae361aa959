"""The page over HTTP: who sees and does what, what it says, and what it never shows."""

import html
import re
import time

import pytest
from page_browser import Browser
from page_reader import Page
from page_stage import Stage
from running_http import ADMIN, OPERATOR, VIEWER

from gateway.listeners.http.page.deeds import DEEDS

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with Stage(tmp_path_factory.mktemp("stage")) as running:
        running.all_up()
        running.trouble()
        running.until(lambda: running.app.queue.count == 1250 + 87)  # the OTPs have left by the modem
        yield running


@pytest.fixture(autouse=True)
def fresh(stage):
    """A picture of now, not of the test before."""
    stage.call(stage.page._pictures.forget)


# ── what it says ─────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("token", [VIEWER, OPERATOR, ADMIN])
def test_the_page_is_a_good_page(stage, token):
    page = Browser(stage, token).page()
    assert page.faults() == []
    assert page.one("noscript").one("meta", http_equiv="refresh")["content"] == "10"


def test_headers(stage):
    answer = Browser(stage, VIEWER).get("/")
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_figures_of_the_page_are_those_of_the_store(stage):
    page = Browser(stage, VIEWER).page()
    stored = dict(stage.run(stage.app.store.query("SELECT kind, count(*) FROM backlog GROUP BY kind")))
    held = stage.run(stage.app.store.query("SELECT count(*) FROM backlog WHERE kind=3"))[0][0]
    by_kind = {row[0]: row[1:] for row in page.one("section", id="queue").one("table").rows()}
    assert [by_kind[kind][0].replace(" ", "") for kind in ("otp", "alert", "transactional", "marketing")] == [
        str(stored.get(kind, 0)) for kind in range(4)
    ]
    assert by_kind["marketing"][1].replace(" ", "") == str(held)
    owed = stage.run(stage.app.store.query("SELECT count(*) FROM outbox"))[0][0]
    accounts = page.one("section", id="accounts").one("table").rows()
    assert sum(int(row[3].split(",")[0]) for row in accounts) == owed > 0
    newest = stage.run(stage.app.store.query("SELECT id FROM message ORDER BY id DESC LIMIT 20"))
    links = [a["href"] for a in page.one("section", id="messages").all("a")]
    assert links == [f"/messages/{row[0]}" for row in newest]


def test_at_three_in_the_morning(stage):
    """Which bearer is down, since when, why, and what to do."""
    page = Browser(stage, VIEWER).page()
    assert "1 of 3 bearers is down" in page.one("section", id="state").text
    first = next(page.one("section", id="alarms").all("li"))
    assert first.has("class", "critical")
    assert re.search(
        r"bearer sfr is down Why: link\.lost.* Do: .*since \d\d:\d\d:\d\d \(\d+ s\) What to do", first.text
    )
    card = next(page.one("section", id="bearers").all("li"))
    assert card["id"] == "bearer-sfr"
    assert "Why: link.lost" in card.text
    assert page.one("p", id="announce").text.startswith(
        "Gateway lyon-1 is ready. Alarm, critical: bearer sfr is down"
    )
    assert page.one("head").one("title").inside == ["2 alarms, ready – lyon-1"]


def test_modems_show_signal_operator_quota_and_storage(stage):
    shown = Browser(stage, VIEWER).page().one("section", id="modems").one("dl").pairs()
    assert shown["Signal"].endswith("-71 dBm")
    assert shown["Operator"] == "Orange F"
    assert re.fullmatch(r"\d+ segments", shown["Quota left"])
    assert shown["Number"] == "+337…001"
    assert "SM 0/30" in shown["Storage"]


def test_an_alarm_says_what_to_do(stage):
    page = Browser(stage, VIEWER).page("/alarms/bearer.sfr")
    assert page.faults() == []
    assert len(list(page.one("ol").all("li"))) == 4
    assert page.one("a", href="/#bearer-sfr").text == "See sfr"
    assert "does not stand now" in Browser(stage, VIEWER).page("/alarms/disk").text
    assert Browser(stage, VIEWER).page("/alarms/<script>").faults() == []


# ── numbers and texts ────────────────────────────────────────────────────────────────────────────────────────
def test_no_number_and_no_text_is_shown_by_itself(stage):
    for token in (VIEWER, ADMIN):
        browser = Browser(stage, token)
        page = browser.page()
        story = browser.page(next(page.one("section", id="messages").all("a"))["href"])
        for shown in (page, story):
            # Eleven digits, and no more: those of a message's id are eighteen.
            assert not re.search(r"(?:\+|(?<![0-9]))33[67][0-9]{8}(?![0-9])", shown.text)
            assert "Votre code" not in shown.text


def test_a_story_one_click_away(stage):
    story = Browser(stage, VIEWER).page(f"/messages/{stage.put('+33610000009', 'transactional')[0]}")
    assert story.faults() == []
    details = story.one("dl").pairs()
    assert (details["To"], details["Account"], details["Route"]) == ("+336…009", "shop", "sfr")
    assert "no working bearer on route sfr" in story.text
    assert list(story.all("button")) == []


def test_an_operator_sees_number_and_text_and_the_audit_log_says_so(stage):
    (message,) = stage.put("+33610000010", "transactional")
    browser = Browser(stage, OPERATOR)
    answer = browser.post(f"/messages/{message}", csrf=browser.csrf())
    page = Page(answer.body.decode())
    assert page.one("dl").pairs()["To"] == "+33610000010"
    assert page.one("dl").pairs()["Text"] == "Votre code : 493817"
    assert ("page:ops", "show", f"number and text of {message}") in stage.audit()
    viewer = Browser(stage, VIEWER)
    assert viewer.post(f"/messages/{message}", csrf=viewer.csrf()).status == 403


@pytest.mark.parametrize(("path", "status"), [("/messages/1", 404), ("/messages/nonsense", 404), ("/acts/format", 404),
                                              ("/acts/link.reset?name=nobody", 404), ("/acts/queue.hold", 422)])  # fmt: skip
def test_what_is_not_there_is_told_in_a_page(stage, path, status):
    answer = Browser(stage, OPERATOR).get(path)
    assert answer.status == status
    assert Page(answer.body.decode()).faults() == []


def test_a_story_is_looked_up_by_its_id(stage):
    assert Browser(stage, VIEWER).get("/messages?id=%20123-4%20").headers["location"] == "/messages/1234"


# ── acts ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_viewer_finds_no_button_and_may_not(stage):
    browser = Browser(stage, VIEWER)
    assert [
        a["href"] for a in browser.page().all("a", class_="button") if a["href"].startswith("/acts")
    ] == []
    for key in DEEDS:
        assert browser.get(f"/acts/{key}?name=orange&tag=x").status == 403
        assert browser.post(f"/acts/{key}", csrf=browser.csrf(), name="orange", tag="x").status == 403


def test_a_bearer_is_disabled_and_enabled(stage):
    browser = Browser(stage, OPERATOR)
    said = browser.act("link.disable", name="orange", reason="<maintenance>")
    assert said.startswith("Disable a bearer: done – orange,")
    assert stage.app.dispatcher.roads["orange"].disabled == "page:ops: <maintenance>"
    card = browser.page().one("li", id="bearer-orange")
    assert "Why: by page:ops: <maintenance>" in card.text
    assert [a.text for a in card.all("a")] == ["Reset", "Enable"]
    browser.act("link.enable", name="orange")
    assert stage.app.dispatcher.roads["orange"].disabled == ""
    assert [entry[:2] for entry in stage.audit()][-2:] == [
        ("page:ops", "link disable"),
        ("page:ops", "link enable"),
    ]


def test_a_bearer_is_reset(stage):
    assert "done" in Browser(stage, OPERATOR).act("link.reset", name="orange")
    stage.until(lambda: stage.app.dispatcher.roads["orange"].open)


def test_a_flow_is_held_and_released(stage):
    browser = Browser(stage, OPERATOR)
    browser.act("queue.hold", account="bank", kind="otp")
    assert ("", "otp", "bank", "") in list(stage.app.holds)
    link = next(a for a in browser.page().one("section", id="queue").all("a") if "bank" in a["aria-label"])
    assert link["href"] == "/acts/queue.release?kind=otp&account=bank"
    assert "kind otp and account bank" in browser.act("queue.release", account="bank", kind="otp")
    assert browser.act("queue.release", account="bank").startswith("Release a hold: there is no hold")


def test_drain_takes_an_admin(stage):
    assert Browser(stage, OPERATOR).get("/acts/drain").status == 403
    admin = Browser(stage, ADMIN)
    admin.act("drain")
    assert stage.app.drained == "drained by page:root"
    assert "drained by page:root" in admin.page().one("section", id="state").text
    admin.act("undrain")
    assert stage.app.drained == ""


def test_a_reload_says_what_changed_and_what_is_wrong(stage):
    browser = Browser(stage, OPERATOR)
    assert browser.act("reload") == "Reload the configuration: done – nothing had changed."
    good = stage.path.read_text()
    stage.path.write_text(good.replace('driver = "modem"', 'driver = "no-such"'))
    try:
        said = browser.act("reload")
        assert "Nothing was changed." in said
    finally:
        stage.path.write_text(good)


def test_hostile_names_stay_text(stage):
    tag = "\"><script>alert('1')</script>"
    browser = Browser(stage, OPERATOR)
    page = browser.page(
        f"/acts/queue.hold?tag={html.escape(tag).replace('&', '%26').replace(';', '%3B').replace('#', '%23')}"
    )
    assert page.faults() == []
    browser.act("queue.hold", tag=tag)
    try:
        shown = browser.page()
        assert shown.faults() == []
        assert f"tag {tag}" in shown.one("section", id="queue").text
    finally:
        browser.act("queue.release", tag=tag)


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("name", "media"),
    [("page.css", "text/css"), ("page.js", "text/javascript"), ("icon.svg", "image/svg+xml")],
)
def test_files_are_kept_by_browsers(stage, name, media):
    answer = stage.http("GET", f"/assets/{name}")
    assert (answer.status, answer.headers["content-type"]) == (200, f"{media}; charset=utf-8")
    again = stage.http("GET", f"/assets/{name}", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", answer.headers["etag"])
    assert stage.http("GET", f"/assets/{name}", headers={"If-None-Match": '"older"'}).status == 200


@pytest.mark.parametrize("name", ["site.py", "..%2fsite.py", "%2e%2e/page.css", "page.css.bak"])
def test_no_other_file_is_served(stage, name):
    assert stage.http("GET", f"/assets/{name}").status == 404


def test_the_page_is_no_part_of_the_api(stage):
    paths = stage.http("GET", "/openapi.json").json["paths"]
    assert not {"/", "/events", "/login", "/messages/{id}"} & set(paths)


def test_a_page_costs_little(stage):
    browser = Browser(stage, VIEWER)
    browser.page()
    began = time.perf_counter()
    for _ in range(20):
        assert browser.get("/").status == 200
    assert (time.perf_counter() - began) / 20 < 0.1
    assert len(browser.get("/").body) < 60_000
