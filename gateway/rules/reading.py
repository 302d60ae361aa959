"""No marketing is taken while what its rules must know is still being read from the store, just after a start.

It is refused with ESME_RTHROTTLED, as for a moment: applications send it again. What waits already is not asked
here: it leaves once the lists are there (gateway/recall.py). Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from gateway import answers
from gateway.model import Kind, Message
from gateway.rules.rule import Action, Batch, Verdict

if TYPE_CHECKING:
    from gateway.accounts import Account

__all__ = ["ReadingRule"]

_MARKETING = int(Kind.MARKETING)


class ReadingRule:
    """unread: what is still being read, in words, or "". No [rules] order names it: it is always the first."""

    name: ClassVar = "reading"
    recheck: ClassVar = False
    marketing_only: ClassVar = True

    def __init__(self, unread: Callable[[], str]) -> None:
        self._unread = unread

    def sift(self, batch: Batch) -> Sequence[int]:
        return range(len(batch.messages)) if self._unread() else ()

    def judge(self, message: Message, account: Account, now_ms: int) -> Verdict | None:  # noqa: ARG002 - the contract's
        unread = self._unread()
        if not unread or message.kind != _MARKETING:
            return None
        reason = f"the gateway has just started and still reads {unread}: send it again in a moment"
        return Verdict(self.name, Action.REFUSE, reason, answers.THROTTLED)
