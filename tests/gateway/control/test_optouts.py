"""The verbs of the list, as whoever speaks to the socket without the command gets them."""

import pytest
from running_gateway import CONFIG, Running

NUMBER = "+33612345678"
DAY = 86_400_000


@pytest.fixture
def gateway(tmp_path):
    with Running(
        tmp_path, config=CONFIG.replace('order = ["sender"]', 'order = ["sender", "stop"]')
    ) as running:
        yield running


@pytest.mark.parametrize(
    "entry",
    [
        ["+33", "global"],
        [NUMBER, "all", 0, ""],
        [7, "global", 0, ""],
        ["33612345678", "global", 0, ""],
        [NUMBER, "global", "now", ""],
        [NUMBER, "account:shp", 0, ""],
        [NUMBER, "brand:Nobody", 0, ""],
        [NUMBER, "global", 0, "x" * 201],
        [NUMBER, "global", -1, ""],
        [NUMBER, "global", 2**53, ""],
        [NUMBER, "global", True, ""],
        ["", "global", 0, ""],
        ["+0612345678", "global", 0, ""],
        ["+٣٣٦١٢٣٤٥٦٧٨", "global", 0, ""],
        "entry",
    ],
)
def test_an_entry_is_judged_whoever_sends_it(gateway, entry):
    assert gateway.refused("optouts.import", file="x", entries=[[NUMBER, "global", 0, ""], entry]).code == 2
    assert gateway.ask("optouts")["total"] == 0


def test_where_the_store_keeps_numbers_is_told_for_long_imports(gateway):
    digest = gateway.app.optouts.digest
    assert gateway.ask("optouts.order", numbers=[NUMBER, "+33"])["keys"] == [digest(NUMBER), digest("+33")]
    assert gateway.ask("optouts.order")["keys"] == []
    assert gateway.refused("optouts.order", numbers=[7]).code == 2


def test_what_is_imported_is_counted_once_and_dated(gateway):
    entries = [
        [NUMBER, "global", 5 * DAY, "form"],
        [NUMBER, "global", 6 * DAY, "form"],
        [NUMBER, "account:shop", 0, ""],
    ]
    assert gateway.ask("optouts.import", file="x", entries=entries) == {"added": 2, "known": 1}
    shown = gateway.ask("optouts", number=NUMBER)
    assert (shown["total"], shown["counts"], shown["more"]) == (2, {"account:shop": 1, "global": 1}, False)
    assert {o["scope"]: o["at"][:10] for o in shown["optouts"]}["global"] == "1970-01-06"
    assert {o["number"] for o in shown["optouts"]} == {"+336…678"}
    assert gateway.ask("optouts", limit=1)["more"] is True
    assert gateway.ask("optouts", scope="global", unmasked=True)["optouts"][0]["number"] == NUMBER


def test_it_is_withdrawn_on_proof_only(gateway):
    gateway.ask("optouts.add", number=NUMBER, scope="global")
    assert "on what proof" in str(gateway.refused("optouts.remove", number=NUMBER, scope="global"))
    assert gateway.refused("optouts.remove", number=NUMBER, evidence="form").code == 2
    assert gateway.ask("optouts.remove", number=NUMBER, scope="global", evidence="form")["removed"] == 1


def test_what_an_account_that_is_gone_has_left_can_be_withdrawn(gateway):
    own = gateway.path.read_text("utf-8")
    gateway.path.write_text(
        own + '[accounts.gone]\npassword = "secret08"\nkinds = ["otp"]\ndefault_kind = "otp"\n', "utf-8"
    )
    gateway.ask("reload")
    scope = {"number": NUMBER, "scope": "account:gone"}
    gateway.ask("optouts.add", **scope)
    gateway.ask("consents.add", **scope, source="till")
    gateway.path.write_text(own, "utf-8")
    gateway.ask("reload")
    assert gateway.refused("optouts.add", **scope).code == 2
    assert gateway.ask("optouts.remove", **scope, evidence="form")["removed"] == 1
    assert "no such account" in str(gateway.refused("optouts.remove", **scope, evidence="form"))
    assert gateway.ask("consents.revoke", **scope, source="letter")["revoked"] == 1
    assert "no such account" in str(gateway.refused("consents.revoke", **scope, source="letter"))


def test_a_page_begins_where_the_one_before_ended(gateway):
    gateway.ask("optouts.import", file="x", entries=[[f"+3361{n:07}", "global", 0, ""] for n in range(1_001)])
    first = gateway.ask("optouts.export", unmasked=True)
    rest = gateway.ask("optouts.export", unmasked=True, after=first["after"])
    assert (len(first["optouts"]), len(rest["optouts"]), rest["after"]) == (1_000, 1, None)
    assert len({o["number"] for o in first["optouts"] + rest["optouts"]}) == 1_001
    assert [verb for _, verb, _ in gateway.audit()] == ["optouts export"]
    assert gateway.refused("optouts.export", after="x").code == 2
