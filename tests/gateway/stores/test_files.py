"""The database file: held by one process, brought to the newest schema, and every fault explained."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gateway.stores import files
from gateway.stores.store import StoreError, StoreNewer, StoreUnavailable

REPO = Path(__file__).resolve().parents[3]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store 100% #1?.db"


def make(path):
    db = files.connect(path)
    files.migrate(db, path)
    return db


def child(code, *arguments, **how):
    env = os.environ | {"PYTHONPATH": str(REPO)}
    done = subprocess.run(
        [sys.executable, "-c", "from pathlib import Path\nfrom gateway.stores import files\nimport sys\n" + code, *map(str, arguments)],
        capture_output=True, text=True, env=env, timeout=20, check=False, **how,
    )  # fmt: skip
    return done.stdout + done.stderr


# ── one process ──────────────────────────────────────────────────────────────────────────────────────────
def test_a_second_process_is_refused_by_name(path):
    held = files.lock(path)
    try:
        said = child("files.lock(Path(sys.argv[1]))", path)
        assert f"StoreError: {path} is in use by process {os.getpid()}: stop that one first" in said
    finally:
        held.close()
    assert child("files.lock(Path(sys.argv[1]))", path) == ""


def test_the_lock_dies_with_its_process(path):
    child(
        "held = files.lock(Path(sys.argv[1])); import os, signal; os.kill(os.getpid(), signal.SIGKILL)", path
    )
    files.lock(path).close()


def test_the_lock_makes_the_folder(tmp_path):
    files.lock(tmp_path / "a" / "b" / "s.db").close()
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("inside", ["s.db", "deep/s.db"])
def test_a_folder_that_cannot_be_made_is_explained(tmp_path, inside):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="the store's folder cannot be written"):
        files.lock(tmp_path / "file" / inside)


# ── schema ───────────────────────────────────────────────────────────────────────────────────────────────
def test_a_new_file_gets_the_schema_once(path):
    db = files.connect(path)
    assert files.migrate(db, path) == (0, files.SCHEMA_VERSION)
    assert files.migrate(db, path) == (files.SCHEMA_VERSION, files.SCHEMA_VERSION)
    assert files.schema_of(db) == files.SCHEMA_VERSION
    settings = [
        db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "secure_delete")
    ]
    assert settings == ["wal", 2, 1]
    db.close()


def test_a_step_that_fails_leaves_the_file_as_it_was(path, monkeypatch):
    monkeypatch.setattr(files, "_scripts", lambda: ["CREATE TABLE fine (x); CREATE TABLE fine (x);"])
    db = files.connect(path)
    with pytest.raises(StoreError):
        files.migrate(db, path)
    assert files.schema_of(db) == 0
    assert db.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
    db.close()


def test_a_file_of_a_newer_program_is_left_alone(path):
    db = make(path)
    db.execute(f"PRAGMA user_version={files.SCHEMA_VERSION + 1}")
    with pytest.raises(StoreNewer, match="install the newer version again"):
        files.migrate(db, path)
    db.close()


@pytest.mark.parametrize("version", [0, 99])
def test_a_database_of_another_program_is_not_touched(path, version):
    other = sqlite3.connect(path)
    other.executescript(f"CREATE TABLE t (x); PRAGMA user_version={version}")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="a database of another program: give store"):
        files.connect(path)
    assert path.read_bytes() == before


# ── faults ───────────────────────────────────────────────────────────────────────────────────────────────
def test_a_damaged_file_is_explained_and_kept(path):
    path.write_bytes(b"This is no database at all. " * 200)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"is damaged or no database .*chappe restore BACKUP"):
        files.connect(path)
    assert path.read_bytes() == before


def test_a_truncated_file_is_explained(path):
    make(path).close()
    with path.open("r+b") as raw:
        raw.truncate(5000)
    with pytest.raises(StoreError, match="is damaged"):
        db = files.connect(path)
        try:
            files.migrate(db, path)
        finally:
            db.close()


def test_a_missing_folder_is_explained(tmp_path):
    with pytest.raises(StoreUnavailable, match=r"cannot be opened for writing: unable to open database file"):
        files.connect(tmp_path / "nowhere" / "s.db")


@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root may become another user, for whom the file is read-only"
)
def test_a_read_only_file_is_explained():
    folder = Path(tempfile.mkdtemp())  # pytest's own folders are closed to other users
    try:
        make(folder / "s.db").close()
        folder.chmod(0o755)
        code = "import os; os.setuid(65534)\ndb = files.connect(Path(sys.argv[1])); db.execute('CREATE TABLE t (x)')"
        said = child(code, folder / "s.db")
        assert "StoreUnavailable" in said
        assert "Check the disk's space, owner and mode" in said
    finally:
        shutil.rmtree(folder)


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────
def test_a_reader_reads_only_whatever_the_files_name(path):
    db = make(path)
    reader = files.open_reader(path)
    assert reader.execute("SELECT count(*) FROM message").fetchone() == (0,)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("DELETE FROM message")
    reader.close()
    db.close()


def test_the_audit_trail_cannot_be_changed(path):
    db = make(path)
    db.execute("INSERT INTO audit (at, who, verb, detail) VALUES (1, 'root', 'hold', '')")
    for sql in ("UPDATE audit SET who='nobody'", "DELETE FROM audit"):
        with pytest.raises(sqlite3.IntegrityError, match="append only"):
            db.execute(sql)
    db.close()


def test_a_store_that_is_gone_is_noticed(tmp_path):
    path = tmp_path / "chappe.db"
    assert not files.was_there(path)
    files.lock(path).close()
    assert files.was_there(path)
    path.touch()
    assert not files.was_there(path)
