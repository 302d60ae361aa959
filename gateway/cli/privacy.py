"""chappe privacy: answer somebody who asks what is kept about his number, or who wants it erased."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from gateway.cli.output import Daemon, reads
from gateway.control_client import ControlError

__all__ = ["privacy"]

_TITLES = {
    "messages": "Messages to it",
    "replies": "Replies from it",
    "unfinished_replies": "Parts of replies that wait for the others",
    "unmatched_receipts": "Receipts that matched no message",
    "optouts": "Objections to marketing",
    "consents": "Consents to marketing",
    "suppressed": "Suppressed for marketing",
    "last_writers": "Who wrote last from a SIM",
    "audit": "Acts of operators",
}
_COUNTS = {
    "messages": "messages",
    "replies": "replies",
    "unfetched_replies": "replies that no application had fetched, dropped",
    "unfinished_replies": "parts of replies",
    "unmatched_receipts": "unmatched receipts",
    "optout_acts": "acts about objections (their keyed digest stays, and goes on protecting)",
    "consent_acts": "acts about consents (revoked)",
    "suppressed": "suppression",
    "ended": "waiting messages ended",
}


@click.group("privacy")
def privacy() -> None:
    """What is kept about one telephone number."""


@privacy.command("export")
@click.option("--number", required=True, help="In international form: +33612345678.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="A new file, mode 0600.")
@reads
def export(daemon: Daemon, number: str, output: Path | None) -> None:
    """Everything, whole, as people read it or as JSON; all messages are looked through, which takes its time."""
    answer = daemon.ask("privacy.export", number=number)
    if output is None:
        daemon.show(answer, _told)
        return
    try:
        handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ControlError(f"{output}: {error.strerror}") from error
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(daemon.written(answer, _told) + "\n")
    click.echo(f"{output}: written", err=True)


def _told(answer: Mapping[str, Any]) -> list[str]:
    lines = [f"What is kept about {answer['number']} (known as {answer['key']})"]
    for name, title in _TITLES.items():
        entries = answer[name]
        lines += ["", f"{title}: {len(entries) or 'none'}"]
        for entry in entries:
            lines += ["", *_entry(entry)]
    return lines


def _entry(entry: Mapping[str, Any], indent: str = "  ") -> list[str]:
    lines = []
    for name, value in entry.items():
        if isinstance(value, list):
            for part in value:
                lines += [f"{indent}{name}:", *_entry(part, indent + "  ")]
        elif value not in (None, ""):
            lines.append(f"{indent}{name.replace('_', ' ')}: {value}")
    return lines


@privacy.command("erase")
@click.option("--number", required=True, help="In international form: +33612345678.")
@click.option("--also-waiting", is_flag=True, help="End what still waits for it; otherwise that is refused.")
@reads
def erase(daemon: Daemon, **wanted: Any) -> None:
    """Take the number and its texts away, for good: from every row, free pages and the write-ahead log."""
    daemon.show(daemon.ask("privacy.erase", **wanted), _erased)


def _erased(answer: Mapping[str, Any]) -> list[str]:
    counts = [f"  {answer[name]} {words}" for name, words in _COUNTS.items() if answer[name]]
    lines = [f"erased (in the audit log as {answer['key']}):", *counts] if counts else ["nothing was kept"]
    if answer["audit_mentions"]:
        lines.append(
            f"  {answer['audit_mentions']} lines of the audit log hold the number, in operators' own words: they stay"
        )
    lines.append("backups that were made before still hold it: see docs/privacy.md")
    return lines
