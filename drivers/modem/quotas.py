"""What a SIM may still send: segments a minute, an hour and a day, different recipients in 31 days.

The windows slide, so that the turn of an hour or of a month opens nothing at once; 31 days hold any month that
an operator may count. Times are Unix seconds of a clock that may be wrong: one that is put back opens nothing,
since what was taken "later" still counts. Recipients are kept as hashes, never as numbers. One SimQuota belongs
to one ICCID: another SIM starts its own, and the old one's waits in the store.
"""

from __future__ import annotations

import json
from hashlib import blake2b
from math import inf

from drivers.terms import Quota

__all__ = ["DEFAULT", "UNLIMITED", "SimQuota", "Taken", "state_key"]

DEFAULT = Quota(per_minute=6, per_hour=40, per_day=200, recipients_per_month=90)
"""What drivers.terms promises for a SIM whose table is silent: French offers cap and block beyond little."""
UNLIMITED = 10**9

MINUTE, HOUR, DAY, MONTH = 60.0, 3600.0, 86_400.0, 31 * 86_400.0

_VERSION = 1
_LARGEST_STEP = 60.0
"""What two looks at the clock may lie apart and still be time that has passed, not a clock that was set."""


def state_key(iccid: str) -> str:
    """The key of this SIM's quota in the driver's StateStore."""
    return f"quota.{iccid}"


class Taken:
    """What take() has taken; give_back() wants it. at: when. before: when the recipient was last written to."""

    __slots__ = ("at", "before", "recipient", "segments")

    def __init__(self, at: float, segments: int, recipient: str, before: float | None) -> None:
        self.at = at
        self.segments = segments
        self.recipient = recipient
        self.before = before


class _Spent:
    """Segments of one moment, or of those from `first` to `at`. lived: what SimQuota._lived was at the last."""

    __slots__ = ("at", "first", "lived", "segments")

    def __init__(self, at: float, lived: float, segments: int, first: float | None = None) -> None:
        self.at = at
        self.lived = lived
        self.segments = segments
        self.first = at if first is None else first


class SimQuota:
    """See the module. quota: None in it asks for DEFAULT, 0 is unlimited.

    Every method that asks takes the wall clock's now. What is to be made durable after take() is dump().
    """

    def __init__(self, iccid: str, quota: Quota) -> None:
        self.iccid = iccid
        limits = (
            (MINUTE, _limit(quota.per_minute, DEFAULT.per_minute)),
            (HOUR, _limit(quota.per_hour, DEFAULT.per_hour)),
            (DAY, _limit(quota.per_day, DEFAULT.per_day)),
        )
        self._limits = [(window, limit) for window, limit in limits if limit]
        self._recipients_limit = _limit(quota.recipients_per_month, DEFAULT.recipients_per_month)
        self._spent: list[_Spent] = []  # in the order taken
        self._recipients: dict[str, _Spent] = {}  # hash -> when last written to; segments is 0
        # Seconds that have been seen to pass. Without it, what was taken while the clock stood years ahead by
        # mistake would count for years.
        self._lived = 0.0
        self._seen: float | None = None

    # ── what may be sent ─────────────────────────────────────────────────────────────────────────────────────
    def free(self, now: float) -> int:
        """Segments that may go now; UNLIMITED where no limit is set."""
        self._look(now)
        return max(
            min([limit - self._used(window, now) for window, limit in self._limits], default=UNLIMITED), 0
        )

    def may(self, recipient: str, now: float) -> bool:
        """Whether this recipient may be written to: known these 31 days, or one more fits. See free() too."""
        self._look(now)
        return _hashed(recipient) in self._recipients or not self._full(now)

    def recipients_free(self, now: float) -> int:
        """How many more different recipients may be written to; UNLIMITED where no limit is set."""
        self._look(now)
        if not self._recipients_limit:
            return UNLIMITED
        self._forget(now)
        return max(self._recipients_limit - len(self._recipients), 0)

    def free_at(self, now: float, segments: int = 1) -> float:
        """When that many segments will be free: now if they are, inf if no window holds so many."""
        self._look(now)
        moment = now
        for window, limit in self._limits:
            if segments > limit:
                return inf
            surplus = self._used(window, now) + segments - limit
            for each in sorted(self._counted(window, now), key=lambda each: self._over(each, window, now)):
                if surplus <= 0:
                    break
                surplus -= each.segments
                moment = max(moment, self._over(each, window, now))
        return moment

    def recipient_free_at(self, now: float) -> float:
        """When one more different recipient will be free: now if one is."""
        self._look(now)
        if not self._full(now):
            return now
        ends = sorted(self._over(each, MONTH, now) for each in self._recipients.values())
        return ends[len(ends) - self._recipients_limit]

    # ── what has been sent ───────────────────────────────────────────────────────────────────────────────────
    def take(self, recipient: str, segments: int, now: float) -> Taken:
        """Count them, whether they fit or not: what goes over the air has gone."""
        self._look(now)
        if self._limits:
            last = self._spent[-1] if self._spent else None
            if last is not None and last.at == now:
                last.segments += segments
            else:
                self._spent.append(_Spent(now, self._lived, segments))
        name = _hashed(recipient)
        before = self._recipients.get(name)
        if self._recipients_limit:
            self._recipients[name] = _Spent(now, self._lived, 0)
        return Taken(now, segments, name, before.at if before is not None else None)

    def give_back(self, taken: Taken) -> None:
        """It was certainly not sent. What was doubtful is not given back."""
        for each in self._spent:
            if each.first <= taken.at <= each.at:
                each.segments = max(each.segments - taken.segments, 0)
                break
        self._spent = [each for each in self._spent if each.segments]
        last = self._recipients.get(taken.recipient)
        if last is not None and last.at == taken.at:  # else it was written to since
            if taken.before is None:
                del self._recipients[taken.recipient]
            else:
                last.at = taken.before

    # ── over a restart ───────────────────────────────────────────────────────────────────────────────────────
    def dump(self) -> str:
        """JSON text for load(): one line of a few kilobytes."""
        return json.dumps(
            {
                "version": _VERSION,
                "iccid": self.iccid,
                "lived": self._lived,
                "spent": [[each.at, each.lived, each.segments] for each in self._spent],
                "recipients": {name: [each.at, each.lived] for name, each in self._recipients.items()},
            },
            separators=(",", ":"),
        )

    def load(self, text: str) -> None:
        """Take in what dump() gave for this SIM, with today's limits. Raises ValueError for any other text.

        Do not send on such an error: an empty quota would let a SIM send anew what it has sent already.
        """
        try:
            state = json.loads(text)
            version, iccid, lived = state["version"], state["iccid"], float(state["lived"])
            spent = [_Spent(float(at), float(then), int(segments)) for at, then, segments in state["spent"]]
            recipients = {
                str(name): _Spent(float(at), float(then), 0)
                for name, (at, then) in state["recipients"].items()
            }
        except (AttributeError, KeyError, TypeError, ValueError) as cause:
            raise ValueError(
                f"the stored quota of SIM {self.iccid} cannot be read ({cause}): delete it"
            ) from cause
        if (version, iccid) != (_VERSION, self.iccid):
            raise ValueError(
                f"this is the quota of SIM {iccid}, version {version}, not that of SIM {self.iccid}"
            )
        self._lived, self._spent, self._recipients = lived, spent, recipients

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────────
    def _look(self, now: float) -> None:
        """See how far the clock has come, and forget what no window holds any more."""
        if self._seen is not None and self._seen < now:
            self._lived += min(now - self._seen, _LARGEST_STEP)
        if now == self._seen:
            return
        self._seen = now
        longest = max([window for window, _ in self._limits], default=0.0)
        self._spent = self._merged(self._counted(longest, now), now)

    def _full(self, now: float) -> bool:
        """Whether no other recipient fits; those of more than 31 days ago are forgotten when it matters."""
        if not self._recipients_limit or len(self._recipients) < self._recipients_limit:
            return False
        self._forget(now)
        return len(self._recipients) >= self._recipients_limit

    def _forget(self, now: float) -> None:
        known = self._recipients.items()
        self._recipients = {name: each for name, each in known if self._over(each, MONTH, now) > now}

    def _used(self, window: float, now: float) -> int:
        since, lived = now - window, self._lived - window  # as _over() says, for all at once
        return sum([each.segments for each in self._spent if each.at > since and each.lived > lived])

    def _counted(self, window: float, now: float) -> list[_Spent]:
        return [each for each in self._spent if self._over(each, window, now) > now]

    def _over(self, spent: _Spent, window: float, now: float) -> float:
        """When it leaves the window: by the clock, or once that much time has been seen to pass since."""
        return min(spent.at + window, now + spent.lived + window - self._lived)

    @staticmethod
    def _merged(spent: list[_Spent], now: float) -> list[_Spent]:
        """Old moments a minute or ten wide, by their newest: a busy SIM costs some hundred of them, no more."""
        merged: list[_Spent] = []
        for each in spent:
            age = now - each.at
            width = 1.0 if age < MINUTE else 60.0 if age < HOUR else 600.0
            last = merged[-1] if merged else None
            if last is not None and last.at // width == each.at // width and last.at <= each.at:
                segments = each.segments + last.segments
                merged[-1] = _Spent(each.at, max(each.lived, last.lived), segments, last.first)
            else:
                merged.append(each)
        return merged


def _limit(asked: int | None, default: int | None) -> int:
    return (default or 0) if asked is None else asked


def _hashed(recipient: str) -> str:
    return blake2b(recipient.encode(), digest_size=8).hexdigest()
