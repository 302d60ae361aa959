"""`chappe run`: how it starts, what signals do, how it explains that it can't start."""

import json
import signal
import socket
import sqlite3
import time
from contextlib import closing

import pytest

from gateway.cli import daemon


def events(running):
    return [json.loads(line) for line in running.text().splitlines() if line.startswith("{")]


def test_term_drains_what_is_on_the_wire(lab):
    lab.carrier("--latency", "0.8", "--receipts", "none")
    running = lab.daemon()
    running.wait_for("bearer.up")
    sent = lab.send("--text", "Bonjour")
    assert sent.returncode == 0, sent.stderr
    began = time.monotonic()
    assert running.end() == 0
    assert time.monotonic() - began > 0.3, "it did not wait for the carrier's answer"
    names = [event["event"] for event in events(running)]
    assert names[-1] == "gateway.stopped"
    with closing(sqlite3.connect(lab.folder / "var" / "chappe.db")) as db:
        assert db.execute("SELECT state, carrier_id IS NOT NULL FROM message").fetchall() == [(1, 1)]


def test_a_second_term_does_not_wait(lab):
    lab.carrier("--latency", "20")
    running = lab.daemon()
    running.wait_for("bearer.up")
    assert lab.send("--text", "Bonjour").returncode == 0
    running.send_signal(signal.SIGTERM)
    running.wait_for("gateway.stopping")
    time.sleep(0.3)
    assert running.process.poll() is None, "it did not drain"
    began = time.monotonic()
    assert running.end() == 0
    assert time.monotonic() - began < 3.0
    with closing(sqlite3.connect(lab.folder / "var" / "chappe.db")) as db:
        assert db.execute("SELECT count(*) FROM message").fetchone() == (1,)


def test_hup_applies_or_refuses_and_says_which(lab):
    running = lab.daemon()
    lab.edit("rate = 100", "rate = 50")
    running.send_signal(signal.SIGHUP)
    running.wait_for("reload.done")
    changed = next(event for event in events(running) if event["event"] == "reload.done")
    assert changed["changes"] == ["bearers.carrier.rate: 100.0 -> 50.0 [live]"]
    lab.edit("rate = 50", "rat = 50")
    running.send_signal(signal.SIGHUP)
    text = running.wait_for("reload.refused")
    assert "did you mean 'rate'?" in text
    assert running.end() == 0


def test_a_second_daemon_on_the_same_store_is_refused(lab, chappe):
    first = lab.daemon()
    second = chappe("run", "--config", lab.config)
    assert second.returncode == 1
    assert f"is in use by process {first.process.pid}" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_port_in_use_is_explained(lab, chappe):
    with socket.create_server(("127.0.0.1", lab.port)):
        done = chappe("run", "--config", lab.config)
    assert done.returncode == 1
    assert f"127.0.0.1:{lab.port} is in use by another program" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_fault_of_a_configuration_is_told(lab, chappe):
    lab.edit("node = 1 ", "node = 1000 ")
    lab.edit("rate = 100", "rat = 100")
    done = chappe("run", "--config", lab.config)
    assert done.returncode == 78
    lines = done.stderr.splitlines()
    assert any(f"{lab.config}:" in line and "gateway.node" in line for line in lines)
    assert any("bearers.carrier.rat" in line and "did you mean 'rate'?" in line for line in lines)
    assert lines[-1].endswith("faults: nothing was started or changed")


def test_a_store_from_a_newer_version_is_left_alone(lab, chappe):
    store = lab.folder / "var" / "chappe.db"
    with closing(sqlite3.connect(store)) as db:
        db.executescript(
            "PRAGMA application_id=0x43485050; PRAGMA user_version=99; CREATE TABLE later (x); INSERT INTO later VALUES (1)"
        )
    done = chappe("run", "--config", lab.config)
    assert done.returncode == 78
    assert "schema 99" in done.stderr
    with closing(sqlite3.connect(store)) as db:
        assert db.execute("SELECT name FROM sqlite_schema").fetchall() == [("later",)]


def test_the_store_is_not_for_everybody(lab):
    running = lab.daemon()
    assert (lab.folder / "var" / "chappe.db").stat().st_mode & 0o007 == 0
    assert running.end() == 0


def test_ready_and_stopping_are_told_to_systemd(lab, tmp_path):
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address)
        systemd.settimeout(10)
        program = lab.start("run", "--config", lab.config, env={"NOTIFY_SOCKET": address})
        assert systemd.recv(1000).startswith(b"READY=1")
        with socket.create_connection(("127.0.0.1", lab.port), 5):
            pass  # ready means that it listens
        program.send_signal(signal.SIGTERM)
        assert systemd.recv(1000).startswith(b"STOPPING=1")
        assert program.end() == 0


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(98, "Address already in use"), "give listeners.smpp.port another number"),
        (OSError(99, "Cannot assign requested address"), "is no address of this machine"),
        (PermissionError(13, "Permission denied"), "below 1024 it needs CAP_NET_BIND_SERVICE"),
        (FileNotFoundError(2, "No such file or directory", "tls/smpp.crt"), "tls/smpp.crt: No such file"),
    ],
)
def test_what_keeps_it_from_starting_is_said_with_what_to_do(lab, error, words):
    from gateway.config import load_config

    assert words in daemon.why_not(error, load_config(lab.config, {}))
