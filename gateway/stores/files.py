"""The database file: opened by one process only, checked, brought to the newest schema, or explained.

Every error says which file, what is wrong and what to do; none is repaired in silence.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from importlib import resources
from pathlib import Path
from typing import IO

from gateway.stores.store import StoreError, StoreNewer, StoreUnavailable

__all__ = [
    "SCHEMA_VERSION",
    "connect",
    "explained",
    "lock",
    "migrate",
    "open_reader",
    "read_only",
    "schema_of",
    "was_there",
]

KEY_MARK = "hmac_key"
"""Where a backup, and only a backup, holds the key of the opt-outs' digests: without it they mean nothing."""

BUSY_MS = 500
"""How long a statement waits while somebody else (an operator's sqlite3) writes."""

LAST_COMMIT = 10.0
"""Seconds that the next gateway waits for the store of one that is gone, while its clerk (clerk.py) still writes."""

APPLICATION_ID = 0x43485050  # "CHPP": file(1) and we ourselves recognise the file


def _scripts() -> list[str]:
    folder = resources.files("gateway.stores") / "schema"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(folder / name).read_text(encoding="utf-8") for name in names]


SCHEMA_VERSION = len(_scripts())


def was_there(path: Path) -> bool:
    """Whether a gateway has run on this store before, and its file is gone."""
    return not path.exists() and path.with_name(path.name + ".lock").exists()


def lock(path: Path) -> IO[str]:
    """Hold the store for this process. Two daemons on one file would each think they own the queue."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.with_name(path.name + ".lock").open("a+", encoding="ascii")
    except OSError as error:
        raise StoreUnavailable(
            f"{path.parent}: the store's folder cannot be written ({error.strerror}): check its owner and mode"
        ) from error
    until = time.monotonic() + LAST_COMMIT
    while not _locked(handle):
        handle.seek(0)
        owner = handle.read(20).strip()
        if not _ended(owner) or time.monotonic() > until:
            handle.close()
            raise StoreError(
                f"{path} is in use by process {owner or 'unknown'}: stop that one first, or give this one another"
                " store.url"
            )
        time.sleep(0.005)  # it was killed, and the process that wrote for it is at its last COMMIT
    handle.seek(0)
    handle.truncate()
    handle.write(str(os.getpid()))
    handle.flush()
    return handle


def _locked(handle: IO[str]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _ended(pid: str) -> bool:
    """Whether no such process is left."""
    try:
        os.kill(int(pid), 0)
    except (ValueError, PermissionError):
        return False
    except ProcessLookupError:
        return True
    return False


def connect(path: Path) -> sqlite3.Connection:
    """The writing connection: WAL, synchronous=FULL, deleted content overwritten with zeros."""
    try:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000)
    except sqlite3.DatabaseError as error:
        raise explained(path, error) from error
    try:
        _check_owner(db, path)  # before anything is changed
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA cache_size=-16384")
        db.execute("PRAGMA wal_autocheckpoint=10000")
        db.execute("PRAGMA secure_delete=ON")
        db.execute("PRAGMA temp_store=MEMORY")
    except sqlite3.DatabaseError as error:
        db.close()
        raise explained(path, error) from error
    except StoreError:
        db.close()
        raise
    return db


def read_only(path: Path) -> str:
    """The URI under which SQLite opens a file for reading, whatever characters its name has."""
    return f"{path.absolute().as_uri()}?mode=ro"


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that can only read."""
    db = sqlite3.connect(
        read_only(path), uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000
    )
    db.execute("PRAGMA query_only=ON")
    return db


def _check_owner(db: sqlite3.Connection, path: Path) -> None:
    owner = int(db.execute("PRAGMA application_id").fetchone()[0])
    tables = int(db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
    if tables and owner != APPLICATION_ID:
        raise StoreError(f"{path} is a database of another program: give store.url a file of its own")


def explained(path: Path, error: sqlite3.Error) -> StoreError:
    name = getattr(error, "sqlite_errorname", "")
    if name in ("SQLITE_NOTADB", "SQLITE_CORRUPT"):
        return StoreError(
            f"{path} is damaged or no database ({error}). Nothing was changed. Stop here, keep a copy of the file"
            f" and of {path.name}-wal, then: chappe restore BACKUP; or, to save what can be read:"
            f" sqlite3 {path} .recover | sqlite3 saved.db"
        )
    return StoreUnavailable(
        f"{path} cannot be opened for writing: {error}. Check the disk's space, owner and mode"
    )


def schema_of(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def migrate(db: sqlite3.Connection, path: Path) -> tuple[int, int]:
    """Bring the file to SCHEMA_VERSION, each step in a transaction of its own; returns (from, to).

    Raises StoreNewer when the file is ahead of the program, StoreError when it is another program's.
    """
    try:
        _check_owner(db, path)
        version = schema_of(db)
    except sqlite3.DatabaseError as error:
        raise explained(path, error) from error
    if version > SCHEMA_VERSION:
        raise StoreNewer(
            f"{path} has schema {version}, this program knows {SCHEMA_VERSION}: install the newer version again,"
            " or restore a backup from before the upgrade"
        )
    try:
        for number, script in enumerate(_scripts()[version:], start=version + 1):
            db.executescript(
                f"BEGIN IMMEDIATE; {script} PRAGMA application_id={APPLICATION_ID};"
                f" PRAGMA user_version={number}; COMMIT;"
            )
    except sqlite3.DatabaseError as error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise explained(path, error) from error
    return version, SCHEMA_VERSION


def copy(path: Path, target: Path, key: bytes) -> None:
    """A consistent copy of a store that may be in use; key: kept in it under KEY_MARK, unless b""."""
    source = open_reader(path)
    destination = sqlite3.connect(target)
    try:
        source.backup(destination)  # one step: between two, a write would make it begin again
        if key:
            destination.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (KEY_MARK, key.hex()))
            destination.commit()
    finally:
        destination.close()
        source.close()
