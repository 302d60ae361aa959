"""Timers and the end of a session: `now` is a number here, so an hour takes no time."""

import pytest
from smpp_ends import SM, answer, esme, replies, smsc

from drivers.smpp import codec
from drivers.smpp.pdu import RESPONSE, Command, CommandStatus
from drivers.smpp.session import UNBIND_GRACE, BindState, Closing

S, C = CommandStatus, Command
# Timers


def test_the_response_timer_frees_the_slot_and_a_late_answer_is_still_told():
    session = esme(enquire_link=0)
    session.send(C.SUBMIT_SM, [SM] * 2, ["a", "b"], 10.0)
    assert session.tick(69.9) == []
    assert session.tick(70.0) == [("a", "no response within 60 s"), ("b", "no response within 60 s")]
    assert (session.closed, session.room, session.unanswered()) == ("", 10, [])
    assert session.tick(80.0) == []
    received = session.receive(answer(3, 3), 81.0)
    ((context, status, late),) = received.late
    assert (context, status, late.message_id) == ("b", 0, b"id3")
    assert received.answers == []
    assert [event for event, _ in received.notes] == ["response.unknown"]


def test_a_late_nack_is_told_too():
    session = esme(enquire_link=0)
    session.send(C.SUBMIT_SM, [SM], ["a"], 0.0)
    session.tick(60.0)
    late = session.receive(codec.header(16, C.GENERIC_NACK, 8, 2), 61.0).late
    assert late == [("a", S.ESME_RSYSERR, None)]


def test_enquire_link_after_silence_and_the_answer_keeps_the_session():
    session = esme()
    session.tick(29.9)
    assert session.output() == b""
    session.tick(30.0)
    assert replies(session) == [(C.ENQUIRE_LINK, 0, 2)]
    session.tick(31.0)
    assert session.output() == b""
    session.receive(codec.header(16, C.ENQUIRE_LINK_RESP, 0, 2), 40.0)
    session.tick(69.9)
    assert session.output() == b""
    session.tick(70.0)
    assert replies(session) == [(C.ENQUIRE_LINK, 0, 3)]


def test_any_pdu_proves_life():
    session = esme()
    session.tick(30.0)
    session.receive(codec.frame(C.DELIVER_SM, 1, SM), 89.0)
    session.tick(90.0)
    assert session.closed == ""


def test_half_a_pdu_proves_nothing_and_silence_ends_the_session():
    session = esme(partial_timeout=1000)
    session.send(C.SUBMIT_SM, [SM], ["a"], 29.0)
    session.tick(30.0)
    session.receive(b"\0\0\0", 80.0)
    session.tick(90.0)
    assert session.closed == Closing.DEAD
    assert session.unanswered() == []  # the timer of "a" had run out in the same tick
    assert session.room == 0


def test_contexts_stay_in_unanswered_when_the_link_dies():
    session = esme(response_timeout=10)
    session.tick(30.0)
    session.send(C.SUBMIT_SM, [SM], ["a"], 35.0)
    assert session.tick(40.0) == []
    assert (session.closed, session.unanswered()) == (Closing.DEAD, ["a"])


def test_no_enquire_link_before_bind_nor_when_it_is_off():
    for session in (esme(BindState.OPEN, bind_timeout=1000), esme(enquire_link=0)):
        session.tick(0.0)
        session.tick(500.0)
        assert (session.output(), session.closed) == (b"", "")


@pytest.mark.parametrize("make", [esme, smsc])
def test_one_octet_a_second_does_not_hold_the_session(make):
    session = make(enquire_link=0)
    stream = codec.frame(C.SUBMIT_SM, 1, SM)
    for second in range(10):
        session.receive(stream[second : second + 1], float(second))
        session.tick(float(second))
        assert session.closed == ""
    session.tick(10.0)
    assert session.closed == Closing.PARTIAL


def test_a_stream_that_always_ends_within_a_pdu_is_healthy():
    session = smsc(enquire_link=0)
    raw = codec.frame(C.SUBMIT_SM, 1, SM)
    session.receive(raw[:20], 0.0)
    for second in range(1, 60):
        assert len(session.receive(raw[20:] + raw[:20], float(second)).requests) == 1
        session.tick(float(second))
    assert session.closed == ""


def test_silence_while_we_do_not_read_is_not_the_peers():
    session = smsc()
    session.receive(codec.frame(C.SUBMIT_SM, 1, SM)[:20], 0.0)
    session.reading(False, 1.0)
    session.tick(500.0)
    assert (session.closed, session.output()) == ("", b"")
    session.reading(True, 500.0)
    session.tick(509.0)
    assert session.closed == ""
    session.tick(510.0)
    assert session.closed == Closing.PARTIAL


# Unbinding


def test_our_unbind_waits_for_answers_and_takes_nothing_new():
    session = esme()
    session.send(C.SUBMIT_SM, [SM] * 2, ["a", "b"], 0.0)
    session.output()
    session.unbind(1.0)
    assert replies(session) == [(C.UNBIND, 0, 4)]
    assert session.room == 0
    session.receive(codec.frame(C.DELIVER_SM, 7, SM), 1.1)
    assert replies(session) == [(C.DELIVER_SM_RESP, S.ESME_RX_T_APPN, 7)]
    session.receive(codec.header(16, C.UNBIND_RESP, 0, 4) + answer(2), 1.2)
    assert session.closed == ""
    assert len(session.receive(answer(3), 1.3).answers) == 1
    assert session.closed == Closing.UNBOUND


@pytest.mark.parametrize("command", [C.SUBMIT_SM, C.QUERY_SM])
def test_what_crosses_the_unbind_of_an_smsc_is_asked_for_again(command):
    """A restart must not make an application give up what it was just submitting."""
    session = smsc()
    session.unbind(1.0)
    assert replies(session) == [(C.UNBIND, 0, 1)]
    session.receive(codec.frame(command, 7, SM if command == C.SUBMIT_SM else b"42\0\1\0011\0"), 1.1)
    assert replies(session) == [(command | RESPONSE, S.ESME_RSYSERR, 7)]
    assert session.closed == ""


def test_our_unbind_unanswered():
    session = esme()
    session.send(C.SUBMIT_SM, [SM], ["a"], 0.5)
    session.unbind(0.0)
    session.tick(59.9)
    assert session.closed == ""
    session.tick(60.0)
    assert (session.closed, session.unanswered()) == (Closing.UNBOUND, ["a"])
    assert session.closed_detail == "unbind was not answered"


def test_peers_unbind_is_answered_behind_the_responses_that_we_owe():
    session = smsc()
    session.receive(codec.frame(C.SUBMIT_SM, 8, SM) + codec.header(16, C.UNBIND, 0, 9), 0.0)
    assert (session.output(), session.state) == (b"", BindState.UNBOUND)
    session.receive(codec.frame(C.SUBMIT_SM, 10, SM), 0.1)
    assert replies(session) == [(C.SUBMIT_SM_RESP, S.ESME_RINVBNDSTS, 10)]
    session.respond(codec.response(C.SUBMIT_SM, 0, 8, b"42"))
    assert replies(session) == [(C.SUBMIT_SM_RESP, 0, 8), (C.UNBIND_RESP, 0, 9)]
    assert session.closed == Closing.PEER_UNBOUND


def test_peers_unbind_does_not_wait_for_ever():
    session = smsc()
    session.send(C.DELIVER_SM, [SM], ["a"], 0.0)
    session.output()
    session.receive(codec.header(16, C.UNBIND, 0, 9), 0.0)
    session.tick(UNBIND_GRACE - 0.1)
    assert session.output() == b""
    session.tick(UNBIND_GRACE)
    assert replies(session) == [(C.UNBIND_RESP, 0, 9)]
    assert (session.closed, session.unanswered()) == (Closing.PEER_UNBOUND, ["a"])


def test_both_unbind_at_once():
    session = esme()
    session.unbind(0.0)
    session.output()
    session.receive(codec.header(16, C.UNBIND, 0, 9), 0.1)
    assert replies(session) == [(C.UNBIND_RESP, 0, 9)]
    assert session.closed == Closing.UNBOUND


@pytest.mark.parametrize("make", [esme, smsc])
def test_unbind_before_any_bind(make):
    session = make(BindState.OPEN)
    session.receive(codec.header(16, C.UNBIND, 0, 1), 0.0)
    assert replies(session) == [(C.UNBIND_RESP, 0, 1)]
    assert session.closed == Closing.PEER_UNBOUND
    ours = make(BindState.OPEN)
    ours.unbind(0.0)
    assert (ours.output(), ours.closed) == (b"", Closing.UNBOUND)


def test_alerts_are_owed_no_response():
    session = esme()
    alert = codec.frame(C.ALERT_NOTIFICATION, 1, b"\1\0011\0\1\0012\0")
    session.receive(alert + codec.header(16, C.UNBIND, 0, 2), 0.0)
    assert replies(session) == [(C.UNBIND_RESP, 0, 2)]
