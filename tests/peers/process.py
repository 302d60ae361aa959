"""What every peer needs: a process that starts, is waited for and stops, and an inbox that tests can wait on.

A wait that ends without its event raises AssertionError with what was seen instead and the end of the peer's
log: the message of a failed test should be enough to mend it. The waits block: call them from a plain test, or
through asyncio.to_thread.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Generic, Self, TypeVar

__all__ = ["Inbox", "Process", "free_port", "wait_until"]

T = TypeVar("T")


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(holds: Callable[[], bool], timeout: float, otherwise: Callable[[], str]) -> None:
    """Returns as soon as `holds()`; AssertionError with `otherwise()` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"after {timeout} s: {otherwise()}")
        time.sleep(0.02)


class Inbox(Generic[T]):
    """What a peer received, in order of arrival; filled by the peer's thread, waited on by the test."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._items: list[T] = []
        self._changed = threading.Condition()

    def put(self, item: T) -> None:
        with self._changed:
            self._items.append(item)
            self._changed.notify_all()

    def all(self) -> list[T]:
        with self._changed:
            return list(self._items)

    def wait(
        self, count: int = 1, timeout: float = 10.0, match: Callable[[T], bool] = lambda _: True
    ) -> list[T]:
        """The items that match, once there are at least `count`."""

        def matching() -> list[T]:
            return [item for item in self._items if match(item)]

        with self._changed:
            if not self._changed.wait_for(lambda: len(matching()) >= count, timeout):
                raise AssertionError(
                    f"{self.name}: {len(matching())} of {count} within {timeout} s; all: {self._items}"
                )
            return matching()


class Process:
    """A child process whose output goes to a log file, or to a pipe when the test talks with it."""

    def __init__(
        self, command: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.command = command
        self.log = log
        self.env = env
        self._child: subprocess.Popen[str] | None = None

    def start(self, *, pipes: bool = False) -> None:
        """Starts it; with `pipes` its stdin and stdout are pipes (see `talk`), else both outputs are logged."""
        with self.log.open("a") as log:
            self._child = subprocess.Popen(
                self.command,
                env=self.env,
                text=True,
                bufsize=1,
                stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else log,
                stderr=log,
            )

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def talk(self) -> tuple[IO[str], IO[str]]:
        """Its stdin and stdout, when started with pipes."""
        assert self._child is not None and self._child.stdin is not None and self._child.stdout is not None
        return self._child.stdin, self._child.stdout

    def said(self) -> str:
        """Its log so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_for(self, holds: Callable[[], bool], what: str, timeout: float = 10.0) -> None:
        """Waits for `holds()`; AssertionError when the process ends first or the time is over."""
        name = Path(self.command[0]).name

        def ended_or_holds() -> bool:
            assert self.running, f"{name} ended before {what}; its log:\n{self.said()[-2000:]}"
            return holds()

        wait_until(ended_or_holds, timeout, lambda: f"{name}: not {what}; its log:\n{self.said()[-2000:]}")

    def wait_listening(self, port: int, timeout: float = 10.0) -> None:
        """Waits until someone accepts connections on the port."""

        def accepts() -> bool:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5):
                return True
            return False

        self.wait_for(accepts, f"listening on {port}", timeout)

    def send(self, number: int) -> None:
        """Sends it a signal."""
        if self._child is not None:
            self._child.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and gone when this returns."""
        if self._child is not None:
            self._child.kill()
            self._reap(5.0)

    def stop(self, timeout: float = 5.0) -> None:
        """SIGTERM, then SIGKILL after `timeout` seconds."""
        if self._child is None:
            return
        self._child.terminate()
        self._reap(timeout)

    def _reap(self, timeout: float) -> None:
        assert self._child is not None
        try:
            self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # a dead child's pipe may still hold unwritten bytes
                    pipe.close()
        self._child = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
