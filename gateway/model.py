"""The nouns of the gateway: kinds, messages, parts, replies and notes for applications.

Plain classes with __slots__ (a slotted dataclass costs six times as much to make once compiled). Times are
integers: Unix milliseconds; 0 means "not yet". Nothing here does I/O or reads a clock.
"""

from __future__ import annotations

from enum import IntEnum

from gateway.lifecycle import Cause, State, advance

__all__ = ["KINDS", "LANES", "Kind", "Message", "MessageIds", "Mo", "Note", "NoteKind", "Part", "lane_of"]

EPOCH_MS = 1_704_067_200_000
"""2024-01-01T00:00:00Z in Unix milliseconds: message ids count from here."""


class Kind(IntEnum):
    """What a message is for. It decides its place in the queue, the rules, the doubt and the retention."""

    OTP = 0
    ALERT = 1
    TRANSACTIONAL = 2
    MARKETING = 3


KINDS = {kind.name.lower(): kind for kind in Kind}
LANES = len(Kind) * 4


def lane_of(kind: int, priority: int) -> int:
    """The rank of a lane, 0 first: kinds in order, within a kind priority_flag 3 to 0."""
    return kind * 4 + 3 - priority


_NEW, _QUEUED = State.NEW, State.QUEUED  # an enum's members are slow to reach


class Part:
    """One segment of a message that needs several: its own carrier id and its own outcome."""

    __slots__ = ("bearer", "carrier_id", "done_at", "error", "sent_at", "state", "tries")

    def __init__(self) -> None:
        self.state = _QUEUED
        self.bearer = ""
        self.carrier_id = ""
        self.sent_at = 0
        self.done_at = 0
        self.error = ""
        self.tries = 0


class Message:
    """What an application asked for, once.

    id: 63 bits, rises with time (MessageIds). account, route, bearer: names. reference, tag, consent: the
    application's own words, "" if none. source, destination: canonical addresses. data_coding, udh,
    payload: as in drivers.bearer.Segment, the whole text (it is cut when it leaves); payload is b"" once wiped.
    echo: the addresses as the application wrote them, swapped for its receipts, when the canonical form would
    come out otherwise. registered: SMPP registered_delivery. due, expires, sent_at, done_at: Unix ms.
    error: the network's or our own code as text. reason: why it is where it is, one dotted word.
    group: what it belongs to: "multi:ID" for a submit_multi, the key of a text that the application has split.
    listed: the due time under which it stands in the stored backlog, -1 when it doesn't: the store's own.
    part_states: None for a message of one segment, whose outcome lives in the message itself.
    """

    __slots__ = (
        "account",
        "bearer",
        "carrier_id",
        "consent",
        "data_coding",
        "destination",
        "done_at",
        "due",
        "echo",
        "error",
        "expires",
        "group",
        "id",
        "kind",
        "listed",
        "part_states",
        "parts",
        "payload",
        "priority",
        "reason",
        "reference",
        "registered",
        "route",
        "sent_at",
        "source",
        "state",
        "tag",
        "tries",
        "udh",
        "user_reference",
    )

    def __init__(
        self,
        id: int,  # noqa: A002 - the field's word
        account: str,
        kind: Kind,
        priority: int,
        source: str,
        destination: str,
        data_coding: int,
        udh: bytes,
        payload: bytes,
        parts: int,
        registered: int,
        expires: int,
    ) -> None:
        self.id = id
        self.account = account
        self.kind = kind
        self.priority = priority
        self.source = source
        self.destination = destination
        self.data_coding = data_coding
        self.udh = udh
        self.payload = payload
        self.parts = parts
        self.registered = registered
        self.expires = expires
        self.state = _NEW
        self.route = ""
        self.bearer = ""
        self.carrier_id = ""
        self.reference = ""
        self.tag = ""
        self.consent = ""
        self.user_reference = -1
        self.echo = b""
        self.group = ""
        self.due = 0
        self.sent_at = 0
        self.done_at = 0
        self.error = ""
        self.reason = ""
        self.tries = 0
        self.listed = -1
        self.part_states: list[Part] | None = None

    @property
    def submitted_at(self) -> int:
        """When it was admitted, Unix ms: its id says so."""
        return (self.id >> 22) + EPOCH_MS

    @property
    def public_id(self) -> int:
        """The id that its application knows: for one recipient of a submit_multi, the first one's."""
        return int(self.group[6:]) if self.group.startswith("multi:") else self.id

    def advance(self, cause: Cause) -> Change:
        """Move by the life-cycle's table; what this returns is the change for the store to make durable."""
        before = self.state
        self.state = advance(before, cause)
        return (self, before, cause)

    def __repr__(self) -> str:
        return f"Message({self.id}, {self.state.name})"


Change = tuple[Message, State, Cause]
"""A message as it is now, the state it left, and why: what Store.apply writes."""


class Mo:
    """A reply from a handset, whole: a long one already joined. message: the id of the MT it answers, or 0."""

    __slots__ = (
        "account",
        "bearer",
        "complete",
        "data_coding",
        "destination",
        "id",
        "message",
        "payload",
        "received_at",
        "source",
        "udh",
    )

    def __init__(
        self,
        id: int,  # noqa: A002 - the field's word
        bearer: str,
        source: str,
        destination: str,
        data_coding: int,
        udh: bytes,
        payload: bytes,
        received_at: int,
        account: str,
        message: int,
        complete: bool,
    ) -> None:
        self.id = id
        self.bearer = bearer
        self.source = source
        self.destination = destination
        self.data_coding = data_coding
        self.udh = udh
        self.payload = payload
        self.received_at = received_at
        self.account = account
        self.message = message
        self.complete = complete


class NoteKind(IntEnum):
    """What an application is owed."""

    RECEIPT = 0
    INTERMEDIATE = 1
    MO = 2


class Note:
    """Something owed to an application until it answers. seq: rises with time, the order within an account."""

    __slots__ = ("account", "at", "error", "kind", "message", "mo", "seq", "state")

    def __init__(
        self,
        seq: int,
        account: str,
        kind: NoteKind,
        message: Message | None,
        mo: Mo | None,
        state: State,
        error: str,
        at: int,
    ) -> None:
        self.seq = seq
        self.account = account
        self.kind = kind
        self.message = message
        self.mo = mo
        self.state = state
        self.error = error
        self.at = at


class MessageIds:
    """Ids of 63 bits that rise for ever: milliseconds since 2024 (41), node (8), counter (14).

    A clock that jumps back does not make them fall: the last millisecond is kept until time passes it, and a
    counter that overflows borrows the next millisecond. last: the highest id given so far, by whatever node.
    """

    __slots__ = ("_last", "_node")

    def __init__(self, node: int, last: int = 0) -> None:
        if not 0 <= node <= 255:
            raise ValueError(f"node must be 0 to 255, is {node}")
        self._node = node << 14
        other = last >> 14 & 0xFF != node  # its millisecond is over: a lower node's ids would fall
        self._last = last | 0x3FFF if other else last

    def take(self, count: int, now_ms: int) -> list[int]:
        """`count` new ids, rising; now_ms: Unix milliseconds."""
        ms = now_ms - EPOCH_MS
        last = self._last
        last_ms, counter = last >> 22, (last & 0x3FFF) + 1
        if ms > last_ms:
            last_ms, counter = ms, 0
        ids: list[int] = []
        node = self._node
        while count > 0:
            if counter > 0x3FFF:
                last_ms, counter = last_ms + 1, 0
            room = min(count, 0x4000 - counter)
            first = last_ms << 22 | node | counter
            ids.extend(range(first, first + room))
            counter += room
            count -= room
        if ids:
            self._last = ids[-1]
        return ids

    @property
    def last(self) -> int:
        return self._last
