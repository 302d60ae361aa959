"""Marketing is refused for a moment while what its rules must know is unread; other kinds never are."""

from core import account
from making import message

from gateway import answers
from gateway.model import Kind
from gateway.rules import Rulebook
from gateway.rules.reading import ReadingRule
from gateway.rules.rule import Action

ACCOUNT = account()


def book(unread):
    return Rulebook([ReadingRule(lambda: unread)], lambda _: ACCOUNT)


def test_only_marketing_and_only_while_something_is_unread():
    for kind in Kind:
        assert book("").judge(message(1, kind=kind), ACCOUNT, 0) is None
        verdict = book("opt-outs").judge(message(1, kind=kind), ACCOUNT, 0)
        assert (verdict is not None) == (kind is Kind.MARKETING)
    assert (verdict.action, verdict.status) == (Action.REFUSE, answers.THROTTLED)
    assert "opt-outs" in verdict.reason and "in a moment" in verdict.reason


def test_a_batch_is_asked_about_its_marketing_only():
    batch = [message(n, kind=kind) for n, kind in enumerate((Kind.OTP, Kind.MARKETING, Kind.OTP), 1)]
    docket = book("opt-outs").docket(batch, [1, 2, 3], ACCOUNT, 0, [])
    assert list(docket.asked) == [1]
    assert book("").docket(batch, [1, 2, 3], ACCOUNT, 0, []).asked == {}


def test_what_waits_is_not_asked_about():
    assert book("opt-outs").recheck([message(1, kind=Kind.MARKETING)], 0) == {}
