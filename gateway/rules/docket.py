"""The cases of one batch that somebody must judge; what every rule has cleared needs nobody. Pure.

Rules that sift say which messages of the batch they must see, the others see all. A message meets those only that
have not cleared it, in the order of [rules]. Who counts has heard of all that was taken when he judges.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from gateway.model import Message
from gateway.rules.rule import Action, Judge, Verdict

if TYPE_CHECKING:
    from gateway.accounts import Account

__all__ = ["Docket", "first_against"]


def first_against(judges: Sequence[Judge], message: Message, account: Account, now_ms: int) -> Verdict | None:
    """The first refusal, else the first verdict against it; None: it may go.

    What one rule only puts off is still judged by the others: a cap must not be open at night.
    """
    first: Verdict | None = None
    for judge in judges:
        verdict = judge(message, account, now_ms)
        if verdict is not None:
            if verdict.action is Action.REFUSE:
                return verdict
            first = first or verdict
    return first


class Docket:
    """asked: by place in the batch, who must judge it. taken: the caller's, of what was accepted so far.

    count: tells it to who counts; counting: their judges, who hear of it before they judge.
    """

    __slots__ = ("_account", "_count", "_counted", "_counting", "_now_ms", "_taken", "asked")

    def __init__(
        self, asked: Mapping[int, Sequence[Judge]], account: Account, now_ms: int, taken: Sequence[Message],
        count: Callable[[Sequence[Message]], None], counting: frozenset[Judge],
    ) -> None:  # fmt: skip
        self.asked = asked
        self._account = account
        self._now_ms = now_ms
        self._taken = taken
        self._count = count
        self._counting = counting
        self._counted = 0

    def judge(self, place: int, message: Message) -> Verdict | None:
        """Of a message that was not cleared, or that was: then None."""
        judges = self.asked.get(place)
        if judges is None:
            return None
        if not self._counting.isdisjoint(judges):
            self.close()
        return first_against(judges, message, self._account, self._now_ms)

    def close(self) -> None:
        """Who counts hears of what was taken since he heard last; once more when the batch is over."""
        taken = self._taken[self._counted :] if self._counting else ()
        if taken:
            self._counted += len(taken)
            self._count(taken)
