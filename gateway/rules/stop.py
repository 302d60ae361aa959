"""STOP: whoever has said that he wants no more marketing gets none. Nothing else is held back by it.

Asked before the queue and again before the wire, since a STOP may come while a message waits. A reply that may
have been an objection postpones marketing until its review is over, or refuses what would have expired by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from gateway import answers
from gateway.model import Kind, Message
from gateway.rules.optouts import OptOuts
from gateway.rules.rule import Action, Batch, Verdict

if TYPE_CHECKING:
    from gateway.accounts import Account

__all__ = ["StopRule"]


class StopRule:
    """Reads the list; stops.py writes it."""

    name: ClassVar = "stop"
    recheck: ClassVar = True
    marketing_only: ClassVar = True

    def __init__(self, optouts: OptOuts) -> None:
        self._optouts = optouts

    def version(self, now_ms: int) -> int:  # noqa: ARG002 - the contract's
        return self._optouts.version

    def sift(self, batch: Batch) -> Sequence[int]:
        return self._optouts.perhaps(batch.messages)

    def judge(self, message: Message, account: Account, now_ms: int) -> Verdict | None:
        if message.kind != Kind.MARKETING:
            return None
        scope = self._optouts.covers(message, account)
        if scope:
            return Verdict(
                self.name, Action.REFUSE, f"the recipient has opted out ({scope})", answers.OPTED_OUT
            )
        until = self._optouts.review_until(message.destination, now_ms) if self._optouts.reviews else 0
        if not until:
            return None
        day = datetime.fromtimestamp(until / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
        reason = f"the recipient's last reply may be an objection: marketing waits until {day}"
        if message.expires and message.expires <= until:
            reason = f"{reason}, and this message would expire before"
            return Verdict(self.name, Action.REFUSE, reason, answers.WOULD_EXPIRE)
        return Verdict(self.name, Action.POSTPONE, reason, until=until)
