"""Tokens: whose they are, how often they may come, and those who guess. With a clock of our own."""

import os

import pytest
from core import account

from gateway.accounts import Accounts
from gateway.listeners.http.access import LOCKED, Access, Caller, _Key, is_loopback
from gateway.listeners.http.problem import Problem

HERE, THERE = "127.0.0.1", "10.0.0.9"


class Door:
    def __init__(self, **fields):
        self.now = 100.0
        self.said = []
        self.accounts = Accounts({}, os.urandom)
        self.accounts._by_name = {"shop": account(**fields)}
        self.access = Access(
            self.accounts, os.urandom, lambda: self.now, lambda *words: self.said.append(words)
        )
        self.access.apply(
            {"t-shop": _Key("shop", ""), "t-eye": _Key("eye", "viewer"), "t-root": _Key("root", "admin")}
        )

    def sort(self, token, address=HERE):
        """How it is refused, "" when it is not."""
        try:
            self.access.identify(token, address)
        except Problem as problem:
            return problem.sort
        return ""


@pytest.fixture
def at_the_door():
    made = []

    def make(**fields):
        made.append(Door(**fields))
        return made[-1]

    yield make
    for door in made:
        door.accounts.close()


def test_roles_are_in_order():
    viewer, operator, admin, shop = (Caller("x", role) for role in ("viewer", "operator", "admin", ""))
    assert [viewer.may(role) for role in ("viewer", "operator", "admin")] == [True, False, False]
    assert [operator.may(role) for role in ("viewer", "operator", "admin")] == [True, True, False]
    assert [admin.may(role) for role in ("viewer", "operator", "admin")] == [True, True, True]
    assert not shop.may("viewer")


def test_whose_token_it_is(at_the_door):
    door = at_the_door()
    shop, eye = door.access.identify("t-shop", HERE), door.access.identify("t-eye", THERE)
    assert (shop.account.name, shop.role, shop.who) == ("shop", "", "http account shop")
    assert (eye.account, eye.role, eye.who) == (None, "viewer", "http eye")


@pytest.mark.parametrize("token", ["", "t-sho", "t-shop ", "T-SHOP", "é", "\ud800", "t-shop\0"])
def test_tokens_of_nobody(at_the_door, token):
    assert at_the_door().sort(token) == "unauthorized"


def test_no_token_is_kept(at_the_door):
    door = at_the_door()
    assert b"t-shop" not in repr(vars(door.access)).encode()


def test_an_account_comes_from_its_networks_only(at_the_door):
    door = at_the_door(networks=("10.0.0.0/8",))
    assert door.sort("t-shop", "127.0.0.1") == "unauthorized"
    assert door.sort("t-shop", "10.1.2.3") == ""
    assert "shop may not come from there" in door.said[0][2]


def test_guessing_costs_the_address_and_not_those_who_know(at_the_door):
    door = at_the_door()
    assert door.sort("t-eye") == ""
    assert [door.sort(f"guess {n}") for n in range(12)] == ["unauthorized"] * 10 + ["throttled"] * 2
    assert door.sort("t-root") == "throttled", "unseen, whether right or wrong"
    assert door.sort("t-eye") == ""
    assert door.sort("t-root", THERE) == ""
    door.now += LOCKED + 1
    assert door.sort("t-root") == ""


def test_a_right_token_forgives_what_came_before_it(at_the_door):
    door = at_the_door()
    for _ in range(5):
        assert [door.sort("guess") for _ in range(9)] == ["unauthorized"] * 9
        assert door.sort("t-eye") == ""


def test_many_addresses_cost_bounded_memory(at_the_door, monkeypatch):
    monkeypatch.setattr("gateway.listeners.http.access.MOST", 100)
    door = at_the_door()
    for n in range(500):
        door.sort("guess", f"10.0.{n // 250}.{n % 250}")
        door.sort("t-eye", f"10.1.{n // 250}.{n % 250}")
        door.now += 0.1
    assert len(door.access._guessers) <= 100
    assert len(door.access._proven) <= 100


def test_who_has_come_lately_is_not_forgotten_for_those_who_came_once(at_the_door, monkeypatch):
    monkeypatch.setattr("gateway.listeners.http.access.MOST", 100)
    door = at_the_door()
    for n in range(300):
        door.sort("t-eye", f"10.1.{n // 250}.{n % 250}")
        door.sort("t-shop")
        door.now += 0.1
    for address in (HERE, "10.1.1.49", "10.1.0.1"):
        for n in range(10):
            door.sort(f"guess {n}", address)
    assert door.sort("t-shop") == ""
    assert door.sort("t-eye", "10.1.1.49") == "", "the newest took the place of an old one"
    assert door.sort("t-eye", "10.1.0.1") == "throttled"


def test_how_often(at_the_door):
    door = at_the_door(rate=3)
    assert [door.sort("t-shop") for _ in range(51)] == [""] * 50 + ["throttled"]
    assert door.sort("t-eye") == "", "each token has its own second"
    door.now += 1.01
    assert door.sort("t-shop") == ""


def test_a_fast_account_may_ask_as_fast(at_the_door):
    door = at_the_door(rate=200)
    assert [door.sort("t-shop") for _ in range(201)] == [""] * 200 + ["throttled"]


def test_a_token_that_is_gone_opens_nothing(at_the_door):
    door = at_the_door()
    assert door.sort("t-eye") == ""
    door.access.apply({"t-new": _Key("eye", "viewer")})
    assert (door.sort("t-eye"), door.sort("t-new")) == ("unauthorized", "")


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("::1", True), ("[::1]", True), ("localhost", True), ("10.0.0.1", False),
     ("evil.example", False), ("localhost.evil.example", False), ("", False)],
)  # fmt: skip
def test_what_is_this_machine(host, here):
    assert is_loopback(host) is here
