"""A session without I/O: the PDU vectors, its window, and rubbish."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smpp_ends import BIND_BODY, BINDS, SM, answer, esme, replies, smsc

from drivers.smpp import codec
from drivers.smpp.pdu import RESPONSE, Bind, Command, CommandStatus, Response, Sm
from drivers.smpp.session import BindState, Closing

ITEMS = json.loads((Path(__file__).parents[2] / "vectors/pdus.json").read_text())["items"]
S, C = CommandStatus, Command
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
    pieces = [STREAM[a:b] for a, b in pairwise(edges)]
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
@given(rubbish, st.sampled_from([esme, smsc]), st.sampled_from([*BINDS, BindState.OPEN]))
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


# The window


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
