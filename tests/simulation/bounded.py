"""What must not grow: tasks, connections, descriptors, and whatever the gateway keeps in memory.

The one place of the judge that looks inside: a table that nobody empties cannot be seen from without until it is too late.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulation.storm import Storm

__all__ = ["Bounded"]

MOST = 200
"""Entries of a table when all is calm. Those in KEEPS are as large from the start, or have a bound of their own: one that no
storm reaches, or, of a sliding second, what came within its last one."""
KEEPS = frozenset({"DigestSet._counts", "DigestSet._tables", "Encoder._validities", "PackedCounts._shards", "_Words._near",
                   "Receipts._early", "Receipts._early_by_number", "SlidingSecond._runs", "Window._late"})  # fmt: skip
_DEEP = (dict, list, set, deque, tuple)


class Bounded:
    """See the module. The descriptors that are there before the gateway starts are nobody's fault."""

    def __init__(self, storm: Storm) -> None:
        self.storm = storm
        self._descriptors = _descriptors()

    def judge(self) -> None:
        storm, process = self.storm, self.storm.process
        if process is None or not process.ready or process.app is None:
            storm.books.violation("calm", "the gateway does not run when all is calm")
            return
        wrong = storm.books.violation
        for words in process.loop.complaints:
            wrong("loop", words)
        tasks = [task for task in asyncio.all_tasks(process.loop) if not task.done()]
        if len(tasks) > 40:
            wrong("bounded", f"{len(tasks)} tasks when all is calm")
        idle = sum(len(server.connections) for server in storm.webs.values())
        if idle:  # none is kept open for longer than a moment
            wrong("bounded", f"{idle} connections to webhooks when all is calm")
        wires = sum(len(actor.connections) for actor in storm.actors.values()) + idle + storm.operator.asking
        if len(storm.network.wires) > wires:
            wrong("bounded", f"{len(storm.network.wires)} connections when all is calm, {wires} have a peer")
        more = _descriptors() - self._descriptors
        if more > 12:
            wrong("bounded", f"{more} descriptors more than before it began")
        app = process.app
        waiting = {
            "queue": app.queue.count, "aside": len(app.outcomes.aside), "doubts": len(app.doubts),
            "long": len(app.outcomes.long), "owed": sum(owed for owed, _ in app.outbox.counts().values()),
            **{f"{name} taking": road.taking for name, road in app.dispatcher.roads.items()},
            **{f"{name} staged": road.staged_count for name, road in app.dispatcher.roads.items()},
            **{f"{name} unanswered": len(road.unanswered) for name, road in app.dispatcher.roads.items()},
        }  # fmt: skip
        if left := {name: count for name, count in waiting.items() if count}:
            wrong("bounded", f"left over when all is calm: {left}")
        if large := sorted(self._large(app)):
            wrong("bounded", f"tables that nobody empties: {large}")

    def _large(self, app: Any) -> set[str]:
        """Attribute paths of the gateway's own objects behind which more than MOST things stand."""
        found: set[str] = set()
        seen: set[int] = set()
        todo: list[tuple[str, Any]] = [("app", app)]
        while todo:
            name, each = todo.pop()
            if id(each) in seen:
                continue
            seen.add(id(each))
            if isinstance(each, _DEEP):
                bound = isinstance(each, deque) and each.maxlen
                if len(each) > MOST and not bound and name not in KEEPS:
                    found.add(f"{name}: {len(each)}")
                    continue
                inner = each.values() if isinstance(each, dict) else each
                todo.extend((name, one) for one in inner if not isinstance(one, (int, str, bytes, float)))
            elif type(each).__module__.startswith(("gateway.", "drivers.")) or each is app:
                owner = type(each).__name__
                todo.extend((f"{owner}.{attribute}", value) for attribute, value in _attributes(each))
        return found


def _attributes(thing: Any) -> list[tuple[str, Any]]:
    found = dict(getattr(thing, "__dict__", {}))
    for kind in type(thing).__mro__:
        slots = getattr(kind, "__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(thing, name):
                found[name] = getattr(thing, name)
    return list(found.items())


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
