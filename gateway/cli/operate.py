"""The operator's hand on the whole: link, drain, reload, orphans, backup."""

from __future__ import annotations

import base64
import os
import sys
import time
from pathlib import Path
from typing import IO, Any

import click

from gateway.cli.output import Daemon, connects, octets, reads, table
from gateway.control_client import ControlError

__all__ = ["backup", "drain", "link", "orphans", "reload"]


# ── link ─────────────────────────────────────────────────────────────────────────────────────────────────────
@click.group("link")
def link() -> None:
    """Open, close or renew one bearer."""


@link.command("disable")
@click.argument("name")
@click.option("--reason", help="Why, for status and the audit log.")
@reads
def disable(daemon: Daemon, name: str, reason: str | None) -> None:
    """Send nothing more by it; its receipts still come in. Until the daemon restarts."""
    answer = daemon.ask("link", name=name, act="disable", reason=reason)
    daemon.show(
        answer,
        lambda a: [f"{name} is disabled {a['lasts']}; {a['unanswered']} segments are still unanswered"],
    )


@link.command("enable")
@click.argument("name")
@reads
def enable(daemon: Daemon, name: str) -> None:
    """Use it again."""
    daemon.show(daemon.ask("link", name=name, act="enable"), lambda _: [f"{name} is enabled"])


@link.command("reset")
@click.argument("name")
@reads
def reset(daemon: Daemon, name: str) -> None:
    """Close its connections and open them anew, at once."""
    daemon.show(daemon.ask("link", name=name, act="reset"), lambda _: [f"{name} reconnects"])


# ── drain ────────────────────────────────────────────────────────────────────────────────────────────────────
@click.command("drain")
@click.option("--off", is_flag=True, help="Take messages again.")
@click.option("--wait", is_flag=True, help="Until nothing waits and nothing is in flight.")
@reads
def drain(daemon: Daemon, off: bool, wait: bool) -> None:
    """Take nothing new; what is here goes on leaving. The daemon stays."""
    answer = daemon.ask("drain", off=off)
    while wait and not off and (answer["waiting"] or answer["in_flight"]):
        time.sleep(1.0)
        now = daemon.ask("status")
        answer = {"drained": True, "waiting": now["waiting"]["total"], "in_flight": now["in_flight"]}
    words = "drained: nothing new is taken" if answer["drained"] else "messages are taken again"
    daemon.show(answer, lambda a: [f"{words}; {a['waiting']} wait, {a['in_flight']} in flight"])


# ── reload ───────────────────────────────────────────────────────────────────────────────────────────────────
@click.command("reload")
@reads
def reload(daemon: Daemon) -> None:
    """Read the configuration again and apply what has changed; a file with faults changes nothing."""
    daemon.show(daemon.ask("reload"), _reloaded)


def _reloaded(changes: Any) -> list[str]:
    if not changes:
        return ["nothing has changed"]
    rows = [(c["key"], c["effect"], c.get("change"), c["why"]) for c in changes]
    return table(("key", "effect", "change", "why"), rows)


# ── orphans ──────────────────────────────────────────────────────────────────────────────────────────────────
@click.group("orphans")
def orphans() -> None:
    """Receipts that matched no message."""


@orphans.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--unmasked", is_flag=True, help="Numbers in full.")
@reads
def list_(daemon: Daemon, limit: int, unmasked: bool) -> None:
    """The oldest first."""
    answer = daemon.ask("orphans", limit=limit, unmasked=unmasked)
    if daemon.as_json:
        daemon.show(answer["orphans"], lambda _: [])
    else:
        daemon.show(answer, _orphans)


def _orphans(answer: Any) -> list[str]:
    if not answer["total"]:
        return ["no orphans"]
    columns = ("id", "at", "bearer", "carrier_id", "to", "state", "code")
    rows = [tuple(orphan[column] for column in columns) for orphan in answer["orphans"]]
    lines = table(("id", "came", "bearer", "carrier id", "to", "state", "code"), rows)
    more = answer["total"] - len(rows)
    return [*lines, f"and {more} more"] if more else lines


@orphans.command("rematch")
@click.argument("ids", nargs=-1, metavar="[ID]…")
@reads
def rematch(daemon: Daemon, ids: tuple[str, ...]) -> None:
    """Try again to find the messages of all orphans, or of those named."""
    answer = daemon.ask("rematch", ids=list(ids))
    daemon.show(answer, lambda a: [f"{a['matched']} of {a['tried']} found their message"])


# ── backup ───────────────────────────────────────────────────────────────────────────────────────────────────
@click.command("backup")
@click.argument("file", required=False, metavar="[FILE]")
@connects
def backup(daemon: Daemon, file: str | None) -> None:
    """Copy the running store into FILE, or to standard output for `-`; a dated name when none is given."""
    if file == "-":
        _receive(daemon, sys.stdout.buffer)
        return
    target = Path(file or time.strftime("chappe-%Y%m%d-%H%M%S.db"))
    if target.exists():
        raise ControlError(f"{target} is there already: give another name")
    partial = target.with_name(target.name + ".partial")
    try:
        # for its owner's eyes from the first octet: it holds numbers and texts
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            size = _receive(daemon, out)
            out.flush()
            os.fsync(out.fileno())
        partial.rename(target)
    except OSError as error:
        raise ControlError(f"{partial}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
    click.echo(f"{target}: {octets(size)}. It holds numbers and texts: keep it as the store itself.")


def _receive(daemon: Daemon, out: IO[bytes]) -> int:
    """What came, in octets; a copy that ends early is a ControlError."""
    size, told = 0, -1
    for line in daemon.stream("backup", timeout=120.0):
        if "chunk" in line:
            size += out.write(base64.b64decode(line["chunk"]))
        elif "data" in line:
            told = line["data"]["octets"]
    if told != size:
        raise ControlError(f"the copy is not whole: {size} octets of {told}")
    return size
