"""Which endings say that nobody has a number: one answer for the report's «numéro inconnu» and for suppression.

A carrier says so in a receipt (its dialect knows the codes) or refuses the address (ESME_RINVDSTADR); a modem's
network refuses with a cause (TS 24.011 annex E-2), or its status report says so (TP-ST, TS 23.040 §9.2.3.15).
"""

from __future__ import annotations

from typing import Final

from gateway.answers import is_ours
from gateway.lifecycle import FINAL, State

__all__ = ["is_unknown_number", "says_unknown"]

_INVALID_DESTINATION: Final = "11"  # ESME_RINVDSTADR, as a carrier's refusal is stored
_OTHERWISE: Final = frozenset({State.DELIVERED, State.UNKNOWN})

_CAUSES: Final = frozenset({"1", "30"})
"""+CMS ERROR: unassigned number, unknown subscriber. Not 28, unidentified subscriber: that is the SIM's own."""
_STATUSES: Final = frozenset({0x41, 0x43})
"""TP-ST: incompatible destination, not obtainable."""


def says_unknown(bearer: object, state: State, error: str, sent: bool) -> bool:
    """Whether an ending on this bearer (None: it is gone) says that nobody has the number. error: Message.error.

    sent: whether the bearer had taken it, so that the code is a receipt's. A modem's two kinds of numbers overlap,
    and what it says of itself (+CME ERROR 11: the SIM asks for its PIN) is tried again and ends otherwise.
    """
    if not error or is_ours(error):
        return False
    if getattr(bearer, "from_own_number", False):
        return _status(error) in _STATUSES if sent else state is State.REJECTED and error in _CAUSES
    if not sent and error == _INVALID_DESTINATION:
        return True
    dialect = getattr(bearer, "dialect", None)
    return dialect is not None and bool(dialect.means_unknown_subscriber(error, b""))


def _status(error: str) -> int:
    try:
        return int(error, 16)
    except ValueError:
        return -1


def is_unknown_number(bearer: object, state: State, error: str, sent_at: int) -> bool:
    """Whether a message that ended so, and not by our own will, tells that its number is unknown."""
    if not error or state not in FINAL or state in _OTHERWISE:
        return False
    return says_unknown(bearer, state, error, bool(sent_at))
