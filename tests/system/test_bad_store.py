"""A disk that is full, a store that is damaged or not to be written: what is said, and that it comes back by itself."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from peers.process import free_port
from system.gatewayconfig import configuration
from system.gatewayprocess import GatewayProcess
from system.raw import SUBMIT, Raw

from drivers.smpp.build import frame, sm_body
from drivers.smpp.pdu import Command, CommandStatus
from drivers.sms.address import wire_octets

C, S = Command, CommandStatus
SUBMIT_LONG = sm_body(wire_octets("36180"), wire_octets("+33612345678"), b"x" * 150)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    """Not started yet."""
    process = GatewayProcess(tmp_path, configuration(tmp_path, free_port(), {"nowhere": free_port()}, {}))
    yield process
    process.__exit__()


def port_of(gateway: GatewayProcess) -> int:
    number: int = gateway.wait_line("listener.open", 5.0, tls=False)["port"]
    return number


def store(gateway: GatewayProcess) -> Path:
    return gateway.file.parent / "state" / "chappe.db"


def refused_to_start(gateway: GatewayProcess) -> str:
    """What it says, having ended by itself."""
    gateway.launch()
    assert gateway.ended() != 0
    assert "Traceback" not in gateway.said()
    return gateway.said()


# ── it cannot write ──────────────────────────────────────────────────────────────────────────────────────
def test_a_full_disk_refuses_and_takes_again_without_a_restart(gateway):
    """The disk is a limit on the size of files, which needs no root; SQLite hears of both in the same way."""
    gateway.start()
    _, hard = resource.prlimit(gateway.clerk, resource.RLIMIT_FSIZE)
    accepted: list[int] = []
    with Raw.bound(port_of(gateway)) as raw:
        resource.prlimit(gateway.clerk, resource.RLIMIT_FSIZE, (2_000_000, hard))
        refused: list[int] = []
        for first in range(2, 100_000, 100):
            raw.send(b"".join(frame(C.SUBMIT_SM, n, SUBMIT_LONG) for n in range(first, first + 100)))
            answers = [raw.read() or (0, 0, 0) for _ in range(100)]
            accepted += [sequence for _, status, sequence in answers if status == 0]
            refused += [status for _, status, _ in answers if status]
            if refused:
                break
        assert set(refused) == {S.ESME_RSYSERR}
        gateway.wait_line("alarm.raised", alarm="store")
        assert raw.lives()
        assert raw.ask(frame(C.SUBMIT_SM, 200_000, SUBMIT)) == (C.SUBMIT_SM_RESP, S.ESME_RSYSERR, 200_000)
        resource.prlimit(gateway.clerk, resource.RLIMIT_FSIZE, (hard, hard))
        gateway.wait_line("alarm.cleared", alarm="store")
        assert raw.ask(frame(C.SUBMIT_SM, 200_001, SUBMIT)) == (C.SUBMIT_SM_RESP, 0, 200_001)
    gateway.stop()
    with sqlite3.connect(store(gateway)) as db:
        assert db.execute("SELECT count(*) FROM message").fetchone() == (len(accepted) + 1,)
    db.close()


def test_the_process_that_writes_may_be_killed_and_nobody_learns_of_it(gateway):
    """As the kernel's OOM killer does: each message is accepted once, on the same session, and is there once."""
    gateway.start()
    with Raw.bound(port_of(gateway)) as raw:
        for turn in range(6):
            first = 2 + turn * 100
            raw.send(b"".join(frame(C.SUBMIT_SM, n, SUBMIT_LONG) for n in range(first, first + 100)))
            time.sleep(0.002 * turn)
            clerk = gateway.clerk
            os.kill(clerk, signal.SIGKILL)
            answers = [raw.read() or (0, -1, 0) for _ in range(100)]
            assert [(status, number) for _, status, number in answers] == [
                (0, n) for n in range(first, first + 100)
            ]
            while gateway.said().count("store.clerk_died") == turn:  # all may have been there already
                time.sleep(0.01)
    gateway.stop()
    assert gateway.said().count("store.clerk_died") == 6
    with sqlite3.connect(store(gateway)) as db:
        assert db.execute("SELECT count(*) FROM message").fetchone() == (600,)
    db.close()


def test_a_disk_that_is_nearly_full_is_left_alone(tmp_path):
    table = configuration(
        tmp_path, free_port(), {"nowhere": free_port()}, {"store": {"min_free_disk": "1000TB"}}
    )
    with GatewayProcess(tmp_path, table) as gateway, Raw.bound(port_of(gateway)) as raw:
        gateway.wait_line("alarm.raised", alarm="disk")
        assert raw.ask(frame(C.SUBMIT_SM, 2, SUBMIT)) == (C.SUBMIT_SM_RESP, S.ESME_RMSGQFUL, 2)
        assert raw.lives()
        assert "min_free_disk" in gateway.wait_line("submit.refused")["detail"]


def test_so_many_may_wait_and_no_more(tmp_path):
    table = configuration(tmp_path, free_port(), {"nowhere": free_port()}, {"store": {"max_waiting": 5}})
    with GatewayProcess(tmp_path, table) as gateway, Raw.bound(port_of(gateway)) as raw:
        answers = [raw.ask(frame(C.SUBMIT_SM, n, SUBMIT)) for n in range(2, 9)]
        assert [answer and answer[1] for answer in answers] == [0] * 5 + [S.ESME_RMSGQFUL] * 2


def test_a_folder_that_cannot_be_written(gateway):
    folder = store(gateway).parent
    folder.mkdir()
    with read_only(folder):
        said = refused_to_start(gateway)
    assert str(folder) in said
    assert "cannot be written" in said or "check" in said
    gateway.start()


class read_only:
    """A folder as on a file system mounted read-only: really so for root, whom modes don't bind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        if os.geteuid():
            self._folder.chmod(0o555)
            return
        for command in (
            ["mount", "--bind", self._folder, self._folder],
            ["mount", "-o", "remount,ro,bind", self._folder],
        ):
            if subprocess.run(command, capture_output=True, check=False).returncode:
                self.__exit__()
                pytest.skip("root without the right to mount: nothing here can be read-only for it")

    def __exit__(self, *_: object) -> None:
        if os.geteuid():
            self._folder.chmod(0o755)
        else:
            subprocess.run(["umount", self._folder], capture_output=True, check=False)


# ── it is not what it should be ──────────────────────────────────────────────────────────────────────────
def filled(gateway: GatewayProcess) -> Path:
    """A store with messages in it, its gateway stopped."""
    gateway.start()
    with Raw.bound(port_of(gateway)) as raw:
        raw.send(b"".join(frame(C.SUBMIT_SM, n, SUBMIT_LONG) for n in range(2, 502)))
        assert {(raw.read() or (0, 1, 0))[1] for _ in range(500)} == {0}
    assert gateway.stop() == 0
    return store(gateway)


@pytest.mark.parametrize("damage", ["garbage", "head", "empty-page"])
def test_a_damaged_store_is_left_as_it_is_and_explained(gateway, damage):
    file = filled(gateway)
    octets = bytearray(file.read_bytes())
    if damage == "garbage":
        octets = bytearray(os.urandom(50_000))
    elif damage == "head":
        octets[:100] = bytes(100)
    else:
        octets[4096 : len(octets) // 2] = b"\xff" * (len(octets) // 2 - 4096)
    file.write_bytes(octets)
    said = refused_to_start(gateway)
    assert str(file) in said
    assert "chappe restore" in said
    assert file.read_bytes() == octets


def test_another_program_s_database_is_not_touched(gateway):
    file = store(gateway)
    file.parent.mkdir()
    with sqlite3.connect(file) as db:
        db.execute("CREATE TABLE accounts (name)")
    db.close()
    assert "database of another program" in refused_to_start(gateway)


def test_a_missing_store_is_begun_anew_and_said(gateway):
    file = filled(gateway)
    file.unlink()
    gateway.start()
    with Raw.bound(port_of(gateway)) as raw:
        assert raw.ask(frame(C.SUBMIT_SM, 2, SUBMIT)) == (C.SUBMIT_SM_RESP, 0, 2)
    assert gateway.lines("gateway.ready")[-1]["waiting"] == 0


def test_two_gateways_on_one_store(gateway, tmp_path):
    gateway.start()
    table = configuration(tmp_path, free_port(), {"nowhere": free_port()}, {})
    second = GatewayProcess(tmp_path / "second", table)
    assert f"in use by process {gateway.pid}" in refused_to_start(second)
    assert gateway.running


def test_a_port_in_use_is_named(gateway, tmp_path):
    gateway.start()
    table = configuration(tmp_path / "second", port_of(gateway), {"nowhere": free_port()}, {})
    said = refused_to_start(GatewayProcess(tmp_path / "second", table))
    assert f":{port_of(gateway)} is in use" in said


def test_sigterm_drains_and_ends_with_0(gateway):
    gateway.start()
    began = time.monotonic()
    with Raw.bound(port_of(gateway)) as raw:
        assert raw.ask(frame(C.SUBMIT_SM, 2, SUBMIT)) == (C.SUBMIT_SM_RESP, 0, 2)
    assert gateway.stop() == 0
    assert time.monotonic() - began < 5.0
    gateway.start()
    assert gateway.lines("gateway.ready")[-1]["waiting"] == 1
    assert not gateway.lines("gateway.in_doubt")
