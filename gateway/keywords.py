"""Keywords: the first words of a reply, and the text that answers them ([accounts.X.keywords]). Pure.

Read after STOP, START and CONTACT, never instead of them: what those mean is no keyword, and a configuration that
names one is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gateway.config import Config
from gateway.rules.country_file import Law
from gateway.rules.letters import normalise
from gateway.rules.stopwords import Meaning
from gateway.settings import Fault

__all__ = ["CONTACT", "HELP", "Keywords", "keyword_faults"]

CONTACT, HELP = "contact", ("aide", "help")
"""Keywords with a meaning of their own: what says who writes, and what answers a word for help."""


class Keywords:
    """One account's table, its words as replies are compared: without case, accents and punctuation."""

    __slots__ = ("_longest", "_texts", "table")

    def __init__(self, table: Mapping[str, str]) -> None:
        self.table = table
        self._texts = {normalise(word): text for word, text in table.items()}
        self._longest = max((word.count(" ") + 1 for word in self._texts), default=0)

    def find(self, text: str) -> tuple[str, str]:
        """(keyword, its text) of the longest keyword that a reply begins with; ("", "") for none."""
        if not self._texts:
            return "", ""
        words = normalise(text).split(" ", self._longest)[: self._longest]
        for count in range(len(words), 0, -1):
            word = " ".join(words[:count])
            if word in self._texts:
                return word, self._texts[word]
        return "", ""

    def named(self, *words: str) -> tuple[str, str]:
        """(keyword, its text) of the first of these that the table has; ("", "") for none."""
        return next(((word, self._texts[word]) for word in words if word in self._texts), ("", ""))


def keyword_faults(config: Config, law: Law | None) -> Iterator[Fault]:
    """Keywords that nobody can write, that mean the same twice, or that mean STOP or START."""
    for name, account in config.accounts.items():
        known: dict[str, str] = {}
        for word in account.keywords:
            at = ("accounts", name, "keywords", word)
            plain = normalise(word)
            if not plain:
                yield Fault(
                    at, f'"{word}" has no letter or digit: nobody can write it; name a word like INFO'
                )
            elif plain in known:
                yield Fault(at, f'is the same as "{known[plain]}" once case and accents are gone: keep one')
            elif law is not None and law.vocabulary.match(word).meaning in (Meaning.STOP, Meaning.START):
                meaning = law.vocabulary.match(word).meaning.name
                yield Fault(at, f'"{word}" means {meaning}, which the gateway answers itself: take it out')
            known.setdefault(plain, word)
