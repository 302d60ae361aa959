"""The contract of a rule: message and time in, verdict out. Pure and synchronous; what it needs is in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from gateway.model import Message

if TYPE_CHECKING:
    from gateway.accounts import Account

__all__ = ["Action", "Batch", "Counting", "Judge", "Preparing", "Rule", "Settled", "Sifting", "Verdict"]


class Action(Enum):
    """What a rule wants done with a message."""

    POSTPONE = "postpone"
    HOLD = "hold"
    REFUSE = "refuse"


class Verdict:
    """Why a message may not simply leave. Allowing it has no verdict.

    rule: its name in [rules] order. status: the command_status of a refusal. reason: in words, for the
    response, the receipt, trace and explain. until: Unix ms, of a postponement.
    """

    __slots__ = ("action", "reason", "rule", "status", "until")

    def __init__(self, rule: str, action: Action, reason: str, status: int = 0, until: int = 0) -> None:
        self.rule = rule
        self.action = action
        self.reason = reason
        self.status = status
        self.until = until

    def __repr__(self) -> str:
        return f"Verdict({self.rule}: {self.action.value}, {self.reason!r})"


class Rule(Protocol):
    """name: as in [rules] order. recheck: asked again just before the wire (a STOP or 20:30 may have come).

    A class that says `marketing_only = True` is not asked about other kinds at all.
    """

    name: ClassVar[str]
    recheck: ClassVar[bool]

    def judge(self, message: Message, account: Account, now_ms: int) -> Verdict | None:
        """None when this rule has nothing against the message at this time (Unix ms)."""


Judge = Callable[[Message, "Account", int], Verdict | None]
"""Rule.judge of some rule."""


class Batch:
    """Messages of one account that came together. last_ms: what the newest of their ids will say, Unix ms."""

    __slots__ = ("account", "last_ms", "messages", "now_ms")

    def __init__(self, messages: tuple[Message, ...], account: Account, now_ms: int, last_ms: int) -> None:
        self.messages = messages
        self.account = account
        self.now_ms = now_ms
        self.last_ms = last_ms


@runtime_checkable
class Sifting(Protocol):
    """A rule that can look over a batch at once, at a fraction of what judging each message of it costs."""

    def sift(self, batch: Batch) -> Iterable[int]:
        """The places of those that it must judge; all others it allows, whichever of the batch are taken."""


@runtime_checkable
class Settled(Protocol):
    """A rule with recheck that can tell whether a message which it allowed may have to be judged again."""

    def version(self, now_ms: int) -> int:
        """Another number as soon as its answer to anything that it has allowed may have changed."""


@runtime_checkable
class Preparing(Protocol):
    """A rule that looks at a batch before it is compared, routed and judged, and may change kinds and texts."""

    def prepare(self, messages: Sequence[Message], account: Account) -> dict[int, Verdict]:
        """The refusals, by place in the batch."""


@runtime_checkable
class Counting(Protocol):
    """A rule that counts what was taken. Between the two calls nothing but replace_sm changes a message's size."""

    def taken(self, messages: Sequence[Message]) -> None:
        """They were accepted, their ids given and rising, all of one account; told before it judges the next."""

    def given_back(self, message: Message) -> None:
        """The store refused it, or it has ended and never left us (answers.never_left)."""
