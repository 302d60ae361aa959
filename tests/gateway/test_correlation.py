"""Carrier ids in memory: known for at least a minute or a generation, and then no more."""

from making import message

from gateway import correlation as module
from gateway.correlation import Correlation, is_settled
from gateway.lifecycle import Cause


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


def delivered(number):
    m = message(number, Cause.ADMIT_AT_ONCE)
    m.advance(Cause.ACCEPT)
    m.advance(Cause.DELIVER)
    return m


def test_while_anybody_is_in_doubt_nothing_is_forgotten_for_its_age(monkeypatch):
    monkeypatch.setattr(module, "GENERATION", 100)
    known = Correlation()
    known.add("orange", "1a", delivered(1), -1)
    for now in range(1000, 2000):
        known.tidy(float(now), doubts=True)
    assert known.find("orange", "1a") is not None
    for number in range(1000):
        known.add("orange", str(number), message(number), -1)
        known.tidy(2000.0, doubts=True)
    assert len(known) <= 210


def test_an_id_whose_receipt_is_repeated_stays_known():
    known, waits = Correlation(), message(2, Cause.ADMIT_AT_ONCE)
    known.add("orange", "1a", delivered(1), -1)
    known.add("orange", "2b", waits, -1)
    for now in range(1000, 1600, 50):
        known.tidy(float(now))
        assert known.find("orange", "1a") is not None
    assert known.find("orange", "2b") is None, "the store knows what still waits"
    for now in range(2000, 6000, 50):
        known.tidy(float(now))
        if now % 800 == 0:
            assert known.find("orange", "1a") is not None
    for now in range(6000, 8000, 50):
        known.tidy(float(now))
    assert known.find("orange", "1a") is None


def test_what_is_repeated_is_bounded_by_two_generations(monkeypatch):
    monkeypatch.setattr("gateway.correlation.MOST_REPEATED", 10)
    known = Correlation()
    for n in range(100):
        known.add("orange", str(n), delivered(n), -1)
        assert known.find("orange", str(n)) is not None
        known.tidy(1000.0 + n / 100)
    assert len(known._repeated) + len(known._repeated_before) <= 20


def test_what_the_last_process_had_settled_is_known_for_a_while():
    known, m = Correlation(), delivered(1)
    known.recall([(m, -1, "orange", "00AB")], 1600.0)
    known.tidy(1599.0)
    assert known.find("sfr", "ab") is None
    assert known.find("orange", "ab") == (m, -1)
    for now in range(1601, 3601, 50):
        known.tidy(float(now))
    assert known.find("orange", "ab") is None


def test_of_what_was_dropped_the_digest_stays_for_an_hour():
    known = Correlation()
    known.add("orange", "1a", delivered(1), -1)
    for now in range(1000, 1200):
        known.tidy(float(now))
    assert known.find("orange", "1a") is None
    for now in range(1200, 4600, 10):
        known.add("orange", str(now), delivered(now), -1)
        known.tidy(float(now))
        found = known.ended("orange", ["ff", "1a"])
        assert found is not None and is_settled(*found)
        assert (
            known.ended("sfr", ["1a"]) is known.ended("orange", ["1b"]) is known.ended("orange", []) is None
        )
    for now in range(4600, 5000, 10):
        known.add("orange", str(now), delivered(now), -1)
        known.tidy(float(now))
    assert known.ended("orange", ["1a"]) is None


def test_so_does_what_the_last_process_had_settled_and_what_was_repeated():
    known = Correlation()
    known.recall([(delivered(1), -1, "orange", "00AB")], 1600.0)
    known.add("orange", "1a", delivered(2), -1)
    assert known.find("orange", "1a") is not None
    for now in range(1500, 4500, 50):
        known.tidy(float(now))
    for key in ("ab", "1a"):
        assert known.find("orange", key) is None and known.ended("orange", [key]) is not None


def test_what_stays_of_the_dropped_is_bounded(monkeypatch):
    monkeypatch.setattr("gateway.correlation.GENERATION", 10)
    monkeypatch.setattr("gateway.correlation.MOST_FORGOTTEN", 100)
    known = Correlation()
    for n in range(1000):
        known.add("orange", str(n), delivered(n), -1)
        known.tidy(1000.0 + n / 1000)
        assert known.ended("orange", [str(n - 131)]) is None
        assert n < 90 or known.ended("orange", [str(n - 90)]) or known.find("orange", str(n - 90))
    assert sum(len(dropped) for _, dropped in known._forgotten) <= 800
