import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sms.udh import Concat, concat_header, concat_of, parse_udh, split_udh

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "gsm7.json").read_text("utf-8"))


@pytest.mark.parametrize("item", VECTORS["udh"], ids=lambda item: item["id"])
def test_concatenation(item):
    udh = bytes.fromhex(item["hex"])
    if "ref" not in item:
        assert concat_of(udh) is None
        return
    wide = item.get("by", item["kind"]).startswith("udh16")
    expected = Concat(item["ref"], item["total"], item["seq"], wide)
    assert concat_of(udh) == expected
    assert parse_udh(udh).concat == expected
    assert expected.valid
    if item["kind"] in ("udh8", "udh16"):
        assert concat_header(item["ref"], item["total"], item["seq"], wide) == udh


@pytest.mark.parametrize("item", VECTORS["udh"], ids=lambda item: item["id"])
def test_the_header_is_split_from_the_text(item):
    udh = bytes.fromhex(item["hex"])
    if "UDHL beyond" in item["kind"]:
        assert split_udh(udh) == (b"", udh)
        assert parse_udh(udh) is None
    else:
        assert split_udh(udh + b"text") == (udh, b"text")


def test_user_data_without_a_header():
    assert split_udh(b"") == (b"", b"")
    assert split_udh(b"\x00text") == (b"\x00", b"text")
    assert split_udh(b"\x04text") == (b"\x04text", b"")
    assert split_udh(b"\x05text") == (b"", b"\x05text")
    assert concat_of(b"") is None
    assert concat_of(b"\x05\x00\x03\x07") is None


@pytest.mark.parametrize(("total", "sequence"), [(0, 0), (0, 1), (2, 0), (2, 3)])
def test_numbers_that_must_be_ignored(total, sequence):
    assert not concat_of(concat_header(7, total, sequence)).valid


def test_ports_and_languages():
    assert parse_udh(bytes.fromhex("06050423f40000")).ports == (9204, 0)
    assert parse_udh(bytes.fromhex("040402f0f1")).ports == (0xF0, 0xF1)
    udh = parse_udh(bytes.fromhex("06250101240103"))
    assert (udh.locking, udh.single, udh.ports, udh.concat) == (1, 3, None, None)
    assert udh.elements == [(0x25, b"\x01"), (0x24, b"\x03")]


def test_an_element_beyond_the_header_does_not_spoil_the_ones_before():
    assert concat_of(bytes.fromhex("080003240301050423") + b"text") == Concat(0x24, 3, 1)


def test_references_are_cut_to_their_bits():
    assert concat_header(0x1234, 2, 1).hex() == "050003340201"
    assert concat_header(0x51234, 2, 1, wide=True).hex() == "06080412340201"


def test_concats_compare_by_value():
    assert Concat(7, 2, 1) == Concat(7, 2, 1)
    assert len({Concat(7, 2, 1), Concat(7, 2, 1), Concat(7, 2, 1, wide=True)}) == 2
    assert repr(Concat(7, 2, 1, wide=True)) == "Concat(7, 1/2, wide)"


@given(st.binary(max_size=60))
def test_any_octets_are_read(data):
    header, rest = split_udh(data)
    assert header + rest == data
    parsed = parse_udh(data)
    assert (parsed is None) == (header == b"")
    assert concat_of(header) == (parsed.concat if parsed else None)


@given(st.integers(0, 0xFFFF), st.integers(0, 255), st.integers(0, 255))
def test_what_is_built_is_read(reference, total, sequence):
    assert concat_of(concat_header(reference, total, sequence, wide=True)) == Concat(
        reference, total, sequence, wide=True
    )
    assert concat_of(concat_header(reference, total, sequence)) == Concat(reference & 0xFF, total, sequence)
