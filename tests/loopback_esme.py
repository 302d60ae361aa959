"""A bearer of the driver 'smpp' beside the loopback SMSC: bound(smsc), and what tests ask of its recorder."""

import asyncio
import contextlib

import uvloop
from loopback_smsc import Recorder, until

from drivers import smpp
from drivers.bearer import Segment
from drivers.smpp.settings import Reconnect

__all__ = ["FAST", "LOOPS", "bound", "ids", "links", "segment", "settings"]

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
FAST = Reconnect(first=0.02, max=0.1)


def segment(number=1, part=-1, udh=b"", payload=b"hello"):
    return Segment(number, part, "CHAPPE", f"+336{number:08}", 0, udh, payload, 0.0, True, 0, None)


def settings(port, **changes):
    fields = {"host": "127.0.0.1", "port": port, "system_id": "shop", "password": "secret", "reconnect": FAST}
    return smpp.Settings(**{**fields, **changes})


@contextlib.asynccontextmanager
async def bound(smsc, up=True, by_hand=300.0, **changes):
    """A bearer that runs, its recorder beside it; cancelled at the end."""
    bearer = smpp.open(
        "carrier", settings(smsc.port, **changes), dialects=[], random=lambda: 0.5, by_hand=by_hand
    )
    gateway = Recorder()
    task = asyncio.create_task(bearer.run(gateway))
    try:
        if up:
            binds = len(bearer._binds)
            await until(
                lambda: len([s for s in gateway.of("Status") if s.fields.get("state") == "bound"]) >= binds
            )
        yield bearer, gateway
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.01)


def links(gateway):
    return [(event.up, event.reason) for event in gateway.of("LinkChanged")]


def ids(events):
    return sorted(event.segment.id for event in events)
