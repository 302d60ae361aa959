"""The contract between the gateway and its drivers: how a road to the handset behaves.

A *bearer* is one configured road (a carrier's SMSC, a modem); a *driver* is the code that knows how to use
that kind of road. The gateway gives segments, the driver gives back facts. This module imports nothing of
either, so that a driver can be written, tested and shipped alone.

    open(name, settings, state) -> Bearer      every driver module has this function and a Settings class

What the gateway may rely on, and tests/contracts/test_bearer.py checks for every driver:

1. Each submitted segment is answered by exactly one of Accepted, Refused, Unsent, Doubtful. After Doubtful, and
   only then, what the network said all the same may follow, once: Late, which the gateway may use or leave.
2. credit() rises only through something emitted, so the gateway asks again after every emit.
3. The work of `emit(batch)` begins when it is called; awaiting what it returns waits until the batch is
   durable. The network is told (deliver_sm_resp, AT+CNMA, AT+CMGD) only then; NotStored means: not told.
4. When run() ends, for whatever reason, every segment still unanswered is Doubtful: the gateway sees to it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import Enum, IntEnum
from typing import Protocol, runtime_checkable

__all__ = [
    "Accepted",
    "Bearer",
    "Doubtful",
    "Emit",
    "Event",
    "Inbound",
    "Late",
    "LinkChanged",
    "MessageState",
    "NotStored",
    "Receipt",
    "Refused",
    "Remedy",
    "Segment",
    "StateStore",
    "Status",
    "Unsent",
]


class MessageState(IntEnum):
    """The outcome that a receipt states: SMPP 5.0 §4.7.15, SMPP 3.4 §5.2.28 (which has 1 to 8)."""

    SCHEDULED = 0
    ENROUTE = 1
    DELIVERED = 2
    EXPIRED = 3
    DELETED = 4
    UNDELIVERABLE = 5
    ACCEPTED = 6
    UNKNOWN = 7
    REJECTED = 8
    SKIPPED = 9


class Remedy(Enum):
    """What helps after a refusal: the driver knows its network's codes, the gateway knows the message."""

    RETRY = "retry"
    """Temporary: the same segment later, on the same bearer or another."""
    SLOW_DOWN = "slow_down"
    """We were too fast: pause the whole bearer, keep the order, count no try."""
    NEXT_ROUTE = "next_route"
    """This bearer will not take it, another one may."""
    GIVE_UP = "give_up"
    """No bearer will deliver it unchanged."""


class Segment:
    """What one submit_sm or one SMS-SUBMIT carries. Made by the gateway, read by drivers, never changed.

    source, destination: canonical addresses (see drivers.sms.address): '+33612345678', '36180', 'CHAPPE'.
    data_coding: SMPP 3.4 §5.2.19 value; 0 means GSM 03.38, one septet an octet, whatever the carrier's default.
    udh: user data header without the UDHL octet's packing done: the whole header, its length octet first, or b"".
    payload: user data behind the header, unpacked (drivers pack).
    expires: Unix time in seconds after which it must not be delivered, or 0.
    priority: SMPP priority_flag 0 to 3. context: the gateway's own, given back untouched.
    """

    __slots__ = (
        "context",
        "data_coding",
        "destination",
        "expires",
        "id",
        "part",
        "payload",
        "priority",
        "source",
        "udh",
        "want_receipt",
    )

    def __init__(
        self,
        id: int,  # noqa: A002 - the field's word
        part: int,
        source: str,
        destination: str,
        data_coding: int,
        udh: bytes,
        payload: bytes,
        expires: float,
        want_receipt: bool,
        priority: int,
        context: object,
    ) -> None:
        self.id = id
        self.part = part
        self.source = source
        self.destination = destination
        self.data_coding = data_coding
        self.udh = udh
        self.payload = payload
        self.expires = expires
        self.want_receipt = want_receipt
        self.priority = priority
        self.context = context

    def __repr__(self) -> str:
        return f"Segment({self.id}/{self.part})"


class Accepted:
    """The network took the segment. carrier_id: its id verbatim, "" when it gave none; key: its canonical form
    (lower case, no leading zeros), under which a receipt finds it.
    """

    __slots__ = ("carrier_id", "key", "segment")

    def __init__(self, segment: Segment, carrier_id: str, key: str) -> None:
        self.segment = segment
        self.carrier_id = carrier_id
        self.key = key


class Refused:
    """The network refused the segment. code: its number (command_status, CMS error); text: in words."""

    __slots__ = ("code", "remedy", "segment", "text")

    def __init__(self, segment: Segment, remedy: Remedy, code: int, text: str) -> None:
        self.segment = segment
        self.remedy = remedy
        self.code = code
        self.text = text


class Unsent:
    """The segment certainly did not reach the wire."""

    __slots__ = ("reason", "segment")

    def __init__(self, segment: Segment, reason: str) -> None:
        self.segment = segment
        self.reason = reason


class Doubtful:
    """The segment was on the wire, or may have been, and no answer came."""

    __slots__ = ("reason", "segment")

    def __init__(self, segment: Segment, reason: str) -> None:
        self.segment = segment
        self.reason = reason


class Late:
    """The network's answer came after all, when the segment was Doubtful already. outcome: what it said."""

    __slots__ = ("outcome",)

    def __init__(self, outcome: Accepted | Refused) -> None:
        self.outcome = outcome


class Receipt:
    """What became of a segment, from the network.

    carrier_id: verbatim. keys: the canonical forms under which its segment may stand, the likeliest first
    (the same number in another base). state: what it states; final: whether that ends the matter for this
    carrier. recipient: the handset's canonical address, "" if unknown: the second key of the match. code: the
    network's error code as written, "" if none. done_at: the network's own time, Unix seconds, or 0.
    raw: the receipt as it came, for trace and orphans. matched: set by the gateway to the index in keys that
    found the message, -1 for none: a driver may learn from it once emit is done.
    """

    __slots__ = ("carrier_id", "code", "done_at", "final", "keys", "matched", "raw", "recipient", "state")

    def __init__(
        self,
        carrier_id: str,
        keys: Sequence[str],
        state: MessageState,
        final: bool,
        recipient: str,
        code: str,
        done_at: float,
        raw: bytes,
    ) -> None:
        self.carrier_id = carrier_id
        self.keys = keys
        self.matched = -1
        self.state = state
        self.final = final
        self.recipient = recipient
        self.code = code
        self.done_at = done_at
        self.raw = raw


class Inbound:
    """A short message from a handset (MO), one part as it came.

    source, destination: canonical. data_coding, udh, payload: as in Segment (payload in the carrier's
    alphabet already turned into GSM 03.38 where data_coding is 0). received_at: Unix seconds.
    user_ack: the handset's user answered one of ours (esm_class 0x10): a STOP counts there too.
    """

    __slots__ = ("data_coding", "destination", "payload", "raw", "received_at", "source", "udh", "user_ack")

    def __init__(
        self,
        source: str,
        destination: str,
        data_coding: int,
        udh: bytes,
        payload: bytes,
        received_at: float,
        raw: bytes,
        user_ack: bool = False,
    ) -> None:
        self.source = source
        self.destination = destination
        self.data_coding = data_coding
        self.udh = udh
        self.payload = payload
        self.received_at = received_at
        self.raw = raw
        self.user_ack = user_ack


class LinkChanged:
    """The road opened or closed. reason: one dotted word for machines; detail: for people, what to do."""

    __slots__ = ("detail", "reason", "up")

    def __init__(self, up: bool, reason: str, detail: str) -> None:
        self.up = up
        self.reason = reason
        self.detail = detail


class Status:
    """Something worth showing about the road: identity names what (a bind, a SIM), fields are shown as they are."""

    __slots__ = ("fields", "identity")

    def __init__(self, identity: str, fields: Mapping[str, str | int | float | bool]) -> None:
        self.identity = identity
        self.fields = fields


Event = Accepted | Refused | Unsent | Doubtful | Late | Receipt | Inbound | LinkChanged | Status
Emit = Callable[[Sequence[Event]], Awaitable[None]]


class NotStored(Exception):
    """Raised by what emit returns when the batch could not be made durable: do not acknowledge it."""


@runtime_checkable
class StateStore(Protocol):
    """A driver's own few durable facts (a PIN refused, quotas by SIM, references), by key, as JSON text."""

    async def get(self, key: str) -> str | None: ...

    async def put(self, key: str, value: str) -> None:
        """Durable when it returns."""


class Bearer(Protocol):
    """One road to the handset.

    credit()   how many segments submit() takes now; 0 while the link is down or pausing.
    submit()   takes at most credit() segments; never blocks, never raises.
    run()      connects, reconnects, and lives until cancelled.
    drain()    takes no more (credit() is 0 from now on), waits for the answers outstanding, at most `seconds`,
               and leaves politely (unbind). run() is cancelled after it.
    reset()    closes the link and opens it anew (the operator's `link reset`).

    takes_whole: a long text is given as one segment without a header (the carrier cuts it: message_payload),
    instead of one segment a part.
    from_own_number: the handset sees the bearer's own number (a SIM's), whatever the segment's source says.
    """

    name: str
    takes_whole: bool
    from_own_number: bool

    def credit(self) -> int: ...

    def submit(self, segments: Sequence[Segment]) -> None: ...

    async def run(self, emit: Emit) -> None: ...

    async def drain(self, seconds: float) -> None: ...

    def reset(self) -> None: ...
