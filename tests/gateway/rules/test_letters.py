"""How a text is compared."""

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
