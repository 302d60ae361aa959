import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sms.gsm7 import decode_gsm7, encode_gsm7, pack, unpack

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "gsm7.json").read_text("utf-8"))
CHARACTERS = [item["char"] for item in VECTORS["alphabet"]["items"]]
septets = st.binary().map(lambda octets: bytes(octet & 0x7F for octet in octets))


def by_id(item):
    return item["id"]


@pytest.mark.parametrize("item", VECTORS["alphabet"]["items"], ids=by_id)
def test_each_character_of_the_alphabet(item):
    octets = encode_gsm7(item["char"])
    assert octets.hex() == item["hex"]
    assert len(octets) == item["septets"]
    assert decode_gsm7(octets) == item["char"]


def test_the_alphabet_is_whole():
    assert len(CHARACTERS) == len(set(CHARACTERS)) == 127 + 10
    others = "".join(chr(point) for point in range(0x3000) if chr(point) not in CHARACTERS)
    assert [char for char in others if encode_gsm7(char) is not None] == []


@pytest.mark.parametrize("item", VECTORS["not_in_alphabet"]["items"], ids=by_id)
def test_characters_outside(item):
    assert encode_gsm7(item["char"]) is None
    assert encode_gsm7("Bonjour @ € " + item["char"]) is None


@pytest.mark.parametrize("item", VECTORS["decode"], ids=by_id)
def test_decoding(item):
    assert decode_gsm7(bytes.fromhex(item["hex"])) == item["text"]


@pytest.mark.parametrize("item", VECTORS["packing"], ids=by_id)
def test_packing(item):
    octets = bytes.fromhex(item["septets_hex"])
    packed = bytes.fromhex(item["packed_hex"])
    assert encode_gsm7(item["text"]) == octets
    assert pack(octets) == packed
    assert unpack(packed, item["septets"]) == octets
    assert len(packed) == item["octets"]


@pytest.mark.parametrize("text", ["\x00", "\x1b", "a\x00@", "\x80", "\xff", "\ud83d", "\ufffe", "`"])
def test_places_that_the_encoder_uses_for_itself_stay_outside(text):
    assert encode_gsm7(text) is None


def test_octets_with_the_high_bit_are_not_gsm():
    assert decode_gsm7(b"d\xe9j\xe0 @_") == "déjà @_"


@given(st.text(st.sampled_from(CHARACTERS)))
def test_what_is_encoded_is_decoded(text):
    assert decode_gsm7(encode_gsm7(text)) == text


@given(st.text())
def test_a_text_fits_exactly_when_each_character_does(text):
    assert (encode_gsm7(text) is not None) == all(char in CHARACTERS for char in text)


@given(st.binary(), st.integers(0, 255), st.integers(0, 255))
def test_decoding_never_fails(octets, locking, single):
    assert len(decode_gsm7(octets, locking, single)) <= len(octets)


@given(septets, st.integers(0, 6))
def test_what_is_packed_is_unpacked(octets, offset_bits):
    packed = pack(octets, offset_bits)
    assert len(packed) == -(-(7 * len(octets) + offset_bits) // 8)
    assert unpack(packed, len(octets), offset_bits) == octets


@given(st.binary(), st.integers(0, 200), st.integers(0, 6))
def test_unpacking_stops_where_the_octets_do(octets, count, offset_bits):
    assert len(unpack(octets, count, offset_bits)) == min(count, max(8 * len(octets) - offset_bits, 0) // 7)


def test_fill_bits_stand_in_front():
    # Behind a header of 6 octets (48 bits) one fill bit reaches the septet boundary: TS 23.040 §9.2.3.24.
    assert pack(b"\x7f", 1) == b"\xfe"
    assert pack(encode_gsm7("hello"), 1).hex() == "d065" + "36fb0d"
