"""A core that reads its replies: the rule, the list and what a STOP does, over a real store."""

import asyncio
from contextlib import asynccontextmanager

from core import account, core

from drivers.sms.alphabet import decode
from gateway.auto_replies import AutoReplies
from gateway.config.policy import RulesSettings, StopSettings
from gateway.events import OptedOut
from gateway.model import Kind
from gateway.rules.country_file import load_law
from gateway.rules.optouts import OptOuts
from gateway.rules.stop import StopRule
from gateway.stops import Stops
from gateway.stores.optout_table import OptOutTable
from gateway.stores.reply_table import ReplyTable

LAW = load_law("fr")
KEY = bytes(32)


def shop(name="shop", **fields):
    return account(name, **({"brand": "Chappe", "stop_number": "36180"} | fields))


class _Told:
    """A watcher that keeps what is said of the list."""

    def __init__(self, told):
        self.told = told

    def put(self, event):
        if isinstance(event, OptedOut):
            self.told.append(event)


@asynccontextmanager
async def stopping(path, settings=StopSettings(), **options):  # noqa: B008 - frozen
    """A core with .stops, .optouts and .told, the events of the list."""
    optouts = OptOuts(KEY)
    options.setdefault("accounts", [shop()])
    async with core(path, rules=[StopRule(optouts)], **options) as gw:
        gw.optouts = optouts
        gw.stops = Stops(
            gw.ledger,
            gw.desk,
            optouts,
            OptOutTable(gw.store),
            gw.accounts.get,
            gw.dispatcher.roads,
            AutoReplies(gw.clock, ReplyTable(gw.store), gw.accounts.get, gw.intake.submit),
            gw.writers,
        )
        gw.stops.apply(RulesSettings(stop=settings), LAW)
        gw.stops.load()
        gw.mo.hear = gw.stops.hear
        gw.told = []
        gw.bus._subscriptions.append(_Told(gw.told))
        try:
            yield gw
        finally:
            await gw.stops.close()


def promo(gw, to="+33612345678", text=b"Soldes STOP 36180", **fields):
    return gw.sms(to, text, Kind.MARKETING, **fields)


def sent(gw):
    """The texts that the bearer was given, whole."""
    return [decode(segment.payload, segment.data_coding) for segment in gw.a.seen]


def scopes(gw):
    """What holds on disk."""
    return sorted(scope for scope, _ in gw.stops.table.active())


async def ended(gw):
    """Until what waits has been refused."""
    await gw.settled()
    if gw.stops._ending is not None:
        await asyncio.wait_for(asyncio.shield(gw.stops._ending), 10.0)
    await gw.settled()
