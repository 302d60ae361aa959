"""Matching a receipt's message id with the one that submit_sm_resp gave: any base, case and zero-padding.

Owns: the key under which a carrier's id is stored (canonical), the keys to look up for a receipt
(candidates), and the memory of what a carrier does (Learner). Carriers write the same number as 38601fa in
the response and 0059113978 in the receipt, or change case, or lose leading zeros.
Promises: an id that was stored is among the candidates whichever of these was done to it.
Never does: choose. Two stored ids may both be candidates: the caller compares recipients, and never guesses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, overload

__all__ = ["MODES", "Learner", "candidates", "canonical"]

MODES = ("auto", "hex", "decimal", "text")
"""What the carrier's submit_sm_resp ids are: to be learnt, numbers in base 16 or 10, or mere text."""

# More than 64 digits are no message_id (3.4 §5.2.23), and int() refuses thousands of them.
_decimal = re.compile(r"[1-9][0-9]{0,63}", re.ASCII).fullmatch
_hexadecimal = re.compile(r"[1-9a-f][0-9a-f]{0,63}", re.ASCII).fullmatch


def canonical(carrier_id: str) -> str:
    """The key to store and to index: lower case, without leading zeros and without 0x.

    An id of zeros only stays as it is: "0" and "00000000" are not the same message.
    """
    key = carrier_id.lower().lstrip("0") or carrier_id
    if key[:1] == "x" and carrier_id[0] == "0" and _hexadecimal(digits := key[1:].lstrip("0")):
        return digits
    return key


def candidates(receipt_id: str, mode: str = "auto") -> list[str]:
    """Canonical keys to look up for a receipt's id, the likeliest first, none twice; [] when there is no id.

    The id itself comes first, then the number that it may be in another base: for "hex" the receipt's decimal
    digits in base 16, for "decimal" its hexadecimal digits in base 10, for "auto" both, for "text" neither.
    """
    key = canonical(receipt_id)
    if not key:
        return []
    keys = [key]
    if mode == "text":
        return keys
    if mode != "decimal" and _decimal(key) and receipt_id[1:2].lower() != "x":
        keys.append(f"{int(key):x}")
    if mode != "hex" and _hexadecimal(key):
        keys.append(str(int(key, 16)))
    return keys if len(keys) == 1 else list(dict.fromkeys(keys))  # 1 to 9 are the same in both bases


class _Lazy(Sequence[str]):
    """candidates(), the other bases worked out only when the id as written has found nothing: a third of the
    cost of a receipt otherwise.
    """

    __slots__ = ("_first", "_keys", "_mode", "_receipt_id")

    def __init__(self, receipt_id: str, mode: str) -> None:
        self._receipt_id = receipt_id
        self._mode = mode
        self._first = canonical(receipt_id)
        self._keys: list[str] | None = None

    def _all(self) -> list[str]:
        if self._keys is None:
            self._keys = candidates(self._receipt_id, self._mode)
        return self._keys

    def __len__(self) -> int:
        return len(self._all())

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        return self._first if index == 0 and self._first else self._all()[index]

    def __iter__(self) -> Iterator[str]:
        if self._first:
            yield self._first
            yield from self._all()[1:]

    def __eq__(self, other: object) -> bool:
        return self._all() == other

    __hash__ = None  # type: ignore[assignment]  # equal to a list, and as little a key

    def __repr__(self) -> str:
        return repr(self._all())


class Learner:
    """Which form of the id matched lately on one bearer, so that it is looked up first.

    Order matters for cost and when an id made of digits could be either; it never hides a candidate.
    """

    __slots__ = ("_last", "_mode", "_streak")

    SURE: Final = 3
    """Matches of the same conversion in a row before it is tried before the id as written."""

    def __init__(self, mode: str = "auto") -> None:
        if mode not in MODES:
            raise ValueError(f"message_id {mode!r}: must be one of {', '.join(MODES)}")
        self._mode = mode
        self._last = "text"
        self._streak = 0

    @property
    def learnt(self) -> str:
        """What the carrier's response ids are, as far as known; "text": as in the receipt."""
        if self._mode != "auto":
            return self._mode
        return self._last if self._streak >= self.SURE else "text"

    def candidates(self, receipt_id: str) -> Sequence[str]:
        """As the function, with the form that matched lately in front."""
        if self._streak < self.SURE or self._last == "text":
            return _Lazy(receipt_id, self._mode)
        keys = candidates(receipt_id, self._mode)
        if len(keys) > 1:
            likely = candidates(receipt_id, self._last)[-1]
            keys.remove(likely)
            keys.insert(0, likely)
        return keys

    def matched(self, receipt_id: str, key: str) -> None:
        """Tell that the receipt was found under this key, one of its candidates."""
        if self._mode != "auto":
            return
        form = _form(receipt_id, key)
        if not form:
            return
        self._streak = self._streak + 1 if form == self._last else 1
        self._last = form


def _form(receipt_id: str, key: str) -> str:
    """By which reading the id leads to the key; "" when by none, or when the bases can't be told apart."""
    plain = canonical(receipt_id)
    if plain == key:
        return "" if len(plain) == 1 else "text"
    for form in ("hex", "decimal"):
        if candidates(receipt_id, form)[1:] == [key]:
            return form
    return ""
