"""The corpus of replies, and what no corpus can list: every disguise of a STOP, at random."""

import tomllib
from collections import Counter
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rules.country_file import load_law
from gateway.rules.stopwords import READ, Meaning

CORPUS = tomllib.loads((Path(__file__).parents[2] / "vectors/stop-corpus.toml").read_text(encoding="utf-8"))
CASES = [(text, group["expect"], group["note"]) for group in CORPUS["group"] for text in group["texts"]]
LAW = load_law("fr")
MATCH = LAW.vocabulary.match


def test_the_corpus_is_large_and_says_nothing_twice():
    assert len(CASES) >= 300
    assert max(Counter(text for text, _, _ in CASES).values()) == 1
    least = {"stop": 300, "none": 150, "review": 40, "start": 15, "contact": 10, "help": 10}
    assert all(sum(expect == meaning for _, expect, _ in CASES) >= n for meaning, n in least.items())


@pytest.mark.parametrize("group", CORPUS["group"], ids=lambda group: group["note"][:60])
def test_corpus(group):
    wrong = {text: MATCH(text) for text in group["texts"] if MATCH(text).meaning.value != group["expect"]}
    assert wrong == {}


@pytest.mark.parametrize(
    ("text", "rule", "word", "language"),
    [
        ("STOP 36180", "first-word", "stop", "fr"),
        ("Unsubscribe", "first-word", "unsubscribe", "en"),
        ("STOOOP", "first-word", "stop", "fr"),
        ("stopsms", "first-word", "stop", "fr"),
        ("desabonnemnt", "first-word", "desabonnement", "fr"),
        ("encore ? stop", "few-words", "stop", "fr"),
        ("Je ne sais pas qui vous êtes ni pourquoi, stop", "own-sentence", "stop", "fr"),
        ("Retirez-moi de la liste", "phrase", "retirez moi", "fr"),
        ("keine SMS mehr", "phrase", "keine sms mehr", "de"),
        ("fin", "alone", "fin", "fr"),
        ("Unstop", "alone", "unstop", "en"),
        ("c'est du harcèlement", "elsewhere", "harcèlement", "fr"),
    ],
)
def test_the_evidence_names_rule_word_and_language(text, rule, word, language):
    match = MATCH(text)
    assert (match.rule, match.word, match.language) == (rule, word, language)
    assert match.evidence == f'{rule} "{word}" ({language})'


def test_nothing_has_no_evidence():
    assert MATCH("merci").evidence == ""
    assert "none" in repr(MATCH("merci"))


@pytest.mark.parametrize(
    ("first", "second"), [("Bonjour, je ne suis plus votre client depuis ", "mars 2019. STOP")]
)
def test_the_whole_text_and_its_parts(first, second):
    assert MATCH(first + second).meaning is Meaning.STOP
    assert MATCH(second).meaning is Meaning.STOP
    assert MATCH(first).meaning is Meaning.NONE


def test_a_very_long_text_is_read_to_its_end():
    story = "Je vous raconte ma journée au magasin, où tout le monde fut charmant avec nous. " * 100
    assert MATCH(story).meaning is Meaning.NONE
    assert MATCH(story + "STOP.").meaning is Meaning.STOP


unseen = st.text("\u200b\u200c\u200d\u2060\ufeff\u00ad\u0301", max_size=2)
around = st.text(" .,;:!?-_*#'\"()[]\n\t/…«»😀👍", max_size=6)


@given(st.data(), around, around)
@settings(max_examples=300, deadline=None)
def test_a_stop_in_any_disguise(data, before, after):
    word = data.draw(
        st.sampled_from(["stop", "arrêt", "désabonner", "désinscription", "unsubscribe", "stopp"])
    )
    letters = [
        (letter.upper() if data.draw(st.booleans()) else letter) * data.draw(st.sampled_from([1, 1, 1, 2]))
        + data.draw(unseen)
        for letter in word
    ]
    text = before.replace(">", "") + "".join(letters) + after
    assert MATCH(text).meaning is Meaning.STOP, ascii(text)


@given(st.text(max_size=200))
@settings(max_examples=500, deadline=None)
def test_any_text_has_a_meaning(text):
    assert MATCH(text).meaning in Meaning


@pytest.mark.parametrize("word", ["désabonnement", "désinscription", "résiliation", "unsubscribe"])
def test_a_long_word_with_one_wrong_letter_is_still_the_word(word):
    for at in range(len(word)):
        for slip in (
            word[:at] + word[at + 1 :],
            word[:at] + "x" + word[at + 1 :],
            word[:at] + "x" + word[at:],
        ):
            assert MATCH(slip).meaning is Meaning.STOP, slip
    for at in range(len(word) - 1):
        swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        assert MATCH(swapped).meaning is Meaning.STOP, swapped


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Chappe : -20 % samedi. STOP 36180", "36180"),
        ("Chappe : -20 % samedi. STOP au 36180", "36180"),
        ("Soldes ! Stop SMS au 36123", "36123"),
        ("Soldes ! STOP36123", "36123"),
        ("Soldes ! stop par sms au 36123.", "36123"),
        ("Offre été, à bientôt. STOP à 36111", "36111"),
        ("Sale! STOP to 36111", "36111"),
        ("Votre code est 36180", ""),
        ("Arrêt Stop Bellecour dans 5 min", ""),
        ("Le bus s'arrête à 36180 m", ""),
        ("Non-stop 36 heures", ""),
        ("STOP", ""),
        ("nonstop 36180", ""),
    ],
)
def test_the_mention_in_what_we_send(text, number):
    assert LAW.vocabulary.mention(text) == number


def test_belgiums_languages_have_their_own_vocabulary():
    words = load_law("be").vocabulary
    assert words.match("UITSCHRIJVEN").language == "nl"
    assert words.match("TSOP").meaning is Meaning.STOP


@pytest.mark.parametrize(
    "text",
    [
        "S" * 39_000,
        "S " * 19_500,
        "é" * 39_000,
        "stop36180" * 4_000,
        "ne m " * 7_000,
        "pub" * 13_000 + "stopx",
        "1a" * 19_000,
        "ne " * 13_000,
        "\ufdfa" * 17_000,
        "e" + "\u0301\u0316" * 8_500,
        "\U0001f6d1" * 8_500,
    ],
    ids=lambda text: ascii(text[:9]),
)
def test_the_longest_reply_there_is_costs_no_fifth_of_a_second(text):
    """255 parts of one word, from a handset that means no good: everybody else waits while it is read."""
    began = process_time()
    MATCH(text)
    assert process_time() - began < 0.2


def test_of_a_very_long_reply_the_beginning_and_the_end_are_read():
    """What is read whole is longer than any reply that a person writes; quotations do not count."""
    words = "Je vous raconte ma journée "
    within = (words * READ)[: READ - 80]
    assert MATCH(f"{within[:2000]}. STOP. {within[2000:]}").meaning is Meaning.STOP
    quoted = "> Soldes chez nous ce samedi\n" * 1000
    assert MATCH(f"{quoted}{within[:2000]}. STOP. {within[2000:]}").meaning is Meaning.STOP
    endless = words * 1000
    assert MATCH(f"STOP {endless}").meaning is Meaning.STOP
    assert MATCH(f"{within[:2500]}. STOP. {endless}").meaning is Meaning.STOP
    assert MATCH(f"{endless}. STOP. {words * 30}").meaning is Meaning.STOP
    assert MATCH(f"{endless}. STOP. {endless}").meaning is Meaning.NONE
