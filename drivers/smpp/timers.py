"""The timers of one session, bar those of single requests: bind, enquire_link, and the partly received PDU.

SMPP 3.4 §7.2. No clock of its own: `now` is an argument, any steady clock in seconds. session.py asks here
what is due, and acts.
"""

from __future__ import annotations

from drivers.smpp.states import BOUND, BindState, Closing

__all__ = ["Timers"]


class Timers:
    """enquire_link: seconds of silence before we ask, 0 never. The others: time-outs in seconds."""

    __slots__ = (
        "_asked_until",
        "_bind",
        "_enquire_link",
        "_heard",
        "_partial",
        "_partial_since",
        "_reading",
        "_response",
        "_started",
    )

    def __init__(self, enquire_link: float, response: float, bind: float, partial: float) -> None:
        self._enquire_link = enquire_link
        self._response = response
        self._bind = bind
        self._partial = partial
        self._started: float | None = None
        self._heard = 0.0
        self._partial_since = 0.0
        self._asked_until: float | None = None
        self._reading = True

    def start(self, now: float) -> None:
        """The connection is there: the bind timer runs. Later calls change nothing."""
        if self._started is None:
            self._started = self._heard = now

    def received(self, whole: bool, waiting: bool, now: float) -> None:
        """Octets came: with a whole PDU among them or not, behind a partial one that was waiting or not.

        Any whole PDU proves life. The partial PDU's timer runs from its first octet, so that a peer that
        sends one octet a second does not live for ever.
        """
        if whole:
            self._heard = now
            self._asked_until = None
        if whole or not waiting:
            self._partial_since = now

    def reading(self, on: bool, now: float) -> None:
        """The connection stopped or resumed reading: silence meanwhile is not the peer's."""
        self._reading = on
        if on:
            self._heard = self._partial_since = now
            if self._asked_until is not None:
                self._asked_until = now + self._response

    def overdue(self, state: BindState, waiting: int, now: float) -> tuple[Closing, str] | None:
        """Why the session must end now, if it must. waiting: octets of a partial PDU."""
        if state is BindState.OPEN and self._started is not None and now - self._started >= self._bind:
            return Closing.BIND_TIMEOUT, f"no bind within {self._bind:g} s"
        if not self._reading:
            return None
        if waiting and now - self._partial_since >= self._partial:
            return Closing.PARTIAL, f"{waiting} octets of a PDU waited {self._partial:g} s for the rest"
        if self._asked_until is not None and now >= self._asked_until:
            return Closing.DEAD, f"no enquire_link_resp within {self._response:g} s"
        return None

    def ask(self, state: BindState, now: float) -> bool:
        """Whether to send enquire_link now; its answer is then awaited."""
        if not self._enquire_link or self._asked_until is not None or now - self._heard < self._enquire_link:
            return False
        if state not in BOUND or not self._reading:
            return False
        self._asked_until = now + self._response
        return True
