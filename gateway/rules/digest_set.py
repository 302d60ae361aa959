"""A set of 64-bit integers in 8 to 32 octets each, where Python's own takes 60 to 100. Pure.

Open addressing in 256 small tables, so that growing one is a millisecond's work and never all of it at once.
Good only for numbers that are random already, like digests: their own bits are the hash.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

__all__ = ["DigestSet"]

_SHARDS = 256
_LEAST = 8


class DigestSet:
    """Signed 64-bit integers other than 0, which marks a free place."""

    __slots__ = ("_count", "_counts", "_tables")

    def __init__(self) -> None:
        self._tables = [array("q", bytes(8 * _LEAST)) for _ in range(_SHARDS)]
        self._counts = [0] * _SHARDS
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, value: int) -> bool:
        table = self._tables[value & 255]
        mask = len(table) - 1
        at = value >> 8 & mask
        while (found := table[at]) != value:
            if not found:
                return False
            at = at + 1 & mask
        return True

    @property
    def octets(self) -> int:
        """What the tables take."""
        return sum(8 * len(table) for table in self._tables)

    def add(self, value: int) -> bool:
        """Whether it is new."""
        shard = value & 255
        table = self._tables[shard]
        mask = len(table) - 1
        at = value >> 8 & mask
        while found := table[at]:
            if found == value:
                return False
            at = at + 1 & mask
        table[at] = value
        self._count += 1
        self._counts[shard] += 1
        if 3 * self._counts[shard] > 2 * len(table):
            self._tables[shard] = _grown(table, 2 * len(table))
        return True

    def update(self, values: Iterable[int]) -> None:
        """Many at once, as at start: the same as add, without a call for each."""
        tables, counts = self._tables, self._counts
        for value in values:
            shard = value & 255
            table = tables[shard]
            mask = len(table) - 1
            at = value >> 8 & mask
            while found := table[at]:
                if found == value:
                    break
                at = at + 1 & mask
            else:
                table[at] = value
                counts[shard] += 1
                if 3 * counts[shard] > 2 * mask:
                    tables[shard] = _grown(table, 2 * len(table))
        self._count = sum(counts)

    def discard(self, value: int) -> bool:
        """Whether it was there. What follows it moves up, so that no search ends too early."""
        if value not in self:
            return False
        table = self._tables[value & 255]
        mask = len(table) - 1
        hole = value >> 8 & mask
        while table[hole] != value:
            hole = hole + 1 & mask
        at = hole
        while found := table[at := at + 1 & mask]:
            if (at - (found >> 8) & mask) >= (at - hole & mask):  # its home is not behind the hole
                table[hole] = found
                hole = at
        table[hole] = 0
        self._count -= 1
        self._counts[value & 255] -= 1
        return True


def _grown(old: array[int], size: int) -> array[int]:
    table = array("q", bytes(8 * size))
    mask = size - 1
    for value in old:
        if value:
            at = value >> 8 & mask
            while table[at]:
                at = at + 1 & mask
            table[at] = value
    return table
