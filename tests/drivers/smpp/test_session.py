"""A session without I/O: the PDU vectors, both sides' tables, timers with `now` as a number, and rubbish."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.smpp import codec
from drivers.smpp.pdu import RESPONSE, Bind, Command, CommandStatus, Response, Sm, Tag
from drivers.smpp.session import STRIKES, UNBIND_GRACE, BindState, Closing, Session, Side

ITEMS = json.loads((Path(__file__).parents[2] / "vectors/pdus.json").read_text())["items"]
S, C = CommandStatus, Command
BINDS = {
    BindState.BOUND_TX: C.BIND_TRANSMITTER,
    BindState.BOUND_RX: C.BIND_RECEIVER,
    BindState.BOUND_TRX: C.BIND_TRANSCEIVER,
}
BIND_BODY = codec.bind_body(b"shop", b"secret")
SM = codec.sm_body(codec.address(5, 0, b"CHAPPE"), codec.address(1, 1, b"33612345678"), b"hello")


def new(side, **changes):
    settings = {"window": 10, "enquire_link": 30, "response_timeout": 60, "bind_timeout": 5, **changes}
    return Session(side, **settings)


def esme(state=BindState.BOUND_TRX, version=b"\x34", **changes):
    """Our ESME, bound to an SMSC of that version, at time 0."""
    session = new(Side.ESME, **changes)
    if state is BindState.OPEN:
        return session
    session.bind(BINDS[state], BIND_BODY, 0.0)
    session.output()
    tlv = codec.tlv(Tag.SC_INTERFACE_VERSION, version) if version else b""
    body = b"smsc\0" + tlv
    session.receive(codec.header(16 + len(body), BINDS[state] | RESPONSE, 0, 1) + body, 0.0)
    assert session.state is state
    return session


def smsc(state=BindState.BOUND_TRX, version=0x34, **changes):
    """Our SMSC side, with an ESME of that version bound to it, at time 0."""
    session = new(Side.SMSC, **changes)
    if state is BindState.OPEN:
        return session
    body = codec.bind_body(b"shop", b"secret", interface_version=version)
    (bind,) = session.receive(codec.frame(BINDS[state], 1, body), 0.0).requests
    assert session.accept_bind(bind, b"chappe")
    session.output()
    assert session.state is state
    return session


def replies(session):
    """What the session wrote: (command, status, sequence) of each PDU."""
    return [(p.command_id, p.command_status, p.sequence_number) for p in codec.decode(session.output())[0]]


# The vectors: what each of the 111 makes a session do

SIDES = {"server": [smsc], "client": [esme], "both": [smsc, esme]}
CASES = [(item, make) for item in ITEMS for make in SIDES[item["role"]]]


def prepare(item, make):
    """A session in the item's state, with the request under way that the item answers, if it is an answer."""
    command = int(item["expect"].get("command_id", "0"), 16)
    sequence = item["expect"].get("sequence_number", 0)
    session = make(BindState[item["state"]])
    if item["state"] == "OPEN" and command & RESPONSE:
        session.window.sequence = sequence - 1
        session.bind(command ^ RESPONSE, BIND_BODY, 0.0)
    elif command & RESPONSE and 0 < sequence < RESPONSE:
        session.window.sequence = sequence - 1
        session.send(C.SUBMIT_SM, [SM], ["ours"], 0.0)
    session.output()
    return session


@pytest.mark.parametrize(("item", "make"), CASES, ids=[f"{i['id']}-{m.__name__}" for i, m in CASES])
def test_vectors(item, make):
    session = prepare(item, make)
    received = session.receive(bytes.fromhex(item["hex"]), 1.0)
    ours = replies(session)
    # What came out as a request is the user's to answer: here with ESME_ROK.
    for pdu in received.requests:
        if not isinstance(pdu, Bind) and pdu.command_id not in (C.ALERT_NOTIFICATION, C.OUTBIND):
            ours.append((pdu.command_id | RESPONSE, 0, pdu.sequence_number))
    expect = item["expect"]
    if expect["outcome"] == "need_more":
        assert (bool(received), ours, session.closed) == (False, [], "")
        return
    action = expect.get("action", {"replies": None, "then": "any"})
    if action["replies"] is not None:
        wanted = [reply for reply in action["replies"] if ours or not reply["optional"]]
        if item["id"] == "p013":  # a bind with a long password is accepted for the user to judge
            assert isinstance(received.requests[0], Bind)
        else:
            assert len(ours) == len(wanted)
            for (command, status, sequence), reply in zip(ours, wanted, strict=True):
                assert C(command).name.lower() in reply["command_any_of"]
                assert S(status).name in reply["status_any_of"]
                assert sequence in reply["sequence_any_of"]
    if action["then"] != "any":
        assert bool(session.closed) == (action["then"] == "close")
    if expect.get("tail"):
        assert any(event == "pdu.tail" for event, _ in received.notes)


@pytest.mark.parametrize("item", [i for i in ITEMS if (i["expect"].get("command") or "").endswith("m_resp")])
def test_vector_responses_end_the_request(item):
    sequence = item["expect"]["sequence_number"]
    if not 0 < sequence < RESPONSE:
        return
    session = prepare(item, esme if item["role"] == "client" else smsc)
    ((context, status, answer),) = session.receive(bytes.fromhex(item["hex"]), 1.0).answers
    assert (context, status) == ("ours", item["expect"]["command_status"])
    assert isinstance(answer, Response)
    assert session.room == 10


# However the stream is cut

GOOD = [item for item in ITEMS if item["expect"]["outcome"] == "pdu" and item["role"] == "server"]
STREAM = b"".join(bytes.fromhex(item["hex"]) for item in GOOD if item["state"] == "BOUND_TRX")


def outcome(session, pieces):
    requests, answers, notes = [], [], []
    for piece in pieces:
        received = session.receive(piece, 1.0)
        requests += [codec.encode(pdu) for pdu in received.requests]
        answers += received.answers
        notes += received.notes
    return requests, answers, notes, session.output(), session.closed


@given(st.lists(st.integers(1, len(STREAM) - 1), max_size=40))
def test_any_split_of_the_stream_gives_the_same(cuts):
    edges = [0, *sorted(set(cuts)), len(STREAM)]
    pieces = [STREAM[a:b] for a, b in zip(edges, edges[1:], strict=False)]
    assert outcome(smsc(), pieces) == outcome(smsc(), [STREAM])


def test_one_octet_at_a_time():
    assert outcome(smsc(), [STREAM[i : i + 1] for i in range(len(STREAM))]) == outcome(smsc(), [STREAM])


def framed(body):
    return (16 + len(body)).to_bytes(4) + body


def header_of(draw_command):
    return st.tuples(draw_command, st.binary(max_size=60)).map(
        lambda pair: codec.header(16 + len(pair[1]), pair[0], 0, 1) + pair[1]
    )


rubbish = st.lists(
    st.binary(max_size=100) | header_of(st.sampled_from(sorted(C))) | header_of(st.integers(0, 0xFFFFFFFF)),
    max_size=12,
)


@settings(max_examples=300)
@given(rubbish, st.sampled_from([esme, smsc]), st.sampled_from(list(BINDS) + [BindState.OPEN]))
def test_rubbish_never_raises_and_keeps_little(pieces, make, state):
    session = make(state)
    if session.room:
        session.send(C.DATA_SM, [SM] * 3, [1, 2, 3], 0.0)
    for now, piece in enumerate(pieces):
        received = session.receive(piece, float(now))
        assert len(received.notes) <= 32
        assert len(session._buffer) <= codec.MAX_PDU
        session.tick(float(now))
    session.output()
    assert len(session.unanswered()) <= 3


def test_a_huge_pdu_is_refused_before_it_is_kept():
    session = smsc()
    session.receive(codec.header(65536, C.SUBMIT_SM, 0, 1) + bytes(60000), 0.0)
    assert session.closed == ""
    other = smsc()
    other.receive((65537).to_bytes(4), 0.0)
    assert other.closed == Closing.FRAMING
    assert replies(other) == [(C.GENERIC_NACK, S.ESME_RINVCMDLEN, 0)]


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


def bind_request(session, version=0x34, sequence=1, command=C.BIND_TRANSCEIVER):
    body = codec.bind_body(b"shop", b"secret", interface_version=version)
    return session.receive(codec.frame(command, sequence, body), 0.0).requests[0]


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


# The window


def answer(*sequences, status=0, command=C.SUBMIT_SM):
    return b"".join(codec.response(command, status, n, b"id%d" % n) for n in sequences)


def test_send_fills_the_window_and_answers_in_any_order_empty_it():
    session = esme()
    session.send(C.SUBMIT_SM, [SM] * 4, list("abcd"), 0.0)
    assert session.room == 6
    assert session.output() == b"".join(codec.frame(C.SUBMIT_SM, n, SM) for n in (2, 3, 4, 5))
    received = session.receive(answer(5, 3) + answer(2, status=S.ESME_RTHROTTLED), 0.1)
    assert [(c, s, r.message_id) for c, s, r in received.answers] == [
        ("d", 0, b"id5"),
        ("b", 0, b"id3"),
        ("a", S.ESME_RTHROTTLED, b""),
    ]
    assert session.room == 9
    assert session.unanswered() == ["c"]


def test_send_refuses_more_than_room_and_unequal_lists():
    session = esme(window=2)
    for bodies, contexts in (([SM] * 3, [1, 2, 3]), ([SM], [1, 2])):
        with pytest.raises(ValueError, match="room for 2"):
            session.send(C.SUBMIT_SM, bodies, contexts, 0.0)
    assert (session.output(), session.unanswered()) == (b"", [])


def test_an_answer_counts_once_and_a_strangers_answer_not_at_all():
    session = esme()
    session.send(C.SUBMIT_SM, [SM], ["a"], 0.0)
    received = session.receive(answer(2, 2, 99), 0.1)
    assert len(received.answers) == 1
    assert [event for event, _ in received.notes] == ["response.unknown"] * 2


def test_none_is_a_context_like_any_other():
    session = esme()
    session.send(C.SUBMIT_SM, [SM], [None], 0.0)
    assert session.receive(answer(2), 0.1).answers[0][0] is None


def test_directions_have_their_own_numbers():
    session = esme()
    session.send(C.SUBMIT_SM, [SM], ["a"], 0.0)
    received = session.receive(codec.frame(C.DELIVER_SM, 2, SM), 0.1)
    assert (len(received.requests), received.answers, session.room) == (1, [], 9)


def test_generic_nack_answers_a_request_and_never_with_ok():
    session = esme()
    session.send(C.SUBMIT_SM, [SM] * 2, ["a", "b"], 0.0)
    nacks = codec.header(16, C.GENERIC_NACK, 3, 2) + codec.header(16, C.GENERIC_NACK, 0, 3)
    assert session.receive(nacks, 0.1).answers == [
        ("a", S.ESME_RINVCMDID, None),
        ("b", S.ESME_RUNKNOWNERR, None),
    ]


def test_a_control_response_never_answers_a_message():
    session = esme()
    session.send(C.SUBMIT_SM, [SM], ["a"], 0.0)
    session.receive(codec.header(16, C.ENQUIRE_LINK_RESP, 0, 2), 0.1)
    session.receive(codec.header(16, C.UNBIND_RESP, 0, 2), 0.1)
    assert session.unanswered() == ["a"]


def test_numbers_wrap_to_one_and_the_timer_still_sees_their_order():
    session = esme(window=100)
    session.window.sequence = 0x7FFFFFFD
    session.send(C.SUBMIT_SM, [SM] * 4, list("abcd"), 0.0)
    pdus, _ = codec.decode(session.output())
    assert [pdu.sequence_number for pdu in pdus] == [0x7FFFFFFE, 0x7FFFFFFF, 1, 2]
    session.send(C.SUBMIT_SM, [SM], ["later"], 30.0)
    assert [context for context, _ in session.tick(60.0)] == list("abcd")
    assert session.unanswered() == ["later"]


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
    alert = codec.frame(C.ALERT_NOTIFICATION, 1, ALL[C.ALERT_NOTIFICATION])
    session.receive(alert + codec.header(16, C.UNBIND, 0, 2), 0.0)
    assert replies(session) == [(C.UNBIND_RESP, 0, 2)]


# The end, and rubbish between good PDUs


def test_the_first_reason_stays_and_nothing_more_is_taken():
    session = smsc()
    session.close(Closing.LOCAL, "first")
    session.close(Closing.LOST, "second")
    assert (session.closed, session.closed_detail) == (Closing.LOCAL, "first")
    assert not session.receive(codec.frame(C.SUBMIT_SM, 1, SM), 0.0)
    assert session.tick(1000.0) == []
    assert (session.state, session.output()) == (BindState.CLOSED, b"")


def test_one_bad_pdu_spares_its_neighbours():
    session = smsc()
    good = codec.frame(C.SUBMIT_SM, 1, SM), codec.frame(C.SUBMIT_SM, 4, SM)
    bad = codec.frame(C.SUBMIT_SM, 2, SM[:-3]), codec.header(16, 0x110, 0, 3)
    received = session.receive(good[0] + b"".join(bad) + good[1], 0.0)
    assert [pdu.sequence_number for pdu in received.requests] == [1, 4]
    assert all(type(pdu) is Sm for pdu in received.requests)
    assert replies(session) == [
        (C.SUBMIT_SM_RESP, S.ESME_RINVMSGLEN, 2),
        (C.GENERIC_NACK, S.ESME_RINVCMDID, 3),
    ]
    assert [event for event, _ in received.notes] == ["pdu.refused", "pdu.unknown"]


def test_good_pdus_before_broken_framing_are_given_up_to_the_user():
    session = smsc()
    received = session.receive(codec.frame(C.SUBMIT_SM, 1, SM) + bytes(16), 0.0)
    assert len(received.requests) == 1
    assert session.closed == Closing.FRAMING
    assert replies(session) == [(C.GENERIC_NACK, S.ESME_RINVCMDLEN, 0)]


def test_a_cut_deliver_sm_is_given_to_the_user_once_noted():
    session = esme()
    received = session.receive(codec.frame(C.DELIVER_SM, 5, SM[:-3]), 0.0)
    assert received.requests[0].short_message == b"he"
    assert received.notes[0][0] == "pdu.cut"
    assert session.output() == b""
