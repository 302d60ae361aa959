"""What accounts have used of their quotas, as the store sums it up: by account and quarter of an hour. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gateway.model import Message

__all__ = ["NEVER_LEFT", "QUARTER_MS", "usage_rows"]

QUARTER_MS = 900_000
"""A quarter of an hour: days begin with one in every time zone."""

_OURS = "coalesce(error, '') BETWEEN '0401' AND '0409' AND length(error)=4"
NEVER_LEFT = (
    "CASE WHEN coalesce(tries, 0)>0 THEN 0 WHEN state=4 THEN coalesce(sent_at, 0)=0 AND coalesce(error, '')=''"
    f" WHEN state IN (3, 8) THEN {_OURS} ELSE 0 END"
)
"""What answers.never_left says, of a row of the messages."""


def usage_rows(
    messages: Sequence[Message], number: Callable[[str], int], sign: int = 1
) -> list[tuple[Any, ...]]:
    """What these add to their accounts' usage, or take from it; one row where their ids rise within a quarter."""
    first, last = messages[0], messages[-1]
    quarter = first.submitted_at // QUARTER_MS
    if quarter == last.submitted_at // QUARTER_MS and len({m.account for m in messages}) == 1:
        return [(number(first.account), quarter, sign * sum([m.parts for m in messages]))]
    return [(number(m.account), m.submitted_at // QUARTER_MS, sign * m.parts) for m in messages]
