"""deliver_sm and data_sm as the gateway's facts."""

from dataclasses import replace

import pytest

from drivers.bearer import Inbound, MessageState, Receipt, Status
from drivers.smpp import codec
from drivers.smpp.bodies import decode_body
from drivers.smpp.dialect import STANDARD
from drivers.smpp.ids import Learner
from drivers.smpp.inbound import Reader
from drivers.smpp.pdu import Command, Tag
from drivers.sms.udh import concat_header

NOW = 1_700_000_000.0
TEXT = b"id:0059113978 sub:001 dlvrd:001 submit date:2501011200 done date:2501011201 stat:%b err:%b text:hi"
CONCAT = concat_header(7, 2, 1)
SAR = {Tag.SAR_MSG_REF_NUM: b"\x01\x02", Tag.SAR_TOTAL_SEGMENTS: b"\x03", Tag.SAR_SEGMENT_SEQNUM: b"\x02"}


def deliver(text=b"", esm_class=0, data_coding=0, source=(1, 1, b"33612345678"), to=(3, 0, b"36180"), **more):
    tlvs = b"".join(codec.tlv(tag, value) for tag, value in more.get("tlvs", {}).items())
    body = codec.sm_body(
        codec.address(*source),
        codec.address(*to),
        text,
        esm_class=esm_class,
        data_coding=data_coding,
        tlvs=tlvs,
    )
    return decode_body(Command.DELIVER_SM, 0, 1, body)


def read(*sms, default="gsm7", dialect=STANDARD, learner=None):
    events = []
    Reader(default, learner or Learner(), dialect).read(sms, NOW, events)
    return events


def one(*arguments, default="gsm7", **more):
    (event,) = read(deliver(*arguments, **more), default=default)
    return event


# ── receipts ─────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("esm_class", [0x04, 0x44, 0x07])
def test_a_receipt(esm_class):
    receipt = one(TEXT % (b"DELIVRD", b"000"), esm_class)
    assert isinstance(receipt, Receipt)
    assert (receipt.carrier_id, receipt.state, receipt.final) == ("0059113978", MessageState.DELIVERED, True)
    assert receipt.keys == ["59113978", "38601fa", str(0x59113978)]
    assert (receipt.recipient, receipt.code, receipt.matched) == ("+33612345678", "000", -1)
    assert receipt.done_at == 1_735_732_860.0
    assert receipt.raw == TEXT % (b"DELIVRD", b"000")


@pytest.mark.parametrize(
    ("stat", "state", "final"),
    [
        (b"UNDELIV", MessageState.UNDELIVERABLE, True),
        (b"EXPIRED", MessageState.EXPIRED, True),
        (b"ACCEPTD", MessageState.ACCEPTED, False),
        (b"UNKNOWN", MessageState.UNKNOWN, False),
        (b"ENROUTE", MessageState.ENROUTE, False),
    ],
)
def test_states_by_the_dialect(stat, state, final):
    receipt = one(TEXT % (stat, b"001"), 0x04)
    assert (receipt.state, receipt.final, receipt.code) == (state, final, "001")


def test_the_dialect_may_call_accepted_final():
    dialect = replace(STANDARD, final=STANDARD.final | {MessageState.ACCEPTED})
    (receipt,) = read(deliver(TEXT % (b"ACCEPTD", b"000"), 0x04), dialect=dialect)
    assert receipt.final


def test_an_intermediate_notice_is_never_final():
    assert one(TEXT % (b"DELIVRD", b"000"), 0x20).final is False


def test_an_unmapped_word_is_unknown_not_final_and_told_at_powers_of_two():
    events = read(*[deliver(TEXT % (b"WHATEVER", b"000"), 0x04)] * 5)
    receipts = [event for event in events if isinstance(event, Receipt)]
    remarks = [event.fields for event in events if isinstance(event, Status)]
    assert [(r.state, r.final) for r in receipts] == [(MessageState.UNKNOWN, False)] * 5
    assert [remark["count"] for remark in remarks] == [1, 2, 4]
    assert remarks[0] | {"count": 0} == {"reason": "receipt.state_unknown", "stat": "WHATEVER", "count": 0}


def test_tlvs_alone_make_a_receipt():
    receipt = one(
        b"", 0x04,
        tlvs={Tag.RECEIPTED_MESSAGE_ID: b"abc\0", Tag.MESSAGE_STATE: b"\x05", 0x0423: b"\x03\x00\x01"},
    )  # fmt: skip
    assert (receipt.carrier_id, receipt.state, receipt.final) == ("abc", MessageState.UNDELIVERABLE, True)
    assert (receipt.code, receipt.done_at) == ("3/1", 0.0)


def test_a_receipt_from_an_address_nobody_can_read_has_no_recipient():
    assert one(TEXT % (b"DELIVRD", b"000"), 0x04, source=(2, 1, b"0612345678")).recipient == ""


def test_text_like_a_receipt_is_a_persons_unless_the_carrier_forgets_esm_class():
    sm = deliver(TEXT % (b"DELIVRD", b"000"))
    assert isinstance(read(sm)[0], Inbound)
    forgetful = replace(STANDARD, unflagged=True)
    assert isinstance(read(sm, dialect=forgetful)[0], Receipt)
    assert isinstance(read(deliver(b"Bonjour"), dialect=forgetful)[0], Inbound)


def test_a_matched_receipt_teaches_which_key_to_try_first():
    learner = Learner()
    reader = Reader("gsm7", learner)
    for _ in range(Learner.SURE):
        events = []
        reader.read([deliver(TEXT % (b"DELIVRD", b"000"), 0x04)], NOW, events)
        events[0].matched = events[0].keys.index("38601fa")
        reader.learn(events)
    assert learner.candidates("0059113978")[0] == "38601fa"


def test_an_unmatched_receipt_teaches_nothing():
    learner = Learner()
    events = read(*[deliver(TEXT % (b"DELIVRD", b"000"), 0x04)] * 9, learner=learner)
    Reader("gsm7", learner).learn(events)
    assert learner.learnt == "text"


# ── from handsets ────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("esm_class", "user_ack"), [(0x00, False), (0x10, True), (0x08, False)])
def test_a_short_message(esm_class, user_ack):
    inbound = one(b"STOP", esm_class)
    assert isinstance(inbound, Inbound)
    assert (inbound.source, inbound.destination) == ("+33612345678", "36180")
    assert (inbound.data_coding, inbound.udh, inbound.payload) == (0, b"", b"STOP")
    assert (inbound.received_at, inbound.raw, inbound.user_ack) == (NOW, b"STOP", user_ack)


@pytest.mark.parametrize(("text", "esm_class"), [(b"x", 0x18), (b"x", 0x30), (b"", 0x08)])
def test_what_has_no_words_is_remarked_only(text, esm_class):
    assert isinstance(one(text, esm_class), Status)


def test_a_header_is_split_off():
    inbound = one(CONCAT + b"part", 0x40)
    assert (inbound.udh, inbound.payload, inbound.raw) == (CONCAT, b"part", CONCAT + b"part")


def test_a_header_longer_than_the_text_costs_nothing():
    inbound = one(b"\x7fab", 0x40)
    assert (inbound.udh, inbound.payload) == (b"", b"\x7fab")


def test_sar_becomes_a_header():
    inbound = one(b"part", tlvs=SAR)
    assert (inbound.udh, inbound.payload) == (concat_header(0x0102, 3, 2, wide=True), b"part")


@pytest.mark.parametrize("missing", list(SAR))
def test_sar_needs_all_three(missing):
    assert one(b"part", tlvs={tag: value for tag, value in SAR.items() if tag != missing}).udh == b""


def test_the_header_wins_over_sar():
    assert one(CONCAT + b"part", 0x40, tlvs=SAR).udh == CONCAT


def test_a_message_payload():
    assert one(b"", tlvs={Tag.MESSAGE_PAYLOAD: b"long"}).payload == b"long"


@pytest.mark.parametrize(
    ("default", "octets", "data_coding", "payload"),
    [
        ("gsm7", b"\x00 \x05", 0, b"\x00 \x05"),
        ("gsm7", b"caf\xe9", 0, b"caf\x05"),
        ("gsm7", b"\xeatre", 8, "être".encode("utf-16-be")),
        ("latin1", b"a@b_\xe9", 0, b"a\x00b\x11\x05"),
        ("latin1", b"\xeatre", 8, "être".encode("utf-16-be")),
        ("latin1", b"STOP\0", 0, b"STOP"),
        ("ascii", b"$5", 0, b"\x025"),
    ],
)
def test_the_carriers_data_coding_0_becomes_gsm(default, octets, data_coding, payload):
    inbound = one(octets, default=default)
    assert (inbound.data_coding, inbound.payload, inbound.raw) == (data_coding, payload, octets)


@pytest.mark.parametrize(
    ("data_coding", "octets", "payload"),
    [
        (0, b"STOP\0", b"STOP\0"),  # an "@"
        (1, b"STOP\0", b"STOP"),
        (3, b"STOP\0\0", b"STOP"),
        (8, b"\0S\0\0", b"\0S"),
        (8, b"\0S\0", b"\0S"),
        (8, b"\x01\0", b"\x01\0"),
        (8, b"\0\0", b""),
        (4, b"\1\0", b"\1\0"),
    ],
)
def test_a_nul_at_the_end_of_a_text_goes(data_coding, octets, payload):
    assert one(octets, data_coding=data_coding).payload == payload


@pytest.mark.parametrize(
    ("source", "to", "sender", "recipient"),
    [
        ((1, 1, b"+33612345678"), (0, 0, b"36180"), "+33612345678", "36180"),
        ((2, 1, b"0612345678"), (5, 0, b"CHAPPE"), "0612345678", "CHAPPE"),
        ((5, 0, b"Orange Info 123456"), (3, 0, b""), "Orange Info 123456", ""),
    ],
)
def test_addresses_are_canonical_or_as_written(source, to, sender, recipient):
    inbound = one(b"hi", source=source, to=to)
    assert (inbound.source, inbound.destination) == (sender, recipient)


def test_order_is_kept():
    events = read(deliver(b"one"), deliver(TEXT % (b"DELIVRD", b"000"), 4), deliver(b"two"))
    assert [type(event).__name__ for event in events] == ["Inbound", "Receipt", "Inbound"]
