"""Addresses: one canonical text inside, type of number and numbering plan only on the wire.

'+33612345678'   an E.164 number, 7 to 15 digits
'36180'          a short code, digits only
'CHAPPE'         a sender name, at most 11 septets of GSM 03.38

What comes in is read by its meaning, not by its TON alone: peers send '+' with TON 1, numbers with TON 0 and
names with any TON. A national number is refused: guessing a country would send a text to a stranger.
"""

from __future__ import annotations

from enum import IntEnum

from drivers.sms.gsm7 import encode_gsm7

__all__ = ["AddressError", "Npi", "Ton", "destination", "is_number", "mask", "source", "wire", "wire_octets"]

_SENDER_NAME_SEPTETS = 11  # TP-OA holds 10 octets, 11 septets: TS 23.040 §9.1.2.5
_E164_DIGITS = range(7, 16)
_SHORT_CODE_DIGITS = range(3, 7)
_HIDDEN = 5  # digits that a masked number never shows


class Ton(IntEnum):
    """Type of number: SMPP 3.4 §5.2.5."""

    UNKNOWN = 0
    INTERNATIONAL = 1
    NATIONAL = 2
    NETWORK_SPECIFIC = 3
    SUBSCRIBER = 4
    ALPHANUMERIC = 5
    ABBREVIATED = 6


class Npi(IntEnum):
    """Numbering plan indicator: SMPP 3.4 §5.2.6."""

    UNKNOWN = 0
    ISDN = 1
    DATA = 3
    TELEX = 4
    LAND_MOBILE = 6
    NATIONAL = 8
    PRIVATE = 9
    ERMES = 10
    INTERNET = 14
    WAP = 18


class AddressError(ValueError):
    """An address that names nobody we can reach. The text says why; a number in it is masked."""


def destination(ton: int, npi: int, addr: bytes) -> str:  # noqa: ARG001 - the wire has it
    """The canonical form of who is written to: '+33612345678' or '36180'.

    ton, npi: octets as received; addr: without its NUL. The NPI is not judged: peers fill it at random.
    Raises AddressError: national number, name, wrong length.
    """
    # First the form nearly all traffic has; every other form is looked at slowly below.
    if ton == 1 and 7 <= len(addr) <= 15 and addr.isdigit() and addr[0] != 0x30:
        return "+" + addr.decode("ascii")
    text = addr.decode("latin-1").strip()
    if not text:
        raise AddressError("destination is empty: give an international number such as +33612345678")
    if ton == Ton.ALPHANUMERIC or not _is_numeric(text):
        raise AddressError("destination is not a number: give the international form, such as +33612345678")
    return _number(ton, text)


def source(ton: int, npi: int, addr: bytes) -> str:  # noqa: ARG001 - the wire has it
    """The canonical form of who writes: as destination(), or a name; "" when none is given.

    Raises AddressError: name too long or outside GSM 03.38, national number, wrong length.
    """
    if ton == 1 and 7 <= len(addr) <= 15 and addr.isdigit() and addr[0] != 0x30:
        return "+" + addr.decode("ascii")
    text = addr.decode("latin-1").strip()
    if not text:
        return ""
    # TON 5 with nothing but digits is a number that a peer has labelled carelessly: judged as TON 0.
    if _is_numeric(text):
        return _number(Ton.UNKNOWN if ton == Ton.ALPHANUMERIC else ton, text)
    return _name(text)


def wire(text: str) -> tuple[int, int, bytes]:
    """(TON, NPI, octets without NUL) of a canonical address: 1/1 number, 3/0 short code, 5/0 name, 0/0 none.

    Raises AddressError for a name that no octet string carries.
    """
    if text.startswith("+"):
        return Ton.INTERNATIONAL, Npi.ISDN, text[1:].encode("ascii")
    if not text:
        return Ton.UNKNOWN, Npi.UNKNOWN, b""
    if text.isascii():
        ton = Ton.NETWORK_SPECIFIC if text.isdigit() else Ton.ALPHANUMERIC
        return ton, Npi.UNKNOWN, text.encode("ascii")
    try:
        return Ton.ALPHANUMERIC, Npi.UNKNOWN, text.encode("latin-1")
    except UnicodeEncodeError:
        raise AddressError(f"sender name {text!r} has no octets on the wire: use ASCII letters") from None


def wire_octets(text: str) -> bytes:
    """TON octet, NPI octet, address and NUL of a canonical address, as they stand in a PDU."""
    if text.startswith("+"):  # the hot one: every destination
        return b"\x01\x01" + text[1:].encode("ascii") + b"\x00"
    ton, npi, addr = wire(text)
    return b"%c%c%b\x00" % (ton, npi, addr)


def mask(text: str) -> str:
    """What logs may show: '+33612345678' as '+336…678'. Five digits at least are hidden.

    Short codes and names belong to companies and stay readable.
    """
    digits = text.removeprefix("+")
    if not digits.isdigit() or (digits == text and len(digits) in _SHORT_CODE_DIGITS):
        return text
    shown = max(len(digits) - _HIDDEN, 0)
    head, tail = min(3, (shown + 1) // 2), min(3, shown // 2)
    plus = "+" if digits != text else ""
    return f"{plus}{digits[:head]}…{digits[len(digits) - tail :]}"


def is_number(text: str) -> bool:
    """True for an E.164 number; False for short codes, names and ""."""
    return text.startswith("+")


def _is_numeric(text: str) -> bool:
    digits = text.removeprefix("+")
    return digits.isascii() and digits.isdigit()


def _number(ton: int, text: str) -> str:
    """`text` is digits, with or without a '+'."""
    if text.startswith(("+", "00")):
        return _international(text[1:] if text[0] == "+" else text[2:])
    if len(text) in _SHORT_CODE_DIGITS:
        return text
    if ton == Ton.NATIONAL or text.startswith("0"):
        raise AddressError(
            f"{mask(text)} is a national number: use the international form, such as +33612345678"
        )
    if ton not in (Ton.INTERNATIONAL, Ton.UNKNOWN):
        raise AddressError(
            f"{mask(text)} has TON {ton}: use TON 1 and an international number, or a short code"
        )
    return _international(text)


def _international(digits: str) -> str:
    if len(digits) not in _E164_DIGITS:
        raise AddressError(f"a number has 7 to 15 digits (E.164), this one has {len(digits)}")
    if digits[0] == "0":
        raise AddressError(
            f"{mask('+' + digits)} starts with 0 after its prefix: country codes start with 1 to 9"
        )
    return "+" + digits


def _name(text: str) -> str:
    if text.startswith("+"):
        raise AddressError(f"sender name {text!r} starts with '+' as a number does, but is none")
    septets = encode_gsm7(text)
    if septets is None or not text.isprintable():
        raise AddressError(
            f"sender name {text!r} has characters outside GSM 03.38: use plain letters and digits"
        )
    if len(septets) > _SENDER_NAME_SEPTETS:
        raise AddressError(
            f"sender name {text!r} takes {len(septets)} septets: at most {_SENDER_NAME_SEPTETS} fit"
        )
    return text
