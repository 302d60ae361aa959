"""A statement for many rows does what executemany does, row by row: on the real schema, for every hot statement."""

import sqlite3
from pathlib import Path

import pytest

from gateway.stores import files, rows
from gateway.stores.wide import SIZES, wide

AT = 1_763_800_000_000


def fresh(path: Path) -> sqlite3.Connection:
    db = files.connect(path)
    files.migrate(db, path)
    ids = range(1, 9)
    db.execute("BEGIN")
    plain = [(i, 12, 1, 1, 0, "36180", f"+3361{i}", 0, b"x", 1, 1, 0, 2, AT, 3, 1, b"") for i in ids]
    db.executemany(rows.STATEMENTS[rows.INSERT_PLAIN], plain)
    db.execute("UPDATE message SET error='8', reason='retry' WHERE id<=4")
    return db


CASES = {
    rows.INSERT_PLAIN: [
        (i, 12, 1, 1, 0, "36180", "+33612345678", 0, b"a\0b", 1, 1, 0, 2, AT, 3, 1, b"")
        for i in range(20, 28)
    ],
    rows.INSERT_REFERENCED: [
        (i, 10, 1, 1, 0, "36180", "+33612345678", 8, b"", 1, 1, 0, 2, AT, 0, 0, b"", f"r{i}")
        for i in range(20, 28)
    ],
    rows.TAKE_MESSAGE: [(12, 4, 2, i, 12) for i in range(1, 9)],
    rows.ACCEPT_MESSAGE: [(1, f"c{i}", AT + i, i, 12) for i in range(1, 9)],
    rows.END_MESSAGE: [(2, AT + i, i, 12 if i != 5 else 1) for i in range(1, 9)],
    rows.INSERT_BACKLOG: [(1, 3, 0, 1, "tag", AT, i % 5, 0, 0) for i in range(1, 9)],
    rows.INSERT_RECEIPT: [(1, i, 0, i, 2, AT) for i in range(1, 9)],
    rows.PUT_REFERENCE_0: [(1, f"r{i % 3}", i) for i in range(1, 9)],
    rows.PUT_REFERENCE_1: [(1, f"r{i}", i) for i in range(1, 9)],
}


def test_every_statement_that_is_made_wide_is_tried_here():
    assert CASES.keys() == rows.WIDE


@pytest.mark.parametrize("statement", sorted(CASES))
def test_many_at_once_is_the_same_as_one_by_one(tmp_path, statement):
    values = CASES[statement]
    one, many = fresh(tmp_path / "one.db"), fresh(tmp_path / "many.db")
    changed = one.executemany(rows.STATEMENTS[statement], values).rowcount
    at_once = many.execute(
        wide(rows.STATEMENTS[statement], len(values)), [v for row in values for v in row]
    ).rowcount
    assert at_once == changed > 0
    assert list(one.iterdump()) == list(many.iterdump())


def test_one_message_named_twice_is_changed_once_so_that_the_guard_sees_it(tmp_path):
    db = fresh(tmp_path / "db")
    twice = [(2, AT, 1, 12), (2, AT + 1, 1, 12)]
    found = db.execute(wide(rows.STATEMENTS[rows.END_MESSAGE], 2), [v for row in twice for v in row])
    assert found.rowcount == 1


@pytest.mark.parametrize(
    "sql", ["DELETE FROM outbox WHERE account=? AND seq=?", "INSERT INTO a VALUES (?) ON CONFLICT DO NOTHING"]
)
def test_other_shapes_are_not_made_wide(sql):
    with pytest.raises(ValueError, match="no statement for many rows"):
        wide(sql, 2)


def test_sizes_fall():
    assert list(SIZES) == sorted(SIZES, reverse=True)
    assert SIZES[-1] > 1
