"""What a marketing text must show: who sends it, and how to object. And what is marketing, whatever it is called.

A transactional text with a STOP mention (STOP and a short code) is judged as marketing, before it is routed;
otp and alert never are. Marketing shows the account's brand in sender or text, and a STOP mention: asked for
("require"), or added ("append") and counted in the segments. The parts of a text that its application has
split wait for each other, at most 60 s, and are judged joined. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from drivers.sms.alphabet import Alphabet, alphabet_of, decode, fit
from drivers.sms.split import segment_count
from gateway import answers
from gateway.lifecycle import State
from gateway.model import Kind, Message
from gateway.rules.letters import normalise
from gateway.rules.rule import Action, Batch, Verdict
from gateway.rules.split_texts import TextKey, part_of, text_key

if TYPE_CHECKING:
    from drivers.sms.udh import Concat
    from gateway.accounts import Account

__all__ = ["ContentRule"]

_MARKETING = int(Kind.MARKETING)
_TRANSACTIONAL = int(Kind.TRANSACTIONAL)
WAIT_MS = 60_000
"""How long the parts of a text wait for each other; the first that came is judged alone after that."""
_TEXTS_KEPT = 10_000


_NARROW, _WIDE = b"STOP", b"S\0T\0O\0P"
"""STOP in GSM 03.38 or Latin-1, and in UCS-2: a text without these octets has no mention."""
_USUAL = re.compile(r"(?<!\w)stop (?:au )?[0-9]{3,8}(?!\w)", re.IGNORECASE)
"""The mention as nearly all write it: found at a tenth of what reading the whole text costs."""
_PLAIN = re.compile(r"[0-9A-Za-z .,'&+-]+")
_USUAL_OCTETS = re.compile(rb"STOP (?<=[\n\r -/:-?]STOP )(?:AU )?[0-9]{3,8}(?=[\n\r -/:-?]|\Z)")
"""The same in octets made capitals, within a text, between signs that GSM 03.38, ASCII and Latin-1 share."""


def _text_of(message: Message) -> str:
    """What can be read of it; "" for binary data."""
    if alphabet_of(message.data_coding) is Alphabet.OCTETS:
        return ""
    return decode(message.payload, message.data_coding, "gsm7", message.udh)


class _Split:
    """A text that its application has split: the parts that came, and what was said of the whole."""

    __slots__ = ("fault", "ids", "parts", "since", "total")

    def __init__(self, since: int, total: int) -> None:
        self.since = since
        self.total = total
        self.parts: dict[int, str] = {}
        self.ids: dict[int, int] = {}
        self.fault = ""

    @property
    def text(self) -> str:
        return "".join(self.parts[sequence] for sequence in sorted(self.parts))


class ContentRule:
    """The rule. mention: as in [rules.stop]; mention_of: the number that a text tells to send STOP to, or "".

    wording: what is appended, with {short_code}. judged: the messages of the batch prepared last that were sent as
    transactional and are marketing. released(): the parts that need wait no longer, their text being whole.
    """

    name: ClassVar = "content"
    recheck: ClassVar = True
    marketing_only: ClassVar = True

    def __init__(
        self,
        mention: str,
        mention_of: Callable[[str], str],
        wording: str = " STOP {short_code}",
    ) -> None:
        self._mention = mention
        self._mention_of = mention_of
        self._wording = wording
        self._split: dict[TextKey, _Split] = {}
        self._whole: list[int] = []
        self.judged: list[Message] = []
        self._brands: dict[str, str] = {}
        self._octets: dict[str, bytes] = {}

    def version(self, now_ms: int) -> int:  # noqa: ARG002 - the contract's
        """Whole texts are judged once; parts are asked about each time."""
        return 0

    # ── before it is routed ──────────────────────────────────────────────────────────────────────────────
    def prepare(self, messages: Sequence[Message], account: Account) -> dict[int, Verdict]:
        """Change kinds and append mentions; the refusals, by place in the batch."""
        refused: dict[int, Verdict] = {}
        if self.judged:
            self.judged = []
        appends = self._mention == "append"
        for index, m in enumerate(messages):
            if m.kind == _TRANSACTIONAL:  # the busiest path of all rules: octets first
                upper = m.payload.upper()
                if _NARROW in upper or (m.data_coding and _WIDE in upper):
                    self._reclass(m, account, index, refused)
            if appends and m.kind == _MARKETING and index not in refused and not m.udh:
                self._append(m, account, index, refused)
        return refused

    def _reclass(self, m: Message, account: Account, index: int, refused: dict[int, Verdict]) -> None:
        number = self._mention_of(_text_of(m))
        if not number:
            return
        if Kind.MARKETING not in account.kinds:
            reason = (
                f"its STOP mention ({number}) makes it marketing, which account {account.name} may not send"
            )
            refused[index] = Verdict(self.name, Action.REFUSE, reason, answers.BAD_SERVICE_TYPE)
            return
        m.kind = Kind.MARKETING
        self.judged.append(m)

    def _append(self, m: Message, account: Account, index: int, refused: dict[int, Verdict]) -> None:
        text = _text_of(m)
        if not account.stop_number or not text or self._mentions(text):
            return  # judge() says what is missing
        coding, payload = fit(text + self._wording.format(short_code=account.stop_number))
        parts = segment_count(payload, coding)
        if parts > account.max_segments:
            reason = (
                f"with its STOP mention the text takes {parts} segments;"
                f" account {account.name} may send {account.max_segments}"
            )
            refused[index] = Verdict(self.name, Action.REFUSE, reason, answers.MESSAGE_LENGTH)
            return
        m.data_coding, m.payload, m.parts = coding, payload, parts

    # ── the verdict ──────────────────────────────────────────────────────────────────────────────────────
    def sift(self, batch: Batch) -> Sequence[int]:
        """What nearly all texts are, without reading them: brand and mention as they are usually written."""
        brand = batch.account.brand
        octets, off, search = self._octets_of(brand), self._mention == "off", _USUAL_OCTETS.search
        places: list[int] = []
        text, source = b"", ""
        for place, m in enumerate(batch.messages):
            payload = m.payload
            if payload == text and m.source == source and not m.data_coding and not m.udh:
                continue  # a campaign says the same to many
            if (
                m.udh
                or m.data_coding
                or (brand and brand not in m.source and octets not in payload)
                or not (off or search(payload) or search(payload.upper()))
            ):
                places.append(place)
            else:
                text, source = payload, m.source
        return places

    def judge(self, message: Message, account: Account, now_ms: int) -> Verdict | None:
        if message.kind != _MARKETING:
            return None
        if message.state is not State.NEW:
            return self._again(message, now_ms) if message.udh else None
        concat = part_of(message.udh) if message.udh else None
        if concat is not None:
            return self._part(message, account, now_ms, concat)
        return self._refusal(self._fault(message.source, _text_of(message), account))

    def _octets_of(self, brand: str) -> bytes:
        """What a text with this brand has in it; of other characters GSM 03.38 and ASCII differ."""
        octets = self._octets.get(brand)
        if octets is None:
            octets = self._octets[brand] = brand.encode() if _PLAIN.fullmatch(brand) else b"\xff"
        return octets

    def _fault(self, source: str, text: str, account: Account) -> str:
        """What a whole text lacks, or ""."""
        if account.brand and not self._shows(account.brand, source, text):
            return f"marketing must show the brand {account.brand!r} in its sender or its text"
        if self._mention != "off" and not self._mentions(text):
            if self._mention == "append" and not account.stop_number:
                return f"account {account.name} has no stop_number to append to marketing"
            example = self._wording.format(short_code=account.stop_number or "36180").strip()
            return f"marketing must say how to object, such as {example!r}"
        return ""

    def _shows(self, brand: str, source: str, text: str) -> bool:
        """Whatever the case, the accents and what stands between the letters."""
        if brand in text or brand in source:
            return True
        wanted = self._brands.get(brand)
        if wanted is None:
            wanted = self._brands[brand] = normalise(brand).replace(" ", "")
        return wanted in normalise(source).replace(" ", "") or wanted in normalise(text).replace(" ", "")

    def _mentions(self, text: str) -> bool:
        return _USUAL.search(text) is not None or bool(self._mention_of(text))

    def _refusal(self, fault: str) -> Verdict | None:
        return Verdict(self.name, Action.REFUSE, fault, answers.MENTION_MISSING) if fault else None

    # ── texts that the application has split ─────────────────────────────────────────────────────────────
    def _part(self, m: Message, account: Account, now_ms: int, concat: Concat) -> Verdict | None:
        key, total, sequence = text_key(m, concat), concat.total, concat.sequence
        split = self._split.get(key)
        if split is None or now_ms - split.since >= WAIT_MS:
            if split is None and len(self._split) >= _TEXTS_KEPT:
                del self._split[next(iter(self._split))]
            split = self._split[key] = _Split(now_ms, total)
        split.parts[sequence] = _text_of(m)
        if len(split.parts) < total:
            split.ids[sequence] = m.id
            reason = f"part {sequence} of {total} waits for the others, to be judged with them"
            return Verdict(self.name, Action.POSTPONE, reason, 0, split.since + WAIT_MS)
        self._whole += [message_id for part, message_id in split.ids.items() if part != sequence]
        split.fault = self._fault(m.source, split.text, account)
        if not split.fault:
            del self._split[key]
        return self._refusal(split.fault)

    def released(self) -> list[int]:
        """Asked after a batch: the ids of parts that waited for one of it, good or bad; each is told once."""
        whole, self._whole = self._whole, []
        return whole

    def _again(self, m: Message, now_ms: int) -> Verdict | None:
        """A part before the wire. Texts that were found good are not kept; nor is any over a restart."""
        concat = part_of(m.udh)
        split = self._split.get(text_key(m, concat)) if concat is not None else None
        if split is None:
            return None
        if split.fault:
            return self._refusal(split.fault)
        if now_ms < split.since + WAIT_MS:
            return Verdict(self.name, Action.POSTPONE, "waits for the other parts", 0, split.since + WAIT_MS)
        missing = split.total - len(split.parts)
        return self._refusal(f"{missing} of its {split.total} parts did not come within 60 s")
