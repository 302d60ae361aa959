"""A backup in the place of the store: verified as a copy first, and only then put there by rename.

Refuses while a daemon holds the store. Whatever was there is kept beside it, with its WAL: a restore can be
undone by hand. Never opens the old store: it may be the damaged one.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from gateway.stores import files
from gateway.stores.store import StoreNewer

__all__ = ["BackupRefused", "Restored", "put_back"]

_BESIDE = ("", "-wal", "-shm")


class BackupRefused(Exception):
    """The file is no backup that can be used; the text says why. Nothing was changed."""


class Restored:
    """What was put back. kept: where the old store is now, None if there was none."""

    __slots__ = ("kept", "key", "messages", "schema", "waiting")

    def __init__(self, schema: int, messages: int, waiting: int) -> None:
        self.schema = schema
        self.messages = messages
        self.waiting = waiting
        self.kept: Path | None = None
        self.key = b""


def put_back(backup: Path, store: Path, key_file: Path | None = None) -> Restored:
    """Make `backup` the store. Raises StoreError (a daemon runs), StoreNewer, BackupRefused, OSError.

    key_file: where the key of the opt-outs belongs; the one that the backup carries is put there.
    """
    if not backup.is_file():
        raise BackupRefused(f"{backup} is not there")
    with files.lock(store):
        if store.exists() and backup.samefile(store):
            raise BackupRefused(f"{backup} is the store itself")
        copy = store.with_name(store.name + ".restoring")
        try:
            restored = _verified_copy(backup, copy)
            restored.kept = _put_aside(store)
            if restored.key and key_file is not None:
                _put_key(key_file, restored.key)
            copy.rename(store)
        finally:
            copy.unlink(missing_ok=True)
        _sync(store.parent)
    return restored


def _verified_copy(backup: Path, copy: Path) -> Restored:
    # A WAL beside the backup belongs to it; without one the file is complete, and may lie on a read-only disk.
    wal = backup.with_name(backup.name + "-wal").exists()
    source = f"{backup.absolute().as_uri()}?mode=ro{'' if wal else '&immutable=1'}"
    copy.unlink(missing_ok=True)
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(sqlite3.connect(source, uri=True)) as old, closing(sqlite3.connect(copy)) as new:
            old.backup(new)
            restored = _judged(backup, new)
            carried = new.execute("SELECT value FROM meta WHERE key=?", (files.KEY_MARK,)).fetchone()
            if carried:
                restored.key = bytes.fromhex(carried[0])
                new.execute("PRAGMA secure_delete=ON")
                new.execute("DELETE FROM meta WHERE key=?", (files.KEY_MARK,))
                new.commit()
    except sqlite3.DatabaseError as error:
        raise BackupRefused(f"{backup} is damaged or no database ({error}); nothing was changed") from error
    _sync(copy)
    return restored


def _judged(backup: Path, db: sqlite3.Connection) -> Restored:
    schema = files.schema_of(db)
    if db.execute("PRAGMA application_id").fetchone()[0] != files.APPLICATION_ID:
        raise BackupRefused(f"{backup} is no store of Chappe's; nothing was changed")
    if schema > files.SCHEMA_VERSION:
        raise StoreNewer(
            f"{backup} has schema {schema}, this program knows {files.SCHEMA_VERSION}: restore it with the version"
            " that made it"
        )
    faults = [row[0] for row in db.execute("PRAGMA integrity_check(5)")]
    if faults != ["ok"]:
        raise BackupRefused(f"{backup} is damaged ({'; '.join(faults)}); nothing was changed")
    messages, waiting = (
        db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("message", "backlog")
    )
    return Restored(schema, messages, waiting)


def _put_aside(store: Path) -> Path | None:
    """Rename the store and what belongs to it to the first .before-restore that is free."""
    if not any(store.with_name(store.name + end).exists() for end in _BESIDE):
        return None
    kept = store.with_name(store.name + ".before-restore")
    number = 1
    while any(kept.with_name(kept.name + end).exists() for end in _BESIDE):
        number += 1
        kept = store.with_name(f"{store.name}.before-restore-{number}")
    for end in _BESIDE:
        there = store.with_name(store.name + end)
        if there.exists():
            there.rename(kept.with_name(kept.name + end))
    return kept


def _put_key(place: Path, key: bytes) -> None:
    """Mode 0600; another key that stands there is kept beside it."""
    if place.exists():
        if place.read_bytes() == key:
            return
        place.rename(place.with_name(place.name + ".before-restore"))
    place.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(key)
    _sync(place)


def _sync(path: Path) -> None:
    """To the disk: a file's octets, or a folder's names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
