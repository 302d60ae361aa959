"""Which message a carrier's id means: the newest in memory, the rest in the store.

Two generations of a dictionary: the young one becomes the old one when it is full or a minute old, and the
old one is dropped, a second later. So memory is bounded, nothing is timed one by one, and a message stays known
for a while after its verdict, which is how a second receipt is seen to be one. What was repeated has generations
of its own.
Of what was dropped the digests stay, eight octets each: enough to see that a receipt is no news.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from gateway.lifecycle import FINAL, State
from gateway.model import Kind, Message

__all__ = ["NO_ID", "Correlation", "Found", "is_settled", "key_of", "settled"]

NO_ID = "?"
"""Written where a carrier accepted and gave no id: no receipt can be matched, and its wait must end by time."""

GENERATION = 40_000

REPEATS = 900.0
"""Seconds: who repeats a receipt has not read our answer, and repeats it again, within so long at least."""

MOST_REPEATED = 20_000

FORGOTTEN = 3600.0
"""Seconds for which the digest of an id that was dropped stays known."""

MOST_FORGOTTEN = 500_000

Found = tuple[Message, int]
"""A message and the index of its part; -1 when it has one segment."""

_ENDED: Found = Message(0, "", Kind.TRANSACTIONAL, 0, "", "", 0, b"", b"", 0, 0, 0), -1
_ENDED[0].state = State.DELIVERED
"""What a repeated receipt is about when its message is not at hand: none moves it, each is counted as one more."""


class Correlation:
    """By bearer and canonical id. at_hand: gives the object of a message that waits in memory, by its id."""

    __slots__ = (
        "_born",
        "_forgotten",
        "_leaving",
        "_old",
        "_repeated",
        "_repeated_before",
        "_repeated_born",
        "_settled",
        "_settled_until",
        "_young",
        "at_hand",
    )

    def __init__(self) -> None:
        self.at_hand: Callable[[int], Message | None] = lambda _: None
        self._young: dict[str, Found] = {}
        self._old: dict[str, Found] = {}
        self._leaving: dict[str, Found] = {}
        self._settled: dict[str, Found] = {}
        self._settled_until = 0.0
        self._repeated: dict[str, Found] = {}
        self._repeated_before: dict[str, Found] = {}
        self._repeated_born = 0.0
        self._forgotten: deque[tuple[float, bytes]] = deque()
        self._born = 0.0

    def add(self, bearer: str, key: str, message: Message, part: int) -> None:
        self._young[bearer + " " + key] = (message, part)

    def know(self, bearer: str, carrier_id: str, message: Message, part: int) -> None:
        """As add, by the id as the carrier wrote it."""
        self.add(bearer, key_of(carrier_id), message, part)

    def recall(self, settled: Iterable[tuple[Message, int, str, str]], until: float) -> None:
        """At start: (message, part, bearer, carrier's id) of what a receipt has settled in the last process."""
        self._settled = {bearer + " " + key_of(cid): (m, part) for m, part, bearer, cid in settled}
        self._settled_until = until

    def find(self, bearer: str, key: str) -> Found | None:
        name = bearer + " " + key
        found = self._young.get(name) or self._old.get(name) or self._settled.get(name)
        if found is None:
            found = self._repeated.get(name) or self._repeated_before.get(name)
        if found is None and (found := self._leaving.get(name)) is not None:
            self._young[name] = found
        if found is not None and is_settled(*found):
            self._repeated[name] = (
                found  # its receipt is repeated: it stays known for as long as that goes on
            )
        return found

    def ended(self, bearer: str, keys: Sequence[str]) -> Found | None:
        """For ids that neither memory nor the store knows: nobody's message, that has ended, if one had such an id
        within the hour. It looks through all digests: to be asked only where the number alone would tell.
        """
        digests = [_digests([bearer + " " + key]) for key in keys]
        if any(digest in dropped for _, dropped in self._forgotten for digest in digests):
            return _ENDED
        return None

    def known(self, bearer: str, carrier_id: str, message_id: int) -> Message | None:
        """The object in memory of a message that was read from the store, so that no copy is changed."""
        found = self.find(bearer, key_of(carrier_id))
        return found[0] if found is not None and found[0].id == message_id else None

    def the_one(self, bearer: str, stored: Message) -> Message:
        """The object of a message of several parts that was just read from the store.

        Each part's receipt finds it by another id: they must meet in one object, or none sees the last part.
        """
        at_hand = self.at_hand(stored.id)
        if at_hand is not None:
            return at_hand
        parts = [(n, part.carrier_id) for n, part in enumerate(stored.part_states or ()) if part.carrier_id]
        for _, carrier_id in parts:
            known = self.known(bearer, carrier_id, stored.id)
            if known is not None:
                return known
        for index, carrier_id in parts:
            self.know(bearer, carrier_id, stored, index)
        return stored

    def tidy(self, now: float, doubts: bool = False, behind: bool = False) -> None:
        """Called about once a second (and the young generation may outgrow its size by that much).

        doubts: messages wait for a receipt that only their number will name. Until they are settled nothing is
        forgotten for its age: a receipt that is repeated must not be taken for theirs. behind: nor while the store
        is: a message that was forgotten would be read there as it was before its receipt. For the same reason the
        old generation leaves a call later: what was written when it was found in there is durable then, or behind.
        """
        stays = doubts or behind
        if self._leaving and not behind:
            self._drop(self._leaving, now)
            self._leaving = {}
        aged = not stays and now - self._born > 60.0
        if len(self._young) >= GENERATION or (self._young and aged):
            self._leave(now)
            self._old, self._young = self._young, {}
            self._born = now
        elif self._old and aged:
            self._leave(now)
            self._old = {}
        if self._settled and not behind and now > self._settled_until:
            self._drop(self._settled, now)
            self._settled = {}
        if len(self._repeated) >= MOST_REPEATED or (not stays and now - self._repeated_born > REPEATS):
            self._drop(self._repeated_before, now)
            self._repeated_before, self._repeated = self._repeated, {}
            self._repeated_born = now

    def _leave(self, now: float) -> None:
        if self._leaving:  # one after another is full: memory is bounded, whatever the store does
            self._drop(self._leaving, now)
        self._leaving = self._old

    def _drop(self, generation: Collection[str], now: float) -> None:
        forgotten = self._forgotten
        if generation:
            forgotten.append((now, _digests(generation)))
        while forgotten and now - forgotten[0][0] > FORGOTTEN:
            forgotten.popleft()
        while sum(len(dropped) for _, dropped in forgotten) > 8 * MOST_FORGOTTEN:
            forgotten.popleft()

    def __len__(self) -> int:
        return len(self._young) + len(self._old) + len(self._leaving)


def _digests(names: Collection[str]) -> bytes:
    """Eight octets each. One that is found across two others' is as unlikely as one that two names share."""
    return array("q", map(hash, names)).tobytes()


def is_settled(message: Message, part: int) -> bool:
    """Whether a receipt has said for good what became of it."""
    state = message.part_states[part].state if part >= 0 and message.part_states else message.state
    return state in FINAL and state is not State.UNKNOWN


def settled(messages: Iterable[Message]) -> Iterator[tuple[Message, int, str, str]]:
    """(message, part, bearer, carrier's id) of what a receipt has settled."""
    for m in messages:
        if m.part_states is None:
            if m.carrier_id and is_settled(m, -1):
                yield m, -1, m.bearer, m.carrier_id
            continue
        for index, part in enumerate(m.part_states):
            if part.carrier_id and is_settled(m, index):
                yield m, index, part.bearer, part.carrier_id


def key_of(carrier_id: str) -> str:
    """The key of an id as the carrier wrote it."""
    return carrier_id.lower().lstrip("0") or carrier_id
