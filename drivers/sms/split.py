"""Long messages: one payload into parts, parts into one payload. 3GPP TS 23.040 §9.2.3.24.1.

split() never cuts an escape pair or a surrogate pair. Joiner puts inbound parts together again: in any order,
each part once, and for so long only; an incomplete message comes out too, marked, because a STOP may stand in
the part that did arrive. Its memory is bounded, its clock is an argument. Octets are joined before they are
decoded: foreign senders do cut pairs. Storing parts is the caller's: each brings a token, and gets it back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from drivers.sms.alphabet import Alphabet, alphabet_of, decode
from drivers.sms.udh import concat_header, concat_of, parse_udh

__all__ = ["Joined", "Joiner", "Kind", "Part", "segment_count", "split"]

Kind = Literal["", "udh8", "udh16", "sar"]
_Key = tuple[str, str, str, int, int]

_MOST_PARTS = 255
_SINGLE = {Alphabet.GSM7: 160}
_PART = {Alphabet.GSM7: 153}
_PART_WIDE = {Alphabet.GSM7: 152, Alphabet.UCS2: 132}
# By data_coding, in octets of an unpacked payload (a septet takes one): alone, behind 6 octets of header, 7.
_SINGLE_OCTETS = tuple(_SINGLE.get(alphabet_of(coding), 140) for coding in range(256))
_PART_OCTETS = tuple(_PART.get(alphabet_of(coding), 134) for coding in range(256))
_WIDE_PART_OCTETS = tuple(_PART_WIDE.get(alphabet_of(coding), 133) for coding in range(256))


def segment_count(payload: bytes, data_coding: int) -> int:
    """How many short messages a payload takes with 8-bit references: 1 for an empty one."""
    if len(payload) <= _SINGLE_OCTETS[data_coding]:
        return 1
    return sum(1 for _ in _cuts(payload, data_coding, _PART_OCTETS[data_coding]))


def split(payload: bytes, data_coding: int, reference: int, wide: bool = False) -> list[tuple[bytes, bytes]]:
    """(header with its length octet, part) pairs in order; [(b"", payload)] when one suffices.

    reference: its low 8 bits are used, 16 when wide. Raises ValueError beyond 255 parts.
    """
    if len(payload) <= _SINGLE_OCTETS[data_coding]:
        return [(b"", payload)]
    limit = (_WIDE_PART_OCTETS if wide else _PART_OCTETS)[data_coding]
    parts = list(_cuts(payload, data_coding, limit))
    total = len(parts)
    if total > _MOST_PARTS:
        raise ValueError(
            f"a text of {len(payload)} octets takes {total} parts: at most {_MOST_PARTS} can be numbered"
        )
    return [(concat_header(reference, total, n, wide), part) for n, part in enumerate(parts, 1)]


def _cuts(payload: bytes, data_coding: int, limit: int) -> Iterator[bytes]:
    alphabet = alphabet_of(data_coding)
    start = 0
    while len(payload) - start > limit:
        end = start + limit
        if alphabet is Alphabet.GSM7:
            head = payload[start:end]
            # An odd run of ESC at the end: the last one begins a pair that the cut would tear.
            end -= (limit - len(head.rstrip(b"\x1b"))) & 1
        elif alphabet is Alphabet.UCS2 and 0xD8 <= payload[end - 2] <= 0xDB:
            end -= 2
        yield payload[start:end]
        start = end
    yield payload[start:]


class Part:
    """One inbound short message, alone or one of several.

    source, destination: canonical. kind, reference, total, sequence: its numbering; kind "" and total 0 when
    it has none. udh: its header, which may name national tables. token: the caller's own.
    """

    __slots__ = (
        "data_coding",
        "destination",
        "kind",
        "payload",
        "reference",
        "sequence",
        "source",
        "token",
        "total",
        "udh",
    )

    def __init__(
        self,
        source: str,
        destination: str,
        kind: Kind,
        reference: int,
        total: int,
        sequence: int,
        data_coding: int,
        payload: bytes,
        token: object,
        udh: bytes = b"",
    ) -> None:
        self.source = source
        self.destination = destination
        self.kind = kind
        self.reference = reference
        self.total = total
        self.sequence = sequence
        self.data_coding = data_coding
        self.payload = payload
        self.token = token
        self.udh = udh

    @classmethod
    def of(
        cls, source: str, destination: str, udh: bytes, data_coding: int, payload: bytes, token: object
    ) -> Part:
        """The part that a message with this header (or b"") is."""
        concat = concat_of(udh)
        if concat is None:
            return cls(source, destination, "", 0, 0, 0, data_coding, payload, token, udh)
        kind: Kind = "udh16" if concat.wide else "udh8"
        return cls(
            source,
            destination,
            kind,
            concat.reference,
            concat.total,
            concat.sequence,
            data_coding,
            payload,
            token,
            udh,
        )


class Joined:
    """A whole message, or what came of it before its time was over (complete False).

    runs: (data_coding, udh, octets): neighbouring parts of one alphabet, joined; a gap begins a new run.
    tokens: those of the parts, by sequence.
    """

    __slots__ = ("complete", "destination", "runs", "source", "tokens")

    def __init__(self, parts: list[Part], complete: bool) -> None:
        self.source = parts[0].source
        self.destination = parts[0].destination
        self.complete = complete
        self.tokens = [part.token for part in parts]
        self.runs = _runs(parts)

    def text(self, default: str = "gsm7") -> str:
        """The text of all runs; default: as in alphabet.decode()."""
        return "".join(decode(octets, coding, default, udh) for coding, udh, octets in self.runs)


def _runs(parts: list[Part]) -> list[tuple[int, bytes, bytes]]:
    if len(parts) == 1:
        return [(parts[0].data_coding, parts[0].udh, parts[0].payload)]
    runs: list[tuple[int, bytes, bytes]] = []
    previous: Part | None = None
    for part in parts:
        if (
            previous is not None
            and part.sequence == previous.sequence + 1
            and part.data_coding == previous.data_coding
            and _languages(part.udh) == _languages(previous.udh)
        ):
            coding, udh, octets = runs[-1]
            runs[-1] = coding, udh, octets + part.payload
        else:
            runs.append((part.data_coding, part.udh, part.payload))
        previous = part
    return runs


def _languages(udh: bytes) -> tuple[int, int]:
    header = parse_udh(udh)
    return (header.locking, header.single) if header else (0, 0)


class _Open:
    """A message of which parts are missing."""

    __slots__ = ("deadline", "parts")

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.parts: dict[int, Part] = {}

    def joined(self, complete: bool) -> Joined:
        return Joined([self.parts[n] for n in sorted(self.parts)], complete)


class Joiner:
    """Puts the parts of inbound long messages together.

    wait: seconds from the first part until a message counts as incomplete. remember: seconds for which a copy
    of a part of a finished message is known as a copy (an SMSC repeats what it saw no response to). capacity:
    parts held at most; beyond it the oldest message is given up as incomplete, by the next expired().
    """

    def __init__(self, wait: float = 1800.0, remember: float = 600.0, capacity: int = 20_000) -> None:
        self._wait = wait
        self._remember = remember
        self._capacity = capacity
        self._held = 0
        self._open: dict[_Key, _Open] = {}  # in order of deadline: each is set once, `wait` after now
        self._finished: dict[
            _Key, tuple[float, dict[int, int]]
        ] = {}  # until when, sequence -> hash of payload
        self._given_up: list[Joined] = []
        self._copies: list[object] = []

    @property
    def pending(self) -> int:
        """How many messages wait for parts."""
        return len(self._open)

    def add(self, part: Part, now: float) -> Joined | None:
        """The message that this part completes, None while parts are missing or when it is a copy.

        A part that is numbered impossibly (sequence 0 or beyond total, total 0) is a message of its own.
        """
        if part.total <= 1 or not 1 <= part.sequence <= part.total:
            return Joined([part], complete=True)
        key = (part.source, part.destination, part.kind, part.reference, part.total)
        opened = self._open.get(key)
        if opened is not None and opened.deadline <= now:  # the reference is in use again
            self._give_up(key)
            opened = None
        if opened is None:
            if self._is_late_copy(key, part, now):
                self._copies.append(part.token)
                return None
            opened = self._open[key] = _Open(now + self._wait)
        elif part.sequence in opened.parts:
            self._copies.append(part.token)
            return None
        opened.parts[part.sequence] = part
        self._held += 1
        if len(opened.parts) == part.total:
            return self._finish(key, now)
        while self._held > self._capacity:
            self._give_up(next(iter(self._open)))
        return None

    def expired(self, now: float) -> list[Joined]:
        """Messages whose time is over or whose room was needed, complete False, oldest first; each once."""
        while self._open:
            key, oldest = next(iter(self._open.items()))
            if oldest.deadline > now:
                break
            self._give_up(key)
        self._forget(now)
        given_up, self._given_up = self._given_up, []
        return given_up

    def drop(self, source: str) -> None:
        """Forget all unfinished messages of one sender; nobody will hear of their parts."""
        for key in [key for key in self._open if key[0] == source]:
            self._held -= len(self._open.pop(key).parts)

    def copies(self) -> list[object]:
        """Tokens of the parts ignored as copies since the last call: what was stored for them can go."""
        copies, self._copies = self._copies, []
        return copies

    def _finish(self, key: _Key, now: float) -> Joined:
        opened = self._open.pop(key)
        self._held -= len(opened.parts)
        seen = {sequence: hash(part.payload) for sequence, part in opened.parts.items()}
        self._finished.pop(key, None)  # so that the newest stands last
        self._finished[key] = now + self._remember, seen
        if len(self._finished) > self._capacity:
            del self._finished[next(iter(self._finished))]
        return opened.joined(complete=True)

    def _give_up(self, key: _Key) -> None:
        opened = self._open.pop(key)
        self._held -= len(opened.parts)
        self._given_up.append(opened.joined(complete=False))

    def _is_late_copy(self, key: _Key, part: Part, now: float) -> bool:
        """Same place and octets as in a message just finished; other octets: a new message."""
        until, seen = self._finished.get(key, (0.0, {}))
        return now < until and seen.get(part.sequence) == hash(part.payload)

    def _forget(self, now: float) -> None:
        while self._finished:
            key = next(iter(self._finished))
            if self._finished[key][0] > now:
                break
            del self._finished[key]
