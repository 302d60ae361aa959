"""The stage of `chappe demo`: a gateway in a folder, a simulated carrier, a simulated modem, an application.

All is real but the networks: SMPP over TCP on both sides of the gateway, AT commands over a pty, a store on disk.
Every line that is told says when, who, what. The scenes are in demo.py.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import click

from drivers.modem.sim_behaviour import ModemBehaviour
from drivers.modem.sim_modem import SimulatedModem
from drivers.modem.simulator import PtyModem
from drivers.smpp.behaviour import Behaviour
from drivers.smpp.carrier_books import CarrierEvent
from drivers.smpp.simulator import SimulatedCarrier
from gateway.app import App
from gateway.cli.application import Application, Given
from gateway.config import Config, load_config
from gateway.events import FallbackMoved, LinkMoved
from gateway.secrets import made_password
from gateway.watchers import log as logging

__all__ = ["PHONE", "SIM", "Stage", "StoryFailed"]

PATIENCE = 10.0
"""Seconds that any one step may take, on a slow machine."""

_CONFIG = """\
[gateway]
name = "demo"
[store]
min_free_disk = "1MB"
[log]
level = "critical"
[listeners.smpp]
port = {port}
[accounts.shop]
password_file = "credentials/shop"
kinds = ["otp", "alert", "transactional", "marketing"]
default_kind = "transactional"
senders = ["CHAPPE", "36180"]
mo = ["36180"]
brand = "Chappe"
[bearers.carrier]
driver = "smpp"
rate = 100
[bearers.carrier.link]
host = "127.0.0.1"
port = {carrier}
system_id = "chappe"
password_file = "credentials/carrier"
reconnect = {{ first = "300ms", max = "600ms" }}
[bearers.sim]
driver = "modem"
rate = 2
kinds = ["otp", "alert"]
sim_contract = "a demonstration"
[bearers.sim.link]
port = "{modem}"
[routes.default]
bearers = ["carrier", "sim"]
fallback_after = "1s"
[rules.hours]
profile = "none"
"""

_COLOURS = {"shop": "green", "chappe": "yellow", "carrier": "cyan", "modem": "magenta"}
PHONE = "+33600000001"
SIM = "+33700000001"


class StoryFailed(Exception):
    """A step did not come about; the text says which."""


class Stage:
    """Those who take part, and what can be seen of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._began = time.monotonic()
        self._carrier = SimulatedCarrier(
            Behaviour(system_id="chappe", latency=0.02, receipt_delay=0.15), self._carrier_told
        )
        self._carrier_port = 0
        behaviour = ModemBehaviour(number=SIM, boot=0.2, submit=0.6, report_delay=0.4)
        self._modem = PtyModem(
            SimulatedModem(behaviour, wall=time.time(), on_event=self._modem_told), folder / "modem"
        )
        self._shop = Application(self._shop_was_given)
        self._up: set[str] = set()
        self._texts: set[str] = set()
        self._heard: list[str] = []

    # ── the telling ──────────────────────────────────────────────────────────────────────────────────────
    def _scene(self, title: str) -> None:
        click.secho(f"\n{title}", bold=True)
        self._began = time.monotonic()

    def _say(self, who: str, what: str) -> None:
        passed = f"{(time.monotonic() - self._began) * 1000:+.0f} ms"
        click.echo(f"{passed:>9}  {click.style(f'{who:<8}', fg=_COLOURS[who])} {what}")
        sys.stdout.flush()

    def _carrier_told(self, event: CarrierEvent) -> None:
        told = event.fields
        if event.kind == "message":
            ids = told["ids"]
            assert isinstance(ids, list)
            self._heard.append(str(told["text"]))
            parts = f"in {len(ids)} parts, " if len(ids) > 1 else ""
            text = "every character as sent" if told["text"] in self._texts else f"“{told['text']}”"
            self._say("carrier", f"has it, {parts}{text}; calls it {' '.join(ids)}")
        elif event.kind == "receipt":
            self._say(
                "carrier", f"receipt for {told['id']}, {told['stat']}: acknowledged, Chappe has it on disk"
            )

    def _modem_told(self, kind: str, told: Mapping[str, object]) -> None:
        if kind == "submitted":
            self._heard.append(str(told["text"]))
            self._say(
                "modem", f"takes it at the radio's pace, as TP-MR {told['reference']}: “{told['text']}”"
            )
        elif kind == "report":
            self._say("modem", f"status report for TP-MR {told['reference']}: the handset has it")

    def _shop_was_given(self, given: Given) -> None:
        if given.receipt is not None:
            self._say("shop", f"deliver_sm: receipt for {given.receipt.id}, {given.receipt.stat}")
        else:
            self._say("shop", f"deliver_sm: {given.sender} writes “{given.text}”")

    async def _until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise StoryFailed(f"{what}: not within {PATIENCE:g} s")
            await asyncio.sleep(0.005)

    # ── the stage ────────────────────────────────────────────────────────────────────────────────────────
    async def open(self, stack: AsyncExitStack) -> None:
        """Carrier, gateway and application, each closed again by the stack."""
        click.secho("A gateway, its carrier, a modem and an application, on this machine only", bold=True)
        self._carrier_port = await self._carrier.start()
        stack.push_async_callback(self._carrier.stop)
        await self._modem.start()
        stack.push_async_callback(self._modem.stop)
        config = await self._gateway(stack)
        assert config.smpp is not None
        click.echo("  accounts.shop    may send otp, alert, transactional and marketing as CHAPPE or 36180")
        click.echo(f"  bearers.carrier  SMPP to 127.0.0.1:{self._carrier_port}, 100 segments a second")
        click.echo(f"  bearers.sim      a GSM modem at {self._modem.place}, for OTPs and alerts only")
        click.echo("  routes.default   to the carrier; when it is down for 1 s, by the modem")
        await self._until(lambda: self._up == {"carrier", "sim"}, "the bind to the carrier, and the modem")
        await self._shop.bind(config.smpp.port, "shop", config.accounts["shop"].password or "")
        stack.callback(self._shop.leave)

    async def _gateway(self, stack: AsyncExitStack) -> Config:
        """The daemon's own App. Another program may take the free port first: then another one."""
        for tries_left in reversed(range(5)):
            config = self._written()
            logging.configure(config.log)
            self._app = App(config)
            try:
                await self._app.start()
            except OSError as error:
                if error.errno != errno.EADDRINUSE or not tries_left:
                    raise
                continue
            stack.push_async_callback(self._app.stop, 1.0)
            watching = asyncio.create_task(self._watch_links())
            stack.callback(watching.cancel)
            return config
        raise StoryFailed("no free port")

    def _written(self) -> Config:
        credentials = self._folder / "credentials"
        credentials.mkdir(mode=0o700, exist_ok=True)
        passwords = {"shop": made_password(os.urandom), "carrier": made_password(os.urandom)}
        for name, password in passwords.items():
            (credentials / name).write_text(password + "\n", encoding="ascii")
        self._carrier.behave(password=passwords["carrier"])
        path = self._folder / "gateway.toml"
        words = _CONFIG.format(port=_free_port(), carrier=self._carrier_port, modem=self._modem.place)
        path.write_text(words, encoding="utf-8")
        return load_config(path, {})

    async def _watch_links(self) -> None:
        """What the gateway itself says of its bearers."""
        self._up = {name for name, road in self._app.dispatcher.roads.items() if road.health.up}
        subscription = self._app.bus.subscribe("demo", wanted=frozenset({LinkMoved, FallbackMoved}))
        while True:
            for event in await subscription.next():
                if isinstance(event, FallbackMoved):
                    word = "falls back to" if event.engaged else "is again on"
                    self._say("chappe", f"route {event.route} {word} {', '.join(event.bearers)}")
                elif isinstance(event, LinkMoved) and event.up != (event.bearer in self._up):
                    self._up ^= {event.bearer}
                    word = "up" if event.up else "down"
                    self._say("chappe", f"bearer {event.bearer} is {word}: {event.detail}")

    async def _submit(self, text: str, service_type: str = "") -> str:
        kind = {"OTP": "an OTP", "ALERT": "an alert", "PROMO": "marketing", "": "a message"}[service_type]
        self._texts.add(text)
        self._say("shop", f"submit_sm, {kind} to {PHONE}: “{text}”")
        message_id = await self._shop.submit("CHAPPE", PHONE, text, service_type)
        self._say("chappe", f"submit_sm_resp: on disk, its id is {message_id}")
        return message_id

    def _home(self, message_id: str) -> bool:
        return any(given.receipt is not None and given.receipt.id == message_id for given in self._shop.given)


def _free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
