"""The page in a browser: what people see, with keys, with scripts and without, on a phone and on a desk.

CHAPPE_PICTURES=docs/page writes the pictures of the documentation; else they are only measured.
"""

import os
import re
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from page_stage import Stage
from running_http import ADMIN, OPERATOR, VIEWER

pytestmark = [pytest.mark.peers("chromium"), pytest.mark.slow]
LARGEST = 150_000
"""Octets of a picture."""
FIGURES = """Object.fromEntries([...document.querySelectorAll("#queue tbody tr")].map(
    row => [row.cells[0].textContent, [...row.cells].slice(1).map(cell => cell.textContent)]))"""
FOCUSED = "(e => e.id || e.getAttribute('href') || e.name || e.textContent)(document.activeElement)"


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with Stage(tmp_path_factory.mktemp("stage")) as running:
        running.all_up()
        running.traffic()
        running.trouble()
        running.an_hour()
        running.until(lambda: running.app.rates.per_second("accepted") > 10)
        yield running


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    from peers.chromium import Chromium

    with Chromium(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture
def opened(stage, browser):
    """opened(token, …): a tab that has logged in and shows the live page."""

    def open_(token=VIEWER, **kind):
        tab = browser.tab(**kind)
        tab.go(f"http://127.0.0.1:{stage.http_port}/")
        tab.value(f"document.querySelector('[name=token]').value = {token!r}")
        tab.follow("document.querySelector('form').requestSubmit()")
        if kind.get("script", True):
            tab.until("document.getElementById('live').dataset.state === 'live'")
        return tab

    return open_


@pytest.fixture
def keep(tmp_path):
    """keep(tab, name): its picture, no larger than a page of documentation can bear."""
    folder = Path(os.environ.get("CHAPPE_PICTURES", tmp_path))

    def shoot(tab, name, at=""):
        tab.value("document.documentElement.style.scrollBehavior = 'auto'")
        tab.value(f"document.getElementById({at!r}).scrollIntoView()" if at else "scrollTo(0, 0)")
        octets = tab.picture(folder / f"{name}.png", whole=False)
        assert 5_000 < octets < LARGEST, name

    return shoot


# ── pictures ─────────────────────────────────────────────────────────────────────────────────────────────────
DESK, PHONE, DARK = {"width": 1280, "height": 1080}, {"width": 390, "height": 844}, {"dark": True}


@pytest.mark.parametrize(
    ("name", "kind", "places"),
    [
        ("desk-light", DESK, ["", "routes", "messages"]),
        ("desk-dark", {**DESK, **DARK}, ["", "routes"]),
        ("phone-light", PHONE, ["", "bearers", "modems", "queue", "flow", "messages"]),
        ("phone-dark", {**PHONE, **DARK}, ["", "bearers"]),
    ],
)
def test_each_screen_with_live_traffic(opened, keep, name, kind, places):
    tab = opened(OPERATOR, **kind)
    for place in places:
        keep(tab, f"{name}-{place}" if place else name, place)
    assert tab.said == []


def test_the_small_pages(stage, opened, keep):
    tab = opened(ADMIN, width=390, height=844)
    here = f"http://127.0.0.1:{stage.http_port}"
    for name, path in (("act", "/acts/link.disable?name=orange"), ("alarm", "/alarms/bearer.sfr")):
        tab.go(here + path)
        keep(tab, name)
    tab.go(here)
    tab.follow(
        "[...document.querySelectorAll('#messages tr')].find(e => e.textContent.includes('delivered')).querySelector('a').click()"
    )
    keep(tab, "story")
    other = opened(VIEWER, width=390, height=844)
    other.follow("document.querySelector('.who button').click()")
    keep(other, "log-in")
    assert tab.said == other.said == []


@pytest.mark.parametrize("path", ["/", "/acts/link.disable?name=orange", "/alarms/bearer.sfr", "/login"])
def test_nothing_sticks_out(stage, opened, path):
    tab = opened(ADMIN)
    tab.go(f"http://127.0.0.1:{stage.http_port}{path}")
    for width in (320, 360, 390, 768, 1024, 1280, 1920):
        tab.resize(width, 800)
        wide = tab.value(
            "[...document.querySelectorAll('body *:not(.unseen, .skip)')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
            ".map(e => e.outerHTML.slice(0, 120))"
        )
        assert (width, wide) == (width, [])
        assert tab.value("document.documentElement.scrollWidth <= innerWidth"), width


# ── figures ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_figures_on_the_screen_are_those_of_the_store(stage, opened):
    tab = opened()
    for added in (5, 20):
        stage.put("+33670000002", "marketing", tag="soldes", count=added)
        stored = stage.run(stage.app.store.query("SELECT count(*) FROM backlog WHERE kind=3"))[0][0]
        shown = f"{stored:,}".replace(",", "\u202f")
        took = tab.until(f"({FIGURES}).marketing[0] === {shown!r}", 3.0)
        assert took < 2.5
    owed = stage.run(
        stage.app.store.query(
            "SELECT count(*) FROM outbox WHERE account=?", (stage.app.store.number("bank"),)
        )
    )
    row = tab.value(
        "[...document.querySelectorAll('#accounts tbody tr')].find(r => r.cells[0].textContent === 'bank').cells[3].textContent"
    )
    assert int(row.split(",")[0]) == owed[0][0] == 7


def test_a_bearer_that_falls_is_seen_within_a_second(stage, opened):
    stage.mend()
    stage.until(lambda: stage.app.dispatcher.roads["sfr"].open)
    tab = opened(width=390, height=844)
    tab.until("document.querySelector('#bearer-sfr .badge').textContent.includes('up')")
    began = time.monotonic()
    stage.cut()
    tab.until("document.querySelector('#bearer-sfr .badge').textContent.includes('down')")
    assert time.monotonic() - began < 1.0
    tab.until("document.getElementById('announce').textContent.includes('bearer sfr is down')", 5.0)
    assert tab.value("document.title").startswith("2 alarms, ready") or tab.value(
        "document.title"
    ).startswith("1 alarm, ready")


def test_the_lines_of_the_last_hour_are_drawn(opened):
    tab = opened()
    boxes = tab.value(
        "[...document.querySelectorAll('.plot .line')].map(e => e.getBoundingClientRect()).map(b => [b.width, b.height])"
    )
    assert len(boxes) == 5
    assert all(width > 300 for width, _ in boxes)
    assert max(height for _, height in boxes) > 60


# ── without what not everybody has ───────────────────────────────────────────────────────────────────────────
def test_without_scripts_the_page_loads_itself_anew(stage, opened):
    tab = opened(OPERATOR, script=False)
    assert tab.value("document.querySelector('#bearers h3') !== null")
    assert (
        tab.value("document.querySelector('noscript meta').content") == "10"
    )  # a tag, not a text: no script runs
    asked = [urlsplit(url).path for url in tab.asked]
    assert "/assets/page.js" not in asked
    assert "/events" not in asked
    tab.go(f"http://127.0.0.1:{stage.http_port}/acts/link.reset?name=orange")
    tab.follow("document.querySelector('form').submit()")
    assert "Reset a bearer: done" in tab.value("document.querySelector('.said').textContent")


def test_nobody_else_is_asked(stage, opened):
    tab = opened(ADMIN)
    tab.until("document.readyState === 'complete'")
    assert {urlsplit(url).netloc for url in tab.asked} == {f"127.0.0.1:{stage.http_port}"}
    assert {urlsplit(url).path for url in tab.asked} == {
        "/", "/login", "/events", "/assets/page.css", "/assets/page.js", "/assets/icon.svg",
    } - ({"/assets/icon.svg"} if not any("icon" in url for url in tab.asked) else set())  # fmt: skip
    assert tab.said == []


def test_the_policy_stops_what_is_not_ours(opened):
    tab = opened()
    tab.value(
        "document.body.appendChild(Object.assign(document.createElement('script'), {textContent: 'window.bad = 1'}))"
    )
    assert tab.value("window.bad") is None
    assert any("Content Security Policy" in line for line in tab.said)


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_keys_lead_through_the_page_in_its_order(opened):
    tab = opened(ADMIN)
    seen = []
    for _ in range(30):
        tab.press("Tab")
        seen.append(tab.value(FOCUSED))
        assert tab.value("getComputedStyle(document.activeElement).outlineStyle") == "solid", seen[-1]
    assert seen[0] == "#main"
    wanted = [
        "#main",
        "/",
        "Log out",
        "#alarms",
        "#messages",
        "/alarms/bearer.sfr",
        "/acts/link.reset?name=sfr",
    ]
    places = [seen.index(one) for one in wanted]
    assert places == sorted(places)


def test_the_skip_link_is_seen_and_skips(opened):
    tab = opened()
    tab.press("Tab")
    assert tab.value("document.activeElement.getBoundingClientRect().left >= 0")
    tab.press("Enter")
    tab.until("document.activeElement.id === 'main'")


def test_who_stands_on_a_button_stays_there(stage, opened):
    tab = opened(OPERATOR)
    tab.value("document.querySelector('[href=\"/acts/link.reset?name=orange\"]').focus()")
    before = tab.value("document.querySelector('#bearer-orange .figures').textContent")
    tab.until(f"document.querySelector('#bearer-orange .figures').textContent !== {before!r}")
    assert tab.value(FOCUSED) == "/acts/link.reset?name=orange"
    tab.value("document.getElementById('throughput-table').click()")
    stage.call(
        lambda: setattr(
            stage.page, "_flow", type(stage.page._flow)(stage.page._flow.replace("Last hour", "Last  hour"))
        )
    )
    tab.until("document.querySelector('#flow h2').textContent === 'Last  hour'")
    assert tab.value("document.getElementById('throughput-table').parentElement.open")


def test_who_walks_through_the_messages_is_not_left_behind(stage, opened):
    """Thirty a second go by, and twenty are shown: a row is gone within a second."""
    tab = opened()
    tab.value("document.querySelector('#messages a').focus()")
    row = tab.value(FOCUSED)
    assert row.startswith("/messages/")
    tab.until("'still' in document.getElementById('messages').dataset")
    told = tab.value("getComputedStyle(document.querySelector('#messages caption'), '::after').content")
    assert "stands still" in told
    assert tab.value(FOCUSED) == row
    tab.press("Tab")
    after = tab.value(FOCUSED)
    assert after.startswith("/messages/")
    assert after != row
    tab.value("document.activeElement.blur()")
    tab.until(f"!document.querySelector('#messages a[href=\"{row}\"]')")
    assert tab.value("'still' in document.getElementById('messages').dataset") is False


def test_the_messages_go_on_for_who_was_led_to_them(stage, opened):
    """The part has the focus then, as after a click anywhere in it, and no row that could go away."""
    tab = opened()
    tab.value("document.getElementById('messages').focus()")
    row = tab.value("document.querySelector('#messages a').getAttribute('href')")
    tab.until(f"!document.querySelector('#messages a[href=\"{row}\"]')")
    assert tab.value(FOCUSED) == "messages"
    assert tab.value("'still' in document.getElementById('messages').dataset") is False


def test_who_stands_on_what_goes_away_stays_in_its_part(stage, opened):
    tab = opened(OPERATOR)
    tab.value("document.querySelector('#flow summary').focus()")
    before = stage.page._flow
    stage.call(lambda: setattr(stage.page, "_flow", type(before)('<h2 id="flow-h">Gone</h2>')))
    tab.until("document.querySelector('#flow h2').textContent === 'Gone'")
    assert tab.value(FOCUSED) == "flow"
    stage.call(lambda: setattr(stage.page, "_flow", before))
    tab.until("document.querySelector('#flow h2').textContent !== 'Gone'")


def test_a_screen_reader_finds_names_for_all(opened):
    tab = opened(ADMIN)
    nodes = tab.call("Accessibility.getFullAXTree")["nodes"]

    def named(role):
        return [
            node["name"]["value"]
            for node in nodes
            if node.get("role", {}).get("value") == role and not node.get("ignored")
        ]

    assert named("heading")[:3] == ["lyon-1", "Alarms (2)", "Figures"]
    assert all(
        name.strip()
        for role in ("link", "button", "textbox", "combobox", "table", "image")
        for name in named(role)
    )
    assert {"Alarms (2)", "Last hour", "Last messages"} <= set(named("region"))
    assert any(
        re.match("Messages a second, last hour: in: last", name) for name in [*named("image"), *named("img")]
    )


def test_tables_stay_tables_on_a_phone(opened):
    tab = opened(width=360, height=780)
    nodes = tab.call("Accessibility.getFullAXTree")["nodes"]
    roles = [node.get("role", {}).get("value") for node in nodes if not node.get("ignored")]
    assert roles.count("table") == 3
    assert roles.count("rowheader") >= 4 + 2 + 20
    assert roles.count("columnheader") == 4 + 4 + 6
