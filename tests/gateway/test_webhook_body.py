"""What a webhook is told: the words of a receipt, of a reply, and ids as texts."""

import json

import pytest
from making import NOW, message

from gateway.answers import OPTED_OUT, own_error
from gateway.lifecycle import State
from gateway.model import Kind, Mo, Note, NoteKind
from gateway.webhook_body import body_of, event_of


def receipt(state=State.DELIVERED, error="", kind=NoteKind.RECEIPT, **fields):
    m = message(7 << 22)
    for name, value in fields.items():
        setattr(m, name, value)
    return Note(2**62, "shop", kind, m, None, state, error, NOW)


def reply(data_coding=0, payload=b"STOP", udh=b"", **fields):
    mo = Mo(2**61, "sim", "+33612345678", "36180", data_coding, udh, payload, NOW, "shop", 0, True)
    for name, value in fields.items():
        setattr(mo, name, value)
    return Note(2**62 + 1, "shop", NoteKind.MO, None, mo, State.NEW, "", NOW)


def test_ids_are_texts():
    body = json.loads(body_of([receipt(), reply(message=2**60)]))
    first, second = body["events"]
    assert (first["id"], second["id"]) == (str(2**62), str(2**62 + 1))
    assert first["message"]["id"] == str(7 << 22)
    assert (second["reply"]["id"], second["reply"]["answers"]) == (str(2**61), str(2**60))


@pytest.mark.parametrize(
    ("state", "error", "word", "code"),
    [
        (State.DELIVERED, "", "delivered", "000"),
        (State.UNDELIVERABLE, "11", "undeliverable", "011"),
        (State.EXPIRED, "", "expired", "255"),
        (State.REJECTED, own_error(OPTED_OUT), "rejected", "401"),
        (State.DELETED, "", "deleted", "000"),
        (State.UNKNOWN, "", "unknown", "255"),
    ],
)
def test_a_verdict_and_its_code(state, error, word, code):
    event = event_of(receipt(state, error))
    assert (event["type"], event["message"]["state"], event["message"]["error"]) == ("receipt", word, code)
    assert event["message"]["final"]


def test_what_is_not_the_last_word():
    event = event_of(receipt(State.ENROUTE, kind=NoteKind.INTERMEDIATE))
    assert (event["type"], event["message"]["final"]) == ("progress", False)


def test_no_receipt_tells_a_text():
    m = receipt(payload=b"the code is 4711", kind=NoteKind.RECEIPT)
    m.message.kind = Kind.OTP
    assert b"4711" not in body_of([m])


def test_one_of_a_submit_multi_goes_by_the_id_that_its_application_knows():
    assert event_of(receipt(group="multi:42"))["message"]["id"] == "42"


@pytest.mark.parametrize(
    ("data_coding", "payload", "text", "octets"),
    [(0, b"STOP", "STOP", None), (8, "→ été".encode("utf-16-be"), "→ été", None), (3, "été".encode("latin-1"), "été", None),
     (4, b"\x00\xff", None, "00ff"), (8, b"\xd8\x00", "�", None)],
)  # fmt: skip
def test_replies_of_every_alphabet(data_coding, payload, text, octets):
    shown = event_of(reply(data_coding, payload))["reply"]
    assert (shown["text"], shown["octets"]) == (text, octets)
    body_of([reply(data_coding, payload)]).decode()


def test_what_retention_has_emptied_is_nothing():
    empty = Note(1, "shop", NoteKind.MO, None, None, State.NEW, "", NOW)
    gone = Note(2, "shop", NoteKind.RECEIPT, None, None, State.DELIVERED, "", NOW)
    assert body_of([empty, gone]) == b""
    assert len(json.loads(body_of([empty, receipt()]))["events"]) == 1
