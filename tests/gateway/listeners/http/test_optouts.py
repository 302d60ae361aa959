"""/v1/optouts: an application speaks of its own scope, an operator of all; what stands is obeyed at once."""

import pytest
from running_http import OPERATOR, SHOP, VIEWER, Site

NUMBER = "+33612345678"


@pytest.fixture
def site(tmp_path):
    with Site(tmp_path, more='[rules]\norder = ["stop"]\n[rules.stop]\nmention = "off"') as running:
        yield running


def entry(**more):
    return {"number": NUMBER, "evidence": "asked on the phone", **more}


def test_an_application_keeps_its_own_list(site):
    added = site.http("POST", "/v1/optouts", SHOP, entry())
    assert (added.status, added.json["added"], added.json["scope"]) == (201, 1, "account:shop")
    assert site.http("POST", "/v1/optouts", SHOP, entry()).json["added"] == 0
    refused = site.http("POST", "/v1/messages", SHOP, {"to": NUMBER, "text": "Soldes", "kind": "marketing"})
    assert (refused.status, refused.sort) == (422, "opted-out")
    shown = site.http("GET", "/v1/optouts", SHOP).json
    assert [(one["number"], one["scope"]) for one in shown["optouts"]] == [(NUMBER, "account:shop")]
    assert set(shown) == {"optouts", "more"}, "the figures are of all accounts"
    removed = site.http("DELETE", "/v1/optouts", SHOP, entry(evidence="subscribed again"))
    assert (removed.status, removed.json["removed"]) == (200, 1)
    assert site.send(to=NUMBER, text="Soldes", kind="marketing")


def test_it_speaks_of_no_other_scope(site):
    for scope in ("global", "account:bank", "brand:Chappe"):
        assert site.http("POST", "/v1/optouts", SHOP, entry(scope=scope)).sort == "forbidden"
        assert site.http("GET", f"/v1/optouts?scope={scope}", SHOP).sort == "forbidden"


def test_operators_see_all_and_no_number_whole(site):
    assert site.http("POST", "/v1/optouts", OPERATOR, entry(scope="global")).status == 201
    site.http("POST", "/v1/optouts", SHOP, entry())
    shown = site.http("GET", "/v1/optouts", VIEWER).json
    assert {one["scope"] for one in shown["optouts"]} == {"global", "account:shop"}
    assert NUMBER not in str(shown)
    story = site.http("GET", f"/v1/optouts?number={NUMBER.replace('+', '%2B')}", VIEWER).json["story"]
    assert {(act["act"], act["source"].split(" ")[0]) for act in story} == {("add", "http")}
    assert ("http ops", "optouts add") in [row[:2] for row in site.audit()]


@pytest.mark.parametrize(
    ("body", "sort"),
    [({"number": NUMBER}, "invalid"), ({"number": "0612", "evidence": "x", "scope": "global"}, "invalid"),
     (entry(scope="nowhere"), "invalid"), (entry(scope="account:nobody"), "invalid"), (entry(), "invalid"),
     (entry(scope="global", evidence=""), "invalid"), (entry(more=1), "invalid")],
)  # fmt: skip
def test_faults(site, body, sort):
    answer = site.http("POST", "/v1/optouts", OPERATOR, body)
    assert answer.sort == sort
    assert "--" not in answer.json["detail"], "no options of a command line"


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "limit=99999999", "numbers=1", "limit=1&limit=2", "number=x"]
)
def test_queries_that_are_none(site, query):
    assert site.http("GET", f"/v1/optouts?{query}", VIEWER).sort == "invalid"


def test_half_a_character_is_a_fault_of_the_request_and_leaves_no_trace(site):
    assert site.http("POST", "/v1/optouts", SHOP, entry(evidence="\ud800")).sort == "invalid"
    assert site.http("POST", "/v1/optouts", SHOP, entry()).json["added"] == 1
    assert len(site.http("GET", "/v1/optouts", SHOP).json["optouts"]) == 1
