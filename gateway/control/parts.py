"""The gateway as the operators' verbs see it: which parts they look at, and the few things they may ask of it.

gateway.app.App has this shape. Stated here so that control knows the parts and not the whole.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from drivers.smpp.transport import SmppTransport
from gateway.accounts import Accounts
from gateway.alarms import Alarms
from gateway.bus import Bus
from gateway.clock import Clock
from gateway.config import Config
from gateway.consents import Consents
from gateway.control.rates import Rates
from gateway.correlation import Correlation
from gateway.desk import Desk
from gateway.dispatch import Dispatcher
from gateway.doubts import Doubts
from gateway.holds import Holds
from gateway.intake import Intake
from gateway.last_writers import LastWriters
from gateway.ledger import Ledger
from gateway.lookout import Lookout
from gateway.mo import MobileOriginated
from gateway.outbox import Outbox
from gateway.outcomes import Outcomes
from gateway.queue import ActiveQueue
from gateway.recall import Recall
from gateway.receipts import Receipts
from gateway.references import References
from gateway.rules import Rulebook
from gateway.stops import Stops
from gateway.stores.sqlite import SqliteStore
from gateway.suppressions import Suppressions

if TYPE_CHECKING:
    from gateway.control.waiting import HeldOnes

__all__ = ["Args", "BindView", "BindsView", "Gateway", "Refusal", "Tell", "View"]

Args = Mapping[str, Any]
"""What came with a verb, as JSON gave it: read it through words.Asked."""
View = dict[str, Any]
"""Plain data for JSON: ids are strings, moments RFC 3339, lengths of time seconds."""
Tell = Callable[[View], Awaitable[None]]
"""Sends one line to the operator; waits while he does not read."""


class Refusal(Exception):
    """What an operator asked cannot be done: the text says why and what to do. code: the exit code."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


class BindView(Protocol):
    """One application's connection."""

    transport: SmppTransport | None
    since: int
    submitted: int
    delivered: int

    @property
    def name(self) -> str: ...


class BindsView(Protocol):
    """A listener whose connections can be looked at."""

    def binds(self) -> Iterator[BindView]: ...


class Gateway(Protocol):
    """See the module; the attributes are App's. drained: why nothing new is taken, "" when it is."""

    config: Config
    clock: Clock
    draining: bool
    drained: str
    started_at: int
    alarms: Alarms
    lookout: Lookout
    store: SqliteStore
    bus: Bus
    accounts: Accounts
    outbox: Outbox
    ledger: Ledger
    holds: Holds
    queue: ActiveQueue
    doubts: Doubts
    outcomes: Outcomes
    dispatcher: Dispatcher
    receipts: Receipts
    rules: Rulebook
    intake: Intake
    desk: Desk
    recall: Recall
    stops: Stops
    suppressions: Suppressions
    consents: Consents
    correlation: Correlation
    mo: MobileOriginated
    references: References
    writers: LastWriters
    rates: Rates
    held: HeldOnes

    @property
    def smpp(self) -> BindsView | None: ...

    async def reload(self) -> Sequence[Mapping[str, str]]: ...
