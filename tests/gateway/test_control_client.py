"""Finding the socket as the daemon does, without its imports; and what is said when nobody is there."""

import pytest

from gateway import control_client
from gateway.config import load_config
from gateway.control_client import ControlError, NotRunning


# ── the client ───────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("text", "env", "expected"),
    [
        ("", {}, "var/control.sock"),
        ('[gateway]\nstate_dir = "s"', {}, "s/control.sock"),
        ('[gateway]\nstate_dir = "/srv/c"\n[control]\nsocket = "x.sock"', {}, "/srv/c/x.sock"),
        ("", {"STATE_DIRECTORY": "/var/lib/c"}, "/var/lib/c/control.sock"),
        ("", {"RUNTIME_DIRECTORY": "/nowhere/c:/other"}, "/nowhere/c/control.sock"),
        ('[control]\nsocket = "/tmp/abs.sock"', {"RUNTIME_DIRECTORY": "/nowhere/c"}, "/tmp/abs.sock"),
    ],
)
def test_the_client_finds_the_socket_where_the_configuration_puts_it(tmp_path, text, env, expected):
    path = tmp_path / "gateway.toml"
    path.write_text(text)
    assert control_client.socket_path(str(path), None, env) == tmp_path / expected
    assert load_config(path, env).control_socket == tmp_path / expected


def test_the_socket_that_is_named_wins(tmp_path):
    assert str(control_client.socket_path("no.toml", "a.sock", {"CHAPPE_SOCKET": "b.sock"})) == "a.sock"
    assert str(control_client.socket_path("no.toml", None, {"CHAPPE_SOCKET": "b.sock"})) == "b.sock"
    with pytest.raises(ControlError, match="no such configuration") as caught:
        control_client.socket_path(str(tmp_path / "no.toml"), None, {})
    assert caught.value.code == 78


def test_nobody_there_is_exit_3(tmp_path):
    with pytest.raises(NotRunning) as caught:
        control_client.call(tmp_path / "none.sock", "status")
    assert caught.value.code == 3
