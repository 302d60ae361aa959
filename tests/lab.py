"""The command as users run it: in a process of its own, with a configuration that `chappe init` wrote."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from peers.process import free_port as pick_port

from gateway import initdir

REPO = Path(__file__).resolve().parents[1]
TIMEOUT = 20.0


def environment() -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("CHAPPE_", "NOTIFY_"))}
    for name in ("CONFIGURATION_DIRECTORY", "STATE_DIRECTORY", "RUNTIME_DIRECTORY", "CREDENTIALS_DIRECTORY"):
        ours.pop(name, None)
    return ours | {"PYTHONPATH": str(REPO), "PYTHONWARNINGS": "error::ResourceWarning"}


def chappe(*arguments, cwd=None, stdin=None):
    """`chappe …` to its end: .returncode, .stdout, .stderr."""
    return subprocess.run(
        [sys.executable, "-m", "gateway", *map(str, arguments)],
        check=False, cwd=cwd or REPO, env=environment(), input=stdin, capture_output=True, text=True, timeout=TIMEOUT,
    )  # fmt: skip


class Running:
    """`chappe …` that stays. text(): all it has written, both streams."""

    def __init__(self, out: Path, arguments, env):
        self._out = out
        with out.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway", *map(str, arguments)],
                cwd=REPO, env=environment() | env, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            )  # fmt: skip

    def text(self) -> str:
        return self._out.read_text()

    def wait_for(self, pattern: str, count: int = 1) -> str:
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            text = self.text()
            if len(re.findall(pattern, text)) >= count:
                return text
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        pytest.fail(f"{pattern!r} did not come (exit {self.process.poll()}):\n{self.text()}", pytrace=False)

    def send_signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Its exit code, after a signal when it still runs."""
        if self.process.poll() is None:
            self.send_signal(number)
        try:
            return self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            pytest.fail(f"did not end:\n{self.text()}", pytrace=False)


class Lab:
    """A configuration of its own, on free ports, and what runs with it."""

    def __init__(self, folder: Path, stack: ExitStack):
        self.folder = folder / "lab"
        self.config = initdir.write(self.folder, os.urandom)[0]
        self.port, self.carrier_port = pick_port(), pick_port()
        self._stack = stack
        self._runs = 0
        self.edit("port = 2775", f"port = {self.port}")
        self.edit("port = 2776", f"port = {self.carrier_port}")
        # A disk that is nearly full is no fault of what is tested here.
        self.edit("[listeners.smpp]", '[store]\nmin_free_disk = "1MB"\n\n[listeners.smpp]')

    def edit(self, old: str, new: str) -> None:
        text = self.config.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in the configuration"
        self.config.write_text(text.replace(old, new, 1), encoding="utf-8")

    def start(self, *arguments, env=None) -> Running:
        self._runs += 1
        running = Running(self.folder / f"out-{self._runs}", arguments, env or {})
        self._stack.callback(running.end)
        return running

    def daemon(self) -> Running:
        running = self.start("run", "--config", self.config)
        running.wait_for("gateway.ready")
        return running

    def carrier(self, *options) -> Running:
        running = self.start(
            "simulate", "smsc", "--port", self.carrier_port, "--system-id", "chappe",
            "--password-file", self.folder / "credentials" / "carrier", *options,
        )  # fmt: skip
        running.wait_for("listening")
        return running

    def send(self, *options):
        return chappe("send", "--config", self.config, "--to", "+33600000001", *options)
