"""What the storm's actors saw: every request, hand-over, answer and receipt, as plain records for the judge.

Only what stands outside the gateway is written here. A line of the story costs nothing unless someone reads it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

__all__ = ["MOST_WRONG", "Ask", "Attempt", "Books", "Post", "Reply"]

MOST_WRONG = 50
KINDS = ("OTP", "ALERT", "TRANS", "PROMO")


class Ask:
    """One message that an application wants sent. status: the last answer, None while there was none.

    ids: those of positive answers. unsure: a try ended without an answer. told: (when, stat, answered OK).
    wait: seconds until it may leave, by schedule_delivery_time. multi: it is one of a submit_multi. versions: what its
    text may be by now, the last acknowledged replacement first. tried: (when, status) of each answer. by_http, by_mqtt: so submitted.
    """

    __slots__ = ("accepted_at", "accepted_wall", "account", "asked_at", "attempts", "by_http", "by_mqtt", "cancelled_at", "first_on",
                 "ids", "kind", "multi", "parts", "reference", "registered", "replaced_at", "statuses", "tag", "text", "to",
                 "token", "told", "tried", "tries", "unsure", "versions", "wait")  # fmt: skip

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
        self.accepted_wall = 0
        self.wait = 0.0
        self.multi = False
        self.by_http = self.by_mqtt = False
        self.cancelled_at = -1.0
        self.replaced_at = -1.0
        self.versions = [0]
        self.tried: list[tuple[float, int]] = []
        self.first_on: tuple[object, int] | None = None
        self.attempts: list[Attempt] = []
        self.told: list[tuple[float, str, bool]] = []

    def __repr__(self) -> str:
        return f"{self.token} ({self.account}, {self.kind}, {self.to}, {self.parts} parts, ids {self.ids})"


RESPONSE_TIMEOUT = 10.0
"""Seconds, as in shape.configuration."""


class Attempt:
    """One segment handed to a carrier's transport. heard: when its answer was in the gateway's hands, -1 for never."""

    __slots__ = (
        "bearer",
        "got",
        "handed",
        "heard",
        "part",
        "receipts",
        "status",
        "told_from",
        "total",
        "version",
        "wall",
    )

    def __init__(self, bearer: str, part: int, total: int, handed: float, wall: int) -> None:
        self.bearer = bearer
        self.part = part
        self.total = total
        self.handed = handed
        self.wall = wall
        self.status: int | None = None
        self.heard = -1.0
        self.got = False  # by the carrier
        self.version = 0
        self.receipts: list[tuple[str, float]] = []
        self.told_from = -1.0  # when its carrier first sent a receipt

    @property
    def in_time(self) -> bool:
        """Whether its answer was heard before the gateway gave it up."""
        return 0 <= self.heard <= self.handed + RESPONSE_TIMEOUT - 1

    def __repr__(self) -> str:
        return f"{self.bearer} part {self.part}/{self.total} at {self.handed:.3f}: {self.status} heard {self.heard:.3f}"


class Reply:
    """A message from a phone. taken: when the gateway had acknowledged all of its parts, -1 for not.

    first_on: the application's connection that it came on first, and its place in what came there. pieces: what was
    given of it where its parts were not joined.
    """

    __slots__ = (
        "begun",
        "first_on",
        "given",
        "owner",
        "parts",
        "pieces",
        "source",
        "taken",
        "text",
        "to",
        "token",
    )

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
        self.pieces: set[str] = set()
        self.first_on: tuple[object, int] | None = None


class Post:
    """One POST to a webhook: when its first octet (or its connection) and its last came. status: the answer, 0 for none.

    said: when the last of its head left, -1 for never; heard: when the gateway surely had it, in time, -1 for perhaps not.
    """

    __slots__ = ("account", "began", "came", "events", "heard", "said", "status")

    def __init__(self, account: str, came: float, began: float) -> None:
        self.account = account
        self.came = came
        self.began = began
        self.events: list[dict[str, Any]] = []
        self.status = 0
        self.said = self.heard = -1.0

    @property
    def taken(self) -> bool:
        return 200 <= self.status < 300

    def __repr__(self) -> str:
        return f"POST to {self.account} at {self.came:.3f}: {len(self.events)} events, {self.status} heard {self.heard:.3f}"


class Books:
    """See the module. deaths: when processes ended; sick: [from, to] while the disk refused or hung."""

    def __init__(self, now: Callable[[], float], wall: Callable[[], int]) -> None:
        self.now = now
        self.wall = wall
        self.asks: dict[str, Ask] = {}
        self.by_id: dict[str, Ask] = {}
        self.replies: dict[str, Reply] = {}
        self.plain: dict[str, Reply] = {}  # the last STOP of a number: it has no token
        self.strange: list[
            tuple[str, str, float, str, bool, str]
        ] = []  # (account, id, when, stat, answered OK, number)
        self.queries: list[tuple[float, Ask, int, int]] = []  # (when asked, about, status, state)
        self.stops: list[tuple[float, str, str]] = []
        self.posts: list[Post] = []
        self.by_post: set[str] = set()  # accounts that are told by webhook only
        self.moves: list[tuple[float, str]] = []  # when a webhook went to another address
        self.holds: list[tuple[float, float]] = []  # when an operator held or drained something
        self.base_ms = wall()  # of the moment 0, where no clock jumps
        self.jumped = False
        self.deaths: list[float] = []
        self.starts: list[float] = []
        self.sick: list[list[float]] = []
        self.rates: dict[str, list[tuple[float, float]]] = {}
        self.handed: dict[str, list[float]] = {}
        self.drops: dict[str, list[float]] = {}
        self.happened: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.story: list[tuple[float, str, str, tuple[Any, ...]]] | None = None

    def find(self, token: str, number: str) -> Ask | None:
        """Of a submit_multi each recipient has an Ask of his own."""
        return self.asks.get(token) or self.asks.get(f"{token}/{number}")

    def named(self, message_id: str, number: str) -> Ask | None:
        return self.by_id.get(message_id) or self.by_id.get(f"{message_id}/{number}")

    def tell(self, who: str, what: str, *args: Any) -> None:
        if self.story is not None:
            self.story.append((self.now(), who, what, args))

    def fault(self, name: str) -> None:
        self.happened[name] += 1
        self.tell("FAULT", name)

    def violation(self, rule: str, text: str) -> None:
        if len(self.wrong) < MOST_WRONG:
            self.wrong.append(f"{self.now():.3f} {rule}: {text}")
        self.tell("WRONG", f"{rule}: {text}")
