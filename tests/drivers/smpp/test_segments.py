"""What a carrier's settings make of a segment, read back by the codec."""

import pytest

from drivers.bearer import Remedy, Segment
from drivers.smpp import codec
from drivers.smpp.bodies import decode_body
from drivers.smpp.pdu import Command, Tag
from drivers.smpp.segments import Encoder
from drivers.smpp.settings import Settings
from drivers.sms.alphabet import encode_gsm7
from drivers.sms.udh import concat_header

NOW = 1_700_000_000.0
CONCAT = concat_header(0x12, 3, 2)
PORTS = b"\x0b\x00\x03\x12\x03\x02\x05\x04\x15\x81\x00\x00"


def segment(payload=b"hello", **changes):
    fields = {
        "id": 1, "part": -1, "source": "CHAPPE", "destination": "+33612345678", "data_coding": 0, "udh": b"",
        "payload": payload, "expires": 0.0, "want_receipt": True, "priority": 0, "context": None,
    }  # fmt: skip
    return Segment(**{**fields, **changes})


def encoder(**changes):
    return Encoder(Settings(host="smsc", port=2775, system_id="shop", password="secret", **changes))


def sent(one, **changes):
    """The segment as the SMSC reads it."""
    return decode_body(Command.SUBMIT_SM, 0, 1, encoder(**changes).body(one, NOW))


def refusal(one, **changes):
    bodies, fitting, refused = encoder(**changes).bodies([one, segment()], NOW)
    assert (len(bodies), len(fitting), len(refused)) == (1, 1, 1)
    assert refused[0].segment is one
    assert refused[0].remedy is Remedy.GIVE_UP
    return refused[0].text


def test_a_plain_segment():
    sm = sent(segment(priority=2))
    assert (sm.source_addr_ton, sm.source_addr_npi, sm.source_addr) == (5, 0, b"CHAPPE")
    assert (sm.dest_addr_ton, sm.dest_addr_npi, sm.destination_addr) == (1, 1, b"33612345678")
    assert (sm.short_message, sm.data_coding, sm.esm_class, sm.tlvs) == (b"hello", 0, 0, {})
    assert (sm.registered_delivery, sm.priority_flag, sm.protocol_id) == (1, 2, 0)
    assert (sm.service_type, sm.validity_period, sm.schedule_delivery_time) == (b"", b"", b"")


def test_service_type_is_the_settings():
    assert sent(segment(), service_type="CMT").service_type == b"CMT"


@pytest.mark.parametrize(
    ("source", "setting", "ton", "npi", "octets"),
    [
        ("+33700000000", "auto", 1, 1, b"33700000000"),
        ("36180", "auto", 3, 0, b"36180"),
        ("CHAPPE", "auto", 5, 0, b"CHAPPE"),
        ("", "auto", 0, 0, b""),
        ("36180", "0/1", 0, 1, b"36180"),
        ("CHAPPE", "5/1", 5, 1, b"CHAPPE"),
    ],
)
def test_source_ton_and_npi(source, setting, ton, npi, octets):
    sm = sent(segment(source=source), source_ton_npi=setting)
    assert (sm.source_addr_ton, sm.source_addr_npi, sm.source_addr) == (ton, npi, octets)


@pytest.mark.parametrize(
    ("expires", "field"),
    [
        (0.0, b""),
        (NOW + 90, b"000000000130000R"),
        (NOW + 90.9, b"000000000130000R"),
        (NOW + 2 * 86_400 + 3_600, b"000002010000000R"),
        (NOW - 5, b"000000000001000R"),
        (NOW + 90 * 86_400, b"000031235959000R"),
    ],
)
def test_the_remaining_validity(expires, field):
    assert sent(segment(expires=expires)).validity_period == field


def test_the_cached_validity_is_that_of_the_remaining_time():
    one = encoder()
    for now in (NOW, NOW + 10, NOW):
        body = one.body(segment(expires=NOW + 90), now)
        sm = decode_body(Command.SUBMIT_SM, 0, 1, body)
        assert sm.validity_period == b"00000000%02d%02d000R" % divmod(NOW + 90 - now, 60)


@pytest.mark.parametrize(
    ("receipts", "want", "udh", "asked"),
    [
        ("all-segments", True, b"", 1),
        ("all-segments", True, CONCAT, 1),
        ("all-segments", False, b"", 0),
        ("last-segment", True, b"", 1),
        ("last-segment", True, CONCAT, 0),
        ("last-segment", True, concat_header(1, 3, 3), 1),
        ("last-segment", True, concat_header(1, 3, 3, wide=True), 1),
        ("last-segment", True, concat_header(1, 3, 2, wide=True), 0),
        ("last-segment", True, b"\x06\x05\x04\x15\x81\x00\x00", 1),
        ("last-segment", False, b"", 0),
        ("none", True, b"", 0),
    ],
)
def test_which_segments_ask_for_a_receipt(receipts, want, udh, asked):
    sm = sent(segment(udh=udh, want_receipt=want), receipts=receipts)
    assert sm.registered_delivery == asked


def test_a_header_goes_before_the_text():
    sm = sent(segment(udh=CONCAT))
    assert (sm.esm_class, sm.short_message) == (0x40, CONCAT + b"hello")


@pytest.mark.parametrize("udh", [concat_header(0x12, 3, 2), concat_header(0x12, 3, 2, wide=True)])
def test_sar_takes_the_place_of_the_header(udh):
    sm = sent(segment(udh=udh), long_messages="sar")
    assert (sm.esm_class, sm.short_message) == (0, b"hello")
    assert sm.tlvs == {
        Tag.SAR_MSG_REF_NUM: b"\x00\x12",
        Tag.SAR_TOTAL_SEGMENTS: b"\x03",
        Tag.SAR_SEGMENT_SEQNUM: b"\x02",
    }


def test_a_header_with_more_than_concatenation_stays_under_sar():
    sm = sent(segment(udh=PORTS), long_messages="sar")
    assert (sm.esm_class, sm.short_message, sm.tlvs) == (0x40, PORTS + b"hello", {})


@pytest.mark.parametrize(
    ("length", "data_coding", "as_payload"),
    [(160, 0, False), (161, 0, True), (140, 8, False), (142, 8, True), (1000, 0, True), (160, 4, True)],
)
def test_payload_mode_uses_message_payload_for_what_no_short_message_holds(length, data_coding, as_payload):
    text = b"\0" * length
    sm = sent(segment(text, data_coding=data_coding), long_messages="payload")
    assert (sm.short_message, sm.tlvs) == ((b"", {Tag.MESSAGE_PAYLOAD: text}) if as_payload else (text, {}))


def test_a_part_too_long_for_short_message_is_refused_and_the_others_go():
    assert "255" in refusal(segment(b"x" * 256))
    assert "64000" in refusal(segment(b"x" * 64_001), long_messages="payload")


@pytest.mark.parametrize(
    ("alphabet", "text", "data_coding", "octets"),
    [
        ("gsm7", "@ é", 0, b"\x00 \x05"),
        ("latin1", "@_é", 0, "@_é".encode("latin-1")),
        ("latin1", "5 €", 8, "5 €".encode("utf-16-be")),
        ("latin1", "[ok]", 0, b"[ok]"),
        ("ascii", "@_$", 0, b"@_$"),
        ("ascii", "été", 8, "été".encode("utf-16-be")),
    ],
)
def test_data_coding_0_in_the_carriers_alphabet(alphabet, text, data_coding, octets):
    sm = sent(segment(encode_gsm7(text)), default_alphabet=alphabet)
    assert (sm.data_coding, sm.short_message) == (data_coding, octets)


def test_other_codings_are_left_alone():
    sm = sent(segment("é€".encode("utf-16-be"), data_coding=8), default_alphabet="latin1")
    assert (sm.data_coding, sm.short_message) == (8, "é€".encode("utf-16-be"))


def test_a_part_that_grows_over_a_short_message_is_refused_with_the_reason():
    text = encode_gsm7("€" + "a" * 70)
    assert "latin1" in refusal(segment(text), default_alphabet="latin1")
    assert sent(segment(text), default_alphabet="latin1", long_messages="payload").data_coding == 8
    fits = encode_gsm7("€" + "a" * 66)
    assert sent(segment(fits, udh=CONCAT), default_alphabet="latin1").data_coding == 8
    assert "140" in refusal(segment(fits + b"a", udh=CONCAT), default_alphabet="latin1")


def test_a_source_with_no_octets_is_refused():
    assert "sender name" in refusal(segment(source="ΔΣ"))
    assert "20" in refusal(segment(source="X" * 21))


def test_many_sources_do_not_fill_the_memory():
    one = encoder()
    for number in range(10_000):
        one.body(segment(source=f"S{number}"), NOW)
        one.body(segment(expires=NOW + number), NOW)
    assert len(one._sources) <= 4096
    assert len(one._validities) <= 4096
    assert codec.address(5, 0, b"S9999") == one._sources["S9999"]
