"""The part of JSON Schema that the API uses; and that a whole implementation of it judges the same."""

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.listeners.http.alertmanager import PAYLOAD
from gateway.listeners.http.messages import MESSAGE
from gateway.listeners.http.shapes import MOST, faults, from_query

NAME = {"type": "string", "minLength": 1, "maxLength": 3, "pattern": "^[a-z]*$"}
THING = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": NAME,
        "count": {"type": "integer", "minimum": 0, "maximum": 9},
        "long": {"oneOf": [{"type": "string", "enum": ["ever"]}, {"type": "number", "exclusiveMinimum": 0}]},
        "at": {"type": "string", "format": "date-time"},
        "tags": {"type": "array", "items": NAME, "minItems": 1, "maxItems": 2},
        "words": {"type": "object", "additionalProperties": NAME},
        "on": {"type": "boolean"},
        "nothing": {"type": "null"},
    },
}


@pytest.mark.parametrize(
    ("more", "at"),
    [
        ({}, None), ({"count": 9}, None), ({"count": 3.0}, None), ({"long": "ever"}, None), ({"long": 0.5}, None),
        ({"at": "2026-11-22T08:30:00+01:00"}, None), ({"at": "2026-11-22T08:30:00Z"}, None), ({"tags": ["a"]}, None),
        ({"words": {"x": "y"}}, None), ({"on": False}, None), ({"nothing": None}, None),
        ({"name": ""}, "name"), ({"name": "abcd"}, "name"), ({"name": "A"}, "name"), ({"name": 7}, "name"),
        ({"count": 10}, "count"), ({"count": -1}, "count"), ({"count": True}, "count"), ({"count": 1.5}, "count"),
        ({"long": "never"}, "long"), ({"long": 0}, "long"), ({"long": None}, "long"), ({"long": True}, "long"),
        ({"at": "2026-11-22T08:30:00"}, "at"), ({"at": "2026-11-22"}, "at"), ({"at": "now"}, "at"),
        ({"tags": []}, "tags"), ({"tags": ["a", "b", "c"]}, "tags"), ({"tags": ["a", "B"]}, "tags[1]"),
        ({"words": {"x": 1}}, "words.x"), ({"on": 1}, "on"), ({"nothing": 0}, "nothing"), ({"more": 1}, "more"),
    ],
)  # fmt: skip
def test_faults(more, at):
    found = faults(THING, {"name": "a", **more})
    assert [fault["at"] for fault in found] == ([at] if at else [])


def test_what_is_missing_and_what_is_no_object():
    assert faults(THING, {}) == [{"at": "name", "what": "is required"}]
    assert faults(THING, [])[0]["at"] == "body"


def test_only_so_many_are_told():
    assert len(faults({"type": "array", "items": NAME}, [7] * 1000)) == MOST


@pytest.mark.parametrize(
    ("shape", "text", "value"),
    [("integer", "7", 7), ("integer", "-7", -7), ("integer", "7.0", "7.0"), ("integer", "", ""), ("integer", "9" * 30, "9" * 30),
     ("integer", "٣", "٣"), ("boolean", "true", True), ("boolean", "yes", "yes"), ("string", "7", "7")],
)  # fmt: skip
def test_queries_become_values(shape, text, value):
    found = from_query({"type": shape}, text)
    assert (found, type(found)) == (value, type(value))


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 1200)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("shape", [THING, MESSAGE, PAYLOAD], ids=["thing", "message", "alertmanager"])
@given(data=st.data())
def test_a_whole_implementation_judges_the_same(shape, data):
    keys = list(shape["properties"])
    value = data.draw(st.dictionaries(st.sampled_from(keys), ANY, max_size=4) | ANY)
    without_formats = {
        **shape,
        "properties": {k: v for k, v in shape["properties"].items() if "format" not in v},
    }
    said = not faults(without_formats, value)
    assert said is jsonschema.Draft202012Validator(without_formats).is_valid(value)
