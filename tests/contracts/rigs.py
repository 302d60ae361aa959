"""A rig is one driver with a network that the suite can play with. To join: write one, add it to RIGS.

async with rig:                  # the network is there, rig.bearer is made, nothing runs
    rig.answer("take")           # from now on segments are taken, "refuse"d, or met with "silence"
    rig.answer_late()            # what met silence is answered after all: how many, 0 where that cannot be
    rig.cut()                    # the link breaks; it may come back by itself
    rig.deliver(2)               # so many short messages come from handsets
    rig.told                     # how many of those the network was told are safe
    rig.denied                   # how many it was told are not, or saw left alone
"""

from __future__ import annotations

from typing import Protocol, Self

from loopback_smsc import Smsc, mo_body
from modem_rig import ModemRig
from simulated_rig import SimulatedRig

from drivers import smpp
from drivers.bearer import Bearer
from drivers.smpp.pdu import CommandStatus
from drivers.smpp.settings import Reconnect

__all__ = ["RIGS", "Rig"]


class Rig(Protocol):
    """See the module. answer_timeout: seconds after which silence is an answer too."""

    bearer: Bearer
    answer_timeout: float

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    def answer(self, how: str) -> None: ...

    def answer_late(self) -> int: ...

    def cut(self) -> None: ...

    def deliver(self, count: int) -> None: ...

    @property
    def told(self) -> int: ...

    @property
    def denied(self) -> int: ...


class SmppRig:
    """The driver 'smpp' with the loopback SMSC."""

    answer_timeout = 0.1

    def __init__(self, **settings) -> None:
        self._settings = settings
        self._smsc = Smsc()

    async def __aenter__(self):
        await self._smsc.__aenter__()
        settings = smpp.Settings(
            host="127.0.0.1", port=self._smsc.port, system_id="shop", password="secret", window=8,
            response_timeout=self.answer_timeout, reconnect=Reconnect(first=0.02, max=0.05), **self._settings,
        )  # fmt: skip
        self.bearer = smpp.open("carrier", settings, None, dialects=[])
        return self

    async def __aexit__(self, *_):
        await self._smsc.stop()

    def answer(self, how):
        answers = {"take": (0, b"1"), "refuse": (CommandStatus.ESME_RSYSERR, None), "silence": None}
        self._smsc.answer = lambda sm: answers[how]

    def answer_late(self):
        """In turn: taken, and refused."""
        for n, sm in enumerate(self._smsc.submits):
            answer = (CommandStatus.ESME_RSYSERR, None) if n % 2 else (0, b"L%d" % n)
            self._smsc.respond(self._smsc.by[n], sm, answer)
            self._smsc.respond(self._smsc.by[n], sm, answer)  # once is enough
        return len(self._smsc.submits)

    def cut(self):
        self._smsc.abort()

    def deliver(self, count):
        receiver = next(t for t in self._smsc.transports if t.session.room)
        self._smsc.deliver(*[mo_body(b"Bonjour")] * count, transport=receiver)

    @property
    def told(self):
        return sum(status == 0 for status, *_ in self._smsc.answers)

    @property
    def denied(self):
        return sum(status != 0 for status, *_ in self._smsc.answers)


RIGS = {
    "simulated": SimulatedRig,
    "modem": ModemRig,
    "smpp": SmppRig,
    "smpp-two-binds": lambda: SmppRig(binds=2),
    "smpp-transmitter-receiver": lambda: SmppRig(bind="transmitter+receiver"),
}
