#!/usr/bin/env python3
"""Microseconds a message in and out of the active window, and rows a second when it is refilled from disk.

Shares: a bare deque for each flow, popped in turn, over ours; and ours over the bare SELECT of the same rows.
(Not called queue.py: beside limit.py that name would hide the standard library's.)
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence

import fill
from figures import Figure, Plan, median, per_second, say, table
from parts import workspace

from gateway.model import Kind, Message, MessageIds
from gateway.queue import ActiveQueue
from gateway.stores.opening import open_sqlite
from gateway.stores.sqlite import SqliteStore

FLOWS = 40
DEPTH = 500
SLOTS = 50
"""Messages in one pop: about what a tick gives a fast bearer."""


def flows(now_ms: int) -> list[Message]:
    """FLOWS * DEPTH messages, of ten accounts and all kinds, in the order of a busy day."""
    ids = MessageIds(1)
    made = []
    for number in range(FLOWS):
        flow = fill.Batch(DEPTH, f"account-{number % 10}", "sink", Kind(number // 10), "+336")
        made.append(list(fill.messages(flow, ids, now_ms)))
    return [m for together in zip(*made, strict=True) for m in together]


def chunks(messages: Sequence[Message]) -> list[Sequence[Message]]:
    return [messages[start : start + 100] for start in range(0, len(messages), 100)]


def through_ours(store: SqliteStore, messages: Sequence[Message], now_ms: int) -> tuple[float, float]:
    """Microseconds a message: offered, popped."""
    queue = ActiveQueue(store, lambda _: 1, lambda _: False)
    began = time.process_time()
    for chunk in chunks(messages):
        queue.offer(chunk, now_ms)
    offered = time.process_time()
    popped = 0
    while got := queue.pop("sink", (SLOTS,) * 4, now_ms, lambda _route, _kind: True):
        popped += len(got)
        queue.taken(got)
    ended = time.process_time()
    assert popped == len(messages)
    return 1e6 * (offered - began) / popped, 1e6 * (ended - offered) / popped


def through_deques(messages: Sequence[Message]) -> tuple[float, float]:
    lines: dict[tuple[int, str], deque[Message]] = {}
    began = time.process_time()
    for chunk in chunks(messages):
        for m in chunk:
            lines.setdefault((m.kind, m.account), deque()).append(m)
    offered = time.process_time()
    turn = deque(line for _, line in sorted(lines.items(), key=lambda pair: pair[0]))
    popped = 0
    while turn:
        turn[0].popleft()
        popped += 1
        if turn[0]:
            turn.rotate(-1)
        else:
            turn.popleft()
    ended = time.process_time()
    return 1e6 * (offered - began) / popped, 1e6 * (ended - offered) / popped


def refilled(store: SqliteStore, waiting: int, now_ms: int) -> float:
    """Rows a second from a stored backlog to popped messages."""
    queue = ActiveQueue(store, lambda _: 1, lambda _: False)
    queue.load(now_ms)
    began = time.perf_counter()
    popped = 0
    while got := queue.pop("sink", (SLOTS,) * 4, now_ms, lambda _route, _kind: True):
        popped += len(got)
        queue.taken(got)
    assert popped == waiting
    return popped / (time.perf_counter() - began)


def selected(store: SqliteStore, waiting: int) -> float:
    began = time.perf_counter()
    found = len(
        store.read("SELECT m.*, b.due FROM backlog b JOIN message m ON m.id=b.id ORDER BY b.due, b.id")
    )
    assert found == waiting
    return found / (time.perf_counter() - began)


async def rounds(plan: Plan) -> list[Figure]:
    waiting = 200_000 if plan.long else 50_000
    now_ms = time.time_ns() // 1_000_000
    with workspace() as folder:
        path = folder / "queue.db"
        fill.fill(path, [fill.Batch(waiting, "shop", "sink", Kind.MARKETING, "+336")])
        store = open_sqlite(path, frozenset(), lambda _: None, lambda _id, _detail: None)
        ours, bare, reads = [], [], []
        for _ in range(plan.repeats + 2):
            ours.append(through_ours(store, flows(now_ms), now_ms))
            bare.append(through_deques(flows(now_ms)))
            reads.append((refilled(store, waiting, now_ms), selected(store, waiting)))
        await store.close()
    figures = []
    for index, verb in enumerate(("offer", "pop")):
        mine, other = median([o[index] for o in ours]), median([b[index] for b in bare])
        words = f"queue, {verb}, {FLOWS} flows"
        share = median([b[index] / o[index] for o, b in zip(ours, bare, strict=True)])
        figures.append(Figure(words, f"{mine:.2f} µs, bare deques {other:.2f} µs", share))
        say(f"{words}: {mine:.2f} µs, bare deques {other:.2f} µs")
    mine, other = median([a for a, _ in reads]), median([b for _, b in reads])
    say(f"queue, refill: {per_second(mine)}, bare SELECT {per_second(other)}")
    value = f"{per_second(mine)}, bare SELECT {per_second(other)}"
    figures.append(Figure("queue, refill from disk", value, median([a / b for a, b in reads])))
    return figures


def measure(plan: Plan) -> list[Figure]:
    return asyncio.run(rounds(plan))


if __name__ == "__main__":
    print(table(measure(Plan())))
