"""A mosquitto broker of the test's own: it can be restarted and killed, as brokers are.

with Broker(folder) as broker:
    broker.publish("chappe/v1/lab/cmd/status", "{}")
    broker.read("chappe/v1/lab/status", count=1)
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Self

from peers.install import environment, program
from peers.process import Process, free_port

__all__ = ["Broker"]


class Broker:
    """mosquitto on 127.0.0.1:`port`; `lines` are added to its configuration (an acl_file, a password_file…)."""

    def __init__(self, folder: Path, port: int = 0, *lines: str) -> None:
        self.port = port or free_port()
        file = folder / f"mosquitto-{self.port}.conf"
        own = [f"listener {self.port} 127.0.0.1", "log_dest stderr", "log_type all", "persistence false"]
        if not any(line.startswith("allow_anonymous") for line in lines):
            own.append("allow_anonymous true")
        if os.geteuid() == 0:
            own.append("user root")  # else it becomes `mosquitto`, whom only the installed package creates
        file.write_text("\n".join([*own, *lines, ""]))
        command = [program("mosquitto") or "mosquitto", "-c", file]
        self._process = Process(command, folder / f"mosquitto-{self.port}.log", environment())

    def start(self) -> Self:
        self._process.start()
        self._process.wait_listening(self.port)
        return self

    def stop(self) -> None:
        """Ends it in order: clients get their connections closed."""
        self._process.stop()

    def kill(self) -> None:
        """SIGKILL: what a power cut does to a broker."""
        self._process.kill()

    def restart(self) -> None:
        """Down and up again; without persistence, retained messages are gone."""
        self.stop()
        self.start()

    def log(self) -> str:
        """What the broker logged so far."""
        return self._process.said()

    def publish(self, topic: str, payload: str, *options: str) -> None:
        """mosquitto_pub; options as in its manual ("-r", "-q", "1")."""
        self._client("mosquitto_pub", "-t", topic, "-m", payload, *options)

    def read(self, topic: str, count: int = 1, timeout: int = 10, *options: str) -> list[tuple[str, str]]:
        """The next `count` (topic, payload) of a filter, retained ones first; AssertionError on time-out."""
        words = ("-t", topic, "-C", str(count), "-W", str(timeout), "-F", "%t %p", *options)
        lines = self._client("mosquitto_sub", *words).splitlines()
        return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines]

    def _client(self, name: str, *words: str) -> str:
        command = [program(name) or name, "-h", "127.0.0.1", "-p", str(self.port), *words]
        done = subprocess.run(
            command, env=environment(), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{name} {words} failed ({done.returncode}): {done.stdout} {done.stderr}"
        return done.stdout

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
