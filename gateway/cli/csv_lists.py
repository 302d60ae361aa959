"""Lists of numbers as CSV files, for opt-outs, suppressed numbers and consents: judged, imported, exported.

An import is judged line by line before anything is sent: each fault stands in the rejects file with its line and
what to do, and the good part is applied only with --partial. Run again, it adds what is missing and nothing twice.
"""

from __future__ import annotations

import csv
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any

import click

from drivers.sms import address
from gateway.cli.output import Daemon
from gateway.control_client import ControlError

__all__ = ["CsvFile", "Row", "Scopes", "export_list", "moment", "number", "too_long"]

_SLICE_OCTETS = 40_000
_SLICE_ROWS = 800
_TELL = 2_000
_KEYS = 2_000
_ORDER, _SCOPE = "optouts.order", "optouts.scope"
_CHUNK = 100_000
"""Lines that are put in order together: some 50 MB."""

Row = list[Any]
"""An entry as the daemon's `….import` takes it."""
Entry = Callable[[Mapping[str, str]], tuple[Row, str]]
"""Judges the cells of one line, by the names of their columns: the row, and "" or what is wrong and what to do."""


# ── cells ────────────────────────────────────────────────────────────────────────────────────────────────────
def number(said: str) -> tuple[str, str]:
    """The canonical number in a cell, or "" and its fault."""
    digits = said.replace("(0)", "").translate(_UNSAID)
    if (
        digits[:1] == "+"
        and digits[1:2] != "0"
        and digits[1:].isdecimal()
        and digits.isascii()
        and 8 <= len(digits) <= 16
    ):
        return digits, ""
    try:
        found = address.destination(0, 0, digits.encode("latin-1", "replace"))
    except address.AddressError as error:
        return "", f"{said!r}: {error}" if said else "no number"
    if not found.startswith("+"):
        return "", f"{said!r} is not in international form: use +33612345678"
    if (
        digits[0] not in "+0" and len(digits) < _SURE
    ):  # a spreadsheet has taken the 0 of 0612345678, or the whole prefix
        return "", f"{said!r} may have lost its prefix: write it with +, as +33612345678"
    return found, ""


_UNSAID = {ord(c): None for c in " .-()/\t\u00a0\u2009\u202f\u2011"}
_CANONICAL = re.compile(r"\+[1-9][0-9]{6,14}")
_SURE = 10
"""Digits from which a number without + is taken to begin with its country."""
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


def moment(said: str) -> tuple[int, str]:
    """Unix ms of a cell, 0 for an empty one; or 0 and its fault."""
    if not said:
        return 0, ""
    try:
        at = datetime.fromisoformat(said).astimezone(UTC)
    except (ValueError, OverflowError):
        return 0, f"{said!r} is no moment: use 2026-03-01T08:00:00+01:00, or leave it empty"
    if not _FIRST < at < _LAST:
        return 0, f"{said!r} is no moment between 1970 and 9999: leave it empty if nobody knows it"
    return int(at.timestamp() * 1000), ""


def too_long(name: str, said: str, most: int) -> str:
    return f"{name} has {len(said)} characters: at most {most}" if len(said) > most else ""


class Scopes:
    """Judges what lines are about, each scope once. form: what is wrong with its form; the daemon knows whether
    somebody has that account or brand. default: for lines that name none.
    """

    def __init__(self, daemon: Daemon, default: str, form: Callable[[str], str]) -> None:
        self._daemon = daemon
        self._default = default
        self._form = form
        self._known: dict[str, str] = {}

    def named(self, said: str) -> tuple[str, str]:
        """The scope of a cell, and what is wrong with it."""
        scope = said or self._default
        fault = self._known.get(scope)
        if fault is None:
            fault = self._known[scope] = self._fault(scope)
        return scope, fault

    def _fault(self, scope: str) -> str:
        if not scope:
            return "no scope: name it in the line or with --scope"
        fault = self._form(scope)
        if fault or not scope.startswith(("account:", "brand:")):
            return fault
        return str(self._daemon.ask(_SCOPE, scope=scope)["fault"])


# ── import ───────────────────────────────────────────────────────────────────────────────────────────────────
class CsvFile:
    """A file to import. verb: the daemon's, like "optouts.import". fields: its columns where no heading names them.

    Columns come in any order when the first line names them, `number` among them.
    """

    def __init__(self, path: Path, verb: str, fields: Sequence[str], entry: Entry) -> None:
        self._path = path
        self._verb = verb
        self._fields = fields
        self._entry = entry
        self._line = 1

    def apply(self, daemon: Daemon, rejects: Path | None, partial: bool) -> dict[str, Any]:
        """What became of it: lines, rejected, rejects, added, known. Raises ControlError."""
        rejects = rejects or self._path.with_name(self._path.name + ".rejects.csv")
        good, bad = self._judge(rejects)
        told: dict[str, Any] = {
            "lines": good + bad,
            "rejected": bad,
            "rejects": str(rejects) if bad else None,
            "added": 0,
            "known": 0,
        }
        if not bad or partial:
            self._send(daemon, good, told)
        return told

    @staticmethod
    def refused(told: Mapping[str, Any]) -> list[str]:
        """The line about what was not applied, if there is one."""
        if not told["rejected"]:
            return []
        applied = (
            "" if told["added"] or told["known"] else "; nothing was applied: --partial applies the others"
        )
        return [f"{told['rejected']} lines are refused, see {told['rejects']}{applied}"]

    def _judge(self, rejects: Path) -> tuple[int, int]:
        """(good, refused); the rejects file is written when there is something to say, for its owner's eyes."""
        good = bad = 0
        out: IO[str] | None = None
        try:
            with click.progressbar(
                length=self._path.stat().st_size, label="checking", file=sys.stderr
            ) as bar:
                for line, row, fault, octets in self._lines():
                    good += not fault
                    if fault:
                        bad += 1
                        if out is None:
                            handle = os.open(rejects, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                            out = os.fdopen(handle, "w", encoding="utf-8", newline="")
                            csv.writer(out).writerow(("line", "reason", "row"))
                        csv.writer(out).writerow((line, fault, ",".join(map(str, row))))
                    if (good + bad) % _TELL == 0:
                        bar.update(max(0, octets - bar.pos))
                bar.update(max(0, bar.length or 0) - bar.pos)
        except UnicodeDecodeError as error:
            raise ControlError(f"{self._path}: {error.reason}: a CSV file in UTF-8 is wanted") from error
        except (OSError, csv.Error) as error:
            where = f"line {self._line}: " if isinstance(error, csv.Error) else ""
            raise ControlError(f"{self._path}: {where}{error}: a CSV file in UTF-8 is wanted") from error
        finally:
            if out is not None:
                out.close()
        return good, bad

    def _send(self, daemon: Daemon, good: int, told: dict[str, Any]) -> None:
        name = self._path.name
        daemon.ask(self._verb, file=name, begin=f"{good} lines")
        with click.progressbar(length=good, label="importing", file=sys.stderr) as bar:
            for entries in self._slices(self._ordered(daemon)):
                answer = daemon.ask(self._verb, file=name, entries=entries)
                for word, count in answer.items():
                    told[word] = told.get(word, 0) + count
                bar.update(len(entries))
        revoked = f"{told['revoked']} revoked, " if told.get("revoked") else ""
        end = f"{told['added']} added, {revoked}{told['known']} known, {told['rejected']} refused"
        daemon.ask(self._verb, file=name, end=end)

    def _ordered(self, daemon: Daemon) -> Iterator[Row]:
        """The good lines, so many at a time in the order in which the store keeps their numbers (by digest): long lists
        are written in a fifth of the time. Lines of one number stay in theirs.
        """
        good = (row for _, row, fault, _ in self._lines() if not fault)
        while chunk := list(islice(good, _CHUNK)):
            keys: list[int] = []
            for start in range(0, len(chunk), _KEYS):
                numbers = [row[0] for row in chunk[start : start + _KEYS]]
                keys += daemon.ask(_ORDER, numbers=numbers)["keys"]
            for index in sorted(range(len(chunk)), key=keys.__getitem__):
                yield chunk[index]

    def _slices(self, rows: Iterator[Row]) -> Iterator[list[Row]]:
        """As many at once as a request may hold."""
        entries: list[Row] = []
        octets = 0
        for row in rows:
            size = len(json.dumps(row)) + 2
            if entries and (octets + size > _SLICE_OCTETS or len(entries) == _SLICE_ROWS):
                yield entries
                entries, octets = [], 0
            entries.append(row)
            octets += size
        if entries:
            yield entries

    def _lines(self) -> Iterator[tuple[int, Row, str, int]]:
        """Each line: (its number, the entry, "", octets so far), or the row as it was read and its fault."""
        octets = 0
        with self._path.open(encoding="utf-8-sig", newline="") as text:
            places = self._fields
            separator = _separator(text.readline())
            text.seek(0)
            # strict: a quote that is never closed would swallow the lines behind it, and the objections in them
            reader = csv.reader(text, delimiter=separator, strict=True)
            before = 0
            while (cells := next(reader, None)) is not None:
                line, before = before + 1, reader.line_num
                self._line = before + 1
                octets += sum(map(len, cells)) + len(cells) + 1
                if not any(cell.strip() for cell in cells):
                    continue
                if line == 1 and "number" in (heading := [cell.strip().lower() for cell in cells]):
                    places = heading
                    continue
                named = {name: cell.strip() for name, cell in zip(places, cells, strict=False)}
                entry, fault = self._entry(named)
                if not fault and (before > line or len(cells) > len(places)):
                    fault = _misread(places, cells)
                yield line, entry if not fault else cells, fault, octets


def _separator(first: str) -> str:
    """Of a spreadsheet's cells: comma, and where it writes decimals with that, semicolon; or a tab."""
    return max(",;\t", key=re.sub(r'"[^"]*"', "", first).count)


def _misread(places: Sequence[str], cells: Sequence[str]) -> str:
    """What shows that a line was not written as it was read; "" when nothing does."""
    if any(cell.strip() for cell in cells[len(places) :]):
        return f"{len(cells)} cells where {len(places)} belong: put a text that holds the separator in quotes"
    for name, cell in zip(places, cells, strict=False):
        if name != "text" and ("\n" in cell or "\r" in cell):
            return f"{name} goes over several lines: is a quote not closed?"
    return ""


# ── export ───────────────────────────────────────────────────────────────────────────────────────────────────
def export_list(
    daemon: Daemon, name: str, columns: Sequence[str], file: Path | None, first: Any, **wanted: Any
) -> None:
    """The list `name` as CSV, into a new file or to standard output; as JSON lines with --json. first: the place
    where its first page begins. Raises ControlError.
    """
    if file is None:
        _export(daemon, name, columns, sys.stdout, first, wanted)
        return
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ControlError(f"{file}: {error.strerror}") from error
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
        count = _export(daemon, name, columns, out, first, wanted)
    click.echo(f"{file}: {count} {'opt-outs' if name == 'optouts' else name}", err=True)


def _export(
    daemon: Daemon, name: str, columns: Sequence[str], out: IO[str], first: Any, wanted: Mapping[str, Any]
) -> int:
    writer = csv.DictWriter(out, columns, extrasaction="ignore", lineterminator="\n")
    if not daemon.as_json:
        writer.writeheader()
    count, after = 0, first
    while after:
        page = daemon.ask(f"{name}.export", **wanted, after=after)
        for entry in page[name]:
            if daemon.as_json:
                out.write(json.dumps(entry, ensure_ascii=False) + "\n")
            else:
                writer.writerow(entry)
        count += len(page[name])
        after = page["after"]
    return count
