"""smppload as the tests use it: `load` is an ESME that sends and counts, `Sink` an SMSC that answers.

Options are those of `bench/smppload --help` with underscores: load(port, 1000, connections=2, window=50),
Sink(folder, id="hex", dlr_delay=200, tlv=True). Both report the tool's one line of JSON as a dict.
"""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any, Self

from peers.install import SMPPLOAD
from peers.process import Process, free_port, wait_until

__all__ = ["Sink", "load"]

Option = str | int | bool


def _options(options: dict[str, Option]) -> list[str]:
    """{"dlr_delay": 200, "tlv": True} -> ["--dlr-delay=200", "--tlv"]."""
    words = []
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            words.append(flag)
        elif value is not False:
            words.append(f"{flag}={value}")
    return words


def load(port: int, messages: int, *, limit: float = 60.0, **options: Option) -> dict[str, Any]:
    """Binds, submits `messages`, waits for their receipts; the report, with the tool's `exit` code beside it.

    `exit` is 0 when all were accepted and every receipt came; AssertionError when no report came within `limit`.
    """
    command = [str(SMPPLOAD), "load", f"--port={port}", f"--messages={messages}", *_options(options)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired as late:
        raise AssertionError(f"smppload load did not end within {limit} s: {late.stderr!r}") from late
    assert done.stdout, f"smppload load printed no report ({done.returncode}): {done.stderr}"
    report: dict[str, Any] = json.loads(done.stdout)
    return {**report, "exit": done.returncode, "stderr": done.stderr}


class Sink:
    """An SMSC that accepts any bind, answers submit_sm and returns receipts."""

    def __init__(self, folder: Path, port: int = 0, **options: Option) -> None:
        self.port = port or free_port()
        self._reports = folder / f"sink-{self.port}.json"
        self.accepted_log = folder / f"sink-{self.port}.accepted"
        command: list[str | Path] = [SMPPLOAD, "sink", f"--port={self.port}", f"--log={self.accepted_log}"]
        self._process = Process([*command, *_options(options)], self._reports)

    def start(self) -> Self:
        self._process.start()
        self._process.wait_for(lambda: "smppload sink on" in self._process.said(), "listening")
        return self

    def accepted(self) -> list[tuple[str, str]]:
        """(destination, message id) of each accepted submit_sm; whole only after `stop` or `snapshot`."""
        return [(to, mid) for to, mid in map(str.split, self.accepted_log.read_text().splitlines())]

    def snapshot(self) -> dict[str, Any]:
        """The counters now."""
        before = len(self._lines())
        self._process.send(signal.SIGUSR1)
        wait_until(lambda: len(self._lines()) > before, 5.0, lambda: f"no snapshot: {self._process.said()}")
        return self._lines()[-1]

    def stop(self) -> dict[str, Any]:
        """Ends it; the last counters."""
        self._process.stop()
        return self._lines()[-1]

    def kill(self) -> None:
        """The carrier is gone at once, without unbind."""
        self._process.kill()

    def _lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._process.said().splitlines() if line.startswith("{")]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self._process.stop()
