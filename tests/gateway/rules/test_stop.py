"""The rule: marketing alone is refused, says why, and waits out a doubtful reply."""

import pytest
from core import account
from making import NOW, message

from gateway import answers
from gateway.lifecycle import Cause
from gateway.model import Kind
from gateway.rules import RULES, Rulebook
from gateway.rules.optouts import OptOuts
from gateway.rules.rule import Action
from gateway.rules.stop import StopRule

NUMBER = "+33612345678"
DAY = 86_400_000


def listed(scope="account:shop"):
    optouts = OptOuts(bytes(32))
    optouts.add(scope, optouts.digest(NUMBER))
    return optouts


def promo(**fields):
    return message(1, None, kind=Kind.MARKETING, **fields)


def test_marketing_is_refused_with_its_scope():
    verdict = StopRule(listed()).judge(promo(), account(), NOW)
    assert (verdict.rule, verdict.action, verdict.status) == ("stop", Action.REFUSE, answers.OPTED_OUT)
    assert verdict.reason == "the recipient has opted out (account:shop)"
    assert NUMBER not in verdict.reason


@pytest.mark.parametrize("kind", [Kind.OTP, Kind.ALERT, Kind.TRANSACTIONAL])
def test_nothing_else_is(kind):
    assert StopRule(listed("global")).judge(message(1, None, kind=kind), account(), NOW) is None


def test_it_is_asked_again_before_the_wire_and_only_about_marketing():
    optouts = OptOuts(bytes(32))
    book = Rulebook([StopRule(optouts)], {"shop": account()}.get)
    both = [promo(), message(2, None)]
    assert book.recheck(both, NOW) == {}
    optouts.add("account:shop", optouts.digest(NUMBER))
    assert book.recheck(both, NOW) == {
        1: (Cause.REFUSE, 0, answers.OPTED_OUT, "stop: the recipient has opted out (account:shop)")
    }
    assert RULES["stop"] is StopRule


@pytest.mark.parametrize(
    ("expires", "action", "status"),
    [
        (NOW + 8 * DAY, Action.POSTPONE, 0),
        (0, Action.POSTPONE, 0),
        (NOW + 2 * DAY, Action.REFUSE, answers.WOULD_EXPIRE),
    ],
)
def test_a_doubtful_reply_postpones_or_refuses_what_would_expire(expires, action, status):
    optouts = OptOuts(bytes(32))
    optouts.reviews[optouts.digest(NUMBER)] = NOW + 7 * DAY
    verdict = StopRule(optouts).judge(promo(expires=expires), account(), NOW)
    assert (verdict.action, verdict.status) == (action, status)
    assert verdict.until == (NOW + 7 * DAY if action is Action.POSTPONE else 0)
    assert StopRule(optouts).judge(promo(expires=expires), account(), NOW + 7 * DAY) is None
