"""`chappe demo`: a message's whole story, and what happens when things go wrong. The stage is in demo_stage.py.

Leaves nothing behind. Ends by itself, with 0 when the story went as told; on a terminal it then stays until Ctrl-C,
so that one can send messages of one's own.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

import click

from gateway.cli.application import NotTaken
from gateway.cli.config_file import fail
from gateway.cli.daemon import event_loop
from gateway.cli.demo_stage import PHONE, SIM, Stage, StoryFailed
from gateway.lifecycle import State

__all__ = ["Story", "demo"]

_LONG = (
    "Bonjour Léa 👋 Votre commande n° 1794 est prête 🎁 : elle vous attend à la boutique Chappe, 1 rue du Télégraphe,"
    " jusqu’à samedi 18 h ⏰. À très bientôt, et merci de votre fidélité 💛"
)


@click.command()
def demo() -> None:
    """A gateway against a simulated carrier and a simulated modem: a message's whole story.

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


class Story(Stage):
    """The scenes, in the order in which they are played."""

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
        """What must arrive does, by another road; what can wait waits; a reply finds its way to the shop."""
        self._scene("3. The carrier goes down: an alert leaves by the modem, the rest waits for the carrier")
        await self._carrier.stop()
        self._say("carrier", "closes every connection, and its port")
        await self._until(lambda: "carrier" not in self._up, "the end of the bind")
        waits = await self._submit("Votre colis arrive demain")
        alert = await self._submit("Salle serveurs : eau au sol", "ALERT")
        await self._until(lambda: self._home(alert), "the receipt of the alert")
        self._say("chappe", f"waiting for the carrier: {self._app.queue.count} message")
        self._say("modem", f"{PHONE} answers {SIM}, the number that it sees: “J'y vais”")
        before = len(self._shop.given)
        self._modem.mo(PHONE, "J'y vais")
        await self._until(lambda: len(self._shop.given) > before, "the reply to the SIM")
        await self._carrier.start(port=self._carrier_port)
        self._say("carrier", "is back")
        await self._until(lambda: self._home(waits), "the receipt after the failure")
        self._say("chappe", "OTPs and alerts stay with the modem until the carrier has been back for 10 s")

    async def reply(self) -> None:
        """From a phone to the application."""
        self._scene("4. A reply from the phone")
        self._say("carrier", f"{PHONE} writes to 36180: “Merci, à demain ! 👍”")
        before = len(self._shop.given)
        self._carrier.inject_mo(PHONE, "36180", "Merci, à demain ! 👍")
        await self._until(lambda: len(self._shop.given) > before, "the reply")

    async def one_stop_is_enough(self) -> None:
        """What the citizen said holds for the next campaign, and for nothing else."""
        self._scene("5. A campaign, a STOP, and what may still be sent afterwards")
        sent = await self._submit("Chappe : -20 % samedi. STOP 36180", "PROMO")
        await self._until(lambda: self._home(sent), "the receipt of the campaign")
        self._say("carrier", f"{PHONE} writes to 36180: “STOP”")
        before = len(self._heard)
        self._carrier.inject_mo(PHONE, "36180", "STOP")
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
        click.echo(f"  chappe send --to {PHONE} --text 'Bonjour 👋' --wait")
        click.echo("  chappe trace ID")
        click.echo("  chappe status\n")
        self._began = time.monotonic()
        await stop.wait()
