"""Messages that were perhaps sent: what their account wants done, and the wait for a receipt that tells.

A receipt whose id nobody knows is matched by its number, where one message alone can be meant. Those that were
sent again or given up are remembered for that: the receipt may be their first try's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from gateway.lifecycle import State
from gateway.model import Message

__all__ = ["Doubts"]

WAIT = 600.0
"""Seconds that on_doubt = "wait" waits for a receipt from the bearer for that number, then stops."""

LEFT = 3600.0
"""Seconds for which a receipt may still be about a message that was sent again or given up in doubt."""

MOST_LEFT = 20_000


class Unmatched(Protocol):
    """Receipts that nobody has claimed: receipts.Receipts."""

    def heard_of(self, bearer: str, number: str, since_ms: int) -> Sequence[tuple[str, str, int]]:
        """(carrier's id, key, last state) of each message that it has told of, for a number since a time."""

    def take(self, bearer: str, number: str, since_ms: int) -> None:
        """Match these again: a message that waits in doubt may claim them."""

    def recall(self, doubtful: Sequence[Message], until: float) -> Sequence[Message]:
        """At start: read back what tells of these messages' numbers; those that were in doubt before themselves."""


class Doubts:
    """action_of(account, kind) gives "resend", "stop" or "wait".

    on_wire: whether a bearer has a segment for a number that it hasn't answered: a receipt may be that one's.
    takes_whole: whether a bearer takes a text of several segments in one piece, of which it gives one receipt.
    """

    __slots__ = (
        "_action_of",
        "_by_number",
        "_left",
        "_left_at",
        "_until",
        "on_wire",
        "resent",
        "stopped",
        "takes_whole",
        "unmatched",
    )

    def __init__(self, action_of: Callable[[str, int], str]) -> None:
        self._action_of = action_of
        self.on_wire: Callable[[str, str], bool] = lambda _bearer, _number: False
        self.takes_whole: Callable[[str], bool] = lambda _bearer: False
        self.unmatched: Unmatched | None = None
        self._by_number: dict[tuple[str, str], list[Message]] = {}
        self._until: dict[int, tuple[float, Message]] = {}
        self._left: dict[tuple[str, str], dict[int, float]] = {}
        self._left_at: deque[tuple[float, tuple[str, str], int]] = deque()
        self.resent = 0
        self.stopped = 0

    def action(self, message: Message) -> str:
        action = self._action_of(message.account, message.kind)
        self.resent += action == "resend"
        self.stopped += action == "stop"
        return action

    def wait(self, message: Message, now: float) -> None:
        """Keep it INFLIGHT until a receipt by (bearer, number), or the end of the wait."""
        self.settled(message)
        self._until[message.id] = (now + WAIT, message)
        self._by_number.setdefault(_key(message.bearer, message.destination), []).append(message)

    def leave(self, message: Message, now: float) -> None:
        """It is sent again, or ends, without the carrier's word: a receipt for its number may be about it."""
        self._leave(message.bearer, message, now)

    def _leave(self, bearer: str, message: Message, now: float) -> None:
        key = _key(bearer, message.destination)
        self._left.setdefault(key, {})[message.id] = now
        self._left_at.append((now, key, message.id))

    def alone(self, bearer: str, number: str, ids: Iterable[int]) -> bool:
        """Whether a receipt from this bearer for this number can be about no other doubt than these messages."""
        key = _key(bearer, number)
        others = {m.id for m in self._by_number.get(key, ())} | self._left.get(key, {}).keys()
        return others.issubset(ids)

    def claim(self, bearer: str, recipient: str) -> Message | None:
        """The one doubtful message that a receipt from this bearer for this number can be about.

        It waits on until it is settled: the receipt may be one of several parts, or not the last word.
        """
        if not recipient or not self._by_number:
            return None
        key = _key(bearer, recipient)
        for message in self._by_number.get(key, ()):
            if message.state is not State.INFLIGHT:
                self.settled(message)
        waiting = self._by_number.get(key, ())
        if len(waiting) == 1 and self._meant(waiting[0]):
            self._make_whole(waiting[0])
            return waiting[0]
        return None

    def _make_whole(self, m: Message) -> None:
        """The store gives each long text its parts: none has left by itself where the bearer takes it whole."""
        if (
            m.part_states is not None
            and self.takes_whole(m.bearer)
            and not any(p.bearer for p in m.part_states)
        ):
            m.part_states = None

    def _meant(self, m: Message) -> bool:
        """Whether a receipt for its number, whose id nobody knows, can be about no other."""
        return self.alone(m.bearer, m.destination, (m.id,)) and not self.on_wire(m.bearer, m.destination)

    # ── receipts that came before it was in doubt, or while they could be another's ───────────────────────
    def heard_of(self, bearer: str, number: str, since_ms: int) -> Sequence[tuple[str, str, int]]:
        return self.unmatched.heard_of(bearer, number, since_ms) if self.unmatched is not None else ()

    def told_of(self, m: Message) -> bool:
        """Whether what was heard of its number, and is nobody's, is just what it lacks."""
        self._make_whole(m)
        heard = self.heard_of(m.bearer, m.destination, m.submitted_at)
        lacks = 1 if m.part_states is None else sum(not part.carrier_id for part in m.part_states)
        return bool(heard) and len(heard) == lacks and self._meant(m)

    def recall(self, doubtful: Sequence[Message], now: float) -> None:
        """At start, before any of these is judged."""
        bearers = {m.bearer for m in doubtful}  # where one that was tried before was tried then is not known
        for message in self.unmatched.recall(doubtful, now + WAIT) if self.unmatched is not None else ():
            for bearer in bearers:
                self._leave(bearer, message, now)

    def _ask_again(self) -> None:
        for _, message in tuple(self._until.values()):
            if self.unmatched is not None and self.told_of(message):
                self.unmatched.take(message.bearer, message.destination, message.submitted_at)

    def settled(self, message: Message) -> None:
        if self._until.pop(message.id, None) is None:
            return
        key = _key(message.bearer, message.destination)
        waiting = [m for m in self._by_number.get(key, ()) if m is not message]
        if waiting:
            self._by_number[key] = waiting
        else:
            self._by_number.pop(key, None)

    def get(self, message_id: int) -> Message | None:
        """The message of this id, if it waits here."""
        waiting = self._until.get(message_id)
        return waiting[1] if waiting is not None else None

    def patience(self, message_id: int, now: float) -> float:
        """Seconds for which the message of this id still waits for a receipt; 0.0 if it does not."""
        waiting = self._until.get(message_id)
        return max(0.0, waiting[0] - now) if waiting is not None else 0.0

    def over(self, now: float) -> list[Message]:
        """Those whose wait is over and that are in doubt still; called each second."""
        self._ask_again()
        waited = [message for until, message in self._until.values() if until <= now]
        for message in waited:
            self.settled(message)
        over = [message for message in waited if message.state is State.INFLIGHT]
        for message in over:
            self.leave(message, now)
        self.stopped += len(over)
        self._forget_left(now)
        return over

    def _forget_left(self, now: float) -> None:
        while self._left_at and (len(self._left_at) > MOST_LEFT or self._left_at[0][0] <= now - LEFT):
            at, key, message_id = self._left_at.popleft()
            left = self._left.get(key, {})
            if left.get(message_id) == at:  # else it was in doubt again since
                del left[message_id]
            if not left:
                self._left.pop(key, None)

    def __len__(self) -> int:
        return len(self._until)


def _key(bearer: str, number: str) -> tuple[str, str]:
    """Carriers drop prefixes and write national forms: the last eight digits tell, as in receipts.same_number."""
    return bearer, number[-8:]
