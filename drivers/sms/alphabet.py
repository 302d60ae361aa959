"""Alphabets: which one a text needs, which one a data_coding names, and from octets back to text.

Encoding is exact or refused (None); decoding never fails, for a message from a handset must not be lost to
one odd octet. Users take everything about text from here; the GSM 03.38 tables live in gsm7, look-alikes in
lookalikes. Called by listeners (what a client sent), drivers, and rules (what a text costs and says).
"""

from __future__ import annotations

import unicodedata
from enum import Enum

from drivers.sms.gsm7 import decode_gsm7, encode_gsm7, pack, unpack
from drivers.sms.lookalikes import smart_encoding, transliterate
from drivers.sms.udh import parse_udh

__all__ = [
    "Alphabet",
    "alphabet_of",
    "decode",
    "decode_gsm7",
    "encode_as",
    "encode_gsm7",
    "fit",
    "message_class",
    "pack",
    "smart_encoding",
    "transliterate",
    "unpack",
]


class Alphabet(Enum):
    """What octets mean. GSM7 under data_coding 0 is the carrier's default, which most often is GSM 03.38."""

    GSM7 = "gsm7"
    OCTETS = "binary"
    UCS2 = "ucs2"
    LATIN1 = "latin1"
    ASCII = "ascii"
    CYRILLIC = "iso-8859-5"
    HEBREW = "iso-8859-8"
    JIS = "jis"
    PICTOGRAM = "pictogram"
    ISO_2022_JP = "iso-2022-jp"
    JIS_X_0212 = "jis-x-0212"
    KS_C_5601 = "ks-c-5601"
    RESERVED = "reserved"


_SMPP_CODINGS = {  # SMPP 3.4 §5.2.19, values below 0x10; 0x0b, 0x0c and 0x0f are reserved
    0x00: Alphabet.GSM7,
    0x01: Alphabet.ASCII,
    0x02: Alphabet.OCTETS,
    0x03: Alphabet.LATIN1,
    0x04: Alphabet.OCTETS,
    0x05: Alphabet.JIS,
    0x06: Alphabet.CYRILLIC,
    0x07: Alphabet.HEBREW,
    0x08: Alphabet.UCS2,
    0x09: Alphabet.PICTOGRAM,
    0x0A: Alphabet.ISO_2022_JP,
    0x0D: Alphabet.JIS_X_0212,
    0x0E: Alphabet.KS_C_5601,
}
_GENERAL_GROUP = (Alphabet.GSM7, Alphabet.OCTETS, Alphabet.UCS2, Alphabet.RESERVED)  # TS 23.038 §4, bits 3-2


def _alphabet_of(data_coding: int) -> Alphabet:
    if data_coding < 0x10:
        return _SMPP_CODINGS.get(data_coding, Alphabet.RESERVED)
    if data_coding < 0x80:  # general group, and with bit 6 the same for automatic deletion
        compressed = data_coding & 0x20
        return Alphabet.OCTETS if compressed else _GENERAL_GROUP[data_coding >> 2 & 3]
    if data_coding < 0xC0:
        return Alphabet.RESERVED
    if data_coding < 0xE0:  # message waiting, discard or store
        return Alphabet.GSM7
    if data_coding < 0xF0:  # message waiting, store, UCS2: SMPP 3.4 calls it reserved, handsets do not
        return Alphabet.UCS2
    return Alphabet.OCTETS if data_coding & 0x04 else Alphabet.GSM7


_ALPHABETS = tuple(_alphabet_of(data_coding) for data_coding in range(256))

# TS 23.038 §4: a reserved coding is read as the default alphabet. ISO 8859-8 has holes: they become U+FFFD.
# JIS X 0208 and pictograms come as Shift JIS in practice; binary is shown as Latin-1, octet for character.
_CODECS = {
    Alphabet.OCTETS: "latin-1",
    Alphabet.LATIN1: "latin-1",
    Alphabet.ASCII: "latin-1",
    Alphabet.UCS2: "utf-16-be",
    Alphabet.CYRILLIC: "iso8859-5",
    Alphabet.HEBREW: "iso8859-8",
    Alphabet.JIS: "shift_jis",
    Alphabet.PICTOGRAM: "shift_jis",
    Alphabet.ISO_2022_JP: "iso2022_jp",
    Alphabet.JIS_X_0212: "euc_jp",
    Alphabet.KS_C_5601: "euc_kr",
}
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")


def alphabet_of(data_coding: int) -> Alphabet:
    """The alphabet that a data_coding octet names: SMPP 3.4 §5.2.19 below 0x10, TS 23.038 §4 above."""
    return _ALPHABETS[data_coding]


def message_class(data_coding: int) -> int | None:
    """0 (flash) to 3, or None when the data_coding states none."""
    has_class = data_coding >= 0xF0 or (0x10 <= data_coding < 0x80 and data_coding & 0x10)
    return data_coding & 0x03 if has_class else None


def fit(text: str) -> tuple[int, bytes]:
    """(data_coding, payload) of a text: (0, septets) if it is in GSM 03.38, else (8, UTF-16 big endian).

    Normalised to NFC: e and U+0301 are not in the alphabet, é is. Never fails: lone surrogates become U+FFFD.
    """
    septets = encode_gsm7(text)
    if septets is not None:
        return 0, septets
    text = unicodedata.normalize("NFC", text)
    septets = encode_gsm7(text)
    if septets is not None:
        return 0, septets
    return 8, _utf16(text)


def encode_as(text: str, default: str) -> bytes | None:
    """`text` (made NFC) in a default alphabet, 'gsm7', 'latin1' or 'ascii'; None when it does not fit."""
    text = unicodedata.normalize("NFC", text)
    if default == "gsm7":
        return encode_gsm7(text)
    try:
        return text.encode("latin-1" if default == "latin1" else "ascii")
    except UnicodeEncodeError:
        return None


def decode(payload: bytes, data_coding: int, default: str = "gsm7", udh: bytes = b"") -> str:
    """The text of a payload without its header; never fails.

    default: what data_coding 0 means with this carrier, 'gsm7', 'latin1' or 'ascii'. udh: the header, its
    length octet first, which may choose national tables. What cannot be read becomes U+FFFD.
    """
    alphabet = _ALPHABETS[data_coding]
    if alphabet is Alphabet.GSM7 or alphabet is Alphabet.RESERVED:
        if data_coding == 0 and default != "gsm7":
            return payload.decode("latin-1")
        header = parse_udh(udh) if udh else None
        return decode_gsm7(payload, header.locking, header.single) if header else decode_gsm7(payload)
    if alphabet is Alphabet.UCS2 and payload.startswith(_BYTE_ORDER_MARKS):
        return payload.decode("utf-16", "replace")
    return payload.decode(_CODECS[alphabet], "replace")


def _utf16(text: str) -> bytes:
    try:
        return text.encode("utf-16-be")
    except UnicodeEncodeError:
        # Surrogates out of JSON escapes: two that form a pair become their character, a lone one U+FFFD.
        mended = text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")
        return mended.encode("utf-16-be")
