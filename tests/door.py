"""The SMPP listener in front of a wired core: real sockets, a clock that stands still, a carrier on a string.

async with door(tmp_path, window=5) as gw:
    esme = await gw.esme(version=0x50)
    esme.submit(8)
    await esme.answered(8)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

from core import Core, core
from raw_esme import RawEsme

from drivers.smpp.transport import connect
from gateway.accounts import Account, Accounts
from gateway.config.sections import AccountSettings, SmppListenerSettings
from gateway.listeners.bind import Application
from gateway.listeners.requests import Requests
from gateway.listeners.smpp import SmppListener

__all__ = ["Door", "door"]


class Door:
    """A Core by its attributes. smpp: the listener; accounts: those that may bind."""

    def __init__(self, wired: Core, accounts: Accounts, smpp: SmppListener) -> None:
        self.wired = wired
        self.accounts = accounts
        self.smpp = smpp
        self.esmes: list[RawEsme] = []

    def __getattr__(self, name: str):
        return getattr(self.wired, name)

    @property
    def account(self) -> Account:
        found = self.accounts.get("shop")
        assert found is not None
        return found

    @property
    def bind(self) -> Application:
        """The only one."""
        (found,) = self.smpp.binds()
        return found

    async def esme(self, mode: str = "trx", **options) -> RawEsme:
        """Bound, or refused; closed with the door."""
        self.esmes.append(await RawEsme.bound(self.smpp.port, mode, **({"system_id": b"shop"} | options)))
        return self.esmes[-1]

    async def silent(self) -> RawEsme:
        """Connected, and no more."""
        esme = RawEsme()
        self.esmes.append(esme)
        await connect("127.0.0.1", self.smpp.port, esme.session, esme)
        return esme

    async def owe(self, count: int = 1, **fields) -> list[int]:
        """Messages that were delivered: a receipt of each is owed."""
        sent = [self.sms(text=b"%d" % number, **fields) for number in range(count)]
        await self.submit(*sent)
        for carrier_id in self.a.accept():
            self.a.receipt(carrier_id)
        await self.settled()
        return [m.id for m in sent]

    async def later(self, seconds: float) -> None:
        """Time goes by, and the listener's tick with it."""
        self.clock.pass_(seconds)
        self.smpp._turn(self.clock.now())
        await self.settled()


@asynccontextmanager
async def door(
    path: Path, listener: dict[str, object] | None = None, rules=(), **account
) -> AsyncIterator[Door]:
    """listener: settings of [listeners.smpp]; account: those of [accounts.shop]."""
    given = {"default_kind": "transactional", "password": "secret", "senders": ("*",), "mo": ("36180",)}
    settings = {"shop": AccountSettings(name="shop", **(given | account))}
    accounts = Accounts(settings, Random(1).randbytes)
    async with core(path, accounts=list(accounts), rules=rules) as wired:
        smpp = SmppListener(
            SmppListenerSettings(**({"port": 0} | (listener or {}))), accounts, wired.intake, wired.outbox,
            Requests(wired.ledger, wired.desk, wired.intake), wired.bus, wired.clock,
        )  # fmt: skip
        await smpp.start()
        made = Door(wired, accounts, smpp)
        try:
            yield made
        finally:
            for esme in made.esmes:
                if esme.transport is not None:
                    esme.close()
            await smpp.stop()
            await asyncio.sleep(0.01)  # the sockets close in the loop
            accounts.close()
