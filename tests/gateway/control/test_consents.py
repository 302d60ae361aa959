"""The verbs of kept consents, as whoever speaks to the socket without the command gets them."""

import pytest
from running_gateway import CONFIG, Running

NUMBER = "+33612345678"
CONSENT = CONFIG.replace('["sender"]', '["sender", "consent"]').replace(
    "[accounts.shop]", "[accounts.shop]\nrequire_consent = true"
)


@pytest.fixture
def gateway(tmp_path):
    with Running(tmp_path, config=CONSENT) as running:
        yield running


@pytest.mark.parametrize(
    "entry",
    [
        [NUMBER, "account:shop"],
        [NUMBER, "account:shop", "r", "", "", 0, "withdrawn"],
        [7, "account:shop", "", "", "", 0, ""],
        ["33612345678", "account:shop", "", "", "", 0, ""],
        ["", "account:shop", "", "", "", 0, ""],
        [NUMBER, "global", "r", "", "", 0, ""],
        [NUMBER, "account:shop", "r" * 129, "", "", 0, ""],
        [NUMBER, "account:shop", "r", "", "x" * 1_001, 0, ""],
        [NUMBER, "account:shop", "r", "", "", "now", ""],
        [NUMBER, "account:shop", "r", "", "", -1, ""],
        [NUMBER, "account:shp", "r", "", "", 0, ""],
        [NUMBER, "account:shop", "r", "", "", 2**53 - 1, ""],
    ],
)
def test_an_entry_is_judged_whoever_sends_it(gateway, entry):
    good = [NUMBER, "account:shop", "r", "", "", 0, ""]
    assert gateway.refused("consents.import", file="x", entries=[good, entry]).code == 2
    assert gateway.ask("consents")["total"] == 0


def test_given_and_revoked_with_proof(gateway):
    given = {"number": NUMBER, "scope": "account:shop", "reference": "form-12"}
    assert "where it was given" in str(gateway.refused("consents.add", **given))
    assert gateway.ask("consents.add", **given, source="till", text="I want offers", at=5)["added"] == 1
    assert gateway.ask("consents", number=NUMBER)["counts"] == {"account:shop": 1}
    (shown,) = gateway.ask("consents", number=NUMBER)["consents"]
    assert (shown["number"], shown["state"], shown["reference"], shown["text"]) == (
        "+336…678", "given", "form-12", "I want offers",
    )  # fmt: skip
    assert "why it is withdrawn" in str(
        gateway.refused("consents.revoke", number=NUMBER, scope="account:shop")
    )
    letter = {"number": NUMBER, "scope": "account:shop", "source": "letter of 3 March"}
    assert gateway.ask("consents.revoke", **letter)["revoked"] == 1
    found = gateway.ask("consents", number=NUMBER)
    assert [act["act"] for act in found["story"]] == ["add", "revoke"]
    assert (found["total"], found["consents"][0]["state"]) == (0, "revoked")
    verdict = gateway.ask("explain", to=NUMBER, kind="marketing")["rules"]["verdict"]
    assert (verdict["rule"], verdict["status"]) == ("consent", "0x0406")


def test_a_proof_for_many_has_a_reference_and_no_number(gateway):
    many = {"scope": "account:shop", "reference": "terms 2026 +33612345678", "source": "contract"}
    assert gateway.ask("consents.add", **many)["added"] == 1
    assert gateway.ask("consents", reference=many["reference"])["consents"][0]["number"] == ""
    assert "+336…678" in gateway.audit()[0][2] and NUMBER not in gateway.audit()[0][2]


@pytest.mark.parametrize(
    ("args", "word"),
    [
        ({"number": NUMBER}, "--scope"),
        ({"scope": "account:shop"}, "--reference"),
        ({"scope": "account:nobody", "number": NUMBER}, "no such account"),
        ({"scope": "global", "number": NUMBER}, "account:NAME"),
        ({"scope": "account:shop", "number": "36180"}, "international form"),
    ],
)
def test_a_bad_question_says_what_is_missing(gateway, args, word):
    refused = gateway.refused("consents.add", **args, source="till")
    assert (refused.code, word in str(refused)) == (2, True), refused


def test_a_page_begins_where_the_one_before_ended(gateway):
    entries = [[f"+3361{n:07}", "account:shop", "r", "till", "", 0, ""] for n in range(501)]
    assert gateway.ask("consents.import", file="x", entries=entries)["added"] == 501
    first = gateway.ask("consents.export", unmasked=True)
    rest = gateway.ask("consents.export", unmasked=True, after=first["after"])
    assert (len(first["consents"]), len(rest["consents"]), rest["after"]) == (500, 1, None)
    assert [verb for _, verb, _ in gateway.audit()] == ["consents export"]
    assert gateway.refused("consents.export", after="x").code == 2
