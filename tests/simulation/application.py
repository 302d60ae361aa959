"""An application as a random actor: binds, submits, resubmits with the same reference, vanishes, does not read.

Its moods are switched by the storm's faults. It keeps a true record of what it was answered and told, on its binds and at
its webhook (webserver.py).
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

from simulation import wire
from simulation.books import Ask, Books, Reply
from simulation.caller import Caller
from simulation.clockwork import World
from simulation.network import Network, Plug
from simulation.verbs import Verbs
from simulation.webform import STATS

__all__ = ["Application"]

_RECEIPT = re.compile(rb"id:(\d+) .*stat:([A-Z]+)")
_REPLY = re.compile(rb"R\d{6}")
PATIENCE = 45.0
"""Seconds that it waits for an answer to a submission."""
FORGOTTEN = 590.0
"""Seconds after which the gateway takes a part that is repeated for one of another text."""
_LATER = (0x08, 0x14, 0x58)


class _Bind:
    """One connection to the gateway."""

    def __init__(self, owner: Application, plug: Plug) -> None:
        self.owner = owner
        self.plug = plug
        self.frames = wire.Deframer()
        self.bound = False
        self.sequence = 1
        self.pending: dict[int, Ask] = {}
        self.rare: dict[int, Any] = {}  # see verbs.py
        self.given = 0
        plug.on_data = self._data
        plug.on_end = lambda: owner.ended(self)

    def _data(self, octets: bytes) -> None:
        for command, status, sequence, body in self.frames.feed(octets):
            self.owner.pdu(self, command, status, sequence, body)

    def send(self, command: int, status: int, sequence: int, body: bytes = b"") -> None:
        self.plug.send(wire.frame(command, status, sequence, body))

    def request(self, command: int, body: bytes) -> int:
        self.sequence += 1
        self.send(command, 0, self.sequence, body)
        return self.sequence


class Application:
    """See the module. away: it has vanished for a while. bind_as: the command of its binds.

    receives_since: when a bind began to carry what it is owed, -1 while none does.
    """

    def __init__(
        self, name: str, world: World, network: Network, books: Books, draw: random.Random, binds: int
    ) -> None:
        self.name = name
        self.world = world
        self.network = network
        self.books = books
        self.random = draw
        self.moods: dict[str, float] = {}
        self.away = False
        self.by_mqtt: Callable[[Ask], object] = lambda ask: None
        self.bind_as = wire.BIND_TRX
        self.receives_since = -1.0
        self._wanted = binds
        self._binds: list[_Bind] = []
        self._connecting = 0
        books.drops[name] = []
        self._waiting: list[Ask] = []
        self.verbs = Verbs(self)
        self.caller = Caller(self)
        world.after(0.2, self._keep)

    @property
    def connections(self) -> list[_Bind]:
        return self._binds

    @property
    def sender(self) -> str:
        return "36180" if self.name == "shop" else "CHAPPE"

    def mood(self, name: str) -> bool:
        chance = self.moods.get(name)
        if chance is None or self.random.random() >= chance:
            return False
        self.books.happened[f"application.{name}"] += 1
        return True

    # ── binds ────────────────────────────────────────────────────────────────────────────────────────────
    def _keep(self) -> None:
        """As many binds as wanted, tried again and again."""
        if self.away:
            return
        if len(self._binds) + self._connecting < self._wanted:
            self._connecting += 1
            self.network.connect_in(2775, self._opened)

    def _opened(self, plug: Plug | None) -> None:
        self._connecting -= 1
        if plug is None or not plug.open:
            self.world.after(5 + 10 * self.random.random(), self._keep)
            return
        bind = _Bind(self, plug)
        self._binds.append(bind)
        if "unreading" in self.moods:
            plug.reading = False
        bind.send(self.bind_as, 0, 1, wire.bind(self.name))

    def ended(self, bind: _Bind) -> None:
        self.books.drops[self.name].append(self.world.now)
        if bind in self._binds:
            self._binds.remove(bind)
        if not any(other.bound for other in self._binds):
            self.receives_since = -1.0
        for ask in bind.pending.values():
            self.unsure(ask)
        bind.pending.clear()
        self.verbs.lost(bind.rare)
        self.world.after(1 + 5 * self.random.random(), self._keep)

    def vanish(self, on: bool) -> None:
        """Gone without a word; back later."""
        self.away = on
        if on:
            for bind in list(self._binds):
                bind.plug.reset()
        else:
            for _ in range(self._wanted):
                self._keep()

    def drop(self) -> None:
        for bind in list(self._binds):
            bind.plug.reset()

    def half_close(self) -> None:
        self.books.drops[self.name].append(self.world.now)  # what it answers from now on goes nowhere
        for bind in list(self._binds):
            bind.plug.end()

    def read(self, on: bool) -> None:
        self.books.drops[self.name].append(self.world.now)
        for bind in self._binds:
            bind.plug.reading = on

    # ── asking ───────────────────────────────────────────────────────────────────────────────────────────
    def bound(self) -> _Bind | None:
        """One of its connections, whichever."""
        bound = [bind for bind in self._binds if bind.bound and bind.plug.open]
        return self.random.choice(bound) if bound else None

    def tried(self, ask: Ask) -> None:
        ask.tries += 1
        if ask.asked_at < 0:
            ask.asked_at = self.world.now
            ask.accepted_wall = self.books.wall()

    def ask(self, ask: Ask) -> None:
        if ask.by_http:
            self.tried(ask)
            self.caller.post(ask)
            return
        if ask.by_mqtt:
            self.tried(ask)
            self.by_mqtt(ask)
            return
        bind = self.bound()
        if bind is None:
            self._waiting.append(ask)
            return
        self.tried(ask)
        body = wire.submit(
            ask.kind.encode(), self.sender, ask.to, ask.text, ask.reference, ask.tag, ask.registered, ask.wait
        )
        sequence = bind.request(wire.SUBMIT, body)
        bind.pending[sequence] = ask
        self.world.after(PATIENCE, self._waited, bind, sequence)

    def _waited(self, bind: _Bind, sequence: int) -> None:
        ask = bind.pending.pop(sequence, None)
        if ask is not None:
            self.unsure(ask)

    def unsure(self, ask: Ask) -> None:
        """No answer: nobody knows whether the gateway has it. With a reference it is safe to ask again."""
        if ask.ids:
            return
        ask.unsure = True
        if ask.reference and ask.tries < 30:
            self.books.happened["application.resubmits"] += 1
            self.world.after(2 + 20 * self.random.random(), self.ask, ask)

    def answered(self, ask: Ask, status: int, given: str) -> None:
        """The gateway has taken it, as `given`, or says why not."""
        ask.statuses.append(status)
        ask.tried.append((self.world.now, status))
        if status:
            self.books.tell(self.name, f"{ask.token} refused {status:#x}")
            if status in _LATER and ask.tries < 30 and (ask.reference or not (ask.unsure or ask.multi)):
                self.world.after(1 + 30 * self.random.random(), self.ask, ask)
            return
        self._accepted(ask, given)
        if ask.reference and self.mood("resubmit"):
            self.world.after(60 * self.random.random(), self.ask, ask)
        elif self.mood("cancel"):
            self.verbs.cancel(ask)
        else:
            self.verbs.think_of(ask)

    def _accepted(self, ask: Ask, given: str) -> None:
        name = f"{given}/{ask.to}" if ask.multi else given
        if given not in ask.ids:
            ask.ids.append(given)
        if ask.accepted_at < 0:
            ask.accepted_at = self.world.now
        self.books.by_id.setdefault(name, ask)
        for told in [
            told for told in self.books.strange if told[0] == self.name and told[1] in (name, given)
        ]:
            if told[5] == ask.to:
                self.books.strange.remove(told)  # read from another bind before this answer
                ask.told.append(told[2:5])
        self.books.tell(self.name, f"{ask.token} to {ask.to} accepted as {given}")

    # ── what comes ───────────────────────────────────────────────────────────────────────────────────────
    def pdu(self, bind: _Bind, command: int, status: int, sequence: int, body: bytes) -> None:
        if command == wire.SUBMIT | wire.RESP:
            ask = bind.pending.pop(sequence, None)
            if ask is not None:
                self.answered(ask, status, body.split(b"\0")[0].decode())
        elif command == wire.DELIVER:
            self._given(bind, sequence, wire.parse_sm(body))
        elif command == wire.ENQUIRE:
            bind.send(command | wire.RESP, 0, sequence)
        elif command == self.bind_as | wire.RESP:
            if status:
                bind.plug.end()
                return
            bind.bound = True
            if self.bind_as == wire.BIND_TRX and self.receives_since < 0:
                self.receives_since = self.world.now
            waiting, self._waiting = self._waiting, []
            for ask in waiting:
                self.world.after(0.05 + self.random.random(), self.ask, ask)
            self._keep()
        elif command == wire.UNBIND:
            bind.send(command | wire.RESP, 0, sequence)
        elif command & wire.RESP and sequence in bind.rare:
            self.verbs.answered(bind.rare.pop(sequence), status, body)

    def _given(self, bind: _Bind, sequence: int, sm: wire.Submission) -> None:
        answer: int | None = 0
        if self.mood("mute"):
            answer = None
        elif self.mood("later"):
            answer = wire.LATER
        if answer is not None:
            bind.send(wire.DELIVER | wire.RESP, answer, sequence, b"\0")
        bind.given += 1
        about = (
            self._receipt(sm, answer == 0)
            if sm.esm & 0x3C
            else self._reply(sm.text, sm.source, sm.destination, answer == 0)
        )
        _came_first(about, (bind, bind.given))

    def posted(self, event: dict[str, Any], taken: bool, place: tuple[object, int]) -> None:
        """One event at its webhook; taken: it was answered with a 2xx."""
        about: Ask | Reply | None
        if event["type"] == "reply":
            said = event["reply"]
            about = self._reply(said["text"].encode(), said["from"], said["to"], taken)
        else:
            said = event["message"]
            about = self._told(said["id"], STATS.get(said["state"], said["state"]), said["to"], taken)
            if about is not None and not _is_its_own(event, about):
                self.books.violation("webhook", f"{self.name} is posted {event} about {about}")
        _came_first(about, place)

    def _receipt(self, sm: wire.Submission, taken: bool) -> Ask | None:
        found = _RECEIPT.search(sm.text)
        if found is None:
            self.books.violation(
                "receipt", f"{self.name} was given a receipt that nobody can read: {sm.text!r}"
            )
            return None
        return self._told(found[1].decode(), found[2].decode(), sm.source, taken)

    def _told(self, given: str, stat: str, number: str, taken: bool) -> Ask | None:
        ask = self.books.named(given, number)
        self.books.tell(self.name, f"told {ask.token if ask else given} {stat}, answered {taken}")
        if ask is None:
            self.books.strange.append((self.name, given, self.world.now, stat, taken, number))
        elif ask.account != self.name:
            self.books.violation("privacy", f"{self.name} was told of {ask}")
        else:
            ask.told.append((self.world.now, stat, taken))
        return ask

    def _reply(self, octets: bytes, source: str, to: str, taken: bool) -> Reply | None:
        found = _REPLY.search(octets)
        reply = self.books.replies.get(found.group().decode()) if found else self.books.plain.get(source + to)
        if reply is None:
            return None
        self.books.tell(self.name, f"given {reply.token} from {source}, answered {taken}")
        if reply.owner != self.name:
            self.books.violation("privacy", f"{self.name} was given {reply.token}, which is {reply.owner}'s")
        elif found is not None and (text := octets.decode("ascii", "replace")) != reply.text:
            unheard = (
                reply.taken < 0
                or self.world.now < reply.taken + 2400
                or reply.taken > reply.begun + FORGOTTEN
            )
            if text in reply.text and (unheard or any(at >= reply.begun for at in self.books.deaths)):
                reply.pieces.update([text] if taken else [])
                return None  # a part whose acknowledgement was not heard, and that came again: see docs/reliability.md
            self.books.violation("reply", f"{reply.token} came as {octets!r}, was {reply.text!r}")
        reply.given.append((self.world.now, taken))
        return reply


def _came_first(about: Ask | Reply | None, place: tuple[object, int]) -> None:
    if about is not None and len(about.told if isinstance(about, Ask) else about.given) == 1:
        about.first_on = place


def _is_its_own(event: dict[str, Any], ask: Ask) -> bool:
    """Whether what a receipt says beside id and state is what was submitted."""
    said = event["message"]
    shown = said["to"], said["reference"], said["tag"], said["segments"], event["type"], said["final"]
    return shown == (ask.to, ask.reference, ask.tag, ask.parts, "receipt", True)
