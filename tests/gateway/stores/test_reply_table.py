"""Answers that wait on disk: there with what asked for them, in order, and gone once dropped."""

from making import NOW, opened, run

from gateway.stores.reply_table import Reply, ReplyTable


def told(table):
    return [
        (r.id, r.account, r.source, r.destination, r.data_coding, r.payload, r.until) for r in table.all()
    ]


def test_what_is_put_is_there_after_a_restart_until_it_is_dropped(tmp_path):
    async def story():
        rows = [
            (2, "bank", "36180", "+33600000002", 8, b"\x00a", NOW),
            (1, "shop", "36180", "+33600000001", 0, b"a", NOW),
        ]
        async with opened(tmp_path / "db") as store:
            table = ReplyTable(store)
            assert table.batches([]) == ()
            await store.write_many(table.batches([Reply(*row) for row in rows]))
            assert told(table) == sorted(rows)
        async with opened(tmp_path / "db") as store:
            table = ReplyTable(store)
            assert told(table) == sorted(rows)
            table.drop(table.all()[0])
            await store.flush()
            assert told(table) == rows[:1]

    run(story())
