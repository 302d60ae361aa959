"""User data headers, 3GPP TS 23.040 §9.2.3.24: information elements in front of the text of a part.

A header is kept whole, its length octet (UDHL) first, as it travels. Reading never fails: unknown elements
are skipped, elements of a wrong length ignored, of repeated ones the last counts. A UDHL beyond the data
means that there is no header.
"""

from __future__ import annotations

__all__ = ["Concat", "Udh", "concat_header", "concat_of", "parse_udh", "split_udh"]


class Concat:
    """Which part of which long message: sequence of total, from 1. wide: the reference has 16 bits, not 8."""

    __slots__ = ("reference", "sequence", "total", "wide")

    def __init__(self, reference: int, total: int, sequence: int, wide: bool = False) -> None:
        self.reference = reference
        self.total = total
        self.sequence = sequence
        self.wide = wide

    @property
    def valid(self) -> bool:
        """False when the element must be ignored: total 0, sequence 0 or beyond total (§9.2.3.24.1)."""
        return 1 <= self.sequence <= self.total

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Concat) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"Concat({self.reference}, {self.sequence}/{self.total}{', wide' if self.wide else ''})"

    def _key(self) -> tuple[int, int, int, bool]:
        return self.reference, self.total, self.sequence, self.wide


class Udh:
    """A parsed header.

    elements: (identifier, data) in order. ports: (destination, originator) or None. locking, single: national
    language identifiers (TS 23.038 §6.2.1.2.4), 0 for none.
    """

    __slots__ = ("concat", "elements", "locking", "ports", "single")

    def __init__(self, elements: list[tuple[int, bytes]]) -> None:
        self.elements = elements
        self.concat: Concat | None = None
        self.ports: tuple[int, int] | None = None
        self.locking = 0
        self.single = 0
        for identifier, data in elements:
            self._read(identifier, data)

    def _read(self, identifier: int, data: bytes) -> None:
        match identifier, len(data):
            case (0x00, 3):  # concatenated, 8-bit reference
                self.concat = Concat(data[0], data[1], data[2])
            case (0x08, 4):  # concatenated, 16-bit reference
                self.concat = Concat(data[0] << 8 | data[1], data[2], data[3], wide=True)
            case (0x04, 2):  # ports, 8-bit
                self.ports = data[0], data[1]
            case (0x05, 4):  # ports, 16-bit
                self.ports = data[0] << 8 | data[1], data[2] << 8 | data[3]
            case (0x24, 1):  # national language single shift
                self.single = data[0]
            case (0x25, 1):  # national language locking shift
                self.locking = data[0]
            case _:
                pass  # unknown, or not the length its clause gives: ignored, §9.2.3.24


def split_udh(user_data: bytes) -> tuple[bytes, bytes]:
    """(header with its length octet, rest) of user data that begins with a header.

    (b"", user_data) when the length goes beyond the data: a set UDHI without a header must not cost the text.
    """
    if not user_data or user_data[0] >= len(user_data):
        return b"", user_data
    end = user_data[0] + 1
    return user_data[:end], user_data[end:]


def parse_udh(data: bytes) -> Udh | None:
    """The header that `data` begins with (UDHL octet first), None when there is none; the rest is ignored."""
    header, _ = split_udh(data)
    if not header:
        return None
    elements = []
    position = 1
    while position + 2 <= len(header):
        end = position + 2 + header[position + 1]
        if end > len(header):  # an element beyond the header: the ones before it still hold
            break
        elements.append((header[position], header[position + 2 : end]))
        position = end
    return Udh(elements)


def concat_of(udh: bytes) -> Concat | None:
    """The concatenation element of a header (UDHL octet first), None when it has none."""
    if not udh:
        return None
    if udh[:3] == b"\x05\x00\x03" and len(udh) >= 6:  # nearly every header is this one alone
        return Concat(udh[3], udh[4], udh[5])
    parsed = parse_udh(udh)
    return parsed.concat if parsed else None


def concat_header(reference: int, total: int, sequence: int, wide: bool = False) -> bytes:
    """A whole header with concatenation only: 6 octets, or 7 when wide. `reference` is cut to its bits."""
    if wide:
        return bytes([6, 0x08, 4, reference >> 8 & 0xFF, reference & 0xFF, total, sequence])
    return bytes([5, 0x00, 3, reference & 0xFF, total, sequence])
