"""What works on a class whether it runs plain or compiled: mypyc keeps no __slots__, and lets nobody replace a method."""

from __future__ import annotations

__all__ = ["Instead", "field_names", "fields"]


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


class Instead:
    """A real object in all but the attributes given: put this in its place to change one of its methods."""

    def __init__(self, real: object, **changed: object) -> None:
        self.__dict__.update(changed)
        self._real = real

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)
