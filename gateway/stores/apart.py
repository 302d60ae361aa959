"""The gateway's side of the clerk: transactions go to a process of their own, and it is replaced when it dies.

Two batches may be on their way, so that the clerk need not wait for the loop's turn; each is kept until it is answered.
When the clerk is gone before that, the next one tells whether the older stands (the younger was not begun before the
older was answered): then it is as told, else both are sent again. Nobody learns of the accident but the log. While
no clerk can be had the store is `stuck`, as on a disk that hangs.
"""

from __future__ import annotations

import asyncio
import marshal
import os
import secrets
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import structlog

from gateway.stores.clerk import CHECKPOINT, LENGTH, WRITE, packed
from gateway.stores.transactions import Lines, Shapes, Verdict

__all__ = ["ProcessScribe"]

log = structlog.get_logger()

RETRY_AFTER = 0.5
"""Seconds before another clerk is sought, when one didn't live to answer."""

_BUFFER = 1 << 20
_ROOT = str(Path(__file__).resolve().parents[2])


class _Asked:
    """A transaction that is not answered. sent: to a clerk, who may have died since. follows: see Transactions."""

    __slots__ = ("follows", "mark", "octets", "sent", "told", "unwritable")

    def __init__(
        self,
        mark: str,
        follows: bool,
        octets: bytes,
        unwritable: dict[int, str],
        told: Callable[[Verdict], None],
    ) -> None:
        self.mark = mark
        self.follows = follows
        self.octets = octets
        self.unwritable = unwritable
        self.told = told
        self.sent = False

    def answer(self, verdict: Verdict) -> None:
        verdict.refused.update(self.unwritable)
        self.told(verdict)


class ProcessScribe:
    """See Scribe. lock: the store's, which the clerk holds too."""

    ahead = 2
    most_rows = 10_000  # measured: from 2,000 on, a tenth more messages a second with everything on

    def __init__(self, path: Path, shapes: Shapes, lock: IO[str]) -> None:
        self._path = path
        self._lock = lock
        self._shapes = packed((shapes.sql, tuple(shapes.guarded), tuple(shapes.by_many)))
        self._loop = asyncio.get_running_loop()
        self._asked: deque[_Asked] = deque()
        self._emptied: Callable[[str, bool], None] | None = None
        self._halted = ""
        self._name = secrets.token_hex(4)
        self._count = 0
        self._gone: asyncio.Future[None] | None = None
        self._deaths = 0
        self._hire()

    def write(self, batch: Sequence[Lines], probe: bool, told: Callable[[Verdict], None]) -> None:
        self._count += 1
        mark = f"{self._name}-{self._count}"
        follows = bool(self._asked)
        unwritable: dict[int, str] = {}
        try:
            octets = packed((WRITE, mark, probe, follows, batch))
        except ValueError:  # rare: an enum's member, or what is no value of SQLite's at all
            plain, unwritable = _plain(batch)
            octets = packed((WRITE, mark, probe, follows, plain))
        asked = _Asked(mark, follows, octets, unwritable, told)
        self._asked.append(asked)
        if self._ready:
            asked.sent = True
            self._send(octets)

    def checkpoint(self, told: Callable[[str, bool], None]) -> None:
        self._emptied = told
        if self._ready:
            self._send(packed((CHECKPOINT,)))

    async def close(self) -> None:
        self._gone = self._loop.create_future()
        if self._sock.fileno() < 0:  # between two clerks
            return
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has just died, and its end is about to be read
        await self._gone

    def abandon(self) -> None:
        """At once, for whoever could not make a store of it: nothing has been asked."""
        self._gone = self._loop.create_future()
        self._process.kill()
        self._lost()

    @property
    def pid(self) -> int:
        """The clerk's."""
        return self._process.pid

    # ── the clerk ────────────────────────────────────────────────────────────────────────────────────────
    def _hire(self) -> None:
        self._ready = False
        self._heard = b""
        self._rest = memoryview(b"")
        self._sock, theirs = socket.socketpair()
        with theirs:
            for end in (self._sock, theirs):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
            self._sock.setblocking(False)
            arguments = ["-m", "gateway.stores.clerk", str(self._path.absolute()), str(theirs.fileno())]
            self._process = subprocess.Popen(  # noqa: S603 (our own module, by this very interpreter)
                [sys.executable, "-P", "-S", *arguments],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), self._lock.fileno()),
                env={**os.environ, "PYTHONPATH": _ROOT},
                process_group=0,  # a Ctrl-C in the terminal is for the gateway, which drains
            )
        self._loop.add_reader(self._sock, self._readable)
        self._send(self._shapes)

    def _readable(self) -> None:
        try:
            octets = self._sock.recv(_BUFFER)
        except (BlockingIOError, InterruptedError):
            return
        except ConnectionError:
            octets = b""
        if not octets:
            self._lost()
            return
        self._heard += octets
        while len(self._heard) >= LENGTH.size:
            end = LENGTH.size + LENGTH.unpack_from(self._heard)[0]
            if len(self._heard) < end:
                break
            answer = marshal.loads(self._heard[LENGTH.size : end])  # noqa: S302 (from our own clerk)
            self._heard = self._heard[end:]
            self._answered(answer)

    def _answered(self, answer: tuple[Any, ...]) -> None:
        if not self._ready:
            self._begin(*answer)
            return
        self._deaths = 0
        if self._asked:
            self._tell(Verdict(*answer))
        elif self._emptied is not None:
            self._tell_emptied(*answer)

    def _tell(self, verdict: Verdict) -> None:
        """The oldest is answered."""
        self._halted = verdict.why
        self._asked.popleft().answer(verdict)

    def _tell_emptied(self, why: str, in_the_way: bool) -> None:
        emptied, self._emptied = self._emptied, None
        if emptied is not None:
            emptied(why, in_the_way)

    def _begin(self, why: str, last: str) -> None:
        """The clerk has opened the file, or says why it could not, and then leaves."""
        if why:
            log.error("store.clerk_cannot_open", reason=why)
            while self._asked and not self._asked[0].sent:  # what was sent is in doubt: somebody must look
                self._tell(Verdict(why))
            self._tell_emptied(why, False)
            return
        self._ready = True
        mark, *refused = last.split() or [""]
        if self._asked and self._asked[0].mark == mark:
            self._tell(Verdict(refused={int(n): "as told by its clerk" for n in refused}))
        for asked in self._asked:
            asked.sent = True
            self._send(asked.octets)
        if self._emptied is not None:
            self._send(packed((CHECKPOINT,)))

    def _lost(self) -> None:
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)
        self._sock.close()
        try:  # its end of the socket closes when it exits, and in no other way
            status = self._process.wait(0.2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        # What follows one that the disk refused, the clerk would not have done: nor may the next.
        while self._halted and self._asked and self._asked[0].follows:
            self._tell(Verdict(self._halted))
        if self._gone is not None:
            while self._asked:
                self._tell(Verdict("the store is closed"))
            self._gone.set_result(None)
            return
        log.error("store.clerk_died", status=status, reason="another one goes on where it stood")
        self._deaths += 1
        if self._deaths > 1:
            self._loop.call_later(RETRY_AFTER, self._replace)
        else:
            self._replace()

    def _replace(self) -> None:
        if self._gone is not None:
            return
        try:
            self._hire()
        except OSError as error:  # no memory, no process: there may be some later
            log.warning("store.no_clerk", reason=str(error))
            self._sock.close()
            self._loop.call_later(RETRY_AFTER, self._replace)

    # ── towards it ───────────────────────────────────────────────────────────────────────────────────────
    def _send(self, octets: bytes) -> None:
        self._rest = memoryview(bytes(self._rest) + octets if self._rest else octets)
        self._push()

    def _push(self) -> None:
        try:
            gone = self._sock.send(self._rest)
        except ConnectionError:
            self._loop.remove_writer(self._sock)
            return  # the end is read, and said, by _readable
        except OSError:  # no room now
            gone = 0
        partly = gone < len(self._rest)
        self._rest = self._rest[gone:]
        if partly:
            self._loop.add_writer(self._sock, self._push)
        else:
            self._loop.remove_writer(self._sock)


def _plain(batch: Sequence[Lines]) -> tuple[list[Lines], dict[int, str]]:
    """The batch with what SQLite takes for a number or a text as such; and the units that hold anything else."""
    plain: list[Lines] = []
    unwritable: dict[int, str] = {}
    for place, lines in enumerate(batch):
        found = [(statement, [tuple(map(_value, row)) for row in rows]) for statement, rows in lines]
        try:
            packed(found)
        except ValueError:
            unwritable[place] = "a value is of a type that SQLite does not know"
            found = []
        plain.append(found)
    return plain, unwritable


def _value(value: object) -> object:
    if isinstance(value, int):
        return int(value)
    return str.__str__(value) if isinstance(value, str) else value
