"""Which endings say that nobody has a number: one answer for the report's «numéro inconnu» and for suppression.

A carrier says so in a receipt (its dialect knows the codes) or refuses the address (ESME_RINVDSTADR); a modem's
network refuses with a cause (TS 24.011 annex E-2), or its status report says so (TP-ST, TS 23.040 §9.2.3.15).
"""

from __future__ import annotations

from typing import Final

from gateway.answers import never_left
from gateway.lifecycle import FINAL, State

__all__ = ["is_unknown_number", "says_unknown"]

_INVALID_DESTINATION: Final = "11"  # ESME_RINVDSTADR, as a carrier's refusal is stored
_OTHERWISE: Final = frozenset({State.DELIVERED, State.UNKNOWN})

_CAUSES: Final = frozenset({"1", "28", "30"})
"""+CMS ERROR: unassigned number, unidentified subscriber, unknown subscriber."""
_STATUSES: Final = frozenset({0x41, 0x43})
"""TP-ST: incompatible destination, not obtainable."""


def says_unknown(bearer: object, error: str) -> bool:
    """Whether this bearer's code, as Message.error holds it, says that nobody has the number."""
    dialect = getattr(bearer, "dialect", None)
    if dialect is not None:
        return bool(dialect.means_unknown_subscriber(error, b""))
    if not getattr(bearer, "from_own_number", False):
        return False
    return error in _CAUSES or (error[:2].lower() == "0x" and _number(error) in _STATUSES)


def _number(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return -1


def is_unknown_number(bearer: object, state: State, error: str, sent_at: int) -> bool:
    """Whether a message that ended so on this bearer (None: it is gone) tells that its number is unknown."""
    if not error or state not in FINAL or state in _OTHERWISE or never_left(state, error, sent_at):
        return False
    return (not sent_at and error == _INVALID_DESTINATION) or says_unknown(bearer, error)
