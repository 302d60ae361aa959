"""Who asks the gateway by MQTT: an operator's tool with commands, right and wrong ones, and machines with texts.

Each request has a token, as correlation data and as who says so, and keeps how often the gateway read it, what it was
answered and how many acts the log has of it. What it may rely on is in judge_mqtt.py.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from simulation.books import Ask
from simulation.broker import HOSTILE, PREFIX, ROOT, SUBMIT
from simulation.caller import KINDS
from simulation.judge_mqtt import SOON, Standing, judge_ends, judge_mqtt

from gateway.topics import Arrived

if TYPE_CHECKING:
    from simulation.storm import Storm

__all__ = ["Remote", "Request"]

PATIENCE = 30.0
Then = Callable[[dict[str, Any]], object]
WRONG: tuple[tuple[str, Any, str], ...] = (
    ("reboot", {}, "not_allowed"),
    ("link.disable", {"name": "alpha"}, "refused"),
    ("link.disable", {"name": "alpha", "confirm": "storms"}, "refused"),
    ("link.disable", {"confirm": "storm"}, "refused"),
    ("link.reset", {"name": "gamma"}, "refused"),
    ("link.reset", {"name": "alpha", "now": True}, "refused"),
    ("link.reset", b"\xff\xfe{}", "refused"),
    ("link.disable", b'{"name": "alpha", "confirm": "storm"', "refused"),
    ("link.disable", b'{"name": "alpha", "name": "beta", "confirm": "storm"}', "refused"),
    ("link.disable", b'{"name": "alpha", "confirm": "storm"}' + b" " * 33_000, "too_large"),
    ("queue.hold", {}, "refused"),
    ("queue.hold", {"kind": "spam"}, "refused"),
    ("queue.hold", b'[{"account": "shop"}]', "refused"),
    ("queue.hold", b"[" * 20_000, "refused"),
    ("reload", {"now": True}, "refused"),
)
"""(verb, payload, the error that it must be answered with): none of them is ever obeyed."""
WRONG_TEXTS: tuple[tuple[str, Any, str], ...] = (
    ("shop", {"text": "M000000 v0"}, "bad_recipient"),
    ("shop", {"to": "+33612340001"}, "bad_text"),
    ("shop", {"to": "+33612340001", "text": "M000000 v0", "kind": "spam"}, "bad_kind"),
    ("shop", {"to": "+33612340001", "text": "M000000 v0", "sender": "x"}, "bad_request"),
    ("shop", {"to": "+33612340001", "text": "M000000 v0", "send_at": "tomorrow"}, "bad_send_at"),
    ("shop", b'{"to": "+33612340001", "text": "M000000 v0"', "bad_request"),
    ("shop", b'{"to": "+33612340001", "text": "M000000 v0"}' + b" " * 33_000, "too_large"),
    ("club", {"to": "+33612340001", "text": "M000000 v0"}, "not_allowed"),
    ("nobody", {"to": "+33612340001", "text": "M000000 v0"}, "not_allowed"),
)
"""M000000 is nobody's message: it may not leave."""


class Request:
    """One message to cmd/… or submit/…, or the same several times. expect: the error that it must get, "" where it is right.

    read_at: when the gateway read it, but for what it read as retained; life: the deaths until it was asked.
    """

    __slots__ = ("acts", "answer_to", "ask", "expect", "first", "now", "payload", "read_at", "replies", "retain", "then",
                 "token", "topic", "watch")  # fmt: skip

    def __init__(self, now: Callable[[], float], watch: Callable[[Request], object], token: str, topic: str, payload: bytes, expect: str = "",
                 ask: Ask | None = None, then: Then = lambda _: None) -> None:  # fmt: skip
        self.now = now
        self.watch = watch
        self.token = token
        self.topic = topic
        self.payload = payload
        self.expect = expect
        self.ask = ask
        self.then = then
        self.retain = False
        self.answer_to = ""
        self.first = now()
        self.read_at: list[float] = []
        self.replies: list[tuple[float, dict[str, Any]]] = []
        self.acts = 0

    @property
    def verb(self) -> str:
        return self.topic.rsplit("/", 1)[-1]

    @property
    def hostile(self) -> bool:
        return self.answer_to.startswith(HOSTILE)

    def read(self, arrived: Arrived) -> None:
        if not arrived.retain:
            self.read_at.append(self.now())
            self.watch(self)

    def __repr__(self) -> str:
        return f"{self.token} ({self.topic}, {self.payload[:60]!r}, read at {self.read_at})"


class Remote:
    """See the module."""

    def __init__(self, storm: Storm, draw: random.Random) -> None:
        self.storm = storm
        self.random = draw
        self.broker = storm.broker
        self.requests: dict[str, Request] = {}
        self.calm = False
        self.held: list[dict[str, str]] = []
        """All that was ever held: a command that comes twice is done twice, be it behind its release."""
        self.standing = Standing(storm.books, self.broker)
        self.unclaimed: list[tuple[float, str, dict[str, Any]]] = []
        self.anonymous: Counter[str] = Counter()
        self._serial = 0
        self.broker.heard = self._heard
        for name in SUBMIT:
            storm.applications[name].by_mqtt = self.post

    # ── asking ───────────────────────────────────────────────────────────────────────────────────────────
    def request(self, below: str, payload: Any, expect: str = "", ask: Ask | None = None, then: Then = lambda _: None,
                prefix: str = PREFIX) -> Request:  # fmt: skip
        self._serial += 1
        octets = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        books = self.storm.books
        request = Request(
            books.now, self._watch, f"C{self._serial:06d}", prefix + below, octets, expect, ask, then
        )
        self.requests[request.token] = request
        dice = self.random.random()
        if dice < 0.3:
            request.answer_to = f"tools/{request.token}"
        elif dice < 0.35:
            request.answer_to = f"{PREFIX}cmd/drain"  # which it may not have
        elif dice < 0.355 and self.broker.modern:
            request.answer_to = f"{HOSTILE}{request.token}"
        return request

    def publish(self, request: Request) -> None:
        self.standing.asks(request)
        self.storm.books.tell("remote", f"asks {request.token} {request.topic} {request.payload[:80]!r}")
        arrived = Arrived(request.topic, request.payload, request.retain, request.answer_to,
                          request.token.encode(), request.token)  # fmt: skip
        self.broker.publish(arrived, request)

    def _again(self, request: Request) -> None:
        """As whoever had no PUBACK does: the same once more."""
        if not self.calm:
            self.storm.books.happened["mqtt.again"] += 1
            self.publish(request)

    # ── commands ─────────────────────────────────────────────────────────────────────────────────────────
    def command(self, lasts: float, level: float) -> None:
        """One that is right; what takes something away is undone later."""
        draw = self.random
        name = draw.choice(sorted(self.storm.carriers))
        for account in SUBMIT * 3:  # who would be kept waiting
            self.storm.world.after(min(lasts, 40.0) * draw.random(), self.storm.traffic.submit, account)
        if level < 0.25:
            self._link(name, lasts)
        elif level < 0.5:
            self._hold({"account": draw.choice(SUBMIT)} if level < 0.38 else {"kind": "transactional"}, lasts)
        elif level < 0.57:
            self._order("link.reset", {"name": name})
        elif level < 0.7:
            self._reload()
        elif "drain" in self.storm.table["mqtt"]["commands"]:
            self._drain(min(lasts, 200.0))
        else:
            self._order("drain", {"confirm": "storm"}, "not_allowed")

    def _order(
        self, verb: str, payload: Any, expect: str = "", then: Then = lambda _: None, again: float = 0.2
    ) -> Request:
        request = self.request(f"cmd/{verb}", payload, expect, then=then)
        self.publish(request)
        self.storm.books.happened["mqtt.wrong commands" if expect else "mqtt.commands"] += 1
        if self.random.random() < again:
            self.storm.world.after(40 * self.random.random() ** 3, self._again, request)
        return request

    def _link(self, name: str, lasts: float) -> None:
        self._order("link.disable", {"name": name, "confirm": "storm", "reason": "storm"})
        self.storm.world.after(lasts, self._undo, "link.enable", {"name": name}, 0)

    def _drain(self, lasts: float) -> None:
        self._excuse(lasts)
        self._order("drain", {"confirm": "storm"})
        self.storm.world.after(lasts, self._undo, "drain", {"off": True}, 0)

    def _hold(self, flow: dict[str, str], lasts: float) -> None:
        self._excuse(lasts)
        self.storm.operator.held.append(flow)
        self.held.append(flow)
        self._order("queue.hold", {**flow, "reason": "storm"})
        self.storm.world.after(lasts, self._undo, "queue.release", flow, 0)

    def _reload(self) -> None:
        storm = self.storm
        name, rate, at = storm.operator.written(self.random.random())

        def done(view: dict[str, Any]) -> None:
            storm.books.rates[name].append((storm.world.now, rate))
            if view["status"] == "done":
                storm.world.after(2.0, self.standing.reloaded, name, at)

        self._order("reload", b"", then=done)

    def _excuse(self, lasts: float) -> None:
        now = self.storm.world.now
        self.storm.books.holds.append((now, now + lasts + 600))

    def _undo(self, verb: str, payload: dict[str, Any], tries: int) -> None:
        """Until it is answered; in the end somebody walks over to the machine."""
        if self.calm:
            return
        if tries == 5:
            self._excuse(3600)
            self.storm.operator.undo(verb, payload)
            return
        request = self._order(verb, payload, again=0.1)
        self.storm.world.after(PATIENCE, self._undone, request, verb, payload, tries + 1)

    def _undone(self, request: Request, verb: str, payload: dict[str, Any], tries: int) -> None:
        if not request.replies:
            self._undo(verb, payload, tries)
        elif verb == "queue.release" and payload in self.storm.operator.held:
            self.storm.operator.held.remove(payload)

    def wrong(self) -> None:
        """What must not be obeyed: of the wrong kind, kept by the broker, or meant for another gateway."""
        draw, books = self.random, self.storm.books
        disable = {"name": draw.choice(("alpha", "beta")), "confirm": "storm"}
        dice = draw.random()
        if dice < 0.7:
            self._order(*draw.choice(WRONG))
            return
        if dice < 0.8:
            request = self.request("cmd/link.disable", disable, "ignored", prefix=f"{ROOT}/default/other/")
        elif dice < 0.9:
            request = self.request("cmd/link.disable/reply", disable, "ignored")
        else:
            request = self.request("cmd/link.disable", disable, "kept")
            request.retain = True
            self.storm.world.after(600, self._undo, "link.enable", {"name": disable["name"]}, 0)
        books.happened[f"mqtt.{'kept' if request.retain else 'elsewhere'}"] += 1
        self.publish(request)

    # ── texts ────────────────────────────────────────────────────────────────────────────────────────────
    def texts(self, level: float) -> None:
        """Many at once, and among them some that nobody can take."""
        for _ in range(int(3 + 30 * level)):
            name = self.random.choice(SUBMIT)
            self.storm.world.after(self.random.random(), self.storm.traffic.submit, name, "", True)
        name, payload, error = self.random.choice(WRONG_TEXTS)
        self.publish(self.request(f"submit/{name}", payload, error))
        self.storm.books.happened["mqtt.wrong texts"] += 1
        if self.random.random() < 0.3:
            request = self.request("submit/shop", {"to": "+33612340001", "text": "M000000 v0"}, "kept")
            request.retain = self.broker.modern
            if request.retain:
                self.publish(request)

    def post(self, ask: Ask) -> None:
        """Without a reference at most once, with one as often as it takes."""
        application = self.storm.applications[ask.account]
        table = {"to": ask.to, "text": ask.text.decode(), "kind": KINDS[ask.kind], "from": application.sender}
        table.update({name: word for name, word in (("reference", ask.reference), ("tag", ask.tag)) if word})
        if ask.wait:
            due = ask.accepted_wall / 1000 + ask.wait
            table["send_at"] = datetime.fromtimestamp(due, UTC).isoformat(timespec="milliseconds")
        request = self.request(
            f"submit/{ask.account}", table, "", ask, lambda view: self._told(request, view)
        )
        self.storm.books.happened["mqtt.texts"] += 1
        self.publish(request)
        if ask.reference and self.random.random() < 0.1:
            self.storm.world.after(20 * self.random.random() ** 3, self._again, request)
        self.storm.world.after(PATIENCE, self._waited, request)

    def _waited(self, request: Request) -> None:
        assert request.ask is not None
        if not request.replies:
            self.storm.applications[request.ask.account].unsure(request.ask)

    def _told(self, request: Request, view: dict[str, Any]) -> None:
        ask = request.ask
        assert ask is not None
        application = self.storm.applications[ask.account]
        if view["status"] == "accepted":
            if len(request.replies) == 1 or view["id"] not in ask.ids:
                application.answered(ask, 0, view["id"])
        elif len(request.replies) == 1:
            code = int(view.get("code", "0x14" if view["error"] == "busy" else "0x45"), 16)
            application.answered(ask, code, "")

    # ── hearing ──────────────────────────────────────────────────────────────────────────────────────────
    def _heard(self, topic: str, payload: bytes, correlation: bytes | None) -> None:
        if not (topic.endswith("/reply") or topic.startswith("tools/")):
            return
        view = json.loads(payload)
        request = self._whose(topic, view, correlation)
        now = self.storm.world.now
        if request is None:
            self.unclaimed.append((now, topic, view))
            return
        self.storm.books.tell("remote", f"{request.token} answered {payload[:120]!r}")
        if self.broker.modern and topic != self._where(request):
            self.storm.books.violation("mqtt", f"{request} is answered at {topic}")
        request.replies.append((now, view))
        self.standing.answered(request, view)
        request.then(view)

    def _where(self, request: Request) -> str:
        return request.answer_to if request.answer_to.startswith("tools/") else f"{request.topic}/reply"

    def _whose(self, topic: str, view: dict[str, Any], correlation: bytes | None) -> Request | None:
        """With MQTT 5 its correlation says so; else the reference, or it is the first that this fits."""
        if correlation is not None:
            return self.requests.get(correlation.decode())
        fits = [
            request for request in self.requests.values()
            if f"{request.topic}/reply" == topic and len(request.replies) < len(request.read_at)
            and (request.expect in ("", "kept") or request.expect == view.get("error"))
            and (request.ask.reference if request.ask is not None else "") == view.get("reference", "")
        ]  # fmt: skip
        died = self.storm.books.deaths[-1:]
        lately = [request for request in fits if not died or request.read_at[-1] > died[0]]
        return (lately or fits or [None])[0]

    def act(self, who: str, verb: str) -> None:
        """The log: an operator's act was done."""
        if not who.startswith("mqtt"):
            return
        said = re.search(r"C\d{6}", who)
        if said is None:
            self.anonymous[verb] += 1
        else:
            self.requests[said.group()].acts += 1

    def _watch(self, request: Request) -> None:
        died = max(self.storm.books.deaths, default=-1.0)
        times = sum(at > died for at in request.read_at)
        self.storm.world.after(SOON, self._soon, request, times, self.storm.world.now)

    def _soon(self, request: Request, times: int, since: float) -> None:
        """It was read a while ago, and nothing has happened since that could have kept its answer."""
        books = self.storm.books
        died = max(books.deaths, default=-1.0)
        if self.calm or request.hostile or sum(at > died for at, _ in request.replies) >= times:
            return
        if (
            not self.broker.well_since(since - 1)
            or died >= since - 1
            or any(until >= since for _, until in books.sick)
        ):
            return
        books.violation("mqtt", f"{request} was read {SOON:.0f} s ago and is answered {request.replies}")

    # ── the end ──────────────────────────────────────────────────────────────────────────────────────────
    def settle(self) -> None:
        """What became of the texts is asked by SMPP; then the verdict."""
        storm = self.storm
        asks = [ask for ask in storm.books.asks.values() if ask.by_mqtt and ask.ids]
        if asks:
            storm.until(storm.world.now + 4500)  # nobody is told of them: some may wait for a receipt still
        since = storm.world.now
        for n, ask in enumerate(asks):
            storm.world.after(0.1 * n, storm.applications[ask.account].verbs.query, ask)
        if asks:
            storm.until(since + 0.1 * len(asks) + 30)
        judge_mqtt(storm.books, self)
        judge_ends(storm.books, self, since, storm.judge.truth)
