"""Who a message may claim to be from."""

import pytest
from core import account
from making import message

from gateway.model import Kind
from gateway.rules.country_file import load_law
from gateway.rules.rule import Action, Batch
from gateway.rules.sender import SenderRule

LAW = load_law("fr")


@pytest.mark.parametrize(
    ("senders", "source", "allowed"),
    [(("CHAPPE",), "CHAPPE", True), (("CHAPPE",), "chappe", False), ((), "CHAPPE", False), (("*",), "ANY", True),
     (("36180", "+33600000000"), "+33600000000", True), (("36180",), "", False)],
)  # fmt: skip
def test_only_its_own(senders, source, allowed):
    verdict = SenderRule().judge(message(1, None, source=source), account(senders=senders), 0)
    assert (verdict is None) is allowed
    if verdict is not None:
        assert (verdict.action, verdict.status) == (Action.REFUSE, 0x0A)
        assert "shop" in verdict.reason


@pytest.mark.parametrize(
    ("source", "destination", "kind", "fault"),
    [
        ("36180", "+33612345678", Kind.MARKETING, ""),
        ("CHAPPE", "+33612345678", Kind.MARKETING, ""),
        ("Chappe2026", "+262692000001", Kind.MARKETING, ""),
        ("38180", "+33612345678", Kind.MARKETING, "36[0-9]{3}"),
        ("38180", "+33612345678", Kind.TRANSACTIONAL, ""),
        ("38180", "+32470123456", Kind.MARKETING, ""),  # its carriers say what they take
        ("38180", "+447700900001", Kind.MARKETING, ""),
        ("+33600000000", "+33612345678", Kind.MARKETING, "ordinary numbers"),
        ("+33600000000", "+33612345678", Kind.ALERT, ""),
        ("Colis", "+33612345678", Kind.MARKETING, "carriers refuse this word"),
        ("CHAPPE TELECOM", "+33612345678", Kind.MARKETING, "names of senders match"),
        ("ab", "+689870000001", Kind.MARKETING, "names of senders match"),
        ("", "+33612345678", Kind.MARKETING, "names of senders match"),
    ],
)
def test_marketing_at_home_comes_from_what_carriers_take(source, destination, kind, fault):
    rule, shop = SenderRule(LAW.places), account(senders=("*",))
    m = message(1, None, source=source, destination=destination, kind=kind)
    verdict = rule.judge(m, shop, 0)
    assert fault in verdict.reason if fault else verdict is None
    if verdict is not None:
        assert (verdict.action, verdict.status) == (Action.REFUSE, 0x0A)
        assert list(rule.sift(Batch((m,), shop, 0, 0))) == [0]
    assert SenderRule().judge(m, shop, 0) is None
