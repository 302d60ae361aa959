"""A whole gateway on a loop of its own in a thread, with its control socket: what blocking operators speak to.

with Running(tmp_path, CONFIG) as gateway:
    ids = gateway.submit("+33612345678", "hello")
    control_client.call(gateway.socket, "trace", {"id": ids[0]})
"""

import asyncio
import threading
import time
from pathlib import Path
from typing import Self

import pytest

from drivers.smpp.simulator import SimulatedCarrier
from drivers.sms.alphabet import fit
from drivers.sms.split import segment_count
from gateway import control_client
from gateway.app import App
from gateway.config import load_config
from gateway.control_client import ControlError
from gateway.listeners.control import ControlListener
from gateway.model import KINDS, Message

CONFIG = """
[gateway]
name = "lab"
[store]
min_free_disk = "1MB"
[listeners.smpp]
enabled = false
[accounts.shop]
password = "secret08"
default_kind = "transactional"
senders = ["CHAPPE", "36180"]
[bearers.orange]
driver = "smpp"
rate = 100
[bearers.orange.link]
host = "127.0.0.1"
port = {port}
system_id = "chappe"
password = "secret08"
window = 50
[bearers.spare]
driver = "smpp"
rate = 10
kinds = ["otp"]
[bearers.spare.link]
host = "127.0.0.1"
port = 1
system_id = "chappe"
password = "secret08"
[routes.mobile]
match = {{ to = ["+336", "+337"] }}
bearers = ["orange", "spare"]
[routes.abroad]
match = {{ to = ["+49"], kinds = ["otp"] }}
bearers = ["spare"]
[rules]
order = ["sender"]
"""


class Running:
    """app: its parts may be read from the test's thread; what changes them goes through call() or run()."""

    def __init__(self, folder: Path, carrier: SimulatedCarrier | None = None, config: str = CONFIG) -> None:
        self.folder = folder
        self.carrier = carrier
        self.config = config
        self.path = folder / "gateway.toml"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gateway under test")

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self.run(self._start())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.run(self._stop())
        finally:
            self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10.0)
        self._loop.close()

    async def _start(self) -> None:
        port = await self.carrier.start() if self.carrier is not None else 1
        self.path.write_text(self.config.format(port=port), encoding="utf-8")
        self.app = App(load_config(self.path, {}))
        await self.app.start()
        self.control = getattr(self.app, "control", None) or ControlListener(self.app)
        if self.control is not getattr(self.app, "control", None):
            await self.control.start()
        self.socket = self.control.path

    async def _stop(self) -> None:
        await self.control.stop()
        await self.app.stop(0.0)
        if self.carrier is not None:
            await self.carrier.stop()

    def run(self, coroutine, timeout: float = 10.0):
        """A coroutine's result, from the gateway's own loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout)

    def call(self, function, *arguments):
        """A function's result, called in the gateway's own loop."""

        async def once():
            return function(*arguments)

        return self.run(once())

    def submit(self, to: str, text: str = "hello", kind: str = "transactional", **fields) -> str:
        """The id of a message, once it is on disk."""

        async def once() -> int:
            coding, payload = fit(text)
            parts = segment_count(payload, coding)
            expires = self.app.clock.wall_ms() + 3_600_000
            m = Message(0, "shop", KINDS[kind], 0, "CHAPPE", to, coding, b"", payload, parts, 1, expires)
            for name, value in fields.items():
                setattr(m, name, value)
            submitted = self.app.intake.submit(self.app.accounts.get("shop"), [m])
            if submitted.durable is not None:
                await submitted.durable
            (answer,) = submitted.answers
            assert answer.status == 0, answer.text
            return answer.message_id

        return str(self.run(once()))

    def until(self, true, timeout: float = 8.0):
        """What `true()` gives once it gives something; it is asked in the gateway's loop."""
        deadline = time.monotonic() + timeout
        while not (found := self.call(true)):
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.02)
        return found

    def ask(self, verb: str, **args):
        """What the daemon answers over its socket."""
        return control_client.call(self.socket, verb, args)

    def refused(self, verb: str, **args) -> ControlError:
        """How it refuses."""
        with pytest.raises(ControlError) as caught:
            self.ask(verb, **args)
        return caught.value

    def audit(self) -> list[tuple[str, str, str]]:
        """(who, verb, detail) of every act so far."""
        return self.run(self.app.store.query("SELECT who, verb, detail FROM audit ORDER BY id"))

    def bound(self) -> None:
        self.until(lambda: self.app.dispatcher.roads["orange"].open)
