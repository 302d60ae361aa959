"""Binding on both sides, and what each bind state lets through (SMPP 3.4 table 2-1), as sessions do it."""

import pytest
from smpp_ends import BIND_BODY, BINDS, SM, bind_request, esme, new, replies, smsc

from drivers.smpp import codec
from drivers.smpp.pdu import RESPONSE, Command, CommandStatus
from drivers.smpp.session import STRIKES, BindState, Closing, Side

S, C = CommandStatus, Command
# Binding, ESME side


@pytest.mark.parametrize(("state", "command"), BINDS.items())
def test_esme_binds(state, command):
    session = new(Side.ESME)
    session.bind(command, BIND_BODY, 0.0)
    assert session.output() == codec.frame(command, 1, BIND_BODY)
    received = session.receive(codec.response(command, 0, 1, b"smsc"), 0.1)
    assert received.bind_answered
    assert (session.state, session.bind_status, session.peer_system_id) == (state, 0, b"smsc")


@pytest.mark.parametrize("raw", ["{:08x}800000090000000e00000001", "{:08x}800000000000000300000001"])
def test_esme_bind_refused(raw):
    session = new(Side.ESME)
    session.bind(C.BIND_TRANSCEIVER, BIND_BODY, 0.0)
    assert session.receive(bytes.fromhex(raw.format(16)), 0.1).bind_answered
    assert session.closed == Closing.BIND_REFUSED
    assert session.bind_status in (S.ESME_RINVPASWD, S.ESME_RINVCMDID)
    assert session.closed_detail == S(session.bind_status).name
    assert session.room == 0


@pytest.mark.parametrize(
    ("version", "trust", "peer", "may"),
    [
        (b"\x34", False, 0x34, True),
        (b"\x50", False, 0x50, True),
        (b"\x33", True, 0x33, False),
        (b"", False, None, False),
        (b"", True, None, True),
    ],
)
def test_esme_learns_the_version(version, trust, peer, may):
    session = esme(version=version, trust_tlvs=trust)
    assert (session.peer_version, session.may_send_tlvs) == (peer, may)


def test_esme_bind_unanswered():
    session = new(Side.ESME)
    session.bind(C.BIND_RECEIVER, BIND_BODY, 100.0)
    session.tick(104.9)
    assert session.closed == ""
    session.tick(105.0)
    assert session.closed == Closing.BIND_TIMEOUT


def test_outbind_is_the_users_to_answer():
    session = esme(BindState.OPEN)
    raw = codec.frame(C.OUTBIND, 13, b"smsc\0secret\0")
    (outbind,) = session.receive(raw, 0.0).requests
    assert outbind.system_id == b"smsc"
    assert session.output() == b""
    assert session._owed == 0
    assert esme().receive(raw, 0.0).requests == []


# Binding, SMSC side


@pytest.mark.parametrize(
    ("version", "tlv"),
    [(0x34, "0210000134"), (0x50, "0210000134"), (0x7B, "0210000134"), (0x33, ""), (0x00, "")],
)
def test_smsc_accepts_and_says_its_version_to_who_knows_tlvs(version, tlv):
    session = new(Side.SMSC)
    assert session.accept_bind(bind_request(session, version), b"chappe")
    body = b"chappe\0" + bytes.fromhex(tlv)
    assert session.output() == codec.header(16 + len(body), C.BIND_TRANSCEIVER_RESP, 0, 1) + body
    assert (session.peer_version, session.may_send_tlvs) == (version, bool(tlv))
    assert session.peer_system_id == b"shop"


def test_smsc_refuses_a_few_times_then_closes():
    session = new(Side.SMSC)
    for sequence in range(1, STRIKES + 1):
        assert session.closed == ""
        session.refuse_bind(bind_request(session, sequence=sequence), S.ESME_RBINDFAIL)
        assert replies(session) == [(C.BIND_TRANSCEIVER_RESP, S.ESME_RBINDFAIL, sequence)]
    assert session.closed == Closing.NOT_BOUND


def test_smsc_may_accept_after_a_refusal():
    session = new(Side.SMSC)
    session.refuse_bind(bind_request(session), S.ESME_RBINDFAIL)
    assert session.accept_bind(bind_request(session, sequence=2), b"chappe")
    assert session.state is BindState.BOUND_TRX


def test_a_second_bind_is_refused_whether_the_first_is_settled_or_not():
    session = new(Side.SMSC)
    first = bind_request(session)
    again = codec.frame(C.BIND_RECEIVER, 2, BIND_BODY)
    assert session.receive(again, 0.0).requests == []
    assert replies(session) == [(C.BIND_RECEIVER_RESP, S.ESME_RALYBND, 2)]
    session.accept_bind(first, b"chappe")
    session.output()
    session.receive(again, 0.0)
    assert replies(session) == [(C.BIND_RECEIVER_RESP, S.ESME_RALYBND, 2)]
    assert session.state is BindState.BOUND_TRX


def test_a_connection_that_does_not_bind_is_closed():
    session = new(Side.SMSC)
    session.tick(100.0)
    session.tick(104.9)
    assert session.closed == ""
    session.tick(105.0)
    assert (session.closed, session.output()) == (Closing.BIND_TIMEOUT, b"")


def test_accepting_after_the_end_is_no_error():
    session = new(Side.SMSC)
    bind = bind_request(session)
    session.close(Closing.LOST, "")
    assert not session.accept_bind(bind, b"chappe")
    session.refuse_bind(bind, S.ESME_RBINDFAIL)
    session.respond(b"x")
    assert session.output() == b""


def test_an_unbound_peer_is_closed_after_a_few_requests():
    session = new(Side.SMSC)
    for sequence in range(1, STRIKES + 1):
        assert session.closed == ""
        session.receive(codec.frame(C.SUBMIT_SM, sequence, SM), 0.0)
        assert replies(session) == [(C.SUBMIT_SM_RESP, S.ESME_RINVBNDSTS, sequence)]
    assert session.closed == Closing.NOT_BOUND


# What each state takes

ALL = {
    C.SUBMIT_SM: SM,
    C.DELIVER_SM: SM,
    C.DATA_SM: codec.data_body(codec.address(1, 1, b"1"), codec.address(1, 1, b"2")),
    C.SUBMIT_MULTI: b"\0\1\0011\0\1\1\1\0012\0" + bytes(10),
    C.QUERY_SM: b"42\0\1\0011\0",
    C.CANCEL_SM: b"\x0042\0\1\0011\0\1\0012\0",
    C.REPLACE_SM: b"42\0\1\0011\0\0\0\0\0\0",
    C.ALERT_NOTIFICATION: b"\1\0011\0\1\0012\0",
}
FROM_ESME = {C.SUBMIT_SM, C.DATA_SM, C.SUBMIT_MULTI, C.QUERY_SM, C.CANCEL_SM, C.REPLACE_SM}
FROM_SMSC = {C.DELIVER_SM, C.DATA_SM, C.ALERT_NOTIFICATION}


@pytest.mark.parametrize(
    ("make", "state", "taken"),
    [
        (smsc, BindState.BOUND_TX, FROM_ESME),
        (smsc, BindState.BOUND_TRX, FROM_ESME),
        (smsc, BindState.BOUND_RX, set()),
        (smsc, BindState.OPEN, set()),
        (esme, BindState.BOUND_RX, FROM_SMSC),
        (esme, BindState.BOUND_TRX, FROM_SMSC),
        (esme, BindState.BOUND_TX, set()),
        (esme, BindState.OPEN, set()),
    ],
)
def test_what_each_state_takes(make, state, taken):
    for command, body in ALL.items():
        session = make(state)
        requests = session.receive(codec.frame(command, 9, body), 0.0).requests
        assert {pdu.command_id for pdu in requests} == taken & {command}, command.name
        if command in taken or command == C.ALERT_NOTIFICATION:
            assert session.output() == b""
        else:
            assert replies(session) == [(command | RESPONSE, S.ESME_RINVBNDSTS, 9)]


@pytest.mark.parametrize(
    ("make", "state", "room"),
    [
        (esme, BindState.OPEN, 0),
        (esme, BindState.BOUND_TX, 10),
        (esme, BindState.BOUND_RX, 0),
        (esme, BindState.BOUND_TRX, 10),
        (smsc, BindState.OPEN, 0),
        (smsc, BindState.BOUND_TX, 0),
        (smsc, BindState.BOUND_RX, 10),
        (smsc, BindState.BOUND_TRX, 10),
    ],
)
def test_room_by_state(make, state, room):
    session = make(state)
    assert session.room == room
    if not room:
        with pytest.raises(ValueError, match="room for 0"):
            session.send(C.SUBMIT_SM, [SM], [1], 0.0)
