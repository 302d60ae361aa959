"""The verbs of suppressed numbers, as whoever speaks to the socket without the command gets them."""

import pytest
from running_gateway import CONFIG, Running

NUMBER = "+33612345678"
DAY = 86_400_000


@pytest.fixture
def gateway(tmp_path):
    with Running(tmp_path, config=CONFIG.replace('["sender"]', '["sender", "stop"]')) as running:
        yield running


@pytest.mark.parametrize(
    "entry",
    [
        [NUMBER],
        [7, 0, 0, ""],
        ["33612345678", 0, 0, ""],
        [NUMBER, "now", 0, ""],
        [NUMBER, 0, -5, ""],
        [NUMBER, 0, 2**60, ""],
        [NUMBER, 0, 0, 5],
        [NUMBER, 0, 0, "x" * 201],
        [NUMBER, 0, 2**53 - 1, ""],
        ["", 0, 0, ""],
        ["+0612345678", 0, 0, ""],
    ],
)
def test_an_entry_is_judged_whoever_sends_it(gateway, entry):
    assert gateway.refused("suppressed.import", file="x", entries=[[NUMBER, 0, 0, ""], entry]).code == 2
    assert gateway.ask("suppressed")["total"] == 0


def test_one_by_hand_is_explained_and_taken_away(gateway):
    assert gateway.ask("suppressed.add", number=NUMBER, days=3, reason="letters come back")["added"] == 1
    verdict = gateway.ask("explain", to=NUMBER, kind="marketing")["rules"]["verdict"]
    assert (verdict["rule"], verdict["status"]) == ("suppress", "0x0409")
    assert gateway.ask("explain", to=NUMBER, kind="otp")["rules"]["verdict"] is None
    assert "suppress" in gateway.ask("explain", to=NUMBER, kind="otp")["rules"]["order"]
    (shown,) = gateway.ask("suppressed", number=NUMBER)["suppressed"]
    assert (shown["number"], shown["state"], shown["reason"]) == (
        "+336…678",
        "suppressed",
        "letters come back",
    )
    assert gateway.ask("suppressed", number="+33600000009")["suppressed"] == []
    assert gateway.ask("suppressed.remove", number=NUMBER) == {"removed": 1, "number": "+336…678"}
    assert gateway.ask("suppressed.remove", number=NUMBER)["removed"] == 0
    assert gateway.refused("suppressed.add", number="36180").code == 2
    assert [verb for _, verb, _ in gateway.audit()] == [
        "suppressed add", "suppressed remove", "suppressed remove",
    ]  # fmt: skip


def test_a_page_begins_where_the_one_before_ended(gateway):
    entries = [[f"+3361{n:07}", 0, 0, ""] for n in range(1_001)]
    assert gateway.ask("suppressed.import", file="x", entries=entries) == {"added": 1_001, "known": 0}
    assert gateway.ask("suppressed", limit=2)["more"] is True
    first = gateway.ask("suppressed.export", unmasked=True)
    rest = gateway.ask("suppressed.export", unmasked=True, after=first["after"])
    assert (len(first["suppressed"]), len(rest["suppressed"]), rest["after"]) == (1_000, 1, None)
    assert len({entry["number"] for entry in first["suppressed"] + rest["suppressed"]}) == 1_001
    assert [verb for _, verb, _ in gateway.audit()] == ["suppressed export"]
    assert gateway.refused("suppressed.export", after="x").code == 2


def test_a_reload_changes_what_is_learnt_and_keeps_the_list(gateway):
    gateway.ask("suppressed.add", number=NUMBER)
    assert gateway.app.ledger.learn is not None
    gateway.path.write_text(
        gateway.path.read_text("utf-8") + "[rules.suppress]\ndays = 0\nafter = 3\n", "utf-8"
    )
    assert {change["key"] for change in gateway.ask("reload")} == {
        "rules.suppress.days",
        "rules.suppress.after",
    }
    assert gateway.app.ledger.learn is None
    assert gateway.app.suppressions.numbers.after == 3
    assert gateway.ask("suppressed")["total"] == 1
