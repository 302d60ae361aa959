"""Messages that were perhaps sent: what their account wants done, and the wait for a receipt that tells."""

from __future__ import annotations

from collections.abc import Callable

from gateway.lifecycle import State
from gateway.model import Message

__all__ = ["Doubts"]

WAIT = 600.0
"""Seconds that on_doubt = "wait" waits for a receipt from the bearer for that number, then stops."""


class Doubts:
    """action_of(account, kind) gives "resend", "stop" or "wait"."""

    __slots__ = ("_action_of", "_by_number", "_until", "resent", "stopped")

    def __init__(self, action_of: Callable[[str, int], str]) -> None:
        self._action_of = action_of
        self._by_number: dict[tuple[str, str], list[Message]] = {}
        self._until: dict[int, tuple[float, Message]] = {}
        self.resent = 0
        self.stopped = 0

    def action(self, message: Message) -> str:
        action = self._action_of(message.account, message.kind)
        self.resent += action == "resend"
        self.stopped += action == "stop"
        return action

    def wait(self, message: Message, now: float) -> None:
        """Keep it INFLIGHT until a receipt by (bearer, number), a late response, or the end of the wait."""
        self.settled(message)
        self._until[message.id] = (now + WAIT, message)
        self._by_number.setdefault((message.bearer, message.destination), []).append(message)

    def claim(self, bearer: str, recipient: str) -> Message | None:
        """The one doubtful message that a receipt from this bearer for this number can be about.

        It waits on until it is settled: the receipt may be one of several parts, or not the last word.
        """
        if not recipient or not self._by_number:
            return None
        for message in self._by_number.get((bearer, recipient), ()):
            if message.state is not State.INFLIGHT:
                self.settled(message)
        waiting = self._by_number.get((bearer, recipient), ())
        return waiting[0] if len(waiting) == 1 else None

    def settled(self, message: Message) -> None:
        if self._until.pop(message.id, None) is None:
            return
        key = (message.bearer, message.destination)
        waiting = [m for m in self._by_number.get(key, ()) if m is not message]
        if waiting:
            self._by_number[key] = waiting
        else:
            self._by_number.pop(key, None)

    def get(self, message_id: int) -> Message | None:
        """The message of this id, if it waits here."""
        waiting = self._until.get(message_id)
        return waiting[1] if waiting is not None else None

    def over(self, now: float) -> list[Message]:
        """Those whose wait is over and that are in doubt still."""
        waited = [message for until, message in self._until.values() if until <= now]
        for message in waited:
            self.settled(message)
        over = [message for message in waited if message.state is State.INFLIGHT]
        self.stopped += len(over)
        return over

    def __len__(self) -> int:
        return len(self._until)
