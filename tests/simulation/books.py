"""What the storm's actors saw: every request, hand-over, answer and receipt, as plain records for the judge.

Only what stands outside the gateway is written here. A line of the story costs nothing unless someone reads it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

__all__ = ["Ask", "Attempt", "Books", "Reply"]

KINDS = ("OTP", "ALERT", "TRANS", "PROMO")


class Ask:
    """One message that an application wants sent. status: the last answer, None while there was none.

    ids: those of positive answers. unsure: a try ended without an answer. told: (when, stat, answered OK).
    """

    __slots__ = ("accepted_at", "account", "asked_at", "attempts", "cancelled", "ids", "kind", "parts", "reference",
                 "registered", "statuses", "tag", "text", "to", "token", "told", "tries", "unsure")  # fmt: skip

    def __init__(self, token: str, account: str, kind: str, to: str, tag: str, reference: str, registered: int,
                 text: bytes, parts: int) -> None:  # fmt: skip
        self.token = token
        self.account = account
        self.kind = kind
        self.to = to
        self.tag = tag
        self.reference = reference
        self.registered = registered
        self.text = text
        self.parts = parts
        self.asked_at = -1.0
        self.accepted_at = -1.0
        self.ids: list[str] = []
        self.statuses: list[int] = []
        self.unsure = False
        self.tries = 0
        self.cancelled = False
        self.attempts: list[Attempt] = []
        self.told: list[tuple[float, str, bool]] = []

    def __repr__(self) -> str:
        return f"{self.token} ({self.account}, {self.kind}, {self.to}, {self.parts} parts, ids {self.ids})"


class Attempt:
    """One segment handed to a carrier's transport. heard: when its answer was in the gateway's hands, -1 for never."""

    __slots__ = ("bearer", "got", "handed", "heard", "part", "receipts", "status", "total", "wall")

    def __init__(self, bearer: str, part: int, total: int, handed: float, wall: int) -> None:
        self.bearer = bearer
        self.part = part
        self.total = total
        self.handed = handed
        self.wall = wall
        self.status: int | None = None
        self.heard = -1.0
        self.got = False  # by the carrier
        self.receipts: list[tuple[str, float]] = []

    def __repr__(self) -> str:
        return f"{self.bearer} part {self.part}/{self.total} at {self.handed:.3f}: {self.status} heard {self.heard:.3f}"


class Reply:
    """A message from a phone. taken: when the gateway had acknowledged all of its parts, -1 for not."""

    __slots__ = ("begun", "given", "owner", "parts", "source", "taken", "text", "to", "token")

    def __init__(
        self, token: str, source: str, to: str, owner: str, text: str, parts: int, begun: float
    ) -> None:
        self.token = token
        self.source = source
        self.to = to
        self.owner = owner
        self.text = text
        self.parts = parts
        self.begun = begun
        self.taken = -1.0
        self.given: list[tuple[float, bool]] = []


class Books:
    """See the module. deaths: when processes ended; sick: [from, to] while the disk refused or hung."""

    def __init__(self, now: Callable[[], float], wall: Callable[[], int]) -> None:
        self.now = now
        self.wall = wall
        self.asks: dict[str, Ask] = {}
        self.by_id: dict[str, Ask] = {}
        self.replies: dict[str, Reply] = {}
        self.plain: dict[str, Reply] = {}  # the last STOP of a number: it has no token
        self.strange: list[tuple[str, str, float, str, bool]] = []  # (account, id, when, stat, answered OK)
        self.stops: list[tuple[float, str, str]] = []
        self.deaths: list[float] = []
        self.starts: list[float] = []
        self.sick: list[list[float]] = []
        self.rates: dict[str, list[tuple[float, float]]] = {}
        self.handed: dict[str, list[float]] = {}
        self.drops: dict[str, list[float]] = {}
        self.happened: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.story: list[tuple[float, str, str, tuple[Any, ...]]] | None = None

    def tell(self, who: str, what: str, *args: Any) -> None:
        if self.story is not None:
            self.story.append((self.now(), who, what, args))

    def fault(self, name: str) -> None:
        self.happened[name] += 1
        self.tell("FAULT", name)

    def violation(self, rule: str, text: str) -> None:
        if len(self.wrong) < 50:
            self.wrong.append(f"{self.now():.3f} {rule}: {text}")
        self.tell("WRONG", f"{rule}: {text}")
