"""What a simulated carrier decides for each message: its status, its ids, its receipts. Pure, and seeded.

Faults owns the dice and the counters, so that one seed and one order of messages give one run. Nothing here
knows of connections: a decision is a status, or a tuple of Notices. The plain case is prepared beforehand and
costs a few comparisons.
"""

from __future__ import annotations

from collections import deque
from random import Random

from drivers.smpp.behaviour import Behaviour
from drivers.smpp.pdu import CommandStatus

__all__ = ["Faults", "Notice"]

_THROTTLED = int(CommandStatus.ESME_RTHROTTLED)


class Notice:
    """One receipt to come: delay in seconds, stat and err as Appendix B writes them.

    early: before the submit_sm_resp, so at once.
    """

    __slots__ = ("delay", "early", "err", "stat")

    def __init__(self, delay: float, stat: bytes, err: bytes, early: bool = False) -> None:
        self.delay = delay
        self.stat = stat
        self.err = err
        self.early = early

    @property
    def delivered(self) -> bool:
        return self.stat == b"DELIVRD"

    def __repr__(self) -> str:
        return f"Notice({self.stat.decode()}, {'early' if self.early else f'{self.delay:g} s'})"


class Faults:
    """The decisions. One object for the life of a carrier: assign `behaviour` to change it, counters stay."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._random = Random(behaviour.seed)  # noqa: S311 - a rehearsal that can be repeated
        # A number that reads differently in base 10 and 16, as long as those that real carriers write.
        self._id = self._random.randrange(20_000_000, 90_000_000)
        self._submits = 0
        self._accepted = 0
        self._recent: deque[float] = deque()
        self.behaviour = behaviour

    @property
    def behaviour(self) -> Behaviour:
        return self._behaviour

    @behaviour.setter
    def behaviour(self, b: Behaviour) -> None:
        self._behaviour = b
        self._always_taken = not (b.rate_limit or b.throttle_every or b.throttle_percent or b.error_percent)
        ends = ("undeliverable", "expired", "rejected", "unknown")
        spoiled = ("early", "late", "duplicate", "missing", "enroute")
        self._plain = not any(getattr(b, f"{name}_percent") for name in (*ends, *spoiled))
        self._usual = (Notice(b.receipt_delay, b"DELIVRD", b"000"),)
        words = (b"UNDELIV", b"EXPIRED", b"REJECTD", b"UNKNOWN")
        self._ends = [(word, getattr(b, f"{name}_percent")) for word, name in zip(words, ends, strict=True)]

    def status(self, now: float) -> int:
        """The command_status for the next submit_sm; now in seconds, for the rate."""
        if self._always_taken:
            return 0
        b = self._behaviour
        self._submits += 1
        if b.throttle_every and self._submits % b.throttle_every == 0:
            return _THROTTLED
        if self.drawn(b.throttle_percent):
            return _THROTTLED
        if self.drawn(b.error_percent):
            return b.error_status
        return _THROTTLED if b.rate_limit and not self._within_rate(b.rate_limit, now) else 0

    def _within_rate(self, rate: float, now: float) -> bool:
        """At most `rate`, rounded down, in any second that slides; under one a second, one in 1/rate seconds."""
        recent = self._recent
        most = max(1, int(rate))
        while recent and now - recent[0] >= max(1.0, 1 / rate):
            recent.popleft()
        if len(recent) >= most:
            return False
        recent.append(now)
        return True

    def ids(self) -> tuple[bytes, bytes]:
        """(id for the response, id for the receipt) of the next message."""
        self._id += 1
        style = self._behaviour.ids
        if style == "decimal":
            one = b"%d" % self._id
        elif style == "uuid":
            digits = f"{self._random.getrandbits(128):032x}"
            one = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])).encode()
        else:
            one = b"%x" % self._id
        return one, (b"%010d" % self._id if style == "mixed" else one)

    def notices(self) -> tuple[Notice, ...]:
        """The receipts for one accepted message whose sender wants them, in order of sending."""
        b = self._behaviour
        if b.receipts == "none":
            return ()
        if self._plain:
            return self._usual
        if self.drawn(b.missing_percent):
            return ()
        stat, err = self._end()
        early = self.drawn(b.early_percent)
        late = b.late_delay if self.drawn(b.late_percent) else 0.0
        last = Notice(0.0 if early else b.receipt_delay + late, stat, err, early)
        notices = [last]
        if self.drawn(b.enroute_percent):
            notices.insert(0, Notice(last.delay / 2, b"ENROUTE", b"000", early))
        if self.drawn(b.duplicate_percent):
            notices.append(last)
        return tuple(notices)

    def _end(self) -> tuple[bytes, bytes]:
        dice = self._random.random() * 100
        for word, percent in self._ends:
            if dice < percent:
                return word, self._behaviour.undeliverable_err.encode("ascii")
            dice -= percent
        return b"DELIVRD", b"000"

    def drawn(self, percent: float) -> bool:
        """Whether this time it happens. No dice are thrown for 0, so that plain runs stay plain."""
        return percent > 0 and self._random.random() * 100 < percent

    def latency(self) -> float:
        """Seconds until this submit_sm_resp."""
        b = self._behaviour
        return b.latency + self._random.random() * b.jitter if b.jitter else b.latency

    def mo_is_due(self) -> bool:
        """Whether a handset writes after this accepted message."""
        every = self._behaviour.mo_every
        if not every:
            return False
        self._accepted += 1
        return self._accepted % every == 0
