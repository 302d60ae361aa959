import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sms.gsm7 import decode_gsm7
from drivers.sms.tp_times import relative_minutes
from drivers.sms.tpdu import (
    Deliver,
    StatusReport,
    Submit,
    TpduError,
    decode_deliver,
    decode_received,
    decode_status_report,
    decode_submit,
    encode_deliver,
    encode_status_report,
    encode_submit,
    split_smsc,
    with_smsc,
)
from drivers.sms.udh import parse_udh
from drivers.sms.user_data import is_packed

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "sms-tpdu.json").read_text("utf-8"))["vectors"]
DECODERS = {"SUBMIT": decode_submit, "DELIVER": decode_deliver, "STATUS-REPORT": decode_status_report}
DAY = datetime(2026, 11, 22, tzinfo=UTC).timestamp()


def fields(record):
    return {name: getattr(record, name) for name in record.__slots__}


def of_kind(*kinds):
    vectors = [vector for vector in VECTORS if vector["expect"]["type"] in kinds]
    assert vectors
    return pytest.mark.parametrize("vector", vectors, ids=[vector["id"] for vector in vectors])


def octets_of(vector):
    """(what an AT command shows, the TPDU in it)."""
    octets = bytes.fromhex(vector["hex"])
    return octets, split_smsc(octets)[1] if vector["has_smsc_prefix"] else octets


def decoded(vector):
    return DECODERS[vector["expect"]["type"]](octets_of(vector)[1])


# ── the vectors ──────────────────────────────────────────────────────────────────────────────────────────────
@of_kind("SUBMIT", "DELIVER", "STATUS-REPORT")
def test_the_service_centre_is_taken_off_and_put_on(vector):
    octets, tpdu = octets_of(vector)
    assert len(tpdu) == vector["expect"]["tpdu_len"] == vector["cmgs_length"]
    if vector["has_smsc_prefix"]:
        smsc = split_smsc(octets)[0]
        assert smsc == (vector["expect"]["smsc"] or {"number": ""})["number"]
        if vector["expect"]["smsc"] is None or (vector["expect"]["smsc"]["toa"] in (0x91, 0x81) and smsc):
            assert with_smsc(smsc, tpdu) == octets


@of_kind("SUBMIT", "DELIVER")
def test_text_and_header(vector):
    expect, tpdu = vector["expect"], decoded(vector)
    assert tpdu.data_coding == expect["dcs"]
    assert is_packed(tpdu.data_coding) == (expect["alphabet"] == "gsm7")
    assert tpdu.udh.hex().upper() == expect.get("udh_hex", "")
    assert tpdu.protocol_id == expect["pid"]
    match expect["alphabet"]:
        case "gsm7":
            assert decode_gsm7(tpdu.payload) == expect["text"]
        case "ucs2":
            assert tpdu.payload.decode("utf-16-be") == expect["text"]
        case _:
            assert tpdu.payload.hex().upper() == expect["data_hex"]


@of_kind("SUBMIT", "DELIVER")
def test_parts_and_ports(vector):
    expect, header = vector["expect"], parse_udh(decoded(vector).udh)
    concat = header and header.concat
    found = concat and {
        "ref": concat.reference,
        "ref_bits": 16 if concat.wide else 8,
        "total": concat.total,
        "seq": concat.sequence,
    }
    assert found == expect.get("concat")
    assert (header and header.ports and list(header.ports)) == expect.get("ports")


@of_kind("SUBMIT")
def test_submit(vector):
    expect, submit = vector["expect"], decoded(vector)
    assert submit.destination == expect["addr"]["number"]
    assert (submit.reference, submit.status_report) == (expect["mr"], expect["srr"])
    assert submit.reject_duplicates == expect["rd"]
    assert submit.validity_minutes == expect.get("vp_minutes", 0)
    until = expect.get("vp_abs")
    assert submit.valid_until == (datetime.fromisoformat(until).timestamp() if until else 0.0)


@of_kind("DELIVER")
def test_deliver(vector):
    expect, deliver = vector["expect"], decoded(vector)
    assert deliver.source == expect["addr"]["number"]
    assert deliver.sent_at == datetime.fromisoformat(expect["scts"]).timestamp()
    assert deliver.more == (not expect["mms"])


@of_kind("STATUS-REPORT")
def test_status_report(vector):
    expect, report = vector["expect"], decoded(vector)
    assert (report.reference, report.recipient) == (expect["mr"], expect["addr"]["number"])
    assert report.status == expect["status"]
    assert report.sent_at == datetime.fromisoformat(expect["scts"]).timestamp()
    assert report.done_at == datetime.fromisoformat(expect["discharge"]).timestamp()


@of_kind("SUBMIT")
def test_a_submit_encodes_to_the_octets_it_came_from(vector):
    submit, tpdu = decoded(vector), octets_of(vector)[1]
    again = encode_submit(submit)
    assert fields(decode_submit(again)) == fields(submit)
    # Other types of address, and the zone of an absolute validity, have no canonical form.
    if vector["expect"]["addr"]["toa"] in (0x91, 0x81) and "vp_abs" not in vector["expect"]:
        assert again == tpdu


@of_kind("DELIVER", "STATUS-REPORT")
def test_what_is_received_is_told_apart(vector):
    assert fields(decode_received(octets_of(vector)[1])) == fields(decoded(vector))


@of_kind("SUBMIT", "DELIVER", "STATUS-REPORT")
def test_every_octet_cut_off_is_missed(vector):
    tpdu = octets_of(vector)[1]
    if vector["expect"]["type"] == "STATUS-REPORT":
        tpdu = tpdu[: 2 + 2 + (tpdu[2] + 1) // 2 + 7 + 7 + 1]  # behind TP-ST all is optional
    for length in range(len(tpdu)):
        with pytest.raises(TpduError, match=r"octet \d+: .* missing") as caught:
            DECODERS[vector["expect"]["type"]](tpdu[:length])
        assert 0 <= caught.value.offset <= length


# ── what is malformed ────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("decode", "octets", "what"),
    [
        (decode_submit, "", "octet 0: the first octet takes 1 octets and 0 are there"),
        (decode_submit, "0400", "octet 0: the message type is 0, not that of an SMS-SUBMIT"),
        (decode_deliver, "0200", "octet 0: the message type is 2, not that of an SMS-DELIVER"),
        (decode_status_report, "0400", "octet 0: the message type is 0"),
        (decode_submit, "010015912143658709F1", "octet 2: TP-DA has 21 semi-octets"),
        (decode_submit, "0100049121FF00000161", "octet 5: a filler"),
        (decode_submit, "01000491F12100000161", "octet 4: a filler"),
        (decode_submit, "010004912143000005C834", "octet 9: TP-UD takes 5 octets and 2 are there: 3 missing"),
        (decode_submit, "0100049121430000A1" + 141 * "00", "octet 8: TP-UDL says 161 septets"),
        (decode_submit, "01000491214300048D" + 141 * "00", "octet 8: TP-UDL says 141 octets"),
        (decode_submit, "09000491214300000700000000000001C8", "octet 8: an enhanced validity period"),
        (split_smsc, "", "octet 0: SMSC length"),
        (split_smsc, "0D91", "octet 0: the SMSC has 13 octets"),
        (split_smsc, "079133", "octet 1: SMSC address takes 7 octets and 2 are there: 5 missing"),
        (split_smsc, "0391FF12", "octet 2: a filler"),
    ],
)
def test_malformed_octets(decode, octets, what):
    with pytest.raises(TpduError) as caught:
        decode(bytes.fromhex(octets))
    assert str(caught.value).startswith(what)
    assert f"octet {caught.value.offset}" == what.partition(":")[0]


@pytest.mark.parametrize(
    ("submit", "what"),
    [
        (Submit("+33612345678", 0, b"", b"x" * 161), "160 at most fit"),
        (Submit("+33612345678", 0, b"\x05\x00\x03\x01\x02\x01", b"x" * 154), "160 at most fit"),
        (Submit("+33612345678", 8, b"\x05\x00\x03\x01\x02\x01", b"x" * 135), "140 at most fit"),
        (Submit("+33612345678", 0, b"", b"\xe9"), "above 0x7f"),
        (Submit("+33612345678", 0, b"\x05\x00", b"x"), "first octet says 5, and 1 octets follow"),
        (Submit("+33612345678", 0, b"", b"x", validity_minutes=4), "the shortest that can be told is 5"),
        (Submit("+33612345678", 0, b"", b"x", 60, valid_until=DAY), "one validity"),
        (Submit("+33612345678", 0, b"", b"x", reference=256), "TP-MR is 256"),
        (Submit("+33612345678", 256, b"", b"x"), "TP-DCS is 256"),
        (Submit("+" + "1" * 21, 0, b"", b"x"), "20 digits at most"),
        (Submit("CHAPPECHAPPE", 0, b"", b"x"), "11 septets"),
        (Submit("Шапп", 0, b"", b"x"), "11 septets"),
    ],
)
def test_what_cannot_be_told(submit, what):
    with pytest.raises(TpduError, match=what) as caught:
        encode_submit(submit)
    assert caught.value.offset is None


def test_a_repr_shows_no_number_and_no_text():
    records = (
        Submit("+33612345678", 0, b"", b"secret"),
        Deliver("+33612345678", 0, b"", b"secret", DAY),
        StatusReport(1, "+33612345678", DAY, DAY, 0),
    )
    for record in records:
        assert "+336…678" in repr(record)
        assert "12345" not in repr(record)
        assert "secret" not in repr(record)


# ── what the air does ────────────────────────────────────────────────────────────────────────────────────────
def test_a_header_that_goes_beyond_the_data_costs_no_text():
    tpdu = bytearray(encode_deliver(Deliver("+33612345678", 0, b"", b"STOP", DAY)))
    tpdu[0] |= 0x40
    deliver = decode_deliver(bytes(tpdu))
    assert (deliver.udh, deliver.payload) == (b"", b"STOP")


def test_a_header_that_fills_everything_leaves_no_text():
    deliver = Deliver("+33612345678", 0, b"\x02\x70\x00", b"", DAY)
    assert decode_deliver(encode_deliver(deliver)).udh == b"\x02\x70\x00"


def test_a_record_of_a_sim_card_is_filled_up():
    submit = Submit("+33612345678", 0, b"", b"hello")
    assert decode_submit(encode_submit(submit) + b"\xff" * 60).payload == b"hello"


def test_the_reserved_message_type_is_read_as_deliver():
    tpdu = encode_deliver(Deliver("36180", 0, b"", b"hello", DAY))
    assert decode_received(bytes([tpdu[0] | 0x03]) + tpdu[1:]).payload == b"hello"


def test_the_optional_fields_of_a_report_may_be_there():
    report = StatusReport(7, "+33612345678", DAY, DAY + 3, 0x46)
    assert fields(decode_status_report(encode_status_report(report) + b"\x07\x00\x00\x01\x61")) == fields(
        report
    )


def test_an_address_may_have_any_nibble_behind_an_odd_length():
    assert decode_submit(bytes.fromhex("0100 0391 2143 0000 01 61")).destination == "+123"


def test_a_time_stamp_that_is_no_date_is_unknown():
    tpdu = encode_deliver(Deliver("36180", 0, b"", b"hello", 0.0))
    assert bytes(7) in tpdu
    assert decode_deliver(tpdu).sent_at == 0.0


# ── there and back ───────────────────────────────────────────────────────────────────────────────────────────
numbers = st.from_regex(r"\+?[0-9]{1,20}", fullmatch=True)
names = st.from_regex(r"[A-Z][A-Za-z0-9 .@]{0,9}[A-Z]", fullmatch=True)
addresses = numbers | names
moments = st.integers(946_684_800 + 50_400, 4_102_444_800 - 50_401).map(float) | st.just(0.0)
codings = st.integers(0, 255)
headers = st.binary(min_size=1, max_size=12).map(lambda rest: bytes([len(rest)]) + rest) | st.just(b"")
minutes = st.just(0) | st.integers(0, 255).map(relative_minutes)
quarters = st.integers(-56, 56)


@st.composite
def texts(draw):
    coding, udh = draw(codings), draw(headers)
    if is_packed(coding):
        payload = draw(st.binary(max_size=140)).translate(bytes(octet & 0x7F for octet in range(256)))
    else:
        payload = draw(st.binary(max_size=140 - len(udh)))
    return coding, udh, payload


@given(addresses, texts(), minutes, st.booleans(), st.integers(0, 255), st.integers(0, 255), st.booleans())
def test_submit_there_and_back(destination, text, validity, report, reference, protocol_id, reject):
    submit = Submit(destination, *text, validity, report, reference, protocol_id, reject)
    assert fields(decode_submit(encode_submit(submit))) == fields(submit)


@given(addresses, texts(), moments, st.integers(0, 255), st.booleans(), quarters)
def test_deliver_there_and_back(source, text, sent_at, protocol_id, more, zone):
    deliver = Deliver(source, *text, sent_at, protocol_id, more)
    assert fields(decode_deliver(encode_deliver(deliver, zone))) == fields(deliver)


@given(st.integers(0, 255), addresses, moments, moments, st.integers(0, 255), quarters)
def test_report_there_and_back(reference, recipient, sent_at, done_at, status, zone):
    report = StatusReport(reference, recipient, sent_at, done_at, status)
    assert fields(decode_status_report(encode_status_report(report, zone))) == fields(report)


@given(st.just("") | st.from_regex(r"\+?[0-9]{1,20}", fullmatch=True), st.binary())
def test_the_service_centre_there_and_back(smsc, tpdu):
    assert split_smsc(with_smsc(smsc, tpdu)) == (smsc, tpdu)


@given(st.binary(max_size=200), st.integers(0, 255))
def test_any_octets_are_a_tpdu_or_an_error(octets, first):
    for decode in (decode_submit, decode_deliver, decode_status_report, decode_received, split_smsc):
        for candidate in (octets, bytes([first]) + octets):
            try:
                decode(candidate)
            except TpduError as error:
                assert error.offset is not None


@of_kind("SUBMIT", "DELIVER", "STATUS-REPORT")
def test_every_octet_changed_is_a_tpdu_or_an_error(vector):
    tpdu = octets_of(vector)[1]
    for at in range(min(len(tpdu), 40)):
        for octet in (0x00, 0x7F, 0x80, 0xFF, tpdu[at] ^ 0x40, tpdu[at] ^ 0x18):
            changed = tpdu[:at] + bytes([octet]) + tpdu[at + 1 :]
            try:
                DECODERS[vector["expect"]["type"]](changed)
            except TpduError as error:
                assert error.offset is not None
