"""The network behind a simulated modem: what it took, what becomes of it, what handsets write.

`submitted` is the only thing a test should trust: each TPDU that the network took, once for each time that it
took it, decoded. Numbers them by TP-MR, makes their reports, keeps messages back that the modem has no room
for. Pure: times are arguments, Unix seconds; randomness is the modem's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from random import Random

from drivers.modem.sim_behaviour import ModemBehaviour
from drivers.sms.alphabet import Alphabet, alphabet_of, decode, fit
from drivers.sms.split import split
from drivers.sms.tpdu import Deliver, StatusReport, Submit, encode_deliver, encode_status_report
from drivers.sms.user_data import data_coding_of

__all__ = ["QUARTERS", "Network", "Taken", "text_of"]

_FRANCE = "+33"
QUARTERS = 4  # the service centre's zone, east of Greenwich


class Taken:
    """One SMS-SUBMIT that the network took. at: the modem's seconds; wall: Unix seconds; reference: its TP-MR."""

    __slots__ = ("at", "reference", "submit", "tpdu", "wall")

    def __init__(self, submit: Submit, tpdu: bytes, reference: int, at: float, wall: float) -> None:
        self.submit = submit
        self.tpdu = tpdu
        self.reference = reference
        self.at = at
        self.wall = wall

    @property
    def destination(self) -> str:
        return self.submit.destination

    @property
    def text(self) -> str:
        """Its own part of the text, header apart."""
        return text_of(self.submit.data_coding, self.submit.udh, self.submit.payload)

    def __repr__(self) -> str:
        return f"Taken({self.reference}, {self.destination}, {self.text!r})"


def text_of(data_coding: int, udh: bytes, payload: bytes) -> str:
    """User data under a TP-DCS as people read it; national tables in the header are obeyed, binary is shown in hex."""
    coding = data_coding_of(data_coding)
    return payload.hex() if alphabet_of(coding) is Alphabet.OCTETS else decode(payload, coding, udh=udh)


class Network:
    """outcomes: TP-ST by recipient, one report for each in order; others get behaviour.report_status.

    submitted: what it took. waiting: what it could not deliver to the modem, oldest first.
    """

    def __init__(self, behaviour: ModemBehaviour, rnd: Random) -> None:
        self.behaviour = behaviour
        self.outcomes: dict[str, Sequence[int]] = {}
        self.submitted: list[Taken] = []
        self.waiting: deque[tuple[bytes, bool]] = deque()
        self._random = rnd
        self._reference = behaviour.mr
        self._concatenation = 0

    def take(self, submit: Submit, tpdu: bytes, at: float, wall: float) -> Taken:
        """The network has it from now on."""
        taken = Taken(submit, tpdu, self._reference, at, wall)
        self._reference = (self._reference + 1) % 256
        self.submitted.append(taken)
        return taken

    def reports(self, taken: Taken) -> list[tuple[float, int]]:
        """(delay from the submit's answer, TP-ST) of its reports, in order; none when none was asked for."""
        if not taken.submit.status_report:
            return []
        b = self.behaviour
        statuses = self.outcomes.get(taken.destination, (b.report_status,))
        delay = b.report_delay + (self._random.random() * b.report_jitter if b.report_jitter else 0.0)
        return [(delay * step, status) for step, status in enumerate(statuses, 1)]

    def report(self, taken: Taken, status: int, wall: float) -> bytes:
        """The SMS-STATUS-REPORT, as octets."""
        recipient = taken.destination
        if self.behaviour.report_national and recipient.startswith(_FRANCE):
            recipient = "0" + recipient.removeprefix(_FRANCE)
        return encode_status_report(
            StatusReport(taken.reference, recipient, taken.wall, wall, status), QUARTERS
        )

    def mo(self, source: str, text: str, wall: float) -> list[bytes]:
        """The SMS-DELIVER of what a handset writes, in as many parts as the text needs."""
        coding, payload = fit(text)
        self._concatenation += 1
        return [
            encode_deliver(Deliver(source, coding, udh, part, wall), QUARTERS)
            for udh, part in split(payload, coding, self._concatenation)
        ]

    def texts(self) -> Mapping[str, list[str]]:
        """What each recipient got, in order."""
        texts: dict[str, list[str]] = {}
        for taken in self.submitted:
            texts.setdefault(taken.destination, []).append(taken.text)
        return texts
