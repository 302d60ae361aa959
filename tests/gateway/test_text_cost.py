"""What a text costs, in words that ASCII can say."""

import pytest

from drivers.sms.alphabet import fit
from drivers.sms.split import segment_count
from gateway.text_cost import cost, forcing, smart_segments

NINE = "U+0430, U+0431, U+0432, U+0433, U+0434, U+0435, U+0436, U+0437"


def said(text, smart=False):
    coding, payload = fit(text)
    return cost(payload, coding, segment_count(payload, coding), smart)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Bonjour", "1 segment of gsm7"),
        ("\u20ac" * 100, "2 segments of gsm7"),
        ("L\u2019\u0153uvre", "1 segment of ucs2 because of U+2019, U+0153"),
        ("L\u2019eau " * 12, "2 segments of ucs2 because of U+2019; smart_encoding would make it 1"),
        ("\U0001f6d1" * 36, "2 segments of ucs2 because of U+1F6D1"),
        ("e\u0302" * 3, "1 segment of ucs2 because of U+00EA"),
        ("".join(map(chr, range(0x430, 0x439))), f"1 segment of ucs2 because of {NINE} and 1 more"),
    ],
)
def test_alphabet_segments_and_the_very_characters(text, words):
    assert said(text) == words
    assert words.isascii()


def test_an_account_that_has_smart_encoding_is_not_told_to_turn_it_on():
    assert said("L\u2019\u6c34 " * 12, smart=True).endswith("because of U+2019, U+6C34")


def test_binary_and_other_alphabets_force_nothing():
    assert cost(b"\xff" * 10, 4, 1) == "1 segment of binary"
    assert cost(b"hello", 3, 1) == "1 segment of latin1"


def test_helpers():
    assert forcing("aa\u2019b\u2019\u0153") == ["\u2019", "\u0153"]
    assert smart_segments("L\u2019eau " * 12) == 1
