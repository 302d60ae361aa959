"""Alarms: one line and one event when raised, one of each when cleared."""

import pytest
from core import Clock

from gateway.alarms import Alarms
from gateway.bus import Bus


@pytest.fixture
def heard():
    bus = Bus()
    return Alarms(bus, Clock()), bus.subscribe("test")


def told(subscription):
    return [(event.id, event.raised, event.severity, event.text) for event in subscription._events]


def test_an_alarm_is_told_once_and_stands_until_it_is_cleared(heard):
    alarms, subscription = heard
    alarms.raise_("disk", "critical", "3 MB free")
    alarms.raise_("disk", "critical", "2 MB free")
    assert "disk" in alarms
    assert [event.text for event in alarms] == ["3 MB free"]
    alarms.clear("disk")
    alarms.clear("disk")
    assert "disk" not in alarms
    assert not len(alarms)
    assert told(subscription) == [("disk", True, "critical", "3 MB free"), ("disk", False, "critical", "")]


def test_a_worse_severity_is_told_again(heard):
    alarms, subscription = heard
    alarms.raise_("outbox.shop", "warning", "half")
    alarms.raise_("outbox.shop", "critical", "nearly all")
    assert [severity for _, _, severity, _ in told(subscription)] == ["warning", "critical"]
    assert len(alarms) == 1


def test_turn_makes_it_so_and_families_can_be_asked_for(heard):
    alarms, _ = heard
    alarms.turn("bearer.a", True, "critical", "down")
    alarms.turn("bearer.b", True, "critical", "down")
    alarms.turn("bearers", True, "warning", "another family")
    alarms.turn("bearer.a", False, "critical", "")
    assert alarms.standing("bearer") == {"b"}
    assert [event.id for event in alarms] == ["bearer.b", "bearers"]
