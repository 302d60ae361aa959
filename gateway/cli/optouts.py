"""chappe optouts: who wants no marketing, with proof; list, add, remove, import and export.

An import is judged line by line before anything is sent: each fault stands in the rejects file with its line and
what to do, and the good part is applied only with --partial. Run again, it adds what is missing and nothing twice.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import click

from drivers.sms import address
from gateway.cli.output import Daemon, reads, table
from gateway.control_client import ControlError

__all__ = ["optouts"]

_FIELDS = ("number", "scope", "at", "evidence")
_EXPORTED = ("number", "scope", "at", "evidence", "source", "key")
_SLICE_OCTETS = 40_000
_SLICE_ROWS = 800
_LONGEST = 200
_TELL = 2_000

Row = list[Any]


@click.group("optouts")
def optouts() -> None:
    """Who wants no marketing, from whom, since when and why we know."""


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────────────
@optouts.command("list")
@click.option(
    "--scope", help="Only this one: short_code:36180, sender:+33…, account:NAME, brand:NAME, global."
)
@click.option("--number", help="Only this number, with everything that led to it.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--unmasked", is_flag=True, help="Numbers and texts in full.")
@reads
def list_(daemon: Daemon, **wanted: Any) -> None:
    """What holds now."""
    daemon.show(daemon.ask("optouts", **wanted), _listed)


def _listed(answer: Any) -> list[str]:
    counts = ", ".join(f"{scope} {count}" for scope, count in answer["counts"].items())
    lines = [f"{answer['total']} opted out" + (f": {counts}" if counts else "")]
    columns = ("number", "scope", "state", "at", "until", "source", "evidence")
    rows = [
        tuple((o[column] or ("(erased)" if column == "number" else "-")) for column in columns)
        for o in answer["optouts"]
    ]
    if rows:
        lines += ["", *table(columns, rows)]
    if answer["more"]:
        lines.append("and more: --limit, --scope or export")
    if answer["story"]:
        acts = [
            tuple(act[c] for c in ("at", "act", "scope", "source", "evidence")) for act in answer["story"]
        ]
        lines += ["", *table(("at", "act", "scope", "source", "evidence"), acts)]
    return lines


# ── one number ───────────────────────────────────────────────────────────────────────────────────────────────
@optouts.command("add")
@click.argument("number")
@click.option(
    "--scope", required=True, help="What it covers: short_code:36180, account:NAME, brand:NAME, global."
)
@click.option("--evidence", help="How you know: kept as proof.")
@click.option("--unmasked", is_flag=True, help="The number in full.")
@reads
def add(daemon: Daemon, **entry: Any) -> None:
    """Opt a number out by hand; marketing that waits for it is refused."""
    words = {True: "opted out", False: "had opted out already"}
    daemon.show(
        daemon.ask("optouts.add", **entry),
        lambda a: [f"{a['number']} {words[bool(a['added'])]} ({a['scope']})"],
    )


@optouts.command("remove")
@click.argument("number")
@click.option("--scope", required=True, help="Which of its opt-outs.")
@click.option("--evidence", required=True, help="The new consent: kept as proof.")
@click.option("--unmasked", is_flag=True, help="The number in full.")
@reads
def remove(daemon: Daemon, **entry: Any) -> None:
    """Withdraw an opt-out, on proof. The history stays."""
    words = {True: "may have marketing again", False: "had not opted out"}
    daemon.show(
        daemon.ask("optouts.remove", **entry),
        lambda a: [f"{a['number']} {words[bool(a['removed'])]} ({a['scope']})"],
    )


# ── import ───────────────────────────────────────────────────────────────────────────────────────────────────
@optouts.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--scope", help="For lines that name none.")
@click.option("--rejects", type=click.Path(dir_okay=False, path_type=Path), help="Else FILE.rejects.csv.")
@click.option("--partial", is_flag=True, help="Apply the good lines although others are refused.")
@reads
def import_(daemon: Daemon, file: Path, scope: str | None, rejects: Path | None, partial: bool) -> None:
    """Opt out the numbers of a CSV file: number, scope, at, evidence; a heading may name them in another order."""
    rejects = rejects or file.with_name(file.name + ".rejects.csv")
    good, bad = _judge(file, scope or "", rejects)
    told = {
        "lines": good + bad,
        "rejected": bad,
        "rejects": str(rejects) if bad else None,
        "added": 0,
        "known": 0,
    }
    if not bad or partial:
        _send(daemon, file, scope or "", good, told)
    daemon.show(told, _imported)
    if bad:
        sys.exit(1)


def _imported(told: Any) -> list[str]:
    lines = [f"{told['added']} opted out, {told['known']} had already, of {told['lines']} lines"]
    if told["rejected"]:
        applied = (
            "" if told["added"] or told["known"] else "; nothing was applied: --partial applies the others"
        )
        lines.append(f"{told['rejected']} lines are refused, see {told['rejects']}{applied}")
    return lines


def _judge(file: Path, scope: str, rejects: Path) -> tuple[int, int]:
    """(good, refused); the rejects file is written when there is something to say, for its owner's eyes."""
    good = bad = 0
    out: IO[str] | None = None
    try:
        with click.progressbar(length=file.stat().st_size, label="checking", file=sys.stderr) as bar:
            for line, row, fault, octets in _lines(file, scope):
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
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ControlError(f"{file}: {error}: a CSV file in UTF-8 is wanted") from error
    finally:
        if out is not None:
            out.close()
    return good, bad


def _send(daemon: Daemon, file: Path, scope: str, good: int, told: dict[str, Any]) -> None:
    name = file.name
    daemon.ask("optouts.import", file=name, begin=f"{good} lines")
    with click.progressbar(length=good, label="importing", file=sys.stderr) as bar:
        for entries in _slices(file, scope):
            answer = daemon.ask("optouts.import", file=name, entries=entries)
            told["added"] += answer["added"]
            told["known"] += answer["known"]
            bar.update(len(entries))
    daemon.ask(
        "optouts.import",
        file=name,
        end=f"{told['added']} added, {told['known']} known, {told['rejected']} refused",
    )


def _slices(file: Path, scope: str) -> Iterator[list[Row]]:
    """The good lines, as many at once as a request may hold."""
    entries: list[Row] = []
    octets = 0
    for _, row, fault, _ in _lines(file, scope):
        if fault:
            continue
        entries.append(row)
        octets += len(json.dumps(row)) + 2
        if octets > _SLICE_OCTETS or len(entries) == _SLICE_ROWS:
            yield entries
            entries, octets = [], 0
    if entries:
        yield entries


def _lines(file: Path, scope: str) -> Iterator[tuple[int, Row, str, int]]:
    """Each line with its number: (line, [number, scope, ms, evidence], "", octets so far), or the row and its fault."""
    octets = 0
    with file.open(encoding="utf-8-sig", newline="") as text:
        places: Sequence[str] = _FIELDS
        reader = csv.reader(text)
        for cells in reader:
            octets += sum(map(len, cells)) + len(cells) + 1
            if not any(cell.strip() for cell in cells):
                continue
            if reader.line_num == 1 and "number" in (heading := [cell.strip().lower() for cell in cells]):
                places = heading
                continue
            entry, fault = _entry(dict(zip(places, cells, strict=False)), scope)
            yield reader.line_num, entry if not fault else cells, fault, octets


def _entry(cells: dict[str, str], scope: str) -> tuple[Row, str]:
    """What a line says, or what is wrong with it and what to do."""
    said = cells.get("number", "").strip()
    number, fault = _number(said)
    scope = cells.get("scope", "").strip() or scope
    fault = fault or ("no scope: name it in the line or with --scope" if not scope else _scope_fault(scope))
    at, when = 0, cells.get("at", "").strip()
    if when and not fault:
        try:
            at = int(datetime.fromisoformat(when).timestamp() * 1000)
        except (ValueError, OverflowError):
            fault = f"{when!r} is no moment: use 2026-03-01T08:00:00+01:00, or leave it empty"
    evidence = cells.get("evidence", "").strip()
    if len(evidence) > _LONGEST:
        fault = fault or f"evidence has {len(evidence)} characters: at most {_LONGEST}"
    return [number, scope, at, evidence], fault


def _number(said: str) -> tuple[str, str]:
    digits = said.translate(_UNSAID)
    if digits[:1] == "+" and digits[1:].isdecimal() and digits.isascii() and 8 <= len(digits) <= 16:
        return digits, ""
    try:
        number = address.destination(0, 0, digits.encode("latin-1"))
    except (address.AddressError, UnicodeEncodeError) as error:
        return "", f"{said!r}: {error}" if said else "no number"
    if not number.startswith("+"):
        return "", f"{said!r} is not in international form: use +33612345678"
    return number, ""


_UNSAID = {ord(c): None for c in " .-()"}
_known_scopes: dict[str, str] = {}


def _scope_fault(scope: str) -> str:
    """As the daemon judges it; imported when it is needed, and asked once for each scope."""
    fault = _known_scopes.get(scope)
    if fault is None:
        from gateway.rules.optouts import scope_fault

        fault = _known_scopes[scope] = scope_fault(scope)
    return fault


# ── export ───────────────────────────────────────────────────────────────────────────────────────────────────
@optouts.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option("--scope", help="Only this one.")
@click.option(
    "--unmasked", is_flag=True, help="Numbers in full, as an import needs them; the audit log tells of it."
)
@reads
def export(daemon: Daemon, file: Path | None, scope: str | None, unmasked: bool) -> None:
    """The list as CSV, into FILE or to standard output; as JSON lines with --json. Erased numbers are empty."""
    if file is None:
        _export(daemon, sys.stdout, scope, unmasked)
        return
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ControlError(f"{file}: {error.strerror}") from error
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
        count = _export(daemon, out, scope, unmasked)
    click.echo(f"{file}: {count} opt-outs", err=True)


def _export(daemon: Daemon, out: IO[str], scope: str | None, unmasked: bool) -> int:
    writer = csv.DictWriter(out, _EXPORTED, extrasaction="ignore", lineterminator="\n")
    if not daemon.as_json:
        writer.writeheader()
    count, after = 0, ["0", "0"]
    while after:
        page = daemon.ask("optouts.export", scope=scope, unmasked=unmasked, after=after)
        for entry in page["optouts"]:
            if daemon.as_json:
                out.write(json.dumps(entry, ensure_ascii=False) + "\n")
            else:
                writer.writerow(entry)
        count += len(page["optouts"])
        after = page["after"]
    return count
