"""The codec against the PDU vectors, against itself by generated and damaged PDUs."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from records import fields

from drivers.smpp import bodies, codec
from drivers.smpp.pdu import (
    NO_TLVS,
    RESPONSE,
    BadPdu,
    Command,
    CommandStatus,
    Response,
    Sm,
    SubmitMulti,
    Tag,
    UnknownPdu,
)

ITEMS = json.loads((Path(__file__).parents[2] / "vectors/pdus.json").read_text())["items"]
STRINGS = {  # where the vectors' name of a field is not the record's
    "alert_notification": {},
    "bind_transceiver_resp": {"system_id": "message_id"},
    "bind_transmitter_resp": {"system_id": "message_id"},
}
NOT_KEPT = {"sm_length", "number_of_dests"}  # counted again when they are needed


def of(*outcomes):
    items = [item for item in ITEMS if item["expect"]["outcome"] in outcomes]
    assert items
    return pytest.mark.parametrize("item", items, ids=[item["id"] for item in items])


def octets(item):
    return bytes.fromhex(item["hex"])


def slots(pdu):
    values = fields(pdu)
    if isinstance(pdu, SubmitMulti):
        values["sm"] = slots(pdu.sm)
    return type(pdu), values


def expected_value(name, value):
    if name == "short_message":
        return bytes.fromhex(value)
    if name == "dest_addresses":
        return [(d["ton"], d["npi"], d["addr"].encode("latin-1")) for d in value]
    return value.encode("latin-1") if isinstance(value, str) else value


def actual_value(pdu, command, name):
    if command == "query_sm_resp":
        parts = ("message_id", "final_date", "message_state", "error_code")
        return codec.query_result(pdu)[parts.index(name)]
    if name == "dest_addresses":
        return pdu.destinations
    if isinstance(pdu, SubmitMulti):
        pdu = pdu.sm
    return getattr(pdu, STRINGS.get(command, {}).get(name, name))


def test_every_outcome_of_the_vectors_has_a_test():
    outcomes = {item["expect"]["outcome"] for item in ITEMS}
    assert outcomes == {"pdu", "need_more", "bad_length", "unknown_command", "bad_body"}
    assert len(ITEMS) == 111


@of("pdu")
def test_vectors_that_decode(item):
    expect = item["expect"]
    pdus, consumed = codec.decode(octets(item))
    assert len(pdus) == 1
    assert octets(item)[consumed:].hex() == expect.get("rest_hex", "")
    pdu = pdus[0]
    assert (pdu.command_id, pdu.sequence_number) == (int(expect["command_id"], 16), expect["sequence_number"])
    statuses = {s for reply in expect.get("action", {}).get("replies", []) for s in reply["status_any_of"]}
    if isinstance(pdu, BadPdu):  # it decodes, and breaks a limit: the answer must be one of the item's
        assert CommandStatus(pdu.status).name in statuses
        assert pdu.kept is not None
        pdu = pdu.kept
    elif expect.get("over_long") and item["role"] == "server":
        assert "ESME_ROK" in statuses
    assert pdu.command_status == expect["command_status"]
    if isinstance(pdu, UnknownPdu):
        assert expect["command"].startswith("broadcast")
        return
    for name, value in expect["fields"].items():
        if name not in NOT_KEPT:
            assert actual_value(pdu, expect["command"], name) == expected_value(name, value), name
    first = {}
    for tlv in expect["tlvs"]:
        first.setdefault(int(tlv["tag"], 16), bytes.fromhex(tlv["hex"]))
    tlvs = pdu.sm.tlvs if isinstance(pdu, SubmitMulti) else getattr(pdu, "tlvs", NO_TLVS)
    assert tlvs == first
    if "tail" in expect:
        assert pdu.tail.hex() == expect["tail"].split(": ")[1]
    else:
        assert pdu.tail == b""
    if expect.get("derived", {}).get("text_octets_hex") and "udh" not in expect["derived"]:
        text = pdu.sm.user_data() if isinstance(pdu, SubmitMulti) else pdu.user_data()
        assert text.hex() == expect["derived"]["text_octets_hex"]


@of("need_more")
def test_vectors_that_wait(item):
    assert codec.decode(octets(item)) == ([], 0)


@of("bad_length")
def test_vectors_that_lose_the_stream(item):
    with pytest.raises(codec.BrokenFraming) as broken:
        codec.decode(octets(item))
    assert broken.value.status == CommandStatus.ESME_RINVCMDLEN
    for reply in item["expect"]["action"]["replies"]:
        assert broken.value.sequence in reply["sequence_any_of"]


@of("unknown_command")
def test_vectors_of_unknown_commands(item):
    (pdu,), consumed = codec.decode(octets(item))
    assert type(pdu) is UnknownPdu
    assert (pdu.command_id, consumed) == (int(item["expect"]["command_id"], 16), 16)


@of("bad_body")
def test_vectors_with_a_bad_body(item):
    expect = item["expect"]
    pdu = codec.decode(octets(item))[0][0]
    assert (pdu.command_id, pdu.sequence_number) == (int(expect["command_id"], 16), expect["sequence_number"])
    if pdu.command_id & RESPONSE:  # a request of ours must not stay pending for its sake
        assert (type(pdu), pdu.command_status) == (Response, expect["command_status"])
        return
    assert type(pdu) is BadPdu
    assert CommandStatus(pdu.status).name in expect["action"]["replies"][0]["status_any_of"]
    assert expect["error"].split()[0] in pdu.reason  # the field is named


def test_a_cut_deliver_sm_keeps_its_octets():
    item = next(item for item in ITEMS if item["id"] == "p119")
    (pdu,), _ = codec.decode(octets(item))
    assert pdu.kept.short_message == bytes.fromhex("c1e1e9edf3faf1fc")


def test_good_pdus_before_a_bad_length_are_not_lost():
    link = codec.header(16, Command.ENQUIRE_LINK, 0, 7)
    stream = link * 2 + bytes(16)
    pdus, consumed = codec.decode(stream)
    assert (len(pdus), consumed) == (2, 32)
    with pytest.raises(codec.BrokenFraming):
        codec.decode(stream, consumed)


@pytest.mark.parametrize("length", [0, 15, 65537, 0xFFFFFFFF])
def test_a_bad_length_is_known_from_four_octets(length):
    with pytest.raises(codec.BrokenFraming, match=str(length)):
        codec.decode(length.to_bytes(4))
    assert codec.decode(length.to_bytes(4)[:3]) == ([], 0)


def test_limits_hold_for_applications_and_not_for_carriers():
    long_source = codec.address(1, 1, b"1" * 21)
    body = codec.sm_body(long_source, codec.address(1, 1, b"33612345678"), b"hi")
    (submit, deliver), _ = codec.decode(codec.frame(4, 1, body) + codec.frame(5, 2, body))
    assert (type(submit), submit.status) == (BadPdu, CommandStatus.ESME_RINVSRCADR)
    assert (type(deliver), deliver.source_addr) == (Sm, b"1" * 21)


@pytest.mark.parametrize(
    ("service", "source", "destination", "status"),
    [
        (5, 20, 20, None),
        (0, 0, 1, None),
        (6, 20, 20, CommandStatus.ESME_RINVSERTYP),
        (5, 21, 20, CommandStatus.ESME_RINVSRCADR),
        (5, 20, 21, CommandStatus.ESME_RINVDSTADR),
        (5, 20, 0, CommandStatus.ESME_RINVDSTADR),
    ],
)
def test_each_limit_of_submit_sm_to_the_octet(service, source, destination, status):
    ends = codec.address(1, 1, b"1" * source), codec.address(1, 1, b"2" * destination)
    (pdu,), _ = codec.decode(codec.frame(4, 1, codec.sm_body(*ends, b"hi", b"s" * service)))
    assert getattr(pdu, "status", None) == status


@pytest.mark.parametrize(
    ("schedule", "validity", "status"),
    [
        (b"", b"", None),
        (b"260101000000000+", b"", None),
        (b"", b"000000003000000R", None),
        (b"260101000000000+", b"000000003000000R", None),
        (b"2601", b"", CommandStatus.ESME_RINVSCHED),
        (b"", b"2601", CommandStatus.ESME_RINVEXPIRY),
        (b"260101000000000+", b"000000003000000R+", CommandStatus.ESME_RINVEXPIRY),
    ],
)
def test_times_have_sixteen_octets_or_none(schedule, validity, status):
    ends = codec.address(1, 1, b"1"), codec.address(1, 1, b"2")
    times = {"schedule_delivery_time": schedule, "validity_period": validity}
    (pdu,), _ = codec.decode(codec.frame(4, 1, codec.sm_body(*ends, b"hi", data_coding=8, **times)))
    sm = pdu
    if status is not None:
        assert pdu.status == status
        sm = pdu.kept
    assert (sm.schedule_delivery_time, sm.validity_period) == (schedule, validity)
    assert (sm.data_coding, sm.short_message) == (8, b"hi")


@pytest.mark.parametrize("cut", range(39))
def test_a_submit_sm_cut_anywhere_is_refused_and_reads_nothing_of_the_next(cut):
    body = codec.sm_body(codec.address(5, 0, b"CHAPPE"), codec.address(1, 1, b"33612345678"), b"hello")
    assert len(body) == 39
    following = codec.header(16, Command.ENQUIRE_LINK, 0, 9)
    pdus, _ = codec.decode(codec.frame(4, 1, body[:cut]) + following)
    assert [type(pdu).__name__ for pdu in pdus] == ["BadPdu", "Plain"]
    assert pdus[0].status in {0x01, 0x02, 0x0A, 0x0B, 0x15, 0x61, 0x62}


@pytest.mark.parametrize(
    ("body", "message_id", "tlvs", "tail"),
    [
        (b"", b"", {}, b""),
        (b"\0", b"", {}, b""),
        (b"abc\0", b"abc", {}, b""),
        (b"abc", b"abc", {}, b""),
        (b"abc\0\0", b"abc", {}, b"\0"),
        (b"abc\0\x04\x23\x00\x01\x03", b"abc", {Tag.NETWORK_ERROR_CODE: b"\3"}, b""),
        (b"abc\0\x04\x23\x00\x01\x03\x04\x24\x00\x09x", b"abc", {0x0423: b"\3"}, b"\x04\x24\x00\x09x"),
        (b"\0\x04\x23\x00\x01\x01\x04\x23\x00\x01\x02", b"", {Tag.NETWORK_ERROR_CODE: b"\1"}, b""),
    ],
)
def test_responses_are_read_leniently(body, message_id, tlvs, tail):
    raw = codec.header(16 + len(body), Command.SUBMIT_SM_RESP, 0, 5) + body
    (pdu,), _ = codec.decode(raw)
    assert (pdu.message_id, pdu.tlvs, pdu.tail, pdu.body) == (message_id, tlvs, tail, body)
    assert codec.encode(pdu) == raw


octet = st.integers(0, 255)
text = st.binary(max_size=20).map(lambda value: value.replace(b"\0", b"0"))
time16 = st.sampled_from([b"", b"260101000000000+", b"000000003000000R"])
tlvs = st.dictionaries(st.integers(0, 0xFFFF), st.binary(max_size=30), max_size=4)
messages = st.builds(
    Sm,
    st.sampled_from([4, 5]),
    st.just(0),
    st.integers(0, 0xFFFFFFFF),
    text.map(lambda value: value[:5]),
    octet,
    octet,
    text,
    octet,
    octet,
    text.filter(bool),
    octet,
    octet,
    octet,
    time16,
    time16,
    octet,
    octet,
    octet,
    octet,
    st.binary(max_size=255),
    tlvs,
)


@given(st.lists(messages, min_size=1, max_size=4))
def test_encode_then_decode_is_the_same(batch):
    stream = b"".join(map(codec.encode, batch))
    pdus, consumed = codec.decode(stream)
    assert consumed == len(stream)
    assert [slots(pdu) for pdu in pdus] == [slots(pdu) for pdu in batch]


@given(messages)
def test_the_straight_line_reads_what_the_field_by_field_reader_reads(sm):
    raw = codec.encode(sm)
    slow = bodies.decode_body(sm.command_id, 0, sm.sequence_number, raw[16:])
    assert slots(codec.decode(raw)[0][0]) == slots(slow)


@given(messages, st.data())
def test_both_readers_agree_on_damaged_bodies(sm, data):
    body = bytearray(codec.encode(sm)[16:])
    place = data.draw(st.integers(0, len(body) - 1))
    body[place] = data.draw(octet)
    damaged = bytes(body[: data.draw(st.integers(place, len(body)))])
    fast = codec.decode(codec.frame(sm.command_id, 1, damaged))[0][0]
    slow = bodies.decode_body(sm.command_id, 0, 1, damaged)
    if isinstance(fast, BadPdu):
        assert (fast.status, fast.reason) == (slow.status, slow.reason)
    else:
        assert slots(fast) == slots(slow)


@given(st.sampled_from(sorted(Command)), st.binary(max_size=80))
@example(Command.SUBMIT_MULTI, b"\0\0\0\0\xff")
def test_no_body_makes_decode_raise(command_id, body):
    pdus, consumed = codec.decode(codec.header(16 + len(body), command_id, 0, 1) + body)
    assert (len(pdus), consumed) == (1, 16 + len(body))
    assert pdus[0].command_id == command_id
