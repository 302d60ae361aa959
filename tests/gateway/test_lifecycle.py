"""The table of states: complete, closed, and nothing beside it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.lifecycle import (
    FINAL,
    RECEIPT_CAUSE,
    TRANSITIONS,
    WAITING,
    Cause,
    State,
    WrongCause,
    advance,
    can,
    verdict,
)

EDGES = {(frm, cause): to for frm, cause, to, _ in TRANSITIONS}
STATES, CAUSES = st.sampled_from(State), st.sampled_from(Cause)


def reachable(start):
    seen, new = {start}, {start}
    while new:
        new = {to for (frm, _), to in EDGES.items() if frm in new} - seen
        seen |= new
    return seen


def test_no_row_stands_twice():
    assert len(EDGES) == len(TRANSITIONS)


def test_every_state_is_reachable_and_can_end():
    assert reachable(State.NEW) == set(State)
    for state in State:
        assert reachable(state) & FINAL, f"{state.name} never ends"


def test_only_unknown_leaves_a_final_state_and_only_by_a_late_receipt():
    leaving = [(frm, to, owner) for frm, _, to, owner in TRANSITIONS if frm in FINAL]
    assert {frm for frm, _, _ in leaving} == {State.UNKNOWN}
    assert {owner for _, _, owner in leaving} == {"receipts"}
    assert {to for _, to, _ in leaving} == FINAL - {State.UNKNOWN}


def test_nothing_becomes_new_again():
    assert State.NEW not in {to for _, _, to, _ in TRANSITIONS}


def test_what_waits_is_wholly_ours():
    """It can be cancelled, refused by a STOP, and expires; nothing that left can."""
    for state in State:
        assert can(state, Cause.CANCEL) == (state in WAITING)
    for state in WAITING:
        assert advance(state, Cause.OUTLIVE) is State.EXPIRED
        assert advance(state, Cause.OPT_OUT) is State.REJECTED


def test_only_what_is_due_is_taken():
    assert {state for state in State if can(state, Cause.TAKE)} == {State.QUEUED, State.SCHEDULED}
    assert {to for _, cause, to, _ in TRANSITIONS if cause is Cause.ACCEPT} == {State.ENROUTE}


def test_every_cause_is_used_and_has_its_own_number():
    assert {cause for _, cause, _, _ in TRANSITIONS} == set(Cause)
    assert [cause.value for cause in Cause] == list(range(1, len(Cause) + 1))


@given(STATES, CAUSES)
def test_the_table_is_all_there_is(state, cause):
    if (state, cause) in EDGES:
        assert can(state, cause)
        assert advance(state, cause) is EDGES[state, cause]
    else:
        assert not can(state, cause)
        with pytest.raises(WrongCause, match=f"{cause.name} cannot happen to a message that is {state.name}"):
            advance(state, cause)


@given(st.lists(CAUSES, max_size=60))
def test_random_causes_never_lead_astray(causes):
    state, ended = State.NEW, None
    for cause in causes:
        try:
            state = advance(state, cause)
        except WrongCause:
            continue
        assert isinstance(state, State)
        if state in FINAL:
            assert ended in (None, State.UNKNOWN), "told twice"
            ended = state
        else:
            assert ended is None, "an ended message lives again"


@pytest.mark.parametrize(
    ("stated", "becomes"),
    [
        (2, State.DELIVERED), (3, State.EXPIRED), (4, State.DELETED), (5, State.UNDELIVERABLE), (6, State.DELIVERED),
        (7, State.UNKNOWN), (8, State.REJECTED), (9, State.UNDELIVERABLE),
    ],
)  # fmt: skip
def test_what_a_final_receipt_does(stated, becomes):
    assert advance(State.ENROUTE, RECEIPT_CAUSE[stated]) is becomes


def test_smpps_numbers_are_smpps():
    named = {
        "SCHEDULED": 0,
        "ENROUTE": 1,
        "DELIVERED": 2,
        "EXPIRED": 3,
        "DELETED": 4,
        "UNDELIVERABLE": 5,
        "UNKNOWN": 7,
        "REJECTED": 8,
    }
    assert {state.name: state.value for state in State if state < 10} == named


@given(st.lists(STATES, min_size=1, max_size=8))
def test_verdict(parts):
    failed = [state for state in parts if state in FINAL - {State.DELIVERED, State.UNKNOWN}]
    outcome = verdict(parts)
    if failed:
        assert outcome is failed[0]
    elif any(state not in FINAL for state in parts):
        assert outcome is None
    elif State.UNKNOWN in parts:
        assert outcome is State.UNKNOWN
    else:
        assert outcome is State.DELIVERED


@given(st.lists(STATES, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_a_verdict_that_is_not_a_failure_does_not_depend_on_the_order(parts, rnd):
    outcome = verdict(parts)
    rnd.shuffle(parts)
    failures = FINAL - {State.DELIVERED, State.UNKNOWN}
    assert verdict(parts) is outcome or {outcome, verdict(parts)} <= failures


@given(st.lists(STATES, min_size=1, max_size=6), st.integers(0, 5))
def test_a_verdict_once_given_stands_whatever_open_parts_become(parts, index):
    outcome = verdict(parts)
    if outcome is not None and parts[index % len(parts)] not in FINAL:
        for state in FINAL:
            changed = [*parts]
            changed[index % len(parts)] = state
            assert verdict(changed) in FINAL - {State.DELIVERED}
