"""A GroupWriter on a file of one table, carried out in the loop or by a process of its own."""

import asyncio
import sqlite3
from contextlib import asynccontextmanager

from making import LOOPS, run

from gateway.stores.apart import ProcessScribe
from gateway.stores.files import APPLICATION_ID, connect
from gateway.stores.scribe import LoopScribe
from gateway.stores.transactions import Shapes, Transactions
from gateway.stores.writer import GroupWriter

INSERT, UPDATE, DELETE = range(3)
SQL = (
    "INSERT INTO t (id, text) VALUES (?, ?)",
    "UPDATE t SET text=? WHERE id=? AND text=?",
    "DELETE FROM t WHERE id=?",
)


class Desk:
    """A writer, what it said, and short words for what tests do with it."""

    def __init__(self, scribe):
        self.scribe = scribe
        self.mismatches = []
        self.health = []
        self.order = []
        self.writer = GroupWriter(scribe, lambda s, row: self.mismatches.append((s, row)), self.health.append)

    def write(self, *rows, insist=True, name=None, apart=False):
        """rows: (statement, row); the outcome's name is noted in `order` when it is known."""
        unit = self.writer.unit(insist)
        unit.apart = apart
        for statement, row in rows:
            unit.add(statement, [row])
        future = self.writer.write(unit)
        if name is not None:
            future.add_done_callback(lambda f: self.order.append((name, type(f.exception()).__name__)))
        return future

    def put(self, number, text="a", **how):
        return self.write((INSERT, (number, text)), **how)

    @property
    def pid(self):
        """Of the process that writes."""
        return getattr(self.scribe, "pid", 0)

    @property
    def stored(self):
        other = sqlite3.connect(self.path)
        try:
            return dict(other.execute("SELECT id, text FROM t ORDER BY id"))
        finally:
            other.close()


SCRIBES = ("loop", "process")


@asynccontextmanager
async def desk_on(path, scribe="loop"):
    shapes = Shapes(SQL, frozenset({UPDATE}))
    db = connect(path)
    db.execute(f"PRAGMA application_id={APPLICATION_ID}")
    db.execute("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT")
    db.execute("CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT")
    with path.with_suffix(".lock").open("a+") as lock:
        if scribe == "loop":
            made = Desk(LoopScribe(Transactions(db, shapes), 500))
        else:
            db.close()
            made = Desk(ProcessScribe(path, shapes, lock))
        made.path = path
        try:
            yield made
        finally:
            await made.writer.close()
            await made.scribe.close()


def desk(scenario, tmp_path, scribe="loop", loop=LOOPS[0]):
    async def main():
        async with desk_on(tmp_path / "w.db", scribe) as made:
            await asyncio.wait_for(scenario(made), 20)

    run(main(), loop)
