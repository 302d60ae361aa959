import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sms import alphabet
from drivers.sms.alphabet import Alphabet, alphabet_of, decode, encode_as, encode_gsm7, fit, message_class

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "gsm7.json").read_text("utf-8"))


@pytest.mark.parametrize("item", VECTORS["data_coding"], ids=lambda item: item["hex"])
def test_data_coding(item):
    named = "gsm7" if item["alphabet"] == "smsc_default" else item["alphabet"]
    assert alphabet_of(item["data_coding"]) is Alphabet(named)
    assert message_class(item["data_coding"]) == item["message_class"]


@pytest.mark.parametrize(
    ("data_coding", "expected", "class_"),
    [
        (0x0C, Alphabet.RESERVED, None),
        (0x1C, Alphabet.RESERVED, 0),
        (0x20, Alphabet.OCTETS, None),  # compressed: not for us to read
        (0x32, Alphabet.OCTETS, 2),
        (0x44, Alphabet.OCTETS, None),  # automatic deletion group
        (0x58, Alphabet.UCS2, 0),
        (0x80, Alphabet.RESERVED, None),
        (0xBF, Alphabet.RESERVED, None),
    ],
)
def test_data_coding_of_ts_23_038_section_4(data_coding, expected, class_):
    assert alphabet_of(data_coding) is expected
    assert message_class(data_coding) == class_


@pytest.mark.parametrize("item", VECTORS["national_shift"], ids=lambda item: item["id"])
def test_national_tables(item):
    assert decode(bytes.fromhex(item["hex"]), 0, udh=bytes.fromhex(item["udh"])) == item["text"]


def test_a_header_without_languages_changes_nothing():
    assert decode(b"\x1be\x00", 0, udh=bytes.fromhex("050003240301")) == "€@"
    assert decode(b"\x1be\x00", 0, udh=bytes.fromhex("03250109")) == "€@"  # a language without a table here


def test_both_shifts_at_once():
    udh = bytes.fromhex("06250103240103")
    assert decode(b"\x18 \x1b\x65 \x1bA \x1f", 0, udh=udh) == "€ € À É"


@pytest.mark.parametrize("item", VECTORS["segments"], ids=lambda item: item["id"])
def test_fit_chooses_the_alphabet(item):
    text = "".join(piece * times for piece, times in item["build"])
    data_coding, payload = fit(text)
    assert data_coding == (0 if item["encoding"] == "gsm7" else 8)
    assert len(payload) == item["units"] * (1 if data_coding == 0 else 2)
    assert decode(payload, data_coding) == text


def test_fit_composes_before_it_judges():
    assert fit("e\u0301te\u0301") == (0, b"\x05t\x05")
    assert fit("e\u0302") == (8, b"\x00\xea")


def test_fit_mends_surrogates():
    assert fit("\ud83d\ude00") == (8, b"\xd8\x3d\xde\x00")
    assert fit("a\ud83d") == (8, b"\x00a\xff\xfd")


@pytest.mark.parametrize(
    ("text", "default", "expected"),
    [
        ("@_é", "latin1", b"@_\xe9"),
        ("@_é", "gsm7", b"\x00\x11\x05"),
        ("@_é", "ascii", None),
        ("@_", "ascii", b"@_"),
        ("€", "latin1", None),
        ("e\u0301", "latin1", b"\xe9"),
        ("ê", "gsm7", None),
    ],
)
def test_encode_as(text, default, expected):
    assert encode_as(text, default) == expected


@pytest.mark.parametrize(
    ("payload", "data_coding", "default", "expected"),
    [
        (b"\x00_", 0, "gsm7", "@§"),
        (b"@_", 0, "latin1", "@_"),
        (b"@_\xe9", 0, "ascii", "@_é"),
        (b"@_\xe9", 0, "gsm7", "@_é"),  # no septet has the high bit: Latin-1 it is
        (b"\x00", 0xF0, "latin1", "@"),  # only 0 is the carrier's own
        (b"\x00", 0xF1, "gsm7", "@"),
        (b"@", 1, "gsm7", "@"),
        (b"\xe9", 3, "gsm7", "é"),
        (b"\x00\xff", 4, "gsm7", "\x00ÿ"),
        (b"\xbf\xe0\xd8", 6, "gsm7", "При"),
        (b"\xf9\xec", 7, "gsm7", "של"),
        (b"\x82\xa0", 5, "gsm7", "あ"),
        (b'\x1b$B$"\x1b(B', 10, "gsm7", "あ"),
        (b"\xa4\xa2", 13, "gsm7", "あ"),
        (b"\xb0\xa1", 14, "gsm7", "가"),
        (b"\xd8\x3d\xde\x00", 8, "gsm7", "😀"),
        (b"\x00a\x00", 8, "gsm7", "a\ufffd"),
        (b"\xd8\x3d", 8, "gsm7", "\ufffd"),
        (b"\xff\xfea\x00", 8, "gsm7", "a"),
        (b"\xfe\xff\x00a", 8, "gsm7", "a"),
        (b"\x00", 0x0F, "gsm7", "@"),
        (b"STOP\x00", 3, "gsm7", "STOP\x00"),
    ],
)
def test_decode(payload, data_coding, default, expected):
    assert decode(payload, data_coding, default) == expected


@given(
    st.binary(max_size=300),
    st.integers(0, 255),
    st.sampled_from(["gsm7", "latin1", "ascii"]),
    st.binary(max_size=12),
)
def test_decode_never_raises(payload, data_coding, default, udh):
    assert isinstance(decode(payload, data_coding, default, udh), str)


@given(st.text().filter(lambda text: not text.startswith("\ufeff")))
def test_what_is_fitted_is_decoded(text):
    data_coding, payload = fit(text)
    composed = unicodedata.normalize("NFC", text)
    assert decode(payload, data_coding) == composed
    assert (data_coding == 0) == (encode_gsm7(composed) is not None)


@given(st.text(st.characters(codec="latin-1")))
def test_a_latin_1_carrier_reads_what_was_written(text):
    assert decode(encode_as(text, "latin1"), 0, "latin1") == unicodedata.normalize("NFC", text)


def test_every_public_name_exists():
    assert [name for name in alphabet.__all__ if not hasattr(alphabet, name)] == []
