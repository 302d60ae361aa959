import json
from pathlib import Path

import pytest

from drivers.modem.inbox import Inbox, digest, not_a_reply
from drivers.sms.tpdu import Deliver, decode_deliver, encode_deliver, split_smsc

VECTORS = {
    vector["id"]: vector
    for vector in json.loads((Path(__file__).parents[2] / "vectors" / "sms-tpdu.json").read_text("utf-8"))[
        "vectors"
    ]
    if vector["expect"]["type"] == "DELIVER"
}
IMSI = "208150000000001"
NOW = 1_795_342_800.0


def mo(text=b"STOP", coding=0, udh=b"", pid=0, source="+33612345678", at=NOW):
    return Deliver(source, coding, udh, text, at, pid)


def name(deliver, imsi=IMSI):
    return digest(imsi, encode_deliver(deliver), deliver)


# ── seen before ──────────────────────────────────────────────────────────────────────────────────────────────
def test_the_same_message_has_the_same_name_whether_others_wait_or_not():
    deliver = mo()
    again = Deliver("+33612345678", 0, b"", b"STOP", NOW, more=True)
    assert name(deliver) == name(again)


@pytest.mark.parametrize(
    "other",
    [mo(b"stop"), mo(source="+33612345679"), mo(at=NOW + 1), mo(coding=8, text=b"\x00S"), mo(pid=0x41)],
)
def test_another_message_has_another_name(other):
    assert name(other) != name(mo())
    assert name(mo(), "208150000000002") != name(mo())


def test_a_crash_between_store_and_delete():
    inbox = Inbox()
    assert not inbox.seen(name(mo()))
    inbox.stored(name(mo()))
    restarted = Inbox()
    restarted.load(inbox.dump())
    assert restarted.seen(name(mo()))
    assert not restarted.seen(name(mo(b"OUI")))
    assert "12345" not in inbox.dump()


def test_the_oldest_go_first_and_one_that_comes_again_is_young():
    inbox = Inbox(capacity=3)
    for each in ("a", "b", "c", "a", "d"):
        inbox.stored(each)
    assert [each for each in "abcd" if inbox.seen(each)] == ["a", "c", "d"]
    smaller = Inbox(capacity=2)
    smaller.load(inbox.dump())
    assert [each for each in "abcd" if smaller.seen(each)] == ["a", "d"]
    assert len(smaller) == 2


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"version":1}', '{"version":1,"stored":4}', '{"version":2,"stored":[]}']
)
def test_what_is_no_state(text):
    with pytest.raises(ValueError, match="delete it"):
        Inbox().load(text)


# ── no replies ───────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("deliver", "word"),
    [
        (mo(), ""),
        (mo(coding=8, text="d’accord".encode("utf-16-be")), ""),
        (mo(udh=b"\x05\x00\x03\x01\x02\x01"), ""),
        (mo(udh=b"\x03\x24\x01\x01"), ""),  # a national table
        (mo(coding=0x11), ""),
        (mo(coding=0xF1), ""),
        (mo(pid=0x41), ""),  # replaces an earlier one
        (mo(coding=0x10), "flash"),
        (mo(coding=0x18), "flash"),
        (mo(coding=0xF0), "flash"),
        (mo(pid=0x40), "silent"),
        (mo(pid=0x7F, coding=0xF6), "sim_update"),
        (mo(pid=0x7D), "sim_update"),
        (mo(coding=0xF6), "sim_update"),
        (mo(coding=0x16), "sim_update"),
        (mo(coding=4, udh=b"\x02\x70\x00"), "sim_update"),
        (mo(coding=0xC8), "voicemail"),
        (mo(coding=0xD0), "voicemail"),
        (mo(coding=0xE8), "voicemail"),
        (mo(udh=b"\x04\x01\x02\x80\x01"), "voicemail"),
        (mo(pid=0x5F), "voicemail"),
        (mo(udh=b"\x06\x05\x04\x0b\x84\x23\xf0", coding=4), "wap_push"),
        (mo(udh=b"\x06\x05\x04\x15\x8a\x00\x00"), "ports"),
        (mo(udh=b"\x04\x04\x02\xf0\x00"), "ports"),
        (mo(coding=4), "binary"),
        (mo(coding=0x02), ""),  # not SMPP's binary: the default alphabet
        (mo(coding=0x06), "binary"),
    ],
)
def test_what_may_be_a_reply(deliver, word):
    assert not_a_reply(deliver).partition(":")[0] == word
    assert not_a_reply(deliver) == "" or ": " in not_a_reply(deliver)


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS.keys())
def test_the_vectors(vector):
    octets = bytes.fromhex(vector["hex"])
    reason = not_a_reply(decode_deliver(split_smsc(octets)[1] if vector["has_smsc_prefix"] else octets))
    expect = vector["expect"]
    word = {"tp026": "mms", "tp047": "mms", "tp029": "mms", "tp011": "binary"}.get(vector["id"], "")
    if not word and "ports" in expect:
        word = "wap_push"
    assert reason.partition(":")[0] == word
