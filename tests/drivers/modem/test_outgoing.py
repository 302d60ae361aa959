"""From segments to TPDUs: validity, reports, alphabets."""

import pytest
from modem_lab import segment

from drivers.modem.outgoing import Expired, tpdu_of
from drivers.sms.tpdu import TpduError, decode_submit

NOW = 1_790_000_000.0


def made(reports=True, **changes):
    return decode_submit(tpdu_of(segment(1, "+33612345678", **changes), NOW, reports))


def test_the_source_is_the_sims_whatever_it_says():
    submit = made(source="CHAPPE")
    assert (submit.destination, submit.payload, submit.data_coding) == ("+33612345678", b"hello", 0)


@pytest.mark.parametrize(
    ("wanted", "modem", "asked"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_a_report_is_asked_for_only_where_one_can_come(wanted, modem, asked):
    assert made(want_receipt=wanted, reports=modem).status_report is asked


@pytest.mark.parametrize(
    ("left", "minutes"), [(300, 5), (599, 5), (3600, 60), (86_400 * 2, 2880), (10**9, 63 * 7 * 24 * 60)]
)
def test_validity_is_rounded_down(left, minutes):
    assert made(expires=NOW + left).validity_minutes == minutes


def test_a_validity_is_always_set():
    assert made().validity_minutes == 1440


def test_below_five_minutes_the_moment_itself_is_told():
    submit = made(expires=NOW + 120)
    assert (submit.validity_minutes, submit.valid_until) == (0, NOW + 120)


@pytest.mark.parametrize("left", [0.5, 0, -1, -1000])
def test_what_has_expired_is_not_sent(left):
    with pytest.raises(Expired):
        made(expires=NOW + left)


@pytest.mark.parametrize(
    ("coding", "payload", "dcs", "data"),
    [
        (0, b"hello", 0, b"hello"),
        (8, "h\u00e9\u0142".encode("utf-16-be"), 8, "h\u00e9\u0142".encode("utf-16-be")),
        (3, "h\u00e9".encode("latin-1"), 0, b"h\x05"),
        (1, b"hello", 0, b"hello"),
        (4, b"\x00\xff", 4, b"\x00\xff"),
        (2, b"\x00\xff", 4, b"\x00\xff"),
        (0x10, b"flash", 0x10, b"flash"),
    ],
)  # fmt: skip
def test_data_coding_of_smpp_becomes_that_of_the_air(coding, payload, dcs, data):
    submit = made(data_coding=coding, payload=payload)
    assert (submit.data_coding, submit.payload) == (dcs, data)


def test_a_part_keeps_its_header():
    udh = bytes.fromhex("050003070201")
    assert made(udh=udh, payload=b"x" * 153).udh == udh


def test_what_does_not_fit_is_refused():
    with pytest.raises(TpduError):
        made(payload=b"x" * 161)
