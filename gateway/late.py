"""What a bearer says of a segment after it was given up as doubtful: where that still settles something.

Promises: an answer speaks of its own try. It counts as if it had come in time while that try is the message's last
one and nothing came of the doubt but waiting; it saves the second sending of what waits in the queue's memory; what
ended UNKNOWN it makes known by its id, so that a receipt can still correct that. In all other cases (sent again,
ended otherwise, claimed by a receipt meanwhile) it changes nothing. Each is written, for the trace.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from drivers.bearer import Accepted, Refused, Segment
from gateway.correlation import NO_ID, Correlation
from gateway.ledger import Ledger
from gateway.lifecycle import FINAL, Cause, State
from gateway.model import Change, Message, Part
from gateway.queue import ActiveQueue
from gateway.road import LongSend, Road

if TYPE_CHECKING:
    from gateway.outcomes import Outcomes

__all__ = ["LateAnswers"]

KEPT = 900.0
"""Seconds for which an answer is recognized as that of a try: doubts wait for 600."""

MOST = 20_000


class _Doubt:
    """A message of which segments were in doubt. tries: by part (-1: the whole) the segment, its part and which try it
    was. long: what was answered of the text's other parts. taken: by part what was accepted late, and of which try.
    """

    __slots__ = ("at", "long", "payload", "taken", "tries")

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.tries: dict[int, tuple[Segment, Part | None, int]] = {}
        self.taken: dict[int, tuple[Accepted, int]] = {}
        self.long: LongSend | None = None
        self.at = 0.0


class LateAnswers:
    """See the module. used, left: how many changed something, and how many nothing."""

    def __init__(
        self, outcomes: Outcomes, ledger: Ledger, queue: ActiveQueue, correlation: Correlation
    ) -> None:
        self._outcomes = outcomes
        self._ledger = ledger
        self._queue = queue
        self._correlation = correlation
        self._doubted: dict[int, _Doubt] = {}
        self._at: deque[tuple[float, int]] = deque()
        self.used = 0
        self.left = 0

    # ── doubts ───────────────────────────────────────────────────────────────────────────────────────────
    def gave_up(self, segment: Segment, m: Message, now: float) -> None:
        """In doubt from now on: its answer may come yet."""
        doubt = self._doubted.get(m.id)
        if doubt is None or doubt.payload != m.payload:  # a replaced text is another one
            doubt = self._doubted[m.id] = _Doubt(m.payload)
        part = m.part_states[segment.part] if segment.part >= 0 and m.part_states is not None else None
        doubt.tries[segment.part] = (segment, part, m.tries if part is None else part.tries)
        doubt.at = now
        self._at.append((now, m.id))

    def undecided(self, m: Message, long: LongSend) -> None:
        """All answers of a text are in but those in doubt: this is what the others were."""
        doubt = self._doubted.get(m.id)
        if doubt is not None:
            doubt.long = long

    def tidy(self, now: float) -> None:
        while self._at and (len(self._at) > MOST or self._at[0][0] <= now - KEPT):
            at, message_id = self._at.popleft()
            doubt = self._doubted.get(message_id)
            if doubt is not None and doubt.at == at:  # else it was in doubt again since
                del self._doubted[message_id]

    # ── answers ──────────────────────────────────────────────────────────────────────────────────────────
    def heard(self, road: Road, outcomes: Iterable[Accepted | Refused]) -> None:
        """A batch of answers that came late."""
        in_time: list[Accepted | Refused] = []
        changes: list[Change] = []
        said: list[tuple[Message, int, Part]] = []
        now_ms = self._ledger.clock.wall_ms()
        for outcome in outcomes:
            segment = outcome.segment
            m = segment.context
            assert isinstance(m, Message)
            doubt = self._doubted.get(m.id)
            asked, part, tried = (doubt.tries if doubt else {}).get(segment.part, (None, None, 0))
            tried = tried if asked is segment else 0
            heard = _said(road, outcome, tried, now_ms)
            if doubt is None or not tried or not _is_last(road, m, part, tried, doubt):
                used = False
            else:
                del doubt.tries[segment.part]
                used = self._settles(outcome, m, doubt)
                if used:
                    in_time.append(outcome)
                elif type(outcome) is Accepted and m.state is State.UNKNOWN:
                    used = True
                    if segment.part < 0:  # the row of a part tells of its id itself
                        heard.state = State.UNKNOWN
                    self._make_known(road, outcome, m, now_ms, changes)
                elif type(outcome) is Accepted:
                    doubt.taken[segment.part] = (outcome, tried)
                    used = self._spares(road, segment.part, m, doubt, now_ms, changes)
            self.used += used
            self.left += not used
            said.append((m, segment.part, heard))
        _ = self._ledger.store.answered_late(said)
        if in_time:
            self._outcomes.answered(road, in_time)
        if changes:
            _ = self._ledger.end(changes)

    def _settles(self, outcome: Accepted | Refused, m: Message, doubt: _Doubt) -> bool:
        """Whether the message waits for just this, on the wire or in doubt: then it does so no longer."""
        outcomes, doubts = self._outcomes, self._outcomes.doubts
        if m.state is not State.INFLIGHT:
            return False
        waits = doubts.get(m.id) is m
        if outcome.segment.part < 0:
            if not waits or (type(outcome) is Refused and _is_claimed(m.carrier_id, m.sent_at)):
                return False
            doubts.settled(m)
            return True
        long = outcomes.long.get(m.id)
        if long is None:
            long = doubt.long if waits else None
            if long is None:
                return False
            doubts.settled(m)  # until this is judged: the rest may go on waiting
            outcomes.long[m.id] = long
        long.doubtful -= 1
        long.missing += 1
        return True

    def _spares(
        self, road: Road, part: int, m: Message, doubt: _Doubt, now_ms: int, changes: list[Change]
    ) -> bool:
        """Whether what waits to be sent again need not be, since a carrier has all that is missing.

        Only what stands in memory, as this object: who was read from the store again is another one.
        """
        if m.state is not State.QUEUED or self._queue.loaded(m.id) is not m:
            return False
        missing = [part]
        if part < 0:
            m.carrier_id = doubt.taken[-1][0].carrier_id or NO_ID
        else:
            parts = m.part_states or ()
            missing = [n for n, each in enumerate(parts) if each.state is State.QUEUED]
            if any(doubt.taken.get(n, (None, -1))[1] != parts[n].tries for n in missing):
                return False
        m.sent_at = now_ms
        m.error = m.reason = ""
        self._outcomes.avoid.pop(m.id, None)
        changes.append(m.advance(Cause.ACCEPT))
        for index in missing:
            road.accepted += 1
            self._know(road, doubt.taken[index][0], m, now_ms, changes)
        return True

    def _make_known(
        self, road: Road, outcome: Accepted, m: Message, now_ms: int, changes: list[Change]
    ) -> None:
        """It was told UNKNOWN, and stays so until a receipt with this id says more."""
        if outcome.segment.part < 0:
            m.carrier_id, m.sent_at = outcome.carrier_id or NO_ID, now_ms
        self._know(road, outcome, m, now_ms, changes)

    def _know(self, road: Road, outcome: Accepted, m: Message, now_ms: int, changes: list[Change]) -> None:
        index = outcome.segment.part
        if index >= 0:
            assert m.part_states is not None
            part = m.part_states[index]
            if part.state not in FINAL:
                part.state = State.ENROUTE
            part.carrier_id, part.sent_at = outcome.carrier_id, now_ms
            _ = self._ledger.store.part(m, index)
        if outcome.key:
            self._correlation.add(road.name, outcome.key, m, index)
            if self._outcomes.early is not None:
                self._outcomes.early(road.name, outcome.key, m, index, changes)


def _is_last(road: Road, m: Message, part: Part | None, tried: int, doubt: _Doubt) -> bool:
    """Whether nothing was tried since, by any bearer, and no receipt has been taken for its parts' by the number."""
    if m.payload and m.payload != doubt.payload:
        return False
    if part is None:
        return m.tries == tried and m.bearer == road.name
    if part.tries != tried or part.bearer != road.name:
        return False
    parts = m.part_states or ()
    return any(each is part for each in parts) and not any(
        _is_claimed(p.carrier_id, p.sent_at) for p in parts
    )


def _is_claimed(carrier_id: str, sent_at: int) -> bool:
    """Whether its id comes from a receipt for its number: a guess, though a good one."""
    return bool(carrier_id) and not sent_at


def _said(road: Road, outcome: Accepted | Refused, tried: int, now_ms: int) -> Part:
    """The answer as a row of its own. INFLIGHT: as which it found the try; no receipt is matched by this row."""
    said = Part()
    said.bearer, said.tries = road.name, tried
    if type(outcome) is Accepted:
        said.carrier_id, said.sent_at, said.state = outcome.carrier_id, now_ms, State.INFLIGHT
    else:
        assert type(outcome) is Refused
        said.error, said.done_at, said.state = str(outcome.code), now_ms, State.REJECTED
    return said
