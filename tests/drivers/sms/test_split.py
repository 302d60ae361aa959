import json
import random
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sms.alphabet import fit
from drivers.sms.split import Joiner, Part, segment_count, split
from drivers.sms.udh import concat_of

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "gsm7.json").read_text("utf-8"))
LIMITS = VECTORS["limits"]
SOURCE, DESTINATION = "+33611111111", "36111"


def by_id(item):
    return item["id"]


# Texts long enough for several parts, with characters of every width near every boundary.
gsm_texts = st.lists(
    st.tuples(st.sampled_from(["a", "é", "€", "[", "@", "été €", "{}"]), st.integers(1, 160)), max_size=8
).map(lambda pieces: "".join(text * times for text, times in pieces))
wide_texts = st.lists(
    st.tuples(st.sampled_from(["a", "ж", "😀", "ê", "🇫🇷", "€"]), st.integers(1, 70)), max_size=8
).map(lambda pieces: "".join(text * times for text, times in pieces))
texts = gsm_texts | wide_texts | st.text(max_size=500).filter(lambda text: not text.startswith("\ufeff"))


@pytest.mark.parametrize("item", VECTORS["segments"], ids=by_id)
def test_segments(item):
    data_coding, payload = fit("".join(piece * times for piece, times in item["build"]))
    unit = 1 if data_coding == 0 else 2
    parts = split(payload, data_coding, reference=7)
    assert segment_count(payload, data_coding) == len(parts) == item["segments"]
    assert [len(part) // unit for _, part in parts] == item["part_units"]
    wide = split(payload, data_coding, reference=0x1234, wide=True)
    assert len(wide) == item["segments_ref16"]
    assert [len(part) // unit for _, part in wide] == item["part_units_ref16"]


@pytest.mark.parametrize(("data_coding", "name", "unit"), [(0, "gsm7", 1), (4, "octets", 1), (8, "ucs2", 2)])
def test_limits(data_coding, name, unit):
    single, part, wide = (LIMITS[name][key] * unit for key in ("single", "part_udh8", "part_udh16"))
    octets = b"a" * (single + unit)
    assert split(octets[:single], data_coding, 1) == [(b"", octets[:single])]
    assert [len(p) for _, p in split(octets, data_coding, 1)] == [part, single + unit - part]
    assert [len(p) for _, p in split(octets, data_coding, 1, wide=True)] == [wide, single + unit - wide]


@pytest.mark.parametrize("data_coding", [0x10, 0xF0, 0xC0])
def test_septets_go_by_their_alphabet_not_by_data_coding_0(data_coding):
    assert segment_count(b"a" * 160, data_coding) == 1
    assert [len(part) for _, part in split(b"a" * 152 + b"\x1be" + b"b" * 10, data_coding, 1)] == [152, 12]


def test_the_headers_count_from_one():
    parts = split(b"a" * 400, 0, reference=0x1FF)
    assert [udh.hex() for udh, _ in parts] == ["050003ff0301", "050003ff0302", "050003ff0303"]


def test_a_run_of_escapes_is_cut_between_pairs():
    (_, first), (_, second) = split(b"a" * 151 + b"\x1b" * 10 + b"e", 0, 1)
    assert (len(first), second[:1]) == (153, b"\x1b")


def test_more_than_255_parts_are_refused():
    assert len(split(b"a" * 255 * 153, 0, 1)) == 255
    with pytest.raises(ValueError, match="256 parts"):
        split(b"a" * (255 * 153 + 1), 0, 1)


@given(texts, st.integers(0, 0xFFFF), st.booleans(), st.randoms(use_true_random=False))
def test_a_text_survives_being_split_shuffled_and_joined(text, reference, wide, rnd):
    data_coding, payload = fit(text)
    parts = split(payload, data_coding, reference, wide)
    assert b"".join(part for _, part in parts) == payload
    if not wide:
        assert segment_count(payload, data_coding) == len(parts)
    for number, (udh, part) in enumerate(parts, 1):
        if len(parts) > 1:
            assert concat_of(udh).sequence == number
            octets = len(part) if data_coding else -(-7 * len(part) // 8)
            assert len(udh) + octets <= 140
        if data_coding == 0:
            assert part.count(b"\x1b") == 0 or part[-1] != 0x1B
        else:
            part.decode("utf-16-be")  # a cut pair would raise
    numbered = list(enumerate(parts))
    rnd.shuffle(numbered)
    joiner = Joiner()
    results = [
        joiner.add(Part.of(SOURCE, DESTINATION, udh, data_coding, part, token), now=0.0)
        for token, (udh, part) in numbered
    ]
    assert results[:-1] == [None] * (len(parts) - 1)
    assert results[-1].complete
    assert results[-1].tokens == list(range(len(parts)))
    assert unicodedata.normalize("NFC", results[-1].text()) == unicodedata.normalize("NFC", text)
    assert joiner.pending == 0


@given(st.binary(max_size=600), st.integers(0, 255))
def test_any_payload_is_cut_within_its_limits(payload, data_coding):
    parts = split(payload, data_coding, 1)
    assert b"".join(part for _, part in parts) == payload
    assert segment_count(payload, data_coding) == len(parts)
    assert all(len(part) <= 160 for _, part in parts)


def part(
    sequence,
    payload=b"x",
    total=2,
    reference=7,
    kind="udh8",
    token=None,
    data_coding=0,
    source=SOURCE,
    **more,
):
    return Part(source, DESTINATION, kind, reference, total, sequence, data_coding, payload, token, **more)


def vector_part(item, token):
    data_coding = item.get("data_coding", 0)
    payload = bytes.fromhex(item["octets_hex"]) if "octets_hex" in item else fit(item["text"])[1]
    return Part(
        item["src"],
        item["dst"],
        item["by"],
        item["ref"],
        item["total"],
        item["seq"],
        data_coding,
        payload,
        token,
    )


@pytest.mark.parametrize("item", VECTORS["reassembly"], ids=by_id)
def test_reassembly(item):
    joiner = Joiner()
    messages, last = [], 0.0
    for token, received in enumerate(item["parts"]):
        last = received["at_s"]
        joined = joiner.add(vector_part(received, token), last)
        if joined:
            assert joined.complete
            messages.append(joined.text())
    expected = item["expect"]
    assert messages in expected.get("messages_any_of", [expected.get("messages")])
    assert joiner.pending == expected["pending"]
    joiner.expired(last)
    left_over = joiner.expired(last + 86400)
    assert len(left_over) == expected["pending"]
    assert not any(joined.complete for joined in left_over)


def test_what_is_incomplete_comes_out_once_and_marked():
    joiner = Joiner(wait=60)
    joiner.add(part(3, b"C", total=3, token="c"), 10.0)
    joiner.add(part(1, b"STOP ", total=3, token="a"), 20.0)
    assert joiner.expired(69.9) == []
    (joined,) = joiner.expired(70.0)
    assert (joined.text(), joined.tokens, joined.complete) == ("STOP C", ["a", "c"], False)
    assert (joined.source, joined.destination) == (SOURCE, DESTINATION)
    assert joiner.expired(1000.0) == []


def test_a_gap_does_not_glue_a_cut_pair():
    joiner = Joiner(wait=60)
    joiner.add(part(1, b"a\x1b", total=3), 0.0)
    joiner.add(part(3, b"eb", total=3), 0.0)
    (joined,) = joiner.expired(60.0)
    assert joined.text() == "aeb"


def test_the_tokens_of_copies_are_given_back():
    joiner = Joiner()
    joiner.add(part(1, b"A", token=1), 0.0)
    joiner.add(part(1, b"A", token=2), 0.0)
    assert joiner.add(part(2, b"B", token=3), 0.0).tokens == [1, 3]
    joiner.add(part(2, b"B", token=4), 0.0)
    assert joiner.copies() == [2, 4]
    assert joiner.copies() == []


def test_a_finished_reference_may_be_used_again_for_another_text():
    joiner = Joiner()
    for text in (b"A", b"B"), (b"C", b"D"):
        assert joiner.add(part(1, text[0]), 0.0) is None
        assert joiner.add(part(2, text[1]), 1.0).text() == (text[0] + text[1]).decode()
    assert joiner.pending == 0


def test_a_copy_is_known_only_for_so_long():
    joiner = Joiner(remember=600)
    joiner.add(part(1, b"A"), 0.0)
    joiner.add(part(2, b"B"), 0.0)
    joiner.add(part(1, b"A"), 599.0)
    assert joiner.pending == 0
    joiner.add(part(1, b"A"), 600.0)
    assert joiner.pending == 1


def test_an_overdue_message_is_not_lost_when_its_reference_comes_back():
    joiner = Joiner(wait=60)
    joiner.add(part(1, b"old", token="old"), 0.0)
    joiner.add(part(1, b"new ", token="new"), 60.0)
    assert joiner.add(part(2, b"text"), 61.0).text() == "new text"
    assert [joined.tokens for joined in joiner.expired(61.0)] == [["old"]]


def test_memory_is_bounded_and_nothing_is_dropped_silently():
    joiner = Joiner(capacity=10)
    for n in range(1000):
        assert joiner.add(part(1, token=n, reference=n % 256, source=f"+336{n:08}"), 0.0) is None
        assert joiner.pending <= 10
    given_up = joiner.expired(0.0)
    assert [joined.tokens for joined in given_up] == [[n] for n in range(990)]
    assert joiner.pending == 10


def test_the_memory_of_finished_messages_is_bounded_too():
    joiner = Joiner(capacity=10)
    for n in range(100):
        joiner.add(part(1, reference=n), 0.0)
        joiner.add(part(2, reference=n), 0.0)
    assert len(joiner._finished) == 10
    joiner.expired(10_000.0)
    assert len(joiner._finished) == 0


def test_the_message_finished_longest_ago_is_forgotten_first():
    joiner = Joiner(capacity=2)
    for reference, text in (1, b"first"), (2, b"second"), (1, b"third"), (3, b"fourth"):
        joiner.add(part(1, text, reference=reference), 0.0)
        joiner.add(part(2, text, reference=reference), 0.0)
    joiner.add(part(1, b"third", reference=1, token="copy"), 0.0)
    assert joiner.copies() == ["copy"]
    joiner.add(part(1, b"second", reference=2), 0.0)
    assert joiner.copies() == []


def test_national_tables_hold_across_parts():
    turkish = bytes.fromhex("080003070201250101")
    plain = bytes.fromhex("050003070202")
    joiner = Joiner()
    joiner.add(Part.of(SOURCE, DESTINATION, turkish, 0, b"Te\x1dt ", None), 0.0)
    assert joiner.add(Part.of(SOURCE, DESTINATION, plain, 0, b"\x1d", None), 0.0).text() == "Teşt æ"


def test_part_of_reads_the_header():
    single = Part.of(SOURCE, DESTINATION, b"", 0, b"Hello", "t")
    assert (single.kind, single.total) == ("", 0)
    assert Joiner().add(single, 0.0).text() == "Hello"
    wide = Part.of(SOURCE, DESTINATION, bytes.fromhex("0608049cfa0302"), 0, b"x", None)
    assert (wide.kind, wide.reference, wide.total, wide.sequence) == ("udh16", 40186, 3, 2)


def test_parts_in_any_order_from_many_senders():
    rnd = random.Random(1794)
    parts = [
        part(n, f"{sender}.{n} ".encode(), total=5, source=f"+3361000{sender:04}", token=(sender, n))
        for sender in range(200)
        for n in range(1, 6)
    ]
    rnd.shuffle(parts)
    joiner = Joiner()
    joined = [message for p in parts if (message := joiner.add(p, 0.0))]
    assert len(joined) == 200
    for message in joined:
        sender = message.tokens[0][0]
        assert message.tokens == [(sender, n) for n in range(1, 6)]
        assert message.text() == "".join(f"{sender}.{n} " for n in range(1, 6))


def test_what_one_sender_has_begun_can_be_forgotten():
    joiner = Joiner()
    for source in ("+33600000001", "+33600000002"):
        joiner.add(part(1, source=source, reference=9), now=0.0)
        joiner.add(part(1, total=3, source=source, reference=10), now=0.0)
    joiner.drop("+33600000001")
    assert joiner.pending == 2
    assert joiner.add(part(2, source="+33600000001", reference=9), now=1.0) is None
    assert joiner.add(part(2, source="+33600000002", reference=9), now=1.0).complete
