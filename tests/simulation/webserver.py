"""An application's web server as a random actor: takes what the gateway posts to its webhook, or does anything else.

HTTP/1.1 written by hand on a Plug. Its moods are switched by the storm's faults. Each whole POST goes into the books,
with what was answered to it and whether the gateway has surely heard that.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulation.books import Post
from simulation.network import Plug
from simulation.webform import Request, wrongs

if TYPE_CHECKING:
    from simulation.application import Application
    from simulation.storm import Storm
    from simulation.webhooks import Names

__all__ = ["ELSEWHERE", "WebServer", "secret_of"]

ELSEWHERE = 9999
"""A port to which it redirects, and nobody may come."""
TIMEOUT = 20.0
"""Seconds that the gateway waits for an answer, as docs/http.md says."""
SURELY = 8.0
"""Seconds after its first octet, or its connection, within which an answer is in time: connecting may take ten."""
LARGEST = 1
"""Events of one POST for a server to which most is too large."""
REFUSALS = {"refuses": (400, 401, 403, 404, 422), "gone": (410,), "fails": (500, 502, 504), "busy": (429, 503),
            "redirects": (301, 302, 303, 307, 308), "odd": (101, 300, 304, 399, 600, 999)}  # fmt: skip
GARBAGE = (b"220 mail.example ESMTP\r\n", b"HTTP/1.1 OK\r\n\r\n", b"\x00\xff\x15\x03\x01\x00\x02\x02\x46" * 9, b"\r\n\r\n\r\n",
           b"HTTP/1.1 2000 OK\r\n\r\n", b"HTTP/9.9 200 OK\r\n: none\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000,
           b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", b"<html>200 OK</html>\n")  # fmt: skip


def secret_of(account: str, generation: int) -> str:
    return f"{account}-signs-with-this-{generation}"


class _Visit:
    """One connection of the gateway's."""

    def __init__(self, server: WebServer, plug: Plug) -> None:
        self.server = server
        self.plug = plug
        self.began = server.world.now
        self.answering = False  # to what came whole, or was turned away
        self._read = bytearray()
        plug.on_data = self._data
        plug.on_end = lambda: server.left(self)

    @property
    def unanswered(self) -> bool:
        """Whether the gateway is still waiting for an answer here."""
        gate = self.plug.wire
        return self.answering and gate is not None and not (gate.is_closing() or gate.dead)

    def _data(self, octets: bytes) -> None:
        if not self._read:
            self.began = self.server.world.now
        self._read += octets
        request = Request.read(self._read)
        if request is None or self.answering or not request.whole:
            return
        self._read.clear()
        self.answering = True
        self.server.asked(self, request)

    def send(self, octets: bytes) -> None:
        self.plug.send(octets)

    def close(self) -> None:
        self.plug.end()


class WebServer:
    """See the module. generation: how often it has moved, to another path with another secret."""

    def __init__(
        self, owner: Application, host: str, port: int, names: Names, draw: random.Random, wrong: Any
    ) -> None:
        self.owner = owner
        self.host = host
        self.port = port
        self.world = owner.world
        self.network = owner.network
        self.books = owner.books
        self.random = draw
        self.moods: dict[str, float] = {}
        self.generation = 0
        self.settled_at = 0.0  # when the gateway had heard that it moved; -1 for not yet
        self._wrong = wrong
        self._visits: list[_Visit] = []
        self._given = 0
        names.add(host, self.moods)
        self.open_door(True)

    @property
    def connections(self) -> list[_Visit]:
        return self._visits

    def mood(self, name: str) -> bool:
        chance = self.moods.get(name)
        if chance is None or self.random.random() >= chance:
            return False
        self.books.happened[f"webhook.{name}"] += 1
        return True

    # ── its door ─────────────────────────────────────────────────────────────────────────────────────────
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/sms/{self.generation}"

    def accept(self, plug: Plug) -> None:
        visit = _Visit(self, plug)
        self._visits.append(visit)
        assert plug.wire is not None
        plug.wire.set_write_buffer_limits(self.random.choice((512, 4096, 65_536)))
        if "unreading" in self.moods:
            plug.reading = False
        elif self.mood("hangs_up"):
            self._soon(0.01, self.random.choice((visit.close, plug.reset)))
        elif self.mood("early"):
            plug.reading = False
            self._soon(0.05, self._peeks, visit, 40)

    def left(self, visit: _Visit) -> None:
        if visit in self._visits:
            self._visits.remove(visit)

    def open_door(self, on: bool) -> None:
        self.network.services[self.port] = self.accept if on else None
        if not on:
            self.drop()

    def drop(self) -> None:
        for visit in list(self._visits):
            visit.plug.reset()

    def read(self, on: bool) -> None:
        for visit in self._visits:
            visit.plug.reading = on

    def move(self, storm: Storm) -> None:
        """To another path, with another secret; the operator hears of it, writes that down, and reloads until he is heard."""
        self.generation += 1
        self.settled_at = -1.0
        self._soon(40.0, self._tell, storm)

    def _tell(self, storm: Storm) -> None:
        self.books.moves.append((self.world.now, self.owner.name))
        account = storm.table["accounts"][self.owner.name]
        account["webhook"] = self.url()
        Path(account["webhook_secret_file"]).write_text(secret_of(self.owner.name, self.generation))
        storm.write_configuration()
        self._reload(storm, self.generation)

    def _reload(self, storm: Storm, generation: int) -> None:
        def heard(answer: dict[str, Any]) -> None:
            if generation != self.generation:
                return  # it has moved on
            if "data" in answer:
                self.settled_at = self.world.now
                self.books.moves.append((self.world.now, self.owner.name))
            else:
                self.world.after(5.0, self._reload, storm, generation)

        storm.operator.ask("reload", {}, heard)

    def _soon(self, within: float, call: Callable[..., object], *args: Any) -> None:
        self.world.after(within * self.random.random(), call, *args)

    # ── what comes ───────────────────────────────────────────────────────────────────────────────────────
    def _peeks(self, visit: _Visit, more: int) -> None:
        """It has an opinion as soon as it sees the head of a POST, and never reads the body."""
        if b"\r\n\r\n" in b"".join(visit.plug._held):
            visit.answering = True
            visit.send(_answer(self.random.choice((401, 413, 503)), b"no", "Connection: close\r\n"))
            self._soon(40.0, self.random.choice((visit.close, visit.plug.reset, lambda: None)))
        elif more:
            self.world.after(0.05, self._peeks, visit, more - 1)

    def asked(self, visit: _Visit, request: Request) -> None:
        """A whole POST."""
        post = Post(self.owner.name, self.world.now, visit.began)
        for words in wrongs(request, self.owner.name, secret_of, self.generation):
            self._wrong("webhook", words)
        post.events = request.events
        self.books.posts.append(post)
        self.books.happened["webhook.posts"] += 1
        self._judge_moment(visit, request)
        if any(other is not visit and other.unanswered for other in self._visits):
            self._wrong("webhook", f"two POSTs to {self.owner.name} at a time")
        self.books.tell(self.owner.name, f"is posted {len(post.events)} events {request.delivery}")
        if request.generation != self.generation:
            self.books.happened["webhook.old_address"] += 1
            self._refuse(visit, post, 410)
        else:
            self._decide(visit, post)

    def _judge_moment(self, visit: _Visit, request: Request) -> None:
        """Not to where it has moved from, and not while a bind carries the account's notes."""
        begun = visit.began - TIMEOUT - 5  # its POST, at the earliest; and the line
        if "unreading" in self.moods or self.network.slow.get(self.port):
            return
        if request.generation != self.generation and 0 <= self.settled_at < begun:
            self._wrong(
                "webhook", f"{self.owner.name} has moved at {self.settled_at:.3f}, and is sought there"
            )
        since = self.owner.receives_since
        if self.books.starts[-1] < since < begun - 30 and "unreading" not in self.owner.moods:
            self._wrong("webhook", f"{self.owner.name} is posted to, and bound since {since:.3f}")

    def _decide(self, visit: _Visit, post: Post) -> None:
        draw, plug = self.random, visit.plug
        for name, statuses in REFUSALS.items():
            if self.mood(name):
                self._given_to(post, False)
                self._refuse(visit, post, draw.choice(statuses))
                return
        if len(post.events) > LARGEST and self.mood("too_large"):
            self._given_to(post, False)
            self._refuse(visit, post, 413)
        elif self.mood("silent"):
            self._waits(visit, post)
        elif self.mood("late"):
            self._waits(visit, post)
            self.world.at(visit.began + TIMEOUT + 1.1 + 30 * draw.random() ** 3, self._take, visit, post)
        elif self.mood("slow"):
            self._given_to(post, False)
            self._soon(TIMEOUT - 1, self._take, visit, post)
        elif self.mood("cuts"):
            self._given_to(post, False)
            visit.answering = False
            self._soon(0.5, draw.choice((visit.close, plug.reset)))
        elif self.mood("garbage"):
            self._given_to(post, False)
            visit.send(draw.choice(GARBAGE))
            self._soon(30.0, visit.close)
        elif self.mood("half"):
            self._half(visit, post)
        else:
            self._take(visit, post)

    def _waits(self, visit: _Visit, post: Post) -> None:
        """No answer. The world goes on at the gateway's own time-out, so that no leap makes it late."""
        self._given_to(post, False)
        for seconds in (TIMEOUT + 0.05, TIMEOUT + 1.05):
            self.world.at(visit.began + seconds, lambda: None)

    # ── answers ──────────────────────────────────────────────────────────────────────────────────────────
    def _take(self, visit: _Visit, post: Post) -> None:
        """With a 2xx, in one of the ways in which servers say that."""
        draw = self.random
        status = draw.choice((200, 200, 201, 202, 204, 206, 299))
        body = b"" if status == 204 else draw.choice((b"", b"ok", b'{"taken": true}' * 40))
        more = "Connection: close\r\n" if draw.random() < 0.2 else ""
        answer = _answer(status, body, more)
        if draw.random() < 0.1 and body:  # as long as the connection lasts, or in chunks
            chunked = draw.random() < 0.5
            length = "Transfer-Encoding: chunked\r\n" if chunked else "Connection: close\r\n"
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked else body
            more, answer = "" if chunked else "close", _head(status, length) + body
        elif draw.random() < 0.02:  # its last octet never comes: whoever asked must hang up
            answer = answer[:-1] if body else answer
        if self.mood("continues"):
            visit.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * draw.choice((1, 3)))
        if self.mood("trickles"):
            for begin in range(0, min(len(answer), 40), 4):
                self.world.after(0.02 * begin, visit.send, answer[begin : begin + 4])
            self.world.after(1.0, self._said, visit, post, status, answer[40:], bool(more))
        else:
            self._said(visit, post, status, answer, bool(more))

    def _refuse(self, visit: _Visit, post: Post, status: int) -> None:
        more = f"Location: http://{self.host}:{ELSEWHERE}/\r\n" if 300 <= status < 400 else ""
        if status in (429, 503):
            more = f"Retry-After: {self.random.choice((0, 1, 3600))}\r\n"
        self._said(visit, post, status, _answer(status, b"no", more), self.random.random() < 0.2)

    def _half(self, visit: _Visit, post: Post) -> None:
        """The connection ends within the head, or within the body; or neither, and there comes no more."""
        answer = _answer(200, b"taken" * 20)
        head = answer.index(b"\r\n\r\n") + 4
        cut = self.random.choice((1, 9, head - 3, head, head + 30))
        if cut >= head:
            self._said(visit, post, 200, answer[:cut], False)
        else:
            self._given_to(post, False)
            visit.send(answer[:cut])
        self._soon(30.0, self.random.choice((visit.close, visit.plug.reset, lambda: None)))

    def _said(self, visit: _Visit, post: Post, status: int, octets: bytes, close: bool) -> None:
        """The last of an answer leaves, and with it the whole of its head."""
        post.status, post.said = status, self.world.now
        visit.answering = False
        if post.taken:
            self._given_to(post, True)
        if visit.plug.open:
            visit.send(octets)
            self.world.at(visit.plug._last_in, self._heard, visit, post)
        elif post.taken:
            self.books.drops[self.owner.name].append(self.world.now)
        if close:
            visit.close()
        elif "idle" in self.moods or self.random.random() < 0.1:
            self._soon(14.0, self._hang_up, visit)

    def _hang_up(self, visit: _Visit) -> None:
        """A connection that is kept open has said nothing for a while; a POST may be on its way here."""
        self.mood("idle")
        visit.close()

    def _heard(self, visit: _Visit, post: Post) -> None:
        gate = visit.plug.wire
        there = visit.plug.open and gate is not None and not (gate.is_closing() or gate.dead)
        if there and self.world.now < visit.began + SURELY:
            post.heard = self.world.now
        elif post.taken:
            self.books.drops[self.owner.name].append(self.world.now)

    def _given_to(self, post: Post, taken: bool) -> None:
        for event in post.events:
            self._given += 1
            self.owner.posted(event, taken, (self, self._given))


def _head(status: int, more: str) -> bytes:
    return f"HTTP/1.1 {status} Said\r\nServer: storm\r\n{more}\r\n".encode()


def _answer(status: int, body: bytes, more: str = "") -> bytes:
    length = "" if status in (101, 204, 304) else f"Content-Length: {len(body)}\r\n"
    return _head(status, more + length) + (body if length else b"")
