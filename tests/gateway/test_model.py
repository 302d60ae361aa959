"""Ids that rise for ever, lanes, and a message that moves."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import message

from gateway.lifecycle import Cause, State, WrongCause
from gateway.model import EPOCH_MS, KINDS, LANES, Kind, MessageIds, lane_of

CLOCK = st.integers(EPOCH_MS - 10, EPOCH_MS + 5_000)


@given(st.lists(st.tuples(st.integers(0, 40_000), CLOCK), max_size=20), st.integers(0, 255))
def test_ids_are_unique_and_rise_whatever_the_clock_does(takes, node):
    ids = MessageIds(node)
    last = 0
    for count, now in takes:
        got = ids.take(count, now)
        assert len(got) == count
        if got:
            assert got[0] > last
            assert all(a < b for a, b in pairwise(got))
            assert all(one >> 14 & 0xFF == node for one in (got[0], got[-1]))
            last = got[-1]
            assert ids.last == last


@given(st.integers(0, 255), st.integers(0, 255), CLOCK, CLOCK)
def test_a_new_process_begins_above_the_last_id_whatever_node_gave_it(before, after, then, now):
    last = MessageIds(before).take(3, then)[-1]
    assert MessageIds(after, last).take(1, now)[0] > last


def test_a_full_millisecond_borrows_the_next():
    ids = MessageIds(3)
    got = ids.take(0x4000 + 1, EPOCH_MS + 7)
    assert (got[0] >> 22, got[-2] >> 22, got[-1] >> 22) == (7, 7, 8)
    assert ids.take(1, EPOCH_MS + 7)[0] == got[-1] + 1
    assert ids.take(1, EPOCH_MS + 9)[0] >> 22 == 9


def test_ids_fit_in_63_bits_and_19_digits_until_2093():
    last = MessageIds(255).take(0x4000, EPOCH_MS + (1 << 41) - 1)[-1]
    assert last == (1 << 63) - 1
    assert len(str(last)) == 19


@pytest.mark.parametrize("node", [-1, 256])
def test_a_node_that_does_not_fit_is_refused(node):
    with pytest.raises(ValueError, match=f"node must be 0 to 255, is {node}"):
        MessageIds(node)


def test_an_id_tells_when_it_was_given():
    now = EPOCH_MS + 123_456_789
    assert message(MessageIds(9).take(1, now)[0]).submitted_at == now


def test_lanes_are_ranked_by_kind_and_then_by_priority():
    ranks = [lane_of(kind, priority) for kind in Kind for priority in (3, 2, 1, 0)]
    assert ranks == list(range(LANES))
    assert KINDS == {"otp": 0, "alert": 1, "transactional": 2, "marketing": 3}


def test_a_message_moves_by_the_table_and_says_what_it_left():
    m = message(1, None)
    assert m.advance(Cause.ADMIT) == (m, State.NEW, Cause.ADMIT)
    assert repr(m) == "Message(1, QUEUED)"
    with pytest.raises(WrongCause):
        m.advance(Cause.RETRY)
    assert m.state is State.QUEUED
