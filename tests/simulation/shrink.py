"""From the faults of a failing run to the fewest that still make it fail: halves, then quarters, then one by one."""

from __future__ import annotations

from simulation.children import Outcome, in_child
from simulation.faults import Fault

__all__ = ["shrunk"]

MOST_RUNS = 60


def shrunk(outcome: Outcome, days: float, mistake: str | None) -> list[Fault]:
    """Keeps the rule that was broken first, not the message: with fewer faults, the traffic takes another course."""
    rule = _rule(outcome)
    faults = list(outcome.faults)
    piece = max(1, len(faults) // 2)
    runs = 0
    while faults and runs < MOST_RUNS:
        begin, found = 0, False
        while begin < len(faults) and runs < MOST_RUNS:
            fewer = faults[:begin] + faults[begin + piece :]
            runs += 1
            if rule in {_word(words) for words in in_child(outcome.seed, fewer, days, mistake).wrong}:
                faults, found = fewer, True
            else:
                begin += piece
        if piece == 1 and not found:
            break
        piece = max(1, piece // 2)
    return faults


def _rule(outcome: Outcome) -> str:
    return _word(outcome.wrong[0])


def _word(violation: str) -> str:
    """The rule's name: what stands between the time and the colon."""
    return violation.split(":", maxsplit=1)[0].partition(" ")[2]
