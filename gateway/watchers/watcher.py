"""The contract of a watcher: it sees facts, durable ones, and touches nothing.

A watcher works in its own task. It learns from the bus, which never waits for it, and from the live views;
whatever happens to it (a broker that is gone, a light that is not wired) costs no message and stops no other.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["Watcher"]


class Watcher(Protocol):
    """Both methods are quick: what takes time is the watcher's own task's business."""

    async def start(self) -> None:
        """Begin to watch. What it shows on may be absent: that is an alarm or a log line, never an exception."""

    async def stop(self) -> None:
        """Show that the gateway has ended, where there is a way to, and let go; at most a few seconds."""
