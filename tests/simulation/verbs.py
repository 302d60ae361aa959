"""The rare requests of an application in the storm: query_sm, cancel_sm, replace_sm, submit_multi.

What was asked and how it was answered goes into the books; judge_requests.py says what follows from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulation import wire
from simulation.books import Ask

if TYPE_CHECKING:
    from simulation.application import Application

__all__ = ["VERSION", "Verbs"]

VERSION = b" v0 "
"""Stands in every text behind its token; a replacement counts it up."""


class Verbs:
    """See the module. A request is remembered with its bind as (verb, asks, version, when it was made)."""

    def __init__(self, owner: Application) -> None:
        self.owner = owner

    # ── asking ───────────────────────────────────────────────────────────────────────────────────────────
    def think_of(self, ask: Ask) -> None:
        """Something was taken: now and then its application changes its mind, or wants to know."""
        draw, world = self.owner.random, self.owner.world
        dice = draw.random()
        when = ask.wait * draw.random() if ask.wait else 3 * draw.random()
        if dice < (0.25 if ask.wait else 0.02):
            world.after(when, self.cancel, ask)
        elif dice < (0.6 if ask.wait else 0.06):
            world.after(when, self.replace, ask)
        elif dice < (0.8 if ask.wait else 0.15):
            world.after(draw.choice((0.1, 60, 4000)) * draw.random(), self.query, ask)

    def _request(self, command: int, body: bytes, what: tuple[str, list[Ask], int]) -> bool:
        bind = self.owner.bound()
        if bind is None:
            return False
        bind.rare[bind.request(command, body)] = (*what, self.owner.world.now)
        self.owner.books.happened[f"application.{what[0]}"] += 1
        self.owner.books.tell(self.owner.name, f"asks to {what[0]}", *(ask.token for ask in what[1]))
        return True

    def cancel(self, ask: Ask) -> None:
        if not ask.multi:
            self._request(wire.CANCEL, wire.cancel(ask.ids[0], "", ask.to), ("cancel", [ask], 0))

    def query(self, ask: Ask) -> None:
        self._request(wire.QUERY, wire.query(ask.ids[0], self.owner.sender), ("query", [ask], 0))

    def replace(self, ask: Ask) -> None:
        """The same text with the next version; short ones only, as replace_sm has no message_payload."""
        if ask.parts > 1 or ask.multi or ask.cancelled_at >= 0:
            return
        version = max(ask.versions) + 1
        text = ask.text.replace(VERSION, b" v%d " % version)
        body = wire.replace(ask.ids[0], self.owner.sender, text, ask.registered)
        if version < 10 and self._request(wire.REPLACE, body, ("replace", [ask], version)):
            ask.versions.append(version)

    def multi(self, asks: list[Ask]) -> None:
        """One text to many; with no reference nobody may ask again."""
        one = asks[0]
        for ask in asks:
            self.owner.tried(ask)
        body = wire.multi(
            one.kind.encode(), self.owner.sender, [ask.to for ask in asks], one.text, one.registered
        )
        if not self._request(wire.MULTI, body, ("multi", asks, 0)):
            for ask in asks:
                ask.statuses.append(-1)  # nobody was there to hear it

    # ── hearing ──────────────────────────────────────────────────────────────────────────────────────────
    def lost(self, rare: dict[int, Any]) -> None:
        """The connection is gone: nobody knows what became of these."""
        for verb, asks, _, _ in rare.values():
            for ask in asks if verb == "multi" else ():
                self.owner.unsure(ask)
        rare.clear()

    def answered(self, what: tuple[str, list[Ask], int, float], status: int, body: bytes) -> None:
        verb, asks, version, begun = what
        now, books, ask = self.owner.world.now, self.owner.books, asks[0]
        books.tell(self.owner.name, f"{verb} of {ask.token} answered {status:#x}")
        if verb == "query":
            state = body[body.index(b"\0", body.index(b"\0") + 1) + 1] if not status else -1
            books.queries.append((begun, ask, status, state))
        elif verb == "cancel" and not status:
            ask.cancelled_at = now
        elif verb == "replace":
            if status:
                ask.versions.remove(version)
            else:
                ask.versions = [v for v in ask.versions if v >= version]
                ask.replaced_at = now
        elif verb == "multi":
            failed = set(wire.multi_failures(body)) if not status else set()
            given = body.split(b"\0")[0].decode()
            for each in asks:
                self.owner.answered(each, status or (0x45 if each.to in failed else 0), given)
