"""Digests: the same for one number and for a batch, keyed, signed, never 0."""

from making import message

from gateway.rules.digests import Digests

NUMBERS = [f"+336000000{n:02}" for n in range(50)]


def test_of_a_batch_they_are_those_of_its_recipients():
    digests, alone = Digests(b"k" * 32), Digests(b"k" * 32)
    for numbers in (NUMBERS, NUMBERS[10:20]):
        assert digests.of(tuple(message(1, destination=each) for each in numbers)) == [*map(alone, numbers)]


def test_the_key_makes_them_and_they_fit_the_store():
    one, other = Digests(b"k" * 32), Digests(b"l" * 32)
    assert {*map(one, NUMBERS)}.isdisjoint(map(other, NUMBERS))
    assert all(-(2**63) <= one(each) < 2**63 and one(each) for each in NUMBERS)
    assert any(one(each) < 0 for each in NUMBERS)


def test_what_was_asked_just_before_is_not_mixed_up():
    digests = Digests(bytes(32))
    first, second = digests(NUMBERS[0]), digests(NUMBERS[1])
    assert first != second
    assert (digests(NUMBERS[0]), digests(NUMBERS[1])) == (first, second)
