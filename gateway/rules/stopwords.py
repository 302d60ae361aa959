"""What a reply means: STOP, START, CONTACT, HELP, doubt, or nothing; with the rule that says so, as evidence.

The words are data (countries/words/*.toml); here is only how they are looked for. A false STOP costs one
reader, a STOP that is missed is an offence: so the order of Vocabulary.match leans towards STOP, and START
counts only when it stands alone. Match on the whole text where it is there, else on each part. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from enum import Enum

from gateway.rules.country import WordList
from gateway.rules.letters import normalise

__all__ = ["Match", "Meaning", "Vocabulary"]

FEW_WORDS = 4
"""A text of so few words that has a STOP word among them is a STOP: "Merci stop"."""
READ = 4_000
"""A reply of so many characters, its quotations apart, is read whole: some 26 segments, 60 of UCS-2."""
_END = 1_000
"""Of a longer one the end is read, and the beginning: a phone may send 255 segments, which cost a tenth of a second."""
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


_LEET = str.maketrans("013457", "oieast")
_CLAUSES = re.compile(r"[.!?;:,\n\r…()\[\]\"«»/|]+|\s[-–—]+\s")
_QUOTED = re.compile(r"^[ \t]*>[^\n]*\n?", re.MULTILINE)
_RUNS = re.compile(r"(.)\1+")
_WORD = re.compile(r"\w+")
_DIGIT = re.compile(r"[0-9]")
_CUT = "\x00"
"""Stands where an innocent phrase was."""
_MIXED = re.compile(r"(?=.*[a-z])(?=.*[0-9])")


def _squeeze(word: str) -> str:
    return _RUNS.sub(r"\1", word)


def _less_one(word: str) -> list[str]:
    """The word and what is left of it when one letter goes: two words that share one are a slip apart."""
    return [word, *(word[:at] + word[at + 1 :] for at in range(len(word)))]


# ── the lists, compiled ─────────────────────────────────────────────────────────────────────────────────
class _Kind(Enum):
    SAID = "said"
    DOUBTFUL = "doubtful"
    INNOCENT = "innocent"


class _Phrase:
    """One phrase. pattern: of its normalised words; "…" stands for up to three words."""

    __slots__ = ("kind", "language", "pattern", "text")

    def __init__(self, text: str, kind: _Kind, language: str) -> None:
        self.text = text
        self.kind = kind
        self.language = language
        words = r"(?: \w+){0,3} ".join(re.escape(normalise(part)) for part in text.split("…"))
        self.pattern = re.compile(words + r"(?!\w)")


class _Heard:
    """What a scan found: a phrase that says STOP, one that is doubtful, and the text without any phrase."""

    __slots__ = ("doubtful", "rest", "said")

    def __init__(self) -> None:
        self.said: _Phrase | None = None
        self.doubtful: _Phrase | None = None
        self.rest = ""


class _Phrases:
    """All phrases, found in one walk: the one that begins first wins, and of those the longest."""

    def __init__(self, lists: Sequence[WordList]) -> None:
        self._by_first: dict[str, list[_Phrase]] = {}
        for entry in lists:
            kinds = ((_Kind.SAID, entry.stop.phrases), (_Kind.DOUBTFUL, entry.stop.doubtful))
            for kind, phrases in (*kinds, (_Kind.INNOCENT, entry.stop.innocent)):
                for text in phrases:
                    first = normalise(text.partition("…")[0]).partition(" ")[0]
                    self._by_first.setdefault(first, []).append(_Phrase(text, kind, entry.language))

    def hear(self, text: str) -> _Heard:
        """Innocent phrases leave a mark in the rest, so that what is around them doesn't grow together."""
        heard = _Heard()
        kept: list[str] = []
        end = 0
        for word in _WORD.finditer(text):
            if word.start() < end:
                continue
            found = self._longest(word[0], text, word.start())
            if found is None:
                kept.append(word[0])
                continue
            phrase, end = found
            if phrase.kind is _Kind.SAID:
                heard.said = heard.said or phrase
            elif phrase.kind is _Kind.DOUBTFUL:
                heard.doubtful = heard.doubtful or phrase
            else:
                kept.append(_CUT)
        heard.rest = " ".join(kept)
        return heard

    def _longest(self, first: str, text: str, at: int) -> tuple[_Phrase, int] | None:
        best: tuple[_Phrase, int] | None = None
        for phrase in self._by_first.get(first, ()):
            match = phrase.pattern.match(text, at)
            if match and (best is None or match.end() > best[1]):
                best = phrase, match.end()
        return best


def _ends(text: str) -> str:
    """What is read of a text, its beginning and end as sentences of their own."""
    return text if len(text) <= READ else f"{text[: READ - _END]}\n{text[-_END:]}"


class _Words:
    """Single words with their slips: whole, with repeated letters, with stuck-on words, with one wrong letter."""

    def __init__(
        self, words: Iterable[str], slips: Iterable[str], glue: Iterable[str], others: Iterable[str]
    ) -> None:
        """others: words that mean something else, however near: anmelden is no slip of abmelden."""
        words = tuple(words)
        self._others = frozenset(others)
        self._words = frozenset((*words, *slips))
        self._squeezed: dict[str, str] = {}
        self._near: dict[str, str] = {}
        for word in (*words, *slips):
            if len(word) >= FEW_WORDS:
                self._squeezed.setdefault(_squeeze(word), word)
        for word in words:
            if len(word) >= _LONG_WORD:
                self._near |= dict.fromkeys(_less_one(word), word)
        # A longer token is a slip of none: to leave out each letter of one of 39,000 takes four seconds.
        self._longest = max(map(len, self._near), default=0) + 1
        stuck = _either(glue)
        said = _either(word for word in words if FEW_WORDS <= len(word) < _LONG_WORD)
        self._within = re.compile(said)
        self._glued = re.compile(rf"(?:{stuck}|[0-9])*({said})(?:{stuck}|[0-9])*[a-z]?")

    def find(self, token: str) -> str:
        """The word that a token is or was meant to be, or ""."""
        if token in self._words:
            return token
        if len(token) < FEW_WORDS or token in self._others:
            return ""
        if squeezed := self._squeezed.get(_squeeze(token)):
            return squeezed
        if self._within.search(token) and (glued := self._glued.fullmatch(token)):
            return glued[1]
        if _MIXED.match(token) and (plain := token.translate(_LEET)) in self._words:
            return plain
        if _LONG_WORD <= len(token) <= self._longest:
            for near in _less_one(token):
                if near in self._near:
                    return self._near[near]
        return ""


def _either(words: Iterable[str]) -> str:
    """A pattern for any of these, the longest first; for none of them, one that never matches."""
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True)) or "(?!)"


def _single(lists: Sequence[WordList], pick: Callable[[WordList], Iterable[str]]) -> dict[str, str]:
    """Normalised word -> language, the first one's where two have it."""
    words: dict[str, str] = {}
    for entry in lists:
        for word in pick(entry):
            words.setdefault(normalise(word), entry.language)
    return words


class Vocabulary:
    """The word lists of a country's languages, compiled once. The first language wins where two have a word."""

    def __init__(self, lists: Sequence[WordList]) -> None:
        words = _single(lists, lambda entry: entry.stop.words)
        slips = _single(lists, lambda entry: entry.stop.slips)
        self._strong_language = slips | words
        self._weak = _single(lists, lambda entry: entry.stop.weak)
        self._contact = _single(lists, lambda entry: entry.contact)
        self._alone: dict[str, tuple[Meaning, str]] = {}
        for meaning, alone in (
            (Meaning.STOP, self._weak),
            (Meaning.CONTACT, self._contact),
            (Meaning.START, _single(lists, lambda entry: entry.start)),
            (Meaning.HELP, _single(lists, lambda entry: entry.help)),
        ):
            for word, language in alone.items():
                self._alone.setdefault(word, (meaning, language))
        self._strong = _Words(words, slips, _single(lists, lambda entry: entry.stop.glue), self._alone)
        self._alone_words = frozenset(word for entry in self._alone for word in entry.split())
        self._phrases = _Phrases(lists)
        said = f" {normalise(lists[0].stop.words[0])} "
        self._signs = {ord(sign): said for entry in lists for sign in entry.stop.signs}
        filler = _either(_single(lists, lambda entry: entry.fillers)) + "|[0-9]+"
        self._fillers = re.compile(rf"(?<!\w)(?:{filler})(?!\w)")
        self._leading = re.compile(rf"(?:(?:{filler})(?: |$))+")
        self._stop = frozenset(normalise(entry.stop.words[0]) for entry in lists)
        linking = _either(_single(lists, lambda entry: entry.linking))
        self._mention = re.compile(
            rf"(?<!\w)(?:{_either(self._stop)}) ?(?:(?:{linking}) )*([0-9]{{3,8}})(?!\w)"
        )

    def mention(self, text: str) -> str:
        """The number that a text tells to send STOP to ("STOP au 36180", "STOP 36180"), or ""."""
        lower = text.lower()
        if not any(word in lower for word in self._stop):
            return ""
        match = self._mention.search(normalise(lower))
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

        Lines quoted with ">" are the advertiser's own text and are left out, unless there is nothing else. Of
        more than READ characters the middle is left out.
        """
        own = _QUOTED.sub("", text)
        own = _ends(own if own.strip() else text).translate(self._signs)
        heard = self._phrases.hear(normalise(own))
        if heard.said is not None:
            return Match(Meaning.STOP, "phrase", heard.said.text, heard.said.language)
        tokens = heard.rest.split()
        stops = [word for token in tokens if (word := self._strong.find(token))]
        if stops:
            return self._stopped(own, heard.rest, tokens, stops[0])
        if not self._alone_words.isdisjoint(tokens) and (alone := self._by_itself(heard.rest)):
            return alone
        if heard.doubtful is not None:
            return Match(Meaning.REVIEW, "elsewhere", heard.doubtful.text, heard.doubtful.language)
        first = self._first(heard.rest)
        if first in self._weak and _CUT not in tokens:
            return Match(Meaning.REVIEW, "elsewhere", first, self._weak[first])
        return Match(Meaning.NONE)

    def _stopped(self, own: str, rest: str, tokens: list[str], found: str) -> Match:
        """A STOP word is in the text: where does it stand?"""
        meaning, rule, word = Meaning.REVIEW, "elsewhere", found
        if first := self._strong.find(self._first(rest)):
            meaning, rule, word = Meaning.STOP, "first-word", first
        elif len(tokens) <= FEW_WORDS and _CUT not in tokens:
            meaning, rule = Meaning.STOP, "few-words"
        elif lone := self._own_sentence(own):
            meaning, rule, word = Meaning.STOP, "own-sentence", lone
        return Match(meaning, rule, word, self._strong_language[word])

    def _own_sentence(self, own: str) -> str:
        """A sentence with a number in it is no such one: "STOP 36180" may be our own mention, sent back."""
        for clause in _CLAUSES.split(own):
            words = self._phrases.hear(normalise(clause)).rest
            bare = self._fillers.sub(" ", words).split()
            if len(bare) == 1 and (word := self._strong.find(bare[0])) and not _DIGIT.search(words):
                return word
        return ""

    def _first(self, rest: str) -> str:
        """The first word after greetings and courtesies; if there is nothing else, the first one."""
        courtesies = self._leading.match(rest)
        return ((rest[courtesies.end() :] if courtesies else rest) or rest).partition(" ")[0]

    def _by_itself(self, rest: str) -> Match | None:
        bare = " ".join(self._fillers.sub(" ", rest).split())
        word = bare if bare in self._alone else rest
        if word in self._alone:
            meaning, language = self._alone[word]
            return Match(meaning, "alone", word, language)
        first, _, second = rest.partition(" ")
        if first in self._contact and " " not in second:
            return Match(Meaning.CONTACT, "alone", first, self._contact[first])
        return None
