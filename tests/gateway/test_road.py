"""One bearer as dispatch sees it: what is kept for higher kinds, and what stands ready."""

import pytest
from core import ScriptedBearer
from making import message

from drivers.bearer import Segment
from gateway.model import Kind
from gateway.road import Road, kept_for_higher
from gateway.throttle import Backoff


def segment(number):
    return Segment(number, -1, "36180", "+33612345678", 0, b"", b"", 0.0, True, 0, message(number))


@pytest.mark.parametrize(
    ("reserve", "rate", "kept"),
    [({}, 100, ()), ({Kind.OTP: 2}, 9.9, ()), ({Kind.OTP: 2}, 10, (0, 2, 2, 2)), ({Kind.OTP: 1, Kind.ALERT: 3}, 50, (0, 1, 4, 4))],
)  # fmt: skip
def test_what_lower_kinds_leave_free(reserve, rate, kept):
    assert kept_for_higher(reserve, rate) == kept


def test_an_otp_passes_what_stands_ready():
    bearer = ScriptedBearer("a", window=2)
    bearer.up = True
    road = Road("a", bearer, Kind, 100, {}, Backoff(1, 2), 3, 0.0)
    road.health.up = True
    road.stage([segment(1), segment(2)], Kind.MARKETING)
    road.stage([segment(3)], Kind.OTP)
    assert [s.id for s in road.hand_over(10.0)] == [3, 1]
    assert [s.id for s in road.unstage()] == [2]
    assert road.staged_count == 0


@pytest.mark.parametrize(
    ("fields", "number"),
    [
        ({"modem": {"number": "+33700000001"}}, "+33700000001"),
        ({"modem": {"number": "+337…001"}}, "sim1"),
        ({"modem": {"number": ""}}, "sim1"),
        ({}, "sim1"),
    ],
)
def test_what_handsets_answer_to_is_a_whole_number_or_the_bearers_name(fields, number):
    road = Road("sim1", ScriptedBearer("sim1"), Kind, 100, {}, Backoff(1, 2), 3, 0.0)
    road.status.update(fields)
    assert road.own_number == number


@pytest.mark.parametrize("shut", ["disabled", "draining", "down", "paused"])
def test_a_road_that_is_shut_has_no_room(shut):
    bearer = ScriptedBearer("a")
    bearer.up = True
    road = Road("a", bearer, Kind, 100, {}, Backoff(1, 2), 3, 0.0)
    road.health.up = True
    assert road.room(10.0) > 0
    road.stage([segment(1)], Kind.OTP)
    if shut == "disabled":
        road.disabled = "by an operator"
    elif shut == "draining":
        road.draining = True
    elif shut == "down":
        road.health.up = False
    else:
        road.adaptive.paused_until = 11.0
    assert (road.room(10.0), road.hand_over(10.0)) == (0, [])
