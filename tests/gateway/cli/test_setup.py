"""init, check, hash-password, migrate, restore, version."""

import json
import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner

from gateway import __version__, secrets
from gateway.cli import setup
from gateway.config import load_config
from gateway.stores import files


@pytest.fixture
def invoke(monkeypatch):
    """invoke(command, *arguments, stdin=…): in this process, where nothing global is touched."""
    for name in ("CHAPPE_CONFIG", "CONFIGURATION_DIRECTORY", "STATE_DIRECTORY", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    return lambda command, *arguments, stdin=None: CliRunner().invoke(
        command, list(map(str, arguments)), input=stdin
    )


@pytest.fixture
def config(tmp_path, invoke):
    assert invoke(setup.init, tmp_path / "lab").exit_code == 0
    return tmp_path / "lab" / "gateway.toml"


def store(config, messages=0, schema=None):
    """A store as the daemon makes it, with so many waiting messages."""
    path = load_config(config, {}).store_path
    with files.lock(path), closing(files.connect(path)) as db:
        files.migrate(db, path)
        db.execute("INSERT INTO name VALUES (1, 'shop')")
        for number in range(1, messages + 1):
            db.execute(
                "INSERT INTO message (id, state, account, kind, priority, source, destination, data_coding, parts,"
                " registered, expires, route) VALUES (?, 11, 1, 2, 0, 'CHAPPE', '+33600000001', 0, 1, 1, 0, 1)",
                (number,),
            )
            db.execute("INSERT INTO backlog VALUES (1, 2, 0, 1, '', 0, ?, 0, 0)", (number,))
        if schema is not None:
            db.execute(f"PRAGMA user_version={schema}")
    return path


# ── init ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_init_writes_what_check_finds_faultless(config, invoke):
    checked = invoke(setup.check, "--config", config, "--strict")
    assert (checked.exit_code, "no faults, 0 warnings" in checked.output) == (0, True)
    for name in ("shop", "carrier"):
        assert (config.parent / "credentials" / name).stat().st_mode & 0o777 == 0o600


def test_init_says_the_next_commands(tmp_path, invoke):
    output = invoke(setup.init, tmp_path / "my lab").output
    for words in ("chappe simulate smsc --port 2776", "chappe run --config", "chappe send --config"):
        assert words in output
    assert f"'{tmp_path}/my lab" in output, "a folder with a space must be quoted for the shell"


def test_init_overwrites_nothing(config, invoke):
    before = config.read_text()
    again = invoke(setup.init, config.parent)
    assert (again.exit_code, config.read_text()) == (1, before)
    assert "is there already" in again.output


def test_init_where_nothing_can_be_written(tmp_path, invoke):
    (tmp_path / "file").touch()
    done = invoke(setup.init, tmp_path / "file" / "lab")
    assert done.exit_code == 1
    assert "Not a directory" in done.output


# ── check ────────────────────────────────────────────────────────────────────────────────────────────────
def test_check_tells_every_fault_with_its_line(config, invoke):
    text = config.read_text().replace("port = 2775", "prt = 2775").replace("rate = 100", 'rate = "fast"')
    config.write_text(text)
    lines = {line.split(" = ")[0]: number for number, line in enumerate(text.splitlines(), 1)}
    done = invoke(setup.check, "--config", config)
    assert done.exit_code == 78
    assert f"{config}:{lines['prt']}: listeners.smpp.prt: unknown key; did you mean 'port'?" in done.output
    assert f"{config}:{lines['rate']}: bearers.carrier.rate: must be a number" in done.output
    assert "2 faults" in done.output


def test_check_without_a_file_says_how_to_make_one(tmp_path, invoke, monkeypatch):
    monkeypatch.setenv("CHAPPE_CONFIG", str(tmp_path / "none.toml"))
    done = invoke(setup.check)
    assert done.exit_code == 78
    assert "chappe init" in done.output


def test_strict_takes_a_warning_for_a_fault(config, invoke):
    config.write_text(config.read_text().replace('senders = ["CHAPPE", "36180"]', "senders = []"))
    relaxed, strict = (invoke(setup.check, "--config", config, *options) for options in ([], ["--strict"]))
    assert (relaxed.exit_code, strict.exit_code) == (0, 1)
    assert "warning: accounts.shop.senders" in relaxed.output


def test_the_effective_configuration_is_one(config, tmp_path, invoke):
    printed = invoke(setup.check, "--config", config, "--print-effective")
    copy = tmp_path / "copy.toml"
    copy.write_text(printed.output)
    assert load_config(copy, {}).smpp == load_config(config, {}).smpp
    secret = (config.parent / "credentials" / "shop").read_text().strip()
    assert secret not in printed.output


def test_check_as_json(config, invoke):
    told = json.loads(invoke(setup.check, "--config", config, "--json").output)
    assert told == {"config": str(config), "warnings": [], "bearers": [], "ok": True}


# ── hash-password, version ───────────────────────────────────────────────────────────────────────────────
def test_a_hash_is_one_that_verify_takes(invoke):
    done = invoke(setup.hash_password, "--stdin", stdin="s3cret\n")
    assert done.exit_code == 0
    assert secrets.verify(b"s3cret", done.output.strip())


def test_the_prompt_asks_twice_and_shows_nothing(invoke):
    done = invoke(setup.hash_password, stdin="s3cret\ns3cret\n")
    assert secrets.verify(b"s3cret", done.output.splitlines()[-1])
    assert "s3cret" not in done.output.replace(done.output.splitlines()[-1], "")


@pytest.mark.parametrize("password", ["", "ninechars", "caché"])
def test_a_password_that_no_bind_can_carry(invoke, password):
    done = invoke(setup.hash_password, "--stdin", stdin=password + "\n")
    assert done.exit_code == 2
    assert "1 to 8 printable ASCII" in done.output


def test_version(invoke):
    assert f"chappe {__version__}, Python 3." in invoke(setup.version).output
    told = json.loads(invoke(setup.version, "--json").output)
    assert (told["sqlite"], told["schema"]) == (sqlite3.sqlite_version, files.SCHEMA_VERSION)


# ── migrate, restore ─────────────────────────────────────────────────────────────────────────────────────
def test_migrate_says_from_where_to_where(config, invoke):
    assert invoke(setup.migrate, "--config", config).exit_code == 1, "there is no store yet"
    path = store(config)
    done = invoke(setup.migrate, "--config", config)
    assert (done.exit_code, done.output) == (0, f"{path}: schema {files.SCHEMA_VERSION}, nothing to do\n")
    path.unlink()
    sqlite3.connect(path).close()
    path.touch()
    assert f"schema 0 -> {files.SCHEMA_VERSION}" in invoke(setup.migrate, "--config", config).output


def test_migrate_leaves_a_newer_store_alone(config, invoke):
    store(config, schema=99)
    done = invoke(setup.migrate, "--config", config)
    assert done.exit_code == 78
    assert "schema 99" in done.output


def test_neither_touches_the_store_of_a_running_daemon(config, tmp_path, invoke):
    path = store(config)
    backup = tmp_path / "backup.db"
    backup.write_bytes(path.read_bytes())
    with files.lock(path):
        for done in (
            invoke(setup.migrate, "--config", config),
            invoke(setup.restore, "--config", config, backup),
        ):
            assert done.exit_code == 1
            assert "is in use by process" in done.output


def test_restore_puts_the_backup_there_and_keeps_the_old_one(config, tmp_path, invoke):
    path = store(config, messages=3)
    backup = tmp_path / "backup.db"
    backup.write_bytes(path.read_bytes())
    path.unlink()
    store(config, messages=1)
    done = invoke(setup.restore, "--config", config, backup)
    assert done.exit_code == 0, done.output
    assert f"restored {path}: 3 messages" in done.output
    assert "3 of them wait" in done.output
    with closing(sqlite3.connect(path.with_name("chappe.db.before-restore"))) as old:
        assert old.execute("SELECT count(*) FROM message").fetchone() == (1,)


def test_a_damaged_backup_is_refused(config, tmp_path, invoke):
    path = store(config)
    before = path.read_bytes()
    (tmp_path / "noise").write_bytes(b"\x00" * 10_000)
    for file, words in (("noise", "damaged or no database"), ("nothing", "is not there")):
        done = invoke(setup.restore, "--config", config, tmp_path / file)
        assert done.exit_code == 1
        assert words in done.output
    assert path.read_bytes() == before
