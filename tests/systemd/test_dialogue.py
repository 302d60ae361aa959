"""What the daemon tells systemd: the test is the manager, with a socket for $NOTIFY_SOCKET and the daemon as child."""

import signal
import socket
import time
from itertools import pairwise

import lab as laboratory
import pytest

from gateway import control_client


class NotifySocket:
    """The far end of sd_notify(3). Each datagram is a dict, in order, with the time when it came."""

    def __init__(self, address):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(address))
        self.environment = {"NOTIFY_SOCKET": str(address)}
        self.heard = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def next(self, seconds=15.0):
        """The next datagram, or None when none comes in that time."""
        self._socket.settimeout(seconds)
        try:
            text = self._socket.recv(4096).decode()
        except TimeoutError:
            return None
        said = dict(line.split("=", 1) for line in text.split("\n"))
        self.heard.append((time.monotonic(), said))
        return said

    def until(self, key):
        """The next datagram with that key; WATCHDOG=1 may come in between, nothing else may."""
        while True:
            said = self.next()
            assert said is not None, f"no {key} came: {self.heard}"
            if key in said:
                return said
            assert "WATCHDOG" in said, said

    def all_said(self):
        """What has come and was not read yet."""
        said = []
        while (one := self.next(0.2)) is not None:
            said.append(one)
        return said


@pytest.fixture
def lab(tmp_path, running):
    return laboratory.Lab(tmp_path, running)


@pytest.fixture
def manager(tmp_path):
    with NotifySocket(tmp_path / "notify") as manager:
        yield manager


def start(lab, manager, **environment):
    return lab.start("run", "--config", lab.config, env=manager.environment | environment)


def test_ready_means_store_and_listeners_are_open(lab, manager):
    store = lab.folder / "var" / "chappe.db"
    assert not store.exists()
    program = start(lab, manager)
    assert manager.next() == {"READY": "1", "STATUS": "0 messages wait"}
    assert store.exists()
    with socket.create_connection(("127.0.0.1", lab.port), 5):
        pass
    assert control_client.call(lab.folder / "var" / "control.sock", "status", {})
    program.send_signal(signal.SIGTERM)
    assert program.process.wait(20) == 0
    assert manager.all_said() == [{"STOPPING": "1"}]


def test_a_listener_that_cannot_listen_is_never_ready(lab, manager):
    with socket.create_server(("127.0.0.1", lab.port)):
        assert start(lab, manager).process.wait(20) == 1  # another try may do
    assert not any("READY" in said for said in manager.all_said())


def test_a_store_that_cannot_be_opened_is_never_ready(lab, manager):
    (lab.folder / "var" / "chappe.db").write_bytes(b"no database at all" * 300)
    assert start(lab, manager).process.wait(20) != 0
    assert not any("READY" in said for said in manager.all_said())


def test_an_operators_socket_that_cannot_be_had_is_never_ready(lab, manager):
    (lab.folder / "var" / "control.sock").write_text("a file stands here")
    assert start(lab, manager).process.wait(20) == 1
    assert not any("READY" in said for said in manager.all_said())


def test_a_bad_configuration_exits_78_and_says_nothing(lab, manager):
    lab.edit("rate = 100", "rat = 100")
    assert start(lab, manager).process.wait(20) == 78
    assert manager.all_said() == []


@pytest.mark.slow
def test_the_watchdog_hears_it_in_time(lab, manager):
    allowed = 4.0
    start(lab, manager, WATCHDOG_USEC=str(int(allowed * 1e6)))
    manager.until("READY")
    for _ in range(3):
        said = manager.until("WATCHDOG")
        assert said == {"WATCHDOG": "1", "STATUS": "0 messages wait"}
    times = [at for at, _ in manager.heard]
    gaps = [after - before for before, after in pairwise(times)]
    assert max(gaps) < allowed * 0.75, gaps  # half of it, and the hiccups of a busy machine
    assert min(gaps) > allowed * 0.25, gaps


def test_the_watchdog_is_not_fed_by_a_daemon_that_stands_still(lab, manager):
    program = start(lab, manager, WATCHDOG_USEC="2000000")
    manager.until("READY")
    manager.until("WATCHDOG")
    program.send_signal(signal.SIGSTOP)
    try:
        manager.all_said()
        assert manager.next(2.5) is None
    finally:
        program.send_signal(signal.SIGCONT)
    assert manager.next() == {"WATCHDOG": "1", "STATUS": "0 messages wait"}


def test_no_watchdog_unless_systemd_watches(lab, manager):
    start(lab, manager)
    manager.until("READY")
    assert manager.next(2.5) is None


def test_another_process_s_watchdog_is_not_ours(lab, manager):
    start(lab, manager, WATCHDOG_USEC="2000000", WATCHDOG_PID="1")
    manager.until("READY")
    assert manager.next(2.5) is None


def test_a_reload_is_told_from_begin_to_end(lab, manager):
    program = start(lab, manager)
    manager.until("READY")
    lab.edit("rate = 100", "rate = 50")
    before = time.monotonic_ns() // 1000
    program.send_signal(signal.SIGHUP)
    said = manager.next()
    assert said.keys() == {"RELOADING", "MONOTONIC_USEC"}
    assert said["RELOADING"] == "1"
    assert before <= int(said["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    assert manager.next() == {"READY": "1", "STATUS": "0 messages wait"}
    assert "rate: 100.0 -> 50.0" in program.text(), "it was ready before the new configuration was in force"


@pytest.mark.parametrize(
    ("old", "new"),
    [("rate = 100", "rat = 100"), ("node = 1 ", "node = 2 ")],
    ids=["fault", "needs a restart"],
)
def test_a_reload_that_is_refused_is_ready_too(lab, manager, old, new):
    program = start(lab, manager)
    manager.until("READY")
    lab.edit(old, new)
    program.send_signal(signal.SIGHUP)
    assert manager.next()["RELOADING"] == "1"
    said = manager.next()
    assert said["READY"] == "1"
    assert said["STATUS"].startswith("the configuration was refused")
    assert program.process.poll() is None
    lab.edit(new, old)
    program.send_signal(signal.SIGHUP)
    assert manager.next()["RELOADING"] == "1"
    assert manager.next() == {"READY": "1", "STATUS": "0 messages wait"}


def test_stopping_is_told_before_the_drain(lab, manager):
    lab.carrier("--latency", "0.8", "--receipts", "none")
    program = start(lab, manager)
    manager.until("READY")
    program.wait_for("bearer.up")
    assert lab.send("--text", "Bonjour").returncode == 0
    program.send_signal(signal.SIGTERM)
    assert manager.next() == {"STOPPING": "1"}
    assert program.process.poll() is None, "it did not drain"
    assert program.process.wait(20) == 0
    assert manager.all_said() == []
