"""Rare facts as events of MQTT: which they are, and their words. Pure.

Messages are no events here: they are counted in the metrics. A number is never shown; a STOP carries eight digits
of its keyed hash, so that two of one number can be told from two of two.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.control.parts import View
from gateway.control.words import moment
from gateway.events import (
    AccountMoved,
    AlarmMoved,
    Event,
    FallbackMoved,
    JudgedMarketing,
    LinkMoved,
    OptedOut,
    OrphansKept,
    Reloaded,
    StatusMoved,
    StoreMoved,
)

__all__ = ["TELLS", "WAKES", "event_of"]

TELLS: frozenset[type[Event]] = frozenset(
    {FallbackMoved, LinkMoved, OptedOut, OrphansKept, Reloaded, AlarmMoved, JudgedMarketing}
)
"""What becomes an event."""
WAKES: frozenset[type[Event]] = TELLS | {AccountMoved, StatusMoved, StoreMoved}
"""What changes something that is shown."""


def event_of(event: Event, digest: Callable[[str], int]) -> tuple[str, View] | None:
    """(kind, payload) of event/{kind}; None for what is none. digest: a number's keyed hash."""
    told = _concern_messages(event, digest) or _concern_the_gateway(event)
    return None if told is None else (told[0], {"at": moment(event.at), **told[1]})


def _concern_the_gateway(event: Event) -> tuple[str, View] | None:
    match event:
        case FallbackMoved():
            return "fallback", {
                "route": event.route, "engaged": event.engaged, "tier": event.tier, "bearers": list(event.bearers),
                "reason": event.why,
            }  # fmt: skip
        case LinkMoved():
            return "bearer", {
                "bearer": event.bearer, "up": event.up, "reason": event.reason, "detail": event.detail,
            }  # fmt: skip
        case Reloaded():
            return "reload", {"changed": list(event.keys), "error": event.error}
        case AlarmMoved():
            return "alarm", {
                "id": event.id, "raised": event.raised, "severity": event.severity, "cause": event.text,
            }  # fmt: skip
        case _:
            return None


def _concern_messages(event: Event, digest: Callable[[str], int]) -> tuple[str, View] | None:
    match event:
        case OptedOut():
            whose = f"{digest(event.number) & (1 << 64) - 1:016x}"[:8]
            return "stop", {
                "act": event.act, "scopes": list(event.scopes), "account": event.account, "source": event.source,
                "hash": whose,
            }  # fmt: skip
        case OrphansKept():
            return "orphan", {"bearer": event.bearer, "count": event.count}
        case JudgedMarketing():
            return "marketing", {"account": event.account, "count": event.count}
        case _:
            return None
