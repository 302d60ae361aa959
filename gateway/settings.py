"""A strict reader: a TOML table becomes a frozen dataclass, or every fault of it at once.

It knows types and names, nothing of what they mean. Unknown keys are faults and get the nearest known one;
values are taken as TOML types them ("5" is no number). pydantic judges, and is imported only when something
is read, so that `chappe --help` stays quick. Also the way back: `to_table` writes a dataclass as TOML would.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from difflib import get_close_matches
from functools import lru_cache
from pathlib import PurePath
from typing import Any, TypeVar

from drivers.settings import Mark, SecretMark

__all__ = [
    "SECRET",
    "ConfigError",
    "Fault",
    "KeyPath",
    "dotted",
    "leaves",
    "marks_of",
    "read",
    "shown",
    "to_table",
    "toml_key",
    "toml_value",
]

T = TypeVar("T")
KeyPath = tuple[str | int, ...]
SECRET = "***"

_WORDS = {
    "missing": "is required",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be a text in quotes",
    "tuple_type": "must be a list [ … ]",
    "dict_type": "must be a table",
    "dataclass_type": "must be a table",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong: where (path of keys, and file and line once known) and what it must be."""

    path: KeyPath
    text: str
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        place = self.file + (f":{self.line}" if self.line else "")
        return ": ".join(part for part in (place, dotted(self.path), self.text) if part)

    def at(self, file: str, line: int) -> Fault:
        return replace(self, file=file, line=line)


class ConfigError(Exception):
    """A configuration that can't be used; `faults` holds all that is wrong, in the file's order."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


def dotted(path: KeyPath) -> str:
    """bearers.orange.rate, accounts.shop.networks[1]."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += ("." if text else "") + key
    return text


def read(kind: type[T], table: Mapping[str, Any], where: KeyPath = ()) -> T | list[Fault]:
    """The table as a `kind`, or what is wrong with it; `where` is put before each fault's path."""
    from pydantic import ValidationError  # noqa: PLC0415 - see the module's docstring

    try:
        # JSON has TOML's own types, so that strict mode knows a list and a table when it sees one.
        (settings,) = _adapter(typing.cast("Any", kind)).validate_json(json.dumps([table], default=_unfit))
        return typing.cast("T", settings)
    except ValidationError as error:
        return [_fault(kind, detail, where) for detail in error.errors(include_url=False)]


def _unfit(value: object) -> object:
    """A TOML date or time, which no key takes: as a table, which no key takes either unless it is one."""
    return {"date": str(value)}


@lru_cache(maxsize=64)
def _adapter(kind: Any) -> Any:
    from pydantic import ConfigDict, TypeAdapter  # noqa: PLC0415

    # Within a tuple the configuration reaches the plain dataclasses; `from_` is written `from`.
    return TypeAdapter(
        tuple[kind],
        config=ConfigDict(extra="forbid", strict=True, alias_generator=lambda name: name.rstrip("_")),
    )


def _fault(kind: type[Any], detail: Any, where: KeyPath) -> Fault:
    loc: KeyPath = detail["loc"][1:]
    if detail["type"] == "unexpected_keyword_argument":
        return Fault((*where, *loc), "unknown key" + _nearest(_hint_at(kind, loc[:-1]), str(loc[-1])))
    if detail["type"] == "missing":
        return Fault((*where, *loc), "is required")
    text = _WORDS.get(detail["type"]) or _other_words(detail)
    secret = any(isinstance(mark, SecretMark) for mark in _marks(_hint_at(kind, loc)))
    return Fault((*where, *loc), text if secret else f"{text}, is {_quote(detail['input'])}")


def _other_words(detail: Any) -> str:
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    if detail["type"] == "literal_error":
        return f"must be {detail['ctx']['expected']}".replace("'", '"')
    return str(detail["msg"])


def _nearest(hint: Any, key: str) -> str:
    names = [field.name.rstrip("_") for field in fields(hint)] if is_dataclass(hint) else []
    found = get_close_matches(key, [name for name in names if name != key], n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else ""


def _quote(value: object) -> str:
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list) and len(value) > 4:
        return f"a list of {len(value)}"
    return json.dumps(value, ensure_ascii=False)


# ── what a class says about its keys ────────────────────────────────────────────────────────────────────
@lru_cache(maxsize=256)
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def _marks(hint: Any) -> tuple[Any, ...]:
    """The marks of a field's type, also those inside `X | None`."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return tuple(mark for part in typing.get_args(hint) for mark in _marks(part))
    return tuple(getattr(hint, "__metadata__", ()))


def marks_of(kind: Any, name: str) -> tuple[Any, ...]:
    """The marks of one field of a settings class."""
    return _marks(_hints(kind)[name])


def _bare(hint: Any) -> Any:
    """The type without Annotated and without `| None`."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return _bare(next(part for part in typing.get_args(hint) if part is not types.NoneType))
    return _bare(hint.__origin__) if hasattr(hint, "__metadata__") else hint


def _hint_at(kind: Any, loc: KeyPath) -> Any:
    """The type at a path below `kind`; None where the path leaves what is known."""
    hint = kind
    for key in loc:
        bare = _bare(hint)
        if is_dataclass(bare):
            names = _hints(typing.cast("Any", bare))
            hint = names.get(str(key), names.get(f"{key}_"))
        elif typing.get_origin(bare) in (dict, tuple):
            hint = typing.get_args(bare)[0 if isinstance(key, int) else -1]
        else:
            return None
        if hint is None:
            return None
    return hint if _marks(hint) else _bare(hint)


# ── and back to TOML ────────────────────────────────────────────────────────────────────────────────────
def leaves(settings: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any, tuple[Any, ...]]]:
    """Every (path, value, marks) of a settings object that is not itself a table; None is left out."""
    for field in fields(settings):
        value, key = getattr(settings, field.name), field.name.rstrip("_")
        if is_dataclass(value):
            yield from leaves(value, (*path, key))
        elif isinstance(value, Mapping) and any(map(is_dataclass, value.values())):
            for name, entry in value.items():
                yield from leaves(entry, (*path, key, name))
        elif value is not None:
            yield (*path, key), value, marks_of(type(settings), field.name)


def to_table(settings: Any) -> dict[str, Any]:
    """The settings as nested tables of what TOML would write, secrets as "***"."""
    table: dict[str, Any] = {}
    for path, value, marks in leaves(settings):
        inner = table
        for key in path[:-1]:
            inner = inner.setdefault(str(key), {})
        inner[str(path[-1])] = shown(value, marks)
    return table


def shown(value: Any, marks: tuple[Any, ...]) -> Any:
    """One value as TOML writes it."""
    if isinstance(value, tuple) and value and all(map(is_dataclass, value)):
        return [to_table(entry) for entry in value]
    for mark in marks:
        if isinstance(mark, Mark):
            value = mark.show(value)
    return list(value) if isinstance(value, tuple) else value


def toml_value(value: Any) -> str:
    """A value in TOML's notation, tables inline."""
    if isinstance(value, Mapping):
        return (
            "{ " + ", ".join(f"{toml_key(key)} = {toml_value(inner)}" for key, inner in value.items()) + " }"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    if isinstance(value, PurePath):
        value = str(value)
    # A TOML basic string is written like a JSON one; so are booleans and numbers.
    return json.dumps(value, ensure_ascii=False)


def toml_key(key: str) -> str:
    bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if bare else json.dumps(key, ensure_ascii=False)
