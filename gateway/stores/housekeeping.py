"""What time asks of the store: which messages are over, and what is old enough to be wiped or dropped.

In slices of ids, which rise with time: no index is needed to forget, and neither loop nor writer is held.
"""

from __future__ import annotations

from gateway.stores import rows
from gateway.stores.sqlite import SqliteStore
from gateway.stores.usage import QUARTER_MS

__all__ = ["Housekeeping"]

_OVERDUE = (
    "SELECT id FROM message INDEXED BY message_awaits_receipt WHERE state IN (1, 7) AND carrier_id IS NOT NULL"
    " AND state=1 AND bearer=? AND sent_at<? LIMIT ?"
)
_OVERDUE_PARTS = (
    "SELECT DISTINCT a.message FROM attempt a INDEXED BY attempt_awaits_receipt JOIN message m ON m.id=a.message"
    " WHERE a.state IN (1, 7) AND a.carrier_id IS NOT NULL AND a.state=1 AND a.part>=0 AND a.bearer=?"
    " AND a.sent_at<? AND m.state=1 LIMIT ?"
)
_AWAITED = (
    "SELECT DISTINCT bearer FROM message INDEXED BY message_awaits_receipt WHERE state IN (1, 7)"
    " AND carrier_id IS NOT NULL AND state=1 UNION SELECT DISTINCT bearer FROM attempt"
    " INDEXED BY attempt_awaits_receipt WHERE state IN (1, 7) AND carrier_id IS NOT NULL AND state=1"
)
_USAGE_MS = 62 * 86_400_000
_SLICE = "SELECT max(id) FROM (SELECT id FROM message WHERE id>=? AND id<? ORDER BY id LIMIT 1000)"


class Housekeeping:
    """See the module. Ids given as `upto` are the first that stay."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    async def expired(self, now_ms: int, limit: int) -> list[int]:
        """Waiting messages whose validity is over."""
        sql = "SELECT id FROM backlog WHERE expires>0 AND expires<=? LIMIT ?"
        return [row[0] for row in await self._store.query(sql, (now_ms, limit))]

    async def overdue(self, bearer: str, sent_before: int, limit: int) -> list[int]:
        """Messages whose receipt, or that of a part, has not come from this bearer."""
        arguments = (self._store.number(bearer), sent_before, limit)
        found = await self._store.query(_OVERDUE, arguments)
        found += await self._store.query(_OVERDUE_PARTS, arguments)
        return [row[0] for row in found[:limit]]

    async def awaited(self) -> set[str]:
        """The bearers from which receipts are outstanding, also those that are gone from the configuration."""
        return {self._store.name(row[0]) for row in await self._store.query(_AWAITED)}

    async def wipe_texts(self, upto: int, otp_upto: int) -> None:
        """Texts of ended messages and of replies; orphans, which hold the network's copy. OTPs have their own time.

        What is older and still waits is wiped when it ends.
        """
        self._store.wipe_before = upto
        await self._in_slices(rows.WIPE_OTP_TEXTS, max(upto, otp_upto), "otp_texts_wiped_to")
        await self._in_slices(rows.WIPE_TEXTS, upto, "texts_wiped_to")
        await self._store.write_many([(rows.WIPE_MO_TEXTS, [(upto,)]), (rows.DELETE_ORPHANS, [(upto,)])])
        self._store.wiped = True

    async def drop_messages(self, upto: int) -> None:
        """Ended messages, their tries, and replies."""
        await self._in_slices(rows.DELETE_ATTEMPTS, upto, "attempts_dropped_to")
        await self._in_slices(rows.DELETE_MESSAGES, upto, "messages_dropped_to")
        await self._store.write_rows(rows.DELETE_MOS, [(upto,)])

    async def drop_usage(self, now_ms: int) -> None:
        """Sums that no quota asks for any more: those of the month before last."""
        await self._store.write_rows(rows.DELETE_USAGE, [((now_ms - _USAGE_MS) // QUARTER_MS,)])

    async def drop_notes(self, account: str, upto: int) -> int:
        """Notes that an application did not fetch in time; how many."""
        number = self._store.number(account)
        found = await self._store.query(
            "SELECT count(*) FROM outbox WHERE account=? AND seq<?", (number, upto)
        )
        count = int(found[0][0])
        if count:
            await self._store.write_rows(rows.DELETE_NOTES_UNTIL, [(number, upto)])
        return count

    async def _in_slices(self, statement: int, upto: int, mark: str) -> None:
        begin = int(self._store.meta(mark) or 0)
        while begin < upto:
            last = (await self._store.query(_SLICE, (begin, upto)))[0][0]
            end = upto - 1 if last is None else last
            await self._store.write_many(
                [(statement, [(begin, end)]), (rows.PUT_META, [(mark, str(end + 1))])]
            )
            begin = end + 1
