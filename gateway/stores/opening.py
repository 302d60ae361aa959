"""Opens the embedded store: the file, its schema, who writes it, and the store over all that."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import IO

from gateway.stores import files, rows
from gateway.stores.apart import ProcessScribe
from gateway.stores.scribe import LoopScribe
from gateway.stores.sqlite import SqliteStore
from gateway.stores.store import StoreError, StoreUnavailable
from gateway.stores.transactions import Shapes, Transactions

__all__ = ["open_sqlite"]


def open_sqlite(
    path: Path,
    wipe_at_once: frozenset[int],
    health: Callable[[str], None],
    mismatch: Callable[[int, str], None],
    lock: IO[str] | None = None,
) -> SqliteStore:
    """Open (or make) the file, bring it to the newest schema, and start its writer. The caller holds files.lock.

    lock: that one, when a process of its own is to write (clerk.py); without it the loop does.
    """
    db = files.connect(path)
    shapes = Shapes(rows.STATEMENTS, rows.GUARDED, rows.WIDE)
    try:
        files.migrate(db, path)
        if lock is None:
            scribe = LoopScribe(Transactions(db, shapes), files.BUSY_MS)
            return SqliteStore(path, db, scribe, wipe_at_once, health, mismatch)
        clerk = ProcessScribe(path, shapes, lock)
        try:
            store = SqliteStore(path, db, clerk, wipe_at_once, health, mismatch)
        except BaseException:  # whatever it was goes on its way, and no process is left behind
            clerk.abandon()
            raise
        db.close()
    except sqlite3.DatabaseError as error:
        db.close()
        raise files.explained(path, error) from error
    except OSError as error:
        db.close()
        raise StoreUnavailable(f"{path}: no process can be started to write it ({error.strerror})") from error
    except StoreError:
        db.close()
        raise
    return store
