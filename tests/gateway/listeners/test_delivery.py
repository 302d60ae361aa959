"""Notes into deliver_sm bodies: Appendix B receipts, addresses as they were written, replies."""

import re

import pytest
from core import account
from making import NOW, message

from drivers.smpp import codec
from drivers.smpp.pdu import Command, Tag
from gateway.answers import own_error
from gateway.lifecycle import State
from gateway.listeners.delivery import Deliveries
from gateway.model import Kind, Mo, Note, NoteKind

EIGHT = re.compile(
    rb"id:(\d+) sub:001 dlvrd:(\d{3}) submit date:(\d{10}) done date:(\d{10}) stat:(\w{7}) err:(.{3}) text:(.*)",
    re.DOTALL,
)


def told(m, state=State.DELIVERED, error="", kind=NoteKind.RECEIPT, tlvs=True, version=0x34, **fields):
    note = Note(1, "shop", kind, m, None, state, error, NOW + 60_000)
    (body,) = Deliveries(account(**fields), tlvs, version).bodies(note)
    return pdu(body)


def pdu(body):
    raw = (
        (16 + len(body)).to_bytes(4, "big")
        + Command.DELIVER_SM.to_bytes(4, "big")
        + bytes(7)
        + b"\x01"
        + body
    )
    (found, *_), *_ = codec.decode(raw)
    return found


ID = (1 << 22) * 1_000_000_000  # a moment of 2024


@pytest.mark.parametrize(
    ("state", "error", "stat", "err", "delivered"),
    [
        (State.DELIVERED, "", b"DELIVRD", b"000", b"001"),
        (State.UNDELIVERABLE, "011", b"UNDELIV", b"011", b"000"),
        (State.UNDELIVERABLE, "88", b"UNDELIV", b"088", b"000"),
        (State.EXPIRED, own_error(0x0402), b"EXPIRED", b"402", b"000"),
        (State.REJECTED, own_error(0x0401), b"REJECTD", b"401", b"000"),
        (State.REJECTED, own_error(0x0407), b"REJECTD", b"407", b"000"),
        (State.DELETED, "", b"DELETED", b"000", b"000"),
        (State.UNKNOWN, "", b"UNKNOWN", b"255", b"000"),
        (State.REJECTED, "1025", b"REJECTD", b"025", b"000"),
    ],
)
def test_a_receipt_has_all_eight_fields(state, error, stat, err, delivered):
    sm = told(message(ID, payload=b"Bonjour"), state, error)
    found = EIGHT.fullmatch(sm.short_message)
    assert found, sm.short_message
    assert found.groups() == (b"%d" % ID, delivered, found[3], found[4], stat, err, b"Bonjour")
    assert sm.esm_class == 0x04
    assert sm.tlvs[Tag.RECEIPTED_MESSAGE_ID] == b"%d\0" % ID
    assert sm.tlvs[Tag.MESSAGE_STATE] == bytes([int(state)])


def test_addresses_are_swapped_and_as_they_were_written():
    sm = told(message(ID))
    assert (sm.source_addr_ton, sm.source_addr) == (1, b"33612345678")
    assert (sm.dest_addr_ton, sm.destination_addr) == (5, b"CHAPPE")
    m = message(ID, echo=b"\x00\x01+33612345678\x00\x03\x0836180\x00")
    sm = told(m)
    assert (sm.source_addr_ton, sm.source_addr_npi, sm.source_addr) == (0, 1, b"+33612345678")
    assert (sm.dest_addr_ton, sm.dest_addr_npi, sm.destination_addr) == (3, 8, b"36180")


def test_the_text_of_an_otp_is_never_repeated():
    assert told(message(ID, kind=Kind.OTP, payload=b"1234")).short_message.endswith(b" text:")
    assert told(message(ID, payload=b"")).short_message.endswith(b" text:")


@pytest.mark.parametrize(
    ("alphabet", "coding", "payload", "text"),
    [
        ("gsm7", 0, b"a" * 30, b"a" * 20),
        ("gsm7", 0, b"a" * 19 + b"\x1b\x65", b"a" * 19),
        ("latin1", 0, b"caf\x05", b"caf?"),
        ("gsm7", 8, "été".encode("utf-16-be"), b"?t?"),
        ("gsm7", 4, b"\x00\xff", b""),
    ],
)
def test_the_beginning_of_the_text(alphabet, coding, payload, text):
    m = message(ID, data_coding=coding, payload=payload)
    assert told(m, default_alphabet=alphabet).short_message.partition(b"text:")[2] == text


def test_what_else_it_carries():
    m = message(ID + 1, group=f"multi:{ID}", user_reference=258)
    sm = told(m)
    assert sm.short_message.startswith(b"id:%d " % ID)
    assert sm.tlvs[Tag.USER_MESSAGE_REFERENCE] == b"\x01\x02"
    assert told(m, tlvs=False).tlvs == {}
    assert told(m, State.ENROUTE, kind=NoteKind.INTERMEDIATE).esm_class == 0x20


def test_a_note_whose_message_is_gone_is_nothing():
    note = Note(1, "shop", NoteKind.RECEIPT, None, None, State.DELIVERED, "", NOW)
    assert Deliveries(account(), True, 0x34).bodies(note) == []


def reply(payload, coding=0, udh=b"", tlvs=True, **fields):
    mo = Mo(5, "a", "+33612345678", "36180", coding, udh, payload, NOW, "shop", 0, True)
    note = Note(1, "shop", NoteKind.MO, None, mo, State.NEW, "", NOW)
    return [pdu(body) for body in Deliveries(account(**fields), tlvs, 0x34).bodies(note)]


def test_replies_short_and_long():
    (sm,) = reply(b"Bonjour")
    assert (sm.esm_class, sm.short_message, sm.source_addr, sm.destination_addr) == (
        0,
        b"Bonjour",
        b"33612345678",
        b"36180",
    )
    (sm,) = reply(b"a" * 400)
    assert (sm.short_message, sm.tlvs[Tag.MESSAGE_PAYLOAD]) == (b"", b"a" * 400)
    for parts in (reply(b"a" * 400, long_mo="parts"), reply(b"a" * 400, tlvs=False)):
        assert [p.esm_class for p in parts] == [0x40] * 3
        assert b"".join(p.short_message[6:] for p in parts) == b"a" * 400


def test_replies_in_the_application_s_alphabet():
    (sm,) = reply(b"caf\x05", default_alphabet="latin1")
    assert (sm.data_coding, sm.short_message) == (0, b"caf\xe9")
    (sm,) = reply(b"\x1b\x65", default_alphabet="latin1")
    assert (sm.data_coding, sm.short_message) == (8, "€".encode("utf-16-be"))


def test_a_source_that_is_no_canonical_address_is_passed_on():
    mo = Mo(5, "a", "12", "36180", 0, b"", b"x", NOW, "shop", 0, True)
    note = Note(1, "shop", NoteKind.MO, None, mo, State.NEW, "", NOW)
    (body,) = Deliveries(account(), True, 0x34).bodies(note)
    assert pdu(body).source_addr == b"12"
