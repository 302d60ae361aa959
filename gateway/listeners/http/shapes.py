"""What bodies and queries look like: the part of JSON Schema that the API uses, as data, and its check. Pure.

/openapi.json prints the same dicts that check() judges by, so that neither can say what the other does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

__all__ = ["Shape", "faults", "from_query"]

Shape = Mapping[str, Any]
"""A JSON Schema of these words: type, enum, pattern, minLength, maxLength, minimum, maximum, exclusiveMinimum, format,
items, minItems, maxItems, properties, required, additionalProperties, oneOf (of unlike types)."""

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}
MOST = 20
"""Faults that are told of at once."""


def faults(shape: Shape, value: object, at: str = "") -> list[dict[str, str]]:
    """What is wrong: {"at": "messages[3].to", "what": "…"}, the first MOST of it; [] when nothing is."""
    found = []
    for where, what in _faults(shape, value, at):
        found.append({"at": where or "body", "what": what})
        if len(found) == MOST:
            break
    return found


def from_query(shape: Shape, text: str) -> object:
    """A query parameter's text as the value that its shape wants; a text that is none stays one, and is refused."""
    kind = shape.get("type")
    if kind == "integer" and re.fullmatch(r"-?[0-9]{1,18}", text):
        return int(text)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    return text


def _is(value: object, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[kind])


def _faults(shape: Shape, value: object, at: str) -> Iterator[tuple[str, str]]:
    if "oneOf" in shape:
        fitting = [one for one in shape["oneOf"] if _is(value, one["type"])]
        if fitting:
            yield from _faults(fitting[0], value, at)
        else:
            yield at, f"must be {' or '.join(_named(one['type']) for one in shape['oneOf'])}"
        return
    kind = shape["type"]
    if not _is(value, kind):
        yield at, f"must be {_named(kind)}"
    elif "enum" in shape and value not in shape["enum"]:
        yield at, f"must be one of {', '.join(map(str, shape['enum']))}"
    elif isinstance(value, str):
        yield from _text(shape, value, at)
    elif isinstance(value, list):
        yield from _array(shape, value, at)
    elif isinstance(value, dict):
        yield from _object(shape, value, at)
    elif isinstance(value, int | float):
        yield from _number(shape, value, at)


def _named(kind: str) -> str:
    return {"array": "a list", "object": "an object", "integer": "a whole number"}.get(kind, f"a {kind}")


def _text(shape: Shape, value: str, at: str) -> Iterator[tuple[str, str]]:
    length = len(value)
    if length < shape.get("minLength", 0):
        yield (
            at,
            "must not be empty"
            if shape["minLength"] == 1
            else f"has {length} characters: at least {shape['minLength']}",
        )
    elif length > shape.get("maxLength", length):
        yield at, f"has {length} characters: at most {shape['maxLength']}"
    elif "pattern" in shape and not re.search(shape["pattern"], value):
        yield at, shape.get("description", f"must match {shape['pattern']}")
    elif shape.get("format") == "date-time" and not _is_moment(value):
        yield at, "must be a moment of RFC 3339 with its offset, such as 2026-11-22T08:30:00+01:00"


def _is_moment(value: str) -> bool:
    try:
        return "T" in value.upper() and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _number(shape: Shape, value: float, at: str) -> Iterator[tuple[str, str]]:
    low, high, above = shape.get("minimum"), shape.get("maximum"), shape.get("exclusiveMinimum")
    if low is not None and value < low:
        yield at, f"must be at least {low}"
    elif above is not None and value <= above:
        yield at, f"must be more than {above}"
    elif high is not None and value > high:
        yield at, f"must be at most {high}"


def _array(shape: Shape, value: list[Any], at: str) -> Iterator[tuple[str, str]]:
    if len(value) < shape.get("minItems", 0):
        yield at, f"must hold at least {shape['minItems']}"
    elif len(value) > shape.get("maxItems", len(value)):
        yield at, f"holds {len(value)}: at most {shape['maxItems']} at once"
    else:
        for index, item in enumerate(value):
            yield from _faults(shape["items"], item, f"{at}[{index}]")


def _object(shape: Shape, value: dict[str, Any], at: str) -> Iterator[tuple[str, str]]:
    inside = f"{at}." if at else ""
    known: Mapping[str, Shape] = shape.get("properties", {})
    for key in shape.get("required", ()):
        if key not in value:
            yield f"{inside}{key}", "is required"
    for key, item in value.items():
        if key in known:
            yield from _faults(known[key], item, f"{inside}{key}")
        elif shape.get("additionalProperties", True) is False:
            yield f"{inside}{key[:40]}", f"is not known here; known are {', '.join(known)}"
        elif isinstance(shape.get("additionalProperties"), dict):
            yield from _faults(shape["additionalProperties"], item, f"{inside}{key[:40]}")
