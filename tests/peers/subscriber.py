"""mosquitto_sub as an operator runs it: everything below a filter, in order of arrival, with its time.

with Subscriber(broker.port, "chappe/#") as heard:
    heard.wait("chappe/v1/lab/lyon-1/status", state="ready")
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from typing import Any, Self

from peers.install import environment, program
from peers.process import Inbox

__all__ = ["Heard", "Subscriber"]


class Heard:
    """One message; view: its JSON, None for an empty payload. at: time.monotonic() of its arrival."""

    def __init__(self, topic: str, retained: bool, payload: str) -> None:
        self.topic = topic
        self.retained = retained
        self.payload = payload
        self.view: Any = json.loads(payload) if payload else None
        self.at = time.monotonic()

    def __repr__(self) -> str:
        return f"{self.topic} {self.payload[:300]}"


class Subscriber:
    """See the module; options: more of mosquitto_sub's. Ready, and subscribed, once `with` is entered."""

    def __init__(self, port: int, topic: str, *options: str) -> None:
        words = ("-p", str(port), "-t", topic, "-q", "1", "-d", "-F", ">%t\t%r\t%p", *options)
        self._command = ["stdbuf", "-oL", str(program("mosquitto_sub")), *words]
        self._child: subprocess.Popen[str] | None = None
        self._subscribed = threading.Event()
        self.inbox: Inbox[Heard] = Inbox("mosquitto_sub")

    def __enter__(self) -> Self:
        env = {**environment(), "LANG": "C.UTF-8"}
        self._child = subprocess.Popen(
            self._command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
        )
        self._thread = threading.Thread(target=self._read, name="mosquitto_sub")
        self._thread.start()
        assert self._subscribed.wait(10), "mosquitto_sub did not subscribe"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._child is not None
        self._child.kill()  # at SIGTERM it waits for a broker that may be gone
        self._thread.join()
        self._child.wait()
        assert self._child.stdout is not None
        self._child.stdout.close()

    def _read(self) -> None:
        assert self._child is not None and self._child.stdout is not None
        for line in self._child.stdout:
            if line.startswith(">"):
                topic, retained, payload = line[1:].rstrip("\n").split("\t", 2)
                self.inbox.put(Heard(topic, retained == "1", payload))
            elif "SUBACK" in line:
                self._subscribed.set()

    def wait(self, topic: str, count: int = 1, timeout: float = 8.0, **fields: Any) -> Heard:
        """The count-th message there whose payload has these fields; topic may be its end only."""

        def fits(heard: Heard) -> bool:
            if not heard.topic.endswith(topic):
                return False
            return not fields or (heard.view is not None and fields.items() <= heard.view.items())

        return self.inbox.wait(count, timeout, fits)[count - 1]

    def all(self, part: str = "") -> list[Heard]:
        return [heard for heard in self.inbox.all() if part in heard.topic]
