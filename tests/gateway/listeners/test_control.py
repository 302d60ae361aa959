"""The control socket: who may open it, and its protocol under clients that are wrong, slow, silent or gone."""

import json
import socket
import stat
import time

import pytest
from running_gateway import Running

from gateway.listeners import control
from gateway.listeners.control import ControlListener


@pytest.fixture
def lonely(tmp_path):
    """A gateway whose bearers lead nowhere."""
    with Running(tmp_path) as gateway:
        yield gateway


def talk(path, *octets):
    """What the daemon says to these octets, until it closes."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(str(path))
        for part in octets:
            sock.sendall(part)
        with sock.makefile("rb") as lines:
            return [json.loads(line) for line in lines]


# ── the socket ───────────────────────────────────────────────────────────────────────────────────────────────
def test_it_is_for_its_owner_and_group_and_goes_with_the_gateway(tmp_path):
    with Running(tmp_path) as gateway:
        path = gateway.socket
        assert path == tmp_path / "var" / "control.sock"
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert not path.exists()


def test_a_stale_socket_is_replaced_and_a_live_one_is_not(lonely):
    second = ControlListener(lonely.app)
    with pytest.raises(OSError, match="another gateway answers"):
        lonely.run(second.start())
    assert lonely.ask("status")["name"] == "lab"
    lonely.run(lonely.control.stop())
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(lonely.socket))
    lonely.run(lonely.control.start())
    assert lonely.ask("status")["name"] == "lab"


def test_a_file_in_its_place_is_not_touched(lonely):
    lonely.run(lonely.control.stop())
    lonely.socket.write_text("precious")
    with pytest.raises(FileExistsError, match="is no socket"):
        lonely.run(lonely.control.start())
    assert lonely.socket.read_text() == "precious"
    lonely.socket.unlink()


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"status\n", "line of JSON"),
        (b"[]\n", "a request is"),
        (b'{"verb": 5}\n', "a request is"),
        (b'{"verb": "status", "args": []}\n', "a request is"),
        (b'{"verb": "fly"}\n', "no verb 'fly'"),
        (b'{"verb": "trace", "args": {"id": "12x"}}\n', "no message id"),
        (b'{"verb": "find", "args": {"to": "0612345678"}}\n', "national number"),
        (b"x" * 200_000, "at most 65536 octets"),
    ],
)
def test_a_bad_request_is_refused_in_words(lonely, octets, words):
    (answer,) = talk(lonely.socket, octets)
    assert words in answer["error"]
    assert answer["code"] == 2


def test_silent_clients_cost_nothing_but_their_time(lonely, monkeypatch):
    monkeypatch.setattr(control, "REQUEST_TIMEOUT", 0.2)
    began = time.monotonic()
    (answer,) = talk(lonely.socket, b'{"verb": "sta')
    assert "no request came" in answer["error"]
    assert time.monotonic() - began < 5
    assert lonely.ask("status")["state"]


def test_a_tail_that_is_not_read_is_dropped_and_holds_nobody(lonely, monkeypatch):
    monkeypatch.setattr(control, "SLOW", 0.3)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(str(lonely.socket))
        sock.sendall(b'{"verb": "tail"}\n')
        lonely.until(lambda: lonely.app.bus.watched)
        for _ in range(3):
            for n in range(300):
                lonely.call(lonely.app.alarms.raise_, f"flood-{n}", "warning", "x" * 4000)
        lonely.until(lambda: not lonely.app.bus.watched)
    assert lonely.ask("status")["state"]


def test_a_client_that_goes_away_ends_its_tail(lonely):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(lonely.socket))
        sock.sendall(b'{"verb": "tail"}\n')
        lonely.until(lambda: lonely.app.bus.watched)
    lonely.until(lambda: not lonely.app.bus.watched)
