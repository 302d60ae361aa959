"""A storm of lines is told of, and does not fill a disk."""

import io
import json

import pytest
import structlog

from gateway.config.sections import LogSettings
from gateway.watchers import log
from gateway.watchers.repeats import BURST, MOST, WINDOW, Repeats


class Lines:
    """What passes of what is said at the times of a clock of its own."""

    def __init__(self):
        self.now = 0.0
        self.passed = []
        self._repeats = Repeats(lambda: self.now)

    def say(self, event="bind.down", level="warning", **fields):
        try:
            line = self._repeats(None, level, {"event": event, **fields})
        except structlog.DropEvent:
            return None
        self.passed.append(line)
        return line


def test_the_first_ones_stand_then_one_a_minute_with_the_count():
    lines = Lines()
    for _ in range(BURST + 500):
        lines.say(bearer="north")
    assert len(lines.passed) == BURST
    assert all("left_out" not in line for line in lines.passed)
    lines.now = WINDOW
    assert lines.say(bearer="north") == {"event": "bind.down", "bearer": "north", "left_out": 500}
    lines.now += 1
    assert lines.say(bearer="north") is None, "a storm that goes on has one line a minute, no second burst"
    lines.now = 2 * WINDOW
    assert lines.say(bearer="north")["left_out"] == 1


def test_an_hour_of_ten_lines_a_second_is_a_page():
    lines = Lines()
    for number in range(36_000):
        lines.now = number / 10
        lines.say(bearer="north")
    assert len(lines.passed) == BURST + 59
    assert sum(line.get("left_out", 0) for line in lines.passed) > 35_000


def test_after_a_quiet_minute_all_is_as_at_the_start():
    lines = Lines()
    for start in (0.0, 1000.0):
        lines.now = start
        if start:  # what the storm's end left out is told once
            lines.say(bearer="north")
            lines.now += WINDOW
        before = len(lines.passed)
        for _ in range(BURST):
            lines.say(bearer="north")
        assert len(lines.passed) - before == BURST


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"bearer": "north"}, {"bearer": "south"}),
        ({"account": "shop"}, {"account": "bank"}),
        ({"event": "bind.up"}, {"event": "bind.down"}),
        ({"bearer": "north", "bind": "bind/1"}, {"bearer": "north", "bind": "bind/2"}),
        ({"event": "alarm.raised", "alarm": "disk"}, {"event": "alarm.raised", "alarm": "store"}),
    ],
    ids=["bearer", "account", "event", "bind", "alarm"],
)
def test_one_sort_says_nothing_of_another(one, other):
    lines = Lines()
    for _ in range(BURST + 1):
        last = lines.say(**one)
    assert last is None
    assert lines.say(**other) is not None


def test_what_is_only_a_detail_makes_no_sort_of_its_own():
    lines = Lines()
    for number in range(BURST * 2):
        lines.say(bearer="north", detail=f"try {number}", peer=f"192.0.2.{number}")
    assert len(lines.passed) == BURST


def test_debug_is_asked_for_and_passes():
    lines = Lines()
    for _ in range(BURST * 3):
        lines.say("at", level="debug", bearer="sim1")
    assert len(lines.passed) == BURST * 3


def test_memory_is_bounded():
    lines = Lines()
    for number in range(MOST * 3):
        lines.say(account=f"a{number}")
    assert len(lines._repeats._counts) <= MOST


def test_the_daemons_log_has_it():
    out = io.StringIO()
    log.configure(LogSettings(format="json"), out)
    try:
        logger = structlog.get_logger("test")
        for _ in range(BURST + 5):
            logger.warning("bind.down", bearer="north")
    finally:
        structlog.reset_defaults()
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert len(lines) == BURST
    assert lines[0]["event"] == "bind.down"
