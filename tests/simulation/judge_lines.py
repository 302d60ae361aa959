"""Receipts and replies reach an application in order, on each of its connections and at its webhook.

In order means: when the gateway had acknowledged one to its carrier before the carrier sent the other. What a lost
connection or a death brought back may come late, and so may what the gateway could only tell by its number: the
receipt of what was answered after its time.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

from simulation.books import Books

__all__ = ["judge_lines"]

Line = tuple[float, float, float, int, str, str]
"""(when the carrier began, when the gateway had it, when it was told, place on its connection, account, name)."""


def judge_lines(books: Books, excused: Callable[[str, float, float], bool]) -> None:
    """excused(account, begin, end): whether something between may have turned the order round."""
    lines: dict[object, list[Line]] = {}
    for reply in books.replies.values():
        if reply.first_on is not None and reply.taken >= 0:
            bind, place = reply.first_on
            lines.setdefault(bind, []).append(
                (reply.begun, reply.taken, reply.given[0][0], place, reply.owner, reply.token)
            )
    for ask in books.asks.values():
        if ask.first_on is None or len(ask.attempts) != 1 or ask.parts > 1 or not ask.attempts[0].receipts:
            continue
        attempt, (bind, place) = ask.attempts[0], ask.first_on
        if attempt.in_time and attempt.told_from > attempt.heard and ask.told[0][1] == "DELIVRD":
            lines.setdefault(bind, []).append(
                (attempt.told_from, attempt.receipts[0][1], ask.told[0][0], place, ask.account, ask.token)
            )
    for each in lines.values():
        _in_order(books, sorted(each, key=lambda line: line[3]), excused)


def _in_order(books: Books, line: list[Line], excused: Callable[[str, float, float], bool]) -> None:
    """Each against those that came some places later: nothing among them was the gateway's before this one began."""
    for index, later in enumerate(line):
        for sooner in itertools.islice(line, index + 1, index + 9):
            begun, taken = later[0], sooner[1]
            if taken < begun and not excused(later[4], taken - 120, max(later[1] + 120, later[2], sooner[2])):
                books.violation(
                    "order",
                    f"{later[5]} came before {sooner[5]}, which the gateway had at {taken:.3f} already",
                )
                return
