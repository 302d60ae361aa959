"""A carrier as a random actor: an SMSC that throttles, refuses, forgets to answer, and tells of it when it likes.

Its moods are switched on and off by the storm's faults; without any it is a good carrier. It keeps a true record
of what it received and what it answered. Everything happens in callbacks of the world.
"""

from __future__ import annotations

import random
import re
from typing import Any

from simulation import wire
from simulation.books import Ask, Attempt, Books, Reply
from simulation.clockwork import World
from simulation.network import Network, Plug

__all__ = ["Carrier"]

TOKEN = re.compile(rb"(M\d{6}) v(\d)")
AGAIN = 20.0
"""Seconds before a deliver_sm that had no good answer is sent again."""


class _Link:
    """One connection from the gateway."""

    def __init__(self, carrier: Carrier, plug: Plug) -> None:
        self.carrier = carrier
        self.plug = plug
        self.frames = wire.Deframer()
        self.receives = False
        self.sends = False
        self.pending: dict[int, Any] = {}
        self.sequence = 0
        plug.on_data = self._data
        plug.on_end = self._end

    def _data(self, octets: bytes) -> None:
        for command, status, sequence, body in self.frames.feed(octets):
            self.carrier.pdu(self, command, status, sequence, body)

    def _end(self) -> None:
        self.carrier.closed(self)

    def send(self, command: int, status: int, sequence: int, body: bytes = b"") -> None:
        self.plug.send(wire.frame(command, status, sequence, body))


class Carrier:
    """See the module. moods: those in force, each with its probability. sluggish: that of a slow answer, all the time."""

    def __init__(self, name: str, port: int, world: World, network: Network, books: Books, draw: random.Random,
                 ids: str) -> None:  # fmt: skip
        self.name = name
        self.port = port
        self.world = world
        self.network = network
        self.books = books
        self.random = draw
        self.ids = ids
        self.moods: dict[str, float] = {}
        self.sluggish = 0.0
        self.links: list[_Link] = []
        self._number = draw.randrange(20_000_000, 90_000_000) * 100
        self._owed: list[_Delivery] = []
        network.services[port] = self.accept

    @property
    def connections(self) -> list[_Link]:
        return self.links

    def mood(self, name: str) -> bool:
        chance = self.moods.get(name)
        if chance is None or self.random.random() >= chance:
            return False
        self.books.happened[f"carrier.{name}"] += 1
        return True

    # ── its door ─────────────────────────────────────────────────────────────────────────────────────────
    def accept(self, plug: Plug) -> None:
        link = _Link(self, plug)
        self.links.append(link)
        if "unreading" in self.moods:
            plug.reading = False

    def closed(self, link: _Link) -> None:
        if link in self.links:
            self.links.remove(link)
        for each in link.pending.values():
            self.world.after(AGAIN * self.random.random(), self._deliver, each)
        link.pending.clear()

    def open_door(self, on: bool) -> None:
        self.network.services[self.port] = self.accept if on else None
        if not on:
            self.drop()

    def drop(self) -> None:
        for link in list(self.links):
            link.plug.reset()

    def half_close(self) -> None:
        for link in list(self.links):
            link.plug.end()

    def read(self, on: bool) -> None:
        for link in self.links:
            link.plug.reading = on

    # ── what comes ───────────────────────────────────────────────────────────────────────────────────────
    def pdu(self, link: _Link, command: int, status: int, sequence: int, body: bytes) -> None:
        if command == wire.SUBMIT:
            self._submitted(link, sequence, body)
        elif command == wire.DELIVER | wire.RESP:
            self._answered(link, sequence, status)
        elif command == wire.ENQUIRE:
            if not self.mood("dead"):
                link.send(command | wire.RESP, 0, sequence)
        elif command in (wire.BIND_TRX, wire.BIND_RX, wire.BIND_TX):
            refusal = 0x05 if self.mood("bind_refused") else 0
            link.send(command | wire.RESP, refusal, sequence, b"" if refusal else self.name.encode() + b"\0")
            if not refusal:
                link.receives = command != wire.BIND_TX
                link.sends = command != wire.BIND_RX
                self.world.after(0.5, self._flush)
        elif command == wire.UNBIND:
            link.send(command | wire.RESP, 0, sequence)
            link.plug.end()

    def _submitted(self, link: _Link, sequence: int, body: bytes) -> None:
        sm = wire.parse_sm(body)
        found = TOKEN.search(sm.text)
        ask = self.books.find(found[1].decode(), sm.destination) if found else None
        attempt = _last(ask, self.name, sm.part) if ask is not None else None
        label = ask.token if ask is not None else "(own)"
        status = self._judgement()
        self._number += 1 + self.random.randrange(3)
        number = self._number
        taken = status == 0
        self.books.tell(self.name, f"got {label} part {sm.part}/{sm.total} -> {status:#x} id {number}")
        if attempt is not None:
            attempt.got, attempt.status = True, status
        if self.mood("silent"):
            taken = taken and self.random.random() < 0.5
            if attempt is not None:
                attempt.status = None
        else:
            wait = 0.005 + 0.05 * self.random.random()
            if self.mood("slow") or (self.sluggish and self.random.random() < self.sluggish):
                wait += 40 * self.random.random()
            answer = b"" if status else self._shown(number, self.ids) + b"\0"
            self.world.after(wait, self._respond, link, sequence, status, answer, attempt)
            if taken and sm.registered & 1:
                self._owe(sm.destination, sm.source, number, attempt, wait)
            return
        if taken and sm.registered & 1:
            self._owe(sm.destination, sm.source, number, attempt, 0.1)

    def _judgement(self) -> int:
        if self.mood("throttled"):
            return wire.THROTTLED
        if self.mood("queue_full"):
            return wire.QUEUE_FULL
        if self.mood("retry"):
            return self.random.choice((0x08, 0x64, 0x45))
        if self.mood("refused"):
            return self.random.choice((0x0B, 0x65))
        if self.mood("next_route"):
            return 0x0A
        return 0

    def _respond(self, link: _Link, sequence: int, status: int, body: bytes, attempt: Attempt | None) -> None:
        link.send(wire.SUBMIT | wire.RESP, status, sequence, body)
        if attempt is not None and link.plug.open:
            self.world.at(link.plug._last_in, self._heard, link, attempt)

    def _heard(self, link: _Link, attempt: Attempt) -> None:
        gate = link.plug.wire
        if link.plug.open and gate is not None and not gate.is_closing() and not gate.dead:
            attempt.heard = self.world.now

    def _shown(self, number: int, style: str) -> bytes:
        if style == "decimal":
            return b"%d" % number
        if style == "padded":
            return b"%012d" % number
        return b"%X" % number if style == "HEX" else b"%x" % number

    # ── what it tells ────────────────────────────────────────────────────────────────────────────────────
    def _owe(self, phone: str, sender: str, number: int, attempt: Attempt | None, wait: float) -> None:
        if self.mood("no_receipt"):
            return
        stat = "DELIVRD"
        if self.mood("undelivered"):
            stat = self.random.choice(("UNDELIV", "EXPIRED", "REJECTD"))
        written = self._shown(number, "decimal" if self.mood("other_base") else self.ids)
        after = wait + self.random.expovariate(self.random.choice((0.2, 1.0)))
        if self.mood("early"):
            after = wait * 0.5
        elif self.mood("late"):
            after = 600 + 20_000 * self.random.random()
        delivery = _Delivery(phone, sender, wire.receipt_text(written.decode(), stat), 0x04, attempt, stat)
        self.world.after(after, self._deliver, delivery)
        if self.mood("twice"):
            again = _Delivery(phone, sender, delivery.text, 0x04, attempt, stat)
            self.world.after(after + 30 * self.random.random(), self._deliver, again)

    def reply(self, reply: Reply) -> None:
        """A message from a phone: whole, or in parts, in any order."""
        text = reply.text.encode("ascii")
        if reply.parts == 1:
            self._deliver(_Delivery(reply.source, reply.to, text, 0, None, "", reply))
            return
        size = -(-len(text) // reply.parts)
        reference = (
            int(reply.token[1:]) % 256
        )  # a phone counts them; two at a time with one would be one text
        order = list(range(reply.parts))
        self.random.shuffle(order)
        for turn, index in enumerate(order):
            header = bytes((5, 0, 3, reference, reply.parts, index + 1))
            piece = _Delivery(
                reply.source,
                reply.to,
                header + text[index * size : (index + 1) * size],
                0x40,
                None,
                "",
                reply,
            )
            self.world.after(turn * 8 * self.random.random(), self._deliver, piece)

    def _deliver(self, delivery: _Delivery) -> None:
        links = [link for link in self.links if link.receives and link.plug.open]
        if not links:
            self._owed.append(delivery)
            return
        link = self.random.choice(links)
        link.sequence += 1
        link.pending[link.sequence] = delivery
        if delivery.attempt is not None and delivery.attempt.told_from < 0:
            delivery.attempt.told_from = self.world.now
        body = wire.deliver(delivery.phone, delivery.to, delivery.text, delivery.esm)
        link.send(wire.DELIVER, 0, link.sequence, body)
        self.world.after(60.0, self._unanswered, link, link.sequence)

    def _unanswered(self, link: _Link, sequence: int) -> None:
        delivery = link.pending.pop(sequence, None)
        if delivery is not None:
            self._deliver(delivery)

    def _answered(self, link: _Link, sequence: int, status: int) -> None:
        delivery = link.pending.pop(sequence, None)
        if delivery is None:
            return
        if status:
            self.world.after(AGAIN, self._deliver, delivery)
            return
        now = self.world.now
        if delivery.attempt is not None:
            delivery.attempt.receipts.append((delivery.stat, now))
        reply = delivery.reply
        if reply is not None:
            reply.parts -= 1
            if reply.parts == 0:
                reply.taken = now
                self.books.tell(
                    self.name, f"the gateway took {reply.token} from {reply.source}: {reply.text[:20]}"
                )
                if reply.text == "STOP":
                    self.books.stops.append((now, reply.owner, reply.source))

    def _flush(self) -> None:
        owed, self._owed = self._owed, []
        for delivery in owed:
            self._deliver(delivery)


class _Delivery:
    """A receipt or a reply on its way to the gateway."""

    __slots__ = ("attempt", "esm", "phone", "reply", "stat", "text", "to")

    def __init__(self, phone: str, to: str, text: bytes, esm: int, attempt: Attempt | None, stat: str,
                 reply: Reply | None = None) -> None:  # fmt: skip
        self.phone = phone
        self.to = to
        self.text = text
        self.esm = esm
        self.attempt = attempt
        self.stat = stat
        self.reply = reply


def _last(ask: Ask | None, bearer: str, part: int) -> Attempt | None:
    """The hand-over that these octets are of: the last of that part by this bearer which nobody has received."""
    assert ask is not None
    fitting = [a for a in ask.attempts if a.bearer == bearer and a.part == part and not a.got]
    return fitting[0] if fitting else None
