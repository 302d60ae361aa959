"""Delivery receipts: all vectors, the fast path against the walk, and our own texts."""

import itertools
import json
import struct
from pathlib import Path

import pytest
import records
from hypothesis import given
from hypothesis import strategies as st

from drivers.bearer import MessageState
from drivers.smpp import receipt
from drivers.smpp.dialect import STANDARD
from drivers.smpp.receipt import ReceiptKind, format_text, kind_of, looks_like_receipt, stat_word, state_octet
from drivers.smpp.times import parse_receipt_date

ITEMS = json.loads((Path(__file__).parents[2] / "vectors/receipts.json").read_text())["items"]
ROUTINE = b"id:38601fa sub:001 dlvrd:001 submit date:2601020304 done date:2601020305 stat:DELIVRD err:000 text:Votre code"


def body(pdu):
    """esm_class, text and TLVs of a deliver_sm or data_sm: just enough of a decoder, and not ours."""
    command = struct.unpack_from(">I", pdu, 4)[0]
    at = 16

    def c_octets():
        nonlocal at
        at = pdu.index(0, at) + 1

    c_octets()
    for _ in range(2):
        at += 2
        c_octets()
    esm_class = pdu[at]
    text = b""
    if command == 5:
        at += 3
        c_octets()
        c_octets()
        at += 4
        text = pdu[at + 1 : at + 1 + pdu[at]]
        at += 1 + pdu[at]
    else:
        at += 3
    tlvs = {}
    while at + 4 <= len(pdu):
        tag, length = struct.unpack_from(">HH", pdu, at)
        if at + 4 + length <= len(pdu):
            tlvs[tag] = pdu[at + 4 : at + 4 + length]
        at += 4 + length
    return esm_class, text or tlvs.get(0x0424, b""), tlvs


def iso(text):
    date = parse_receipt_date(text)
    return date and date.isoformat()


def readable(parsed, text):
    wide = text[:1] == b"\0" and text[2:3] == b"\0"
    return parsed.text.decode("utf-16-be" if wide else "latin-1") or None


@pytest.mark.parametrize("item", ITEMS, ids=[item["id"] for item in ITEMS])
def test_vectors(item):
    expect = item["expect"]
    esm_class, text, tlvs = body(bytes.fromhex(item["hex"]))
    assert esm_class == item["esm_class"]
    kind = kind_of(esm_class)
    assert kind.value == expect["kind"]
    parsed = receipt.parse(text, tlvs, STANDARD, kind)
    if kind is not ReceiptKind.RECEIPT:
        assert not parsed.final
    if "id" not in expect:
        return  # only the kind matters: nobody parses a phone's words
    got = {
        "id": parsed.id or None,
        "text_id": parsed.text_id or None,
        "stat": parsed.stat or None,
        "state": (
            parsed.state.name.lower() if parsed.state is not None else "vendor" if parsed.stat else None
        ),
        "err": parsed.err or None,
        "network_error_code_hex": parsed.network_error.hex() or None,
        "sub": parsed.sub or None,
        "dlvrd": parsed.dlvrd or None,
        "submit_date": iso(parsed.submit_date),
        "done_date": iso(parsed.done_date),
        "text": readable(parsed, text),
        "final": parsed.final,
        "correlatable": bool(parsed.id) and kind in (ReceiptKind.RECEIPT, ReceiptKind.INTERMEDIATE),
    }
    want = {key: expect[key] for key in got}
    want["final"] = bool(want["final"])  # null: the kind has no final states
    assert got == want


@pytest.mark.parametrize("low", [0, 1, 2, 3])
@pytest.mark.parametrize("high", [0x00, 0x40, 0x80, 0xC0])
def test_kind_looks_at_its_four_bits_only(low, high):
    assert kind_of(0x04 | low | high) is ReceiptKind.RECEIPT
    assert kind_of(0x20 | low | high) is ReceiptKind.INTERMEDIATE
    assert kind_of(0x10 | low | high) is ReceiptKind.USER_ACK
    assert kind_of(0x0C | low | high) is ReceiptKind.RESERVED
    assert kind_of(low | high) is ReceiptKind.MESSAGE


def fields(parsed):
    return records.fields(parsed)


def walked(text):
    """The same text forced off the fast path by a blank in front."""
    return receipt.parse(b" " + text)


@pytest.mark.parametrize("item", ITEMS, ids=[item["id"] for item in ITEMS])
def test_the_fast_path_says_what_the_walk_says(item):
    _, text, _ = body(bytes.fromhex(item["hex"]))
    if text[:1] != b"\0":
        assert fields(receipt.parse(text)) == fields(walked(text))


VALUE = st.text("aZ0_-.,;\0 :#\xe9", max_size=6)


@given(
    VALUE,
    VALUE,
    st.sampled_from(("DELIVRD", "UNDELIV", "FAILED", "X")),
    VALUE,
    st.text("idstaterx:09 \0\n", max_size=30),
)
def test_the_fast_path_says_what_the_walk_says_of_odd_values(mid, sub, stat, err, text):
    whole = f"id:{mid} sub:{sub} dlvrd:001 submit date:2601020304 done date:260102030507 stat:{stat} err:{err} text:{text}"
    octets = whole.encode("latin-1")
    assert fields(receipt.parse(octets)) == fields(walked(octets))


@given(
    st.binary(max_size=300), st.dictionaries(st.sampled_from((0x1E, 0x427, 0x423, 5)), st.binary(max_size=9))
)
def test_never_raises(text, tlvs):
    parsed = receipt.parse(text, tlvs)
    assert parsed.state is None or parsed.state in MessageState


@given(
    st.text(max_size=40).map(lambda text: b"\0i\0d\0:" + text.encode("utf-16-be", "surrogatepass")),
    st.integers(0, 90),
)
def test_never_raises_on_ucs2_even_cut(text, cut):
    assert isinstance(receipt.parse(text[:cut]).id, str)


LABELLED = (
    "id:77",
    "sub:001",
    "dlvrd:001",
    "submit date:2601020304",
    "done date:2601020305",
    "stat:EXPIRED",
    "err:011",
)


@pytest.mark.parametrize("order", list(itertools.permutations(range(7)))[::97])
def test_any_order(order):
    parsed = receipt.parse(" ".join(LABELLED[i] for i in order).encode() + b" text:stat:DELIVRD id:5")
    assert (parsed.id, parsed.state, parsed.err) == ("77", MessageState.EXPIRED, "011")
    assert (parsed.submit_date, parsed.done_date) == ("2601020304", "2601020305")
    assert parsed.text == b"stat:DELIVRD id:5"


def test_id_and_stat_are_taken_from_behind_the_text_only_if_unseen():
    parsed = receipt.parse(b"err:000 text:Hello sub:9 id:77 stat:DELIVRD")
    assert (parsed.id, parsed.stat, parsed.sub) == ("77", "DELIVRD", "")
    assert parsed.text == b"Hello sub:9"
    parsed = receipt.parse(b"text: id:77 stat:DELIVRD err:000")
    assert (parsed.id, parsed.stat, parsed.text) == ("77", "DELIVRD", b"")
    parsed = receipt.parse(b"id:77 text:stat:EXPIRED stat:DELIVRD")
    assert parsed.stat == "EXPIRED"


def test_a_text_cannot_give_an_id_when_the_tlv_has_one():
    parsed = receipt.parse(b"stat:DELIVRD text:ref id:55", {0x1E: b"77\0"})
    assert (parsed.id, parsed.text_id, parsed.text) == ("77", "", b"ref id:55")


def test_lower_case_words_blanks_and_punctuation():
    parsed = receipt.parse(b"Id :\t77,  STAT: delivrd; Err:0\r\nText: hi ")
    assert (parsed.id, parsed.stat, parsed.err, parsed.text) == ("77", "DELIVRD", "0", b"hi")
    assert parsed.final


@pytest.mark.parametrize(
    ("tlv", "state"),
    [
        (b"", MessageState.UNDELIVERABLE),
        (b"\x0a", MessageState.UNDELIVERABLE),
        (b"\xff", MessageState.UNDELIVERABLE),
        (b"\x02", MessageState.DELIVERED),
        (b"\x00\x02", MessageState.DELIVERED),
        (b"\x00", MessageState.SCHEDULED),
    ],
)
def test_a_state_tlv_that_says_nothing_leaves_it_to_the_text(tlv, state):
    assert receipt.parse(b"id:1 stat:UNDELIV", {0x427: tlv}).state is state


def test_an_intermediate_notification_is_never_final():
    assert receipt.parse(ROUTINE).final
    assert not receipt.parse(ROUTINE, {}, STANDARD, ReceiptKind.INTERMEDIATE).final


def test_which_texts_look_like_receipts():
    assert looks_like_receipt(ROUTINE)
    assert looks_like_receipt(b"id:5 stat:EXPIRED")
    assert not looks_like_receipt(b"id:5")
    assert not looks_like_receipt(b"stat:DELIVRD")
    assert not looks_like_receipt(b"id:5 stat:whatever")
    assert not looks_like_receipt(b"STOP")


def test_repr_is_for_reading():
    assert repr(receipt.parse(ROUTINE)) == "ParsedReceipt('38601fa', DELIVERED, final)"
    assert repr(receipt.parse(b"")) == "ParsedReceipt('', no state)"


class TestOurOwn:
    def test_text_is_appendix_b_to_the_letter(self):
        text = format_text(
            b"123456789012345678", b"2601020304", b"2601020305", b"DELIVRD", b"000", b"Votre code est 12345"
        )
        assert text == (
            b"id:123456789012345678 sub:001 dlvrd:001 submit date:2601020304 done date:2601020305 "
            b"stat:DELIVRD err:000 text:Votre code est 12345"
        )

    @pytest.mark.parametrize("state", list(MessageState))
    def test_round_trip_and_dlvrd(self, state):
        word = stat_word(state)
        assert len(word) == 7
        text = format_text(b"42", b"2601020304", b"2601020305", word, b"401", b"")
        parsed = receipt.parse(text, {0x427: state_octet(state, 0x50)})
        assert (parsed.id, parsed.state, parsed.err, parsed.text) == ("42", state, "401", b"")
        assert parsed.dlvrd == ("001" if state is MessageState.DELIVERED else "000")

    def test_peers_before_5_0_are_told_states_that_they_know(self):
        octets = {state: state_octet(state, 0x34)[0] for state in MessageState}
        assert all(1 <= octet <= 8 for octet in octets.values())
        assert {state for state, octet in octets.items() if octet != state} == {
            MessageState.SCHEDULED,
            MessageState.SKIPPED,
        }

    @pytest.mark.parametrize(
        ("text", "taken"),
        [
            (b"a" * 21, b"a" * 20),
            (b"a" * 19 + b"\x1be", b"a" * 19),
            (b"a" * 18 + b"\x1bez", b"a" * 18 + b"\x1be"),
            (b"short", b"short"),
        ],
    )
    def test_twenty_octets_of_text_and_no_half_of_a_pair(self, text, taken):
        assert format_text(b"1", b"", b"", b"DELIVRD", b"000", text).partition(b" text:")[2] == taken
