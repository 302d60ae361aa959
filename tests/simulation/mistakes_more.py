"""More mistakes to plant: in the quota, the lanes, the rare requests, a SIM's PIN, MQTT, and what is kept in memory."""

from __future__ import annotations

from typing import Any

from simulation.mistakes import mistake, wrap

import drivers.modem.pin
import gateway.answers
import gateway.dispatch
import gateway.queue
import gateway.road
from drivers.modem.pin import Lock
from gateway.answers import Answer, never_left
from gateway.desk import Desk
from gateway.doubts import Doubts
from gateway.intake import Intake
from gateway.late import LateAnswers
from gateway.listeners.submission import Submissions
from gateway.model import LANES
from gateway.outbox import Outbox
from gateway.queue import ActiveQueue
from gateway.rules.quota import QuotaRule
from gateway.topics import Tree

__all__: list[str] = []


# ── quota and lanes ──────────────────────────────────────────────────────────────────────────────────────────
@mistake("what ends without ever having left is not credited again")
def credits_nothing() -> None:
    QuotaRule.given_back = lambda self, *_: None  # type: ignore[method-assign, assignment]


@mistake("the quota is looked at, and nothing is ever counted")
def counts_nothing() -> None:
    QuotaRule.taken = lambda self, *_: None  # type: ignore[method-assign, assignment]


@mistake("what has ended is credited again, though a carrier was asked for it", within=120)
def credits_what_was_tried() -> None:
    gateway.answers.never_left = lambda state, error, sent_at, tries: never_left(state, error, sent_at, 0)


@mistake("who has left the queue stays in its table of those that stand there")
def forgets_nobody() -> None:
    ActiveQueue.taken = lambda self, messages: None  # type: ignore[method-assign]


@mistake("all kinds stand in one lane")
def knows_no_urgency() -> None:
    gateway.queue.lane_of = lambda kind, priority: LANES - 4


@mistake("lanes that wait get no floor")
def lets_them_starve() -> None:
    for module in (gateway.queue, gateway.road, gateway.dispatch):
        module.EACH = 1 << 40  # type: ignore[attr-defined]
    gateway.queue.OVERDUE = 1 << 40  # type: ignore[attr-defined]


# ── what applications ask for ────────────────────────────────────────────────────────────────────────────────
@mistake("replace_sm is answered, and changes nothing")
def replaces_nothing() -> None:
    async def replace(self: Any, message: Any, fresh: Any) -> None:
        """As if it had."""

    Desk.replace = replace  # type: ignore[method-assign]


@mistake("replace_sm changes the message in memory only")
def replaces_in_memory() -> None:
    async def replace(self: Any, message: Any, fresh: Any) -> None:
        message.payload = fresh.payload

    Desk.replace = replace  # type: ignore[method-assign]


@mistake("a cancelled message is counted, answered, and left where it is")
def cancels_nothing() -> None:
    async def cancel(self: Any, messages: Any, reason: str) -> int:
        return len(list(messages))

    Desk.cancel = cancel  # type: ignore[method-assign]


@mistake("schedule_delivery_time is read in minutes where it stands in seconds")
def is_early() -> None:
    def make(times: Any) -> Any:
        def sooner(self: Any, pdu: Any, kind: Any, now: float) -> tuple[int, int]:
            due, expires = times(self, pdu, kind, now)
            return (int(now * 1000) + (due - int(now * 1000)) // 60 if due else 0), expires

        return sooner

    wrap(Submissions, "_times", make)


@mistake("submit_multi answers for all, and the last recipient is forgotten")
def forgets_the_last() -> None:
    def make(submit: Any) -> Any:
        def shorter(self: Any, account: Any, messages: Any, multi: bool = False) -> Any:
            if not multi or len(messages) < 2:
                return submit(self, account, messages, multi=multi)
            submitted = submit(self, account, messages[:-1], multi=multi)
            submitted.answers.append(Answer(0, 0, ""))
            return submitted

        return shorter

    wrap(Intake, "submit", make)


# ── the others ───────────────────────────────────────────────────────────────────────────────────────────────
@mistake("what waits for an application is taken from the wrong end", within=80)
def tells_the_newest_first() -> None:
    def make(refill: Any) -> Any:
        def backwards(self: Any, account: str, box: Any) -> None:
            refill(self, account, box)
            box.ready.reverse()

        return backwards

    wrap(Outbox, "_refill", make)


@mistake("a PIN that was refused is tried again after a while", within=120)
def tries_the_pin_again() -> None:
    drivers.modem.pin.forbidden = lambda lock, record: False
    drivers.modem.pin._count = _no_count  # type: ignore[assignment]


def _no_count(at: Any, lock: Lock, record: str) -> Any:
    """The other guard, which would hold by itself for a while; a script, as the one it replaces."""
    yield from ()


@mistake("states that the broker has kept of a former life are never cleared", within=120)
def leaves_states_behind() -> None:
    Tree.keeps = lambda self, topic: False  # type: ignore[method-assign]


@mistake("a late answer is taken for that of whatever try is on the wire now")
def settles_the_wrong_try() -> None:
    LateAnswers.heard = lambda self, road, outcomes: self._outcomes.answered(road, outcomes)  # type: ignore[method-assign, assignment]


@mistake("late answers are only logged")
def only_logs_late_answers() -> None:
    LateAnswers.heard = lambda self, road, outcomes: None  # type: ignore[method-assign, assignment]


@mistake("a doubt that is settled stays in memory")
def keeps_doubts() -> None:
    Doubts.settled = lambda self, message: None  # type: ignore[method-assign]
