#!/usr/bin/env python3
"""Rows a second through SqliteStore, each batch durable, as a share of bare sqlite3 with every column.

A message's whole way: admitted, accepted, delivered with the note that it owes, the note forgotten. The bare
one has its rows ready made, no futures, no thread: executemany and COMMIT, with the same pragmas, and always
the general statement; where the store knows a shorter one for the shape of a row, its share passes 1.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import fill
from figures import Figure, Plan, median, per_second, say, table
from parts import workspace

from gateway.lifecycle import Cause, State
from gateway.model import Change, Kind, Message, MessageIds, Note, NoteKind
from gateway.stores import files, rows
from gateway.stores.opening import open_sqlite

BATCH = 500
STEPS = ("admit", "accept", "deliver", "forget")
Rates = dict[str, float]


def batches(count: int) -> list[list[Message]]:
    """New messages, in the batches in which they come."""
    now_ms = time.time_ns() // 1_000_000
    ids = MessageIds(1)
    flow = fill.Batch(BATCH, "shop", "sink", Kind.TRANSACTIONAL, "+336")
    return [list(fill.messages(flow, ids, now_ms)) for _ in range(count // BATCH)]


def leaving(messages: Sequence[Message]) -> None:
    """As dispatch marks those that leave at once."""
    for m in messages:
        m.state = State.INFLIGHT
        m.bearer, m.due, m.tries = "sink", 0, 1


def accepted(messages: Sequence[Message]) -> list[Change]:
    changes = []
    for m in messages:
        m.carrier_id, m.sent_at = f"{m.id * 7919 % 10**15:015d}", 1
        changes.append(m.advance(Cause.ACCEPT))
    return changes


def delivered(messages: Sequence[Message]) -> tuple[list[Change], list[Note]]:
    changes, notes = [], []
    for m in messages:
        m.done_at, m.reason = 2, "receipt"
        changes.append(m.advance(Cause.DELIVER))
        notes.append(Note(m.id + 1_000_000, "shop", NoteKind.RECEIPT, m, None, m.state, "", 2))
    return changes, notes


class Watch:
    """Rows a second by step, without what was made ready between them."""

    def __init__(self) -> None:
        self._spent = dict.fromkeys(STEPS, 0.0)
        self._rows = dict.fromkeys(STEPS, 0)

    def add(self, step: str, began: float, count: int) -> None:
        self._spent[step] += time.perf_counter() - began
        self._rows[step] += count

    def rates(self) -> Rates:
        return {step: self._rows[step] / self._spent[step] for step in STEPS}


async def ours(folder: Path, count: int) -> Rates:
    watch = Watch()
    store = open_sqlite(folder / "ours.db", frozenset(), lambda _: None, _never)
    for batch in batches(count):
        leaving(batch)
        began = time.perf_counter()
        await store.admit(batch)
        watch.add("admit", began, len(batch))
        changes = accepted(batch)
        began = time.perf_counter()
        await store.apply(changes)
        watch.add("accept", began, len(batch))
        changes, notes = delivered(batch)
        began = time.perf_counter()
        await store.apply(changes, notes)
        watch.add("deliver", began, 2 * len(batch))
        began = time.perf_counter()
        await store.forget(notes)
        watch.add("forget", began, len(batch))
    await store.close()
    return watch.rates()


def _never(message_id: int, detail: str) -> None:
    raise AssertionError(f"message {message_id}: {detail}")


def bare(folder: Path, count: int) -> Rates:
    watch = Watch()
    path = folder / "bare.db"
    db = files.connect(path)
    files.migrate(db, path)
    sql = rows.STATEMENTS
    for batch in batches(count):
        for step, made in ready_made(batch):
            began = time.perf_counter()
            db.execute("BEGIN IMMEDIATE")
            for statement, values in made:
                db.executemany(sql[statement], values)
            db.execute("COMMIT")
            watch.add(step, began, sum(len(values) for _, values in made))
    db.close()
    return watch.rates()


def ready_made(batch: Sequence[Message]) -> Iterator[tuple[str, list[tuple[int, list[rows.Row]]]]]:
    leaving(batch)
    yield "admit", [(rows.INSERT_MESSAGE, [rows.message_row(m, 1, 2, 2) for m in batch])]
    yield "accept", [(rows.UPDATE_MESSAGE, updates(accepted(batch)))]
    changes, notes = delivered(batch)
    owed = [rows.note_row(n, 1) for n in notes]
    yield "deliver", [(rows.UPDATE_MESSAGE, updates(changes)), (rows.INSERT_NOTE, owed)]
    yield "forget", [(rows.DELETE_NOTE, [(1, n.seq) for n in notes])]


def updates(changes: Sequence[Change]) -> list[rows.Row]:
    return [rows.update_row(m, before, m.state, 2) for m, before, _ in changes]


def in_turn(count: int) -> tuple[Rates, Rates]:
    with workspace() as folder:
        return asyncio.run(ours(folder, count)), bare(folder, count)


def measure(plan: Plan) -> list[Figure]:
    runs = [in_turn(100_000 if plan.long else 40_000) for _ in range(plan.repeats)]
    figures = []
    for step in STEPS:
        mine, other = median([a[step] for a, _ in runs]), median([b[step] for _, b in runs])
        say(f"store {step}: {per_second(mine)}, bare sqlite3 {per_second(other)}")
        value = f"{per_second(mine)}, bare sqlite3 {per_second(other)}"
        figures.append(
            Figure(f"store, {step}, {BATCH} a batch", value, median([a[step] / b[step] for a, b in runs]))
        )
    return figures


if __name__ == "__main__":
    print(table(measure(Plan())))
