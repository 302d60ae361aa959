import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sms.gsm7 import encode_gsm7
from drivers.sms.lookalikes import smart_encoding, transliterate

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "gsm7.json").read_text("utf-8"))
ITEMS = VECTORS["transliteration"]["items"]


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item["id"])
def test_the_table(item):
    assert transliterate(item["from"], lossy=True) == item["to"]
    assert transliterate(item["from"]) == (item["from"] if item["lossy"] else item["to"])


def test_letters_of_the_alphabet_keep_their_accents():
    assert transliterate("É è à ù ç Ç ñ Ü ê Ÿ", lossy=True) == "É è à ù c Ç ñ Ü e Y"


def test_an_accent_of_its_own_is_composed_first():
    assert transliterate("e\u0301te\u0301") == "été"
    assert smart_encoding("e\u0301te\u0301") == "été"


def test_smart_encoding_replaces_when_all_then_fits():
    assert smart_encoding("L’été arrive… à 10\u00a0h\u202f!") == "L'été arrive... à 10 h !"


@pytest.mark.parametrize("text", ["L’été est prêt", "Привет « monde »", "C’est l’été 😀"])
def test_smart_encoding_touches_nothing_when_it_would_not_help(text):
    assert smart_encoding(text) == text


def test_smart_encoding_may_lose_accents_when_told():
    assert smart_encoding("L’été est prêt", lossy=True) == "L'été est pret"
    assert smart_encoding("Привет «", lossy=True) == "Привет «"


@given(st.text())
def test_smart_encoding_fits_or_leaves_alone(text):
    assert encode_gsm7(smart_encoding(text)) is not None or smart_encoding(text) == text


@given(st.text(), st.booleans())
def test_transliterating_twice_changes_nothing_more(text, lossy):
    once = transliterate(text, lossy)
    assert transliterate(once, lossy) == once


@given(st.text(st.characters(codec="latin-1")))
def test_a_text_without_lookalikes_stays(text):
    kept = "".join(char for char in text if char not in "`«»\t\xa0")
    assert transliterate(kept) == unicodedata.normalize("NFC", kept)
