"""chappe consents: who has agreed to marketing, by account or brand, with proof; list, add, revoke, import, export."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from gateway.cli.csv_lists import CsvFile, Row, Scopes, export_list, moment, number, too_long
from gateway.cli.messages import Moment
from gateway.cli.output import Daemon, reads, table

__all__ = ["consents"]

_FIELDS = ("number", "scope", "reference", "source", "text", "at", "state")
_EXPORTED = ("number", "scope", "state", "reference", "source", "text", "at", "key")
_LONGEST, _LONGEST_REFERENCE = 1_000, 128

_scope = click.option("--scope", required=True, help="Whose marketing it covers: account:NAME or brand:NAME.")


@click.group("consents")
def consents() -> None:
    """Proofs of consent to marketing: to whom, when, where, and what the person was shown."""


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────────────
@consents.command("list")
@click.option("--scope", help="Only this one: account:NAME, brand:NAME.")
@click.option("--number", help="Only this number, with everything that led to it.")
@click.option("--reference", help="Only the proof for many that has this reference.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--unmasked", is_flag=True, help="Numbers in full.")
@reads
def list_(daemon: Daemon, **wanted: Any) -> None:
    """What holds now, revoked ones too."""
    daemon.show(daemon.ask("consents", **wanted), _listed)


def _listed(answer: Any) -> list[str]:
    counts = ", ".join(f"{scope} {count}" for scope, count in answer["counts"].items())
    lines = [f"{answer['total']} consents" + (f": {counts}" if counts else "")]
    columns = ("number", "scope", "state", "at", "reference", "source", "text")
    rows = [tuple(_cell(c, column) for column in columns) for c in answer["consents"]]
    if rows:
        lines += ["", *table(columns, rows)]
    if answer["more"]:
        lines.append("and more: --limit, --scope or export")
    if answer["story"]:
        names = ("at", "act", "scope", "reference", "source", "text", "who")
        lines += ["", *table(names, [tuple(act[name] or "-" for name in names) for act in answer["story"]])]
    return lines


def _cell(entry: Mapping[str, Any], column: str) -> Any:
    if column == "number" and not entry["number"]:
        return "(erased)" if entry["number"] is None else "(many)"
    return entry[column] or "-"


# ── one of them ──────────────────────────────────────────────────────────────────────────────────────────────
@consents.command("add")
@click.argument("number", required=False)
@_scope
@click.option("--reference", help="As the application names it (TLV 0x1502); without a number, for many.")
@click.option("--source", required=True, help="Where it was given: a form, a till, a contract.")
@click.option("--text", help="What the person was shown.")
@click.option("--at", type=Moment(-1), help="When: 7d, 2h (ago) or RFC 3339; now if it is left out.")
@click.option("--unmasked", is_flag=True, help="The number in full.")
@reads
def add(daemon: Daemon, **proof: Any) -> None:
    """Keep a proof, of one number or, by its reference alone, of many."""
    words = {True: "consent kept", False: "this proof was kept already"}
    answer = daemon.ask("consents.add", **proof)
    daemon.show(answer, lambda a: [f"{_who(a)}: {words[bool(a['added'])]} ({a['scope']})"])


@consents.command("revoke")
@click.argument("number", required=False)
@_scope
@click.option("--reference", help="Instead of a number: the proof for many that has this reference.")
@click.option("--source", required=True, help="Why it is withdrawn: kept as proof.")
@click.option("--unmasked", is_flag=True, help="The number in full.")
@reads
def revoke(daemon: Daemon, **proof: Any) -> None:
    """Withdraw a consent; marketing to that number ends, waiting messages included. The history stays."""
    words = {True: "consent revoked", False: "was revoked already"}
    answer = daemon.ask("consents.revoke", **proof)
    daemon.show(answer, lambda a: [f"{_who(a)}: {words[bool(a['revoked'])]} ({a['scope']})"])


def _who(answer: Mapping[str, Any]) -> str:
    return answer["number"] or f"reference {answer['reference']}"


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────
@consents.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--scope", help="For lines that name none.")
@click.option("--rejects", type=click.Path(dir_okay=False, path_type=Path), help="Else FILE.rejects.csv.")
@click.option("--partial", is_flag=True, help="Apply the good lines although others are refused.")
@reads
def import_(daemon: Daemon, file: Path, scope: str | None, rejects: Path | None, partial: bool) -> None:
    """Keep the proofs of a CSV file: number, scope, reference, source, text, at, state (given, or revoked for one that
    was withdrawn); a heading may name them in another order.
    """
    from gateway.rules.kept_consents import consent_scope_fault  # when it is needed: it takes a while to come

    scopes = Scopes(daemon, scope or "", consent_scope_fault)
    entries = CsvFile(file, "consents.import", _FIELDS, lambda cells: _entry(cells, scopes))
    told = entries.apply(daemon, rejects, partial)
    daemon.show(told, _imported)
    if told["rejected"]:
        sys.exit(1)


def _imported(told: Any) -> list[str]:
    revoked = f"{told['revoked']} revoked, " if told.get("revoked") else ""
    first = f"{told['added']} consents kept, {revoked}{told['known']} were already, of {told['lines']} lines"
    return [first, *CsvFile.refused(told)]


def _entry(cells: Mapping[str, str], scopes: Scopes) -> tuple[Row, str]:
    """What a line says, or what is wrong with it and what to do."""
    reference, source, text = (cells.get(name, "") for name in ("reference", "source", "text"))
    found = fault = ""
    if cells.get("number", "") or not reference:
        found, fault = number(cells.get("number", ""))
    state = cells.get("state", "").lower()
    if state not in ("", "given", "revoked"):
        fault = fault or f"{state!r} is no state: use given or revoked, or leave it empty"
    scope, no_scope = scopes.named(cells.get("scope", ""))
    fault = fault or no_scope
    at, no_moment = moment(cells.get("at", ""))
    fault = fault or no_moment or too_long("reference", reference, _LONGEST_REFERENCE)
    fault = fault or too_long("source", source, _LONGEST) or too_long("text", text, _LONGEST)
    return [found, scope, reference, source, text, at, state], fault


@consents.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option("--scope", help="Only this one.")
@click.option(
    "--unmasked", is_flag=True, help="Numbers in full, as an import needs them; the audit log tells of it."
)
@reads
def export(daemon: Daemon, file: Path | None, scope: str | None, unmasked: bool) -> None:
    """The list as CSV, into FILE or to standard output; as JSON lines with --json. Erased numbers are empty."""
    export_list(daemon, "consents", _EXPORTED, file, ["0", "0"], scope=scope, unmasked=unmasked)
