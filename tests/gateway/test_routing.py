"""Which bearers may carry a message, and from when on a lower tier may."""

import pytest

from gateway.model import Kind
from gateway.routing import Health, Route, Router

FRANCE = Route("france", [["orange", "sfr"], ["modem"]], to=["+33", "+262"], fallback_after=30)
CODES = Route("codes", [["orange"]], kinds={Kind.OTP}, accounts={"bank"}, senders={"36180"})
WORLD = Route("world", [["hub"]])
ROUTER = Router([CODES, FRANCE, WORLD])


def health(**bearers):
    """name=(up, since) or name=(up, since, kinds)."""
    made = {}
    for name, (up, since, *kinds) in bearers.items():
        made[name] = Health(kinds[0] if kinds else Kind, since)
        made[name].up = up
        made[name].reason = "up" if up else "link.down"
    return made


@pytest.mark.parametrize(
    ("account", "kind", "source", "destination", "route"),
    [
        ("shop", Kind.ALERT, "CHAPPE", "+33612345678", "france"),
        ("shop", Kind.ALERT, "CHAPPE", "+262692123456", "france"),
        ("shop", Kind.ALERT, "CHAPPE", "+3", "world"),
        ("bank", Kind.OTP, "36180", "+33612345678", "codes"),
        ("bank", Kind.OTP, "CHAPPE", "+33612345678", "france"),
        ("bank", Kind.ALERT, "36180", "+491701234567", "world"),
        ("shop", Kind.OTP, "36180", "+491701234567", "world"),
    ],
)
def test_the_first_route_that_matches_wins(account, kind, source, destination, route):
    assert ROUTER.match(account, kind, source, destination).name == route


def test_no_route_is_an_answer_too():
    assert Router([FRANCE]).match("shop", Kind.OTP, "CHAPPE", "+49170") is None
    assert Router([]).match("shop", Kind.OTP, "CHAPPE", "+49170") is None
    assert (ROUTER.get("world"), ROUTER.get("moon")) == (WORLD, None)
    assert FRANCE.bearers == ("orange", "sfr", "modem")


@pytest.mark.parametrize(
    ("bearers", "now", "chosen", "retry_at"),
    [
        # all well: the best tier, all of it
        ({"orange": (True, 0), "sfr": (True, 0), "modem": (True, 0)}, 100, ("orange", "sfr"), 0),
        # one of the best tier is enough, however long the other has been down
        ({"orange": (False, 0), "sfr": (True, 0), "modem": (True, 0)}, 100, ("sfr",), 0),
        # the best tier has just gone: wait for it, counted from the one that went last
        ({"orange": (False, 0), "sfr": (False, 90), "modem": (True, 0)}, 100, (), 120),
        ({"orange": (False, 0), "sfr": (False, 90), "modem": (True, 0)}, 119.9, (), 120),
        ({"orange": (False, 0), "sfr": (False, 90), "modem": (True, 0)}, 120, ("modem",), 0),
        # the last tier is not waited for: there is nothing behind it
        ({"orange": (False, 0), "sfr": (False, 0), "modem": (False, 99)}, 100, (), 0),
        # a tier that cannot carry the kind is passed at once
        ({"orange": (True, 0, ()), "sfr": (False, 99, ()), "modem": (True, 0)}, 100, ("modem",), 0),
        # bearers that are not there (removed by a reload) count for nothing
        ({"modem": (True, 0)}, 100, ("modem",), 0),
        ({}, 100, (), 0),
    ],
)
def test_a_lower_tier_serves_only_when_the_better_ones_have_been_down(bearers, now, chosen, retry_at):
    choice = ROUTER.choose(FRANCE, Kind.OTP, health(**bearers), now)
    assert (choice.bearers, choice.retry_at) == (chosen, retry_at)
    assert choice.why


def test_a_disabled_bearer_is_not_chosen():
    state = health(orange=(True, 0), sfr=(True, 0), modem=(True, 0))
    state["orange"].enabled = False
    assert ROUTER.choose(FRANCE, Kind.OTP, state, 100).bearers == ("sfr",)


def test_the_reasons_can_be_read():
    state = health(orange=(False, 90), sfr=(False, 0), modem=(True, 0))
    assert ROUTER.choose(FRANCE, Kind.OTP, state, 100).why == (
        "orange link.down, sfr link.down: the next tier is used 30 s after it went down"
    )
    assert ROUTER.choose(FRANCE, Kind.OTP, state, 130).why == (
        "tier 1 is down: orange link.down, sfr link.down; tier 2: modem"
    )
    state["modem"].kinds = frozenset({Kind.ALERT})
    assert "tier 2 (modem) carries no such kind" in ROUTER.choose(FRANCE, Kind.OTP, state, 130).why


# ── a bearer that is open and takes nothing ──────────────────────────────────────────────────────────────────
def sick(name, since, at, state):
    for message in range(3):
        state[name].trouble(message, "system error", since if message < 2 else at)
    return state


def test_sick_counts_like_down_after_fallback_after():
    state = sick("orange", 90, 101, health(orange=(True, 0), sfr=(False, 0), modem=(True, 0)))
    assert state["orange"].sick == "system error"
    assert ROUTER.choose(FRANCE, Kind.OTP, state, 110).bearers == ("orange",)
    choice = ROUTER.choose(FRANCE, Kind.OTP, state, 121)
    assert (choice.bearers, choice.tier) == (("modem",), 1)
    assert "orange is sick: system error" in choice.why
    choice = ROUTER.choose(FRANCE, Kind.OTP, state, 131)
    assert (choice.bearers, choice.tier) == (("orange", "modem"), 1), "30 s later it is tried again"
    assert state["orange"].fine(150)
    assert ROUTER.choose(FRANCE, Kind.OTP, state, 121).bearers == ("orange",)


def test_a_sick_tier_is_better_than_none():
    state = sick("orange", 90, 101, health(orange=(True, 0), sfr=(False, 0), modem=(False, 0)))
    choice = ROUTER.choose(FRANCE, Kind.OTP, state, 121)
    assert (choice.bearers, choice.tier) == (("orange",), 0)
    assert "no other being better" in choice.why


def test_trouble_for_less_than_ten_seconds_or_three_messages_is_no_sickness():
    one = Health(Kind, 0)
    assert [one.trouble(1, "why", at) for at in (0, 20, 40)] == [False] * 3
    three = Health(Kind, 0)
    three.moved(True, "bound", 0)
    assert [three.trouble(n, "why", n) for n in range(4)] == [False] * 4
    assert three.trouble(5, "why", 10)
    assert not three.trouble(6, "why", 11), "told once"
    three.moved(False, "link.lost", 12)
    assert not three.sick


def test_a_relapse_is_left_without_a_second_patience():
    state = sick("orange", 90, 101, health(orange=(True, 0), sfr=(False, 0), modem=(True, 0)))
    assert state["orange"].fine(131), "the probe went well"
    state["orange"].fine(132)
    sick("orange", 140, 149, state)
    assert not state["orange"].sick, "not every error is a relapse: ten seconds with nothing accepted"
    state["orange"].trouble(4, "system error", 150)
    assert ROUTER.choose(FRANCE, Kind.OTP, state, 151).bearers == ("modem",)
    state["orange"].fine(200)
    sick("orange", 500, 511, state)
    assert state["orange"].sick_since == 500, "minutes later it is another trouble"
    assert ROUTER.choose(FRANCE, Kind.OTP, state, 512).bearers == ("orange",)


def test_a_sick_bearer_is_tried_again_beside_a_well_one_of_its_own_tier():
    state = sick("orange", 90, 101, health(orange=(True, 0), sfr=(True, 0), modem=(True, 0)))
    assert ROUTER.choose(FRANCE, Kind.OTP, state, 121).bearers == ("sfr",)
    assert ROUTER.choose(FRANCE, Kind.OTP, state, 131).bearers == ("orange", "sfr")
    state["orange"].trouble(9, "system error", 132)
    assert ROUTER.choose(FRANCE, Kind.OTP, state, 133).bearers == ("sfr",)


def test_when_all_are_sick_the_lower_tier_is_tried_again_too():
    state = health(orange=(True, 0), sfr=(False, 0), modem=(True, 0))
    sick("modem", 90, 101, sick("orange", 90, 101, state))
    assert ROUTER.choose(FRANCE, Kind.OTP, state, 121).bearers == ("orange",)
    choice = ROUTER.choose(FRANCE, Kind.OTP, state, 131)
    assert (choice.bearers, choice.tier) == (("modem", "orange"), 0)
    state["modem"].fine(150)
    assert ROUTER.choose(FRANCE, Kind.OTP, state, 132).bearers == ("orange", "modem")


def test_a_link_that_opens_for_a_moment_now_and_then_is_one_outage():
    state = health(orange=(True, 0), sfr=(False, 0), modem=(True, 0))
    orange = state["orange"]
    orange.moved(False, "link.lost", 100)
    for at in (109, 118, 127):
        orange.moved(True, "bound", at)
        orange.moved(False, "link.lost", at + 2)
    assert ROUTER.choose(FRANCE, Kind.OTP, state, 129.9).bearers == ()
    assert ROUTER.choose(FRANCE, Kind.OTP, state, 130).bearers == ("modem",)
    orange.moved(True, "bound", 200)
    orange.moved(False, "link.lost", 210)
    assert orange.down_since == 210, "it had settled"


def test_what_is_bound_anew_while_a_lower_tier_stands_in_is_not_waited_for_again():
    state = health(orange=(False, 0), sfr=(False, 0), modem=(True, 0))
    state["orange"].replaced.add(("france", Kind.OTP))
    fresh = Health(Kind, 100)
    fresh.goes_on_from(state["orange"])
    state["orange"] = fresh
    assert ROUTER.choose(FRANCE, Kind.OTP, state, 100).bearers == ("modem",)
    fresh.moved(True, "bound", 101)
    assert ROUTER.choose(FRANCE, Kind.OTP, state, 105).bearers == ("modem",)
    assert ROUTER.choose(FRANCE, Kind.OTP, state, 111).bearers == ("orange",)


# ── the way back ─────────────────────────────────────────────────────────────────────────────────────────────
def test_a_tier_that_was_replaced_must_settle_before_it_is_used_again():
    state = health(orange=(False, 0), sfr=(False, 0), modem=(True, 0))
    assert ROUTER.choose(FRANCE, Kind.OTP, state, 99).instead_of == ("orange", "sfr")
    state["orange"].replaced.add(("france", Kind.OTP))
    state["orange"].moved(True, "bound", 100)
    assert ROUTER.choose(FRANCE, Kind.OTP, state, 105).bearers == ("modem",)
    assert ROUTER.choose(FRANCE, Kind.ALERT, state, 105).bearers == ("orange",), "nothing of this kind fell"
    assert ROUTER.choose(FRANCE, Kind.OTP, state, 110).bearers == ("orange",)
    state["modem"].moved(False, "gone", 104)
    assert ROUTER.choose(FRANCE, Kind.OTP, state, 105).bearers == ("orange",), (
        "nobody is there to wait for it"
    )


def test_after_a_short_outage_nothing_had_taken_its_place():
    state = health(orange=(False, 80), sfr=(False, 80), modem=(True, 0))
    assert not ROUTER.choose(FRANCE, Kind.OTP, state, 99).instead_of
    state["orange"].moved(True, "bound", 100)
    assert ROUTER.choose(FRANCE, Kind.OTP, state, 100).bearers == ("orange",)


def test_a_kind_that_the_lower_tier_does_not_carry_goes_at_once():
    state = health(orange=(False, 0), sfr=(False, 0), modem=(True, 0, (Kind.OTP,)))
    state["orange"].replaced.add(("france", Kind.OTP))
    state["orange"].moved(True, "bound", 100)
    assert ROUTER.choose(FRANCE, Kind.MARKETING, state, 101).bearers == ("orange",)
    assert ROUTER.choose(FRANCE, Kind.OTP, state, 101).bearers == ("modem",)


def test_why_a_bearer_carries_less_than_its_table_says_is_told():
    state = health(modem=(True, 0, ()))
    state["modem"].note = "it only receives"
    assert "modem: it only receives" in ROUTER.choose(FRANCE, Kind.OTP, state, 0).why
