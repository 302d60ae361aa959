"""The outgoing side of a modem: a queue of two, one submit at a time, and what the answers say of the SIM.

Owns the segments between submit() and their outcome. Promises: each has one; what was handed over without an
answer is Doubtful and never sent again. A SIM that is refused again and again is left alone for a while.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from drivers.bearer import Accepted, Doubtful, Event, Refused, Remedy, Segment, Unsent
from drivers.modem import causes
from drivers.modem.books import Books
from drivers.modem.causes import FailureStreak
from drivers.modem.commands import At, Timings
from drivers.modem.facts import Facts
from drivers.modem.line import Line
from drivers.modem.outgoing import Expired, tpdu_of
from drivers.modem.references import Match
from drivers.modem.script import Silent, Trouble, ask
from drivers.modem.submit import Failed, Sent, submit
from drivers.sms.tpdu import TpduError

__all__ = ["DEPTH", "Outcome", "Sender"]

DEPTH = 2
"""One at work and one waiting: the modem is never without, and nothing waits where it can't be called back."""
BURST = 5.0
"""Seconds for which +CMMS=1 keeps the radio link open between two submits."""
PAUSE, PAUSE_MAX = 5.0, 60.0
SUSPENDED, SUSPENDED_MAX = 60.0, 3600.0


class Outcome:
    """events: of the segment; early: reports that came before its answer; failure: the session can't go on.
    anew: why the modem must be initialised anew, which tells what ails its SIM. full: the memories must be
    emptied first; the segment waits. network: registration is worth a look.
    """

    __slots__ = ("anew", "early", "events", "failure", "full", "network")

    def __init__(
        self,
        events: list[Event],
        early: Sequence[Match] = (),
        failure: Silent | Trouble | None = None,
        *,
        anew: str = "",
        full: bool = False,
        network: bool = False,
    ) -> None:
        self.events = events
        self.early = early
        self.failure = failure
        self.anew = anew
        self.full = full
        self.network = network


class Sender:
    """See the module. last_error: the latest refusal in words. suspended: why the SIM is left alone, "" if not."""

    def __init__(self, line: Line, at: At, timings: Timings, wall: Callable[[], float]) -> None:
        self.queue: deque[Segment] = deque()
        self.working: Segment | None = None
        self.last_error = ""
        self.suspended = ""
        self.resume_at = 0.0  # Unix seconds
        self._line = line
        self._at = at
        self._timings = timings
        self._wall = wall
        self._streak = FailureStreak()
        self._pauses = self._suspensions = 0
        self._half_open = False
        self._sent_at = 0.0
        self._emptied: Segment | None = None  # for it the memories were emptied once
        self._last_id = -1

    @property
    def outstanding(self) -> int:
        return len(self.queue) + (self.working is not None)

    @property
    def in_parts(self) -> bool:
        """Whether the next segment belongs to the message of the last one: parts go back to back."""
        return bool(self.queue) and self.queue[0].id == self._last_id

    def allowed(self, books: Books | None) -> int:
        """How many may be outstanding now."""
        now = self._wall()
        if books is None or now < self.resume_at:
            return 0
        free = books.quota.free(now) + (self.working is not None)
        return min(1 if self._half_open else DEPTH, free)

    def changes_at(self, books: Books | None) -> float:
        """When time alone will allow more: Unix seconds, 0.0 for never."""
        now = self._wall()
        if now < self.resume_at:
            return self.resume_at
        if books is not None and books.quota.free(now) < DEPTH:
            moment = books.quota.free_at(now, books.quota.free(now) + 1)
            return moment if now < moment < float("inf") else 0.0
        return 0.0

    def operator(self) -> None:
        """An operator asks for a try."""
        self._streak.sent()
        self.suspended = ""
        self.resume_at = 0.0
        self._half_open = False

    def abandon(self, reason: str) -> list[Event]:
        """The port is gone, or the session over: what was handed over is in doubt, the rest did not leave."""
        events: list[Event] = []
        if self.working is not None:
            outcome = Doubtful if self._line.handed_over else Unsent
            events.append(outcome(self.working, reason))
            self.working = None
        return [*events, *self.give_back(reason)]

    def give_back(self, reason: str) -> list[Event]:
        """What waits is not sent."""
        events: list[Event] = [Unsent(segment, reason) for segment in self.queue]
        self.queue.clear()
        return events

    def drop(self) -> None:
        """Forget all segments: they are the gateway's again."""
        self.queue.clear()
        self.working = None

    # ── one submit ───────────────────────────────────────────────────────────────────────────────────────
    async def send(self, books: Books, facts: Facts) -> Outcome:
        """The next of the queue. Raises PortLost, and then the segment is still `working`."""
        segment = self.queue.popleft()
        self.working = segment
        refused = self._refused(segment, books)
        if refused is None:
            try:
                tpdu = tpdu_of(segment, self._wall(), facts.reports)
            except Expired:
                refused = Unsent(segment, "expired")
            except TpduError as error:
                refused = Refused(segment, Remedy.NEXT_ROUTE, 304, str(error))
        if refused is not None:
            self.working = None
            return Outcome([refused])
        try:
            return await self._hand_over(segment, tpdu, books)
        except (Silent, Trouble) as failure:  # before CTRL-Z: afterwards submit() judges for itself
            books.give_back()
            self.working = None
            return Outcome([Unsent(segment, "modem.silent")], failure=failure)

    def _refused(self, segment: Segment, books: Books) -> Event | None:
        now = self._wall()
        if books.quota.free(now) <= 0:
            return Unsent(segment, "quota")
        if not books.quota.may(segment.destination, now):
            text = "this SIM has written to as many recipients as it may in a month"
            return Refused(segment, Remedy.NEXT_ROUTE, 0, text)
        return None

    async def _hand_over(self, segment: Segment, tpdu: bytes, books: Books) -> Outcome:
        await books.submitting(segment, self._wall())
        if self.queue and self._wall() - self._sent_at > BURST:
            await self._line.play(ask(self._at.plain("+CMMS=1")))  # refused or not, the burst goes on
        began = self._wall()
        result = await self._line.play(submit(self._at, self._timings, tpdu))
        self._sent_at = self._wall()
        self._last_id = segment.id
        self.working = None
        if isinstance(result, Sent):
            return self._sent(segment, result, books, began)
        return await self._failed(segment, result, books)

    def _sent(self, segment: Segment, sent: Sent, books: Books, began: float) -> Outcome:
        self._streak.sent()
        self._pauses = self._suspensions = 0
        self._half_open = False
        self.suspended = ""
        if sent.mr is None:
            return Outcome([Accepted(segment, "", "")])
        carrier_id, early = books.references.submitted(books.imsi, segment.destination, sent.mr, began)
        books.unsettled = True
        return Outcome([Accepted(segment, carrier_id, carrier_id)], early)

    async def _failed(self, segment: Segment, failed: Failed, books: Books) -> Outcome:
        verdict = failed.verdict
        self.last_error = verdict.text
        if verdict.remedy is None:
            self._count(failed, segment)
            failure = Silent(self._at.submit(0)) if failed.silent else None
            return Outcome([Doubtful(segment, verdict.text)], failure=failure)
        books.give_back()
        if verdict.sick == causes.STORAGE_FULL and self._emptied is not segment:
            self._emptied = segment
            self.queue.appendleft(segment)
            self._last_id = -1
            return Outcome([], full=True)
        self._count(failed, segment)
        events: list[Event] = [Refused(segment, verdict.remedy, failed.code, verdict.text)]
        if verdict.sick in causes.FATAL:
            return Outcome(events, anew=verdict.text)
        if verdict.sick == causes.MODEM:
            return Outcome(events, failure=Trouble("modem.failed", verdict.text, recovers=True))
        return Outcome(events, network=verdict.sick == causes.NETWORK)

    def _count(self, failed: Failed, segment: Segment) -> None:
        """Pause after what may pass, 5, 10, 15 s; leave the SIM alone when it is the SIM."""
        now = self._wall()
        if failed.verdict.sick in (causes.NETWORK, causes.BUSY):
            self._pauses += 1
            self.resume_at = now + min(PAUSE * self._pauses, PAUSE_MAX)
        why = self._streak.failed(failed.verdict, segment.destination)
        if why:
            wait = min(SUSPENDED * 2**self._suspensions, SUSPENDED_MAX)
            self._suspensions = min(self._suspensions + 1, 10)
            self._half_open = True
            self.suspended = why
            self.resume_at = now + wait
