"""A store from every older schema, under today's program: no row lost, none read otherwise, and the day goes on.

The stores are frozen in tests/vectors/stores, as SQL: a schema that is out is never changed, only followed.
"""

import asyncio
import random
import sqlite3
import time
from collections import Counter
from contextlib import closing

import frozen_stores as frozen
import pytest
from peers.process import free_port

from drivers.smpp.simulator import SimulatedCarrier
from gateway import control_client
from gateway.answers import never_left
from gateway.app import App
from gateway.cli.application import Application
from gateway.config import load_config
from gateway.lifecycle import State
from gateway.model import EPOCH_MS
from gateway.stores import files
from gateway.stores.usage import QUARTER_MS

OLDER = sorted(int(path.stem) for path in frozen.FOLDER.glob("*.sql"))
CONFIG = """
[gateway]
name = "upgraded"
state_dir = "."
[store]
min_free_disk = "1MB"
[listeners.smpp]
port = {port}
[accounts.shop]
password = "secret08"
default_kind = "transactional"
senders = ["CHAPPE", "36180"]
mo = ["36180"]
brand = "Chappe"
[bearers.carrier]
driver = "smpp"
rate = 100
[bearers.carrier.link]
host = "127.0.0.1"
port = {carrier}
system_id = "chappe"
password = "secret08"
[routes.default]
bearers = ["carrier"]
[rules.hours]
profile = "none"
"""


class ThatDay:
    """A clock that starts at the stores' moment: whatever their rows wait for is still to come."""

    def __init__(self):
        self._start = time.monotonic()

    def now(self):
        return time.monotonic()

    def wall_ms(self):
        return frozen.MOMENT + int((time.monotonic() - self._start) * 1000)


def contents(path):
    """{table: rows as sets of (column, value)}: a later schema may add columns, not change one."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type='table'")]
        found = {}
        for table in tables:
            cursor = db.execute(f"SELECT * FROM {table}")
            columns = [column[0] for column in cursor.description]
            found[table] = [frozenset(zip(columns, row, strict=True)) for row in cursor]
        return found


# ── the schema ───────────────────────────────────────────────────────────────────────────────────────────
def test_every_schema_before_the_newest_is_frozen():
    wanted = list(range(1, files.SCHEMA_VERSION))
    assert [number for number in wanted if number not in OLDER] == [], "see frozen_stores.py"


@pytest.mark.parametrize("schema", [number for number in OLDER if number < files.SCHEMA_VERSION])
def test_a_frozen_schema_is_what_the_scripts_still_make(schema, tmp_path):
    """Who changes a script that is out changes what its stores are believed to be."""
    frozen.thaw(schema, tmp_path / "old.db")
    with closing(sqlite3.connect(tmp_path / "old.db")) as old, closing(sqlite3.connect(":memory:")) as made:
        for script in files._scripts()[:schema]:
            made.executescript(script)
        sql = "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name"
        assert old.execute(sql).fetchall() == made.execute(sql).fetchall()


@pytest.mark.parametrize("schema", OLDER)
def test_the_frozen_stores_have_rows_in_every_table_and_messages_in_every_state(schema, tmp_path):
    frozen.thaw(schema, tmp_path / "old.db")
    found = contents(tmp_path / "old.db")
    assert [table for table, rows in found.items() if not rows] == []
    states = {dict(row)["state"] for row in found["message"]}
    assert states == set(State) - {State.NEW}


@pytest.mark.parametrize("schema", OLDER)
def test_no_row_is_lost_and_no_value_changes(schema, tmp_path):
    path = tmp_path / "chappe.db"
    frozen.thaw(schema, path)
    before = contents(path)
    with closing(files.connect(path)) as db:
        assert files.migrate(db, path) == (schema, files.SCHEMA_VERSION)
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    after = contents(path)
    for table, rows in before.items():
        columns = {column for column, _ in rows[0]}
        kept = [
            frozenset((column, value) for column, value in row if column in columns) for row in after[table]
        ]
        assert sorted(map(sorted_row, kept)) == sorted(map(sorted_row, rows)), table


@pytest.mark.parametrize("schema", OLDER)
def test_what_was_used_of_quotas_is_summed_up(schema, tmp_path):
    path = tmp_path / "chappe.db"
    frozen.thaw(schema, path)
    with closing(files.connect(path)) as db:
        files.migrate(db, path)
        expected = Counter()
        columns = "id, account, parts, state, coalesce(error, ''), coalesce(sent_at, 0), coalesce(tries, 0)"
        for message_id, account, parts, *ended in db.execute(f"SELECT {columns} FROM message"):
            if not never_left(State(ended[0]), *ended[1:]):
                expected[account, ((message_id >> 22) + EPOCH_MS) // QUARTER_MS] += parts
        assert {(row[0], row[1]): row[2] for row in db.execute("SELECT * FROM usage")} == expected
        assert len(expected) > 0


def sorted_row(row):
    return sorted((column, repr(value)) for column, value in row)


# ── the day goes on ──────────────────────────────────────────────────────────────────────────────────────
class Upgraded:
    """A gateway on such a store, its carrier, and its application, which is bound from the start."""

    def __init__(self, folder):
        self.folder = folder
        self.socket = folder / "control.sock"

    async def __aenter__(self):
        self.carrier = SimulatedCarrier()
        config = CONFIG.format(port=(port := free_port()), carrier=await self.carrier.start())
        (self.folder / "gateway.toml").write_text(config, encoding="utf-8")
        self.app = App(load_config(self.folder / "gateway.toml", {}), ThatDay(), random.Random(7))
        await self.app.start()
        self.owed = self.app.outbox.counts().get("shop", (0, 0))[0]
        self.shop = Application(lambda given: None)
        await self.shop.bind(port, "shop", "secret08")
        return self

    async def __aexit__(self, *_):
        self.shop.leave()
        await self.app.stop(0.0)
        await self.carrier.stop()

    async def ask(self, verb, **args):
        return await asyncio.to_thread(control_client.call, self.socket, verb, args)

    async def until(self, true):
        deadline = time.monotonic() + 10
        while not (found := true()):
            assert time.monotonic() < deadline, "waited in vain"
            await asyncio.sleep(0.01)
        return found

    async def state(self, number):
        (found,) = await self.app.store.query(
            "SELECT state FROM message WHERE id=?", (frozen.message_id(number),)
        )
        return State(found[0])

    async def becomes(self, number, state):
        deadline = time.monotonic() + 10
        while (now := await self.state(number)) is not state:
            assert time.monotonic() < deadline, f"message {number} is {now.name}"
            await asyncio.sleep(0.01)


@pytest.fixture(params=OLDER, ids=[f"schema {number}" for number in OLDER])
def store(request, tmp_path):
    frozen.thaw(request.param, tmp_path / "chappe.db")
    return request.param, tmp_path


def test_the_day_goes_on(store):
    """What waits leaves, what is held stays, what was in doubt is sent again, what is owed arrives, what is
    asked for is found.
    """
    schema, folder = store

    async def story():
        async with Upgraded(folder) as gateway:
            assert gateway.owed == 3
            for number in (10, 11, 12):  # queued, queued with its UDH, in doubt
                await gateway.becomes(number, State.DELIVERED)
            stay = [await gateway.state(number) for number in (1, 9, 14)]  # 14: its tag is on hold
            assert stay == [State.SCHEDULED, State.HELD, State.QUEUED]
            ends = [await gateway.state(number) for number in (3, 4, 5, 6, 7, 8)]
            assert ends == [State(number) for number in (2, 3, 4, 5, 7, 8)]

            await gateway.until(lambda: len(gateway.shop.given) >= 6)  # 3 that were owed, 3 of today
            receipts = [given.receipt for given in gateway.shop.given if given.receipt is not None]
            assert {frozen.message_id(number) for number in (3, 6, 10, 11, 12)} <= {
                int(r.id) for r in receipts
            }
            assert "Merci" in [given.text for given in gateway.shop.given]

            (found,) = await gateway.ask("find", carrier_id="424242")
            assert found["id"] == str(frozen.message_id(2))
            trace = await gateway.ask("trace", id=str(frozen.message_id(13)))
            assert "1302" in str(trace)
            await gateway.ask("release", ids=[str(frozen.message_id(9))])
            await gateway.becomes(9, State.DELIVERED)
            await lists(gateway, schema)

    asyncio.run(story())


async def lists(gateway, schema):
    """Opt-outs from schema 2 on, numbers out of use from 4, answers not yet sent from 5, consents from 6."""
    app = gateway.app
    assert app.optouts.has("short_code:36180", app.optouts.digest(frozen.STOPPED)) is (schema >= 2)
    assert len(app.suppressions.numbers) == (schema >= 4)
    if schema >= 5:
        await gateway.until(
            lambda: "+33600000020" in [sent.destination for sent in gateway.carrier.submitted]
        )
    assert len(app.consents.kept) == (schema >= 6)


# ── and not the other way ────────────────────────────────────────────────────────────────────────────────
def test_a_restore_takes_a_backup_from_every_schema(store):
    from gateway.stores.restore import put_back

    _, folder = store
    restored = put_back(folder / "chappe.db", folder / "new" / "chappe.db")
    assert (restored.messages, restored.waiting) == (len(frozen.MESSAGES), 5)
