"""The ladder: which rung, when, how often; a budget that no sequence of troubles can exceed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modem.ladder import (
    ALWAYS,
    HOUR,
    PARK,
    PAUSE,
    RESETS,
    RESETS_PER_HOUR,
    STEADY,
    Ladder,
    Rung,
)  # fmt: skip

WIRED = ALWAYS | {Rung.HARD_RESET, Rung.POWER_CYCLE}


def climb(ladder, now=0.0, steps=10):
    """Take what comes until it gives up: [(rung, seconds waited)], and the time."""
    found = []
    for _ in range(steps):
        rung, wait = ladder.next(now, "no answer")
        found.append((rung, wait))
        if rung is Rung.GIVE_UP:
            break
        now += wait
    return found, now


@pytest.mark.parametrize(
    ("available", "rungs"),
    [
        (WIRED, [Rung.ESCAPE, Rung.REOPEN, Rung.SOFT_RESET, Rung.HARD_RESET, Rung.POWER_CYCLE, Rung.GIVE_UP]),
        (ALWAYS, [Rung.ESCAPE, Rung.REOPEN, Rung.SOFT_RESET, Rung.GIVE_UP]),
        (ALWAYS | {Rung.POWER_CYCLE}, [Rung.ESCAPE, Rung.REOPEN, Rung.SOFT_RESET, Rung.POWER_CYCLE, Rung.GIVE_UP]),
        (frozenset(), [Rung.GIVE_UP]),
    ],
)  # fmt: skip
def test_an_episode_climbs_what_there_is(available, rungs):
    assert [rung for rung, _ in climb(Ladder(available))[0]] == rungs


def test_the_pause_grows_with_each_reset():
    found, _ = climb(Ladder(WIRED))
    assert found == [
        (Rung.ESCAPE, 0.0), (Rung.REOPEN, 2.0), (Rung.SOFT_RESET, 5.0), (Rung.HARD_RESET, 20.0),
        (Rung.POWER_CYCLE, 80.0), (Rung.GIVE_UP, PARK),
    ]  # fmt: skip


def test_the_table_of_the_readme_is_this_ladder():
    from hardware_files import HARDWARE

    rows = [line.split("|") for line in (HARDWARE / "README.md").read_text("utf-8").splitlines()]
    said = {
        row[1].strip(" `"): row[4].strip()
        for row in rows
        if len(row) == 6 and row[4].strip().endswith(("s", "none"))
    }
    shown = {rung.value: f"{PAUSE[rung]:g} s" if PAUSE.get(rung) else "none" for rung in Rung}
    assert said == shown


def test_a_modem_that_stays_well_begins_anew():
    ladder = Ladder(WIRED)
    climb(ladder, steps=3)
    ladder.well(10.0)
    ladder.well(10.0 + STEADY)
    assert ladder.fields(10.0 + STEADY)["recovery"] == "none"
    assert ladder.next(11.0 + STEADY, "no answer") == (Rung.ESCAPE, 0.0)


def test_steady_needs_no_second_word():
    ladder = Ladder(WIRED)
    climb(ladder, steps=2)
    ladder.well(10.0)
    assert ladder.next(10.0 + STEADY, "no answer")[0] is Rung.ESCAPE


@pytest.mark.parametrize("between", ["nothing", "unplugged"])
def test_one_that_falls_again_soon_goes_on_where_it_was(between):
    ladder = Ladder(WIRED)
    climb(ladder, steps=2)
    ladder.well(10.0)
    if between == "unplugged":
        ladder.unplugged()
        ladder.well(5.0 + STEADY)
    assert ladder.next(9.0 + STEADY, "no answer")[0] is Rung.SOFT_RESET


def test_unplugged_takes_no_rung():
    ladder = Ladder(WIRED)
    ladder.unplugged()
    assert ladder.taken == []
    assert ladder.next(0.0, "no answer")[0] is Rung.ESCAPE


def test_parked_with_an_alarm_and_tried_again_rarely():
    ladder = Ladder(ALWAYS)
    _, now = climb(ladder)
    assert ladder.alarm == (
        "no answer; tried escape, reopen, soft_reset; the next try is in 30 min, or at `chappe link reset`"
    )
    assert ladder.next(now + 60.0, "still") == (Rung.GIVE_UP, PARK - 60.0)
    assert ladder.fields(now + 60.0) == {
        "recovery": "parked",
        "recovery_cause": "no answer",
        "recovery_tried": "escape, reopen, soft_reset",
        "resets_last_hour": 1,
        "next_try_seconds": round(PARK - 60.0),
    }
    assert ladder.next(now + PARK, "still")[0] is Rung.ESCAPE
    assert ladder.alarm, "it stands until the modem is well"
    ladder.well(now + PARK + 1.0)
    assert ladder.alarm == ""


def test_well_after_a_parking_is_a_new_beginning():
    ladder = Ladder(ALWAYS)
    _, now = climb(ladder)
    ladder.well(now + PARK)
    assert ladder.next(now + PARK + 1.0, "no answer")[0] is Rung.ESCAPE


def test_an_operator_has_a_try_at_once_but_no_more_resets():
    ladder = Ladder(WIRED)
    _, now = climb(ladder)
    ladder.operator()
    found, _ = climb(ladder, now)
    assert [rung for rung, _ in found] == [Rung.ESCAPE, Rung.REOPEN, Rung.GIVE_UP]
    assert "tried escape, reopen; 3 resets in an hour are the most; the next" in ladder.alarm


def test_resets_come_back_with_the_hour():
    ladder = Ladder(WIRED)
    _, now = climb(ladder)
    assert ladder.resets(now) == RESETS_PER_HOUR
    assert ladder.resets(now + HOUR) == 0
    ladder.operator()
    assert (Rung.SOFT_RESET, 5.0) in climb(ladder, now + HOUR)[0]


@pytest.mark.parametrize(("since_the_first", "resets"), [(HOUR - 1.0, 0), (HOUR, 2), (HOUR + 100.0, 3)])
def test_the_hour_slides(since_the_first, resets):
    """They are due at 7, 27 and 107 s; the pause after the first new one lets the second of them pass."""
    ladder = Ladder(WIRED)
    climb(ladder)
    ladder.operator()
    found, _ = climb(ladder, 5.0 + since_the_first)  # REOPEN waits for 2 s more
    assert sum(rung in RESETS for rung, _ in found) == resets


def test_a_parking_is_shorter_than_the_hour_that_resets_are_counted_in():
    ladder = Ladder(WIRED)
    _, now = climb(ladder)
    found, _ = climb(ladder, now + PARK)
    assert [rung for rung, _ in found] == [Rung.ESCAPE, Rung.REOPEN, Rung.GIVE_UP]


def test_what_is_shown_on_the_way():
    ladder = Ladder(WIRED)
    stages = [ladder.fields(0.0)["recovery"]]
    for _ in range(3):
        ladder.next(0.0, "no answer")
        stages.append(ladder.fields(0.0)["recovery"])
    ladder.well(1.0)
    stages.append(ladder.fields(1.0)["recovery"])
    assert stages == ["none", "escape", "reopen", "soft_reset", "settling"]
    assert "next_try_seconds" not in ladder.fields(1.0)


SPANS = st.sampled_from([0, 0, 1, STEADY, PARK, HOUR / 2 + 1, HOUR - 300]) | st.integers(
    0, 3600
)  # exact sums
ACTS = st.lists(
    st.tuples(st.sampled_from(["next", "next", "next", "well", "unplugged", "operator"]), SPANS), max_size=120
)


@given(ACTS, st.sets(st.sampled_from(list(Rung))))
def test_no_sequence_of_troubles_exceeds_the_budget(acts, available):
    ladder = Ladder(frozenset(available))
    now, resets, episode = 0.0, [], []
    well_since = None
    parked = 0.0
    for act, seconds in acts:
        now += seconds
        if act == "next":
            if (well_since is not None and now - well_since >= STEADY and now >= parked) or (
                parked and now >= parked
            ):
                episode, parked = [], 0.0
            rung, wait = ladder.next(now, "cause")
            assert rung in available | {Rung.GIVE_UP}
            assert 0.0 <= wait <= PARK
            assert bool(ladder.alarm) or rung is not Rung.GIVE_UP
            if now < parked:
                assert (rung, wait) == (Rung.GIVE_UP, parked - now)
                continue
            well_since = None
            assert rung not in episode, "each rung once an episode"
            assert all(list(Rung).index(rung) > list(Rung).index(taken) for taken in episode), "upwards only"
            episode.append(rung)
            if rung is Rung.GIVE_UP:
                parked = now + wait
            if rung in RESETS:
                resets.append(now + wait)
            now += 0.0 if rung is Rung.GIVE_UP else wait
        elif act == "well":
            ladder.well(now)
            if parked:
                episode, parked = [], 0.0
            if well_since is None:
                well_since = now
            elif now - well_since >= STEADY:
                episode = []
        elif act == "unplugged":
            ladder.unplugged()
            well_since = None
        else:
            ladder.operator()
            episode, parked = [], 0.0
    for at in resets:
        assert sum(at - HOUR < other <= at for other in resets) <= RESETS_PER_HOUR


@given(st.floats(0.0, 1e6), st.sets(st.sampled_from(list(Rung))))
def test_an_episode_ends_in_known_time(begin, available):
    found, end = climb(Ladder(frozenset(available)), begin)
    assert found[-1] == (Rung.GIVE_UP, PARK)
    assert len(found) <= len(Rung)
    assert end - begin <= sum(PAUSE.values()) * 2**RESETS_PER_HOUR
