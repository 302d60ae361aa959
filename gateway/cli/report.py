"""report: what became of a campaign, an account's messages, or all of a period; as a table, CSV or JSON."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from typing import Any

import click

from gateway.cli.messages import Moment
from gateway.cli.output import Daemon, duration, reads, table
from gateway.control_client import ControlError

__all__ = ["report"]

_SHORT = ("reçu", "échec", "erreur", "inconnu", "non routé", "transmis", "recrédité")
"""The seven lines as headings of columns."""


@click.command("report")
@click.option("--tag", help="One campaign.")
@click.option("--account", help="One account.")
@click.option("--since", type=Moment(-1), default="7d", show_default=True, help="7d, 2h, or RFC 3339.")
@click.option("--until", type=Moment(-1), help="The same; now if it is left out.")
@click.option("--by", type=click.Choice(["day", "bearer", "account", "tag"]), help="One line for each.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV: one row for each group, or for the whole.")
@reads
def report(daemon: Daemon, as_csv: bool, **wanted: Any) -> None:
    """The seven lines of what was taken in a period: messages, shares, segments; and what still waits."""
    if as_csv and daemon.as_json:
        raise ControlError("--csv or --json, not both", 2)
    found = daemon.ask("report", **wanted)
    if as_csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows(_cells(found))
    else:
        daemon.show(found, _by_groups if found.get("by") else _reported)


def _reported(found: Any) -> list[str]:
    rows = [
        (line["name"], line["messages"], f"{line['percent']:>5} %", line["segments"])
        for line in found["lines"]
    ]
    whole = ("total", found["messages"], "", found["segments"])
    lines = _heading(found)
    lines += table(("line", "messages", "share", "segments"), [*rows, whole])
    return [*lines, *_ending(found)]


def _heading(found: Any) -> list[str]:
    about = [f"{word} {found[word]}" for word in ("tag", "account") if found[word]]
    return [", ".join([*about, f"{found['since']} to {found['until']}"]), ""]


def _ending(found: Any) -> list[str]:
    """What is beside the seven lines."""
    waiting, latency, optouts = found["waiting"], found["latency_s"], found["optouts"]
    lines = ["", f"still waiting: {waiting['messages']} messages, {waiting['segments']} segments"]
    if optouts["percent"] is not None:
        lines.append(f"opt-outs: {optouts['stops']}, {optouts['percent']} % of the marketing received")
    if latency["p50"] is not None:
        lines.append(f"delivered within {duration(latency['p50'])} (half), {duration(latency['p95'])} (95 %)")
    return lines


def _by_groups(found: Any) -> list[str]:
    """A line for each group, its seven counts with their shares beside each other."""
    by = found["by"]
    rows = [(group[by] or "(none)", *_beside(group)) for group in found["groups"]]
    heads = (by, "messages", *_SHORT, "segments", "waiting", "opt-outs", "half within")
    return [*_heading(found), *table(heads, [*rows, ("total", *_beside(found))]), *_ending(found)]


def _beside(sums: Any) -> tuple[object, ...]:
    lines = (
        f"{line['messages']} ({line['percent']} %)" if line["messages"] else "0" for line in sums["lines"]
    )
    percent = sums["optouts"]["percent"]
    latency = sums["latency_s"]["p50"]
    return (
        sums["messages"], *lines, sums["segments"], sums["waiting"]["messages"],
        f"{percent} %" if percent is not None else "", duration(latency) if latency is not None else "",
    )  # fmt: skip


def _cells(found: Any) -> Iterator[list[object]]:
    """A heading, then a row for each group, or one for the whole; shares as they are printed."""
    by = found.get("by")
    head = [by] if by else []
    head += ["since", "until", "messages", "segments"]
    for line in found["lines"]:
        head += [line["line"], f"{line['line']}_percent"]
    yield [*head, "waiting", "optouts", "optouts_percent", "p50_s", "p95_s"]
    for sums in found["groups"] if by else [found]:
        row: list[object] = [sums[by]] if by else []
        row += [found["since"], found["until"], sums["messages"], sums["segments"]]
        for line in sums["lines"]:
            row += [line["messages"], line["percent"]]
        row += [sums["waiting"]["messages"], sums["optouts"]["stops"], sums["optouts"]["percent"]]
        yield [*row, sums["latency_s"]["p50"], sums["latency_s"]["p95"]]
