"""What a reply means: STOP, START, CONTACT, HELP, doubt, or nothing; with the rule that says so, as evidence.

The words are data (countries/words/*.toml); here is only how they are looked for. A false STOP costs one
reader, a STOP that is missed is an offence: so the order of Vocabulary.match leans towards STOP, and START
counts only when it stands alone. Match on the whole text where it is there, else on each part. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from enum import Enum

from gateway.rules.country import WordList

__all__ = ["Match", "Meaning", "Vocabulary", "normalise"]

FEW_WORDS = 4
"""A text of so few words that has a STOP word among them is a STOP: "Merci stop"."""
_LONG_WORD = 7
"""From here on one wrong, missing, added or swapped letter doesn't make another word."""


class Meaning(Enum):
    """What the gateway does with a reply. REVIEW: an objection is likely but not said; marketing is held."""

    STOP = "stop"
    START = "start"
    CONTACT = "contact"
    HELP = "help"
    REVIEW = "review"
    NONE = "none"


class Match:
    """The meaning, the rule that found it ("first-word", "phrase", …), the word of the list, its language."""

    __slots__ = ("language", "meaning", "rule", "word")

    def __init__(self, meaning: Meaning, rule: str = "", word: str = "", language: str = "") -> None:
        self.meaning = meaning
        self.rule = rule
        self.word = word
        self.language = language

    def __repr__(self) -> str:
        return f"Match({self.meaning.value}: {self.evidence})"

    @property
    def evidence(self) -> str:
        """For the opt-out's record: first-word "stop" (fr)."""
        return f'{self.rule} "{self.word}" ({self.language})' if self.rule else ""


# ── the letters ─────────────────────────────────────────────────────────────────────────────────────────
# Letters of other scripts that look like ours, and letters in frames that NFKD leaves alone.
_LOOKALIKES = {
    "a": "аαᴀ", "c": "сϲᴄ", "e": "еεᴇ", "h": "н", "i": "іι", "j": "ј", "k": "кκ", "m": "м", "o": "оοσᴏꓳ",
    "p": "рρпᴘꓑ", "r": "ʀ", "s": "ѕꜱꓢ", "t": "тτᴛꓔ", "x": "хχ", "y": "у",
}  # fmt: skip
_FRAMED = {
    first + letter: chr(ord("a") + letter)
    for first in (0x1F150, 0x1F170, 0x1F1E6)  # circled and squared white on black, regional indicators
    for letter in range(26)
}
_PLAIN = {ord(letter): plain for plain, letters in _LOOKALIKES.items() for letter in letters}
_LETTERS = {**_PLAIN, **_FRAMED, ord("œ"): "oe", ord("æ"): "ae", ord("ø"): "o", ord("ł"): "l"}
_LEET = str.maketrans("013457", "oieast")
_UNSEEN = {"Mn", "Me", "Cf"}
"""Combining marks, and format characters: zero-width spaces, joiners, soft hyphens, direction marks."""
_GAPS = re.compile(r"[\W_]+")
_CLAUSES = re.compile(r"[.!?;:,\n\r…()\[\]\"«»/|]+|\s[-–—]+\s")
_QUOTED = re.compile(r"^[ \t]*>[^\n]*\n?", re.MULTILINE)
_SPELT = re.compile(r"(?<!\w)\w(?: \w){3,}(?!\w)")
_RUNS = re.compile(r"(.)\1+")
_MIXED = re.compile(r"(?=.*[a-z])(?=.*[0-9])")


def normalise(text: str) -> str:
    """Lower case without accents, one blank between words; what can't be seen is gone, what is spelt is joined."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
        text = "".join(char for char in text if unicodedata.category(char) not in _UNSEEN)
        text = text.casefold().translate(_LETTERS)
    text = _GAPS.sub(" ", text.lower()).strip()
    return _SPELT.sub(lambda spelt: spelt[0].replace(" ", ""), text)


def _squeeze(word: str) -> str:
    return _RUNS.sub(r"\1", word)


def _less_one(word: str) -> set[str]:
    """The word and what is left of it when one letter goes: two words that share one are a slip apart."""
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}


# ── the lists, compiled ─────────────────────────────────────────────────────────────────────────────────
class _Phrases:
    """Phrases looked for anywhere in a normalised text; "…" stands for up to three words."""

    def __init__(self, phrases: Iterable[tuple[str, str]]) -> None:
        self._said: list[tuple[str, str]] = []
        patterns: list[str] = []
        for phrase, language in sorted(phrases, key=lambda entry: -len(entry[0])):
            words = [normalise(part) for part in phrase.split("…")]
            pattern = r"(?: \w+){0,3} ".join(re.escape(part) for part in words)
            patterns.append(f"({pattern})")
            self._said.append((phrase, language))
        # No phrase at all: a pattern that matches nothing.
        self._pattern = re.compile(rf"(?<!\w)(?:{'|'.join(patterns)})(?!\w)" if patterns else r"(?!)")

    def find(self, text: str) -> tuple[str, str] | None:
        match = self._pattern.search(text)
        return self._said[(match.lastindex or 1) - 1] if match else None

    def cut(self, text: str) -> str:
        """The text without them; a mark stays in their place, so that what is around doesn't grow together."""
        return self._pattern.sub("\x00", text)


class _Words:
    """Single words with their slips: whole, with repeated letters, with stuck-on words, with one wrong letter."""

    def __init__(self, words: dict[str, str], glue: Iterable[str], known: Iterable[str]) -> None:
        self._words = words
        self._squeezed = {_squeeze(word): word for word in words if len(word) >= FEW_WORDS}
        self._known = frozenset(known)
        self._near = {
            near: word for word in words if len(word) >= _LONG_WORD for near in _less_one(word)
        }
        stuck = "|".join(sorted(map(re.escape, glue), key=len, reverse=True)) or "(?!)"
        said = "|".join(sorted(map(re.escape, words), key=len, reverse=True))
        self._glued = re.compile(rf"(?:{stuck}|[0-9])*({said})(?:{stuck}|[0-9])*")

    def find(self, token: str) -> str:
        """The word that a token is or was meant to be, or ""."""
        if token in self._words:
            return token
        if token in self._known or len(token) < FEW_WORDS:
            return ""
        if squeezed := self._squeezed.get(_squeeze(token)):
            return squeezed
        if glued := self._glued.fullmatch(token):
            return glued[1]
        if _MIXED.match(token) and (plain := token.translate(_LEET)) in self._words:
            return plain
        if len(token) >= _LONG_WORD:
            for near in _less_one(token):
                if near in self._near:
                    return self._near[near]
        return ""


class Vocabulary:
    """The word lists of a country's languages, compiled once. The first language wins where two have a word."""

    def __init__(self, lists: Sequence[WordList]) -> None:
        self._language: dict[str, str] = {}
        strong = self._single(lists, lambda entry: (*entry.stop.words, *entry.stop.slips))
        glue = self._single(lists, lambda entry: entry.stop.glue)
        self._weak = self._single(lists, lambda entry: entry.stop.weak)
        self._alone: tuple[tuple[Meaning, dict[str, str]], ...] = (
            (Meaning.CONTACT, self._single(lists, lambda entry: entry.contact)),
            (Meaning.START, self._single(lists, lambda entry: entry.start)),
            (Meaning.HELP, self._single(lists, lambda entry: entry.help)),
        )
        known = {*self._weak, *(word for _, words in self._alone for word in words)}
        self._strong = _Words(strong, glue, known)
        self._strong_language = strong
        self._phrases = _phrases(lists, lambda entry: entry.stop.phrases)
        self._doubtful = _phrases(lists, lambda entry: entry.stop.doubtful)
        self._innocent = _phrases(lists, lambda entry: entry.stop.innocent)
        self._signs = {
            ord(sign[0]): f" {lists[0].stop.words[0]} " for entry in lists for sign in entry.stop.signs
        }
        fillers = sorted(self._single(lists, lambda entry: entry.fillers), key=len, reverse=True)
        filler = "|".join([*map(re.escape, fillers), r"[0-9]+"])
        self._fillers = re.compile(rf"(?<!\w)(?:{filler})(?!\w)")
        self._leading = re.compile(rf"(?:(?:{filler})(?: |$))+")
        linking = "|".join(sorted(map(re.escape, self._single(lists, lambda entry: entry.linking)), key=len))
        said = "|".join(sorted({re.escape(normalise(entry.stop.words[0])) for entry in lists}))
        self._mention = re.compile(rf"(?<!\w)(?:{said}) ?(?:(?:{linking}) )*([0-9]{{3,8}})(?!\w)")
        self._mentioned = tuple({normalise(entry.stop.words[0]) for entry in lists})

    @staticmethod
    def _single(lists: Sequence[WordList], pick: Callable[[WordList], Iterable[str]]) -> dict[str, str]:
        """Normalised word -> language."""
        words: dict[str, str] = {}
        for entry in lists:
            for word in pick(entry):
                words.setdefault(normalise(word), entry.language)
        return words

    def mention(self, text: str) -> str:
        """The number that a text tells to send STOP to ("STOP au 36180", "STOP 36180"), or ""."""
        if text.isascii() and not any(word in text.lower() for word in self._mentioned):
            return ""
        match = self._mention.search(normalise(text))
        return match[1] if match else ""

    def match(self, text: str) -> Match:
        """What a reply means. The first of these that holds:

        phrase        a phrase that says it, anywhere
        first-word    its first word, courtesies apart, is a STOP word, whatever follows
        few-words     a STOP word is among at most four
        own-sentence  a STOP word stands alone in a sentence or line, courtesies apart
        alone         a weak STOP word, CONTACT, START or HELP with nothing but courtesies and numbers;
                      CONTACT with one word more
        elsewhere     a STOP word anywhere else, a doubtful phrase, a weak word at the beginning: REVIEW

        Lines quoted with ">" are the advertiser's own text and are left out, unless there is nothing else.
        """
        own = _QUOTED.sub("", text)
        own = (own if own.strip() else text).translate(self._signs)
        said = self._innocent.cut(normalise(own))
        if phrase := self._phrases.find(said):
            return Match(Meaning.STOP, "phrase", *phrase)
        tokens = said.replace("\x00", " \x00 ").split()
        if not tokens:
            return Match(Meaning.NONE)
        stops = [word for token in tokens if (word := self._strong.find(token))]
        if stops and (stop := self._plain_stop(own, said, tokens, stops[0])):
            return stop
        if not stops and (alone := self._by_itself(said)):
            return alone
        return self._doubt(said, tokens, stops)

    def _plain_stop(self, own: str, said: str, tokens: list[str], found: str) -> Match | None:
        first = self._first(said)
        if word := self._strong.find(first):
            return Match(Meaning.STOP, "first-word", word, self._strong_language[word])
        language = self._strong_language[found]
        if len(tokens) <= FEW_WORDS and "\x00" not in tokens:
            return Match(Meaning.STOP, "few-words", found, language)
        for clause in _CLAUSES.split(own):
            words = self._innocent.cut(normalise(clause))
            bare = self._fillers.sub(" ", words).split()
            if len(bare) == 1 and (word := self._strong.find(bare[0])) and not re.search("[0-9]", words):
                return Match(Meaning.STOP, "own-sentence", word, self._strong_language[word])
        return None

    def _first(self, said: str) -> str:
        """The first word after greetings and courtesies; if there is nothing else, the first one."""
        courtesies = self._leading.match(said)
        rest = said[courtesies.end() :] if courtesies else said
        return (rest or said).partition(" ")[0]

    def _by_itself(self, said: str) -> Match | None:
        bare = " ".join(self._fillers.sub(" ", said).split()) or said
        if language := self._weak.get(bare):
            return Match(Meaning.STOP, "alone", bare, language)
        for meaning, words in self._alone:
            if language := words.get(bare):
                return Match(meaning, "alone", bare, language)
        contacts = self._alone[0][1]
        first, _, second = said.partition(" ")
        if first in contacts and " " not in second:
            return Match(Meaning.CONTACT, "alone", first, contacts[first])
        return None

    def _doubt(self, said: str, tokens: list[str], stops: list[str]) -> Match:
        if stops:
            return Match(Meaning.REVIEW, "elsewhere", stops[0], self._strong_language[stops[0]])
        if doubtful := self._doubtful.find(said):
            return Match(Meaning.REVIEW, "elsewhere", *doubtful)
        first = self._first(said)
        if first in self._weak and "\x00" not in tokens:
            return Match(Meaning.REVIEW, "elsewhere", first, self._weak[first])
        return Match(Meaning.NONE)


def _phrases(lists: Sequence[WordList], pick: Callable[[WordList], Iterable[str]]) -> _Phrases:
    return _Phrases((phrase, entry.language) for entry in lists for phrase in pick(entry))
