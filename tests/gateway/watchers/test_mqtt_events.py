"""Rare facts in MQTT's words: each fits its schema, none shows a number."""

import pytest
from mqtting import PREFIX, check

from gateway.events import (
    AccountMoved,
    AlarmMoved,
    FallbackMoved,
    JudgedMarketing,
    LinkMoved,
    Moved,
    OptedOut,
    OrphansKept,
    Reloaded,
    Replied,
    StatusMoved,
    StoreMoved,
)
from gateway.watchers.mqtt_events import TELLS, WAKES, event_of

AT = 1_800_000_000_123
TOLD = [
    ("fallback", FallbackMoved("france", True, 2, ["sim1"], "orange is down", AT)),
    ("bearer", LinkMoved("orange", False, "link.lost", "reset by peer", AT)),
    ("stop", OptedOut("stop", "+33612345678", ["short_code:36180"], "shop", "mo:36180", "STOP", AT)),
    ("orphan", OrphansKept("orange", 3, AT)),
    ("reload", Reloaded(["accounts.shop.rate"], "", AT)),
    ("alarm", AlarmMoved("disk", True, "critical", "1 MB free", AT)),
    ("marketing", JudgedMarketing("shop", 2, AT)),
]


@pytest.mark.parametrize(("kind", "event"), TOLD)
def test_each_is_told_in_its_words(kind, event):
    found, view = event_of(event, lambda number: -1 - len(number))
    assert found == kind
    assert view["at"] == "2027-01-15T08:00:00.123Z"
    check(f"{PREFIX}/event/{kind}", {"v": 1, **view})
    assert type(event) in TELLS


def test_a_stop_shows_eight_digits_of_the_number_s_hash():
    _, view = event_of(TOLD[2][1], lambda number: -2)
    assert view["hash"] == "ffffffff"
    assert "3361234" not in str(view)
    assert "STOP" not in str(view)


@pytest.mark.parametrize(
    "event",
    [Moved([], AT), Replied([], AT), AccountMoved("shop", True, 1, "127.0.0.1", "", AT), StoreMoved(True, "", AT),
     StatusMoved("orange", "bind", {}, AT)],
)  # fmt: skip
def test_what_happens_all_the_time_is_no_event(event):
    assert event_of(event, hash) is None
    assert type(event) not in TELLS


def test_messages_wake_nobody():
    assert Moved not in WAKES
    assert Replied not in WAKES
    assert TELLS < WAKES
