"""Counters by telephone number in little memory: a number and a count take 10 octets, not the 100 of a dict entry.

Open addressing in flat arrays, in many small shards, so that growing one never holds the loop for long.
Exact, never an estimate: a refusal must be right. Pure.
"""

from __future__ import annotations

from array import array

__all__ = ["PackedCounts", "packed"]

_SHARDS = 1024
_LEAST = 8
_MIX = 0x9E3779B97F4A7C15
_MASK = 2**64 - 1
_MOST = 65_535


def packed(number: str) -> int:
    """A canonical address as one whole number above 0; "+36180" and "36180" differ."""
    if number[:1] == "+":
        return int(number[1:])
    return (int(number) if number.isdecimal() else hash(number) & _MASK >> 4) | 1 << 60


class _Shard:
    """One table. A slot whose key is 0 is free; a key whose count fell to 0 stays until the next growth."""

    __slots__ = ("counts", "keys", "mask", "used")

    def __init__(self, size: int) -> None:
        self.keys = array("Q", bytes(8 * size))
        self.counts = array("H", bytes(2 * size))
        self.mask = size - 1
        self.used = 0


class PackedCounts:
    """key -> how many, 0 for those that were never counted. Keys are whole numbers above 0 (see packed)."""

    __slots__ = ("_at", "_key", "_mixed", "_shard", "_shards")

    def __init__(self) -> None:
        self._shards: list[_Shard | None] = [None] * _SHARDS
        # Where the key that was asked for last is or would be: most are counted just after.
        self._key = self._mixed = self._at = 0
        self._shard: _Shard | None = None

    def get(self, key: int) -> int:
        mixed = key * _MIX & _MASK
        shard = self._shards[mixed >> 54]
        if shard is None:
            shard = self._shards[mixed >> 54] = _Shard(_LEAST)
        keys, mask = shard.keys, shard.mask
        at = mixed >> 20 & mask
        while (found := keys[at]) and found != key:
            at = at + 1 & mask
        self._key, self._mixed, self._at, self._shard = key, mixed, at, shard
        return shard.counts[at]

    def add(self, key: int, by: int) -> None:
        """Count up or down; never below 0."""
        if self._shard is None or key != self._key:
            self.get(key)
        shard, at = self._shard, self._at
        assert shard is not None
        count = shard.counts[at] + by
        if not shard.keys[at]:
            if by <= 0:
                return
            shard.keys[at] = key
            shard.used += 1
        shard.counts[at] = min(_MOST, max(0, count)) if not 0 < count < _MOST else count
        if shard.used * 3 > shard.mask * 2:
            self._shards[self._mixed >> 54] = _rebuilt(shard)
            self._shard = None

    @property
    def octets(self) -> int:
        """Memory of all tables."""
        return sum(10 * (shard.mask + 1) for shard in self._shards if shard is not None)


def _rebuilt(old: _Shard) -> _Shard:
    """The same without keys of count 0, with room for half as many again."""
    live = [(key, count) for key, count in zip(old.keys, old.counts, strict=True) if count]
    size = _LEAST
    while size < 2 * len(live) + 2:
        size *= 2
    fresh = _Shard(size)
    keys, counts, mask = fresh.keys, fresh.counts, fresh.mask
    for key, count in live:
        at = (key * _MIX & _MASK) >> 20 & mask
        while keys[at]:
            at = at + 1 & mask
        keys[at], counts[at] = key, count
    fresh.used = len(live)
    return fresh
