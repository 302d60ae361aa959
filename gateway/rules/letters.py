"""Texts as they are compared: without case, accents, ornaments, hidden signs and borrowed letters. Pure.

Whoever writes S.T.O.P, ＳＴＯＰ, a zero-width blank between the letters or Cyrillic look-alikes says STOP all the
same. The word lists go through the same function, so that both sides meet. Its time grows with a text's length alone,
whatever the signs in it.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["normalise"]

# Letters of other scripts that look like ours, and letters in frames that NFKD leaves alone.
_LOOKALIKES = {
    "a": "аαᴀ", "c": "сϲᴄ", "e": "еεᴇ", "h": "н", "i": "іι", "j": "ј", "k": "кκ", "m": "м", "o": "оοᴏꓳ",
    "p": "рρпᴘꓑ", "r": "ʀ", "s": "ѕσꜱꓢ", "t": "тτᴛꓔ", "x": "хχ", "y": "у",
}  # fmt: skip
_FRAMED = {
    first + letter: chr(ord("a") + letter)
    for first in (0x1F150, 0x1F170, 0x1F1E6)  # circled and squared white on black, regional indicators
    for letter in range(26)
}
_PLAIN = {ord(letter): plain for plain, letters in _LOOKALIKES.items() for letter in letters}
_SENTENCES = dict.fromkeys(
    (0xFDFA, 0xFDFB), " "
)  # whole ones in a single sign: NFKD would write out 18 letters
_LETTERS = {**_PLAIN, **_FRAMED, **_SENTENCES, ord("œ"): "oe", ord("æ"): "ae", ord("ø"): "o", ord("ł"): "l"}
_UNSEEN = {"Mn", "Me", "Cf"}
"""Combining marks, and format characters: zero-width spaces, joiners, soft hyphens, direction marks."""
_GAPS = re.compile(r"[\W_]+")
_SPELT = re.compile(r"(?<!\w)\w(?: \w){3,}(?!\w)")


def normalise(text: str) -> str:
    """Lower case without accents, one blank between words; what can't be seen is gone, what is spelt is joined."""
    if not text.isascii():
        text = _seen(text.casefold().translate(_LETTERS))  # NFKD sorts marks in the square of their number
        text = _seen(unicodedata.normalize("NFKD", text)).casefold().translate(_LETTERS)
    text = _GAPS.sub(" ", text.lower()).strip()
    return _SPELT.sub(lambda spelt: spelt[0].replace(" ", ""), text)


def _seen(text: str) -> str:
    unseen = {ord(char): None for char in set(text) if unicodedata.category(char) in _UNSEEN}
    return text.translate(unseen) if unseen else text
