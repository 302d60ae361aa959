"""Numbers are masked in whatever is shown; ids, dates and names stay."""

import pytest

from gateway.masking import masked


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+33612345678", "+336…678"), ("to +33612345678.", "to +336…678."), ("33612345678", "336…678"),
        ("36180", "36180"), ("382783023357116416", "382783023357116416"), ("CHAPPE", "CHAPPE"),
        ("2026-11-22T06:43:04.271Z", "2026-11-22T06:43:04.271Z"),
    ],
)  # fmt: skip
def test_texts(text, shown):
    assert masked(text) == shown


def test_however_deep():
    assert masked({"a": [{"b": ("+33612345678", 33612345678, None)}]}) == {
        "a": [{"b": ["+336…678", 33612345678, None]}]
    }
