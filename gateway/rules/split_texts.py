"""Which text a part belongs to, where the application has split it itself. Pure."""

from __future__ import annotations

from drivers.sms.udh import Concat, concat_of
from gateway.model import Message

__all__ = ["TextKey", "part_of", "text_key"]

TextKey = tuple[str, str, str, int, int]
"""Account, source, destination, reference, total: also right for submit_multi, whose recipients share a group."""


def part_of(udh: bytes) -> Concat | None:
    """Which part of how many a header says; None for a whole text."""
    concat = concat_of(udh) if udh else None
    return concat if concat is not None and concat.valid and concat.total > 1 else None


def text_key(message: Message, concat: Concat) -> TextKey:
    """The same for all parts of a text to one recipient."""
    return message.account, message.source, message.destination, concat.reference, concat.total
