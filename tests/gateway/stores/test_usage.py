"""Sums of what was used: what adds to them, and what a row says in SQL that a message says in Python."""

import asyncio

from making import NOW, message, opened

from gateway import answers
from gateway.lifecycle import Cause, State
from gateway.model import EPOCH_MS
from gateway.stores.usage import NEVER_LEFT, QUARTER_MS, usage_rows

FIRST = (NOW - EPOCH_MS) << 22


def test_the_store_says_of_a_row_what_we_say_of_a_message(tmp_path):
    """never_left, in both its languages."""

    async def story():
        async with opened(tmp_path / "db") as store:
            errors = [
                "",
                "027",
                "0400",
                *[answers.own_error(n) for n in range(0x401, 0x40B)],
                "0411",
                "04011",
                "99",
            ]
            states = [s for s in State if s is not State.NEW]
            cases = [(s, e, at, n) for s in states for e in errors for at in (0, 5) for n in (0, 1)]
            made = [message(n, None) for n in range(1, len(cases) + 1)]
            for m, (state, error, sent_at, tries) in zip(made, cases, strict=True):
                m.state, m.error, m.tries = state, error, tries
                m.done_at = sent_at
            await store.admit(made)
            for m in made:  # a new message has no sent_at
                store._scribe._transactions._db.execute(
                    "UPDATE message SET sent_at=? WHERE id=?", (m.done_at or None, m.id)
                )
            unsent = {row[0] for row in store.read(f"SELECT id FROM message WHERE {NEVER_LEFT}")}
            assert unsent == {m.id for m in made if answers.never_left(m.state, m.error, m.done_at, m.tries)}
            assert 0 < len(unsent) < len(made)

    asyncio.run(story())


def test_a_batch_within_a_quarter_is_one_row():
    number = {"shop": 1, "bank": 2}.__getitem__
    quarter = NOW // QUARTER_MS
    batch = [message(FIRST + n, parts=n) for n in (1, 2, 3)]
    assert usage_rows(batch, number) == [(1, quarter, 6)]
    assert usage_rows(batch, number, -1) == [(1, quarter, -6)]
    later = message(FIRST + (QUARTER_MS << 22))
    assert usage_rows([batch[0], later], number) == [(1, quarter, 1), (1, quarter + 1, 1)]
    assert usage_rows([batch[0], message(FIRST, account="bank")], number) == [
        (1, quarter, 1),
        (2, quarter, 1),
    ]


def test_a_sum_shares_the_fate_of_its_messages(tmp_path):
    async def story():
        async with opened(tmp_path / "db") as store:
            first, second = (message(FIRST + n, parts=2) for n in (1, 2))
            await store.admit([first, second])
            assert [row[2] for row in store.read("SELECT * FROM usage")] == [4]
            second.parts = 5
            await store.replace(second)
            assert [row[2] for row in store.read("SELECT * FROM usage")] == [7]
            await store.apply([first.advance(Cause.CANCEL)])
            assert [row[2] for row in store.read("SELECT * FROM usage")] == [5]
            twice = message(second.id)  # the store refuses it: the id is taken
            failed = store.admit([twice])
            await asyncio.wait([failed])
            assert failed.exception() is not None
            assert [row[2] for row in store.read("SELECT * FROM usage")] == [5]

    asyncio.run(story())
