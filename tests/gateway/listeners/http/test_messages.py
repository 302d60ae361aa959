"""/v1/messages over a real port: one, many, again, asked after, cancelled; and everything that is refused."""

import time

import pytest
from running_http import ADMIN, BANK, OPERATOR, SHOP, VIEWER, Site

from gateway.listeners.http.messages import MESSAGE, MOST
from gateway.listeners.texts import KEYS

TO = "+33612345678"
LATER = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Site(tmp_path_factory.mktemp("site")) as running:
        yield running


def post(site, value, token=SHOP, **headers):
    names = {name.replace("_", "-"): text for name, text in headers.items()}
    return site.http("POST", "/v1/messages", token, value, headers=names)


# ── one ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_one_message_and_its_life(site):
    answer = post(
        site,
        {"to": "+33 6 12 34 56 78", "text": "Bonjour", "reference": "r-1", "tag": "promo", "priority": 2},
    )
    assert answer.status == 202
    message_id = answer.json["id"]
    assert isinstance(message_id, str)
    assert answer.headers["location"] == f"/v1/messages/{message_id}"
    assert answer.json | {"id": ""} == {"id": "", "segments": 1, "repeated": False, "deferred_until": None}
    site.until(lambda: site.app.ledger.tally.counts and not site.app.dispatcher.roads["sim"].unanswered)
    deadline = time.monotonic() + 5
    while site.state(message_id) != "delivered":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    view = site.http("GET", f"/v1/messages/{message_id}", SHOP).json
    assert (view["to"], view["from"], view["kind"], view["priority"]) == (TO, "CHAPPE", "transactional", 2)
    assert (view["reference"], view["tag"], view["segments"]) == ("r-1", "promo", 1)
    assert view["submitted"] <= view["accepted"] <= view["done"] <= view["expires"]
    assert "text" not in view


def test_the_shape_knows_what_the_builder_knows():
    assert set(MESSAGE["properties"]) == {*KEYS, "receipt"}


def test_it_owes_a_receipt_only_when_asked(site):
    plain = site.send(text="a")
    asked = site.send(text="b", receipt=True)
    look = lambda message_id: site.run(site.app.desk.look(int(message_id))).registered  # noqa: E731
    assert (look(plain), look(asked)) == (0, 1)


# ── many ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_many_are_answered_in_their_order(site):
    answer = post(site, [{"to": f"+3361234{n:04}", "text": f"n {n}"} for n in range(300)])
    assert answer.status == 202
    ids = [int(one["id"]) for one in answer.json["messages"]]
    assert len(set(ids)) == 300
    assert ids == sorted(ids)
    assert site.http("GET", f"/v1/messages/{ids[7]}", SHOP).json["to"] == "+33612340007"


def test_one_that_is_refused_costs_the_others_nothing(site):
    answer = post(
        site,
        [
            {"to": TO, "text": "good"},
            {"to": "nobody", "text": "bad number"},
            {"to": "+4915112345678", "text": "no route"},
            {"to": TO, "text": "bad sender", "from": "ELSE"},
            {"to": TO, "text": "good too"},
        ],
    )
    assert answer.status == 207
    results = answer.json["messages"]
    assert [one["status"] for one in results] == [202, 422, 422, 403, 202]
    assert [one.get("code") for one in results] == [None, "0x000b", "0x0407", "0x000a", None]
    assert site.http("GET", f"/v1/messages/{results[4]['id']}", SHOP).status == 200


@pytest.mark.parametrize("value", [[], [{"to": TO, "text": "x"}] * (MOST + 1), [{"to": TO}], [[]], [7]])
def test_lists_that_are_none(site, value):
    assert post(site, value).sort == "invalid"


# ── the same again ───────────────────────────────────────────────────────────────────────────────────────────
def test_a_key_is_one_message(site):
    body = {"to": TO, "text": "once"}
    first = post(site, body, Idempotency_Key="k-1")
    again = post(site, body, Idempotency_Key="k-1")
    assert (first.status, again.status) == (202, 202)
    assert first.json["id"] == again.json["id"]
    assert (first.json["repeated"], again.json["repeated"]) == (False, True)
    other = post(site, {**body, "text": "twice"}, Idempotency_Key="k-1")
    assert other.status == 409
    assert other.sort == "reference-reused"


def test_a_key_is_one_list(site):
    body = [{"to": TO, "text": "a"}, {"to": TO, "text": "b"}]
    first = post(site, body, Idempotency_Key="k-2").json["messages"]
    again = post(site, body, Idempotency_Key="k-2").json["messages"]
    assert [one["id"] for one in first] == [one["id"] for one in again]
    before = site.app.ledger.ids.last
    other = post(site, [{"to": TO, "text": "new"}, {"to": TO, "text": "c"}], Idempotency_Key="k-2")
    assert other.sort == "reference-reused"
    assert site.app.ledger.ids.last == before, "nothing of it was sent"


def test_a_reference_of_a_message_goes_before_the_key(site):
    first = post(site, {"to": TO, "text": "mine", "reference": "own"}, Idempotency_Key="k-3")
    again = post(site, {"to": TO, "text": "mine", "reference": "own"}, Idempotency_Key="k-4")
    assert first.json["id"] == again.json["id"]


def test_another_account_s_key_is_another_key(site):
    one = post(site, {"to": TO, "text": "x"}, Idempotency_Key="k-5")
    two = post(site, {"to": TO, "text": "y"}, BANK, Idempotency_Key="k-5")
    assert one.json["id"] != two.json["id"]


@pytest.mark.parametrize("key", ["k" * 65, "é"])
def test_keys_that_are_none(site, key):
    assert (
        post(site, {"to": TO, "text": "x"}, Idempotency_Key=key.encode().decode("latin-1")).sort == "invalid"
    )


# ── faults ───────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"to": ""}, "to"),
        ({"to": 33612345678}, "to"),
        ({"text": ""}, "text"),
        ({"text": None}, "text"),
        ({"kind": "sms"}, "kind"),
        ({"priority": 4}, "priority"),
        ({"priority": True}, "priority"),
        ({"validity": "soon"}, "validity"),
        ({"validity": 0}, "validity"),
        ({"send_at": "2026-11-22 08:30"}, "send_at"),
        ({"recipient": "x"}, "recipient"),
        ({"receipt": "yes"}, "receipt"),
        ({"tag": "t" * 65}, "tag"),
    ],
)
def test_a_fault_names_its_key(site, fields, at):
    answer = post(site, {"to": TO, "text": "x", **fields})
    assert answer.sort == "invalid"
    assert answer.json["errors"][0]["at"] == at
    assert at in answer.json["detail"]


def test_all_faults_are_told_at_once(site):
    answer = post(site, {"priority": 9, "kind": "sms"})
    assert {error["at"] for error in answer.json["errors"]} == {"to", "text", "priority", "kind"}


@pytest.mark.parametrize(
    ("fields", "token", "status", "sort"),
    [
        ({"to": "0612345678"}, SHOP, 422, "invalid"),
        ({"text": "x" * 2000}, SHOP, 422, "invalid"),
        ({"from": "ELSE"}, SHOP, 403, "sender-not-allowed"),
        ({"kind": "marketing"}, BANK, 403, "kind-not-allowed"),
        ({"to": "+4915112345678"}, SHOP, 422, "no-route"),
    ],
)
def test_refusals_say_which(site, fields, token, status, sort):
    answer = post(site, {"to": TO, "text": "x", **fields}, token)
    assert (answer.status, answer.sort) == (status, sort)


def test_half_a_character_is_sent_or_refused_and_never_a_fault_of_ours(site):
    body = b'{"to": "+33612345678", "text": "\\ud800", "tag": "t"}'
    assert site.http("POST", "/v1/messages", SHOP, body=body).status in (202, 422)
    body = b'{"to": "+33612345678", "text": "x", "tag": "\\ud800"}'
    assert site.http("POST", "/v1/messages", SHOP, body=body).status == 422


# ── whose ────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_message_is_its_account_s_alone(site):
    message_id = site.send()
    path = f"/v1/messages/{message_id}"
    assert site.http("GET", path, BANK).sort == "not-found"
    assert site.http("DELETE", path, BANK).sort == "not-found"
    assert site.http("GET", path).sort == "unauthorized"
    for token in (VIEWER, OPERATOR, ADMIN):
        view = site.http("GET", path, token).json
        assert "12345" not in view["to"], "operators see numbers masked"
    assert site.http("DELETE", path, VIEWER).sort == "forbidden"


def test_operators_submit_nothing(site):
    assert post(site, {"to": TO, "text": "x"}, ADMIN).sort == "forbidden"


@pytest.mark.parametrize("message_id", ["0", "x", "-1", "9" * 19, "9" * 40, "%D9%A3", "1e3"])
def test_ids_of_nothing(site, message_id):
    assert site.http("GET", f"/v1/messages/{message_id}", SHOP).sort == "not-found"


# ── cancelling ───────────────────────────────────────────────────────────────────────────────────────────────
def test_what_waits_can_be_cancelled(site):
    message_id = site.send(send_at=LATER)
    assert site.state(message_id) == "scheduled"
    answer = site.http("DELETE", f"/v1/messages/{message_id}", SHOP)
    assert (answer.status, answer.json["state"]) == (200, "deleted")
    again = site.http("DELETE", f"/v1/messages/{message_id}", SHOP)
    assert again.status == 200, "twice is the same as once"


def test_an_operator_s_cancel_is_in_the_audit_log(site):
    message_id = site.send(send_at=LATER)
    assert site.http("DELETE", f"/v1/messages/{message_id}", OPERATOR).status == 200
    assert ("http ops", "cancel", f"{message_id}: 1 messages") in [tuple(row) for row in site.audit()]


def test_what_has_left_cannot_be_cancelled(site):
    message_id = site.send()
    deadline = time.monotonic() + 5
    while site.state(message_id) not in ("enroute", "delivered"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert site.http("DELETE", f"/v1/messages/{message_id}", SHOP).sort == "already-left"
