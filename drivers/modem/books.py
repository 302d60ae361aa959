"""What is kept of one SIM over a restart: its quota, the submit under way, references of submits, messages seen.

Few writes: before CTRL-Z one (quota and submit together), after an incoming batch one, and the references once
in a while: a report finds its submit without them, only less surely (references.py).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from drivers.bearer import Segment
from drivers.modem.inbox import Inbox
from drivers.modem.quotas import SimQuota, Taken
from drivers.modem.references import References
from drivers.modem.script import Trouble
from drivers.terms import Quota

__all__ = ["Books"]

Recall = Callable[[str], Awaitable[str]]
Keep = Callable[[str, str], Awaitable[None]]


class Books:
    """Of one SIM. unclear: "message/part" of a submit that a crash left without an answer, "" for none.

    unsettled: references have changed since they were kept.
    """

    def __init__(self, sim: str, imsi: str, quota: Quota, keep: Keep) -> None:
        self.sim = sim
        self.imsi = imsi
        self.quota = SimQuota(sim, quota)
        self.references = References()
        self.inbox = Inbox()
        self.unclear = ""
        self.unsettled = False
        self._keep = keep
        self._taken = Taken(0.0, 0, "", None)

    @classmethod
    async def open(cls, sim: str, imsi: str, quota: Quota, recall: Recall, keep: Keep) -> Books:
        """As the store has them. Raises Trouble: with a quota that can't be read nothing may be sent."""
        books = cls(sim, imsi, quota, keep)
        kept = await recall(f"sim.{sim}")
        try:
            if kept:
                record = json.loads(kept)
                books.quota.load(record["quota"])
                books.unclear = str(record["submitting"])
            for part, text in ((books.references, "references"), (books.inbox, "inbox")):
                stored = await recall(f"{text}.{imsi}")
                if stored:
                    part.load(stored)
        except (ValueError, KeyError, TypeError) as error:
            raise Trouble("store.unreadable", f"{error}: what was kept of SIM {sim} is damaged") from error
        return books

    async def submitting(self, segment: Segment, now: float) -> None:
        """Counted and written down before it may leave. Raises Trouble, and then nothing is counted."""
        self._taken = self.quota.take(segment.destination, 1, now)
        try:
            await self._keep_sim(f"{segment.id}/{segment.part}")
        except Trouble:
            self.give_back()
            raise

    def give_back(self) -> None:
        """The submit under way certainly did not leave: it costs nothing. The next write says so."""
        self.quota.give_back(self._taken)
        self._taken = Taken(0.0, 0, "", None)
        self.unsettled = True

    async def settle(self, under_way: bool) -> None:
        """Once in a while, and before we go: what has not been kept yet. Raises Trouble."""
        if self.unsettled:
            self.unsettled = False
            await self._keep(f"references.{self.imsi}", self.references.dump())
            if not under_way:
                await self._keep_sim("")

    async def stored(self, names: list[str]) -> None:
        """The gateway has these messages durably: from now on they are known when they come again. Raises Trouble."""
        for name in names:
            self.inbox.stored(name)
        await self._keep(f"inbox.{self.imsi}", self.inbox.dump())

    async def _keep_sim(self, submitting: str) -> None:
        record = {"quota": self.quota.dump(), "submitting": submitting}
        await self._keep(f"sim.{self.sim}", json.dumps(record))
