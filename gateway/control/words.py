"""What views are written in: moments, masked numbers, words for states; and what verbs read their arguments with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from drivers.sms import address
from gateway.control.parts import Args, Refusal
from gateway.lifecycle import State
from gateway.model import EPOCH_MS, KINDS, Kind

__all__ = [
    "LATEST",
    "STATES",
    "Asked",
    "admitted_at",
    "entries",
    "first_id",
    "kind_word",
    "moment",
    "state_word",
]

LATEST = 253_370_764_800_000
"""9999-01-01 in Unix ms: later moments have no date that could be shown."""

STATES = {state.name.lower(): state for state in State if state is not State.NEW}


def moment(unix_ms: int) -> str | None:
    """RFC 3339 in UTC with milliseconds; None for 0, which means "not yet"."""
    if not unix_ms:
        return None
    at = datetime.fromtimestamp(min(max(unix_ms, 0), LATEST) / 1000, UTC)  # what is kept may be from anybody
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def kind_word(kind: int) -> str:
    return Kind(kind).name.lower()


def state_word(state: int) -> str:
    return State(state).name.lower()


def admitted_at(message_id: int) -> int:
    """Unix ms: ids tell when they were given."""
    return (message_id >> 22) + EPOCH_MS


def first_id(unix_ms: int) -> int:
    """The first id that a message of this moment could have; beyond the last id (the year 2095), that one."""
    return min(max(0, unix_ms - EPOCH_MS) << 22, 2**63 - 1)


class Asked:
    """The arguments of one request, read with their types. Every method raises Refusal (exit 2) with the name."""

    def __init__(self, args: Args) -> None:
        self._args = args

    def text(self, name: str) -> str:
        value = self._args.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise Refusal(f"{name} must be a text", 2)
        return _whole(name, value)

    def flag(self, name: str) -> bool:
        return self._args.get(name) is True

    def number(self, name: str, default: int, least: int = 0, most: int = 2**63 - 1) -> int:
        value = self._args.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise Refusal(f"{name} must be a whole number from {least} to {most}", 2)
        return value

    def kind(self, name: str = "kind") -> Kind | None:
        word = self.text(name)
        if not word:
            return None
        if word not in KINDS:
            raise Refusal(f"kind {word!r}: use {', '.join(KINDS)}", 2)
        return KINDS[word]

    def ids(self, name: str = "ids") -> list[int]:
        values: Any = self._args.get(name) or []
        if not isinstance(values, list):
            raise Refusal(f"{name} must be a list of ids", 2)
        return [self._id(value) for value in values]

    def one_id(self) -> int:
        return self._id(self._args.get("id"))

    def _id(self, value: object) -> int:
        text = str(value).strip()
        if not (text.isascii() and text.isdecimal()) or int(text) >= 2**63:
            raise Refusal(f"{text!r} is no message id: a message id is a number of at most 19 digits", 2)
        return int(text)

    def recipient(self, name: str = "to") -> str:
        """A number as people write it, canonical; "" when none is given."""
        text = self.text(name)
        if not text:
            return ""
        try:
            said = "".join(c for c in text.replace("(0)", "") if c not in " .-()/\u00a0\u202f")
            return address.destination(0, 0, said.encode("latin-1", "replace"))
        except address.AddressError as error:
            raise Refusal(f"--{name} {text}: {error}", 2) from error

    def shown(self, number: str) -> str:
        """A number as this operator may see it: masked unless he asked for it whole."""
        return number if self.flag("unmasked") else address.mask(number)


def entries(args: Args, columns: Mapping[str, type], name: str = "entries") -> list[list[Any]]:
    """The rows of an import, each with its columns: texts, and moments in Unix ms. Raises Refusal (exit 2) for the
    first that is none: the command has looked at each already, this is for whoever speaks to the socket without it.
    """
    rows: Any = args.get(name) or []
    if not isinstance(rows, list):
        raise Refusal(f"{name} must be a list", 2)
    types = list(columns.values())
    for row in rows:
        if not (isinstance(row, list) and [type(value) for value in row] == types):
            raise Refusal(f"an entry is [{', '.join(columns)}], not {row!r}"[:200], 2)
        for column, value in zip(columns, row, strict=True):
            if isinstance(value, str):
                _whole(column, value)
            elif not 0 <= value < LATEST:
                raise Refusal(f"{column}: {value} is no moment in Unix ms", 2)
        if row[0] and not _CANONICAL.fullmatch(row[0]):
            raise Refusal(f"{row[0]!r} is not in international form: use +33612345678"[:200], 2)
    return rows


_CANONICAL = re.compile(r"\+[1-9][0-9]{6,14}")


def _whole(name: str, text: str) -> str:
    """A text without half characters: JSON can spell them, no store can keep them."""
    if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
        raise Refusal(f"{name} holds half a character", 2)
    return text
