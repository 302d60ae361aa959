"""An application on node-smpp: a second SMPP implementation, run by node beside the test (app.js).

Events arrive in two inboxes: `responses` (the tag given to submit stands in each) and `delivered`.
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any, Literal, Self

from peers.install import CACHE, node
from peers.process import Inbox, Process

__all__ = ["NodeApp"]

Fields = dict[str, Any]


class NodeApp:
    """A bound ESME. `with NodeApp(folder, port, "shop", "secret") as app:` binds, and unbinds at the end."""

    def __init__(
        self,
        folder: Path,
        port: int,
        system_id: str,
        password: str,
        mode: Literal["transceiver", "transmitter", "receiver"] = "transceiver",
        **bind: object,
    ) -> None:
        self.responses: Inbox[Fields] = Inbox("node-smpp responses")
        self.delivered: Inbox[Fields] = Inbox("node-smpp deliver_sm")
        self.events: Inbox[Fields] = Inbox("node-smpp events")
        pdu = {"system_id": system_id, "password": password, "interface_version": 0x34, **bind}
        self._bind = {"do": "bind", "host": "127.0.0.1", "port": port, "mode": mode, "pdu": pdu}
        script = Path(__file__).with_name("app.js")
        environment = {**os.environ, "NODE_PATH": str(CACHE / "npm" / "node_modules")}
        self._process = Process([*node(), script], folder / f"node-{system_id}.log", environment)

    def start(self) -> Self:
        """Starts node and binds; AssertionError with the status when the bind is refused."""
        self._process.start(pipes=True)
        self._reader = threading.Thread(target=self._read, args=(self._process.talk[1],), daemon=True)
        self._reader.start()
        self._order(self._bind)
        first = self.events.wait(1, match=lambda event: event["event"] in {"bound", "error", "closed"})[0]
        if first.get("status") != 0:
            self.stop()
            raise AssertionError(f"node-smpp's bind was refused: {first}")
        return self

    def submit(self, tag: str, text: str, to: str, sender: str = "38000", **fields: object) -> None:
        """submit_sm; fields are named as in SMPP 3.4 §4.4.1."""
        pdu = {**self._addresses(sender, to), "short_message": text, **fields}
        self._order({"do": "send", "tag": tag, "command": "submit_sm", "pdu": pdu})

    def submit_long(
        self,
        tag: str,
        text: str,
        to: str,
        how: Literal["udh", "payload"],
        sender: str = "38000",
        **fields: object,
    ) -> None:
        """A long text, split by the application under a UDH, or whole in message_payload."""
        pdu = {**self._addresses(sender, to), **fields}
        self._order({"do": "long", "tag": tag, "how": how, "text": text, "pdu": pdu})

    def request(self, tag: str, command: str, **fields: object) -> None:
        """Any other request: request("q", "query_sm", message_id="17")."""
        self._order({"do": "send", "tag": tag, "command": command, "pdu": fields})

    def answer(self, status: int) -> None:
        """The command_status of every deliver_sm_resp from now on."""
        self._order({"do": "answer", "status": status})

    def response(self, tag: str, count: int = 1, timeout: float = 10.0) -> list[Fields]:
        """The responses to what was sent under the tag."""
        return self.responses.wait(count, timeout, lambda event: event["tag"] == tag)

    def stop(self) -> None:
        """Unbinds when bound, ends node."""
        if self._process.running and self.events.all()[-1:] == [{"event": "bound", "status": 0}]:
            self._order({"do": "unbind"})
            self.events.wait(1, 5.0, lambda event: event["event"] == "closed")
        self.kill()

    def kill(self) -> None:
        """The application dies without unbind."""
        self._process.kill()
        self._reader.join(5.0)

    def _addresses(self, sender: str, to: str) -> Fields:
        return {
            "source_addr": sender,
            "destination_addr": to,
            "dest_addr_ton": 1,
            "dest_addr_npi": 1,
            "registered_delivery": 1,
        }

    def _order(self, order: Fields) -> None:
        stdin, _ = self._process.talk
        stdin.write(json.dumps(order) + "\n")
        stdin.flush()

    def _read(self, stdout: Any) -> None:
        inboxes = {"resp": self.responses, "deliver_sm": self.delivered}
        try:
            for line in stdout:
                event = json.loads(line)
                inboxes.get(event["event"], self.events).put(event)
        except ValueError:  # the pipe was closed by kill(), or the last line was cut by it
            return

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
