"""From what a modem has stored to what the gateway is told, and back to what may be deleted.

A stored message is told once, and deleted only when the gateway has it durably; when it can't store it, it is
told again later. A report that came before its submit's OK waits here. What can't be read is left where it is,
for a human, and named in the log once. Pure: it reads and deletes nothing itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from drivers.bearer import Event, Inbound, Receipt
from drivers.modem.answers import Stored
from drivers.modem.books import Books
from drivers.modem.causes import state_of
from drivers.modem.inbox import digest, not_a_reply
from drivers.modem.numbering import Numbering, numbering_of
from drivers.modem.references import Match
from drivers.sms.address import mask
from drivers.sms.tpdu import Deliver, StatusReport, TpduError, decode_received, split_smsc
from drivers.sms.user_data import data_coding_of

__all__ = ["Brought", "Mailbox", "Place"]

_WAITS, _DONE, _UNREADABLE = range(3)

Note = Callable[[str, str], None]
"""note(event, detail): a line for the log."""


class Place:
    """Where a message lies. memory: its name, "" where there is no choice, None for nowhere: it came straight to us.

    copies: other places of the same octets.
    """

    __slots__ = ("copies", "index", "memory", "name", "pdu")

    def __init__(self, memory: str | None, index: int, pdu: str) -> None:
        self.memory = memory
        self.index = index
        self.pdu = pdu
        self.copies: list[Place] = []
        self.name = ""  # digest of an MO, by which it is known after a restart

    @property
    def key(self) -> tuple[str | None, int, str]:
        return self.memory, self.index, self.pdu


class Brought:
    """An event to be told, and the place that may be deleted once it is durable."""

    __slots__ = ("event", "place")

    def __init__(self, event: Event, place: Place) -> None:
        self.event = event
        self.place = place


class Mailbox:
    """books, number: of the SIM there is; number is where replies come to, "" if not known.

    gone: what may be deleted, memory by memory, index and place.

    counts: "mo", "reports", "twice", "unreadable", "not_replies".
    """

    def __init__(self, wall: Callable[[], float], note: Note) -> None:
        self.number = ""
        self.gone: dict[str, dict[int, Place]] = {}
        self.counts: Counter[str] = Counter()
        self._books: Books | None = None
        self._numbering = numbering_of("")
        self._wall = wall
        self._note = note
        self._known: dict[tuple[str | None, int, str], int] = {}
        self._origins: dict[int, Place] = {}  # of reports that wait for their submit, by id()
        self._again: list[Brought] = []
        self._telling: set[str] = set()  # digests of what is being stored: a copy of it waits

    def use(self, books: Books, number: str, numbering: Numbering) -> None:
        """Begin with this SIM, after each initialisation: what was to be deleted is looked for anew."""
        if self._books is not books:
            self._known.clear()
            self._origins.clear()
        self._books = books
        self.number = number
        self._numbering = numbering
        self.gone.clear()

    # ── in ───────────────────────────────────────────────────────────────────────────────────────────────
    def take(self, memory: str, found: Sequence[Stored]) -> list[Brought]:
        """A memory as it was just read: what is new in it."""
        places = [Place(memory, each.index, each.pdu) for each in found]
        listed = {place.key for place in places}
        for key in [key for key in self._known if key[0] == memory and key not in listed]:
            if self._known[key] != _WAITS:
                del self._known[key]
        brought: list[Brought] = []
        for each, place in zip(found, places, strict=True):
            state = self._known.get(place.key)
            if state == _DONE:
                self.gone.setdefault(memory, {})[place.index] = place
            elif state is None:
                brought += self._read(place, each.length)
        return brought

    def straight(self, length: int | None, pdu: str) -> list[Brought]:
        """A message that no memory has: +CMT, +CDS."""
        return self._read(Place(None, 0, pdu), length)

    def early(self, matches: Iterable[Match]) -> list[Brought]:
        """Reports whose submit was answered after them, or that waited in vain."""
        return [
            Brought(self._receipt(match), self._origins.pop(id(match.report), Place(None, 0, "")))
            for match in matches
        ]

    def again(self) -> list[Brought]:
        """What could not be stored, to be told once more."""
        brought, self._again = self._again, []
        return brought

    # ── the gateway's word ───────────────────────────────────────────────────────────────────────────────
    def stored(self, brought: Sequence[Brought]) -> list[str]:
        """These are durable: they may go. Gives the names to be kept by books.stored() first."""
        for each in brought:
            self._telling.discard(each.place.name)
            self._may_go(each.place)
        return [each.place.name for each in brought if each.place.name]

    def not_stored(self, brought: Sequence[Brought]) -> None:
        self._again += brought

    def deleted(self, memory: str, indexes: Iterable[int]) -> None:
        places = self.gone.get(memory, {})
        for index in indexes:
            place = places.pop(index, None)
            if place is not None:
                self._known.pop(place.key, None)

    @property
    def unstored(self) -> int:
        return len(self._again)

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────
    def _may_go(self, place: Place) -> None:
        for each in (place, *place.copies):
            if each.memory is not None:
                self._known[each.key] = _DONE
                self.gone.setdefault(each.memory, {})[each.index] = each

    def _read(self, place: Place, length: int | None) -> list[Brought]:
        assert self._books is not None
        try:
            tpdu = split_smsc(bytes.fromhex(place.pdu))[1]
            if length is not None and len(tpdu) != length:
                raise TpduError(f"the modem says {length} octets, these are {len(tpdu)}")
            message = decode_received(tpdu)
        except ValueError as error:
            self.counts["unreadable"] += 1
            if place.memory is not None:
                self._known[place.key] = _UNREADABLE
            where = "not stored" if place.memory is None else f"{place.memory} {place.index}".strip()
            # Its octets hold a number and a text: they are looked at in the modem, where they stay.
            said = f"{error}; left in the modem ({where}), {len(place.pdu)} hexadecimal digits"
            self._note("message.unreadable", said)
            return []
        if isinstance(message, StatusReport):
            return self._report(message, place)
        return self._mo(message, tpdu, place)

    def _report(self, report: StatusReport, place: Place) -> list[Brought]:
        assert self._books is not None
        self.counts["reports"] += 1
        if place.memory is not None:
            self._known[place.key] = _WAITS
        for waiting in self._origins.values():
            if waiting.pdu == place.pdu:
                waiting.copies.append(place)
                return []
        books = self._books
        _, final = state_of(report.status)
        match = books.references.reported(books.imsi, report, final, self._wall())
        books.unsettled = True
        if match is None:
            self._origins[id(report)] = place
            return []
        return [Brought(self._receipt(match), place)]

    def _mo(self, deliver: Deliver, tpdu: bytes, place: Place) -> list[Brought]:
        assert self._books is not None
        place.name = digest(self._books.imsi, tpdu, deliver)
        if self._books.inbox.seen(place.name):
            self.counts["twice"] += 1
            self._may_go(place)
            return []
        why = not_a_reply(deliver)
        if why and not why.startswith("binary"):
            self.counts["not_replies"] += 1
            self._note("mo.not_a_reply", f"from {mask(deliver.source)}: {why}; deleted")
            self._may_go(place)
            return []
        if place.name in self._telling:
            return []
        self._telling.add(place.name)
        self.counts["mo"] += 1
        if place.memory is not None:
            self._known[place.key] = _WAITS
        coding = data_coding_of(deliver.data_coding)
        at = deliver.sent_at or self._wall()
        source = self._numbering.complete(deliver.source)
        inbound = Inbound(source, self.number, coding, deliver.udh, deliver.payload, at, tpdu)
        return [Brought(inbound, place)]

    def _receipt(self, match: Match) -> Receipt:
        report = match.report
        state, final = state_of(report.status)
        raw = f"mr:{report.reference} st:{report.status:02x}".encode()
        carrier_id = match.keys[0] if match.known else ""
        recipient = self._numbering.complete(report.recipient)
        code = f"{report.status:02x}"
        return Receipt(carrier_id, match.keys, state, final, recipient, code, report.done_at, raw)
