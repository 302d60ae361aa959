"""Sessions end by time, by log-out, with their token, and when there are too many."""

import itertools

from gateway.listeners.http.access import Caller
from gateway.listeners.http.page import sessions
from gateway.listeners.http.page.sessions import LASTS, Sessions


class Hall:
    def __init__(self):
        self.now = 0.0
        self.in_force = {b"ops"}
        numbers = itertools.count()
        self.sessions = Sessions(
            lambda n: next(numbers).to_bytes(n, "big"), lambda: self.now, lambda proof: proof in self.in_force
        )

    def open(self):
        return self.sessions.open(Caller("ops", "operator"), b"ops")


def test_a_session_lasts_a_shift():
    hall = Hall()
    key = hall.open()
    hall.now = LASTS - 1
    assert hall.sessions.find(key).caller.name == "ops"
    hall.now = LASTS
    assert hall.sessions.find(key) is None
    assert len(hall.sessions) == 0


def test_it_ends_with_its_token():
    hall = Hall()
    key = hall.open()
    hall.in_force.clear()
    assert hall.sessions.find(key) is None


def test_it_ends_when_its_owner_leaves():
    hall = Hall()
    key, other = hall.open(), hall.open()
    hall.sessions.close(key)
    hall.sessions.close("never there")
    assert hall.sessions.find(key) is None
    assert hall.sessions.find(other) is not None


def test_too_many_end_the_oldest(monkeypatch):
    monkeypatch.setattr(sessions, "MOST", 3)
    hall = Hall()
    keys = [hall.open() for _ in range(5)]
    assert [hall.sessions.find(key) is not None for key in keys] == [False, False, True, True, True]


def test_a_form_must_be_of_the_session():
    hall = Hall()
    mine, theirs = (hall.sessions.find(hall.open()) for _ in range(2))
    assert mine.meant(mine.csrf)
    assert not mine.meant(theirs.csrf)
    assert not mine.meant("")
    assert not mine.meant("é\ud800")


def test_what_became_of_an_act_is_said_once():
    hall = Hall()
    session = hall.sessions.find(hall.open())
    session.said = True, "done"
    assert session.take_said() == (True, "done")
    assert session.take_said() is None
