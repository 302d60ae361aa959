"""Chappe as its users run it: a process with a configuration file, that is killed, stopped and started again.

    with GatewayProcess(folder, table) as gateway:
        gateway.kill(); gateway.start()

Its standard error is the log, one JSON object a line; all processes of one GatewayProcess write to one file.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from system.gatewayconfig import written

__all__ = ["REPO", "GatewayProcess"]

REPO = Path(__file__).resolve().parents[2]
Line = dict[str, Any]


class GatewayProcess:
    """See the module. prefix: a command before it (prlimit …), env: more of the environment."""

    def __init__(
        self, folder: Path, table: Mapping[str, Any], prefix: tuple[str, ...] = (), **env: str
    ) -> None:
        self.file = written(folder, table)
        self.log = folder / "gateway.log"
        self._command = [*prefix, sys.executable, "-m", "gateway", "run", "--config", str(self.file)]
        self._env = {**os.environ, "PYTHONPATH": str(REPO), **env}
        self._child: subprocess.Popen[bytes] | None = None
        self._began = 0

    # ── its life ─────────────────────────────────────────────────────────────────────────────────────────
    def start(self, timeout: float = 15.0) -> Self:
        """Start it, and return when it says that it is ready."""
        self.launch()
        self.wait_line("gateway.ready", timeout)
        return self

    def launch(self) -> None:
        """Start it, and don't wait."""
        self._began = len(self.lines())
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self._command, cwd=self.file.parent, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )  # fmt: skip

    def kill(self) -> None:
        """SIGKILL: gone when this returns."""
        assert self._child is not None
        self._child.kill()
        self._child.wait()

    def stop(self, timeout: float = 20.0) -> int:
        """SIGTERM; the exit code. AssertionError when it does not end."""
        assert self._child is not None
        self._child.send_signal(signal.SIGTERM)
        return self.ended(timeout)

    def ended(self, timeout: float = 15.0) -> int:
        """Its exit code once it has ended by itself."""
        assert self._child is not None
        try:
            return self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"it did not end within {timeout} s; its log:\n{self.said()[-3000:]}"
            ) from None

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    @property
    def clerk(self) -> int:
        """The process that writes the store (store.writer)."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        while not (found := children.read_text().split()):  # between two
            time.sleep(0.001)
        return int(found[0])

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        if self.running:
            self.kill()

    # ── what it says ─────────────────────────────────────────────────────────────────────────────────────
    def said(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def lines(self, event: str = "", **fields: Any) -> list[Line]:
        """The log's lines so far, of all its lives; those of one event, those with such fields."""
        found = []
        for line in self.said().splitlines():
            if not line.startswith("{") or not line.endswith("}"):
                continue  # a traceback, or a line that a kill has cut
            entry = json.loads(line)
            if (not event or entry["event"] == event) and fields.items() <= entry.items():
                found.append(entry)
        return found

    def wait_line(self, event: str, timeout: float = 10.0, **fields: Any) -> Line:
        """The first such line of this life. AssertionError with the log's end when it does not come."""
        deadline = time.monotonic() + timeout
        while True:
            for line in self.lines()[self._began :]:
                if line["event"] == event and fields.items() <= line.items():
                    return line
            assert self.running and time.monotonic() < deadline, (
                f"no {event} {fields or ''} {'in time' if self.running else 'before it ended'}; its log:\n{self.said()[-3000:]}"
            )
            time.sleep(0.02)

    def rss(self) -> int:
        """Octets of memory that it has now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
