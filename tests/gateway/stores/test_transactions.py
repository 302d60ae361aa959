"""One transaction on a connection: what stands, what is refused, and what is not even tried."""

import sqlite3

import pytest

from gateway.stores.transactions import LAST, Shapes, Transactions

INSERT, UPDATE = range(2)
SHAPES = Shapes(
    ("INSERT INTO t (id, text) VALUES (?,?)", "UPDATE t SET text=? WHERE id=? AND text=?"),
    frozenset({UPDATE}),
)


class Weary:
    """A connection whose next COMMITs fail."""

    def __init__(self, db):
        self._db = db
        self.failures = 0

    def execute(self, sql, *values):
        if sql == "COMMIT" and self.failures:
            self.failures -= 1
            raise sqlite3.OperationalError("disk I/O error")
        return self._db.execute(sql, *values)

    def __getattr__(self, name):
        return getattr(self._db, name)


@pytest.fixture
def db():
    made = Weary(sqlite3.connect(":memory:", isolation_level=None))
    made.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT")
    made.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT")
    yield made
    made.close()


def put(*numbers):
    return [(INSERT, [(n, "a") for n in numbers])]


def stored(db):
    return [row[0] for row in db.execute("SELECT id FROM t ORDER BY id")]


def mark(db):
    found = db.execute("SELECT value FROM meta WHERE key=?", (LAST,)).fetchone()
    return found and found[0]


def test_units_share_a_transaction_and_its_mark(db):
    verdict = Transactions(db, SHAPES).carry_out([put(1, 2), put(3)], probe=False, follows=False, mark="m-1")
    assert (verdict.why, verdict.refused, verdict.unexpected) == ("", {}, [])
    assert stored(db) == [1, 2, 3]
    assert mark(db) == "m-1"


def test_a_refused_unit_is_named_and_marked_and_leaves_nothing(db):
    writes = Transactions(db, SHAPES)
    stale = [(UPDATE, [("b", 1, "not this")])]
    verdict = writes.carry_out([put(1), put(2, 1), stale, put(3)], probe=False, follows=False, mark="m-1")
    assert list(verdict.refused) == [1]
    assert "UNIQUE" in verdict.refused[1]
    assert verdict.unexpected == [(UPDATE, ("b", 1, "not this"))]
    assert stored(db) == [1, 3]
    assert mark(db) == "m-1 1"


def test_what_is_unexpected_in_a_refused_unit_is_not_told(db):
    writes = Transactions(db, SHAPES)
    both = [(UPDATE, [("b", 9, "a")]), *put(None)]
    both[1] = (INSERT, [(5, None)])
    verdict = writes.carry_out(
        [put(1), sorted(both, key=lambda line: -line[0])], probe=False, follows=False, mark=""
    )
    assert list(verdict.refused) == [1]
    assert verdict.unexpected == []


def test_when_all_are_refused_nothing_is_committed(db):
    writes = Transactions(db, SHAPES)
    verdict = writes.carry_out([[(INSERT, [(1, None)])]], probe=False, follows=False, mark="m-1")
    assert list(verdict.refused) == [0]
    assert not writes.open
    assert mark(db) is None


def test_what_follows_one_that_the_disk_refused_is_not_done(db):
    """Its rows may be about those that are not there."""
    writes = Transactions(db, SHAPES)
    db.failures = 1
    first = writes.carry_out([put(1)], probe=False, follows=False, mark="m-1")
    assert "disk I/O error" in first.why
    assert writes.carry_out([put(2)], probe=False, follows=True, mark="m-2").why == first.why
    assert writes.carry_out([], probe=False, follows=True, mark="m-3").why == first.why
    assert stored(db) == []
    assert mark(db) is None
    assert writes.carry_out([put(1), put(2)], probe=False, follows=False, mark="m-4").why == ""
    assert writes.carry_out([put(3)], probe=False, follows=True, mark="m-5").why == ""
    assert stored(db) == [1, 2, 3]


def test_a_refused_row_halts_nobody(db):
    writes = Transactions(db, SHAPES)
    writes.carry_out([put(1)], probe=False, follows=False, mark="")
    assert list(writes.carry_out([put(1)], probe=False, follows=False, mark="").refused) == [0]
    assert writes.carry_out([put(2)], probe=False, follows=True, mark="").refused == {}
    assert stored(db) == [1, 2]


def test_a_batch_of_nothing_asks_nothing_of_the_disk(db):
    db.failures = 1
    writes = Transactions(db, SHAPES)
    assert writes.carry_out([[], []], probe=False, follows=False, mark="m-1").why == ""
    assert mark(db) is None
    assert "I/O" in writes.carry_out([], probe=True, follows=False, mark="m-2").why  # a probe does
