"""Stored messages and what becomes of them: told once, deleted only when durable, never lost."""

import re

import pytest
from modem_lab import FREE

from drivers.bearer import MessageState
from drivers.modem.answers import Stored
from drivers.modem.books import Books
from drivers.modem.mailbox import Mailbox
from drivers.modem.numbering import numbering_of
from drivers.sms.tpdu import (
    Deliver,
    StatusReport,
    encode_deliver,
    encode_status_report,
    with_smsc,
)

NOW = 1_790_000_000.0
IMSI = "208011234567890"


def pdu(tpdu):
    return with_smsc("", tpdu).hex().upper()


def mo(text=b"STOP", source="+33612345678", dcs=0, pid=0):
    return pdu(encode_deliver(Deliver(source, dcs, b"", text, NOW, pid)))


def report(mr, status=0, recipient="+33612345678"):
    return pdu(encode_status_report(StatusReport(mr, recipient, NOW, NOW + 5, status)))


@pytest.fixture
def notes():
    return []


@pytest.fixture
def box(notes):
    async def keep(key, value):
        raise AssertionError("a mailbox writes nothing")

    box = Mailbox(lambda: NOW, lambda event, detail: notes.append((event, detail)))
    box.books = Books("8933", IMSI, FREE, keep)
    box.use(box.books, "+33700000001", numbering_of(IMSI))
    return box


def stored(index, octets, length=None):
    return Stored(index, length if length is not None else len(octets) // 2 - 1, octets)


def test_a_message_is_told_once_and_may_go_when_it_is_durable(box):
    brought = box.take("ME", [stored(3, mo())])
    (event,) = [each.event for each in brought]
    assert (event.source, event.destination, event.payload) == ("+33612345678", "+33700000001", b"STOP")
    assert not box.take("ME", [stored(3, mo())])  # it is being stored
    assert not box.gone
    names = box.stored(brought)
    assert len(names) == 1
    assert list(box.gone["ME"]) == [3]
    box.deleted("ME", [3])
    assert not box.gone["ME"]


def test_a_memory_without_a_name_is_emptied_too(box):
    """A modem without +CPMS has one memory, and nothing to call it."""
    box.stored(box.take("", [stored(3, mo())]))
    assert list(box.gone[""]) == [3]
    assert not box.take("", [stored(4, "zz")])
    assert not box.take("", [stored(4, "zz")])
    assert box.counts["unreadable"] == 1


def test_national_numbers_are_completed_by_the_sims_country(box):
    (brought,) = box.take("ME", [stored(3, mo(source="0612345678"))])
    assert brought.event.source == "+33612345678"
    carrier_id, _ = box.books.references.submitted(IMSI, "+33612345678", 9, NOW)
    (told,) = box.take("ME", [stored(4, report(9, recipient="0612345678"))])
    assert (told.event.carrier_id, told.event.recipient) == (carrier_id, "+33612345678")
    (short,) = box.take("ME", [stored(5, mo(source="36180"))])
    assert short.event.source == "36180"


def test_what_could_not_be_stored_is_told_again(box):
    brought = box.take("ME", [stored(3, mo())])
    box.not_stored(brought)
    assert not box.gone
    assert box.again() == brought
    assert not box.again()


def test_after_a_restart_a_message_that_the_gateway_has_is_only_deleted(box):
    box.books.inbox.stored(box.stored(box.take("ME", [stored(3, mo())]))[0])
    box.use(box.books, "", numbering_of(IMSI))
    assert not box.take("SM", [stored(9, mo())])
    assert list(box.gone["SM"]) == [9]


def test_a_refused_delete_is_tried_at_the_next_look(box):
    box.stored(box.take("ME", [stored(3, mo())]))
    box.gone.clear()
    assert not box.take("ME", [stored(3, mo())])
    assert list(box.gone["ME"]) == [3]


def test_another_message_at_the_same_index_is_another_message(box):
    box.take("ME", [stored(3, mo(b"one"))])
    assert [each.event.payload for each in box.take("ME", [stored(3, mo(b"two"))])] == [b"two"]


def test_a_report_that_comes_before_its_submit_waits_and_stays_in_the_modem(box):
    assert not box.take("ME", [stored(1, report(7)), stored(2, report(7))])
    carrier_id, early = box.books.references.submitted(IMSI, "+33612345678", 7, NOW)
    brought = box.early(early)
    assert [(e.event.carrier_id, e.event.state, e.event.final) for e in brought] == [
        (carrier_id, MessageState.DELIVERED, True)
    ]
    box.stored(brought)
    assert sorted(box.gone["ME"]) == [1, 2]  # its copy, too


def test_a_report_finds_its_submit(box):
    carrier_id, _ = box.books.references.submitted(IMSI, "+33612345678", 9, NOW)
    (brought,) = box.take("SR", [stored(1, report(9, status=0x46))])
    assert brought.event.keys == [carrier_id]
    assert brought.event.state is MessageState.EXPIRED
    assert brought.event.recipient == "+33612345678"


@pytest.mark.parametrize("octets", ["zz", "00", "", "07913306091093F0"])
def test_what_can_not_be_read_stays_where_it_is_and_is_named_once(box, notes, octets):
    for _ in range(3):
        assert not box.take("ME", [stored(5, octets)])
    assert [event for event, _ in notes] == ["message.unreadable"]
    assert not re.search("[0-9A-F]{16}", notes[0][1]), "its octets hold a number and a text"
    assert "ME 5" in notes[0][1]
    assert not box.gone


def test_a_length_that_is_not_the_headers_is_kept_back(box, notes):
    assert not box.take("ME", [stored(5, mo(), length=99)])
    assert notes
    assert not box.gone


@pytest.mark.parametrize(("pid", "dcs"), [(0x40, 0), (0x7F, 0xF6), (0, 0xC8)])
def test_what_machines_send_is_no_reply(box, notes, pid, dcs):
    assert not box.take("ME", [stored(5, mo(pid=pid, dcs=dcs))])
    assert notes[0][0] == "mo.not_a_reply"
    assert "12345678" not in notes[0][1]
    assert list(box.gone["ME"]) == [5]


def test_octets_come_as_octets(box):
    (brought,) = box.take("ME", [stored(5, mo(b"\x00\xff", dcs=4))])
    assert (brought.event.data_coding, brought.event.payload) == (4, b"\x00\xff")


def test_what_came_straight_has_no_place_to_delete(box):
    brought = box.straight(None, mo())
    assert brought[0].event.payload == b"STOP"
    box.stored(brought)
    assert not box.gone
