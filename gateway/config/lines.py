"""On which line of a TOML text a key stands.

tomllib gives values without places. This walks a text that tomllib has accepted (so it need not judge it)
and notes the line of each table, key and list element: headers, dotted keys, inline tables, arrays of
tables, multi-line strings. Pure.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

from gateway.settings import KeyPath

__all__ = ["line_of", "lines"]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]+")
_STRING = re.compile(r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\])*"|\'[^\']*\'', re.DOTALL)


def lines(text: str) -> dict[KeyPath, int]:
    """Path of keys -> line, the first being 1. The text must be valid TOML."""
    return _Walk(text).places


def line_of(places: Mapping[KeyPath, int], path: KeyPath) -> int:
    """The line of a path, or of the nearest table above it (a key that is missing has no line); else 0."""
    while path and path not in places:
        path = path[:-1]
    return places.get(path, 0)


class _Walk:
    """One pass over the text. `at` is the place reached; `counts` knows the arrays of tables."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.places: dict[KeyPath, int] = {}
        self.counts: dict[KeyPath, int] = {}
        table: KeyPath = ()
        self.blank()
        while self.at < len(text):
            if text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)
            self.blank()

    def blank(self) -> None:
        """Past spaces, line ends and comments."""
        match = _BLANK.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def note(self, path: KeyPath) -> None:
        self.places.setdefault(path, self.text.count("\n", 0, self.at) + 1)

    def header(self) -> KeyPath:
        """`[a.b]` or `[[a.b]]`: the table that the next keys belong to."""
        many = self.text.startswith("[[", self.at)
        start = self.at
        self.at += 2 if many else 1
        keys = self.key()
        end = self.at
        self.at = start
        path: KeyPath = ()
        for depth, key in enumerate(keys, 1):
            path = (*path, key)
            self.note(path)
            if many and depth == len(keys):
                self.counts[path] = self.counts.get(path, -1) + 1
            if path in self.counts:
                path = (*path, self.counts[path])
                self.note(path)
        self.at = end + (2 if many else 1)
        return path

    def key(self) -> KeyPath:
        """`a."b c".d`, ending before `=` or `]`."""
        keys: list[str] = []
        while True:
            self.blank()
            quoted = self.text[self.at] in "\"'"
            match = (_STRING if quoted else _BARE_KEY).match(self.text, self.at)
            assert match is not None, "the text is valid TOML"
            keys.append(tomllib.loads(f"k = {match[0]}")["k"] if quoted else match[0])
            self.at = match.end()
            self.blank()
            if self.text[self.at] != ".":
                return tuple(keys)
            self.at += 1

    def pair(self, table: KeyPath) -> None:
        """`key = value`."""
        start = self.at
        keys = self.key()
        end, self.at = self.at, start
        for depth in range(len(keys)):
            self.note((*table, *keys[: depth + 1]))
        self.at = end + 1  # the equals sign
        self.blank()
        self.value((*table, *keys))

    def value(self, path: KeyPath) -> None:
        first = self.text[self.at]
        if first == "[":
            self.members(path, "]")
        elif first == "{":
            self.members(path, "}")
        else:
            match = (_STRING if first in "\"'" else _SCALAR).match(self.text, self.at)
            assert match is not None, "the text is valid TOML"
            self.at = match.end()

    def members(self, path: KeyPath, close: str) -> None:
        """Inside `[…]` the elements, inside `{…}` the pairs."""
        self.at += 1
        index = 0
        while True:
            self.blank()
            if self.text[self.at] == close:
                self.at += 1
                return
            if self.text[self.at] == ",":
                self.at += 1
            elif close == "}":
                self.pair(path)
            else:
                self.note((*path, index))
                self.value((*path, index))
                index += 1
