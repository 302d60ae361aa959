"""Messages that were perhaps sent: resend, stop, or wait for a receipt that tells."""

from collections import Counter

import pytest
from making import message

from gateway.doubts import LEFT, WAIT, Doubts
from gateway.lifecycle import Cause
from gateway.model import Kind


@pytest.fixture
def doubts():
    rules = {("shop", Kind.OTP): "resend", ("shop", Kind.MARKETING): "stop"}
    return Doubts(lambda account, kind: rules.get((account, kind), "wait"))


def doubtful(number, destination="+33612345678", bearer="orange", **fields):
    return message(number, Cause.ADMIT_AT_ONCE, destination=destination, bearer=bearer, **fields)


def test_the_account_says_what_to_do_by_kind(doubts):
    kinds = [Kind.OTP, Kind.OTP, Kind.MARKETING, Kind.ALERT]
    actions = Counter(doubts.action(doubtful(n, kind=kind)) for n, kind in enumerate(kinds))
    assert actions == {"resend": 2, "stop": 1, "wait": 1}
    assert (doubts.resent, doubts.stopped) == (2, 1)


def test_a_receipt_from_that_bearer_for_that_number_claims_it_until_it_is_settled(doubts):
    m = doubtful(1)
    doubts.wait(m, 0.0)
    assert doubts.claim("sfr", m.destination) is None
    assert doubts.claim("orange", "+33600000000") is None
    assert doubts.claim("orange", "") is None
    assert doubts.claim("orange", m.destination) is m
    assert doubts.claim("orange", m.destination) is m  # its next part, or the last word after a notice
    assert doubts.get(1) is m
    m.advance(Cause.DELIVER)
    assert doubts.claim("orange", m.destination) is None
    assert doubts.get(1) is None
    assert len(doubts) == 0


def test_two_for_one_number_are_not_guessed(doubts):
    one, two = doubtful(1), doubtful(2)
    doubts.wait(one, 0.0)
    doubts.wait(two, 1.0)
    assert doubts.claim("orange", one.destination) is None
    doubts.settled(one)
    doubts.settled(one)
    assert doubts.claim("orange", one.destination) is two


def test_the_wait_is_over_once(doubts):
    one, two = doubtful(1), doubtful(2, "+33699999999")
    doubts.wait(one, 0.0)
    doubts.wait(two, 5.0)
    assert doubts.over(WAIT - 0.1) == []
    assert [doubts.patience(number, 105.0) for number in (1, 2, 3)] == [WAIT - 105, WAIT - 100, 0.0]
    told = doubtful(3)
    doubts.wait(told, 0.0)
    told.advance(Cause.ACCEPT)
    assert doubts.over(WAIT) == [one]
    assert doubts.over(WAIT + 5) == [two]
    assert doubts.over(WAIT * 9) == []
    assert (len(doubts), doubts.stopped) == (0, 2)
    assert doubts._by_number == {}


def test_waiting_anew_is_one_wait(doubts):
    m = doubtful(1)
    doubts.wait(m, 0.0)
    doubts.wait(m, 100.0)
    assert doubts.over(WAIT) == []
    assert doubts.claim("orange", m.destination) is m
    doubts.settled(m)
    assert doubts._by_number == {}


def test_who_was_left_is_remembered_for_an_hour(doubts):
    left, m = doubtful(1), doubtful(2)
    doubts.leave(left, 0.0)
    doubts.leave(left, 100.0)  # in doubt again
    doubts.wait(m, LEFT + 99.0)
    assert doubts.over(LEFT + 99.0) == []
    assert doubts.claim("orange", m.destination) is None
    assert doubts.alone("orange", m.destination, (1, 2))
    assert doubts.over(LEFT + 100.0) == []
    assert doubts.claim("orange", m.destination) is m
    assert (doubts._left, len(doubts._left_at)) == ({}, 0)


def test_what_is_on_the_wire_to_that_number_may_be_meant_too(doubts):
    m = doubtful(1)
    doubts.wait(m, 0.0)
    doubts.on_wire = lambda bearer, number: (bearer, number) == ("orange", m.destination)
    assert doubts.claim("orange", m.destination) is None
    doubts.on_wire = lambda bearer, number: False
    assert doubts.claim("orange", "0612345678") is m
