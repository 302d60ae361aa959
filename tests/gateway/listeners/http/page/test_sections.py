"""How each state is told: in a word, a sign and a colour, with cause and remedy; and nothing is told that is not so."""

from zoneinfo import ZoneInfo

import pytest
from page_reader import Page

from gateway.listeners.http.page import sections

NOW, THEN = "2026-11-22T02:16:09.000Z", "2026-11-22T02:12:05.000Z"
PARIS = ZoneInfo("Europe/Paris")


def read(html):
    return Page(f"<!DOCTYPE html><html>{html}</html>")


def bearer(name="orange", state="up", **more):
    return {
        "name": name, "state": state, "since": THEN, "reason": "", "detail": "", "remedy": "", "note": "", "modem": False,
        "kinds": ["otp"], "window": {"unanswered": 2, "size": 50, "free": 48}, "binds": [], "accepted": 1234, "refused": 0,
        "doubtful": 0, "rate": {"contracted": 100.0, "adaptive": 100.0, "used": 21.84}, **more,
    }  # fmt: skip


def view(*bearers, **more):
    return {
        "at": NOW, "name": "lyon-1", "state": "ready", "why": "", "alarms": [], "bearers": list(bearers), "routes": [],
        "started": THEN, "in_flight": 3, "in_doubt": 0, "rates": {"admitted": 5.0, "accepted": 4.25},
        "waiting": {"total": 0, "kinds": {"otp": {"count": 0, "held": 0, "oldest_age_s": None}}},
        "optouts": {"total": 9, "today": {}}, "store": {"sick": "", "free_bytes": 8.17e10}, **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("state", "sort", "sign"),
    [("up", "good", "●"), ("full", "good", "●"), ("paused", "busy", "◆"), ("sick", "bad", "▲"), ("down", "bad", "▲"),
     ("disabled", "calm", "○")],
)  # fmt: skip
def test_a_state_is_a_word_a_sign_and_a_colour(state, sort, sign):
    badge = read(sections.badge(state)).one("span", class_="badge")
    assert badge.has("class", sort)
    assert badge.text == f"{sign} {'up, window full' if state == 'full' else state}"


@pytest.mark.parametrize(
    ("state", "why", "bearers", "told"),
    [
        ("ready", "", ["up"], "● ready Messages are taken and leave."),
        ("ready", "", ["down", "up"], "● ready Messages are taken and leave. 1 of 2 bearers is down."),
        ("degraded", "no bearer is open: messages are taken and wait", ["down", "sick"],
         "◆ degraded Messages are taken and wait on disk. 2 of 2 bearers are down. no bearer is open: messages are taken and wait"),
        ("refusing", "7 MB free", [], "▲ refusing New messages are refused. 7 MB free"),
        ("drained", "by x; `chappe drain --off`", [],
         "◆ drained New messages are refused; what is here goes on. by x; chappe drain --off"),
    ],
)  # fmt: skip
def test_the_one_line(state, why, bearers, told):
    found = view(*(bearer(str(number), word) for number, word in enumerate(bearers)), state=state, why=why)
    assert read(sections.state(found)).text == told


def test_figures():
    kinds = {
        "otp": {"count": 2, "held": 0, "oldest_age_s": 7.9},
        "marketing": {"count": 1400, "held": 0, "oldest_age_s": 700.0},
    }
    found = view(
        waiting={"total": 1402, "kinds": kinds}, in_doubt=4,
        optouts={"total": 1009, "today": {"stop": 5, "add": 1, "start": 2, "import": 300}},
    )  # fmt: skip
    page = read(sections.figures(found, PARIS))
    assert page.one("dl").pairs() == {
        "Waiting": "1 402 oldest 11 min", "In flight": "3 not answered yet, 4 in doubt", "Leaving": "4.2/s 5/s come in",
        "Opt-outs today": "6 1 009 in all, 2 came back, 300 imported",
    }  # fmt: skip
    assert "Store: well, 81.7 GB free. Up since 03:12:05 (4 min)." in page.text
    sick = view(store={"sick": "disk I/O error", "free_bytes": 0})
    assert "Store: cannot write: disk I/O error." in read(sections.figures(sick, PARIS)).text


def alarm(id_, severity, since=THEN, **more):
    return {
        "id": id_,
        "severity": severity,
        "text": f"{id_} <b>",
        "since": since,
        "why": "",
        "remedy": "",
        **more,
    }


def test_critical_alarms_come_first_then_the_oldest():
    found = view(alarms=[
        alarm("mqtt", "warning", "2026-11-22T01:00:00.000Z"), alarm("disk", "critical"),
        alarm("bearer.sfr", "critical", "2026-11-22T02:00:00.000Z", why="link.lost", remedy="ask `them`"),
    ])  # fmt: skip
    page = read(sections.alarms(found, PARIS))
    told = [item.text for item in page.all("li")]
    assert [words.split()[2] for words in told] == ["bearer.sfr", "disk", "mqtt"]
    assert (
        told[0] == "▲ critical bearer.sfr <b> Why: link.lost Do: ask them since 03:00:00 (16 min) What to do"
    )
    assert [a["href"] for a in page.all("a")] == ["/alarms/bearer.sfr", "/alarms/disk", "/alarms/mqtt"]
    assert len({a["aria-label"] for a in page.all("a")}) == 3


def test_no_alarm_is_said_too():
    assert "No alarm stands." in read(sections.alarms(view(), PARIS)).text
    assert sections.announcement(view()) == "Gateway lyon-1 is ready. No alarm stands."
    assert sections.title(view()) == "ready – lyon-1"
    assert (
        sections.title(view(alarms=[alarm("disk", "critical")], state="refusing"))
        == "1 alarm, refusing – lyon-1"
    )


def test_a_bearer_that_is_up_says_no_cause():
    page = read(sections.bearers(view(bearer(remedy="nothing", reason="bound")), PARIS, operator=False))
    assert page.one("dl").pairs() == {
        "Rate": "21.8 of 100/s", "Window": "2 of 50 unanswered", "Accepted": "1 234", "Carries": "otp",
    }  # fmt: skip
    assert "Why" not in page.text
    assert list(page.all("a")) == []


def test_a_bearer_in_trouble_says_why_and_what_helps():
    slow = bearer(
        "sfr", "paused", detail="the carrier throttled us", remedy="wait `a bit`", refused=3, doubtful=2
    )
    slow["rate"]["adaptive"] = 40.0
    page = read(sections.bearers(view(slow), PARIS, operator=True))
    assert "Why: the carrier throttled us Do: wait a bit" in page.text
    figures = page.one("dl").pairs()
    assert figures["Rate"] == "21.8 of 100/s, slowed to 40"
    assert figures["Accepted"] == "1 234, 3 refused, 2 doubtful"
    assert [(a.text, a["href"]) for a in page.all("a")] == [
        ("Reset", "/acts/link.reset?name=sfr"), ("Disable", "/acts/link.disable?name=sfr"),
    ]  # fmt: skip


def test_one_that_is_closed_for_a_moment_has_no_figures_and_no_buttons():
    closed = {
        "name": "x",
        "state": "down",
        "since": None,
        "reason": "stopped",
        "detail": "closed",
        "remedy": "",
        "modem": False,
    }
    page = read(sections.bearers(view(closed), PARIS, operator=True))
    assert page.one("li").text == "x ▲ down Since – Why: closed"


def test_nothing_is_configured():
    assert "None is configured" in read(sections.bearers(view(), PARIS, operator=True)).text
    assert "None is configured" in read(sections.modems(view(), PARIS)).text
    assert "No route has a second tier." in read(sections.routes(view(), PARIS)).text


@pytest.mark.parametrize(
    ("fallen", "ways", "badge"),
    [
        (False, [{"tier": 1, "bearers": ["a"], "why": "", "kinds": ["otp"]}], "● as planned"),
        (False, [{"tier": 1, "bearers": [], "why": "all down", "kinds": ["otp"]}], "▲ some kinds wait"),
        (True, [{"tier": 2, "bearers": ["b"], "why": "a link.lost", "kinds": ["otp"]}], "◆ fallen back"),
    ],
)
def test_routes(fallen, ways, badge):
    route = {
        "name": "france",
        "tiers": [["a"], ["b", "c"]],
        "ways": ways,
        "fallen": fallen,
        "since": THEN if fallen else None,
    }
    page = read(sections.routes(view(routes=[route]), PARIS))
    assert page.one("div", class_="head").text == f"france {badge}"
    assert "a → b + c" in page.text
    assert ("Since 03:12:05" in page.text) is fallen


@pytest.mark.parametrize(
    ("dbm", "lit", "words"),
    [(-113, 0, "no signal"), (-105, 1, "weak"), (-95, 2, "fair"), (-80, 3, "good"), (-51, 4, "strong")],
)
def test_signal(dbm, lit, words):
    page = read(sections.signal(dbm))
    assert len(list(page.all("path", class_="lit"))) == lit
    assert page.one("title").inside == [words]


def test_a_modem_shows_what_it_knows_and_no_more():
    fields = {"signal_dbm": -71, "operator": "Orange F", "roaming": True, "quota_left": 0, "quota_frees_at": 1.0, "storage_SM": "3/30",
              "balance": "12 EUR", "imsi": "208011234567890", "iccid": "8933"}  # fmt: skip
    page = read(
        sections.modems(view(bearer("sim", modem=True, binds=[fields]), bearer("new", modem=True)), PARIS)
    )
    first, second = page.all("li")
    assert first.one("dl").pairs() == {
        "Signal": "-71 dBm", "Operator": "Orange F, roaming", "Quota left": "0 segments until more is free", "Storage": "SM 3/30",
        "Balance": "12 EUR",
    }  # fmt: skip
    assert "It has said nothing yet." in second.text
