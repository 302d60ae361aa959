"""Alertmanager's notifications become an SMS: what is critical, to whom, once, in few segments."""

import json
from pathlib import Path

import pytest
from running_http import BANK, OPERATOR, SHOP, VIEWER, Site

from drivers.sms.alphabet import decode, fit
from drivers.sms.split import segment_count
from gateway.listeners.http import alertmanager
from gateway.listeners.http.alertmanager import words_of

PAYLOAD = json.loads((Path(__file__).parents[3] / "vectors" / "alertmanager.json").read_text("utf-8"))
ON_CALL, NIGHT = "+33600000001", "+33600000002"
TABLE = f"""
[rules]
order = ["sender"]
[alertmanager]
account = "shop"
groups = {{ default = ["{ON_CALL}", "{NIGHT}"], night = ["{NIGHT}"] }}
"""


@pytest.fixture
def site(tmp_path):
    with Site(tmp_path, more=TABLE) as running:
        yield running


def alert(name="BearerDown", status="firing", severity="critical", summary="", **labels):
    found = {"status": status, "labels": {"alertname": name, "severity": severity, **labels}}
    return {**found, "annotations": {"summary": summary}} if summary else found


def payload(*alerts, **more):
    return {
        "version": "4",
        "groupKey": "g",
        "status": "firing",
        "receiver": "chappe",
        "alerts": list(alerts),
        **more,
    }


def post(site, value, token=OPERATOR, query=""):
    return site.http("POST", f"/v1/alertmanager{query}", token, value)


def texts(site, answer):
    """(recipient, kind, text) of what was sent."""
    assert answer.status == 200, answer
    found = [site.run(site.app.desk.look(int(message_id))) for message_id in answer.json["messages"]]
    return [(m.destination, m.kind.name, decode(m.payload, m.data_coding)) for m in found]


def test_a_real_notification(site):
    sent = texts(site, post(site, PAYLOAD))
    assert [(to, kind) for to, kind, _ in sent] == [(ON_CALL, "ALERT"), (NIGHT, "ALERT")]
    text = sent[0][2]
    assert (
        text
        == "FIRING 2: ChappeDown 10.0.0.5:8080: Chappe on 10.0.0.5:8080 does not answer; ChappeStoreDown 10.0.0.6:8080: The store cannot write. RESOLVED: ChappeOtpLate 10.0.0.5:8080: An OTP has waited for 40s"
    )
    assert post(site, PAYLOAD).json["ignored"] == 1


def test_only_what_is_critical(site):
    answer = post(
        site, payload(alert(severity="warning"), alert(severity="info"), {"status": "firing", "labels": {}})
    )
    assert answer.json == {"messages": [], "ignored": 3}


def test_resolved_too(site):
    sent = texts(site, post(site, payload(alert(status="resolved", bearer="orange"), status="resolved")))
    assert {text for _, _, text in sent} == {"RESOLVED: BearerDown orange"}


@pytest.mark.parametrize(
    ("query", "receiver", "to"),
    [
        ("", "chappe", {ON_CALL, NIGHT}),
        ("", "night", {NIGHT}),
        ("?group=night", "chappe", {NIGHT}),
        ("?group=default", "night", {ON_CALL, NIGHT}),
    ],
)
def test_which_group(site, query, receiver, to):
    sent = texts(site, post(site, payload(alert(), receiver=receiver), query=query))
    assert {number for number, _, _ in sent} == to


def test_a_notification_that_comes_again_is_one_message(site, monkeypatch):
    first = post(site, payload(alert()))
    again = post(site, payload(alert()))
    assert first.json["messages"] == again.json["messages"]
    over = post(site, payload(alert(status="resolved"), status="resolved"))
    assert not set(over.json["messages"]) & set(first.json["messages"])
    monkeypatch.setattr(alertmanager, "AGAIN_S", 901)  # another quarter of an hour
    later = post(site, payload(alert()))
    assert len(later.json["messages"]) == 2


def test_a_gateway_that_takes_nothing_is_asked_again(site):
    site.ask("drain")
    assert post(site, payload(alert())).sort == "unavailable"
    site.ask("drain", off=True)
    assert len(texts(site, post(site, payload(alert())))) == 2


@pytest.mark.parametrize(
    ("token", "status"), [(OPERATOR, 200), (SHOP, 200), (BANK, 403), (VIEWER, 403), ("", 401)]
)
def test_who_may_alert(site, token, status):
    assert post(site, payload(alert()), token).status == status


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"status": "firing"},
        {"status": "on", "alerts": []},
        payload({"labels": {}}),
        payload({"status": "firing", "labels": {"a": 1}}),
        [],
    ],
)
def test_what_is_no_notification(site, value):
    assert post(site, value).sort == "invalid"


def test_a_group_that_is_not_there(site):
    answer = post(site, payload(alert()), query="?group=day")
    assert answer.sort == "invalid"
    assert "default, night" in answer.json["detail"]


def test_it_must_be_configured(tmp_path):
    with Site(tmp_path) as site:
        assert post(site, payload(alert())).sort == "not-found"


def test_a_reload_changes_who_is_called(site):
    site.path.write_text(site.path.read_text().replace(f'"{ON_CALL}", "{NIGHT}"', '"+33600000009"'))
    site.run(site.app.reload())
    assert [to for to, _, _ in texts(site, post(site, payload(alert())))] == ["+33600000009"]


def test_an_account_that_may_send_no_alert_says_so(tmp_path):
    with Site(tmp_path, more=TABLE.replace('account = "shop"', 'account = "bank"')) as site:
        assert post(site, payload(alert())).sort == "kind-not-allowed"


# ── the text ─────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("alerts", "text"),
    [
        ([alert()], "FIRING: BearerDown"),
        ([alert(bearer="orange")], "FIRING: BearerDown orange"),
        (
            [alert(summary="no  answer\nfor 5 min", instance="a:1")],
            "FIRING: BearerDown a:1: no answer for 5 min",
        ),
        ([alert(bearer="a"), alert(bearer="b")], "FIRING 2: BearerDown a; BearerDown b"),
        ([alert(), alert()], "FIRING: BearerDown"),
        (
            [alert(bearer="a", status="resolved"), alert(bearer="b")],
            "FIRING: BearerDown b. RESOLVED: BearerDown a",
        ),
        ([{"status": "firing", "labels": {"severity": "critical"}}], "FIRING: alert"),
        ([alert(summary="l’été…")], "FIRING: BearerDown: l'été..."),
    ],
)
def test_words(alerts, text):
    assert words_of(alerts, 2) == text


@pytest.mark.parametrize("segments", [1, 2])
@pytest.mark.parametrize("letter", ["a", "→", "\u20ac", "\U0001f525"])
def test_however_many_it_is_few_segments(letter, segments):
    text = words_of([alert(bearer=f"{letter}{n}", summary=letter * 50) for n in range(200)], segments)
    data_coding, payload_ = fit(text)
    assert segment_count(payload_, data_coding) == segments
    assert text.startswith("FIRING 200: BearerDown")
    assert text.endswith("...")


def test_who_comes_to_the_group_meanwhile_gets_it_and_who_has_it_does_not_again(site):
    first = post(site, PAYLOAD).json["messages"]
    assert len(first) == 2
    file = site.app.config.path
    file.write_text(file.read_text().replace(f'["{ON_CALL}", "{NIGHT}"]', f'["{NIGHT}", "+33600000003"]'))
    site.run(site.app.reload())
    again = post(site, PAYLOAD)
    assert [to for to, _, _ in texts(site, again)] == [NIGHT, "+33600000003"]
    assert again.json["messages"][0] == first[1]


def test_a_megabyte_of_alerts_is_cut_before_it_is_weighed(monkeypatch):
    weighed = []
    real = alertmanager.fit
    monkeypatch.setattr(alertmanager, "fit", lambda text: weighed.append(len(text)) or real(text))
    text = words_of([alert(f"A{n}", summary="x" * 900) for n in range(1000)], 2)
    assert segment_count(fit(text)[1], fit(text)[0]) == 2
    assert max(weighed) <= 2 * 160 + 3
