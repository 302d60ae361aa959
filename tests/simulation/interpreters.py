"""What one Python does otherwise than the next, done one way on all: a seed is the same run whichever is installed.

How often the loop turns until somebody is woken is no promise of asyncio's, and has changed between its versions; in
which order a group ends its tasks is that of their addresses. Every handle is a moment at which a process may die,
so that even one that does nothing counts. What is not here does the same in 3.11.2 and in 3.14.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["INSTEAD", "PHRASES", "connected"]

PHRASES = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
"""RFC 9110's words, which Python has since 3.13; before, RFC 7231's. Neither means anything to a client."""


# ── gather ───────────────────────────────────────────────────────────────────────────────────────────────────
class _Gathering(asyncio.Future[list[Any]]):
    """Whoever cancels it cancels those it waits for, and hears of it when all have ended."""

    def __init__(self, waits: list[asyncio.Future[Any]]) -> None:
        super().__init__()
        self.waits = waits
        self.abandoned = False

    def cancel(self, msg: Any = None) -> bool:
        if self.done():
            return False
        heard = [each.cancel(msg) for each in self.waits]
        self.abandoned = self.abandoned or any(heard)
        return any(heard)


def gather(*awaitables: Awaitable[Any], return_exceptions: bool = False) -> asyncio.Future[list[Any]]:
    """What has ended before is counted at once, as since 3.12; in 3.11 it takes a turn of the loop."""
    waits = {each: asyncio.ensure_future(each) for each in awaitables}
    gathering = _Gathering(list(waits.values()))
    left = len(waits)

    def end() -> None:
        if gathering.abandoned:
            gathering.set_exception(asyncio.CancelledError())
        else:
            gathering.set_result([_outcome(waits[each]) for each in awaitables])

    def ended(wait: asyncio.Future[Any]) -> None:
        nonlocal left
        left -= 1
        failed = _failure(wait)
        if gathering.done():
            return
        if failed is not None and not return_exceptions:
            gathering.set_exception(failed)
        elif not left:
            end()

    over = [each for each in gathering.waits if each.done()]
    for wait in gathering.waits:
        if not wait.done():
            wait.add_done_callback(ended)
    for wait in over:
        ended(wait)
    if not waits:
        end()
    return gathering


# ── shield ───────────────────────────────────────────────────────────────────────────────────────────────────
def shield(awaitable: Awaitable[Any]) -> asyncio.Future[Any]:
    """One callback on what is shielded, as up to 3.13; 3.14 adds another, which draws the tree of who waits for whom."""
    inner = asyncio.ensure_future(awaitable)
    if inner.done():
        return inner
    outer: asyncio.Future[Any] = inner.get_loop().create_future()

    def ended(_: object) -> None:
        failed = _failure(inner)
        if outer.cancelled():
            return
        if inner.cancelled():
            outer.cancel()
        elif failed is not None:
            outer.set_exception(failed)
        else:
            outer.set_result(inner.result())

    def let_go(_: object) -> None:
        if not inner.done():
            inner.remove_done_callback(ended)

    inner.add_done_callback(ended)
    outer.add_done_callback(let_go)
    return outer


def _failure(wait: asyncio.Future[Any]) -> BaseException | None:
    """Asked for even when nobody hears it: otherwise asyncio says that nobody did."""
    return asyncio.CancelledError() if wait.cancelled() else wait.exception()


def _outcome(wait: asyncio.Future[Any]) -> Any:
    failed = _failure(wait)
    return wait.result() if failed is None else failed


# ── groups ───────────────────────────────────────────────────────────────────────────────────────────────────
class _InOrder(dict[Any, None]):
    """A set in the order in which they came."""

    def add(self, each: Any) -> None:
        self[each] = None

    def discard(self, each: Any) -> None:
        self.pop(each, None)


class TaskGroup(asyncio.TaskGroup):
    """It ends its tasks in the order in which they began; asyncio's keeps them in a set."""

    def __init__(self) -> None:
        super().__init__()
        self._tasks = _InOrder()


# ── streams ──────────────────────────────────────────────────────────────────────────────────────────────────
def connected(loop: asyncio.AbstractEventLoop, protocol: Any) -> Any:
    """The handler of a stream as a task of ours: asyncio adds a callback to its own, but for 3.11.2."""
    handler: Callable[..., Any] = protocol._client_connected_cb

    def come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def ended(task: asyncio.Task[None]) -> None:
            failed = _failure(task)
            if failed is not None:
                writer.transport.close()
            if isinstance(failed, Exception):
                loop.call_exception_handler({"message": "A connection's handler failed", "exception": failed})

        loop.create_task(handler(reader, writer)).add_done_callback(ended)

    protocol._client_connected_cb = come
    return protocol


INSTEAD: dict[str, Any] = {"gather": gather, "shield": shield, "TaskGroup": TaskGroup}
"""What stands in asyncio's place while the storm runs."""
