"""The facts: what the bus carries, stated only after they are durable. Nothing here is a command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.model import Change, Mo

__all__ = [
    "AccountMoved",
    "AlarmMoved",
    "Event",
    "FallbackMoved",
    "JudgedMarketing",
    "LinkMoved",
    "Moved",
    "OptedOut",
    "OrphansKept",
    "Reloaded",
    "Replied",
    "StatusMoved",
    "StoreMoved",
]


class Moved:
    """A batch of messages changed state: one event a batch, whatever its size."""

    __slots__ = ("at", "changes")

    def __init__(self, changes: Sequence[Change], at: int) -> None:
        self.changes = changes
        self.at = at


class LinkMoved:
    """A bearer opened or closed, was enabled or disabled, paused or went on."""

    __slots__ = ("at", "bearer", "detail", "reason", "up")

    def __init__(self, bearer: str, up: bool, reason: str, detail: str, at: int) -> None:
        self.bearer = bearer
        self.up = up
        self.reason = reason
        self.detail = detail
        self.at = at


class AccountMoved:
    """An application bound or went away. binds: how many it has now."""

    __slots__ = ("account", "address", "at", "binds", "bound", "reason")

    def __init__(self, account: str, bound: bool, binds: int, address: str, reason: str, at: int) -> None:
        self.account = account
        self.bound = bound
        self.binds = binds
        self.address = address
        self.reason = reason
        self.at = at


class Replied:
    """Handsets wrote to us."""

    __slots__ = ("at", "mos")

    def __init__(self, mos: Sequence[Mo], at: int) -> None:
        self.mos = mos
        self.at = at


class OptedOut:
    """Somebody objects to marketing, or no longer does. act: stop, start, review, or an operator's add, remove.

    number: whole, for those who keep it to themselves. source: "mo:36180", or who did it.
    """

    __slots__ = ("account", "act", "at", "evidence", "number", "scopes", "source")

    def __init__(
        self, act: str, number: str, scopes: Sequence[str], account: str, source: str, evidence: str, at: int
    ) -> None:
        self.act = act
        self.number = number
        self.scopes = scopes
        self.account = account
        self.source = source
        self.evidence = evidence
        self.at = at


class StoreMoved:
    """The store stopped or resumed taking writes."""

    __slots__ = ("at", "well", "why")

    def __init__(self, well: bool, why: str, at: int) -> None:
        self.well = well
        self.why = why
        self.at = at


class AlarmMoved:
    """Something an operator should know: raised with a cause, or cleared. id: one per thing, kept short."""

    __slots__ = ("at", "id", "raised", "severity", "text")

    def __init__(self, id: str, raised: bool, severity: str, text: str, at: int) -> None:  # noqa: A002 - the topic's word
        self.id = id
        self.raised = raised
        self.severity = severity
        self.text = text
        self.at = at


class FallbackMoved:
    """A route went down to a lower tier, or came back. tier: counted from 1; bearers: those of that tier."""

    __slots__ = ("at", "bearers", "engaged", "route", "tier", "why")

    def __init__(
        self, route: str, engaged: bool, tier: int, bearers: Sequence[str], why: str, at: int
    ) -> None:
        self.route = route
        self.engaged = engaged
        self.tier = tier
        self.bearers = bearers
        self.why = why
        self.at = at


class StatusMoved:
    """A driver showed something new of itself (a bind, a SIM): the fields as `chappe links` shows them."""

    __slots__ = ("at", "bearer", "fields", "identity")

    def __init__(
        self, bearer: str, identity: str, fields: Mapping[str, str | int | float | bool], at: int
    ) -> None:
        self.bearer = bearer
        self.identity = identity
        self.fields = fields
        self.at = at


class Reloaded:
    """The configuration was read again. keys: what changed; error: why nothing was, "" when it was."""

    __slots__ = ("at", "error", "keys")

    def __init__(self, keys: Sequence[str], error: str, at: int) -> None:
        self.keys = keys
        self.error = error
        self.at = at


class OrphansKept:
    """Receipts that match no message were stored."""

    __slots__ = ("at", "bearer", "count")

    def __init__(self, bearer: str, count: int, at: int) -> None:
        self.bearer = bearer
        self.count = count
        self.at = at


class JudgedMarketing:
    """Texts sent as transactional were judged as marketing: they mention STOP."""

    __slots__ = ("account", "at", "count")

    def __init__(self, account: str, count: int, at: int) -> None:
        self.account = account
        self.count = count
        self.at = at


Event = (
    Moved
    | LinkMoved
    | AccountMoved
    | Replied
    | OptedOut
    | StoreMoved
    | AlarmMoved
    | FallbackMoved
    | StatusMoved
    | Reloaded
    | OrphansKept
    | JudgedMarketing
)
