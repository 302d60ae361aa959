"""The processes that write the store, in virtual time: the product's clerk, its socket's two ends, and their deaths.

What is replaced is what apart.py asks of the system: a pair of sockets and a child. What the child does with what it
is sent is the product's Clerk, on the real SQLite; how long it takes, how the octets are cut and when it dies are drawn.
"""

from __future__ import annotations

import errno
import marshal
import random
import socket
import subprocess
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from simulation.clockwork import World
from simulation.disk import Disk, Killed

from gateway.stores.clerk import LENGTH, Clerk, packed

__all__ = ["Child", "Clerks"]


class End:
    """The gateway's end: as much of a non-blocking socket as it uses, and what its loop watches it for."""

    def __init__(self, draw: random.Random) -> None:
        self.child: Child | None = None
        self._draw = draw
        self._heard = b""
        self._over = False
        self._broken = False
        self._closed = False
        self._loop: Any = None
        self._watched: dict[str, Callable[[], object]] = {}
        self._woken = False

    # ── what the product calls ───────────────────────────────────────────────────────────────────────────
    def setsockopt(self, *_: int) -> None:
        """Buffers are as large as was drawn."""

    def setblocking(self, _: bool) -> None:
        """It never blocks."""

    def fileno(self) -> int:
        return -1 if self._closed else 0

    def send(self, octets: memoryview) -> int:
        child = self._peer()
        if child.dead:
            raise BrokenPipeError(errno.EPIPE, "the clerk is gone")
        taken = child.take(bytes(octets))
        if not taken:
            raise BlockingIOError(errno.EAGAIN, "no room")
        return taken

    def recv(self, most: int) -> bytes:
        if self._heard:
            cut = self._draw.randrange(1, len(self._heard) + 1) if self._draw.random() < 0.1 else most
            octets, self._heard = self._heard[:cut], self._heard[cut:]
            return octets
        if self._broken:
            self._broken = False
            raise ConnectionResetError(errno.ECONNRESET, "the clerk left without reading all")
        if self._over:
            return b""
        raise BlockingIOError(errno.EAGAIN, "nothing yet")

    def shutdown(self, _: int) -> None:
        child = self._peer()
        if child.dead:
            raise OSError(errno.ENOTCONN, "the clerk is gone")
        child.end()

    def close(self) -> None:
        self._closed = True
        self._watched.clear()
        if self.child is not None:
            self.child.end()

    # ── what its loop calls ──────────────────────────────────────────────────────────────────────────────
    def watch(self, loop: Any, what: str, callback: Callable[[], object] | None) -> None:
        self._loop = loop
        if callback is None:
            self._watched.pop(what, None)
        else:
            self._watched[what] = callback
            self.look()

    def look(self) -> None:
        """Level-triggered, as a selector: whoever leaves something is called again."""
        if not self._woken and any(self._ready(what) for what in self._watched):
            self._woken = True
            self._loop.call_soon(self._wake)

    def _ready(self, what: str) -> bool:
        if what == "write":
            child = self._peer()
            return child.dead or child.room > 0
        return bool(self._heard) or self._broken or self._over

    def _wake(self) -> None:
        self._woken = False
        for what, callback in list(self._watched.items()):
            if what in self._watched and self._ready(what):
                callback()
        self.look()

    # ── what the child does ──────────────────────────────────────────────────────────────────────────────
    def said(self, octets: bytes) -> None:
        if not self._closed:
            self._heard += octets
            self.look()

    def over(self, broken: bool) -> None:
        """broken: it had not read all that it was sent; then the system says so, once."""
        self._over = True
        self._broken = broken and not self._closed
        if not self._closed:
            self.look()

    def _peer(self) -> Child:
        assert self.child is not None
        return self.child


class Child:
    """One clerk. dead: it answers no more, and the system has closed its end."""

    pid = 2

    def __init__(
        self,
        path: Path,
        world: World,
        disk: Disk,
        draw: random.Random,
        end: End,
        happens: Callable[[str], object],
    ) -> None:
        self._happens = happens
        self._clerk = Clerk(path)
        self._world = world
        self._disk = disk
        self._draw = draw
        self._end = end
        self._inbox = b""
        self._over = False
        self._status = 0
        self._room = draw.choice((1 << 20, 1 << 20, 3000))
        self._busy = True
        self._in_hand: tuple[Any, ...] | None = None
        self.dead = False
        world.after(0.02 + 0.05 * draw.random(), self._go_on)  # until it has been started

    # ── what the product calls ───────────────────────────────────────────────────────────────────────────
    def wait(self, _: float | None = None) -> int:
        assert self.dead, "its end is closed by its death alone"
        return self._status

    def kill(self) -> None:
        if not self.dead:
            self._happens("clerk.dies_working" if self._busy else "clerk.dies_idle")
            self.die()

    # ── octets ───────────────────────────────────────────────────────────────────────────────────────────
    @property
    def room(self) -> int:
        return self._room - len(self._inbox)

    def take(self, octets: bytes) -> int:
        taken = min(len(octets), max(0, self.room))
        self._inbox += octets[:taken]
        self._turn()
        return taken

    def end(self) -> None:
        """No more will come: it does what it was sent, and leaves."""
        self._over = True
        self._turn()

    # ── work ─────────────────────────────────────────────────────────────────────────────────────────────
    def _next(self) -> tuple[Any, ...] | None:
        """What it is asked; a frame larger than the buffer is read as it comes."""
        inbox = self._inbox
        if len(inbox) < LENGTH.size:
            return None
        end = LENGTH.size + LENGTH.unpack_from(inbox)[0]
        self._room = max(self._room, end)
        if len(inbox) < end:
            return None
        self._inbox = inbox[end:]
        asked: tuple[Any, ...] = marshal.loads(inbox[LENGTH.size : end])
        return asked

    def _turn(self) -> None:
        if self._busy or self.dead:
            return
        asked = self._next()
        self._end.look()
        if asked is not None:
            self._busy = True
            self._in_hand = asked
            self._world.after(self._disk.takes(), self._do, asked)
        elif self._over:
            self._leave()

    def _go_on(self) -> None:
        self._busy = False
        self._turn()

    def _do(self, asked: tuple[Any, ...]) -> None:
        if self.dead:
            return
        self._in_hand = None
        octets = self._answered(asked)
        if octets is None:
            return
        self._end.said(octets)
        if self._clerk.hopeless:
            self._leave()
        else:
            self._go_on()

    def _answered(self, asked: tuple[Any, ...]) -> bytes | None:
        """None: it was killed over it, perhaps with half of its answer said."""
        self._disk.in_clerk = True
        try:
            octets = packed(self._clerk.answer(asked))
        except Killed:
            self._happens("clerk.dies_committing")
            self.die()
            return None
        finally:
            self._disk.in_clerk = False
        if self._disk.dies_saying():
            self._happens("clerk.dies_answering")
            self.die(octets[: self._draw.randrange(len(octets))])
            return None
        return octets

    # ── the end ──────────────────────────────────────────────────────────────────────────────────────────
    def _leave(self) -> None:
        self._clerk.close()
        self.dead = True
        self._end.over(bool(self._inbox))

    def die(self, last: bytes = b"") -> None:
        """SIGKILL. SQLite's connection is closed without a word: what had no COMMIT is gone."""
        self._status = -9
        self._end.said(last)
        self._leave()

    def orphaned(self, finishes: bool) -> None:
        """The gateway was killed: what it had sent is done all the same, or as much of it as there was time for."""
        if self.dead:
            return
        most = (
            1 << 30 if finishes and self._draw.random() < 0.7 else self._draw.randrange(2) if finishes else 0
        )
        cut, self._disk.cut_at = self._disk.cut_at, 0
        while most and not self.dead and (asked := self._in_hand or self._next()) is not None:
            self._in_hand = None
            self._happens("clerk.finishes_alone")
            self._answered(asked)
            most -= 1
        self._disk.cut_at = cut
        if not self.dead:
            self.die()


class Clerks:
    """What stands in the place of the modules socket and subprocess in apart.py.

    none: no process can be started now. happens: told what really happens to a child.
    """

    def __init__(
        self,
        path: Path,
        world: World,
        disk: Disk,
        draw: random.Random,
        may_fail: Callable[[], bool],
        happens: Callable[[str], object],
    ) -> None:
        self._path = path
        self._world = world
        self._disk = disk
        self._draw = draw
        self._may_fail = may_fail
        self._happens = happens
        self._made: End | None = None
        self.none = False
        self.child: Child | None = None
        self.socket = types.SimpleNamespace(
            socketpair=self._pair,
            SHUT_WR=socket.SHUT_WR,
            SOL_SOCKET=socket.SOL_SOCKET,
            SO_SNDBUF=socket.SO_SNDBUF,
        )
        self.subprocess = types.SimpleNamespace(
            Popen=self._start, DEVNULL=subprocess.DEVNULL, TimeoutExpired=subprocess.TimeoutExpired
        )
        self.secrets = types.SimpleNamespace(token_hex=lambda count: draw.randbytes(count).hex())

    def kill(self) -> None:
        if self.child is not None:
            self.child.kill()

    def orphaned(self, finishes: bool) -> None:
        if self.child is not None:
            self.child.orphaned(finishes)

    def _pair(self) -> tuple[End, _Theirs]:
        self._made = End(self._draw)
        return self._made, _Theirs()

    def _start(self, *_: Any, **__: Any) -> Child:
        if self.none and self._may_fail():
            self._happens("clerk.cannot_start")
            raise OSError(errno.ENOMEM, "no memory for a process")
        assert self._made is not None
        end = self._made
        self.child = end.child = Child(self._path, self._world, self._disk, self._draw, end, self._happens)
        return self.child


class _Theirs:
    """The other end, until the child has it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """The child has its own."""

    def setsockopt(self, *_: int) -> None:
        """As the other."""

    def fileno(self) -> int:
        return 3
