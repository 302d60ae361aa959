"""Marketing names the consent that it rests on, where its account is configured so (require_consent).

The reference is the application's own word (TLV 0x1502), stored with the message: whoever is asked for the
proof of a consent (CPCE L.34-5) finds it from there. Whether the consent is good, no gateway can judge; but where
consents are kept here for the account or its brand (chappe consents), one must be known for the number, and one
that was revoked stops marketing whether or not the account must name any. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from gateway import answers
from gateway.model import Kind, Message
from gateway.rules.kept_consents import KeptConsents, Standing
from gateway.rules.rule import Action, Batch, Verdict

if TYPE_CHECKING:
    from gateway.accounts import Account

__all__ = ["ConsentRule"]

_MARKETING = int(Kind.MARKETING)


class ConsentRule:
    """The rule; asked again before the wire, since a consent may be revoked while a message waits."""

    name: ClassVar = "consent"
    recheck: ClassVar = True
    marketing_only: ClassVar = True

    def __init__(self, kept: KeptConsents | None = None) -> None:
        self._kept = kept

    def version(self, now_ms: int) -> int:  # noqa: ARG002 - the contract's
        return self._kept.version if self._kept is not None else 0

    def sift(self, batch: Batch) -> Sequence[int]:
        must = batch.account.require_consent
        if must and not all(m.consent for m in batch.messages):
            return range(len(batch.messages))
        kept = self._kept
        return (
            kept.perhaps_not(batch.messages, batch.account, must) if kept is not None and kept.version else ()
        )

    def judge(self, message: Message, account: Account, now_ms: int) -> Verdict | None:  # noqa: ARG002 - the contract's
        if message.kind != _MARKETING:
            return None
        if account.require_consent and not message.consent:
            return _no(
                f"account {account.name} must name the recipient's consent (TLV 0x1502) with marketing"
            )
        if self._kept is None or not self._kept.version:  # nothing was ever kept
            return None
        standing = self._kept.standing(account, message.destination, message.consent)
        if standing is Standing.REVOKED:
            return _no("the recipient's consent was revoked (chappe consents list --number)")
        if standing is Standing.UNKNOWN and account.require_consent:
            return _no(
                f"no consent of this number is kept for account {account.name} or its brand (chappe consents add)"
            )
        return None


def _no(reason: str) -> Verdict:
    return Verdict(ConsentRule.name, Action.REFUSE, reason, answers.NO_CONSENT)
