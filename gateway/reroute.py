"""Waiting messages whose route is gone from the configuration find a new one, a slice at a time.

A message that no route takes any more stays where it is, under the old name: `chappe queue` shows why, and it
leaves when a route comes back, or expires with a receipt.
"""

from __future__ import annotations

import structlog

from gateway.clock import Clock
from gateway.desk import Desk
from gateway.model import Message
from gateway.outcomes import half_sent_of
from gateway.queue import ActiveQueue
from gateway.routing import Router
from gateway.stores.sqlite import SqliteStore

__all__ = ["reroute"]

log = structlog.get_logger("gateway.reroute")

SLICE = 500


async def reroute(queue: ActiveQueue, store: SqliteStore, desk: Desk, router: Router, clock: Clock) -> int:
    """How many messages found a new route."""
    gone = {flow.key[0] for flow in queue.flows() if len(flow) and router.get(flow.key[0]) is None}
    moved = 0
    for name in sorted(gone):
        moved += await _route(name, queue, store, desk, router, clock)
    if gone:
        log.info("queue.rerouted", routes=sorted(gone), messages=moved)
    return moved


async def _route(
    name: str, queue: ActiveQueue, store: SqliteStore, desk: Desk, router: Router, clock: Clock
) -> int:
    moved = after = 0
    while True:
        sql = "SELECT id FROM backlog WHERE route=? AND id>? ORDER BY id LIMIT ?"
        ids = [row[0] for row in await store.query(sql, (store.number(name), after, SLICE))]
        if not ids:
            return moved
        after = ids[-1]
        found: list[tuple[Message, str]] = []
        for message in (await desk.waiting(ids)).values():
            route = router.match(message.account, message.kind, message.source, message.destination)
            free = message.listed >= 0 and not half_sent_of(message)  # half sent, it stays with its bearer
            if route is not None and message.route == name and free:
                found.append((message, route.name))
        messages = [message for message, _ in found]
        for message in messages:
            queue.unload(message)
        await store.reroute(found)
        queue.left(messages)
        queue.offer(messages, clock.wall_ms())
        moved += len(messages)
