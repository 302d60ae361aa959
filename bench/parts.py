"""The children of the bench: the load tool, carriers, the gateway, the yardstick; and what /proc says of them.

All of them work in a folder below .cache/bench, on the repository's own disk: a folder in memory would make
every fsync free.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

__all__ = [
    "BENCH", "COMPILED", "REPO", "SMPPLOAD", "Bearer", "Child", "Gateway", "carrier", "free_port", "gateway_toml",
    "limit", "load", "sink", "workspace",
]  # fmt: skip

BENCH = Path(__file__).resolve().parent
REPO = BENCH.parent
SMPPLOAD = BENCH / "smppload"
COMPILED = REPO / "build" / "compiled"
"""Where `make compiled` leaves the same program with its hot modules compiled."""
BYTECODE = REPO / ".cache" / "bench" / "bytecode"
TICKS = os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def workspace() -> Iterator[Path]:
    """A folder for one measurement, gone afterwards."""
    root = REPO / ".cache" / "bench"
    root.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=root))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Child:
    """A process with its output in a file; stopped when the block ends. tree: whose gateway/ and drivers/ it runs."""

    def __init__(self, name: str, command: Sequence[str | Path], folder: Path, tree: Path = REPO) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.started = time.monotonic()
        # as an installed product: with its bytecode at hand, wherever this shell lets Python keep it
        environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONPYCACHEPREFIX": str(BYTECODE)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdout=output, stderr=output, env=environment, cwd=folder
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait_for(self, seen: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while not seen():
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended before it was {what}:\n{self.said()[-2000:]}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} was not {what} within {seconds:g} s:\n{self.said()[-2000:]}")
            time.sleep(0.01)

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    # ── what /proc says ──────────────────────────────────────────────────────────────────────────────────
    def cpu(self) -> float:
        """Seconds of processor time, user and system, of it and of what it has started."""
        return sum(_cpu(pid) for pid in self._family())

    def rss(self, peak: bool = False) -> float:
        """Megabytes resident, of it and of what it has started: now, or at most so far."""
        wanted = "VmHWM:" if peak else "VmRSS:"
        found = 0.0
        for pid in self._family():
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith(wanted):
                    found += int(line.split()[1]) / 1024
        if not found:
            raise RuntimeError(f"{self.name} has ended")
        return found

    def _family(self) -> list[int]:
        pid = self.process.pid
        tasks = Path(f"/proc/{pid}/task").glob("*/children")
        return [pid, *(int(child) for task in tasks for child in task.read_text().split())]


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


# ── carriers ─────────────────────────────────────────────────────────────────────────────────────────────────
def sink(folder: Path, port: int, *options: str) -> Child:
    """smppload's SMSC, listening."""
    child = Child(f"sink-{port}", [SMPPLOAD, "sink", "-p", str(port), *options], folder)
    child.wait_for(lambda: "smppload sink on" in child.said(), "listening")
    return child


def carrier(folder: Path, port: int, log: Path, *options: str) -> Child:
    """The simulated carrier, listening; its log has the moment of every submit_sm."""
    child = Child(f"carrier-{port}", [sys.executable, BENCH / "carrier.py", str(port), log, *options], folder)
    child.wait_for(lambda: _listening(port), "listening")
    return child


def limit(folder: Path, port: int, smsc: int) -> Child:
    """The yardstick, with the settings that shares are given against."""
    command = [sys.executable, BENCH / "limit.py", "--port", str(port), "--smsc", str(smsc)]
    command += [
        "--store",
        "commit",
        "--ix",
        "rid",
        "--gc",
        "freeze",
        "--db",
        str(folder / f"limit-{port}.db"),
    ]
    child = Child(f"limit-{port}", command, folder)
    child.wait_for(lambda: _listening(port), "listening")
    time.sleep(0.3)  # its bind at the sink is answered
    return child


def _listening(port: int) -> bool:
    """Whether somebody listens, without a connection that he would have to note."""
    wanted = f"0100007F:{port:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1] == wanted and fields[3] == "0A":
            return True
    return False


# ── the gateway ──────────────────────────────────────────────────────────────────────────────────────────────
class Bearer:
    """One road of a bench gateway: `rate` segments a second for recipients that begin with `to`."""

    def __init__(
        self,
        name: str,
        port: int,
        rate: float = 100_000,
        window: int = 1000,
        to: str = "*",
        reserve: str = "{}",
    ) -> None:
        self.name = name
        self.port = port
        self.rate = rate
        self.window = window
        self.to = to
        self.reserve = reserve

    def toml(self, routed: bool = True) -> str:
        """routed: with a route of its own."""
        link = (
            f'[bearers.{self.name}]\ndriver = "smpp"\nrate = {self.rate:g}\nreserve = {self.reserve}\n'
            f'[bearers.{self.name}.link]\nhost = "127.0.0.1"\nport = {self.port}\nsystem_id = "{self.name}"\n'
            f'password = "x"\nwindow = {self.window}\n'
        )
        route = f'[routes.{self.name}]\nbearers = ["{self.name}"]\nmatch = {{ to = ["{self.to}"] }}\n'
        return link + route if routed else link


NO_RULES = "[rules]\norder = []\n"


def gateway_toml(
    state: Path, port: int, bearers: Sequence[Bearer], accounts: Mapping[str, str], rules: str = NO_RULES,
    more: str = "", tables: str = "", shared: bool = False,
) -> str:  # fmt: skip
    """accounts: the default kind of each, by name; name and password are the same. rules: the table [rules]; more:
    further keys of each account; tables: whole ones, like [mqtt]; shared: one route goes by all bearers.
    """
    words = [f'[gateway]\nname = "bench"\nstate_dir = "{state}"\n[store]\nmin_free_disk = "1MB"\n']
    words.append(
        f'[log]\nlevel = "warning"\n[listeners.smpp]\nport = {port}\nmax_connections = 5000\n{rules}'
    )
    for name, kind in accounts.items():
        words.append(
            f'[accounts.{name}]\npassword = "{name}"\ndefault_kind = "{kind}"\nsenders = ["*"]\n'
            f"window = 5000\nrate = 1000000\n{more}"
        )
    words += [bearer.toml(not shared) for bearer in bearers]
    if shared:
        words.append(f"[routes.all]\nbearers = {json.dumps([bearer.name for bearer in bearers])}\n")
    return "".join([*words, tables])


class Gateway(Child):
    """The product in a process of its own (daemon.py), its store in `folder`/state."""

    def __init__(
        self, folder: Path, port: int, bearers: Sequence[Bearer], accounts: Mapping[str, str], *options: str,
        rules: str = NO_RULES, more: str = "", tables: str = "", tree: Path = REPO, shared: bool = False,
    ) -> None:  # fmt: skip
        state = folder / "state"
        state.mkdir(exist_ok=True)
        config = folder / f"gateway-{port}.toml"
        config.write_text(gateway_toml(state, port, bearers, accounts, rules, more, tables, shared))
        self.status_file = folder / f"status-{port}.jsonl"
        self.status_file.touch()
        command = [sys.executable, BENCH / "daemon.py", config, "--status", self.status_file, *options]
        super().__init__(f"gateway-{port}", command, folder, tree)

    def status(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.status_file.read_text().splitlines() if line.endswith("}")]

    def wait_until(self, event: str, seconds: float = 60.0) -> dict[str, Any]:
        """ready: the doors are open; up: every bearer is bound. The line that says so."""
        self.wait_for(lambda: any(line["event"] == event for line in self.status()), event, seconds)
        return next(line for line in self.status() if line["event"] == event)

    def ask(self) -> dict[str, Any]:
        """Its counts now."""
        before = len(self.status())
        self.process.send_signal(signal.SIGUSR1)
        self.wait_for(lambda: len(self.status()) > before, "answering", 20)
        return self.status()[-1]


# ── load ─────────────────────────────────────────────────────────────────────────────────────────────────────
def load(port: int, messages: int, *options: str, limit_seconds: float = 900) -> dict[str, Any]:
    """smppload against this port until every receipt is in; its report. Raises RuntimeError without one."""
    command = [str(SMPPLOAD), "load", "-p", str(port), "-m", str(messages), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit_seconds, check=False)
    if not done.stdout:
        raise RuntimeError(f"smppload gave no report ({done.returncode}): {done.stderr}")
    report: dict[str, Any] = json.loads(done.stdout)
    return {**report, "exit": done.returncode, "stderr": done.stderr}
