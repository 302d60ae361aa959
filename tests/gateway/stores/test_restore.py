"""A backup in the place of the store: verified first, undone by hand."""

import sqlite3
from contextlib import closing

import pytest

from gateway.stores import files
from gateway.stores.restore import BackupRefused, put_back
from gateway.stores.store import StoreError, StoreNewer


def made(path, *statements):
    with closing(files.connect(path)) as db:
        files.migrate(db, path)
        for statement in statements:
            db.execute(statement)
    return path


def meta(path):
    with closing(sqlite3.connect(path)) as db:
        return [row[0] for row in db.execute("SELECT value FROM meta WHERE key='which'")]


@pytest.fixture
def store(tmp_path):
    (tmp_path / "var").mkdir()
    return made(tmp_path / "var" / "chappe.db", "INSERT INTO meta VALUES ('which', 'old')")


@pytest.fixture
def backup(tmp_path):
    return made(tmp_path / "backup.db", "INSERT INTO meta VALUES ('which', 'backup')")


def test_it_takes_the_place_and_the_old_one_is_kept(store, backup):
    restored = put_back(backup, store)
    assert (meta(store), meta(restored.kept)) == (["backup"], ["old"])
    assert meta(backup) == ["backup"], "the backup itself stays"
    assert store.stat().st_mode & 0o077 == 0


def test_a_second_restore_overwrites_no_kept_store(store, backup, tmp_path):
    first = put_back(backup, store).kept
    newer = made(tmp_path / "newer.db", "INSERT INTO meta VALUES ('which', 'newer')")
    second = put_back(newer, store).kept
    assert (meta(first), meta(second), meta(store)) == (["old"], ["backup"], ["newer"])


def test_where_there_is_no_store_yet(backup, tmp_path):
    assert put_back(backup, tmp_path / "new" / "chappe.db").kept is None
    assert meta(tmp_path / "new" / "chappe.db") == ["backup"]


def test_what_the_old_wal_holds_is_kept_with_it_and_does_not_reach_the_new_one(store, backup):
    with closing(files.connect(store)) as db:
        db.execute("UPDATE meta SET value='only in the WAL' WHERE key='which'")
        wal = store.with_name("chappe.db-wal").read_bytes()
        copy, main = wal, store.read_bytes()
    store.write_bytes(main)
    store.with_name("chappe.db-wal").write_bytes(copy)
    restored = put_back(backup, store)
    assert meta(store) == ["backup"]
    assert meta(restored.kept) == ["only in the WAL"]


def test_a_backup_with_a_wal_of_its_own(store, backup):
    with closing(files.connect(backup)) as db:
        db.execute("UPDATE meta SET value='in the WAL' WHERE key='which'")
        put_back(backup, store)
    assert meta(store) == ["in the WAL"]


def foreign(path):
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t (x)")
        db.commit()


def newer(path):
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version=99")


def torn(path):
    octets = bytearray(path.read_bytes())
    octets[4096 * 3 : 4096 * 6] = bytes(4096 * 3)
    path.write_bytes(octets)


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (lambda path: path.unlink(), BackupRefused, "is not there"),
        (lambda path: path.write_bytes(b"no database at all" * 100), BackupRefused, "damaged or no database"),
        (lambda path: (path.unlink(), foreign(path)), BackupRefused, "no store of Chappe's"),
        (newer, StoreNewer, "schema 99"),
        (torn, BackupRefused, "damaged"),
    ],
)
def test_what_can_not_be_used_changes_nothing(store, backup, spoil, error, words):
    spoil(backup)
    before = sorted((path.name, path.read_bytes()) for path in store.parent.glob("chappe.db"))
    with pytest.raises(error, match=words):
        put_back(backup, store)
    assert (
        sorted(
            (path.name, path.read_bytes())
            for path in store.parent.glob("chappe.db*")
            if path.suffix != ".lock"
        )
        == before
    )


def test_the_store_itself_is_no_backup(store):
    with pytest.raises(BackupRefused, match="the store itself"):
        put_back(store, store)


def test_not_while_a_daemon_holds_it(store, backup):
    with files.lock(store), pytest.raises(StoreError, match="in use by process"):
        put_back(backup, store)
    assert meta(store) == ["old"]


def test_the_key_of_the_opt_outs_comes_with_the_backup_and_leaves_the_store(store, tmp_path):
    key, place = b"k" * 32, tmp_path / "var" / "hmac.key"
    carrying = made(tmp_path / "carrying.db", f"INSERT INTO meta VALUES ('hmac_key', '{key.hex()}')")
    place.write_bytes(b"another key of the store before!")
    put_back(carrying, store, place)
    assert place.read_bytes() == key
    assert place.stat().st_mode & 0o077 == 0
    assert place.with_name("hmac.key.before-restore").read_bytes() == b"another key of the store before!"
    with closing(sqlite3.connect(store)) as db:
        assert db.execute("SELECT count(*) FROM meta WHERE key='hmac_key'").fetchone() == (0,)
