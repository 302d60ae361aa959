import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sms.address import AddressError, destination, is_number, mask, source, wire, wire_octets


@pytest.mark.parametrize(
    ("ton", "npi", "addr", "expected"),
    [
        (1, 1, b"33612345678", "+33612345678"),
        (1, 0, b"+33612345678", "+33612345678"),
        (1, 1, b"0033612345678", "+33612345678"),
        (0, 0, b"+33612345678", "+33612345678"),
        (0, 1, b"0033612345678", "+33612345678"),
        (0, 0, b"33612345678", "+33612345678"),
        (2, 1, b"+33612345678", "+33612345678"),  # the plus is clearer than the label
        (1, 1, b" 33612345678 ", "+33612345678"),
        (1, 1, b"2901234", "+2901234"),  # Saint Helena: seven digits
        (1, 1, b"123456789012345", "+123456789012345"),
        (3, 0, b"36180", "36180"),
        (0, 0, b"118", "118"),
        (0, 1, b"361800", "361800"),
        (1, 1, b"36180", "36180"),
        (6, 0, b"36180", "36180"),
    ],
)
def test_destinations_that_are_reached(ton, npi, addr, expected):
    assert destination(ton, npi, addr) == expected
    assert source(ton, npi, addr) == expected


@pytest.mark.parametrize(
    ("ton", "addr", "reason"),
    [
        (0, b"", "empty"),
        (1, b"  ", "empty"),
        (0, b"0612345678", "international form"),
        (2, b"0612345678", "international form"),
        (2, b"612345678", "international form"),
        (1, b"0612345678", "international form"),
        (5, b"CHAPPE", "not a number"),
        (5, b"33612345678", "not a number"),
        (0, b"CHAPPE", "not a number"),
        (1, b"+33 6 12 34 56 78", "not a number"),
        (1, b"+", "not a number"),
        (1, b"++33612345678", "not a number"),
        (1, "33６12345678".encode(), "not a number"),
        (1, b"3361234567\xb2", "not a number"),  # superscript two is a digit for str.isdigit
        (1, b"1234567890123456", "7 to 15 digits"),
        (1, b"+36180", "7 to 15 digits"),
        (0, b"00", "7 to 15 digits"),
        (0, b"12", "7 to 15 digits"),
        (1, b"+0612345678", "country codes"),
        (0, b"000612345678", "country codes"),
        (4, b"12345678", "TON 4"),
        (7, b"12345678", "TON 7"),
    ],
)
def test_destinations_that_are_refused_say_why(ton, addr, reason):
    with pytest.raises(AddressError, match=reason):
        destination(ton, 1, addr)


def test_a_refusal_does_not_show_the_number():
    with pytest.raises(AddressError) as refused:
        destination(0, 0, b"0612345678")
    assert "0612345678" not in str(refused.value)
    assert "06" in str(refused.value)


@pytest.mark.parametrize(
    ("ton", "addr", "expected"),
    [
        (0, b"", ""),
        (5, b"", ""),
        (5, b"CHAPPE", "CHAPPE"),
        (0, b"CHAPPE", "CHAPPE"),
        (1, b"Chappe 1794", "Chappe 1794"),
        (5, b"Caf\xe9", "Café"),
        (5, b"36180", "36180"),
        (5, b"33612345678", "+33612345678"),
    ],
)
def test_sources(ton, addr, expected):
    assert source(ton, 0, addr) == expected


@pytest.mark.parametrize(
    ("addr", "reason"),
    [
        (b"CHAPPE-LILLE", "12 septets"),
        (b"CHAPPE[0123]", "14 septets"),
        (b"CHAP\xcaTE", "outside GSM"),
        (b"+", "as a number does"),
        (b"+33 CHAPPE", "as a number does"),
        (b"CHAP\nPE", "outside GSM"),
        (b"CHAP\x00PE", "outside GSM"),
        (b"0612345678", "international form"),
    ],
)
def test_sources_that_are_refused_say_why(addr, reason):
    with pytest.raises(AddressError, match=reason):
        source(5, 0, addr)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+33612345678", (1, 1, b"33612345678")),
        ("36180", (3, 0, b"36180")),
        ("CHAPPE", (5, 0, b"CHAPPE")),
        ("Café", (5, 0, b"Caf\xe9")),
        ("", (0, 0, b"")),
    ],
)
def test_wire(text, expected):
    ton, npi, addr = expected
    assert wire(text) == expected
    assert wire_octets(text) == bytes([ton, npi]) + addr + b"\0"


def test_a_name_without_octets_is_refused():
    with pytest.raises(AddressError, match="no octets"):
        wire("ΔΕΛΤΑ")


@given(st.from_regex(r"\A\+[1-9][0-9]{6,14}\Z") | st.from_regex(r"\A[1-9][0-9]{2,5}\Z"))
def test_what_goes_out_comes_back(text):
    assert destination(*wire(text)) == text
    assert source(*wire(text)) == text


@given(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=21))
def test_any_octets_give_a_canonical_address_or_an_error(ton, npi, addr):
    for read in destination, source:
        try:
            text = read(ton, npi, addr)
        except AddressError:
            continue
        assert read(*wire(text)) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+33612345678", "+336…678"),
        ("+2901234", "+2…4"),
        ("0612345678", "061…78"),
        ("36180", "36180"),
        ("CHAPPE", "CHAPPE"),
        ("", ""),
    ],
)
def test_mask(text, expected):
    assert mask(text) == expected


@given(st.from_regex(r"\A\+?[0-9]{7,20}\Z"))
def test_a_mask_hides_five_digits(text):
    assert sum(char.isdigit() for char in mask(text)) <= len(text.removeprefix("+")) - 5


def test_is_number():
    assert is_number("+33612345678")
    assert not is_number("36180")
    assert not is_number("CHAPPE")
    assert not is_number("")
