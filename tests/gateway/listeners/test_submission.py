"""submit_sm into messages: kinds, addresses, alphabets, parts, times, TLVs, and what is refused."""

import pytest
from core import account

from drivers.smpp.pdu import Command, Sm, Tag
from drivers.sms.udh import concat_header
from gateway.listeners.submission import Refused, Submissions
from gateway.model import Kind

NOW = 1_800_000_000.0


def sm(text=b"Bonjour", to=(1, 1, b"33612345678"), source=(0, 0, b"36180"), tlvs=None, **fields):
    given = {
        "service_type": b"", "esm_class": 0, "protocol_id": 0, "priority_flag": 0, "schedule_delivery_time": b"",
        "validity_period": b"", "registered_delivery": 1, "replace_if_present_flag": 0, "data_coding": 0,
        "command": Command.SUBMIT_SM,
    } | fields  # fmt: skip
    return Sm(
        given["command"], 0, 1, given["service_type"], *source, *to, given["esm_class"], given["protocol_id"],
        given["priority_flag"], given["schedule_delivery_time"], given["validity_period"],
        given["registered_delivery"], given["replace_if_present_flag"], given["data_coding"], 0, text, tlvs or {},
    )  # fmt: skip


def read(pdu, **fields):
    return Submissions(account(**fields)).read(pdu, NOW)


def status(pdu, **fields):
    with pytest.raises(Refused) as refused:
        read(pdu, **fields)
    assert refused.value.text
    return refused.value.status


@pytest.mark.parametrize(
    ("word", "kind"),
    [(b"OTP", Kind.OTP), (b"ALERT", Kind.ALERT), (b"TRANS", Kind.TRANSACTIONAL), (b"PROMO", Kind.MARKETING),
     (b"", Kind.TRANSACTIONAL), (b"CMT", Kind.TRANSACTIONAL)],
)  # fmt: skip
def test_kinds(word, kind):
    assert read(sm(service_type=word)).kind is kind


def test_a_kind_that_is_none_or_not_the_account_s():
    assert status(sm(service_type=b"WAP")) == 0x15
    assert status(sm(service_type=b"PROMO"), kinds=("otp", "transactional")) == 0x15


@pytest.mark.parametrize(
    ("to", "echoed"),
    [((1, 1, b"33612345678"), False), ((1, 1, b"+33612345678"), True), ((0, 0, b"+33612345678"), True),
     ((0, 1, b"33612345678"), True), ((1, 0, b"0033612345678"), True)],
)  # fmt: skip
def test_recipients_are_one_number_however_they_are_written(to, echoed):
    m = read(sm(to=to, source=(3, 0, b"36180")))
    assert m.destination == "+33612345678"
    assert bool(m.echo) is echoed
    if echoed:
        assert m.echo == b"%c%c%b\0\x03\x0036180\0" % to


@pytest.mark.parametrize("to", [(2, 1, b"0612345678"), (1, 1, b"12"), (5, 0, b"CHAPPE"), (1, 1, b"")])
def test_recipients_that_nobody_can_be(to):
    assert status(sm(to=to)) == 0x0B


@pytest.mark.parametrize(
    ("source", "canonical"),
    [((5, 0, b"CHAPPE"), "CHAPPE"), ((0, 0, b"CHAPPE"), "CHAPPE"), ((3, 0, b"36180"), "36180"),
     ((0, 1, b"36180"), "36180"), ((1, 1, b"33600000000"), "+33600000000"), ((0, 0, b"+33600000000"), "+33600000000"),
     ((0, 0, b""), "DEFAULT")],
)  # fmt: skip
def test_senders_are_one_form(source, canonical):
    assert read(sm(source=source), senders=("DEFAULT", "*")).source == canonical


def test_the_default_sender_is_today_s():
    shop = account(senders=("OLD",))
    submissions = Submissions(shop)
    assert submissions.read(sm(source=(0, 0, b"")), NOW).source == "OLD"
    shop.default_sender = "NEW"
    assert submissions.read(sm(source=(0, 0, b"")), NOW).source == "NEW"


def test_a_sender_that_is_no_address():
    assert status(sm(source=(5, 0, b"much too long a name"))) == 0x0A


@pytest.mark.parametrize(
    ("alphabet", "coding", "octets", "expected"),
    [
        ("gsm7", 0, b"caf\x05", (0, b"caf\x05")),
        ("gsm7", 0, b"caf\xe9", (0, b"caf\x05")),  # no GSM 03.38: Latin-1
        ("latin1", 0, b"caf\xe9 \xe7a", (8, "café ça".encode("utf-16-be"))),
        ("latin1", 0, b"caf\xe9", (0, b"caf\x05")),
        ("ascii", 0, b"a@b", (0, b"a\x00b")),
        ("gsm7", 3, b"caf\xe9", (0, b"caf\x05")),
        ("gsm7", 1, b"a_b", (0, b"a\x11b")),
        ("gsm7", 8, "é😀".encode("utf-16-be"), (8, "é😀".encode("utf-16-be"))),
        ("gsm7", 4, b"\x00\xff", (4, b"\x00\xff")),
        ("gsm7", 0xF0, b"abc", (0xF0, b"abc")),
    ],
)
def test_texts_are_gsm_or_ucs2_inside(alphabet, coding, octets, expected):
    m = read(sm(octets, data_coding=coding), default_alphabet=alphabet)
    assert (m.data_coding, m.payload) == expected


def test_smart_encoding_saves_ucs2():
    m = read(sm("l’été…".encode("utf-16-be"), data_coding=8), smart_encoding=True)
    assert m.data_coding == 0


def test_parts_are_counted_and_limited():
    long = {Tag.MESSAGE_PAYLOAD: b"a" * 400}
    assert read(sm(b"", tlvs=long)).parts == 3
    assert read(sm(b"", tlvs={Tag.MESSAGE_PAYLOAD: b"a" * 160})).parts == 1
    assert status(sm(b"", tlvs=long), max_segments=2) == 0x01
    assert status(sm(b"too", tlvs=long)) == 0x01


def test_the_consent_that_marketing_rests_on():
    assert read(sm(tlvs={Tag.CONSENT_REFERENCE: "formulaire-é".encode()})).consent == "formulaire-é"
    assert read(sm(tlvs={Tag.CAMPAIGN_TAG: b"promo"})).consent == ""
    assert status(sm(tlvs={Tag.CONSENT_REFERENCE: b"a" * 129})) == 0xC2
    assert status(sm(tlvs={Tag.CONSENT_REFERENCE: b"\xff"})) == 0xC4


def test_a_header_makes_a_group():
    header = concat_header(7, 3, 2)
    m = read(sm(header + b"abc", esm_class=0x40))
    assert (m.udh, m.payload, m.parts) == (header, b"abc", 1)
    assert m.group == "36180 +33612345678 7 3"
    assert read(sm(concat_header(7, 1, 1) + b"abc", esm_class=0x40)).group == ""
    assert status(sm(b"", esm_class=0x40)) == 0x43


def test_sar_is_the_same_as_a_header():
    sar = {Tag.SAR_MSG_REF_NUM: b"\x01\x07", Tag.SAR_TOTAL_SEGMENTS: b"\x03", Tag.SAR_SEGMENT_SEQNUM: b"\x02"}
    m = read(sm(b"abc", tlvs=sar))
    assert m.udh == concat_header(0x107, 3, 2, wide=True)
    assert m.group.endswith(" 263 3")
    del sar[Tag.SAR_TOTAL_SEGMENTS]
    assert read(sm(b"abc", tlvs=sar)).udh == b""
    both = {
        Tag.SAR_MSG_REF_NUM: b"\x01\x07",
        Tag.SAR_TOTAL_SEGMENTS: b"\x03",
        Tag.SAR_SEGMENT_SEQNUM: b"\x02",
    }
    assert read(sm(concat_header(9, 2, 1) + b"a", esm_class=0x40, tlvs=both)).udh == concat_header(9, 2, 1)


def test_times():
    m = read(sm())
    assert (m.due, m.expires) == (0, int((NOW + 48 * 3600) * 1000))
    later = read(sm(schedule_delivery_time=b"000000010000000R", validity_period=b"000000020000000R"))
    assert (later.due, later.expires) == (int((NOW + 3600) * 1000), int((NOW + 7200) * 1000))
    assert status(sm(schedule_delivery_time=b"tomorrow")) == 0x61
    assert status(sm(validity_period=b"tomorrow")) == 0x62
    assert status(sm(validity_period=b"200101000000000+")) == 0x62
    late = {"schedule_delivery_time": b"000000020000000R", "validity_period": b"000000010000000R"}
    assert status(sm(**late)) == 0x62


def test_tlvs_and_their_limits():
    tlvs = {
        Tag.CLIENT_REFERENCE: b"r" * 64,
        Tag.CAMPAIGN_TAG: "été".encode(),
        Tag.USER_MESSAGE_REFERENCE: b"\x01\x02",
    }
    m = read(sm(tlvs=tlvs))
    assert (m.reference, m.tag, m.user_reference) == ("r" * 64, "été", 0x102)
    for tag, most in ((Tag.CLIENT_REFERENCE, 64), (Tag.CAMPAIGN_TAG, 64), (Tag.CONSENT_REFERENCE, 128)):
        assert status(sm(tlvs={tag: b"x" * (most + 1)})) == 0xC2
    assert status(sm(tlvs={Tag.CAMPAIGN_TAG: b"\xff"})) == 0xC4


def test_the_rest():
    assert read(sm(priority_flag=9)).priority == 3
    assert read(sm(registered_delivery=0x11)).registered == 0x11
    assert status(sm(replace_if_present_flag=1)) == 0x54
    assert read(sm(b"", tlvs={Tag.MESSAGE_PAYLOAD: b"hi"}, command=Command.DATA_SM)).payload == b"hi"
    assert status(sm(b"", command=Command.DATA_SM)) == 0xC3
