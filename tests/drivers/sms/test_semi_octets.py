import pytest

from drivers.sms.semi_octets import (
    Octets,
    TpduError,
    digits_of,
    read_address,
    split_smsc,
    swapped,
    with_smsc,
    write_address,
)


@pytest.mark.parametrize(
    ("digits", "octets"),
    [
        ("", ""),
        ("1", "f1"),
        ("12", "21"),
        ("33612345678", "3316325476f8"),
        ("*100#", "1a00fb"),
        ("abc", "dcfe"),
    ],
)
def test_digits_there_and_back(digits, octets):
    assert swapped(digits).hex() == octets
    assert digits_of(bytes.fromhex(octets), 0) == digits


@pytest.mark.parametrize("digits", ["12d", "1 2", "é", "+33"])
def test_what_has_no_semi_octet(digits):
    with pytest.raises(TpduError, match="digits"):
        swapped(digits)


@pytest.mark.parametrize(
    ("address", "field"),
    [
        ("+33612345678", "0b913316325476f8"),
        ("36180", "05816381f0"),
        ("0612345678", "0a816021436587"),
        ("", "0081"),
        ("FONIC", "09d0c6a7333904"),
        ("www.tim.it", "12d0f7fbdd454fb75d693a"),
        ("CHAPPECHAPP", "14d04364100a2d0e91412814"),  # eleven septets, the most that fit
    ],
)
def test_address_fields(address, field):
    octets = bytes.fromhex(field)
    assert write_address(address) == octets
    reader = Octets(octets + b"rest")
    assert read_address(reader, "TP-DA") == address
    assert reader.left == 4


@pytest.mark.parametrize(
    ("field", "address"),
    [
        ("05a16381f0", "36180"),  # national: as it stands
        ("0ca13316325476f8", "33612345678"),  # the length counts the filler
        ("0b853316325476f8", "33612345678"),
        ("0091", ""),  # international, and no number
        ("00d0", ""),
        ("0b803316325476f8", "33612345678"),
    ],
)
def test_addresses_as_service_centres_write_them(field, address):
    assert read_address(Octets(bytes.fromhex(field)), "TP-OA") == address


def test_octets_say_what_is_missing():
    reader = Octets(b"\x01\x02\x03")
    assert reader.octet("TP-MR") == 1
    with pytest.raises(
        TpduError, match="octet 1: TP-SCTS takes 7 octets and 2 are there: 5 missing"
    ) as caught:
        reader.take(7, "TP-SCTS")
    assert caught.value.offset == 1
    assert reader.take(2, "TP-UD") == b"\x02\x03"  # nothing was taken by the refusal


@pytest.mark.parametrize(
    ("smsc", "prefix"), [("", "00"), ("+33609001390", "07913306091093f0"), ("1234", "03812143")]
)
def test_the_service_centre(smsc, prefix):
    assert with_smsc(smsc, b"tpdu").hex() == prefix + b"tpdu".hex()
    assert split_smsc(bytes.fromhex(prefix) + b"tpdu") == (smsc, b"tpdu")


@pytest.mark.parametrize("smsc", ["+" + "1" * 21, "CHAPPE"])
def test_no_service_centre(smsc):
    with pytest.raises(TpduError):
        with_smsc(smsc, b"")
