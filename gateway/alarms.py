"""Alarms: what an operator should know now. Each is raised once, with its cause, and cleared once.

One line in the log and one event on the bus for either; while raised they stand here, for status and the page.
"""

from __future__ import annotations

from collections.abc import Iterator

import structlog

from gateway.bus import Bus
from gateway.clock import Clock
from gateway.events import AlarmMoved

__all__ = ["Alarms"]

log = structlog.get_logger("gateway")


class Alarms:
    """See the module. An id is short and names one thing: disk, store, bearer.orange, fallback.france.

    docs/alarms/ has a page for each id's first word.
    """

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._raised: dict[str, AlarmMoved] = {}

    def __contains__(self, alarm_id: str) -> bool:
        return alarm_id in self._raised

    def __iter__(self) -> Iterator[AlarmMoved]:
        """Those that stand, by id."""
        return (event for _, event in sorted(self._raised.items()))

    def __len__(self) -> int:
        return len(self._raised)

    def turn(self, alarm_id: str, standing: bool, severity: str, text: str) -> None:
        """Make it so: nothing happens when it is so already. severity: warning or critical."""
        if standing:
            self.raise_(alarm_id, severity, text)
        else:
            self.clear(alarm_id)

    def raise_(self, alarm_id: str, severity: str, text: str) -> None:
        """Stands from now on; an alarm that stands already is told again only when it is another severity."""
        before = self._raised.get(alarm_id)
        if before is not None and before.severity == severity:
            return
        event = AlarmMoved(alarm_id, True, severity, text, self._clock.wall_ms())
        self._raised[alarm_id] = event
        log.error("alarm.raised", alarm=alarm_id, severity=severity, detail=text)
        self._bus.publish(event)

    def clear(self, alarm_id: str) -> None:
        before = self._raised.pop(alarm_id, None)
        if before is None:
            return
        log.info("alarm.cleared", alarm=alarm_id)
        self._bus.publish(AlarmMoved(alarm_id, False, before.severity, "", self._clock.wall_ms()))

    def standing(self, family: str) -> set[str]:
        """What follows "family." in the ids of those that stand."""
        start = family + "."
        return {alarm_id[len(start) :] for alarm_id in self._raised if alarm_id.startswith(start)}
