"""TP-UDL and TP-UD of a TPDU: header and text, packed as TP-DCS says (3GPP TS 23.040 §9.2.3.16 and 24).

TP-DCS is read by TS 23.038 §4 alone. SMPP gives the values below 0x10 other meanings (3 is Latin-1 there and
GSM 03.38 here): data_coding_of() turns what came from the air into what the rest of the gateway reads.
"""

from __future__ import annotations

from drivers.sms.alphabet import Alphabet, alphabet_of
from drivers.sms.gsm7 import pack, unpack
from drivers.sms.semi_octets import Octets, TpduError
from drivers.sms.udh import split_udh

__all__ = ["data_coding_of", "is_packed", "read_user_data", "write_user_data"]

_MOST_OCTETS = 140
_MOST_SEPTETS = 160


def data_coding_of(dcs: int) -> int:
    """The SMPP data_coding that says what a TP-DCS says: 0, 4 or 8 below 0x10, itself above."""
    if dcs >= 0x10:
        return dcs
    return (0, 4, 8, 0)[dcs >> 2]  # 0x0c to 0x0f are reserved, to be read as the default alphabet


def is_packed(dcs: int) -> bool:
    """Whether a TP-DCS says seven bits a character, so that septets are packed and TP-UDL counts them."""
    # Reserved codings are read as the default alphabet, §4; a compressed text is octets: §6.
    return alphabet_of(data_coding_of(dcs)) in (Alphabet.GSM7, Alphabet.RESERVED)


def read_user_data(octets: Octets, dcs: int, has_header: bool) -> tuple[bytes, bytes]:
    """(header with its length octet or b"", payload, one septet an octet where packed) of what is left.

    Octets behind TP-UD are not looked at: SIM cards fill their records up. Raises TpduError.
    """
    start = octets.at
    length = octets.octet("TP-UDL")
    packed = is_packed(dcs)
    needed = (7 * length + 7) // 8 if packed else length
    if needed > _MOST_OCTETS:
        raise TpduError(
            f"TP-UDL says {length} {'septets' if packed else 'octets'}: 140 octets at most can be", start
        )
    data = octets.take(needed, "TP-UD")
    header, rest = split_udh(data) if has_header else (b"", data)
    if not packed:
        return header, rest
    if not header:
        return b"", unpack(data, length)
    return header, unpack(rest, max(length - _septets(header), 0), _fill_bits(header))


def write_user_data(dcs: int, udh: bytes, payload: bytes) -> bytes:
    """TP-UDL and TP-UD. udh: whole, its length octet first, or b"". Raises TpduError when it does not fit."""
    if udh and udh[0] != len(udh) - 1:
        raise TpduError(f"the header's first octet says {udh[0]}, and {len(udh) - 1} octets follow")
    if not is_packed(dcs):
        if len(udh) + len(payload) > _MOST_OCTETS:
            raise TpduError(f"{len(udh)} octets of header and {len(payload)} of text: 140 at most fit")
        return bytes([len(udh) + len(payload)]) + udh + payload
    if not payload.isascii():
        raise TpduError("the text has octets above 0x7f: GSM 03.38 has one septet an octet")
    length = _septets(udh) + len(payload)
    if length > _MOST_SEPTETS:
        raise TpduError(f"{_septets(udh)} septets of header and {len(payload)} of text: 160 at most fit")
    return bytes([length]) + udh + pack(payload, _fill_bits(udh))


def _septets(udh: bytes) -> int:
    """How many septets a header takes, its fill bits counted."""
    return (8 * len(udh) + 6) // 7


def _fill_bits(udh: bytes) -> int:
    return -8 * len(udh) % 7
