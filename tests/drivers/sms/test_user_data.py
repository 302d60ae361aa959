import pytest

from drivers.sms.semi_octets import Octets, TpduError
from drivers.sms.user_data import data_coding_of, is_packed, read_user_data, write_user_data


@pytest.mark.parametrize(
    ("dcs", "packed", "data_coding"),
    [
        (0x00, True, 0),
        (0x01, True, 0),  # ASCII in SMPP
        (0x03, True, 0),  # Latin-1 in SMPP
        (0x04, False, 4),
        (0x06, False, 4),  # Cyrillic in SMPP
        (0x08, False, 8),
        (0x0C, True, 0),  # reserved
        (0x10, True, 0x10),
        (0x18, False, 0x18),
        (0x20, False, 0x20),  # compressed
        (0x80, True, 0x80),  # reserved
        (0xC8, True, 0xC8),  # voice mail waits
        (0xE0, False, 0xE0),
        (0xF1, True, 0xF1),
        (0xF6, False, 0xF6),
    ],
)
def test_codings(dcs, packed, data_coding):
    assert is_packed(dcs) is packed
    assert data_coding_of(dcs) == data_coding


@pytest.mark.parametrize("size", range(1, 13))
def test_fill_bits_put_the_text_on_a_septet(size):
    header = bytes([size - 1]) + bytes(size - 1)
    octets = write_user_data(0, header, b"STOP au 36180")
    assert octets[1 : 1 + size] == header
    assert octets[0] == -(-8 * size // 7) + 13
    assert read_user_data(Octets(octets), 0, True) == (header, b"STOP au 36180")


def test_what_fits_and_no_more():
    header = b"\x05\x00\x03\x01\x02\x01"
    for dcs, udh, most in ((0, b"", 160), (0, header, 153), (8, b"", 140), (8, header, 134)):
        octets = write_user_data(dcs, udh, b"x" * most)
        assert len(octets) == 141
        assert read_user_data(Octets(octets), dcs, bool(udh)) == (udh, b"x" * most)
        with pytest.raises(TpduError):
            write_user_data(dcs, udh, b"x" * (most + 1))


def test_what_stands_behind_is_not_looked_at():
    assert read_user_data(Octets(write_user_data(4, b"", b"\x01\x02") + b"\xff"), 4, False) == (
        b"",
        b"\x01\x02",
    )


def test_a_length_that_ends_inside_the_header_leaves_no_text():
    assert read_user_data(Octets(b"\x06\x05\x00\x03\x01\x02\x01"), 0, True) == (
        b"\x05\x00\x03\x01\x02\x01",
        b"",
    )
