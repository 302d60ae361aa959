"""The rules in their order: judge a batch before the queue, and again before the wire.

A family: a rule is one file with a class that follows rule.py, and its name in RULES. The first verdict wins,
and its rule and reason go wherever the message is told of: response, receipt, trace, explain, report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from gateway.lifecycle import Cause
from gateway.model import Message
from gateway.rules.rule import Action, Rule, Verdict
from gateway.rules.sender import SenderRule

if TYPE_CHECKING:
    from gateway.accounts import Account

__all__ = ["RULES", "Rulebook"]

RULES: Mapping[str, type[Rule]] = {"sender": SenderRule}
"""What this version can judge; other names in [rules] order are warned of by `chappe check`."""

_CAUSE = {Action.POSTPONE: Cause.POSTPONE, Action.HOLD: Cause.HOLD, Action.REFUSE: Cause.REFUSE}


class Rulebook:
    """The configured rules, in order. account_of: an account by its name, None once it is gone."""

    def __init__(self, rules: Sequence[Rule], account_of: Callable[[str], Account | None]) -> None:
        self._rules = tuple(rules)
        self._again = tuple(rule for rule in rules if rule.recheck)
        self._account_of = account_of

    def judge(self, message: Message, account: Account, now_ms: int) -> Verdict | None:
        """The first verdict against it; None: it may go."""
        for rule in self._rules:
            verdict = rule.judge(message, account, now_ms)
            if verdict is not None:
                return verdict
        return None

    def recheck(self, messages: Sequence[Message], now_ms: int) -> dict[int, tuple[Cause, int, int, str]]:
        """Before the wire: (cause, until, status, reason) by id of those that may not leave now."""
        found: dict[int, tuple[Cause, int, int, str]] = {}
        if not self._again:
            return found
        for message in messages:
            account = self._account_of(message.account)
            if account is None:
                continue
            for rule in self._again:
                verdict = rule.judge(message, account, now_ms)
                if verdict is not None:
                    found[message.id] = (
                        _CAUSE[verdict.action],
                        verdict.until,
                        verdict.status,
                        f"{rule.name}: {verdict.reason}",
                    )
                    break
        return found
