"""Which remedy a sick modem gets next, and when. Pure: `now` is any steady clock in seconds.

An episode begins with the first trouble. It goes up the ladder, each rung at most once, as far as the wiring
allows, and ends when the modem has been well for a while, when an operator steps in, or when a parking is over.
Resets are few: after three in an hour the modem is parked, since resetting again and again made things worse
(gammu issue 266). An unplugged modem is not sick: its absence takes no rung.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

__all__ = ["ALWAYS", "RESETS", "RESETS_PER_HOUR", "Ladder", "Rung"]


class Rung(Enum):
    """What may be done, the gentlest first. After each but the last, the modem is initialised anew."""

    ESCAPE = "escape"
    """ESC, then AT: it waits at a prompt, or lost its place."""
    REOPEN = "reopen"
    """Close the port and open it again."""
    SOFT_RESET = "soft_reset"
    """AT+CFUN=0 then 1, or AT+CFUN=1,1 with the port closed before it goes."""
    HARD_RESET = "hard_reset"
    """The reset line, or the power of the USB port."""
    POWER_CYCLE = "power_cycle"
    """The power key, off, seen off, and on; or the supply relay."""
    GIVE_UP = "give_up"
    """Park it, with an alarm."""


RESETS = frozenset({Rung.SOFT_RESET, Rung.HARD_RESET, Rung.POWER_CYCLE})
"""What counts against the hour."""
RESETS_PER_HOUR = 3
ALWAYS = frozenset({Rung.ESCAPE, Rung.REOPEN, Rung.SOFT_RESET, Rung.GIVE_UP})
"""Rungs that need no wire."""

HOUR = 3600.0
STEADY = 300.0
"""Seconds of health that end an episode: a modem that falls again sooner goes on where it was."""
PARK = 1800.0
"""Seconds between two tries of a modem that was given up."""
PAUSE = {
    Rung.ESCAPE: 0.0,
    Rung.REOPEN: 2.0,
    Rung.SOFT_RESET: 5.0,
    Rung.HARD_RESET: 10.0,
    Rung.POWER_CYCLE: 20.0,
}
"""Seconds to wait before a rung. Doubled for each reset of the last hour."""


class Ladder:
    """available: the rungs that this modem has, usually ALWAYS | power.available.

    parked_until: when a modem that was given up is tried again, 0.0 while it is not parked. alarm: what an
    operator should read, from giving up until the modem is well, else "".
    """

    def __init__(self, available: frozenset[Rung], steady: float = STEADY, park: float = PARK) -> None:
        self.available = available | {Rung.GIVE_UP}
        self.alarm = ""
        self.parked_until = 0.0
        self.cause = ""
        self.taken: list[Rung] = []
        self._steady = steady
        self._park = park
        self._well_since: float | None = None
        self._resets: deque[float] = deque(maxlen=RESETS_PER_HOUR)

    def next(self, now: float, cause: str) -> tuple[Rung, float]:
        """It is sick: what to do, after how many seconds. GIVE_UP: close the port, and try again after them.

        cause: one dotted word or a short sentence, for the log and the alarm.
        """
        if now < self.parked_until:
            return Rung.GIVE_UP, self.parked_until - now
        if self.parked_until or (self._well_since is not None and now - self._well_since >= self._steady):
            self._end_episode()
        self._well_since = None
        self.cause = cause
        rung = self._rung(now)
        if rung is Rung.GIVE_UP:
            return rung, self._give_up(now)
        wait = PAUSE[rung]
        if rung in RESETS:
            wait *= 2 ** self.resets(now)
            self._resets.append(now + wait)
        self.taken.append(rung)
        return rung, wait

    def well(self, now: float) -> None:
        """It is ready, or still is. The alarm ends now, the episode once this has lasted."""
        self.alarm = ""
        if self.parked_until:
            self._end_episode()
        if self._well_since is None:
            self._well_since = now
        elif self.taken and now - self._well_since >= self._steady:
            self._end_episode()

    def operator(self) -> None:
        """An operator asks for a try now (`link reset`): a new episode. What the hour has seen still counts."""
        self._end_episode()

    def unplugged(self) -> None:
        """It is absent, whoever did that: no rung is taken, and health so far does not count as steady."""
        self._well_since = None

    def resets(self, now: float) -> int:
        """How many resets the last hour has seen, those announced and not yet due among them."""
        return sum(at > now - HOUR for at in self._resets)

    def fields(self, now: float) -> dict[str, str | int | float | bool]:
        """For Status: where it stands, why, and what was tried."""
        shown: dict[str, str | int | float | bool] = {
            "recovery": self._stage(now),
            "recovery_cause": self.cause,
            "recovery_tried": ", ".join(rung.value for rung in self.taken),
            "resets_last_hour": self.resets(now),
        }
        if now < self.parked_until:
            shown["next_try_seconds"] = round(self.parked_until - now)
        return shown

    def _stage(self, now: float) -> str:
        if now < self.parked_until:
            return "parked"
        if self._well_since is not None:
            return "settling" if self.taken else "none"
        return self.taken[-1].value if self.taken else "none"

    def _rung(self, now: float) -> Rung:
        """The gentlest that is left. One reset too many, and the harder ones are not tried either."""
        spent = self.resets(now) >= RESETS_PER_HOUR
        for rung in Rung:
            if rung in self.available and rung not in self.taken:
                return Rung.GIVE_UP if spent and rung in RESETS else rung
        return Rung.GIVE_UP

    def _give_up(self, now: float) -> float:
        tried = ", ".join(rung.value for rung in self.taken) or "nothing"
        spent = (
            f"; {RESETS_PER_HOUR} resets in an hour are the most"
            if self.resets(now) >= RESETS_PER_HOUR
            else ""
        )
        again = f"{self._park / 60:g} min"
        self.alarm = (
            f"{self.cause}; tried {tried}{spent}; the next try is in {again}, or at `chappe link reset`"
        )
        self.parked_until = now + self._park
        return self._park

    def _end_episode(self) -> None:
        self.taken.clear()
        self.cause = ""
        self.parked_until = 0.0
