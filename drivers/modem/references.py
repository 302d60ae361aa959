"""Which submit a status report is about: by SIM, recipient's last digits, TP-MR and time.

TP-MR has eight bits, starts anew with the modem and counts other programs' messages too, so it names nothing
alone. Here each submit gets a carrier_id that can be worked out again from its report:

    m<SIM>-<TP-MR>-<recipient>-<slot>[.n]    hashes of IMSI and last nine digits, five minutes of time, in hex

While the table stands (in memory, and as JSON text over a restart) a report finds its submit exactly. When it
is lost, the report still gives the few ids that its submit may have, for the gateway's own table. No IMSI and
no telephone number stands in any of it: 16 bits of a hash leave thousands of numbers each.
"""

from __future__ import annotations

import json
from hashlib import blake2b

from drivers.sms.tpdu import StatusReport

__all__ = ["Match", "References"]

SLOT = 300.0
"""Seconds of one slot: a modem cannot count TP-MR around in them (30 a minute at most)."""
WINDOW = 600.0
"""Seconds by which the service centre's clock and ours may differ."""
HOUR = 3600.0
_ZONES = range(-14, 15)  # hours: service centres tell local time with a wrong zone
_LIKELY_ZONES = (0, -1, 1, -2, 2)  # those worth a look in the gateway's table
_VERSION = 1
_DIGITS = 9  # a report may have the national form of the number, or spaces


class Match:
    """A report and the ids its submit may have, the likeliest first. known: the table has told, there is one."""

    __slots__ = ("keys", "known", "report")

    def __init__(self, report: StatusReport, keys: list[str], known: bool) -> None:
        self.report = report
        self.keys = keys
        self.known = known

    def __repr__(self) -> str:
        return f"Match({self.report!r}, {self.keys!r}, known={self.known})"


class _Submitted:
    """stem: what stands before the recipient in its id. Raises ValueError for an id of another form."""

    __slots__ = ("at", "carrier_id", "recipient", "stem")

    def __init__(self, carrier_id: str, at: float) -> None:
        sim, reference, self.recipient, _slot = carrier_id.split("-")
        self.stem = f"{sim}-{reference}"
        self.carrier_id = carrier_id
        self.at = at


class _Held:
    __slots__ = ("final", "imsi", "report", "since")

    def __init__(self, imsi: str, report: StatusReport, final: bool, since: float) -> None:
        self.imsi = imsi
        self.report = report
        self.final = final
        self.since = since


class References:
    """See the module. capacity: submits kept; life: seconds for which one waits for its report; hold: seconds
    for which a report waits for its submit (it may come before the modem's OK).

    All times are Unix seconds. What is to be made durable after a change is dump().
    """

    def __init__(self, capacity: int = 2000, life: float = 259_200.0, hold: float = 150.0) -> None:
        self.capacity = capacity
        self.life = life
        self.hold = hold
        self._open: dict[str, _Submitted] = {}  # by carrier_id, in the order sent
        self._by_reference: dict[str, list[_Submitted]] = {}  # by «m<SIM>-<TP-MR>», in the order sent
        self._held: dict[str, _Held] = {}  # in the order they came

    def __len__(self) -> int:
        return len(self._open)

    @property
    def held(self) -> int:
        return len(self._held)

    def submitted(self, imsi: str, recipient: str, reference: int, at: float) -> tuple[str, list[Match]]:
        """(carrier_id, which is its own key; the reports that have come before) of a submit just taken.

        reference: as +CMGS: told it. at: when the text was handed to the modem.
        """
        stem, tag = _stem(imsi, reference), _tag(recipient)
        carrier_id = wanted = _carrier_id(stem, tag, at)
        copies = 1
        while carrier_id in self._open:  # the modem has started anew, and the same person is written to again
            copies += 1
            carrier_id = f"{wanted}.{copies}"
        self._add(_Submitted(carrier_id, at))
        return carrier_id, self._claim(carrier_id)

    def reported(self, imsi: str, report: StatusReport, final: bool, now: float) -> Match | None:
        """What the report is about; None: held, it comes with submitted() or overdue().

        final: it is the last word, so that its submit waits no more.
        """
        found = self._find(imsi, report)
        if found is None:
            # By all that it says, so that a report which is read once more does not wait twice.
            name = f"{_stem(imsi, report.reference)} {report.recipient} {report.sent_at} {report.status}"
            self._held.setdefault(name, _Held(imsi, report, final, now))
            return None
        if final:
            self._drop(found.carrier_id)
        return Match(report, [found.carrier_id], known=True)

    def overdue(self, now: float) -> list[Match]:
        """Reports that have waited in vain, each with the ids that its submit may have; each once."""
        # A clock that was put back must not hold them for ever.
        over = [name for name, held in self._held.items() if not held.since <= now < held.since + self.hold]
        surplus = len(self._held) - len(over) - self.capacity
        if surplus > 0:
            over += [name for name in self._held if name not in over][:surplus]
        return [Match(held.report, _guesses(held), known=False) for held in map(self._held.pop, over)]

    def expired(self, now: float) -> list[str]:
        """The carrier_ids of submits whose report has not come in their life; they wait no more."""
        old = [each.carrier_id for each in self._open.values() if each.at + self.life <= now]
        for carrier_id in old:
            self._drop(carrier_id)
        return old

    def dump(self) -> str:
        """JSON text for load(). Held reports are not in it: they are stored in the modem until they are given."""
        rows = [[each.carrier_id, round(each.at, 1)] for each in self._open.values()]
        return json.dumps({"version": _VERSION, "submitted": rows}, separators=(",", ":"))

    def load(self, text: str) -> None:
        """Take in what dump() gave before a restart. Raises ValueError for any other text.

        To go on without it costs nothing but certainty: see the module.
        """
        for submitted in _rows(text):
            self._add(submitted)

    def _add(self, submitted: _Submitted) -> None:
        self._open[submitted.carrier_id] = submitted
        self._by_reference.setdefault(submitted.stem, []).append(submitted)
        while len(self._open) > self.capacity:
            self._drop(next(iter(self._open)))

    def _drop(self, carrier_id: str) -> None:
        stem = self._open.pop(carrier_id).stem
        left = [each for each in self._by_reference[stem] if each.carrier_id != carrier_id]
        if left:
            self._by_reference[stem] = left
        else:
            del self._by_reference[stem]

    def _find(self, imsi: str, report: StatusReport) -> _Submitted | None:
        """The newest submit that fits: by our clock, else by a clock whose zone is wrong by whole hours."""
        tag = _tag(report.recipient)
        same = self._by_reference.get(_stem(imsi, report.reference), ())
        candidates = [each for each in same if each.recipient == tag]
        for shifts in ((0,), _ZONES):
            for each in reversed(candidates):
                if _fits(report.sent_at, each.at, shifts):
                    return each
        return None

    def _claim(self, carrier_id: str) -> list[Match]:
        """The held reports that are about this submit, in the order they came."""
        claimed = []
        for name, held in list(self._held.items()):
            found = self._find(held.imsi, held.report)
            if found is not None and found.carrier_id == carrier_id:
                claimed.append(Match(held.report, [carrier_id], known=True))
                del self._held[name]
                if held.final:
                    self._drop(carrier_id)
        return claimed


def _rows(text: str) -> list[_Submitted]:
    try:
        state = json.loads(text)
        version, submitted = state["version"], state["submitted"]
        rows = [_Submitted(carrier_id, float(at)) for carrier_id, at in submitted]
    except (AttributeError, KeyError, TypeError, ValueError) as cause:
        raise ValueError(f"the stored references cannot be read ({cause}): delete them") from cause
    if version != _VERSION:
        raise ValueError(f"the stored references are of version {version}, not {_VERSION}: delete them")
    return rows


def _fits(stamp: float, at: float, shifts: range | tuple[int, ...]) -> bool:
    """A report without a readable time fits any."""
    return not stamp or any(abs(stamp + HOUR * shift - at) <= WINDOW for shift in shifts)


def _guesses(held: _Held) -> list[str]:
    """The ids that the submit of a report may have been given, by its own time."""
    report = held.report
    if not report.sent_at:
        return []
    stem, tag = _stem(held.imsi, report.reference), _tag(report.recipient)
    moments = [
        report.sent_at + HOUR * zone + SLOT * step for zone in _LIKELY_ZONES for step in (0, -1, 1, -2, 2)
    ]
    return [_carrier_id(stem, tag, moment) for moment in moments]


def _carrier_id(stem: str, tag: str, at: float) -> str:
    return f"{stem}-{tag}-{int(at // SLOT):x}"


def _stem(imsi: str, reference: int) -> str:
    """It begins with a letter: canonical forms drop leading zeros."""
    return f"m{blake2b(imsi.encode(), digest_size=3).hexdigest()}-{reference:02x}"


def _tag(recipient: str) -> str:
    digits = "".join([char for char in recipient if char.isdigit()])[-_DIGITS:]
    return blake2b(digits.encode(), digest_size=2).hexdigest()
