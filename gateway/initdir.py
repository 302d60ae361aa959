"""A fresh configuration that runs as it is: what `chappe init DIR` writes.

One application, one carrier (the simulated one, until its lines are changed), the operators' socket.
Passwords are made here, 8 characters, in files of mode 0600. Never overwrites anything.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from gateway.secrets import made_password

__all__ = ["AlreadyThere", "next_steps", "write"]

_CONFIG = """\
# Chappe's configuration. Every key, with its default and meaning: config/gateway.toml of the package.
# After a change:  chappe check --config {path}
# and then:        chappe reload                     (no message is lost)

[gateway]
name = "chappe-1"                   # how this node calls itself in logs and metrics
node = 1                            # 0 to 255, another one on each node: it is part of every message id
timezone = "Europe/Paris"           # for reports
state_dir = "var"                   # the store and the operators' socket; relative to this file

[listeners.smpp]                    # where your applications bind
host = "127.0.0.1"                  # for other machines: their network's address, and TLS beside it
port = 2775

[accounts.shop]                     # one application; its system_id is "shop"
password_file = "credentials/shop"  # made by init, 8 characters: SMPP has no room for more
kinds = ["otp", "alert", "transactional"]   # marketing needs more: a stop_number, and the law
default_kind = "transactional"      # when the application's service_type says nothing
networks = ["127.0.0.0/8", "::1/128"]       # from where it may bind
senders = ["CHAPPE", "36180"]       # what it may send as; the first when it gives none
mo = ["36180"]                      # replies to these numbers are its own

[bearers.carrier]                   # a carrier's SMSC; `chappe simulate smsc` plays one on this port
driver = "smpp"
rate = 100                          # segments per second that the contract with the carrier allows
[bearers.carrier.link]
host = "127.0.0.1"
port = 2776
system_id = "chappe"
password_file = "credentials/carrier"       # the carrier gives it to you; this one is made for the simulator

[routes.default]                    # every message takes this road
bearers = ["carrier"]
"""


class AlreadyThere(Exception):
    """Something stands where init would write; the text names it."""


def write(folder: Path, rnd: Callable[[int], bytes]) -> list[Path]:
    """Write gateway.toml and its password files below `folder`; the files written, gateway.toml first.

    rnd(n) gives n random octets. Raises AlreadyThere before anything is written, OSError if it can't be.
    """
    config = folder / "gateway.toml"
    contents = {
        config: _CONFIG.format(path=config),
        folder / "credentials" / "shop": made_password(rnd) + "\n",
        folder / "credentials" / "carrier": made_password(rnd) + "\n",
    }
    for path in contents:
        if path.exists() or path.is_symlink():
            raise AlreadyThere(f"{path} is there already: init overwrites nothing, take another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for private in (folder / "credentials", folder / "var"):
        private.mkdir(mode=0o700, exist_ok=True)
    for path, text in contents.items():
        _create(path, text, 0o644 if path == config else 0o600)
    return list(contents)


def next_steps(folder: Path) -> list[str]:
    """The two commands that come next, and how to send a first message."""
    config, password = folder / "gateway.toml", folder / "credentials" / "carrier"
    return [
        "In one terminal, a carrier to try with:",
        f"  chappe simulate smsc --port 2776 --system-id chappe --password-file {password}",
        "In another, the gateway:",
        f"  chappe run --config {config}",
        "Then a first message:",
        f"  chappe send --config {config} --to +33600000001 --text 'Bonjour' --wait",
    ]


def _create(path: Path, text: str, mode: int) -> None:
    # O_EXCL: never through a link, never over a file that came meanwhile. The mode is there from the start.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
