"""What applications and phones have in mind: messages, campaigns to several, replies, STOP. Drawn from the seed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from simulation.books import KINDS, Ask, Reply
from simulation.broker import SUBMIT

if TYPE_CHECKING:
    from simulation.storm import Storm

__all__ = ["CODES", "Traffic"]

CODES = {"shop": "36180", "bank": "36111", "club": "36122"}
"""Where phones write to whom."""
DAY = 86_400.0


class Traffic:
    """See the module. pace: messages of an application come in handfuls, every so many seconds on average."""

    def __init__(self, storm: Storm, draw: random.Random) -> None:
        self.storm = storm
        self.random = draw
        self._serial = 0
        self._phones = [f"+3361234{n:04d}" for n in range(16)]

    def begin(self) -> None:
        for name in self.storm.applications:
            self.storm.world.after(10, self._flow, name)

    def _flow(self, name: str) -> None:
        if self.storm.world.now > self.storm.days * DAY - 60:
            return
        for _ in range(1 + int(4 * self.random.random() ** 2)):
            self.submit(name)
        if self.random.random() < 0.1:
            self.multi(name)
        self.storm.world.after(self.random.expovariate(1 / 900), self._flow, name)

    def _token(self, letter: str) -> str:
        self._serial += 1
        return f"{letter}{self._serial:06d}"

    def submit(self, name: str, kind: str = "", by_mqtt: bool = False) -> None:
        draw = self.random
        token = self._token("M")
        kind = kind or draw.choices(KINDS, (2, 1, 4, 3))[0]
        parts = draw.choice((1, 1, 1, 1, 2, 3))
        length = 60 if parts == 1 else 153 * parts - 20
        text = (f"{token} v0 Bonjour ".encode() * 40)[:length].rstrip()
        ask = Ask(
            token, name, kind, draw.choice(self._phones), draw.choice(("", "", "c1")),
            f"r{token}" if draw.random() < 0.85 else "", 1 if draw.random() < 0.9 else 0, text, parts,
        )  # fmt: skip
        if kind in ("TRANS", "PROMO") and draw.random() < (0.3 if name == "club" else 0.05):
            ask.wait = float(draw.randrange(60, 7200))
        elif self.storm.http and draw.random() < 0.3:
            ask.by_http = True
        if by_mqtt or (
            self.storm.cast.broker and name in SUBMIT and not ask.by_http and draw.random() < 0.15
        ):
            ask.by_mqtt, ask.registered = True, 0  # nobody is told there what became of it
            if not (ask.reference or self.storm.broker.modern):
                ask.reference = f"r{token}"  # the one way to tell answers apart
        self.storm.books.asks[token] = ask
        self.storm.applications[name].ask(ask)

    def multi(self, name: str) -> None:
        """One text to two, three or four of them."""
        draw = self.random
        token = self._token("M")
        kind = draw.choices(KINDS, (1, 1, 4, 3))[0]
        text = f"{token} v0 Bonjour a tous"
        asks = []
        for phone in draw.sample(self._phones, draw.choice((2, 3, 4))):
            ask = Ask(token, name, kind, phone, "", "", 1, text.encode(), 1)
            ask.multi = True
            asks.append(ask)
            self.storm.books.asks[f"{token}/{phone}"] = ask
        self.storm.applications[name].verbs.multi(asks)

    def burst(self, name: str, level: float) -> None:
        """Many at once; at its worst one application's OTPs, among which the others' few must find their way."""
        if name == "club" and 0.5 < level < 0.7:
            self._in_vain(name)
        flood = level > 0.7
        for n in range(int(20 + 130 * level)):
            kind = ("TRANS" if n % 15 == 0 else "OTP") if flood else ""
            self.storm.world.after((1 if flood else 2) * self.random.random(), self.submit, name, kind)

    def _in_vain(self, name: str) -> None:
        """What it wants sent now no carrier answers, and the OTPs among it expire; then it wants more than its quota has."""
        world = self.storm.world
        for carrier in self.storm.carriers.values():
            carrier.moods["silent"] = 1.0
            world.after(12.0, carrier.moods.pop, "silent", None)
            world.after(11.0, carrier.open_door, False)
            world.after(330.0, carrier.open_door, True)
        world.after(345.0, self.burst, name, 0.8)

    # ── phones ───────────────────────────────────────────────────────────────────────────────────────────
    def reply(self, level: float, owner: str = "") -> None:
        """One, or several from the same phone within some seconds: in order per connection."""
        draw = self.random
        owner = owner or draw.choice(sorted(CODES))
        to = CODES[owner]
        phone = draw.choice(self._phones)
        for turn in range(draw.choice((1, 1, 3))):
            self.storm.world.after(4.0 * turn * draw.random(), self._reply, phone, to, owner, level)

    def _reply(self, phone: str, to: str, owner: str, level: float) -> None:
        storm = self.storm
        token = self._token("R")
        parts = 1 + int(3 * level)
        text = (f"{token} oui " * 60)[: 100 * parts].rstrip()
        reply = Reply(token, phone, to, owner, text, parts, storm.world.now)
        storm.books.replies[token] = reply
        self.random.choice(list(storm.carriers.values())).reply(reply)

    def stop_word(self) -> None:
        draw, books = self.random, self.storm.books
        owner, to = draw.choice(sorted(CODES.items()))
        reply = Reply(self._token("S"), draw.choice(self._phones), to, owner, "STOP", 1, self.storm.world.now)
        books.replies[reply.token] = reply
        books.plain[reply.source + to] = reply
        draw.choice(list(self.storm.carriers.values())).reply(reply)
