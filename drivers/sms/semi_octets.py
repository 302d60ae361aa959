"""Digits two to an octet, the low nibble first: the address fields of a TPDU, 3GPP TS 23.040 §9.1.2.

Addresses are canonical texts inside ('+33612345678', '36180', 'CHAPPE': see drivers.sms.address). A field
that states no international number keeps its digits as they are: '0612345678' is for whoever knows the SIM's
country to complete. Here too are what reads a TPDU from left to right and the error that it raises.
"""

from __future__ import annotations

from drivers.sms.address import Ton
from drivers.sms.gsm7 import decode_gsm7, encode_gsm7, pack, unpack

__all__ = [
    "Octets",
    "TpduError",
    "digits_of",
    "read_address",
    "split_smsc",
    "swapped",
    "with_smsc",
    "write_address",
]

_DIGITS = "0123456789*#abc"  # 0xF fills the last octet: §9.1.2.3
_FILLER = 0xF
_MOST_DIGITS = 20  # ten octets of address value: §9.1.2.5
_MOST_SMSC_OCTETS = 11  # type and ten octets: TS 24.011 §8.2.5.2
_INTERNATIONAL, _UNKNOWN, _ALPHANUMERIC = 0x91, 0x81, 0xD0  # with the plan 1, ISDN, where there is a number


class TpduError(ValueError):
    """Octets that are no TPDU, or a TPDU that has no octets. offset: the octet that is wrong, None if none is."""

    def __init__(self, what: str, offset: int | None = None) -> None:
        super().__init__(what if offset is None else f"octet {offset}: {what}")
        self.offset = offset


class Octets:
    """Octets read from left to right. at: the offset of the next one."""

    __slots__ = ("_octets", "at")

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self.at = 0

    @property
    def left(self) -> int:
        return len(self._octets) - self.at

    def octet(self, field: str) -> int:
        return self.take(1, field)[0]

    def take(self, count: int, field: str) -> bytes:
        """The next `count` octets. Raises TpduError, which names the field, when there are fewer."""
        if self.left < count:
            missing = count - self.left
            raise TpduError(
                f"{field} takes {count} octets and {self.left} are there: {missing} missing", self.at
            )
        start, self.at = self.at, self.at + count
        return self._octets[start : self.at]


def swapped(digits: str) -> bytes:
    """Digits (0 to 9, *, #, a, b, c) as semi-octets, filled up with 0xF. Raises TpduError for any other."""
    try:
        nibbles = [_DIGITS.index(digit) for digit in digits]
    except ValueError:
        raise TpduError("an address of a TPDU has digits, * and # only, and this one has others") from None
    if len(nibbles) % 2:
        nibbles.append(_FILLER)
    return bytes(high << 4 | low for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))


def digits_of(octets: bytes, offset: int) -> str:
    """The digits of semi-octets; a filler at the end is dropped. offset: where they stand, for the error."""
    nibbles = [nibble for octet in octets for nibble in (octet & 0xF, octet >> 4)]
    if nibbles and nibbles[-1] == _FILLER:
        nibbles.pop()
    if _FILLER in nibbles:
        raise TpduError("a filler (F) stands among the digits", offset + nibbles.index(_FILLER) // 2)
    return "".join([_DIGITS[nibble] for nibble in nibbles])


def read_address(octets: Octets, field: str) -> str:
    """The next address field: its length in semi-octets, its type, its value."""
    start = octets.at
    length = octets.octet(field)
    if length > _MOST_DIGITS:
        raise TpduError(f"{field} has {length} semi-octets, {_MOST_DIGITS} at most can be", start)
    kind = octets.octet(field)
    value = octets.take((length + 1) // 2, field)
    if _ton(kind) == Ton.ALPHANUMERIC:
        return decode_gsm7(unpack(value, length * 4 // 7))
    digits = digits_of(_without_odd_nibble(value, length), start + 2)
    return _canonical(kind, digits)


def _without_odd_nibble(value: bytes, length: int) -> bytes:
    """The last high nibble is none of the number when its length is odd, whatever stands there."""
    return value[:-1] + bytes([value[-1] | 0xF0]) if length % 2 else value


def _canonical(kind: int, digits: str) -> str:
    return f"+{digits}" if digits and _ton(kind) == Ton.INTERNATIONAL else digits


def _ton(kind: int) -> int:
    return kind >> 4 & 0x07


def write_address(address: str) -> bytes:
    """The address field of a canonical address; "" has no digits. Raises TpduError when it has no such form."""
    number = address.removeprefix("+")
    if all(char in _DIGITS for char in number) and not (address and not number):
        if len(number) > _MOST_DIGITS:
            raise TpduError(f"an address of a TPDU has {_MOST_DIGITS} digits at most, this one {len(number)}")
        return bytes([len(number), _INTERNATIONAL if number != address else _UNKNOWN]) + swapped(number)
    septets = encode_gsm7(address)
    if septets is None or (semi_octets := (7 * len(septets) + 3) // 4) > _MOST_DIGITS:
        raise TpduError(f"the name {address!r} does not fit: 11 septets of GSM 03.38 at most")
    return bytes([semi_octets, _ALPHANUMERIC]) + pack(septets)


def split_smsc(octets: bytes) -> tuple[str, bytes]:
    """(the service centre's address or "", the TPDU) of what a modem shows and takes: TS 27.005 §3.1, <pdu>."""
    reader = Octets(octets)
    length = reader.octet("SMSC length")
    if length > _MOST_SMSC_OCTETS:
        raise TpduError(f"the SMSC has {length} octets, {_MOST_SMSC_OCTETS} at most can be", 0)
    value = reader.take(length, "SMSC address")
    smsc = _canonical(value[0], digits_of(value[1:], 2)) if length else ""
    return smsc, octets[reader.at :]


def with_smsc(smsc: str, tpdu: bytes) -> bytes:
    """`tpdu` behind the address of a service centre; "" lets the modem use its own (+CSCA)."""
    if not smsc:
        return b"\x00" + tpdu
    digits = smsc.removeprefix("+")
    if len(digits) > _MOST_DIGITS:
        raise TpduError(f"an SMSC has {_MOST_DIGITS} digits at most, this one {len(digits)}")
    value = bytes([_INTERNATIONAL if digits != smsc else _UNKNOWN]) + swapped(digits)
    return bytes([len(value)]) + value + tpdu
