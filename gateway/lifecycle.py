"""The life of a message, as one table.

Two rules, kept since the first line:

1. Everything that changes a state stands in TRANSITIONS. What is not there cannot happen.
2. This file does no I/O, keeps no clock and knows no bearer.

State numbers are SMPP's message_state (5.0 §4.7.15) where SMPP has a word, so that query_sm and receipts
need no translation; HELD, QUEUED and INFLIGHT are ours. docs/lifecycle.md is drawn from the table.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

__all__ = [
    "FINAL",
    "RECEIPT_CAUSE",
    "TRANSITIONS",
    "WAITING",
    "Cause",
    "State",
    "WrongCause",
    "advance",
    "can",
    "verdict",
]


class State(IntEnum):
    """Where a message is. Only INFLIGHT means doubt: it may be on the wire, and only a crash leaves it so."""

    SCHEDULED = 0
    ENROUTE = 1
    DELIVERED = 2
    EXPIRED = 3
    DELETED = 4
    UNDELIVERABLE = 5
    UNKNOWN = 7
    REJECTED = 8
    HELD = 10
    QUEUED = 11
    INFLIGHT = 12
    NEW = 13


class Cause(IntEnum):
    """Why a state changed; its name is the word in log, trace and MQTT. Numbers are stored: never reuse one."""

    ADMIT = 1
    ADMIT_AT_ONCE = 2
    POSTPONE = 3
    HOLD = 4
    REFUSE = 5
    COME_DUE = 6
    OUTLIVE = 7
    RELEASE = 8
    CANCEL = 9
    OPT_OUT = 10
    TAKE = 11
    EXHAUST = 12
    ACCEPT = 13
    GIVE_BACK = 14
    FAIL_OVER = 15
    RETRY = 16
    DOUBT_RESEND = 17
    DOUBT_STOP = 18
    DELIVER = 19
    FAIL = 20
    EXPIRE = 21
    REJECT = 22
    DELETE = 23
    OVERDUE = 24
    RETRY_NOW = 25


_S, _C = State, Cause

# (from, cause, to, owner): the owner is the only module that may pull this lever.
TRANSITIONS: tuple[tuple[State, Cause, State, str], ...] = (
    (_S.NEW, _C.ADMIT, _S.QUEUED, "intake"),
    (_S.NEW, _C.ADMIT_AT_ONCE, _S.INFLIGHT, "intake"),
    (_S.NEW, _C.POSTPONE, _S.SCHEDULED, "intake"),
    (_S.NEW, _C.HOLD, _S.HELD, "intake"),
    (_S.NEW, _C.REFUSE, _S.REJECTED, "intake"),
    (_S.SCHEDULED, _C.COME_DUE, _S.QUEUED, "queue"),
    (_S.SCHEDULED, _C.TAKE, _S.INFLIGHT, "dispatch"),
    (_S.SCHEDULED, _C.POSTPONE, _S.SCHEDULED, "dispatch"),
    (_S.SCHEDULED, _C.OUTLIVE, _S.EXPIRED, "sweeper"),
    (_S.SCHEDULED, _C.HOLD, _S.HELD, "control"),
    (_S.SCHEDULED, _C.RETRY_NOW, _S.QUEUED, "control"),
    (_S.SCHEDULED, _C.CANCEL, _S.DELETED, "intake"),
    (_S.SCHEDULED, _C.OPT_OUT, _S.REJECTED, "mo"),
    (_S.SCHEDULED, _C.REFUSE, _S.REJECTED, "dispatch"),
    (_S.SCHEDULED, _C.EXHAUST, _S.UNDELIVERABLE, "dispatch"),
    (_S.HELD, _C.RELEASE, _S.QUEUED, "control"),
    (_S.HELD, _C.OUTLIVE, _S.EXPIRED, "sweeper"),
    (_S.HELD, _C.CANCEL, _S.DELETED, "intake"),
    (_S.HELD, _C.OPT_OUT, _S.REJECTED, "mo"),
    (_S.QUEUED, _C.TAKE, _S.INFLIGHT, "dispatch"),
    (_S.QUEUED, _C.POSTPONE, _S.SCHEDULED, "dispatch"),
    (_S.QUEUED, _C.REFUSE, _S.REJECTED, "dispatch"),
    (_S.QUEUED, _C.EXHAUST, _S.UNDELIVERABLE, "dispatch"),
    (_S.QUEUED, _C.OUTLIVE, _S.EXPIRED, "sweeper"),
    (_S.QUEUED, _C.HOLD, _S.HELD, "control"),
    (_S.QUEUED, _C.CANCEL, _S.DELETED, "intake"),
    (_S.QUEUED, _C.ACCEPT, _S.ENROUTE, "dispatch"),  # its try was in doubt, and the answer came late after all
    (_S.QUEUED, _C.OPT_OUT, _S.REJECTED, "mo"),
    (_S.INFLIGHT, _C.ACCEPT, _S.ENROUTE, "dispatch"),
    (_S.INFLIGHT, _C.GIVE_BACK, _S.QUEUED, "dispatch"),
    (_S.INFLIGHT, _C.FAIL_OVER, _S.QUEUED, "dispatch"),
    (_S.INFLIGHT, _C.RETRY, _S.SCHEDULED, "dispatch"),
    (_S.INFLIGHT, _C.POSTPONE, _S.SCHEDULED, "dispatch"),
    (_S.INFLIGHT, _C.HOLD, _S.HELD, "dispatch"),
    (_S.INFLIGHT, _C.OUTLIVE, _S.EXPIRED, "dispatch"),
    (_S.INFLIGHT, _C.OPT_OUT, _S.REJECTED, "dispatch"),
    (_S.INFLIGHT, _C.REFUSE, _S.REJECTED, "dispatch"),
    (_S.INFLIGHT, _C.EXHAUST, _S.UNDELIVERABLE, "dispatch"),
    (_S.INFLIGHT, _C.DOUBT_RESEND, _S.QUEUED, "dispatch"),
    (_S.INFLIGHT, _C.DOUBT_STOP, _S.UNKNOWN, "dispatch"),
    # A receipt can outrun its submit_sm_resp, or be the only answer that a doubtful message ever gets.
    *((_S.INFLIGHT, cause, to, "receipts") for cause, to in (
        (_C.DELIVER, _S.DELIVERED), (_C.FAIL, _S.UNDELIVERABLE), (_C.EXPIRE, _S.EXPIRED),
        (_C.REJECT, _S.REJECTED), (_C.DELETE, _S.DELETED))),
    *((_S.ENROUTE, cause, to, "receipts") for cause, to in (
        (_C.DELIVER, _S.DELIVERED), (_C.FAIL, _S.UNDELIVERABLE), (_C.EXPIRE, _S.EXPIRED),
        (_C.REJECT, _S.REJECTED), (_C.DELETE, _S.DELETED))),
    (_S.ENROUTE, _C.OVERDUE, _S.UNKNOWN, "sweeper"),
    # Its first try was in doubt and it waits for another: a receipt for the first saves the second.
    (_S.QUEUED, _C.DELIVER, _S.DELIVERED, "receipts"),
    (_S.SCHEDULED, _C.DELIVER, _S.DELIVERED, "receipts"),
    (_S.HELD, _C.DELIVER, _S.DELIVERED, "receipts"),
    # UNKNOWN is what we say when nobody told us: a late receipt still corrects trace and report.
    *((_S.UNKNOWN, cause, to, "receipts") for cause, to in (
        (_C.DELIVER, _S.DELIVERED), (_C.FAIL, _S.UNDELIVERABLE), (_C.EXPIRE, _S.EXPIRED),
        (_C.REJECT, _S.REJECTED), (_C.DELETE, _S.DELETED))),
)  # fmt: skip

FINAL = frozenset({_S.DELIVERED, _S.EXPIRED, _S.DELETED, _S.UNDELIVERABLE, _S.UNKNOWN, _S.REJECTED})
"""The states that an application is told of, once. UNKNOWN alone may later be corrected."""

WAITING = frozenset({_S.SCHEDULED, _S.HELD, _S.QUEUED})
"""The states in which a message is wholly ours: it can still be cancelled, held, replaced."""

_NEXT_OF: dict[int, dict[int, State]] = {
    state: {cause: to for frm, cause, to, _ in TRANSITIONS if frm is state} for state in State
}


class WrongCause(Exception):
    """A cause that the table does not know for this state: always a fault of ours, never of a peer."""


def advance(state: State, cause: Cause) -> State:
    """The state that `cause` leads to from `state`. Raises WrongCause when the table has no such row."""
    try:
        return _NEXT_OF[state][cause]
    except KeyError:
        raise WrongCause(f"{cause.name} cannot happen to a message that is {state.name}") from None


def can(state: State, cause: Cause) -> bool:
    """Whether the table has a row for this."""
    return cause in _NEXT_OF[state]


RECEIPT_CAUSE: dict[int, Cause] = {
    2: _C.DELIVER,  # message_state values, SMPP 5.0 §4.7.15
    3: _C.EXPIRE,
    4: _C.DELETE,
    5: _C.FAIL,
    6: _C.DELIVER,  # ACCEPTED, only where the carrier's dialect calls it final
    7: _C.OVERDUE,  # UNKNOWN, the same
    8: _C.REJECT,
    9: _C.FAIL,  # SKIPPED
}
"""What a final message_state in a receipt does to a message."""


def verdict(parts: Iterable[State]) -> State | None:
    """The one state of a message from those of its parts; None while parts are still open.

    Delivered when every part is; failed at the first part that failed for good, since the handset cannot
    show a text with a hole; unknown when nothing failed and at least one part will never be known.
    """
    unknown = open_part = False
    for state in parts:
        if state is State.UNKNOWN:
            unknown = True
        elif state in FINAL:
            if state is not State.DELIVERED:
                return state
        else:
            open_part = True
    if open_part:
        return None
    return State.UNKNOWN if unknown else State.DELIVERED
