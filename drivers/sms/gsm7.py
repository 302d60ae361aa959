"""GSM 03.38, the 7-bit default alphabet: text to septets (one an octet), back, and packed as in a TPDU.

A code page is a string of 256 characters: its lower half is what a septet shows, its upper half what ESC and
that septet show. CPython's charmap codec then does the loop in C, which is why encoding 80 characters takes
less than a microsecond. National tables (TS 23.038 annex A) are other code pages; they are read, never sent:
few carriers pass them on. Encoding is exact or refused, decoding never fails.
"""

from __future__ import annotations

import codecs
import re
from functools import cache

__all__ = ["decode_gsm7", "encode_gsm7", "pack", "unpack"]

ESC = 0x1B
_UNMAPPED = "\ufffe"  # the charmap codec's own word for «no such character»

# TS 23.038 §6.2.1, rows of sixteen. ESC itself shows a blank (§6.2.1.1) when nothing known follows.
_DEFAULT = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
_EXTENSION = {  # TS 23.038 §6.2.1.1
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}

_TURKISH, _SPANISH, _PORTUGUESE = 1, 2, 3  # TS 23.038 §6.2.1.2.4
_SINGLE_SHIFT = {  # annex A.2, added to the extension table
    _TURKISH: {0x47: "Ğ", 0x49: "İ", 0x53: "Ş", 0x63: "ç", 0x67: "ğ", 0x69: "ı", 0x73: "ş"},
    _SPANISH: dict(zip(b"\x09AIOUaiou", "çÁÍÓÚáíóú", strict=True)),
    _PORTUGUESE: dict(
        zip(
            b"\x05\x09\x0b\x0c\x0e\x0f\x12\x13\x15\x16\x17\x18\x19\x1fAIOU[\\aiou{|\x7f",
            "êçÔôÁáΦΓΩΠΨΣΘÊÀÍÓÚÃÕÂíóúãõâ",
            strict=True,
        )
    ),
}
_LOCKING_SHIFT = {  # annex A.3, replacing places of the default table; Spanish has none
    _TURKISH: dict(zip(b"\x04\x07\x0b\x0c\x1c\x1d\x40\x60", "€ıĞğŞşİç", strict=True)),
    _PORTUGUESE: dict(
        zip(
            b"\x04\x06\x07\x08\x09\x0b\x0c\x0e\x0f\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1c\x1d\x1e\x24"
            b"\x40\x5b\x5c\x5d\x60\x7b\x7c\x7d",
            "êúíóçÔôÁáªÇÀ∞^\\€Ó|ÂâÊºÍÃÕÚ~ãõ`",
            strict=True,
        )
    ),
}


@cache
def _code_page(locking: int, single: int) -> str:
    """The 256 characters in force under two national languages (0: none; an unknown one counts as none)."""
    replaced = _LOCKING_SHIFT.get(locking, {})
    lower = [replaced.get(code, char) for code, char in enumerate(_DEFAULT)]
    # A pair that is in no extension table shows the character of the main table: §6.2.1.1.
    shifted = _EXTENSION | _SINGLE_SHIFT.get(single, {})
    upper = [shifted.get(code, char) for code, char in enumerate(lower)]
    upper[ESC] = " "
    return "".join(lower + upper)


_PAGE = _code_page(0, 0)

# The encoder's page has NUL at 0, which makes charmap_build return its fast map and not a dict; '@' moves to
# 0x80, a place that no extension uses. bytes.translate moves it back, and turns NUL into the unused 0xff.
_ENCODER = codecs.charmap_build(
    "\0"
    + _DEFAULT[1:].replace("\x1b", _UNMAPPED)
    + "@"
    + "".join(_EXTENSION.get(code, _UNMAPPED) for code in range(1, 128))
)
_TO_SEPTETS = b"\xff" + bytes(range(1, 128)) + b"\x00" + bytes(range(129, 256))
_PAIRS = [(bytes([0x80 | code]), bytes([ESC, code])) for code in _EXTENSION]
_ESCAPED = re.compile(rb"\x1b(.?)", re.DOTALL)


def encode_gsm7(text: str) -> bytes | None:
    """The septets of `text`, one an octet, ESC before each character of the extension table.

    None when a character is not in the alphabet. Nothing is normalised: see alphabet.fit().
    """
    try:
        septets: bytes = codecs.charmap_encode(text, "strict", _ENCODER)[0].translate(_TO_SEPTETS)
    except UnicodeEncodeError:
        return None
    if septets.isascii():
        return septets
    if b"\xff" in septets:
        return None
    for mark, pair in _PAIRS:
        septets = septets.replace(mark, pair)
    return septets


def decode_gsm7(octets: bytes, locking: int = 0, single: int = 0) -> str:
    """The text of septets, one an octet. locking, single: national language identifiers, 0 for none.

    Never fails: an ESC at the end is dropped, an unknown pair shows its second character, and octets above
    0x7f mean that the sender's default alphabet is not this one, so that all are read as Latin-1.
    """
    if not octets.isascii():
        return octets.decode("latin-1")
    if ESC in octets:
        octets = _ESCAPED.sub(_shifted, octets)
    page = _code_page(locking, single) if locking or single else _PAGE
    return codecs.charmap_decode(octets, "strict", page)[0]


def _shifted(pair: re.Match[bytes]) -> bytes:
    second = pair[1]
    return bytes([0x80 | second[0]]) if second else b""


def pack(septets: bytes, offset_bits: int = 0) -> bytes:
    """Septets (one an octet) packed as in a TPDU, TS 23.038 §6.1.2.1.

    offset_bits: 0 to 6 fill bits in front, which put the text behind a header on a septet boundary. Spare
    bits at the end are 0, so that the reader needs the count of septets.
    """
    bits = 0
    for septet in reversed(septets):
        bits = bits << 7 | septet & 0x7F
    return (bits << offset_bits).to_bytes((7 * len(septets) + offset_bits + 7) // 8, "little")


def unpack(octets: bytes, count: int, offset_bits: int = 0) -> bytes:
    """`count` septets out of packed octets, one an octet; fewer when the octets end before."""
    bits = int.from_bytes(octets, "little") >> offset_bits
    count = min(count, max(8 * len(octets) - offset_bits, 0) // 7)
    return bytes([bits >> shift & 0x7F for shift in range(0, 7 * count, 7)])
