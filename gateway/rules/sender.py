"""Who may the message claim to be from: the account's own list of source addresses, none unless named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gateway import answers
from gateway.model import Message
from gateway.rules.rule import Action, Batch, Verdict

if TYPE_CHECKING:
    from gateway.accounts import Account

__all__ = ["SenderRule"]


class SenderRule:
    """A number or a word that is not the account's would be somebody else's name."""

    name = "sender"
    recheck = False

    def sift(self, batch: Batch) -> Sequence[int]:
        senders = batch.account.senders
        if senders is None:
            return ()
        return [place for place, m in enumerate(batch.messages) if m.source not in senders]

    def judge(self, message: Message, account: Account, now_ms: int) -> Verdict | None:  # noqa: ARG002 - the contract's
        if account.may_send_from(message.source):
            return None
        allowed = ", ".join(sorted(account.senders or ())) or "none is configured"
        reason = f"{message.source or 'an empty address'} is not one of {account.name}'s ({allowed})"
        return Verdict(self.name, Action.REFUSE, reason, answers.BAD_SOURCE)
