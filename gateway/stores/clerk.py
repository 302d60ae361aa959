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
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from gateway.stores import files
from gateway.stores.store import StoreError
from gateway.stores.transactions import LAST, Shapes, Transactions

__all__ = ["CHECKPOINT", "LENGTH", "WRITE", "Clerk", "packed", "work"]

WRITE, CHECKPOINT = range(2)
LENGTH = struct.Struct("!I")

_FORMAT = 2  # marshal's, without references, which rows have no use for


def packed(value: Any) -> bytes:
    """Raises ValueError when there is something in it that has no plain form."""
    body = marshal.dumps(value, _FORMAT)
    return LENGTH.pack(len(body)) + body


class Clerk:
    """One connection to the file. It is asked, and answers; who asks is another's affair.

    First (statements, guarded, by_many), answered by (why not, the last mark). Then (WRITE, mark, probe, follows,
    batch), answered by (why, refused, unexpected) as in Verdict, or (CHECKPOINT,), answered by (why, in the way).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._transactions: Transactions | None = None
        self.hopeless = False
        """The file could not be opened: nothing more may be asked."""

    def answer(self, asked: tuple[Any, ...]) -> tuple[Any, ...]:
        transactions = self._transactions
        if transactions is None:
            return self._begin(*asked)
        if asked[0] == CHECKPOINT:
            return transactions.checkpoint(files.BUSY_MS)
        _, mark, probe, follows, batch = asked
        verdict = transactions.carry_out(batch, probe, follows, mark)
        return verdict.why, verdict.refused, verdict.unexpected

    def close(self) -> None:
        if self._transactions is not None:
            self._transactions.close()

    def _begin(self, sql: Sequence[str], guarded: Iterable[int], by_many: Iterable[int]) -> tuple[str, str]:
        try:
            db, last = self._opened()
        except StoreError as error:
            self.hopeless = True
            return str(error), ""
        self._transactions = Transactions(db, Shapes(sql, frozenset(guarded), frozenset(by_many)))
        return "", last

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


def work(clerk: Clerk, sock: socket.socket) -> None:
    """Answer what is asked, until the other end is closed."""
    try:
        with sock.makefile("rb") as stream:
            while not clerk.hopeless and (asked := _next(stream)) is not None:
                sock.sendall(packed(clerk.answer(asked)))
    finally:
        clerk.close()


def _next(stream: BinaryIO) -> tuple[Any, ...] | None:
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    size = LENGTH.unpack(head)[0]
    body = stream.read(size)
    if len(body) < size:  # the gateway died while it wrote
        return None
    asked: tuple[Any, ...] = marshal.loads(body)  # noqa: S302 (from the process that started this one)
    return asked


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[2])) as sock:
        try:
            work(Clerk(Path(sys.argv[1])), sock)
        except (BrokenPipeError, ConnectionResetError):
            return  # the gateway died meanwhile: what was committed is committed


if __name__ == "__main__":
    main()
