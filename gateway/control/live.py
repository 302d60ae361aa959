"""tail: what the bus carries, one plain line for each change, numbers masked, texts never."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from gateway.control.parts import Args, Gateway, Tell, View
from gateway.control.words import Asked, kind_word, moment
from gateway.events import (
    AccountMoved,
    AlarmMoved,
    Event,
    FallbackMoved,
    LinkMoved,
    Moved,
    OptedOut,
    Reloaded,
    Replied,
    StoreMoved,
)
from gateway.lifecycle import advance
from gateway.model import Change

__all__ = ["lines", "tail"]

ROOM = 500
"""Batches that a slow reader may lag behind before the oldest are dropped and counted."""


async def tail(gateway: Gateway, args: Args, tell: Tell) -> None:
    """Until the caller goes away."""
    asked = Asked(args)
    wanted = _Wanted(asked)
    subscription = gateway.bus.subscribe("operator's tail", ROOM)
    told = 0
    try:
        while True:
            for event in await subscription.next():
                for line in lines(event, asked, wanted):
                    await tell({"data": line})
                await asyncio.sleep(0)
            if subscription.lost > told:
                missed, told = subscription.lost - told, subscription.lost
                await tell({"data": {"event": "lost", "text": f"{missed} batches came too fast for you"}})
    finally:
        subscription.close()


class _Wanted:
    """What this operator asked to see; everything unless he named something."""

    def __init__(self, asked: Asked) -> None:
        self.account = asked.text("account")
        self.bearer = asked.text("bearer")
        self.tag = asked.text("tag")
        self.kind = asked.kind()
        self.to = asked.recipient()
        self.narrow = bool(self.account or self.bearer or self.tag or self.to or self.kind is not None)

    def message(self, change: Change) -> bool:
        m = change[0]
        return (
            (not self.account or m.account == self.account)
            and (not self.bearer or m.bearer == self.bearer)
            and (not self.tag or m.tag == self.tag)
            and (not self.to or m.destination == self.to)
            and (self.kind is None or m.kind == self.kind)
        )


def lines(event: Event, asked: Asked, wanted: _Wanted | None = None) -> Iterator[View]:
    """Plain lines of one event."""
    at = moment(event.at)
    if isinstance(event, Moved):
        for change in event.changes:
            if wanted is None or wanted.message(change):
                yield {"at": at, "event": "message", **_change(change, asked)}
    elif isinstance(event, Replied):
        for mo in event.mos:
            if wanted is None or not wanted.narrow or mo.account == wanted.account:
                yield {
                    "at": at,
                    "event": "reply",
                    "id": str(mo.id),
                    "from": asked.shown(mo.source),
                    "to": asked.shown(mo.destination),
                    "bearer": mo.bearer,
                    "account": mo.account,
                }
    elif isinstance(event, OptedOut):
        if wanted is None or not wanted.narrow or event.account == wanted.account:
            yield {"at": at, "event": "optout", **_optout(event, asked)}
    elif isinstance(event, LinkMoved):
        if wanted is None or not wanted.narrow or wanted.bearer == event.bearer:
            yield {
                "at": at,
                "event": "bearer",
                "bearer": event.bearer,
                "up": event.up,
                "reason": event.reason,
                "detail": event.detail,
            }
    elif isinstance(event, AccountMoved):
        if wanted is None or not wanted.narrow or wanted.account == event.account:
            yield {"at": at, "event": "account", **_account(event)}
    elif isinstance(event, StoreMoved):
        yield {"at": at, "event": "store", "well": event.well, "reason": event.why}
    else:
        yield from _rare(event, at)


def _rare(event: Event, at: str | None) -> Iterator[View]:
    """What concerns the whole gateway, whatever the operator asked for."""
    if isinstance(event, AlarmMoved):
        yield {
            "at": at,
            "event": "alarm",
            "id": event.id,
            "raised": event.raised,
            "severity": event.severity,
            "text": event.text,
        }
    elif isinstance(event, FallbackMoved):
        yield {
            "at": at,
            "event": "fallback",
            "route": event.route,
            "engaged": event.engaged,
            "tier": event.tier,
            "bearers": list(event.bearers),
            "reason": event.why,
        }
    elif isinstance(event, Reloaded):
        yield {"at": at, "event": "reload", "changed": list(event.keys), "error": event.error}


def _optout(event: OptedOut, asked: Asked) -> View:
    return {
        "act": event.act,
        "number": asked.shown(event.number),
        "scopes": list(event.scopes),
        "account": event.account,
        "source": event.source,
        "evidence": event.evidence,
    }


def _account(event: AccountMoved) -> View:
    return {
        "account": event.account,
        "bound": event.bound,
        "binds": event.binds,
        "peer": event.address,
        "reason": event.reason,
    }


def _change(change: Change, asked: Asked) -> View:
    """A message moves on while its line waits: the state is the one that this change led to."""
    m, before, cause = change
    return {
        "id": str(m.public_id),
        "cause": cause.name.lower(),
        "before": before.name.lower(),
        "state": advance(before, cause).name.lower(),
        "kind": kind_word(m.kind),
        "account": m.account,
        "to": asked.shown(m.destination),
        "tag": m.tag,
        "bearer": m.bearer,
        "tries": m.tries,
        "error": m.error,
        "reason": m.reason,
    }
