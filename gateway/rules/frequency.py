"""At most n marketing messages to one number in any period of a given length, whoever sends them.

A message is counted when it is taken, by the moment its id says, and counted back when it ends without ever
having left us. So the stored messages of the period tell the same as memory did: kill -9 changes nothing. A
text that its application has split counts once, with its first part. Pure.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from operator import is_
from typing import TYPE_CHECKING, ClassVar

from gateway import answers
from gateway.model import EPOCH_MS, Kind, Message
from gateway.rules.packed import PackedCounts, packed, packed_numbers, packed_recipients
from gateway.rules.rule import Action, Batch, Verdict
from gateway.rules.split_texts import TextKey, part_of, text_key

if TYPE_CHECKING:
    from gateway.accounts import Account

__all__ = ["NOTHING", "FrequencyRule", "RollingCounts", "counts_alone"]

_MARKETING = int(Kind.MARKETING)
_TOGETHER_MS = 300_000
"""Ms during which later parts of a text belong to a first part that was counted."""
_TEXTS_KEPT = 10_000
NOTHING = 2**63
"""Above every id: nothing is unread."""


def counts_alone(udh: bytes) -> bool:
    """Whether a message counts: it is whole, or the first part of a text that its application has split."""
    concat = part_of(udh)
    return concat is None or concat.sequence == 1


class RollingCounts:
    """Exact counts by number over the last per_ms milliseconds: a log in order of time, and a count per number.

    16 octets a message of the period and some 20 a number. Times are those of message ids, which rise.
    unread: the id from which on what was taken before is still to be read; what of that is given back meanwhile
    is not counted when its turn comes.
    """

    __slots__ = ("_counts", "_first", "_gone", "_keys", "_seen", "_times", "per_ms", "unread")

    def __init__(self, per_ms: int) -> None:
        self.per_ms = per_ms
        self._times = array("Q")
        self._keys = array("Q")
        self._first = 0
        self._counts = PackedCounts()
        self._seen: tuple[Sequence[Message], list[int]] = ((), [])
        self._gone: set[int] = set()
        self.unread = NOTHING

    def __len__(self) -> int:
        return len(self._times) - self._first

    def count(self, number: str, now_ms: int) -> int:
        """How many were counted for it after now - per."""
        self._forget(now_ms - self.per_ms)
        return self._counts.get(packed(number))

    def at_least(self, messages: Sequence[Message], least: int, now_ms: int) -> list[int]:
        """The places of those whose recipients have had so many."""
        self._forget(now_ms - self.per_ms)
        keys = packed_recipients(messages)
        self._seen = (messages, keys)
        return self._counts.at_least(keys, least)

    def add(self, number: str, at_ms: int) -> None:
        key = packed(number)
        if not self._times or at_ms >= self._times[-1]:
            self._times.append(at_ms)
            self._keys.append(key)
        else:  # one that was replaced is counted anew, at its own moment
            at = bisect_right(self._times, at_ms, self._first)
            self._times.insert(at, at_ms)
            self._keys.insert(at, key)
        self._counts.add(key, 1)

    def add_all(self, messages: Sequence[Message]) -> None:
        """The same of many, whose ids rise: most often those that at_least() has seen."""
        times = self._times
        if times and messages[0].submitted_at < times[-1]:
            for message in messages:
                self.add(message.destination, message.submitted_at)
            return
        seen, known = self._seen
        keys = (
            known
            if all(map(is_, messages, seen)) and len(messages) == len(seen)
            else packed_recipients(messages)
        )
        times.extend([(m.id >> 22) + EPOCH_MS for m in messages])
        self._keys.extend(keys)
        self._counts.count(keys)

    def remove(self, number: str, at_ms: int) -> None:
        """Take back what was added for it at that moment; nothing when that is forgotten already."""
        key = packed(number)
        at = bisect_left(self._times, at_ms, self._first)
        while at < len(self._times) and self._times[at] == at_ms:
            if self._keys[at] == key:
                self._keys[at] = 0
                self._counts.add(key, -1)
                return
            at += 1

    def load(self, rows: Sequence[tuple[int, str]], upto: int) -> None:
        """Those that count of what was taken from `unread` on and before `upto`: (id, number), the ids rising."""
        gone = self._gone
        if gone:
            rows = [row for row in rows if row[0] not in gone]
            gone.difference_update([each for each in gone if each < upto])
        keys = packed_numbers([number for _, number in rows])
        self._times.extend([(message_id >> 22) + EPOCH_MS for message_id, _ in rows])
        self._keys.extend(keys)
        self._counts.count(keys)
        self.unread = upto

    def give_back(self, message: Message) -> None:
        """It ended and never left."""
        if message.id >= self.unread:
            self._gone.add(message.id)
        else:
            self.remove(message.destination, message.submitted_at)

    def take_again(self, message: Message) -> bool:
        """Whether it will be counted when its turn to be read comes: it was given back a moment ago, for a new text."""
        if message.id < self.unread:
            return False
        self._gone.discard(message.id)
        return True

    def _forget(self, until_ms: int) -> None:
        """Those of this moment and before."""
        times, keys, first = self._times, self._keys, self._first
        if first >= len(times) or times[first] > until_ms:
            return
        while first < len(times) and times[first] <= until_ms:
            if keys[first]:
                self._counts.add(keys[first], -1)
            first += 1
        if first > 1000 and first * 2 > len(times):
            del times[:first]
            del keys[:first]
            first = 0
        self._first = first


class FrequencyRule:
    """The rule. messages: how many one number may get in the period of `counts`."""

    name: ClassVar = "frequency"
    recheck: ClassVar = False
    marketing_only: ClassVar = True

    def __init__(self, counts: RollingCounts, messages: int) -> None:
        self.counts = counts
        self._messages = messages
        self._texts: dict[TextKey, int] = {}

    def sift(self, batch: Batch) -> Iterable[int]:
        """Who has had few enough is cleared, but that one of whom a batch speaks twice is counted in between."""
        places = self.counts.at_least(batch.messages, self._messages, batch.now_ms)
        if len({m.destination for m in batch.messages}) == len(batch.messages):
            return places
        first = {m.destination: place for place, m in reversed(list(enumerate(batch.messages)))}
        return {place for place, m in enumerate(batch.messages) if first[m.destination] != place}.union(
            places
        )

    def judge(self, message: Message, account: Account, now_ms: int) -> Verdict | None:  # noqa: ARG002 - the contract's
        if message.kind != _MARKETING:
            return None
        had = self.counts.count(message.destination, now_ms)
        if had < self._messages or self._has_begun(message, now_ms):
            return None
        days = self.counts.per_ms / 86_400_000
        reason = (
            f"this number was sent {had} marketing messages in {days:g} days; {self._messages} are allowed"
        )
        return Verdict(self.name, Action.REFUSE, reason, answers.FREQUENCY_CAP)

    def taken(self, messages: Sequence[Message]) -> None:
        """They were accepted: count them."""
        counted = [m for m in messages if m.kind == _MARKETING and (not m.udh or counts_alone(m.udh))]
        if self.counts.unread != NOTHING:
            counted = [m for m in counted if not self.counts.take_again(m)]
        if not counted:
            return
        self.counts.add_all(counted)
        for message in counted:
            concat = part_of(message.udh) if message.udh else None
            if concat is not None:
                if len(self._texts) >= _TEXTS_KEPT:
                    del self._texts[next(iter(self._texts))]
                self._texts[text_key(message, concat)] = message.submitted_at

    def given_back(self, message: Message) -> None:
        """It was counted and never left us."""
        if message.kind == _MARKETING and counts_alone(message.udh):
            self.counts.give_back(message)

    def _has_begun(self, message: Message, now_ms: int) -> bool:
        """A later part of a text whose first part was counted."""
        concat = part_of(message.udh)
        if concat is None or concat.sequence == 1:
            return False
        return now_ms - self._texts.get(text_key(message, concat), 0) < _TOGETHER_MS
