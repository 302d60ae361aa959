"""Marketing names the consent that it rests on, where its account is configured so (require_consent).

The reference is the application's own word (TLV 0x1502), stored with the message: whoever is asked for the
proof of a consent (CPCE L.34-5) finds it from there. Whether the consent is good, no gateway can judge. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway import answers
from gateway.model import Kind, Message
from gateway.rules.rule import Action, Verdict

if TYPE_CHECKING:
    from gateway.accounts import Account

__all__ = ["ConsentRule"]

_MARKETING = int(Kind.MARKETING)


class ConsentRule:
    """The rule; asked once: a message that has a reference keeps it."""

    name = "consent"
    recheck = False
    marketing_only = True

    def judge(self, message: Message, account: Account, now_ms: int) -> Verdict | None:  # noqa: ARG002 - the contract's
        if message.kind != _MARKETING or not account.require_consent or message.consent:
            return None
        reason = f"account {account.name} must name the recipient's consent (TLV 0x1502) with marketing"
        return Verdict(self.name, Action.REFUSE, reason, answers.NO_CONSENT)
