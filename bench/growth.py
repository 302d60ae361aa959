#!/usr/bin/env python3
"""Octets that the store's file grows by for each finished message of 80 characters; once its text is wiped too."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from figures import Figure, Plan, say, table
from parts import Bearer, Gateway, free_port, load, sink, workspace
from setups import SINK

MOST = 350


def used(path: Path) -> int:
    """Octets of the pages that hold something. The file may be larger, for rows that come later."""
    db = sqlite3.connect(path)
    try:
        pages, free, size = (
            db.execute(f"PRAGMA {what}").fetchone()[0]
            for what in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)
    finally:
        db.close()


def grown(kind: str, messages: int) -> tuple[float, float]:
    """Octets a message of this kind: in pages that hold something, and of the file."""
    with workspace() as folder:
        smsc, port = free_port(), free_port()
        path = folder / "state" / "chappe.db"
        with (
            sink(folder, smsc, *SINK),
            Gateway(folder, port, [Bearer("sink", smsc)], {"load": kind}) as gateway,
        ):
            gateway.wait_until("up")
            before = used(path)
            report = load(port, messages, "-n", "4", "-w", "250", "-l", "80", "-t", "20")
            if report["receipts"] != messages:
                raise RuntimeError(f"{report['receipts']} of {messages} receipts")
        return (used(path) - before) / messages, (path.stat().st_size - before) / messages


def measure(plan: Plan) -> list[Figure]:
    messages = 2000 if plan.small else 200_000
    figures = []
    for kind, words in (("transactional", "text kept"), ("otp", "text wiped at once")):
        held, whole = grown(kind, messages)
        say(f"growth, {words}: {held:.0f} octets a message, the file {whole:.0f}")
        figures.append(
            Figure(f"store, octets a finished message, {words}", f"{held:.0f}, the file {whole:.0f}", None,
                   f"≤ {MOST}", held <= MOST)
        )  # fmt: skip
    return figures


if __name__ == "__main__":
    print(table(measure(Plan())))
