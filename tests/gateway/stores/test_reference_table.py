"""The side tables of references: two take turns by day."""

import asyncio

from making import NOW, message, opened

from gateway.stores.reference_table import DAY_MS, ReferenceTable


def test_two_days_are_kept_and_the_third_empties_the_first(tmp_path):
    async def story():
        async with opened(tmp_path / "db") as store:
            await store.admit([message(n, reference=f"r{n}") for n in (1, 2, 3)])
            table = ReferenceTable(store)
            assert table.find("shop", ["r1"]) == {}
            assert [known[2][0] for known in table.unfiled()] == [1, 2, 3]
            await table.file([("shop", "r1", 1)], NOW)
            await table.file([("shop", "r2", 2)], NOW + DAY_MS)
            assert set(table.find("shop", ["r1", "r2", "r3"])) == {"r1", "r2"}
            await table.file([("shop", "r3", 3)], NOW + 2 * DAY_MS)
            assert set(table.find("shop", ["r1", "r2", "r3"])) == {"r2", "r3"}
            assert table.find("bank", ["r2"]) == {}
            assert ReferenceTable(store).unfiled() == []

    asyncio.run(story())


def test_what_was_filed_is_found_by_the_next_process(tmp_path):
    async def story():
        async with opened(tmp_path / "db") as store:
            await store.admit([message(n, reference=f"r{n}") for n in (1, 2)])
            await ReferenceTable(store).file([("shop", "r1", 1)], NOW)
        async with opened(tmp_path / "db") as store:
            table = ReferenceTable(store)
            assert table.find("shop", ["r1"]) == {"r1": (1, "+33612345678", b"hello")}
            assert [reference for _, reference, _ in table.unfiled()] == ["r2"]

    asyncio.run(story())


def test_the_newest_message_of_a_reference_counts(tmp_path):
    async def story():
        async with opened(tmp_path / "db") as store:
            await store.admit([message(n, reference="r") for n in (1, 2)])
            table = ReferenceTable(store)
            await table.file([("shop", "r", 1)], NOW)
            await table.file([("shop", "r", 2)], NOW + DAY_MS)
            assert table.find("shop", ["r"])["r"][0] == 2

    asyncio.run(story())
