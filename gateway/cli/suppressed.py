"""chappe suppressed: numbers that get no marketing since carriers call them unknown (see csv_lists.py for files)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from gateway.cli.csv_lists import CsvFile, Row, export_list, moment, number, too_long
from gateway.cli.output import Daemon, reads, table

__all__ = ["suppressed"]

_FIELDS = ("number", "since", "until", "reason")
_EXPORTED = ("number", "since", "until", "reason", "receipts", "bearer", "code", "message", "source", "key")
_LONGEST = 200


@click.group("suppressed")
def suppressed() -> None:
    """Numbers that carriers call unknown: no marketing goes there, for a time."""


@suppressed.command("list")
@click.option("--number", help="Only this number, with what was counted against it.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--unmasked", is_flag=True, help="Numbers in full.")
@reads
def list_(daemon: Daemon, **wanted: Any) -> None:
    """What holds now, and why."""
    daemon.show(daemon.ask("suppressed", **wanted), _listed)


def _listed(answer: Any) -> list[str]:
    lines = [f"{answer['total']} suppressed"]
    columns = (
        "number",
        "state",
        "since",
        "until",
        "reason",
        "receipts",
        "bearer",
        "code",
        "message",
        "source",
    )
    rows = [tuple(entry[column] for column in columns) for entry in answer["suppressed"]]
    if rows:
        lines += ["", *table(columns, rows)]
    if answer["more"]:
        lines.append("and more: --limit, --number or export")
    return lines


@suppressed.command("add")
@click.argument("number")
@click.option("--days", type=click.IntRange(1, 36_500), help="For how long; else rules.suppress.days.")
@click.option("--reason", help="Why: shown with it.")
@click.option("--unmasked", is_flag=True, help="The number in full.")
@reads
def add(daemon: Daemon, **entry: Any) -> None:
    """Suppress a number by hand; waiting marketing to it is refused when its turn comes."""
    words = {True: "suppressed", False: "was suppressed already"}
    daemon.show(daemon.ask("suppressed.add", **entry), lambda a: [f"{a['number']} {words[bool(a['added'])]}"])


@suppressed.command("remove")
@click.argument("number")
@click.option("--unmasked", is_flag=True, help="The number in full.")
@reads
def remove(daemon: Daemon, **entry: Any) -> None:
    """Forget what is known against a number."""
    words = {True: "may have marketing again", False: "was not suppressed"}
    daemon.show(
        daemon.ask("suppressed.remove", **entry), lambda a: [f"{a['number']} {words[bool(a['removed'])]}"]
    )


@suppressed.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--rejects", type=click.Path(dir_okay=False, path_type=Path), help="Else FILE.rejects.csv.")
@click.option("--partial", is_flag=True, help="Apply the good lines although others are refused.")
@reads
def import_(daemon: Daemon, file: Path, rejects: Path | None, partial: bool) -> None:
    """Suppress the numbers of a CSV file: number, since, until, reason; a heading may name them in another order."""
    told = CsvFile(file, "suppressed.import", _FIELDS, _entry).apply(daemon, rejects, partial)
    daemon.show(told, _imported)
    if told["rejected"]:
        sys.exit(1)


def _imported(told: Any) -> list[str]:
    first = f"{told['added']} suppressed, {told['known']} were already, of {told['lines']} lines"
    return [first, *CsvFile.refused(told)]


def _entry(cells: Mapping[str, str]) -> tuple[Row, str]:
    """What a line says, or what is wrong with it and what to do."""
    found, fault = number(cells.get("number", ""))
    since, no_since = moment(cells.get("since", ""))
    until, no_until = moment(cells.get("until", ""))
    reason = cells.get("reason", "")
    fault = fault or no_since or no_until or too_long("reason", reason, _LONGEST)
    if not fault and until and until <= since:
        fault = "until must be later than since"
    return [found, since, until, reason], fault


@suppressed.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option(
    "--unmasked", is_flag=True, help="Numbers in full, as an import needs them; the audit log tells of it."
)
@reads
def export(daemon: Daemon, file: Path | None, unmasked: bool) -> None:
    """The list as CSV, into FILE or to standard output; as JSON lines with --json."""
    export_list(daemon, "suppressed", _EXPORTED, file, str(-(2**63)), unmasked=unmasked)
