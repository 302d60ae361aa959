"""Characters that look alike: how a text that GSM 03.38 lacks one apostrophe for keeps its 160 characters.

Policy, not a standard. Loss-free means that a reader sees the same text: ’ and ' do, ê and e do not. Nothing
is replaced unless asked, and smart_encoding() replaces nothing at all unless the whole text then fits.
"""

from __future__ import annotations

import unicodedata

from drivers.sms.gsm7 import encode_gsm7

__all__ = ["smart_encoding", "transliterate"]

_LOSS_FREE = str.maketrans(
    {
        "’": "'",
        "‘": "'",
        "`": "'",
        "“": '"',
        "”": '"',
        "«": '"',
        "»": '"',
        "…": "...",
        "–": "-",
        "—": "-",
        "\u00a0": " ",  # no-break space
        "\u202f": " ",  # narrow no-break space, before French ! ? ; :
        "\u200b": "",  # zero width space
        "\ufeff": "",  # byte order mark
        "\t": " ",
        "œ": "oe",
        "Œ": "OE",
    }
)
_LOSSY = {"°": "o", "•": "-"}  # letters with accents need no table: they decompose


def transliterate(text: str, lossy: bool = False) -> str:
    """`text` (NFC) with look-alikes from GSM 03.38; lossy: letters also lose accents that the alphabet lacks.

    Characters without a look-alike stay as they are.
    """
    text = unicodedata.normalize("NFC", text).translate(_LOSS_FREE)
    if not lossy or encode_gsm7(text) is not None:
        return text
    return "".join(char if encode_gsm7(char) is not None else _plain(char) for char in text)


def smart_encoding(text: str, lossy: bool = False) -> str:
    """The text to send: transliterated if all of it then fits GSM 03.38, else untouched.

    Half a replacement would change the text and save nothing: one character outside makes all of it UCS-2.
    """
    if encode_gsm7(text) is not None:
        return text
    plain = transliterate(text, lossy)
    return plain if encode_gsm7(plain) is not None else text


def _plain(char: str) -> str:
    """ê as e, Ÿ as Y; characters that do not decompose into a letter of the alphabet stay."""
    if char in _LOSSY:
        return _LOSSY[char]
    base = unicodedata.normalize("NFD", char)[0]
    return base if encode_gsm7(base) is not None else char
