"""The fields of a record class, whether it runs plain or compiled: mypyc keeps no __slots__ but a list of its own."""

from __future__ import annotations

__all__ = ["field_names", "fields"]


def field_names(kind: type) -> set[str]:
    """All of them, those of its bases too. Raises AssertionError for a class without any: nothing would be compared."""
    names = {
        name
        for each in kind.__mro__
        for name in vars(each).get("__slots__") or vars(each).get("__mypyc_attrs__") or ()
    }
    assert names, f"{kind.__name__} has no fields"
    return names - {"__dict__", "__weakref__"}


def fields(record: object) -> dict[str, object]:
    """Name -> value."""
    return {name: getattr(record, name) for name in field_names(type(record))}
