"""Carrier ids in memory: known for at least a minute or a generation, and then no more."""

from making import message

from gateway import correlation as module
from gateway.correlation import Correlation


def test_ids_belong_to_their_bearer_and_tell_the_part():
    known, one, two = Correlation(), message(1), message(2)
    known.add("orange", "1a", one, -1)
    known.add("sfr", "1a", two, 3)
    assert known.find("orange", "1a") == (one, -1)
    assert known.find("sfr", "1a") == (two, 3)
    assert known.find("sfr", "1b") is known.find("free", "1a") is None
    assert len(known) == 2


def test_an_id_given_again_means_the_newer_message():
    known, one, two = Correlation(), message(1), message(2)
    known.add("orange", "1a", one, -1)
    known.tidy(100.0)
    known.add("orange", "1a", two, -1)
    assert known.find("orange", "1a") == (two, -1)


def test_the_object_of_a_stored_message():
    known, one = Correlation(), message(1)
    known.add("orange", "ab12", one, -1)
    assert known.known("orange", "00AB12", 1) is one
    assert known.known("orange", "00AB12", 2) is None
    assert known.known("orange", "77", 1) is None


def test_it_forgets_after_two_minutes_and_not_before_one():
    known = Correlation()
    for now in range(1000, 1400):
        known.add("orange", str(now), message(now), -1)
        known.tidy(float(now))
        for age in range(60):
            assert now - age < 1000 or known.find("orange", str(now - age)) is not None
        assert known.find("orange", str(now - 125)) is None
    known.tidy(1500.0)
    known.tidy(1561.0)
    known.tidy(1622.0)
    assert len(known) == 0


def test_it_is_bounded_by_two_generations(monkeypatch):
    monkeypatch.setattr(module, "GENERATION", 100)
    known, most = Correlation(), 0
    for number in range(2000):
        known.add("orange", str(number), message(number), -1)
        if number % 10 == 9:
            known.tidy(1000.0 + number / 1000)
        most = max(most, len(known))
        for age in (0, 99):
            assert number - age < 0 or known.find("orange", str(number - age)) is not None
    assert most <= 210
