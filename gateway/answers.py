"""What an application is answered: command_status numbers that are ours to give, and their words.

The numbers are SMPP's (3.4 §5.1.3) and our vendor range 0x0401 to 0x0409; HTTP and MQTT say the same words.
Kept apart from the protocol, since intake and rules know no SMPP.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gateway.lifecycle import FINAL, Cause, State

if TYPE_CHECKING:
    from gateway.model import Change, Message

__all__ = ["Answer", "ended_unsent", "error_code", "is_ours", "never_left", "own_error"]

OK = 0x0000
MESSAGE_LENGTH = 0x0001
SYSTEM_ERROR = 0x0008
BAD_SOURCE = 0x000A
BAD_DESTINATION = 0x000B
QUEUE_FULL = 0x0014
BAD_SERVICE_TYPE = 0x0015
BAD_ESM_CLASS = 0x0043
BAD_SCHEDULE = 0x0061
BAD_VALIDITY = 0x0062
BAD_DATA_CODING = 0x0104
THROTTLED = 0x0058
BAD_REPLACE_FLAG = 0x0054
OPTED_OUT = 0x0401
WOULD_EXPIRE = 0x0402
FREQUENCY_CAP = 0x0403
QUOTA_SPENT = 0x0404
MENTION_MISSING = 0x0405
NO_CONSENT = 0x0406
NO_ROUTE = 0x0407
REFERENCE_REUSED = 0x0408
SUPPRESSED = 0x0409


class Answer:
    """The answer to one submission. status: 0 is accepted, and then message_id is its id. text: in words, for
    additional_status_info_text and logs. deferred: Unix ms until which a rule postponed it, or 0.
    """

    __slots__ = ("deferred", "message_id", "status", "text")

    def __init__(self, status: int, message_id: int = 0, text: str = "", deferred: int = 0) -> None:
        self.status = status
        self.message_id = message_id
        self.text = text
        self.deferred = deferred

    def __repr__(self) -> str:
        return f"Answer({self.status:#x}, {self.message_id}, {self.text!r})"


def own_error(status: int) -> str:
    """Message.error for what we end ourselves: our code in four hex digits, so that `err` shows its last three."""
    return f"{status:04x}"


_OWN_ERRORS = frozenset(own_error(status) for status in range(OPTED_OUT, SUPPRESSED + 1))


def is_ours(error: str) -> bool:
    """Whether a Message.error is a code of ours; a carrier's own is decimal, without a zero in front."""
    return error in _OWN_ERRORS


def never_left(state: State, error: str, sent_at: int, tries: int) -> bool:
    """Whether a message ended and no carrier was asked for it: expired here, opted out, refused by a rule, cancelled.

    After a try it may have it, or a part of it; who is too busy, or gone before it left, has not been tried. Read from
    what is stored, so that counters say the same before and after a restart.
    """
    if tries:
        return False
    if state is State.DELETED:
        return not sent_at and not error
    return state in (State.EXPIRED, State.REJECTED) and is_ours(error)


def ended_unsent(changes: Sequence[Change]) -> list[Message]:
    """Those of the changed messages that have ended now and never left: what counts them, counts them back."""
    first, last = int(Cause.REFUSE), int(Cause.OPT_OUT)  # all causes that can end so lie between these two
    return [
        m for m, _, cause in changes
        if first <= cause <= last and m.state in FINAL and never_left(m.state, m.error, m.sent_at, m.tries)
    ]  # fmt: skip


_NO_ERROR = frozenset({State.DELIVERED, State.DELETED})


def error_code(state: State, error: str) -> bytes:
    """The three characters of `err:` in a receipt: the carrier's code, or the last three hex digits of ours."""
    if not error:
        return b"000" if state in _NO_ERROR else b"255"
    code = error.encode("ascii", "replace")[-3:]
    return code.rjust(3, b"0")
