"""SMPP times: every item of the vectors, the round trip, and the limits."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.smpp import times

ITEMS = json.loads((Path(__file__).parents[2] / "vectors/times.json").read_text())["items"]
NOW = datetime(2026, 11, 22, 10, tzinfo=UTC).timestamp()


def of_kind(kind):
    items = [item for item in ITEMS if item["kind"] == kind]
    assert items
    return pytest.mark.parametrize("item", items, ids=[item["id"] for item in items])


def unix(text):
    return datetime.fromisoformat(text).timestamp()


def test_every_kind_of_vector_has_a_test():
    kinds = {"absolute", "relative", "empty", "invalid", "encode", "encode_relative", "receipt_date"}
    assert {item["kind"] for item in ITEMS} == kinds


@of_kind("absolute")
def test_absolute(item):
    if "accept or answer" in item.get("note", ""):  # nn over 48: the other legal behaviour is ours
        with pytest.raises(times.TimeError):
            times.parse(item["text"].encode(), NOW)
    else:
        # some sources print three digits of a second, where the field has one
        assert times.parse(item["text"].encode(), NOW) == pytest.approx(unix(item["utc"]), abs=1e-3)


@of_kind("relative")
def test_relative(item):
    base = unix(item["base_utc"])
    got = times.parse(item["text"].encode(), base)
    if item["utc_any_of"] is None:
        assert got > base + 7 * 365 * 86_400
    else:
        assert got in [unix(utc) for utc in item["utc_any_of"]]


@of_kind("empty")
def test_empty(item):
    assert times.parse(item["text"].encode(), NOW) == 0.0


@of_kind("invalid")
def test_invalid(item):
    with pytest.raises(times.TimeError, match="time b'"):
        times.parse(item["text"].encode(), NOW)


@of_kind("encode")
def test_encode(item):
    assert times.format_absolute(unix(item["utc"]), item["offset_minutes"]) == item["text"].encode()


@of_kind("encode_relative")
def test_encode_relative(item):
    assert times.format_relative(item["seconds"]) == item["text"].encode()


@of_kind("receipt_date")
def test_receipt_date_vectors(item):
    got = times.parse_receipt_date(item["text"])
    assert (got and got.isoformat()) == item["local"]


def test_zero_validity_expires_now_and_is_not_the_same_as_none():
    assert times.parse(b"000000000000000R", NOW) == NOW


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, b"000000000001000R"),
        (0.4, b"000000000001000R"),
        (1.9, b"000000000001000R"),
        (31 * 86_400, b"000031000000000R"),
        (400 * 86_400, b"000031235959000R"),
    ],
)
def test_relative_is_clamped(seconds, text):
    assert times.format_relative(seconds) == text


def test_absolute_is_clamped_to_the_century():
    assert times.format_absolute(0.0) == b"000101000000000+"
    assert times.format_absolute(1e11) == b"991231235959000+"


@pytest.mark.parametrize("offset", [7, 735, -721])
def test_an_offset_that_cannot_be_written_is_refused(offset):
    with pytest.raises(ValueError, match="multiple of 15"):
        times.format_absolute(NOW, offset)


@given(st.integers(946_684_800, 4_102_444_799), st.sampled_from(range(-720, 721, 15)))
def test_absolute_round_trip(t, offset):
    if 946_684_800 + 43_200 <= t <= 4_102_444_799 - 43_200:
        assert times.parse(times.format_absolute(t, offset), NOW) == t


@given(st.integers(1, times.LONGEST_RELATIVE))
def test_relative_round_trip(seconds):
    assert times.parse(times.format_relative(seconds), NOW) == NOW + seconds


@given(st.binary(max_size=20) | st.text("0123456789R+-", min_size=16, max_size=16).map(str.encode))
def test_parse_raises_nothing_but_time_error(text):
    try:
        assert isinstance(times.parse(text, NOW), float)
    except times.TimeError:
        pass


@given(st.text(max_size=18) | st.text("0123456789+R", max_size=18))
def test_parse_receipt_date_never_raises(text):
    got = times.parse_receipt_date(text)
    assert got is None or got.tzinfo is None


@pytest.mark.parametrize("seconds", [0, 59, 60, 3_599, 86_400, 45_000_000])
def test_receipt_date_is_utc_to_the_minute(seconds):
    assert (
        times.receipt_date(NOW + seconds).decode()
        == f"{datetime.fromtimestamp(NOW + seconds, UTC):%y%m%d%H%M}"
    )
    assert len(times.receipt_date(NOW + seconds)) == 10
