"""Which bind gets which segments."""

import pytest

from drivers.bearer import Segment
from drivers.smpp.spread import Spread


def segments(*ids):
    return [Segment(i, -1, "CHAPPE", "+33612345678", 0, b"", b"x", 0, True, 0, None) for i in ids]


def over(ids, rooms, spread=None):
    """{bind: ids}, ids that found no room."""
    shares, left = (spread or Spread()).over(segments(*ids), rooms)
    return {bind: [s.id for s in share] for bind, share in shares}, [s.id for s in left]


@pytest.mark.parametrize(
    ("ids", "rooms", "shares", "left"),
    [
        ([1, 2], [("a", 5)], {"a": [1, 2]}, []),
        ([1, 2, 3], [("a", 2)], {"a": [1, 2]}, [3]),
        ([1, 2, 3, 4], [("a", 5), ("b", 5)], {"a": [1, 3], "b": [2, 4]}, []),
        ([1, 2, 3], [("a", 0), ("b", 9)], {"b": [1, 2, 3]}, []),
        ([1, 2, 3, 4], [("a", 1), ("b", 2)], {"b": [1, 3], "a": [2]}, [4]),
        ([7, 7, 7, 8], [("a", 3), ("b", 2)], {"a": [7, 7, 7], "b": [8]}, []),
        ([7, 7, 7, 7], [("a", 2), ("b", 3)], {"b": [7, 7, 7], "a": [7]}, []),
        ([1], [], {}, [1]),
        ([], [("a", 1), ("b", 1)], {}, []),
    ],
)
def test_spread(ids, rooms, shares, left):
    assert over(ids, rooms) == (shares, left)


def test_a_long_message_stays_on_its_bind_over_two_calls():
    spread = Spread()
    assert over([9, 9], [("a", 3), ("b", 2)], spread)[0] == {"a": [9, 9]}
    assert over([9, 1], [("a", 1), ("b", 5)], spread)[0] == {"a": [9], "b": [1]}
