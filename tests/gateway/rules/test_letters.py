"""How a text is compared."""

from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rules.letters import normalise


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("S'il vous plaît, ARRÊTEZ !", "s il vous plait arretez"),
        ("D'accord", "d accord"),
        ("Ｓｔｏｐ　３６１８０", "stop 36180"),
        ("s\u200bt\u00ado\u2060p\ufe0f", "stop"),
        ("S.T.O.P", "stop"),
        ("a b c", "a b c"),
        ("cœur, Schœlcher, straße, ﬁn", "coeur schoelcher strasse fin"),
        ("ЅТОР", "stop"),
        ("🆂🆃🅾🅿 🇸🇹🇴🇵", "stop stop"),
        ("sto_p", "sto p"),
        ("s\u0301\u0316\u0301to\u0345p", "stoip"),
        ("\ufdfa stop \ufdfb", "stop"),
        ("!!! 👍 …", ""),
        ("", ""),
    ],
)
def test_normalise(text, plain):
    assert normalise(text) == plain


@given(st.text(max_size=80))
@settings(max_examples=500, deadline=None)
def test_what_is_plain_stays_plain(text):
    plain = normalise(text)
    assert plain == plain.strip()
    assert "  " not in plain
    assert normalise(plain) == plain


@pytest.mark.parametrize(
    "hostile", ["e" + "\u0301\u0316" * 8_500, "\ufdfa" * 17_000], ids=["marks", "ligatures"]
)
def test_no_sign_costs_more_than_a_few_letters(hostile):
    """Marks in disorder are sorted in the square of their number, and one sign may stand for eighteen letters."""

    def cost(text: str) -> float:
        began = process_time()
        normalise(text)
        return process_time() - began

    usual = min(cost("é" * 17_000) for _ in range(5))
    assert min(cost(hostile) for _ in range(5)) < 8 * usual
