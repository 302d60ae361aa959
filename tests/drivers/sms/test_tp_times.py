from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sms.semi_octets import Octets, TpduError
from drivers.sms.tp_times import read_enhanced, read_time, relative_minutes, relative_octet, write_time


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        ("11604231805180", "2011-06-24T13:08:15+02:00"),
        ("01901151011129", "2010-09-11T15:10:11-03:00"),
        ("70605031653000", "2007-06-05T13:56:03+00:00"),
        ("99213132959500", "2099-12-13T23:59:59+00:00"),
        ("61010340954482", "2016-10-30T04:59:44+07:00"),
        ("610103409544c2", "2016-10-30T04:59:44+08:00"),  # twenty and twelve quarters, as seen
        ("61010340954465", "2016-10-30T04:59:44+14:00"),
        ("6101034095446d", "2016-10-30T04:59:44-14:00"),
        ("610103409544ff", "2016-10-30T04:59:44+00:00"),  # a zone that is none
    ],
)
def test_time_stamps(octets, text):
    assert read_time(bytes.fromhex(octets)) == datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    "octets", [14 * "0", 14 * "f", "62102300000000", "6220030000000a", "11604242805180", "6a101000000000"]
)
def test_no_date_is_unknown(octets):
    assert read_time(bytes.fromhex(octets)) == 0.0


def test_the_zone_is_written_with_its_sign_bit():
    at = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
    assert write_time(at + 0.9, 4).hex() == "62112231000040"
    assert write_time(at, -14).hex() == "62112280030049"
    assert write_time(0.0) == bytes(7)


@pytest.mark.parametrize(
    ("at", "quarters"), [(1.0, 0), (946_684_799.0, 0), (4_102_444_800.0, 0), (1e9, 57), (4_102_444_799.0, 1)]
)
def test_what_no_time_stamp_tells(at, quarters):
    with pytest.raises(TpduError):
        write_time(at, quarters)


@pytest.mark.parametrize(
    ("octet", "minutes"),
    [
        (0, 5),
        (143, 720),
        (144, 750),
        (167, 1440),
        (168, 2880),
        (170, 5760),
        (196, 43_200),
        (197, 50_400),
        (255, 635_040),
    ],
)
def test_relative_periods(octet, minutes):
    assert relative_minutes(octet) == minutes
    assert relative_octet(minutes) == octet


@given(st.integers(5, 700_000))
def test_a_period_is_rounded_down_and_no_further(minutes):
    octet = relative_octet(minutes)
    assert relative_minutes(octet) <= minutes
    assert octet == 255 or relative_minutes(octet + 1) > minutes


@pytest.mark.parametrize("minutes", [4, 0, -1])
def test_a_period_below_five_minutes(minutes):
    with pytest.raises(TpduError):
        relative_octet(minutes)


@pytest.mark.parametrize(
    ("octets", "minutes"),
    [
        ("00000000000000", 0),
        ("010b0000000000", 60),
        ("02ff0000000000", 5),
        ("02010000000000", 1),
        ("03213254000000", 12 * 60 + 24),
        ("41000000000000", 5),  # single shot
        ("8100a700000000", 1440),  # another indicator stands between
    ],
)
def test_enhanced_periods(octets, minutes):
    reader = Octets(bytes.fromhex(octets) + b"rest")
    assert read_enhanced(reader) == minutes
    assert reader.left == 4


@pytest.mark.parametrize("octets", ["04000000000000", "07000000000000", "81808080808080", "838080808000aa"])
def test_reserved_enhanced_periods(octets):
    with pytest.raises(TpduError, match="octet 0"):
        read_enhanced(Octets(bytes.fromhex(octets)))
