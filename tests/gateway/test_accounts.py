import asyncio
import random
import threading

import pytest

from gateway import accounts as module
from gateway import secrets
from gateway.accounts import Account, Accounts, Refusal
from gateway.config.sections import AccountSettings, OnDoubt
from gateway.model import Kind

HERE, THERE = "127.0.0.1", "192.0.2.7"
HASH = secrets.hash_password(b"hashed08", random.Random(3).randbytes)


def settings(name: str, **keys) -> AccountSettings:
    return AccountSettings(
        **({"name": name, "default_kind": "otp", "networks": ("127.0.0.0/8", "::1/128")} | keys)
    )


@pytest.fixture
def accounts():
    made = Accounts(
        {
            "shop": settings("shop", password="secret08", max_binds=2),
            "hashed": settings("hashed", password_hash=HASH, networks=("0.0.0.0/0",)),
            "empty": settings("empty"),
            "other": settings("other", system_id="ANOTHER", password="x"),
        },
        random.Random(1).randbytes,
    )
    yield made
    made.close()


@pytest.mark.parametrize(
    ("system_id", "password", "address", "outcome"),
    [
        ("shop", b"secret08", HERE, "shop"),
        ("shop", b"secret08", "::1", "shop"),
        ("shop", b"secret08", "::ffff:127.0.0.9", "shop"),
        ("hashed", b"hashed08", THERE, "hashed"),
        ("ANOTHER", b"x", HERE, "other"),
        ("other", b"x", HERE, "unknown"),
        ("shop", b"wrong", HERE, "password"),
        ("shop", b"", HERE, "password"),
        ("shop", b"\xff\x00", HERE, "password"),
        ("hashed", b"wrong", HERE, "password"),
        ("Shop", b"secret08", HERE, "unknown"),
        ("", b"", HERE, "unknown"),
        ("shop", b"secret08", THERE, "network"),
        ("shop", b"secret08", "not an address", "network"),
        ("empty", b"", HERE, "no_secret"),
    ],
)
def test_who_comes_in(accounts, system_id, password, address, outcome):
    for answer in (
        accounts.authenticate(system_id, password, address, 0.0),
        asyncio.run(accounts.verify(system_id, password, address, lambda: 0.0)),
    ):
        assert (answer.name if isinstance(answer, Account) else answer.reason) == outcome


def test_binds_are_counted(accounts):
    shop = accounts.get("shop")
    shop.bound = 2
    assert accounts.authenticate("shop", b"secret08", HERE, 0.0).reason == "too_many_binds"
    shop.bound = 1
    assert accounts.authenticate("shop", b"secret08", HERE, 0.0) is shop


# ── the cost of a hash ──────────────────────────────────────────────────────────────────────────────────
def test_a_verified_hash_is_computed_once(accounts, monkeypatch):
    assert accounts.check_quick("hashed", b"hashed08", HERE, 0.0) is None
    hashed = accounts.authenticate("hashed", b"hashed08", HERE, 0.0)
    assert accounts.check_quick("hashed", b"hashed08", HERE, 0.0) is hashed
    monkeypatch.setattr(secrets, "verify", lambda *_: pytest.fail("computed again"))
    assert asyncio.run(accounts.verify("hashed", b"hashed08", HERE, lambda: 0.0)) is hashed
    assert accounts.check_quick("hashed", b"hashed09", HERE, 0.0) is None


def test_an_unknown_name_costs_as_much_as_a_known_one(accounts, monkeypatch):
    assert accounts.check_quick("nobody", b"x", HERE, 0.0) is None
    seen = []
    monkeypatch.setattr(secrets, "verify", lambda password, hashed: seen.append(hashed) or False)
    accounts.authenticate("nobody", b"x", HERE, 0.0)
    accounts.authenticate("hashed", b"x", HERE, 0.0)
    assert len(seen) == 2
    assert all(secrets.is_hash(hashed) for hashed in seen)


def test_the_decoy_opens_nothing(accounts, monkeypatch):
    monkeypatch.setattr(secrets, "verify", lambda *_: True)
    assert accounts.authenticate("nobody", b"x", HERE, 0.0).reason == "unknown"


def test_scrypt_runs_in_its_own_thread(accounts, monkeypatch):
    threads = []
    monkeypatch.setattr(secrets, "verify", lambda *_: threads.append(threading.current_thread()) or True)
    asyncio.run(accounts.verify("hashed", b"hashed08", HERE, lambda: 0.0))
    assert [thread.name.split("_")[0] for thread in threads] == ["scrypt"]


def test_a_hash_that_changed_meanwhile_opens_nothing(accounts, monkeypatch):
    def reload(*_):
        accounts.apply(
            {"hashed": settings("hashed", password_hash=HASH.replace("scrypt:ln=13", "scrypt:ln=12"))}
        )
        return True

    monkeypatch.setattr(secrets, "verify", reload)
    assert accounts.authenticate("hashed", b"hashed08", HERE, 0.0).reason == "password"


# ── guessing ────────────────────────────────────────────────────────────────────────────────────────────
def test_guesses_cost_more_and_more_then_lock():
    accounts = Accounts({"shop": settings("shop", password="secret08")}, random.Random(1).randbytes)
    now, waits = 0.0, []
    for _ in range(12):
        refusal = accounts.authenticate("shop", b"guess", HERE, now)
        assert refusal.reason == "password"
        waits.append(refusal.retry_after)
        now += refusal.retry_after
    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16, 30, 300, 300]
    accounts.close()


def guess(accounts, name: str, address: str, times: int, now: float = 0.0) -> None:
    for _ in range(times):
        refusal = accounts.authenticate(name, b"guess", address, now)
        now += refusal.retry_after


def test_while_one_waits_even_the_right_password_is_refused_unseen(accounts):
    guess(accounts, "shop", HERE, 5)
    refused = accounts.authenticate("shop", b"secret08", HERE, 0.5)
    assert (refused.reason, refused.retry_after) == ("slowed", 0.5)
    assert isinstance(accounts.authenticate("shop", b"secret08", HERE, 1.0), Account)


def test_a_lock_out_says_so_and_ends(accounts):
    guess(accounts, "shop", HERE, 11)
    assert accounts.authenticate("shop", b"secret08", HERE, 61.0).reason == "locked_out"
    assert list(accounts.guessing(61.0)) == [(HERE, "shop", 11, 300.0)]
    assert isinstance(accounts.authenticate("shop", b"secret08", HERE, 361.0), Account)
    assert list(accounts.guessing(361.0)) == []


def test_strangers_lock_out_neither_another_address_nor_another_account(accounts):
    guess(accounts, "shop", HERE, 11)
    assert isinstance(accounts.authenticate("shop", b"secret08", "127.0.0.2", 61.0), Account)
    assert isinstance(accounts.authenticate("ANOTHER", b"x", HERE, 61.0), Account)


def test_one_success_wipes_the_slate(accounts):
    guess(accounts, "shop", HERE, 4)
    assert isinstance(accounts.authenticate("shop", b"secret08", HERE, 0.0), Account)
    guess(accounts, "shop", HERE, 4)
    assert isinstance(accounts.authenticate("shop", b"secret08", HERE, 0.0), Account)


def test_failures_are_forgotten_after_an_hour(accounts):
    guess(accounts, "shop", HERE, 4)
    assert accounts.authenticate("shop", b"guess", HERE, 3601.0).retry_after == 0.0


def test_made_up_names_from_one_address_are_one_guesser(accounts):
    for number in range(4):
        accounts.authenticate(f"name{number}", b"x", HERE, 0.0)
    assert accounts.authenticate("name4", b"x", HERE, 0.0).retry_after == 1.0


def test_memory_is_bounded_and_the_newest_guesser_is_kept(accounts, monkeypatch):
    monkeypatch.setattr(module, "MOST_GUESSERS", 100)
    for number in range(300):
        accounts.authenticate("shop", b"x", f"127.0.{number // 250}.{number % 250}", 0.0)
    assert len(accounts._guessers) == 100
    assert ("127.0.1.49", "shop") in accounts._guessers


def test_strangers_outside_the_networks_are_not_even_counted(accounts):
    for _ in range(20):
        assert accounts.authenticate("shop", b"x", THERE, 0.0).reason == "network"
    assert not accounts._guessers


# ── what the rest of the gateway reads ──────────────────────────────────────────────────────────────────
def test_an_account_by_kind():
    account = Account(
        settings("shop", kinds=("otp", "alert"), on_doubt=OnDoubt(alert="stop"), senders=("A", "36180"))
    )
    assert account.kinds == {Kind.OTP, Kind.ALERT}
    assert account.default_kind is Kind.OTP
    assert account.validity[Kind.TRANSACTIONAL] == 172_800.0
    assert (account.on_doubt[Kind.ALERT], account.on_doubt[Kind.MARKETING]) == ("stop", "wait")
    assert account.default_sender == "A"
    assert [account.may_send_from(sender) for sender in ("A", "36180", "B", "")] == [True, True, False, False]


def test_all_senders_or_none():
    assert Account(settings("a", senders=("*",))).may_send_from("anything")
    assert not Account(settings("a")).may_send_from("anything")


def test_a_reload_changes_accounts_in_place(accounts):
    shop, other = accounts.get("shop"), accounts.get("other")
    shop.bound = 1
    accounts.apply(
        {"shop": settings("shop", password="new", rate=5.0), "late": settings("late", password="l")}
    )
    assert accounts.get("shop") is shop
    assert (shop.bound, shop.rate, shop.removed, other.removed) == (1, 5.0, False, True)
    assert accounts.authenticate("shop", b"new", HERE, 0.0) is shop
    assert accounts.authenticate("ANOTHER", b"x", HERE, 0.0).reason == "unknown"
    assert [account.name for account in accounts] == ["shop", "late"]


def test_a_new_hash_needs_a_new_proof(accounts):
    accounts.authenticate("hashed", b"hashed08", HERE, 0.0)
    new = secrets.hash_password(b"another8", random.Random(4).randbytes)
    accounts.apply({"hashed": settings("hashed", password_hash=new)})
    assert accounts.authenticate("hashed", b"hashed08", HERE, 0.0).reason == "password"
    assert isinstance(accounts.authenticate("hashed", b"another8", HERE, 0.0), Account)


def test_repr_shows_no_secret(accounts):
    assert repr(accounts.get("shop")) == "Account('shop')"
    assert repr(Refusal("password")) == "Refusal('password')"
