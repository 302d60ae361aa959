"""Who wrote last to whom: what is kept for SIMs, and what the messages tell."""

from making import message, opened, run

from gateway.lifecycle import Cause
from gateway.stores import writer_table
from gateway.stores.writer_table import WriterTable


def test_the_newest_writer_of_a_number_is_kept_until_it_is_dropped(tmp_path):
    async def story():
        async with opened(tmp_path / "db") as store:
            table = WriterTable(store)
            table.put([("sim1", -7, "shop", 3), ("sim1", 8, "shop", 2), ("sim2", -7, "bank", 1)])
            table.put([("sim1", 8, "bank", 4)])
            await store.flush()
            assert table.all() == [("sim2", -7, "bank", 1), ("sim1", -7, "shop", 3), ("sim1", 8, "bank", 4)]
            assert (table.one("sim1", 8), table.one("sim2", 8)) == (("bank", 4), None)
            table.drop([("sim1", -7), ("sim2", 9)])
            await store.flush()
            assert table.all() == [("sim2", -7, "bank", 1), ("sim1", 8, "bank", 4)]

    run(story())


def test_messages_that_a_carrier_took_tell_from_the_newest_on_page_by_page(tmp_path, monkeypatch):
    monkeypatch.setattr(writer_table, "PAGE", 2)

    async def story():
        async with opened(tmp_path / "db") as store:
            made = [message(n, destination=f"+3360000000{n}") for n in range(1, 6)]
            await store.admit(made)
            await store.apply([m.advance(Cause.TAKE) for m in made[:4]])
            for m in made[:4]:
                m.carrier_id, m.sent_at = str(m.id), 5
            await store.apply([m.advance(Cause.ACCEPT) for m in made[:4]])
            table = WriterTable(store)
            pages = list(table.sent())
            assert pages[0] == [(4, "shop", "+33600000004")]  # the newest of all still waits
            assert [[row[0] for row in page] for page in pages] == [[4], [3, 2], [1]]
            monkeypatch.setattr(writer_table, "LOOKED_AT", 4)
            assert [[row[0] for row in page] for page in table.sent()] == [[4], [3, 2]]

    run(story())
