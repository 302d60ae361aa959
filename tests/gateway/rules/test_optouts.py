"""What an objection covers, and what a million of them cost."""

import random
import time

import pytest
from core import account
from making import message

from gateway.model import Kind
from gateway.rules.country_file import load_law
from gateway.rules.optouts import OptOuts, scope_fault

KEY = bytes(range(32))
MENTION = load_law("fr").vocabulary.mention
NUMBER = "+33612345678"


def shop(**fields):
    return account(**({"brand": "Chappe", "stop_number": "36180", "mo": ()} | fields))


def promo(text=b"Soldes", source="CHAPPE", **fields):
    return message(1, None, kind=Kind.MARKETING, payload=text, source=source, **fields)


@pytest.mark.parametrize(
    ("scope", "made", "owner", "covered"),
    [
        ("short_code:36180", promo(source="36180"), shop(stop_number="36999"), True),
        ("short_code:36180", promo(), shop(), True),  # its account's stop_number
        ("short_code:36180", promo(), shop(stop_number="36999"), False),
        ("short_code:36180", promo(b"Soldes STOP 36180"), shop(stop_number="36999"), True),
        ("short_code:36180", promo(b"Soldes STOP au 36180"), shop(stop_number="36999"), True),
        ("short_code:36180", promo(b"Soldes STOP 36181"), shop(stop_number="36999"), False),
        ("short_code:36180", promo("Soldes ☺ STOP 36180".encode("utf-16-be"), data_coding=8), shop(stop_number="36999"), True),
        ("sender:+33600000000", promo(source="+33600000000"), shop(), True),
        ("sender:+33600000000", promo(source="+33600000001"), shop(), False),
        ("account:shop", promo(), shop(), True),
        ("account:other", promo(), shop(), False),
        ("brand:Chappe", promo(), shop(), True),
        ("brand:Morse", promo(), shop(), False),
        ("global", promo(), shop(), True),
    ],
)  # fmt: skip
def test_what_a_scope_covers(scope, made, owner, covered):
    optouts = OptOuts(KEY, MENTION)
    assert optouts.add(scope, optouts.digest(NUMBER))
    assert optouts.covers(made, owner) == (scope if covered else "")
    made.destination = "+33612345679"
    assert optouts.covers(made, owner) == ""


def test_one_objection_added_twice_is_one_and_withdrawn_is_none():
    optouts = OptOuts(KEY)
    digest = optouts.digest(NUMBER)
    assert [optouts.add("account:shop", digest) for _ in range(2)] == [True, False]
    assert optouts.covers(promo(), shop()) == "account:shop"
    assert (len(optouts), optouts.has("account:shop", digest), optouts.has("global", digest)) == (
        1,
        True,
        False,
    )
    assert [optouts.remove("account:shop", digest) for _ in range(2)] == [True, False]
    assert optouts.covers(promo(), shop()) == ""


def test_a_scope_that_comes_later_is_seen_by_senders_already_known():
    optouts = OptOuts(KEY)
    optouts.add("global", optouts.digest("+33600000009"))
    assert optouts.covers(promo(), shop()) == ""
    optouts.add("brand:Chappe", optouts.digest(NUMBER))
    assert optouts.covers(promo(), shop()) == "brand:Chappe"


def test_another_key_makes_other_digests():
    assert OptOuts(KEY).digest(NUMBER) == OptOuts(KEY).digest(NUMBER) != OptOuts(bytes(32)).digest(NUMBER)


@pytest.mark.parametrize(
    "scope", ["global", "short_code:36180", "sender:+33600000000", "account:shop", "brand:La Redoute"]
)
def test_scopes(scope):
    assert scope_fault(scope) == ""


@pytest.mark.parametrize(
    "scope", ["", "36180", "short_code:+33", "sender:CHAPPE", "account:", "brand:a,b", "Global"]
)
def test_what_is_no_scope_is_told_with_what_is(scope):
    assert "short_code:36180" in scope_fault(scope)


def test_a_million_take_30_megabytes_and_no_measurable_time():
    draw = random.Random(4)
    optouts = OptOuts(KEY, MENTION)
    began = time.perf_counter()
    optouts.fill("short_code:36180", (draw.getrandbits(64) - 2**63 for _ in range(1_000_000)))
    loading = time.perf_counter() - began
    assert len(optouts) == 1_000_000
    assert optouts.octets < 30_000_000
    made, owner = promo(b"Soldes STOP 36180"), shop()
    began = time.perf_counter()
    for _ in range(20_000):
        optouts.covers(made, owner)
    each = (time.perf_counter() - began) / 20_000
    assert loading < 6.0  # 2 s are promised on an idle machine; this one may be shared
    assert each < 20e-6


def test_the_version_changes_with_all_that_may_cover_more():
    optouts = OptOuts(KEY)
    versions = [optouts.version]
    for change in (
        lambda: optouts.add("global", 7),
        lambda: optouts.fill("global", iter([8, 9])),
        lambda: optouts.review(7, 99),
    ):
        change()
        versions.append(optouts.version)
    assert len(set(versions)) == 4
    assert (len(optouts), optouts.reviews) == (3, {7: 99})


def test_numbers_that_share_a_bit_are_still_told_apart():
    optouts = OptOuts(KEY)
    covered = optouts.digest(NUMBER)
    optouts.fill("global", [covered])
    optouts._bits[:] = b"\xff" * len(optouts._bits)
    assert optouts.covers(promo(), shop()) == "global"
    assert optouts.covers(promo(destination="+33612345679"), shop()) == ""


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_changed_while_it_is_read_is_as_if_it_had_been_read_first(seed):
    """A store that is read page by page, and whose rows change meanwhile, as late as any commit."""
    draw = random.Random(seed)
    stored = {(scope, n) for scope in ("global", "account:shop") for n in range(1, 60) if draw.random() < 0.5}
    asked, model, list_ = [], set(stored), OptOuts(KEY)

    def look(scope, digest):
        asked.append((scope, digest))
        return (scope, digest) in stored

    list_.stored = look
    for scope in ("account:shop", "global"):
        for first in range(1, 60, 10):
            for _ in range(draw.randrange(8)):
                entry = (draw.choice(("account:shop", "global", "brand:New")), draw.randrange(1, 60))
                if draw.random() < 0.5:
                    assert list_.add(*entry) is (entry not in model)
                    model.add(entry)
                else:
                    assert list_.remove(*entry) is (entry in model)
                    model.discard(entry)
                assert list_.has(*entry) is (entry in model)
            list_.fill(scope, [n for n in range(first, first + 10) if (scope, n) in stored])
    list_.stored = None
    assert len(asked) == len(set(asked)), "once each: what the store says later is older"
    assert len(list_) == len(model)
    assert {
        (s, n) for s in ("account:shop", "global", "brand:New") for n in range(1, 60) if list_.has(s, n)
    } == model
