"""What follows from commands and texts by MQTT: each is answered, none of a wrong kind obeyed, none obeyed twice.

While a command stands, its effect is looked at where it shows: at the hand-over to the carriers, and in what is taken.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from simulation.books import Ask, Books
from simulation.judge_requests import STATES

if TYPE_CHECKING:
    from simulation.broker import Broker
    from simulation.remote import Remote, Request

__all__ = ["SOON", "Standing", "judge_ends", "judge_mqtt"]

MOST_TRIES = 2
"""Connections on which a reply is tried."""
SOON = 300.0
"""Seconds: more than any leap, within which a reply is there when nothing happens."""
FINAL = {state: stat for stat, state in STATES.items()}
LINES = {"link.enable": ["link enable"], "link.disable": ["link disable"], "link.reset": ["link reset"],
         "queue.hold": ["hold"], "queue.release": ["release"], "drain": ["drain", "drain off"],
         "reload": ["reload", "reload refused"]}  # fmt: skip
"""The words of the log."""
WORDS = {"TRANS": "transactional"}


class Standing:
    """What commands have taken away, from when their answer was heard until somebody asks for it back."""

    def __init__(self, books: Books, broker: Broker) -> None:
        self.books = books
        self.broker = broker
        self.disabled: dict[str, float] = {}
        self.held: dict[tuple[tuple[str, str], ...], float] = {}
        self.drained = -1.0
        self.drains: list[tuple[float, float]] = []
        self._asked_back: dict[object, float] = {}

    def answered(self, request: Request, view: dict[str, Any]) -> None:
        if view["status"] != "done" or request.expect == "kept":
            return
        now, result = self.books.now(), view["result"]
        if request.verb == "link.disable" and self._stands(name := result["bearer"], request):
            self.disabled[name] = now
        elif request.verb == "queue.hold":
            flow = _flow(_payload(request))
            if self._stands(flow, request):
                self.held[flow] = now
        elif request.verb == "drain" and result["drained"] and self._stands("drain", request):
            self.drained = now

    def _stands(self, what: object, request: Request) -> bool:
        """Asked back behind it, it may be over already; and who died since has forgotten all but holds."""
        died = (
            self.books.deaths[-1:] and not isinstance(what, tuple) and self.books.deaths[-1] > request.first
        )
        return self._asked_back.get(what, -1.0) < request.first and not died

    def asks(self, request: Request) -> None:
        """It is published."""
        if request.expect in ("", "kept") and request.ask is None:
            self.other(request.verb, _payload(request))

    def other(self, verb: str, args: dict[str, Any]) -> None:
        """Somebody asks, by whichever way."""
        if verb == "link.enable" or (verb == "link" and args["act"] == "enable"):
            self.asked_back(args["name"])
        elif verb in ("queue.release", "release"):
            self.asked_back(_flow(args))
        elif verb == "drain" and args.get("off"):
            self.asked_back("drain")

    def asked_back(self, what: object) -> None:
        self._asked_back[what] = self.books.now()
        if what == "drain":
            self._no_drain()
        elif isinstance(what, str):
            self.disabled.pop(what, None)
        else:
            self.held.pop(what, None)  # type: ignore[call-overload]

    def _no_drain(self) -> None:
        if self.drained >= 0:
            self.drains.append((self.drained, self.books.now()))
            self.drained = -1.0

    def died(self) -> None:
        self.disabled.clear()
        self._no_drain()

    def handed(self, bearer: str, ask: Ask) -> None:
        """A segment leaves."""
        if bearer in self.disabled:
            self.books.violation(
                "command", f"{ask} leaves by {bearer}, disabled at {self.disabled[bearer]:.3f}"
            )
        for flow, since in self.held.items():
            table = dict(flow)
            kind = table.get("kind", WORDS.get(ask.kind))
            if (
                table.get("account", ask.account) == ask.account
                and kind == WORDS.get(ask.kind)
                and ask.asked_at > since
            ):
                self.books.violation("command", f"{ask} leaves, {table} is held since {since:.3f}")

    def reloaded(self, name: str, at: float) -> None:
        """The file as it stood before then is in force no more."""
        if not any(died >= at for died in self.books.deaths):
            self.books.rates[name] = [entry for entry in self.books.rates[name] if entry[0] >= at]


def _flow(args: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, value) for key, value in args.items() if key != "reason"))


def _payload(request: Request) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request.payload or b"{}")
    return found


def judge_mqtt(books: Books, remote: Remote) -> None:
    """When all is calm."""
    for request in remote.requests.values():
        _answered(books, remote, request)
        _obeyed(books, remote, request)
    _nobodys(books, remote)
    _nameless(books, remote)
    for since, until in remote.standing.drains:
        for ask in books.asks.values():
            if since < ask.asked_at and 0 < ask.accepted_at < until:
                books.violation("command", f"{ask} was taken, the gateway was drained from {since:.3f} on")


def _losses(remote: Remote, begin: float, end: float) -> int:
    return sum(begin <= at <= end for at in remote.broker.ends)


def _answered(books: Books, remote: Remote, request: Request) -> None:
    """Once for each time that it was read, and again only where the acknowledgement may have been lost."""
    wrong, read, replies = books.violation, request.read_at, request.replies
    if not read:
        if replies:
            wrong("mqtt", f"{request} was never read, and is answered {replies[0]}")
        return
    last = replies[-1][0] if replies else books.now()
    losses = _losses(remote, read[0], last)
    died = any(at >= read[0] for at in books.deaths)
    if not request.hostile and len(replies) < len(read) and losses < MOST_TRIES and not died:
        wrong("mqtt", f"{request} is answered {len(replies)} times: {replies}")
    if len(replies) > len(read) + losses:
        wrong("mqtt", f"{request} is answered {len(replies)} times: {replies}")
    for _, view in replies:
        if request.expect not in ("", "kept") and view.get("error") != request.expect:
            wrong("mqtt", f"{request} is answered {view}, where {request.expect} is right")


def _obeyed(books: Books, remote: Remote, request: Request) -> None:
    """The log has a line of each act, with who says that he asked for it."""
    done = any(view["status"] == "done" for _, view in request.replies)
    most = 0 if request.expect not in ("", "kept") else len(request.read_at)
    if request.acts > most:
        books.violation("command", f"{request} was obeyed {request.acts} times, {most} were right")
    if done and not request.acts and remote.broker.modern:
        books.violation("command", f"{request} is done, and the log knows nothing of it")


def _nobodys(books: Books, remote: Remote) -> None:
    """With MQTT 3.1.1 a reply that comes again cannot be told from one to nobody."""
    for at, topic, view in remote.unclaimed:
        if remote.broker.modern or not _losses(remote, at - 7200, at):
            books.violation("mqtt", f"nobody asked for {view} at {topic}, {at:.3f}")
            return


def _nameless(books: Books, remote: Remote) -> None:
    """MQTT 3.1.1 does not say who asks: all the acts of a verb, then, against all that were right."""
    for verb, names in LINES.items():
        read = sum(
            len(request.read_at) for request in remote.requests.values()
            if request.verb == verb and request.expect in ("", "kept")
        )  # fmt: skip
        acts = sum(remote.anonymous[name] for name in names)
        if acts > read:
            books.violation("command", f"{verb} was obeyed {acts} times, {read} were right")


def judge_ends(books: Books, remote: Remote, since: float, truth: Any) -> None:
    """A text by MQTT is told of nowhere: query_sm knows its one final state. truth(ask, stat, when): the judge's own."""
    known = {id(ask): (at, status, state) for at, ask, status, state in books.queries if at >= since}
    for ask in books.asks.values():
        if not (ask.by_mqtt and ask.ids) or id(ask) not in known:
            continue
        at, status, state = known[id(ask)]
        if status or state not in FINAL:
            books.violation("lost", f"{ask}, by MQTT, is {state} (status {status:#x}) when all is calm")
        else:
            truth(ask, FINAL[state], at)
