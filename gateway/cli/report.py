"""report: what became of a campaign, an account's messages, or all of a period."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.messages import Moment
from gateway.cli.output import Daemon, duration, reads, table

__all__ = ["report"]


@click.command("report")
@click.option("--tag", help="One campaign.")
@click.option("--account", help="One account.")
@click.option("--since", type=Moment(-1), default="7d", show_default=True, help="7d, 2h, or RFC 3339.")
@click.option("--until", type=Moment(-1), help="The same; now if it is left out.")
@reads
def report(daemon: Daemon, **wanted: Any) -> None:
    """The seven lines of what was taken in a period: messages, shares, segments; and what still waits."""
    daemon.show(daemon.ask("report", **wanted), _reported)


def _reported(found: Any) -> list[str]:
    rows = [
        (line["name"], line["messages"], f"{line['percent']:>5} %", line["segments"])
        for line in found["lines"]
    ]
    whole = ("total", found["messages"], "", found["segments"])
    waiting, latency = found["waiting"], found["latency_s"]
    about = [f"{word} {found[word]}" for word in ("tag", "account") if found[word]]
    lines = [", ".join([*about, f"{found['since']} to {found['until']}"]), ""]
    lines += table(("line", "messages", "share", "segments"), [*rows, whole])
    lines += ["", f"still waiting: {waiting['messages']} messages, {waiting['segments']} segments"]
    optouts = found["optouts"]
    if optouts["percent"] is not None:
        lines.append(f"opt-outs: {optouts['stops']}, {optouts['percent']} % of the marketing received")
    if latency["p50"] is not None:
        lines.append(f"delivered within {duration(latency['p50'])} (half), {duration(latency['p95'])} (95 %)")
    return lines
