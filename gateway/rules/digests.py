"""The keyed digest that stands for a number wherever the number itself need not be known. Pure.

64 bits, signed, as SQLite keeps them. Without the key (store.hmac_key_file) nobody can try numbers until one fits.
"""

from __future__ import annotations

import struct
from hashlib import blake2b

from gateway.model import Message

__all__ = ["Digests"]

_SIGNED = struct.Struct("<q")


class Digests:
    """Called with a text, its digest, never 0. Rules ask one after the other for the same: the last answer is kept."""

    __slots__ = ("_batch", "_last", "_state")

    def __init__(self, key: bytes) -> None:
        self._state = blake2b(key=key, digest_size=8)
        self._last = ("", 0)
        self._batch: tuple[tuple[Message, ...], list[int]] = ((), [])

    def __call__(self, text: str) -> int:
        last, known = self._last
        if text is last:
            return known
        state = self._state.copy()
        state.update(text.encode())
        digest: int = _SIGNED.unpack(state.digest())[0] or 1
        self._last = (text, digest)
        return digest

    def of(self, messages: tuple[Message, ...]) -> list[int]:
        """Those of a batch's recipients, at once."""
        batch, known = self._batch
        if messages is batch:
            return known
        copy, unpack = self._state.copy, _SIGNED.unpack
        digests: list[int] = []
        for message in messages:
            state = copy()
            state.update(message.destination.encode())
            digests.append(unpack(state.digest())[0] or 1)
        self._batch = (messages, digests)
        return digests
