"""National numbers of a SIM's own country become E.164; all else stays as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modem.numbering import numbering_of

FRANCE, REUNION, ANTILLES, BELGIUM, SPAIN = "208011", "647001", "340011", "206011", "214011"
BRITAIN, GERMANY = "234101", "262011"


@pytest.mark.parametrize(
    ("imsi", "address", "completed"),
    [
        (FRANCE, "0612345678", "+33612345678"),
        (FRANCE, "612345678", "+33612345678"),  # TON national, as 23.040 has it
        (FRANCE, "33612345678", "+33612345678"),
        (FRANCE, "0033612345678", "+33612345678"),
        (FRANCE, "0032470123456", "+32470123456"),
        (FRANCE, "0692123456", "+262692123456"),
        (FRANCE, "0639123456", "+262639123456"),
        (FRANCE, "0690123456", "+590690123456"),
        (FRANCE, "0694123456", "+594694123456"),
        (FRANCE, "0696123456", "+596696123456"),
        (REUNION, "0692123456", "+262692123456"),
        (REUNION, "0612345678", "+33612345678"),
        (ANTILLES, "0690123456", "+590690123456"),
        (BELGIUM, "0470123456", "+32470123456"),
        (BELGIUM, "02123456", "02123456"),  # seven digits: none of ours
        (BELGIUM, "025551234", "+3225551234"),
        (SPAIN, "612345678", "+34612345678"),
        (BRITAIN, "07700900123", "+447700900123"),
        (BRITAIN, "7700900123", "7700900123"),  # of a plan with two lengths nothing is guessed
        (GERMANY, "015112345678", "+4915112345678"),
        (FRANCE, "+33612345678", "+33612345678"),
        (FRANCE, "36180", "36180"),
        (FRANCE, "38123", "38123"),
        (FRANCE, "0800", "0800"),
        (FRANCE, "Orange", "Orange"),
        (FRANCE, "", ""),
        (FRANCE, "06123456789", "06123456789"),
        ("310150", "0612345678", "0612345678"),  # not in the table: as it stands
        ("", "0612345678", "0612345678"),
    ],
)
def test_completed(imsi, address, completed):
    assert numbering_of(imsi).complete(address) == completed


@pytest.mark.parametrize(
    ("imsi", "service_centre", "number", "completed"),
    [
        ("901281234567890", "+33609001390", "", "+33612345678"),  # a machine's SIM of no country
        ("", "", "+33700000001", "+33612345678"),
        ("", "+26269200000", "+33700000001", "+33612345678"),
        ("", "+32470000000", "", "+32612345678"),
        ("206011234567890", "+33609001390", "", "+32612345678"),  # the SIM's own country comes first
        ("", "33609001390", "", "0612345678"),
    ],
)
def test_whose_country(imsi, service_centre, number, completed):
    assert numbering_of(imsi, service_centre, number).complete("0612345678") == completed


@given(st.text(max_size=20), st.sampled_from([FRANCE, REUNION, BELGIUM, SPAIN, BRITAIN, GERMANY, ""]))
def test_any_text_is_left_or_becomes_a_number(text, imsi):
    completed = numbering_of(imsi).complete(text)
    assert completed == text or (completed[0] == "+" and completed[1:].isdecimal())
    assert numbering_of(imsi).complete(completed) == completed
