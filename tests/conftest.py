"""What every test may ask for: a free port, and the peers of tests/peers as fixtures.

A test that talks with a foreign program names it: @pytest.mark.peers("kannel", "smppload"). When that program
could not be had, the test fails and says what to do; with CHAPPE_SKIP_PEERS=1 it skips and says the same.
Each peer fixture is a factory: kannel(port, "shop", "secret") starts one, and the fixture stops it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from peers import install
from peers.kannel import Kannel
from peers.mosquitto import Broker
from peers.node_app import NodeApp
from peers.process import free_port as pick_port
from peers.smpplib_app import SmpplibApp
from peers.smppload import Sink


def require(name: str) -> None:
    """Fails the test when the peer is missing, or skips it when CHAPPE_SKIP_PEERS=1 allows that."""
    reason = install.why_missing(name)
    if reason is None:
        return
    if os.environ.get("CHAPPE_SKIP_PEERS") == "1":
        pytest.skip(reason)
    pytest.fail(reason, pytrace=False)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("peers"):
        for name in mark.args:
            require(name)


@pytest.fixture
def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    return pick_port()


@pytest.fixture
def running() -> Iterator[ExitStack]:
    """Enters context managers for the length of one test, and leaves them in reverse order."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def sink(running: ExitStack, tmp_path: Path) -> Callable[..., Sink]:
    """sink(tlv=True, dlr_delay=200): an SMSC that answers; its port is sink.port."""
    require("smppload")
    return lambda port=0, **options: running.enter_context(Sink(tmp_path, port, **options))


@pytest.fixture
def kannel(running: ExitStack, tmp_path: Path) -> Callable[..., Kannel]:
    """kannel(port, system_id, password): Kannel bound to us."""
    require("kannel")

    def start(*arguments: Any) -> Kannel:
        box = running.enter_context(Kannel(tmp_path, *arguments))
        box.wait_bound()
        return box

    return start


@pytest.fixture
def node_app(running: ExitStack, tmp_path: Path) -> Callable[..., NodeApp]:
    """node_app(port, system_id, password): an application on node-smpp."""
    require("npm-smpp")
    return lambda *arguments, **bind: running.enter_context(NodeApp(tmp_path, *arguments, **bind))


@pytest.fixture
def smpplib_app(running: ExitStack) -> Callable[..., SmpplibApp]:
    """smpplib_app(port, system_id, password): an application on smpplib."""
    return lambda *arguments: running.enter_context(SmpplibApp(*arguments))


@pytest.fixture
def broker(running: ExitStack, tmp_path: Path) -> Callable[..., Broker]:
    """broker("acl_file …"): an MQTT broker; its port is broker.port."""
    require("mosquitto")
    return lambda *lines, port=0: running.enter_context(Broker(tmp_path, port, *lines))
