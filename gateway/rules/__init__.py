"""The rules in their order: judge a batch before the queue, and again before the wire.

A family: a rule is one file with a class that follows rule.py, and its name in RULES. The first refusal wins,
or the first postponement where nobody refuses, and its rule and reason go wherever the message is told of:
response, receipt, trace, explain, report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from gateway import answers
from gateway.lifecycle import Cause
from gateway.model import EPOCH_MS, Kind, Message
from gateway.rules.consent import ConsentRule
from gateway.rules.content import ContentRule
from gateway.rules.docket import Docket, first_against
from gateway.rules.frequency import FrequencyRule
from gateway.rules.hours import HoursRule
from gateway.rules.quota import QuotaRule
from gateway.rules.rule import Action, Batch, Counting, Judge, Preparing, Rule, Settled, Sifting, Verdict
from gateway.rules.sender import SenderRule
from gateway.rules.stop import StopRule
from gateway.rules.suppressed import SuppressRule

if TYPE_CHECKING:
    from gateway.accounts import Account

__all__ = ["RULES", "Rulebook"]

RULES: Mapping[str, type[Rule]] = {
    "sender": SenderRule,
    "content": ContentRule,
    "stop": StopRule,
    "suppress": SuppressRule,
    "consent": ConsentRule,
    "hours": HoursRule,
    "frequency": FrequencyRule,
    "quota": QuotaRule,
}
"""What this version can judge; other names in [rules] order are warned of by `chappe check`."""

_CAUSE = {Action.POSTPONE: Cause.POSTPONE, Action.HOLD: Cause.HOLD, Action.REFUSE: Cause.REFUSE}
_MARKETING = int(Kind.MARKETING)
_ALL = 2**63
"""Above every id."""


class Rulebook:
    """The configured rules, in order. account_of: an account by its name, None once it is gone.

    Rules about marketing only are kept apart, so that no other kind pays for them. counts: whether a rule wants
    to hear of taken() and given_back(). Before the wire nothing is asked about a message that was allowed and has
    not waited since, while no rule says that it might answer otherwise now.
    """

    def __init__(self, rules: Sequence[Rule], account_of: Callable[[str], Account | None]) -> None:
        self._rules = tuple(rules)
        self._judges = tuple(rule.judge for rule in rules)
        self._plain = tuple(rule for rule in rules if not getattr(rule, "marketing_only", False))
        self._again = tuple(rule for rule in rules if rule.recheck)
        self._plain_again = tuple(rule for rule in self._plain if rule.recheck)
        self._preparing = tuple(rule for rule in rules if isinstance(rule, Preparing))
        self._counting = tuple(rule for rule in rules if isinstance(rule, Counting))
        self._texts = tuple(rule for rule in rules if rule in self._preparing or isinstance(rule, StopRule))
        self._content = next((rule for rule in rules if isinstance(rule, ContentRule)), None)
        self._plain_judges = tuple(rule.judge for rule in self._plain)
        self._sifts = tuple(
            (rule.judge, rule.sift if isinstance(rule, Sifting) else None, rule in self._plain)
            for rule in rules
        )
        self._counting_judges = frozenset(rule.judge for rule in rules if isinstance(rule, Counting))
        self.counts = bool(self._counting)
        self._settled = [rule for rule in self._again if isinstance(rule, Settled)]
        self._versions: list[int] | None = None
        self._newest = 0
        self._old = _ALL if len(self._settled) < len(self._again) else 0
        self._account_of = account_of

    def named(self, name: str) -> Rule | None:
        """One of the rules in force."""
        return next((rule for rule in self._rules if rule.name == name), None)

    def prepare(self, messages: Sequence[Message], account: Account) -> dict[int, Verdict]:
        """Before a batch is compared and routed; refusals by place. Kinds and texts may have changed."""
        refused: dict[int, Verdict] = {}
        for rule in self._preparing:
            refused |= rule.prepare(messages, account)
        return refused

    @property
    def judged(self) -> Sequence[Message]:
        """Of the batch that was prepared last: what was sent as transactional and is marketing."""
        return self._content.judged if self._content is not None else ()

    def released(self) -> Sequence[int]:
        """After a batch was judged: ids of waiting messages that need wait no longer; each is told once."""
        return self._content.released() if self._content is not None else ()

    def rewritten(self, message: Message, account: Account, now_ms: int) -> str:
        """Why a waiting message may not get this text (replace_sm), or "": asks those who look at texts."""
        verdict = self.prepare([message], account).get(0)
        if verdict is None and message.kind == _MARKETING:
            found = (rule.judge(message, account, now_ms) for rule in self._rules if rule in self._texts)
            verdict = next((each for each in found if each is not None), None)
        return f"{verdict.rule}: {verdict.reason}" if verdict is not None else ""

    def judge(self, message: Message, account: Account, now_ms: int) -> Verdict | None:
        """One message by itself: the first refusal, else the first verdict against it; None: it may go."""
        self._judged(message.id, message.id)
        judges = self._judges if message.kind == _MARKETING else self._plain_judges
        return first_against(judges, message, account, now_ms)

    def docket(
        self,
        messages: Sequence[Message],
        ids: Sequence[int],
        account: Account,
        now_ms: int,
        taken: Sequence[Message],
    ) -> Docket:
        """The same for a batch that will have these ids, rising. taken: where the caller puts what he accepts."""
        if not ids:
            return Docket({}, account, now_ms, taken, self.taken, self._counting_judges)
        every = tuple(messages)
        places = [place for place, m in enumerate(every) if m.kind == _MARKETING]
        marketing = every if len(places) == len(every) else tuple([every[place] for place in places])
        last_ms = (ids[-1] >> 22) + EPOCH_MS
        batches = Batch(marketing, account, now_ms, last_ms), Batch(every, account, now_ms, last_ms)
        asked: dict[int, list[Judge]] = {}
        for judge, sift, plain in self._sifts:
            batch = batches[plain]
            if not batch.messages:
                continue
            for place in sift(batch) if sift is not None else range(len(batch.messages)):
                asked.setdefault(place if plain else places[place], []).append(judge)
        self._judged(ids[0], ids[-1])
        return Docket(asked, account, now_ms, taken, self.taken, self._counting_judges)

    def _judged(self, first: int, last: int) -> None:
        """Ids rise in the order in which messages are judged."""
        if last > self._newest:
            if not self._newest:
                self._old = max(self._old, first - 1)  # those before were judged by other rules
            self._newest = last

    def taken(self, messages: Sequence[Message]) -> None:
        """They were accepted, all of one account: who counts, counts."""
        for rule in self._counting:
            rule.taken(messages)

    def given_back(self, messages: Iterable[Message]) -> None:
        """They were taken and never left us."""
        for rule in self._counting:
            for message in messages:
                rule.given_back(message)

    def recheck(self, messages: Sequence[Message], now_ms: int) -> dict[int, tuple[Cause, int, int, str]]:
        """Before the wire: (cause, until, status, reason) by id of those that may not leave now."""
        found: dict[int, tuple[Cause, int, int, str]] = {}
        if not self._again:
            return found
        plain = self._plain_again
        old = self._judged_before(now_ms)
        for message in messages:
            if message.id > old and not message.udh and _has_not_waited(message):
                continue
            rules = self._again if message.kind == _MARKETING else plain
            account = self._account_of(message.account) if rules else None
            if account is None:
                if (
                    rules and message.kind == _MARKETING
                ):  # nobody is left who could say under which rules it may go
                    gone = f"account {message.account} is no longer configured"
                    found[message.id] = (Cause.REFUSE, 0, answers.NO_ROUTE, gone)
                continue
            for rule in rules:
                verdict = rule.judge(message, account, now_ms)
                if verdict is not None:
                    reason = f"{rule.name}: {verdict.reason}"
                    found[message.id] = (_CAUSE[verdict.action], verdict.until, verdict.status, reason)
                    break
        return found

    def _judged_before(self, now_ms: int) -> int:
        """The id up to which messages were judged before something changed; what is newer need not be asked again."""
        versions = [rule.version(now_ms) for rule in self._settled]
        if versions != self._versions:
            self._versions = versions
            self._old = max(self._old, self._newest)
        return self._old if self._newest else _ALL


def _has_not_waited(message: Message) -> bool:
    """Whether it is due since it was taken: what a rule or its application put off has a due time of its own."""
    return not message.due or message.due == message.submitted_at
