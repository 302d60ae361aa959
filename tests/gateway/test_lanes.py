"""Whose turn it is, without a store: flows are counters here."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making import message

from gateway.lanes import LAG, Flow, Lane
from gateway.model import Kind


class Played:
    """A lane whose flows hold numbers of segments."""

    def __init__(self, weights):
        self.lane = Lane()
        self.weights = weights
        self.flows = {}
        self.sent = []

    def put(self, account, count, tag="", route="all", parts=1):
        key = (route, Kind.OTP, 0, account, tag)
        if key not in self.flows:
            self.flows[key] = Flow(key, self.lane)
            self.lane.add(self.flows[key], lambda a: self.weights.get(a, 1))
        flow = self.flows[key]
        flow.ready.extend(message(n, parts=parts) for n in range(count))
        if count:
            self.lane.activate(flow)
        return flow

    def serve(self, slots, routes=("all",)):
        before = len(self.sent)
        candidates = self.lane.candidates(Kind.OTP, lambda route, kind: route in routes)
        count = self.lane.serve(candidates, slots, self._send)
        assert sum(parts for _, _, parts in self.sent[before:]) == count
        return self.sent[before:]

    def _send(self, flow, slots):
        taken = 0
        while flow.ready and taken < slots:
            taken += flow.ready[0].parts
            self.sent.append((flow.key[3], flow.key[4], flow.ready.popleft().parts))
        if not flow.ready:
            self.lane.rest(flow)
        return taken, bool(flow.ready)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from("abcde"), st.integers(1, 50), min_size=2), st.integers(1, 30))
def test_shares_follow_the_weights_however_few_slots_there_are(weights, slots):
    played = Played(weights)
    for account in weights:
        played.put(account, 2000)
    while len(played.sent) < 1000:
        assert len(played.serve(slots)) == slots
    counts = Counter(account for account, _, _ in played.sent)
    for account, weight in weights.items():
        fair = len(played.sent) * weight / sum(weights.values())
        assert abs(counts[account] - fair) <= weight + 1


def test_a_text_of_many_segments_is_paid_back():
    played = Played({})
    played.put("long", 100, parts=int(LAG))
    played.put("short", 2000)
    segments = Counter()
    for _ in range(300):
        for account, _, parts in played.serve(1):
            segments[account] += parts
    assert abs(segments["long"] - segments["short"]) <= LAG


def test_routes_and_tags_of_an_account_take_turns():
    played = Played({})
    for route in ("north", "south"):
        for tag in "xy":
            played.put("shop", 50, tag=route[0] + tag, route=route)
    seen = [tag for _, tag, _ in played.serve(8, routes=("north", "south"))]
    assert Counter(seen) == {"nx": 2, "ny": 2, "sx": 2, "sy": 2}
    assert {tag for _, tag, _ in played.serve(8, routes=("north",))} == {"nx", "ny"}
    assert played.serve(8, routes=()) == []


def test_who_comes_back_begins_where_the_lane_stands():
    played = Played({})
    played.put("busy", 1000)
    played.serve(500)
    played.put("back", 100)
    assert abs(Counter(a for a, _, _ in played.serve(100))["back"] - 50) <= 1


def test_the_same_candidates_can_be_served_again_when_some_have_run_dry():
    played = Played({})
    played.put("a", 1)
    played.put("b", 5)
    candidates = played.lane.candidates(Kind.OTP, lambda route, kind: True)
    assert [played.lane.serve(candidates, slots, played._send) for slots in (3, 9, 9)] == [3, 3, 0]
    assert played.lane.active == {}


@pytest.mark.parametrize("held", [True, False])
def test_a_held_flow_is_not_activated(held):
    played = Played({})
    flow = played.put("a", 0)
    flow.held = held
    played.put("a", 3)
    assert len(played.serve(9)) == (0 if held else 3)


def test_a_flow_that_is_removed_leaves_nothing():
    played = Played({})
    flows = [played.put("a", 1, tag) for tag in "xy"]
    played.serve(9)
    played.lane.remove(flows[0])
    assert list(played.lane.shares) == ["a"]
    played.lane.remove(flows[1])
    assert (played.lane.shares, played.lane.active) == ({}, {})
