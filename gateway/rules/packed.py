"""Counters by telephone number in little memory: a number and a count take 10 octets, not the 100 of a dict entry.

Open addressing in flat arrays, in many small shards, so that growing one never holds the loop for long. Keys are
numbers of 64 bits that are spread already: their own bits are the hash. Exact, never an estimate: a refusal must be
right. Pure.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

from gateway.model import Message

__all__ = ["PackedCounts", "packed", "packed_numbers", "packed_recipients"]

_SHARDS = 1024
_LEAST = 8
_SPREAD = 0x9E3779B97F4A7C15  # odd: no two numbers meet
_MASK = 2**64 - 1
_MOST = 65_535


def packed(number: str) -> int:
    """A canonical address as one whole number above 0, spread over 64 bits; "+36180" and "36180" differ."""
    return _whole(number) * _SPREAD & _MASK


def packed_numbers(numbers: Iterable[str]) -> list[int]:
    """The same of many at once."""
    return [(int(to) if to[:1] == "+" else _whole(to)) * _SPREAD & _MASK for to in numbers]


def packed_recipients(messages: Iterable[Message]) -> list[int]:
    """The same of many recipients at once."""
    return [(int(to) if (to := m.destination)[:1] == "+" else _whole(to)) * _SPREAD & _MASK for m in messages]


def _whole(number: str) -> int:
    if number[:1] == "+":
        return int(number)
    return (int(number) if number.isdecimal() else hash(number) & _MASK >> 4) | 1 << 60


class _Shard:
    """One table. A slot whose key is 0 is free; a key whose count fell to 0 stays until the next growth.

    It grows beyond `limit` keys: when between a half and two thirds of it are used, by its number among the shards.
    Keys fill all shards alike, and would make all of them grow within one moment.
    """

    __slots__ = ("counts", "keys", "limit", "mask", "number", "used")

    def __init__(self, size: int, number: int) -> None:
        self.number = number
        self.limit = size // 2 + number * size // (6 * _SHARDS)
        self.keys = array("Q", bytes(8 * size))
        self.counts = array("H", bytes(2 * size))
        self.mask = size - 1
        self.used = 0


class PackedCounts:
    """key -> how many, 0 for those that were never counted. Keys are whole numbers above 0 (see packed)."""

    __slots__ = ("_shards",)

    def __init__(self) -> None:
        self._shards: list[_Shard | None] = [None] * _SHARDS

    def get(self, key: int) -> int:
        shard = self._shards[key >> 54]
        return shard.counts[_place(shard, key)] if shard is not None else 0

    def at_least(self, keys: Sequence[int], least: int) -> list[int]:
        """The places of those that were counted so often."""
        shards = self._shards
        found = []
        for place, key in enumerate(keys):
            shard = shards[key >> 54]
            if shard is None:
                continue
            table, mask = shard.keys, shard.mask
            at = key >> 20 & mask
            while (there := table[at]) and there != key:
                at = at + 1 & mask
            if there and shard.counts[at] >= least:
                found.append(place)
        return found

    def add(self, key: int, by: int) -> None:
        """Count up or down; never below 0."""
        shard = self._shards[key >> 54]
        if shard is None:
            shard = self._shards[key >> 54] = _Shard(_LEAST, key >> 54)
        at = _place(shard, key)
        if not shard.keys[at]:
            if by <= 0:
                return
            shard.keys[at] = key
            shard.used += 1
        shard.counts[at] = min(_MOST, max(0, shard.counts[at] + by))
        if shard.used > shard.limit:
            self._shards[key >> 54] = _rebuilt(shard)

    def count(self, keys: Sequence[int]) -> None:
        """One more of each."""
        shards = self._shards
        for key in keys:
            shard = shards[key >> 54]
            if shard is None:
                self.add(key, 1)
                continue
            table, mask = shard.keys, shard.mask
            at = key >> 20 & mask
            while (there := table[at]) and there != key:
                at = at + 1 & mask
            if there:
                shard.counts[at] += shard.counts[at] < _MOST
                continue
            table[at] = key
            shard.counts[at] = 1
            shard.used += 1
            if shard.used > shard.limit:
                shards[key >> 54] = _rebuilt(shard)

    @property
    def octets(self) -> int:
        """Memory of all tables."""
        return sum(10 * (shard.mask + 1) for shard in self._shards if shard is not None)


def _place(shard: _Shard, key: int) -> int:
    """Where a key is, or would be."""
    keys, mask = shard.keys, shard.mask
    at = key >> 20 & mask
    while (found := keys[at]) and found != key:
        at = at + 1 & mask
    return at


def _rebuilt(old: _Shard) -> _Shard:
    """The same without keys of count 0, with room for half as many again."""
    live = len(old.counts) - old.counts.count(0)
    size = _LEAST
    while size < 2 * live + 2:
        size *= 2
    fresh = _Shard(size, old.number)
    keys, counts, mask = fresh.keys, fresh.counts, fresh.mask
    for key, count in zip(old.keys, old.counts, strict=True):
        if count:
            at = key >> 20 & mask
            while keys[at]:
                at = at + 1 & mask
            keys[at] = key
            counts[at] = count
    fresh.used = live
    return fresh
