"""/events: the page's sections as they change, over one SSE stream (WHATWG HTML §9.2) a viewer.

One picture a second is taken while anybody looks, sooner when a link or an alarm moves, and painted once for each
role. A viewer is one task that sends what has changed since it last wrote: who reads slowly gets less, who does not
read at all is cut off, and nobody else waits for either.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping

import structlog
from aiohttp import web

from gateway.bus import Bus, Subscription
from gateway.control.parts import View
from gateway.events import (
    AccountMoved,
    AlarmMoved,
    Event,
    FallbackMoved,
    LinkMoved,
    OptedOut,
    Reloaded,
    StoreMoved,
)
from gateway.listeners.http.problem import Problem

__all__ = ["MOST", "SLOW", "Stream"]

log = structlog.get_logger("listener.http")

EVERY = 1.0
SOONEST = 0.2
"""Seconds between two pictures, however much happens."""
MOST = 50
"""Viewers at once; others are told to come again, and have the page all the same."""
SLOW = 10.0
"""Seconds that a viewer may leave what was written to it unread."""
BUFFER = 64 * 1024
_WAKES: frozenset[type[Event]] = frozenset(
    {LinkMoved, AlarmMoved, FallbackMoved, StoreMoved, AccountMoved, OptedOut, Reloaded}
)

Parts = Mapping[str, str]
"""Section's id -> what it holds."""


class Stream:
    """take(age): a picture at most so old. paint(picture, operator): its parts."""

    def __init__(
        self, take: Callable[[float], Awaitable[View]], paint: Callable[[View, bool], Parts], bus: Bus,
        closing: asyncio.Event,
    ) -> None:  # fmt: skip
        self._take = take
        self._paint = paint
        self._bus = bus
        self._closing = closing
        self._viewers = 0
        self._painted: dict[bool, Parts] = {}
        self._turned = asyncio.Event()
        self._painter: asyncio.Task[None] | None = None

    @property
    def viewers(self) -> int:
        return self._viewers

    async def watch(self, raw: web.Request, operator: bool, stands: Callable[[], bool]) -> web.StreamResponse:
        """Until the viewer goes away, is too slow, or may not look any longer. Raises Problem for one too many."""
        if self._viewers >= MOST:
            raise Problem("unavailable", f"{MOST} pages are open: reload this one by hand")
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "X-Accel-Buffering": "no",
                "Cache-Control": "no-store",
            }
        )
        await response.prepare(raw)
        if raw.method == "HEAD":
            return response
        self._viewers += 1
        if self._painter is None:
            self._painter = asyncio.create_task(self._keep_painting(), name="page painter")
        try:
            await self._feed(raw, response, operator, stands)
        except (ConnectionError, TimeoutError):
            if raw.transport is not None:
                raw.transport.abort()  # what it has not read by now, nobody will
        finally:
            self._viewers -= 1
        return response

    async def stop(self) -> None:
        if self._painter is not None:
            self._painter.cancel()
            await asyncio.gather(self._painter, return_exceptions=True)
            self._painter = None

    # ── one viewer ───────────────────────────────────────────────────────────────────────────────────────
    async def _feed(
        self, raw: web.Request, response: web.StreamResponse, operator: bool, stands: Callable[[], bool]
    ) -> None:
        if isinstance(raw.transport, asyncio.WriteTransport):
            raw.transport.set_write_buffer_limits(high=BUFFER)
        seen: dict[str, str] = {}
        while stands() and not self._closing.is_set():
            turned = self._turned
            parts = self._painted.get(operator, {})
            lines = [_part(key, part) for key, part in parts.items() if seen.get(key) != part]
            seen.update(parts)
            async with asyncio.timeout(SLOW):
                if lines:
                    await response.write("".join(lines).encode("utf-8", "replace"))
                await turned.wait()
        async with asyncio.timeout(SLOW):
            await response.write(b"event: end\ndata: {}\n\n")

    # ── the painter ──────────────────────────────────────────────────────────────────────────────────────
    async def _keep_painting(self) -> None:
        """While somebody looks; a last time when the gateway stops, so that nobody waits for the next."""
        subscription = self._bus.subscribe("page", 1_000, _WAKES)
        try:
            while self._viewers:
                try:
                    view = await self._take(SOONEST)
                    self._painted = {operator: self._paint(view, operator) for operator in (False, True)}
                except Exception:  # one picture is missing; the next second has another
                    log.exception("page.failed")
                turned, self._turned = self._turned, asyncio.Event()
                turned.set()
                if self._closing.is_set():
                    return
                await self._until(subscription)
        finally:
            subscription.close()
            self._painter = None
            self._painted = {}

    async def _until(self, subscription: Subscription) -> None:
        """A second, or until something happens that is worth an own picture."""
        await asyncio.sleep(SOONEST)
        closing = asyncio.ensure_future(self._closing.wait())
        moved = asyncio.ensure_future(subscription.next())
        await asyncio.wait([closing, moved], timeout=EVERY - SOONEST, return_when=asyncio.FIRST_COMPLETED)
        for task in (closing, moved):
            task.cancel()
        await asyncio.gather(closing, moved, return_exceptions=True)


def _part(key: str, html: str) -> str:
    return f"data: {json.dumps({'id': key, 'html': html}, ensure_ascii=False)}\n\n"
