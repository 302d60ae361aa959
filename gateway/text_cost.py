"""What a text costs: its alphabet and segments, what forces UCS-2 upon it, and what smart encoding would save. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from drivers.sms.alphabet import Alphabet, alphabet_of, decode, encode_gsm7, fit, smart_encoding
from drivers.sms.split import segment_count

__all__ = ["cost", "forcing", "smart_segments"]

_NAMED = 8
"""Characters that a response names; the rest it counts."""


def forcing(text: str) -> list[str]:
    """The characters that GSM 03.38 does not have, each once, in the text's order."""
    normal = unicodedata.normalize("NFC", text)
    return [char for char in dict.fromkeys(normal) if encode_gsm7(char) is None]


def smart_segments(text: str) -> int:
    """How many segments the text takes once smart encoding has replaced what has a plain equivalent."""
    coding, payload = fit(smart_encoding(text))
    return segment_count(payload, coding)


def cost(payload: bytes, data_coding: int, segments: int, smart: bool = False) -> str:
    """In words that ASCII can say, for additional_status_info_text (SMPP 3.4 §5.3.2.11): 2 segments of ucs2 because
    of U+2019; smart_encoding would make it 1. smart: the account has turned it on.
    """
    alphabet = alphabet_of(data_coding)
    words = f"{segments} segment{'s' if segments > 1 else ''} of {alphabet.value}"
    if alphabet is not Alphabet.UCS2:
        return words
    text = decode(payload, data_coding)
    if chars := forcing(text):
        words += f" because of {_named(chars)}"
    if not smart and (fewer := smart_segments(text)) < segments:
        words += f"; smart_encoding would make it {fewer}"
    return words


def _named(chars: Sequence[str]) -> str:
    more = f" and {len(chars) - _NAMED} more" if len(chars) > _NAMED else ""
    return ", ".join(f"U+{ord(char):04X}" for char in chars[:_NAMED]) + more
