"""Topics and payloads of MQTT: what they never hold, and what a stranger's reply topic may be."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.topics import LOST, Tree, encode

TREE = Tree("chappe/v1", "lab", "lyon-1")
PREFIX = "chappe/v1/lab/lyon-1"


def test_the_tree():
    assert TREE("status") == f"{PREFIX}/status"
    assert TREE("bearer", "orange", "state") == f"{PREFIX}/bearer/orange/state"
    assert TREE("alarm", "fallback.france") == f"{PREFIX}/alarm/fallback.france"
    assert TREE("account", "a/b+#é", "state") == f"{PREFIX}/account/a-b---/state"


@pytest.mark.parametrize(
    ("topic", "name"),
    [
        ("cmd/drain", "drain"),
        ("cmd/drain/reply", ""),
        ("cmd/", ""),
        ("cmd", ""),
        ("submit/shop", ""),
        ("status", ""),
    ],
)
def test_what_is_asked(topic, name):
    assert TREE.below("cmd", f"{PREFIX}/{topic}") == name
    assert TREE.below("cmd", f"other/{topic}") == ""


@pytest.mark.parametrize(
    ("topic", "kept"),
    [("bearer/orange/state", True), ("alarm/store", True), ("modem/sim1/state", True), ("account/shop/state", True),
     ("status", False), ("info", False), ("bearer/orange/metrics", False), ("bearer/a/b/state", False),
     ("event/bearer", False), ("alarm/a/b", False)],
)  # fmt: skip
def test_what_the_broker_keeps_of_ours(topic, kept):
    assert TREE.keeps(f"{PREFIX}/{topic}") is kept
    assert not TREE.keeps(f"other/{topic}")


@pytest.mark.parametrize(
    ("topic", "may"),
    [("clients/7/answers", True), (f"{PREFIX}/cmd/drain/reply", True), ("chappe/v1/lab/lyon-2/submit/a/reply", True),
     ("", False), ("a/+", False), ("a/#", False), ("a\0b", False), ("a\x1bb", False), ("a/" * 50 + "a", True), ("a/" * 51 + "a", False), ("$SYS/x", False), ("x" * 513, False),
     (f"{PREFIX}/status", False), ("chappe/v1", False), ("chappe/v1/lab/lyon-2/cmd/drain", False),
     ("chappe/v1/lab/lyon-2/submit/shop", False)],
)  # fmt: skip
def test_where_a_reply_may_go(topic, may):
    assert TREE.may_answer(topic) is may


def test_a_payload_says_its_version_and_no_number():
    assert json.loads(LOST) == {"v": 1, "state": "lost"}
    view = {"a": ["from +33612345678", {"b": float("nan")}], "c": "half \ud800"}
    assert json.loads(encode(view)) == {"v": 1, "a": ["from +336…678", {"b": None}], "c": "half ?"}


@given(
    st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True),
    st.sampled_from(["{}", "x {} y", "sender:{}", "mo:{},"]),
)
def test_no_number_of_any_length_is_published(number, frame):
    assert number.encode() not in encode({"detail": frame.format(number)})


@given(st.dictionaries(st.text(), st.floats() | st.text(st.characters()) | st.integers() | st.none()))
def test_whatever_is_shown_is_json(view):
    def never(word):
        raise AssertionError(word)

    json.loads(encode(view), parse_constant=never)
