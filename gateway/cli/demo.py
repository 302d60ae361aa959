"""`chappe demo`: a whole gateway in a temporary folder, a simulated carrier, an application, and a story.

Everything is real but the carrier's network: SMPP over TCP on both sides, a store on disk, and the times are
measured. Leaves nothing behind. Ends by itself, with 0 when the story went as told; on a terminal it then
stays until Ctrl-C, so that one can send messages of one's own.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import click

from drivers.smpp.behaviour import Behaviour
from drivers.smpp.carrier_books import CarrierEvent
from drivers.smpp.simulator import SimulatedCarrier
from gateway.app import App
from gateway.cli.application import Application, Given, NotTaken
from gateway.cli.config_file import fail
from gateway.cli.daemon import event_loop
from gateway.config import Config, load_config
from gateway.events import LinkMoved
from gateway.lifecycle import State
from gateway.secrets import made_password
from gateway.watchers import log as logging

__all__ = ["Story", "demo"]

PATIENCE = 10.0
"""Seconds that any one step may take, on a slow machine."""

_CONFIG = """\
[gateway]
name = "demo"
[store]
min_free_disk = "1MB"
[log]
level = "error"
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
[routes.default]
bearers = ["carrier"]
[rules.hours]
profile = "none"
"""

_COLOURS = {"shop": "green", "chappe": "yellow", "carrier": "cyan"}
_PHONE = "+33600000001"
_LONG = (
    "Bonjour Léa 👋 Votre commande n° 1794 est prête 🎁 : elle vous attend à la boutique Chappe, 1 rue du Télégraphe,"
    " jusqu’à samedi 18 h ⏰. À très bientôt, et merci de votre fidélité 💛"
)


class StoryFailed(Exception):
    """A step did not come about; the text says which."""


@click.command()
def demo() -> None:
    """A gateway against a simulated carrier: a message's whole story.

    Needs no configuration and leaves nothing behind.
    """
    folder = Path(tempfile.mkdtemp(prefix="chappe-demo-"))
    try:
        with asyncio.Runner(loop_factory=event_loop()) as runner:
            runner.run(_play(folder))
    except (StoryFailed, NotTaken, OSError) as error:
        fail(f"demo: {error}")
    except asyncio.CancelledError:
        fail("demo: ended by a signal")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _play(folder: Path) -> None:
    story = Story(folder)
    playing = asyncio.current_task()
    assert playing is not None
    asyncio.get_running_loop().add_signal_handler(
        signal.SIGTERM, playing.cancel
    )  # the folder goes all the same
    async with AsyncExitStack() as stack:
        await story.open(stack)
        await story.one_time_password()
        await story.long_message()
        await story.carrier_goes_down()
        await story.reply()
        await story.one_stop_is_enough()
        await story.summary()
        if sys.stdout.isatty():
            await story.stay()


class Story:
    """The three who take part, and what they do. Every line says when, who, what."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._began = time.monotonic()
        self._carrier = SimulatedCarrier(
            Behaviour(system_id="chappe", latency=0.02, receipt_delay=0.15), self._carrier_told
        )
        self._carrier_port = 0
        self._shop = Application(self._shop_was_given)
        self._link_up = False
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
        click.secho("A gateway, its carrier and an application, on this machine only", bold=True)
        self._carrier_port = await self._carrier.start()
        stack.push_async_callback(self._carrier.stop)
        config = await self._gateway(stack)
        assert config.smpp is not None
        click.echo("  accounts.shop    may send otp, alert, transactional and marketing as CHAPPE or 36180")
        click.echo(f"  bearers.carrier  SMPP to 127.0.0.1:{self._carrier_port}, 100 segments a second")
        click.echo("  routes.default   every message goes to the carrier")
        await self._until(lambda: self._link_up, "the bind to the carrier")
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
        path.write_text(_CONFIG.format(port=_free_port(), carrier=self._carrier_port), encoding="utf-8")
        return load_config(path, {})

    async def _watch_links(self) -> None:
        """What the gateway itself says of its bearer."""
        road = self._app.dispatcher.roads["carrier"]
        self._link_up = road.health.up
        subscription = self._app.bus.subscribe("demo")
        while True:
            for event in await subscription.next():
                if isinstance(event, LinkMoved) and event.up != self._link_up:
                    self._link_up = event.up
                    self._say("chappe", f"bearer carrier is {'up' if event.up else 'down'}: {event.detail}")

    async def _submit(self, text: str, service_type: str = "") -> str:
        kind = {"OTP": "an OTP", "PROMO": "marketing", "": "a message"}[service_type]
        self._texts.add(text)
        self._say("shop", f"submit_sm, {kind} to {_PHONE}: “{text}”")
        message_id = await self._shop.submit("CHAPPE", _PHONE, text, service_type)
        self._say("chappe", f"submit_sm_resp: on disk, its id is {message_id}")
        return message_id

    def _home(self, message_id: str) -> bool:
        return any(given.receipt is not None and given.receipt.id == message_id for given in self._shop.given)

    # ── the scenes ───────────────────────────────────────────────────────────────────────────────────────
    async def one_time_password(self) -> None:
        """There and back."""
        self._scene("1. A one-time password, there and back")
        sent = await self._submit("Votre code Chappe : 493817", "OTP")
        await self._until(lambda: self._home(sent), "the receipt of the OTP")

    async def long_message(self) -> None:
        """One message, several segments, one receipt."""
        self._scene(
            "2. A long message with emoji: in parts to the carrier, one id and one receipt for the shop"
        )
        sent = await self._submit(_LONG)
        await self._until(lambda: self._home(sent), "the receipt of the long message")

    async def carrier_goes_down(self) -> None:
        """Accepted meanwhile, sent afterwards."""
        self._scene("3. The carrier goes down: messages are taken all the same, and leave when it is back")
        await self._carrier.stop()
        self._say("carrier", "closes every connection, and its port")
        await self._until(lambda: not self._link_up, "the end of the bind")
        sent = await self._submit("Votre colis arrive demain")
        await asyncio.sleep(0.3)
        self._say("chappe", f"waiting for the carrier: {self._app.queue.count} message")
        await self._carrier.start(port=self._carrier_port)
        self._say("carrier", "is back")
        await self._until(lambda: self._home(sent), "the receipt after the failure")

    async def reply(self) -> None:
        """From a phone to the application."""
        self._scene("4. A reply from the phone")
        self._say("carrier", f"{_PHONE} writes to 36180: “Merci, à demain ! 👍”")
        before = len(self._shop.given)
        self._carrier.inject_mo(_PHONE, "36180", "Merci, à demain ! 👍")
        await self._until(lambda: len(self._shop.given) > before, "the reply")

    async def one_stop_is_enough(self) -> None:
        """What the citizen said holds for the next campaign, and for nothing else."""
        self._scene("5. A campaign, a STOP, and what may still be sent afterwards")
        sent = await self._submit("Chappe : -20 % samedi. STOP 36180", "PROMO")
        await self._until(lambda: self._home(sent), "the receipt of the campaign")
        self._say("carrier", f"{_PHONE} writes to 36180: “STOP”")
        before = len(self._heard)
        self._carrier.inject_mo(_PHONE, "36180", "STOP")
        await self._until(lambda: len(self._heard) > before, "the confirmation of the STOP")
        try:
            await self._submit("Chappe : encore -30 % dimanche. STOP 36180", "PROMO")
        except NotTaken as refused:
            self._say("chappe", f"submit_sm_resp: {refused}")
        else:
            raise StoryFailed("marketing was accepted after a STOP")
        sent = await self._submit("Votre code Chappe : 286117", "OTP")
        await self._until(lambda: self._home(sent), "the receipt of the second OTP")

    async def summary(self) -> None:
        """What the store says."""
        await asyncio.sleep(0.05)  # the last deliver_sm_resp
        found = await self._app.store.query("SELECT state, count(*) FROM message GROUP BY state", ())
        click.secho("\nIn the store", bold=True)
        for state, count in found:
            click.echo(f"  {count} messages {State(state).name}")
        if [state for state, _ in found] != [State.DELIVERED]:
            raise StoryFailed("a message has not ended as DELIVERED")
        click.echo("  each with exactly one final state, and its receipt at the application")

    async def stay(self) -> None:
        """Until Ctrl-C."""
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        config = self._app.config.path
        click.secho("\nYour turn, from another terminal (Ctrl-C here ends it)", bold=True)
        click.echo(f"  export CHAPPE_CONFIG={config}")
        click.echo(f"  chappe send --to {_PHONE} --text 'Bonjour 👋' --wait")
        click.echo("  chappe trace ID")
        click.echo("  chappe status\n")
        self._began = time.monotonic()
        await stop.wait()


def _free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
