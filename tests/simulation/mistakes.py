"""Mistakes to plant, one at a time: each is what a tired programmer could have written. The storm must find them.

within: how many seeds, from the first on, it may take (--days 0.25); docs/reliability.md has how many it took. among: only
those of them count that have this in their cast.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

import drivers.smpp.esme
import gateway.ledger
import gateway.outbox
import gateway.rules.docket
import gateway.throttle
from drivers.bearer import Remedy
from drivers.smpp.ids import Learner, canonical
from drivers.smpp.session import Session
from drivers.smpp.status import classify
from gateway.dispatch import Dispatcher
from gateway.doubts import Doubts
from gateway.intake import Intake
from gateway.ledger import Ledger
from gateway.listeners.bind import Application
from gateway.mo import Heard, MobileOriginated
from gateway.outcomes import Outcomes
from gateway.receipts import Receipts
from gateway.references import References
from gateway.road import LongSend
from gateway.rulebook import Counters
from gateway.rules import Rulebook
from gateway.rules.hours import HoursRule
from gateway.rules.optouts import OptOuts
from gateway.rules.reading import ReadingRule
from gateway.stops import Stops

__all__ = ["MISTAKES", "Mistake", "mistake", "wrap"]

MISTAKES: dict[str, Mistake] = {}


class Mistake(NamedTuple):
    what: str
    plant: Callable[[], None]
    within: int
    among: str


def mistake(
    what: str, within: int = 40, among: str = ""
) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def keep(plant: Callable[[], None]) -> Callable[[], None]:
        MISTAKES[plant.__name__] = Mistake(what, plant, within, among)
        return plant

    return keep


def _done() -> asyncio.Future[None]:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future


def wrap(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    setattr(owner, name, make(getattr(owner, name)))


# ── durability ───────────────────────────────────────────────────────────────────────────────────────────────
@mistake("submit_sm is acknowledged before its COMMIT")
def acknowledges_early() -> None:
    def make(submit: Any) -> Any:
        def hasty(*args: Any, **options: Any) -> Any:
            submitted = submit(*args, **options)
            submitted.durable = None
            return submitted

        return hasty

    wrap(Intake, "submit", make)


@mistake("a receipt is acknowledged to the carrier before its COMMIT", within=80)
def acknowledges_receipts_early() -> None:
    def make(handle: Any) -> Any:
        def hasty(*args: Any) -> Any:
            handle(*args)
            return _done()

        return hasty

    wrap(Receipts, "handle", make)


@mistake("the parts of a reply are kept in memory only")
def keeps_no_parts() -> None:
    MobileOriginated._keep = lambda self, parts: _done()  # type: ignore[method-assign, assignment]


@mistake("a STOP is in force and never written down")
def forgets_stops() -> None:
    def make(hear: Any) -> Any:
        return lambda self, mos: Heard((), hear(self, mos).durable)

    wrap(Stops, "hear", make)


@mistake("what was on the wire when the process died is left as it is")
def recovers_nothing() -> None:
    Outcomes.recover = lambda self, messages: None  # type: ignore[method-assign]


@mistake("references are not read back at start")
def forgets_references() -> None:
    References.load = lambda self: None  # type: ignore[method-assign]


@mistake("the frequency cap counts from zero after a restart")
def counts_from_zero() -> None:
    import gateway.rulebook

    gateway.rulebook._marketing_since = lambda reader, since: iter(())
    assert Counters


@mistake("marketing is let out and taken while its lists and counts are still being read")
def bars_nothing() -> None:
    Dispatcher.bar = lambda self, kinds: None  # type: ignore[method-assign]
    ReadingRule.sift = lambda self, batch: ()  # type: ignore[method-assign]


# ── the wire ─────────────────────────────────────────────────────────────────────────────────────────────────
@mistake("the window is forgotten when a connection is lost", within=80)
def forgets_the_window() -> None:
    Session.unanswered = lambda self: []  # type: ignore[method-assign]


@mistake("carriers' ids are matched as text only")
def matches_text_only() -> None:
    Learner.candidates = lambda self, receipt_id: [canonical(receipt_id)]  # type: ignore[method-assign]


@mistake("what the carrier refused for good is tried again")
def retries_the_hopeless() -> None:
    def kind(status: int, statuses: Any) -> Remedy:
        remedy = classify(status, statuses)
        return Remedy.RETRY if remedy is Remedy.GIVE_UP else remedy

    drivers.smpp.esme.classify = kind


@mistake("in doubt means send again, whatever on_doubt says")
def resends_always() -> None:
    Doubts.action = lambda self, message: "resend"  # type: ignore[method-assign]


@mistake("the sliding second is off by one")
def off_by_one() -> None:
    gateway.throttle.TOLERANCE = 1.0  # the pace alone would still hold it

    def make(set_rate: Any) -> Any:
        def more(self: Any, rate: float) -> None:
            set_rate(self, rate)
            self._last.limit += 1

        return more

    wrap(gateway.throttle.Throttle, "set_rate", make)


@mistake("a text of three segments loses its last")
def loses_the_tail() -> None:
    def make(segments: Any) -> Any:
        def fewer(self: Any, m: Any, road: Any) -> Any:
            out = segments(self, m, road)
            if len(out) > 2:
                out.pop()
                self.outcomes.long[m.id] = LongSend(len(out))
            return out

        return fewer

    wrap(Dispatcher, "_segments", make)


@mistake("a short text may pass a long one that is on its way to the disk")
def overtakes() -> None:
    class Never(dict[Any, int]):
        def __contains__(self, _: object) -> bool:
            return False

    def make(init: Any) -> Any:
        def built(self: Any, *args: Any) -> None:
            init(self, *args)
            self._coming = Never()

        return built

    wrap(Dispatcher, "__init__", make)


# ── rules ────────────────────────────────────────────────────────────────────────────────────────────────────
@mistake("a STOP ends nothing that waits, and the rules are not asked again before the wire", within=80)
def rechecks_nothing() -> None:
    def make(durable: Any) -> Any:
        def told(self: Any, what: Any) -> None:
            what.numbers.clear()
            durable(self, what)

        return told

    wrap(Stops, "_durable", make)
    Rulebook.recheck = lambda self, messages, now_ms: {}  # type: ignore[method-assign]


@mistake("nobody looks whether a number has opted out")
def ignores_stops() -> None:
    OptOuts.covers = lambda self, message, account: ""  # type: ignore[method-assign]


@mistake("the hours are an hour early, as in summer time that has ended")
def an_hour_early() -> None:
    wrap(
        HoursRule,
        "judge",
        lambda judge: lambda self, m, account, now_ms: judge(self, m, account, now_ms + 3_600_000),
    )


@mistake("what one rule puts off, the others never judge")
def first_verdict_wins() -> None:
    def first(judges: Any, message: Any, account: Any, now_ms: int) -> Any:
        found = (judge(message, account, now_ms) for judge in judges)
        return next((verdict for verdict in found if verdict is not None), None)

    gateway.rules.docket.first_against = gateway.rules.first_against = first  # type: ignore[attr-defined]


# ── what applications are told ───────────────────────────────────────────────────────────────────────────────
@mistake("a note is forgotten when it is written to the socket")
def forgets_undelivered_notes() -> None:
    def make(deliver: Any) -> Any:
        def hasty(self: Any, notes: Any) -> None:
            deliver(self, notes)
            self._listener.outbox.answered(self._account.name, notes)

        return hasty

    wrap(Application, "deliver", make)


@mistake("every receipt is owed twice")
def owes_twice() -> None:
    wrap(Ledger, "owe", lambda owe: lambda self, changes: owe(self, changes) + owe(self, changes))


@mistake("registered_delivery is not looked at")
def tells_everything() -> None:
    gateway.outbox.wants_receipt = lambda registered, state: True


@mistake("an application's ESME_RX_T_APPN is taken for an answer")
def later_means_done() -> None:
    import gateway.listeners.bind

    gateway.listeners.bind._LATER = frozenset()
    assert gateway.ledger


def load() -> None:
    """The rest of them, which stand in files of their own."""
    import simulation.mistakes_clerk
    import simulation.mistakes_more
    import simulation.mistakes_mqtt
    import simulation.mistakes_web

    assert simulation.mistakes_clerk
    assert simulation.mistakes_more
    assert simulation.mistakes_mqtt
    assert simulation.mistakes_web


load()
