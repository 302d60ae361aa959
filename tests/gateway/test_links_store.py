"""What a driver hears when the store ends while the disk refuses: NotStored, and nothing that looks like a fault of ours."""

import asyncio
import sqlite3

import pytest
from core import core

from drivers.bearer import NotStored


class FullDisk:
    """A connection to a database that can take nothing more."""

    in_transaction = False

    def __init__(self, real):
        self.close = real.close

    def execute(self, sql):
        raise sqlite3.OperationalError("database or disk is full")


def test_a_receipt_that_a_closing_store_refuses_is_not_stored(tmp_path):
    """The carrier must hear "again", without an error in the log: found by the storm, docs/reliability.md."""

    async def story():
        async with core(tmp_path) as gw:
            told = gw.a.receipt("nobody's")
            writes = gw.store._scribe._transactions
            writes._db = FullDisk(writes._db)
            await gw.store._writer.close()
            with pytest.raises(NotStored, match="full"):
                await told

    asyncio.run(story())
