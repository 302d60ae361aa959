"""Segments that an account may send in a day and in a month, by the gateway's calendar.

Counted when a message is taken, on the day that its id says, and credited again when it ends without ever
having left us («recrédité»). What is stored tells the same as memory did: kill -9 changes nothing. Accounts
without a quota cost a look at two fields. Pure: the time zone is an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, ClassVar

from gateway import answers
from gateway.model import Message
from gateway.rules.rule import Action, Batch, Verdict

if TYPE_CHECKING:
    from gateway.accounts import Account

__all__ = ["QuotaRule", "Usage", "day_of", "month_of"]


def day_of(at_ms: int, zone: tzinfo) -> tuple[int, int]:
    """[since, until) in Unix ms of the local day that a moment is in; 23 or 25 hours when the clocks change."""
    day = datetime.fromtimestamp(at_ms / 1000, zone).date()
    return _midnight(day, zone), _midnight(day + timedelta(days=1), zone)


def month_of(at_ms: int, zone: tzinfo) -> tuple[int, int]:
    """The same of the month."""
    first = datetime.fromtimestamp(at_ms / 1000, zone).date().replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return _midnight(first, zone), _midnight(following, zone)


def _midnight(day: date, zone: tzinfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)


class Usage:
    """What one account has used of the day and the month that its last message was in."""

    __slots__ = ("_zone", "day", "day_since", "day_until", "month", "month_since", "month_until")

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self.day = self.day_since = self.day_until = 0
        self.month = self.month_since = self.month_until = 0

    def resume(self, at_ms: int, since: Callable[[int, int], tuple[int, int]]) -> None:
        """As it stood at that moment. since: what was used from one moment on, and from another: day, and month."""
        self.turn(at_ms)
        self.day, self.month = since(self.day_since, self.month_since)

    def turn(self, at_ms: int) -> None:
        """Begin a new day or month when the moment is beyond the old one; time that jumps back changes nothing."""
        if at_ms >= self.day_until:
            self.day_since, self.day_until = day_of(at_ms, self._zone)
            self.day = 0
        if at_ms >= self.month_until:
            self.month_since, self.month_until = month_of(at_ms, self._zone)
            self.month = 0

    def holds(self, at_ms: int) -> bool:
        """Whether a moment is in this day, and so in this month."""
        return self.day_since <= at_ms < self.day_until

    def add(self, segments: int, at_ms: int) -> None:
        """Of a message submitted at that moment; negative: credited again, where its day or month still runs."""
        if at_ms >= self.day_until or at_ms >= self.month_until:
            self.turn(at_ms)
        if at_ms >= self.day_since:
            self.day += segments
        if at_ms >= self.month_since:
            self.month += segments


class QuotaRule:
    """The rule. account_of: an account by its name. usage: by account, kept by whoever made it, over reloads."""

    name: ClassVar = "quota"
    recheck: ClassVar = False

    def __init__(
        self, usage: dict[str, Usage], zone: tzinfo, account_of: Callable[[str], Account | None]
    ) -> None:
        self.usage = usage
        self._zone = zone
        self._account_of = account_of

    def sift(self, batch: Batch) -> Sequence[int]:
        """Nobody, where all of the batch together still fits."""
        per_day, per_month = batch.account.quota_per_day, batch.account.quota_per_month
        if not per_day and not per_month:
            return ()
        usage, segments = self._of(batch.account.name), sum([m.parts for m in batch.messages])
        fits = (not per_day or usage.day + segments <= per_day) and (
            not per_month or usage.month + segments <= per_month
        )
        return (
            ()
            if fits and usage.holds(batch.now_ms) and usage.holds(batch.last_ms)
            else range(len(batch.messages))
        )

    def judge(self, message: Message, account: Account, now_ms: int) -> Verdict | None:
        per_day, per_month = account.quota_per_day, account.quota_per_month
        if not per_day and not per_month:
            return None
        usage = self._of(account.name)
        at = message.submitted_at if message.id else now_ms
        if at >= usage.day_until or at >= usage.month_until:
            usage.turn(at)
        if per_day and usage.day + message.parts > per_day:
            return self._spent("day", usage.day, per_day, usage.day_until, message)
        if per_month and usage.month + message.parts > per_month:
            return self._spent("month", usage.month, per_month, usage.month_until, message)
        return None

    def taken(self, messages: Sequence[Message]) -> None:
        """They were accepted: their segments are spent."""
        first, last = messages[0], messages[-1]
        usage = self.usage.get(last.account)
        if usage is not None and usage.holds(first.submitted_at) and usage.holds(last.submitted_at):
            segments = sum([m.parts for m in messages])
            usage.day += segments
            usage.month += segments
            return
        for message in messages:
            self._add(message, message.parts)

    def given_back(self, message: Message) -> None:
        """It was accepted and never left us: credited again."""
        self._add(message, -message.parts)

    def _add(self, message: Message, segments: int) -> None:
        usage = self.usage.get(message.account)
        if usage is not None:
            usage.add(segments, message.submitted_at)
            return
        account = self._account_of(message.account)
        if account is not None and (account.quota_per_day or account.quota_per_month):
            self._of(account.name).add(segments, message.submitted_at)

    def _of(self, account: str) -> Usage:
        usage = self.usage.get(account)
        if usage is None:
            usage = self.usage[account] = Usage(self._zone)
        return usage

    def _spent(self, period: str, used: int, quota: int, until: int, message: Message) -> Verdict:
        again = datetime.fromtimestamp(until / 1000, self._zone).isoformat(timespec="minutes")
        reason = (
            f"{used} of {quota} segments of this {period} are spent and the text takes {message.parts};"
            f" a new {period} begins at {again}"
        )
        return Verdict(self.name, Action.REFUSE, reason, answers.QUOTA_SPENT)
