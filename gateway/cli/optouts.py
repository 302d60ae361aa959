"""chappe optouts: who wants no marketing, with proof; list, add, remove, import and export (see csv_lists.py)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from gateway.cli.csv_lists import CsvFile, Row, Scopes, export_list, moment, number, too_long
from gateway.cli.output import Daemon, reads, table

__all__ = ["optouts"]

_FIELDS = ("number", "scope", "at", "evidence")
_EXPORTED = ("number", "scope", "at", "evidence", "source", "key")
_LONGEST = 200


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


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────
@optouts.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--scope", help="For lines that name none.")
@click.option("--rejects", type=click.Path(dir_okay=False, path_type=Path), help="Else FILE.rejects.csv.")
@click.option("--partial", is_flag=True, help="Apply the good lines although others are refused.")
@reads
def import_(daemon: Daemon, file: Path, scope: str | None, rejects: Path | None, partial: bool) -> None:
    """Opt out the numbers of a CSV file: number, scope, at, evidence; a heading may name them in another order."""
    from gateway.rules.optouts import scope_fault  # when it is needed: it takes a while to come

    scopes = Scopes(daemon, scope or "", scope_fault)
    entries = CsvFile(file, "optouts.import", _FIELDS, lambda cells: _entry(cells, scopes))
    told = entries.apply(daemon, rejects, partial)
    daemon.show(told, _imported)
    if told["rejected"]:
        sys.exit(1)


def _imported(told: Any) -> list[str]:
    first = f"{told['added']} opted out, {told['known']} had already, of {told['lines']} lines"
    return [first, *CsvFile.refused(told)]


def _entry(cells: Mapping[str, str], scopes: Scopes) -> tuple[Row, str]:
    """What a line says, or what is wrong with it and what to do."""
    found, fault = number(cells.get("number", ""))
    scope, no_scope = scopes.named(cells.get("scope", ""))
    at, no_moment = moment(cells.get("at", ""))
    evidence = cells.get("evidence", "")
    fault = fault or no_scope or no_moment or too_long("evidence", evidence, _LONGEST)
    return [found, scope, at, evidence], fault


@optouts.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option("--scope", help="Only this one.")
@click.option(
    "--unmasked", is_flag=True, help="Numbers in full, as an import needs them; the audit log tells of it."
)
@reads
def export(daemon: Daemon, file: Path | None, scope: str | None, unmasked: bool) -> None:
    """The list as CSV, into FILE or to standard output; as JSON lines with --json. Erased numbers are empty."""
    export_list(daemon, "optouts", _EXPORTED, file, ["0", "0"], scope=scope, unmasked=unmasked)
