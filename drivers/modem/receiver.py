"""The incoming side of a modem: which memories to look at, telling the gateway, deleting what it has.

Promises: nothing is deleted before the gateway has it durably; while it stores, the modem goes on sending. What
it can't store stays in the modem, and is told again after a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from drivers.bearer import Event, NotStored
from drivers.modem import answers, storage
from drivers.modem.answers import Unreadable
from drivers.modem.at import Urc
from drivers.modem.books import Books
from drivers.modem.commands import At
from drivers.modem.facts import Facts
from drivers.modem.line import Line
from drivers.modem.mailbox import Brought, Mailbox

__all__ = ["Receiver"]

Tell = Callable[[Sequence[Event]], Awaitable[None]]


class Receiver:
    """See the module. dirty: memories to be looked at. again_at: when what was not stored is told again, on
    `clock`; 0.0 for nothing.
    """

    def __init__(
        self,
        line: Line,
        at: At,
        mailbox: Mailbox,
        tell: Tell,
        wake: Callable[[], None],
        clock: Callable[[], float],
        again: float,
    ) -> None:
        self.dirty: set[str] = set()
        self.again_at = 0.0
        self.one_by_one = False
        self._line = line
        self._at = at
        self._mailbox = mailbox
        self._tell = tell
        self._wake = wake
        self._clock = clock
        self._again = again
        self._names: list[str] = []  # stored by the gateway, not yet written down by us
        self._straight: list[Urc] = []  # what no memory has: there is no second chance but ours

    @property
    def pending(self) -> bool:
        """Whether work() has something to do now."""
        due = 0 < self.again_at <= self._clock()
        return bool(self.dirty or self._straight or due or any(self._mailbox.gone.values()))

    def heard(self, urc: Urc, facts: Facts | None) -> bool:
        """Whether a URC was about messages."""
        line = urc.line
        if line.startswith(("+CMT:", "+CDS:")):
            if urc.pdu:
                self._straight.append(urc)
        elif line.startswith(("+CMTI:", "+CDSI:")):
            named = answers.quoted(line)
            known = facts is not None and (not facts.arguments or named in facts.reads)
            self.dirty.update([named] if known and named else facts.reads if facts is not None else [])
        elif line.startswith(("^SMMEMFULL", "+SMMEMFULL", "%SMMEMFULL")):
            self.sweep(facts)
        else:
            return line.startswith("+CBM:")
        self._wake()
        return True

    def sweep(self, facts: Facts | None) -> None:
        """Look at every memory: URCs are lost when one is full, or while the modem restarts."""
        if facts is not None:
            self.dirty.update(facts.reads)

    async def work(self, facts: Facts, books: Books) -> None:
        """Delete what may go, then read what is new and tell it. Raises what playing raises."""
        if self._names:
            names = list(self._names)
            await books.stored(names)
            del self._names[: len(names)]
        for memory in [memory for memory, places in self._mailbox.gone.items() if places]:
            await self._delete(facts, memory)
        if 0 < self.again_at <= self._clock():
            self.again_at = 0.0
            self.bring(self._mailbox.again())
        straight, self._straight = self._straight, []
        for urc in straight:
            self.bring(self._mailbox.straight(_length(urc), urc.pdu))
        for memory in facts.reads:
            if memory in self.dirty:
                self.dirty.discard(memory)  # before: what comes while it is read is not in the list
                found = await self._line.play(storage.read_all(self._at, facts, memory, self.one_by_one))
                self.bring(self._mailbox.take(memory, found))  # at once: what comes next may fail
        self.dirty.intersection_update(facts.reads)
        if facts.reads and facts.selected not in ("", facts.reads[0]):
            await self._line.play(storage.select(self._at, facts, facts.reads[0]))

    async def _delete(self, facts: Facts, memory: str) -> None:
        places = self._mailbox.gone[memory]
        wanted = {index: place.pdu for index, place in places.items()}
        doubt = self._line.dialogue.owes
        gone = await self._line.play(storage.delete(self._at, facts, memory, wanted, doubt))
        self._mailbox.deleted(memory, gone)
        for index in wanted:
            places.pop(index, None)  # refused: the next look at this memory tries again

    def bring(self, brought: Sequence[Brought]) -> None:
        """Tell the gateway; what follows is done when it has answered."""
        if brought:
            future = asyncio.ensure_future(self._tell([each.event for each in brought]))
            future.add_done_callback(partial(self._told, list(brought)))

    def _told(self, brought: list[Brought], future: asyncio.Future[None]) -> None:
        if future.cancelled():
            self._mailbox.not_stored(brought)
            return
        error = future.exception()
        if error is None:
            self._names += self._mailbox.stored(brought)
        else:
            self._mailbox.not_stored(brought)
            self.again_at = self._clock() + self._again
            if not isinstance(error, NotStored):
                self._wake()
                raise error  # the gateway's own fault: the loop reports it
        self._wake()


def _length(urc: Urc) -> int | None:
    try:
        return answers.pdu_header(urc.line)
    except Unreadable:  # the PDU has its own lengths
        return None
