"""Who wrote last to whom: what is kept for SIMs, and what the messages tell."""

from making import message, opened, run

from gateway.lifecycle import Cause
from gateway.stores.writer_table import WriterTable


def test_the_newest_writer_of_a_number_is_kept_until_it_is_dropped(tmp_path):
    async def story():
        async with opened(tmp_path / "db") as store:
            table = WriterTable(store)
            table.put([("sim1", -7, "shop", 3), ("sim1", 8, "shop", 2), ("sim2", -7, "bank", 1)])
            table.put([("sim1", 8, "bank", 4)])
            await store.flush()
            assert table.all() == [("sim2", -7, "bank", 1), ("sim1", -7, "shop", 3), ("sim1", 8, "bank", 4)]
            table.drop([("sim1", -7), ("sim2", 9)])
            await store.flush()
            assert table.all() == [("sim2", -7, "bank", 1), ("sim1", 8, "bank", 4)]

    run(story())


def test_messages_that_a_carrier_took_tell_the_newest_ones_in_order(tmp_path):
    async def story():
        async with opened(tmp_path / "db") as store:
            made = [message(n, destination=f"+3360000000{n}") for n in range(1, 6)]
            await store.admit(made)
            await store.apply([m.advance(Cause.TAKE) for m in made[:4]])
            for m in made[:4]:
                m.carrier_id, m.sent_at = str(m.id), 5
            await store.apply([m.advance(Cause.ACCEPT) for m in made[:4]])
            table = WriterTable(store)
            assert table.sent(3) == [(n, "shop", f"+3360000000{n}") for n in (2, 3, 4)]
            assert [row[0] for row in table.sent(100)] == [1, 2, 3, 4]

    run(story())
