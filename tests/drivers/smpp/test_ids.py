"""Message ids: the vectors' pairs, and 10^5 ids in every base, case and padding."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.smpp.ids import MODES, Learner, candidates, canonical

PAIRS = json.loads((Path(__file__).parents[2] / "vectors/receipts.json").read_text())["correlation"]


def mode_of(pair):
    return {"submit=hex,receipt=dec": "hex", "submit=dec,receipt=hex": "decimal", None: "auto"}[
        pair.get("requires")
    ]


@pytest.mark.parametrize("pair", PAIRS, ids=[pair["id"] for pair in PAIRS])
def test_correlation_vectors(pair):
    found = canonical(pair["submit"]) in candidates(pair["receipt"], mode_of(pair))
    assert found is pair["match"]


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if "requires" in pair], ids=lambda pair: pair["id"])
def test_what_needs_a_configured_base_is_no_candidate_under_the_other(pair):
    other = {"hex": "decimal", "decimal": "hex"}[mode_of(pair)]
    assert canonical(pair["submit"]) not in candidates(pair["receipt"], other)
    assert canonical(pair["submit"]) not in candidates(pair["receipt"], "text")


def test_the_id_as_written_comes_first():
    for pair in PAIRS:
        for mode in MODES:
            assert candidates(pair["receipt"], mode)[0] == canonical(pair["receipt"])


@pytest.mark.parametrize(
    ("carrier_id", "key"),
    [
        ("38601FA", "38601fa"),
        ("0059113978", "59113978"),
        ("0x1A2B3C4D", "1a2b3c4d"),
        ("0X00ff", "ff"),
        ("0xyz", "xyz"),
        ("xff", "xff"),
        ("0", "0"),
        ("00000000", "00000000"),
        ("0x", "x"),
        ("", ""),
        ("0E999F21-00", "e999f21-00"),
        ("ns:12345", "ns:12345"),
    ],
)
def test_canonical(carrier_id, key):
    assert canonical(carrier_id) == key


def test_no_id_has_no_candidates():
    assert candidates("") == []


def test_ids_that_are_too_long_or_no_numbers_are_not_converted():
    assert candidates("9" * 5_000) == ["9" * 5_000]
    assert candidates("1_000") == ["1_000"]
    assert candidates("12²") == ["12²"]
    assert candidates("+12") == ["+12"]


def spelled(number, base, rnd):
    text = f"{number:x}" if base == 16 else str(number)
    text = text.zfill(rnd.choice((0, 8, 10, 16, 20)))
    return rnd.choice((str.lower, str.upper))(text)


def test_a_hundred_thousand_ids_are_found_in_all_bases_paddings_and_cases():
    rnd = random.Random(20260315)
    for _ in range(100_000):
        number = rnd.getrandbits(rnd.choice((8, 24, 32, 48, 63, 128))) or 1
        for submit_base in (10, 16):
            key = canonical(spelled(number, submit_base, rnd))
            for receipt_base in (10, 16):
                receipt_id = spelled(number, receipt_base, rnd)
                keys = candidates(receipt_id)
                assert key in keys, (key, receipt_id)
                assert len(keys) <= 3
                assert len(keys) == len(set(keys))


@pytest.mark.parametrize(("mode", "submit_base"), [("hex", 16), ("decimal", 10)])
def test_with_the_base_configured_ids_are_still_found_whatever_the_receipts_base(mode, submit_base):
    rnd = random.Random(7)
    for _ in range(10_000):
        number = rnd.getrandbits(40) + 1
        key = canonical(spelled(number, submit_base, rnd))
        for receipt_base in (10, 16):
            keys = candidates(spelled(number, receipt_base, rnd), mode)
            assert key in keys
            assert len(keys) <= 2


def test_two_stored_ids_can_be_candidates_and_the_recipient_decides():
    """Dense ids, so that every number is also another's number in the other base: the worst carrier."""
    rnd = random.Random(11)
    stored = {}
    for number in range(1, 20_000):
        stored[canonical(f"{number:X}")] = (number, f"+336{rnd.randrange(10**8):08}")
    ambiguous = 0
    for number, recipient in list(stored.values()):
        hits = [stored[key] for key in candidates(str(number).zfill(10)) if key in stored]
        ambiguous += len(hits) > 1
        assert [hit[0] for hit in hits if hit[1] == recipient] == [number]
    assert ambiguous > 1_000


class TestLearner:
    def test_puts_what_matched_lately_in_front_and_hides_nothing(self):
        learner = Learner()
        assert learner.candidates("0305419896")[0] == "305419896"
        for number in range(0x12345678, 0x12345678 + Learner.SURE):
            learner.matched(str(number), canonical(f"{number:X}"))
        assert learner.learnt == "hex"
        assert learner.candidates("0305419896")[0] == "12345678"
        assert sorted(learner.candidates("0305419896")) == sorted(candidates("0305419896"))

    def test_learns_decimal_too(self):
        learner = Learner()
        for number in range(0xABCDE, 0xABCDE + Learner.SURE):
            learner.matched(f"{number:X}", str(number))
        assert learner.learnt == "decimal"
        assert learner.candidates("12345678") == ["305419896", "12345678", f"{12345678:x}"]

    def test_one_other_form_takes_the_sureness_back(self):
        learner = Learner()
        for number in range(1000, 1000 + Learner.SURE):
            learner.matched(str(number), f"{number:x}")
        learner.matched("5001", "5001")
        assert learner.learnt == "text"
        assert learner.candidates("5001")[0] == "5001"

    def test_ids_equal_in_both_bases_teach_nothing(self):
        learner = Learner()
        for _ in range(10):
            learner.matched("7", "7")
            learner.matched("12", "no candidate")
        assert learner.learnt == "text"
        for number in range(1000, 1000 + Learner.SURE):
            learner.matched("7", "7")
            learner.matched(str(number), f"{number:x}")
        assert learner.learnt == "hex"

    def test_a_configured_mode_is_not_unlearnt(self):
        learner = Learner("text")
        for number in range(1000, 1010):
            learner.matched(str(number), f"{number:x}")
        assert learner.learnt == "text"
        assert learner.candidates("1000") == ["1000"]

    def test_an_unknown_mode_is_refused(self):
        with pytest.raises(ValueError, match="must be one of auto, hex, decimal, text"):
            Learner("octal")

    @given(st.text(max_size=70), st.sampled_from(MODES), st.integers(0, 5), st.sampled_from((10, 16)))
    def test_never_loses_a_candidate(self, receipt_id, mode, times, base):
        learner = Learner(mode)
        for number in range(1000, 1000 + times):
            learner.matched(str(number), f"{number:x}") if base == 16 else learner.matched(
                f"{number:x}", str(number)
            )
        assert sorted(learner.candidates(receipt_id)) == sorted(candidates(receipt_id, mode))
