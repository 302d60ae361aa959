"""The quota of an account, exact: what was taken fits, and what was refused did not fit.

By the gateway's calendar, on the day and in the month that a message's id says. What ended without a try is credited
again; when exactly, nobody outside can see, so two sums are kept: the least that must be spent by then, and the most that
can be. A carrier that was too busy has not been tried.
"""

from __future__ import annotations

import functools
from datetime import datetime
from zoneinfo import ZoneInfo

from simulation.books import Ask, Books

__all__ = ["judge_quota"]

PARIS = ZoneInfo("Europe/Paris")
SPENT = 0x0404
EPOCH_MS = 1_704_067_200_000
"""2024: an id's upper bits are milliseconds since then (docs/decisions.md)."""
ON_ITS_WAY = 30.0
"""Seconds that an answer may take to an application whose line is slow."""
NEVER_LEFT = {"EXPIRED", "DELETED", "REJECTD"}
SLOWER = {0x14, 0x58}
"""A carrier's answers that say: not now."""


def judge_quota(books: Books, account: str, per_day: int, per_month: int) -> None:
    asks = [ask for ask in books.asks.values() if ask.account == account]
    taken = [(_taken_ms(ask), ask) for ask in asks if len(ask.ids) == 1]
    taken.sort(key=lambda pair: int(pair[1].ids[0]))
    for form, quota in (("%Y-%m-%d", per_day), ("%Y-%m", per_month)):
        _never_over(books, taken, form, quota)
    if not books.jumped:
        _refused_rightly(books, asks, per_day, per_month)


def _taken_ms(ask: Ask) -> int:
    return (int(ask.ids[0]) >> 22) + EPOCH_MS


def _period(ms: int, form: str) -> str:
    return _local(ms // 900_000, form)  # no zone's day begins within a quarter of an hour


@functools.cache
def _local(quarter: int, form: str) -> str:
    return datetime.fromtimestamp(quarter * 900, PARIS).strftime(form)


def _never_over(books: Books, taken: list[tuple[int, Ask]], form: str, quota: int) -> None:
    """Counted are those that were tried: they were spent from the first moment, and are for good."""
    spent: dict[str, int] = {}
    for ms, ask in taken:
        period = _period(ms, form)
        before = spent.get(period, 0)
        if before + ask.parts > quota:
            books.violation("quota", f"{ask} was taken in {period}, {before} of {quota} segments were spent")
            return
        if any(attempt.status not in SLOWER for attempt in ask.attempts):
            spent[period] = before + ask.parts


def _refused_rightly(books: Books, asks: list[Ask], per_day: int, per_month: int) -> None:
    """The most that can be spent: all that may have been taken, but for what was told to have ended unsent."""
    for ask in asks:
        for at, status in ask.tried:
            if status != SPENT:
                continue
            confirmed = sum(reply.text == "STOP" and reply.owner == ask.account and reply.begun <= at
                            for reply in books.replies.values())  # fmt: skip
            sums = [confirmed, confirmed]  # the gateway answers a STOP as this account
            today, before = ([_period(books.base_ms + int(1000 * when), form) for form in ("%Y-%m-%d", "%Y-%m")]
                             for when in (at, at - ON_ITS_WAY))  # fmt: skip
            if today != before:
                continue  # an answer that was on its way at midnight speaks of the day before
            for other in asks:
                if other is ask or not (0 <= other.asked_at <= at) or _credited(books, other, at):
                    continue
                if not (other.ids or other.unsure or other.attempts):
                    continue
                for n, form in enumerate(("%Y-%m-%d", "%Y-%m")):
                    # asked a while ago, it may have been taken at any try since
                    sums[n] += other.parts * (
                        today[n]
                        in {_period(books.base_ms + int(1000 * when), form) for when in _moments(other, at)}
                    )
            if sums[0] + ask.parts <= per_day and sums[1] + ask.parts <= per_month:
                books.violation(
                    "quota",
                    f"{ask} was refused at {at:.3f}, at most {sums} of {per_day} and {per_month} were spent",
                )
                return


def _moments(ask: Ask, at: float) -> list[float]:
    """When it can have been taken: as its id says, else any time since it was first asked."""
    if ask.accepted_at >= 0 and not ask.unsure:
        return [ask.accepted_at, ask.asked_at]
    return [ask.asked_at, at]


def _credited(books: Books, ask: Ask, at: float) -> bool:
    """Told before then that it ended, and it never left; nor stood ready to, when a process died.

    Before the refusal was on its way, that is: it speaks of what was spent then.
    """
    told = next((when for when, stat, _ in ask.told if stat in NEVER_LEFT and when < at - ON_ITS_WAY), -1.0)
    return told >= 0 and not (ask.attempts or any(ask.asked_at <= died <= told for died in books.deaths))
