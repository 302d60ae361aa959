"""The clerk: a process of its own that writes the store, so that SQLite and its disk take nothing from the loop.

    python -m gateway.stores.clerk DATABASE SOCKET

What it is sent and what it answers are marshalled values behind four octets of length (`packed`); it does one
thing at a time, in the order of asking. It has inherited the store's lock: when the gateway is killed, nobody opens
the file before the transaction that was begun is durable or gone. It leaves when the other end of its socket is
closed, and at no signal that asks: a gateway that drains needs it to the last.

Each transaction has a mark, kept by the same COMMIT with what was refused of it: a gateway that has lost its clerk
learns from the next one whether the transaction stands.
"""

from __future__ import annotations

import marshal
import signal
import socket
import sqlite3
import struct
import sys
from pathlib import Path
from typing import Any, BinaryIO

from gateway.stores import files
from gateway.stores.store import StoreError
from gateway.stores.transactions import LAST, Shapes, Transactions

__all__ = ["CHECKPOINT", "LENGTH", "WRITE", "Clerk", "packed"]

WRITE, CHECKPOINT = range(2)
LENGTH = struct.Struct("!I")

_FORMAT = 2  # marshal's, without references, which rows have no use for


def packed(value: Any) -> bytes:
    """Raises ValueError when there is something in it that has no plain form."""
    body = marshal.dumps(value, _FORMAT)
    return LENGTH.pack(len(body)) + body


class Clerk:
    """One connection to the file, one socket to the gateway.

    Asked first for nothing: it is told (statements, guarded, by_many) and answers (why not, the last mark).
    Then (WRITE, mark, probe, follows, batch), answered by (why, refused, unexpected) as in Verdict, or (CHECKPOINT,),
    answered by (why, in the way).
    """

    def __init__(self, path: Path, sock: socket.socket, stream: BinaryIO) -> None:
        self._path = path
        self._sock = sock
        self._stream = stream

    def work(self) -> None:
        """Until the other end is closed."""
        shapes = self._next()
        if shapes is None:
            return
        sql, guarded, by_many = shapes
        try:
            db, last = self._opened()
        except StoreError as error:
            self._answer((str(error), ""))
            return
        try:
            self._answer(("", last))
            transactions = Transactions(db, Shapes(sql, frozenset(guarded), frozenset(by_many)))
            while (asked := self._next()) is not None:
                self._answer(_done(transactions, asked))
        finally:
            db.close()

    def _opened(self) -> tuple[sqlite3.Connection, str]:
        """The file, and the mark of its last transaction. Raises StoreError."""
        if not self._path.exists():  # the gateway made it: SQLite would make an empty one in its place
            raise StoreError(f"{self._path} is gone: put it back, or stop and chappe restore BACKUP")
        db = files.connect(self._path)
        try:
            found = db.execute("SELECT value FROM meta WHERE key=?", (LAST,)).fetchone()
        except sqlite3.Error as error:
            db.close()
            raise files.explained(self._path, error) from error
        return db, found[0] if found else ""

    def _next(self) -> tuple[Any, ...] | None:
        head = self._stream.read(LENGTH.size)
        if len(head) < LENGTH.size:
            return None
        size = LENGTH.unpack(head)[0]
        body = self._stream.read(size)
        if len(body) < size:  # the gateway died while it wrote
            return None
        asked: tuple[Any, ...] = marshal.loads(body)  # noqa: S302 (from the process that started this one)
        return asked

    def _answer(self, value: Any) -> None:
        self._sock.sendall(packed(value))


def _done(transactions: Transactions, asked: tuple[Any, ...]) -> tuple[Any, ...]:
    if asked[0] == CHECKPOINT:
        return transactions.checkpoint(files.BUSY_MS)
    _, mark, probe, follows, batch = asked
    verdict = transactions.carry_out(batch, probe, follows, mark)
    return (verdict.why, verdict.refused, verdict.unexpected)


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[2])) as sock, sock.makefile("rb") as stream:
        try:
            Clerk(Path(sys.argv[1]), sock, stream).work()
        except (BrokenPipeError, ConnectionResetError):
            return  # the gateway died meanwhile: what was committed is committed


if __name__ == "__main__":
    main()
