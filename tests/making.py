"""What the core's tests are made of: messages, a store on a temporary file, and a loop to run them in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvloop

from gateway.lifecycle import Cause
from gateway.model import EPOCH_MS, Kind, Message
from gateway.stores.opening import open_sqlite
from gateway.stores.sqlite import SqliteStore

NOW = EPOCH_MS + 1_000_000_000
"""A moment of the tests' wall clock, Unix ms."""

LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop, uvloop.new_event_loop]


def run(coroutine: Coroutine[Any, Any, Any], loop: Callable[[], asyncio.AbstractEventLoop] = LOOPS[0]) -> Any:
    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(coroutine)


def message(number: int, cause: Cause | None = Cause.ADMIT, **fields: Any) -> Message:
    """A message with a small id, moved on by `cause`; fields as in Message."""
    given: dict[str, Any] = {
        "account": "shop", "kind": Kind.TRANSACTIONAL, "priority": 0, "source": "CHAPPE", "destination": "+33612345678",
        "data_coding": 0, "udh": b"", "payload": b"hello", "parts": 1, "registered": 1, "expires": 0,
    }  # fmt: skip
    later = {name: value for name, value in fields.items() if name not in given}
    given.update({name: value for name, value in fields.items() if name in given})
    made = Message(number, **given)
    made.route = "all"
    for name, value in later.items():
        setattr(made, name, value)
    if cause is not None:
        made.advance(cause)
    return made


class Told:
    """What a store told its operators."""

    def __init__(self) -> None:
        self.health: list[str] = []
        self.mismatches: list[tuple[int, str]] = []


@asynccontextmanager
async def opened(path: Path, told: Told | None = None, wipe: frozenset[int] = frozenset()):
    """A store on this file, closed in the end."""
    told = told or Told()
    store = open_sqlite(path, wipe, told.health.append, lambda i, why: told.mismatches.append((i, why)))
    try:
        yield store
    finally:
        await store.close()


async def outcome(waited: Awaitable[Any]) -> str:
    """ "ok", or the name of what was raised."""
    try:
        await waited
    except Exception as error:
        return type(error).__name__
    return "ok"


def all_of(store: SqliteStore, table: str) -> list[tuple[Any, ...]]:
    return store.read(f"SELECT * FROM {table}")
