"""Suppressed numbers on disk: what one row holds after several strikes, and when it may be dropped."""

from making import NOW, opened, run

from gateway.stores.suppressed_table import FOR_EVER, Strike, SuppressedTable

NUMBER = "+33612345678"


def strike(key=7, at=NOW, strikes=1, **fields):
    given = {"number": NUMBER, "until": at + 100, "reason": "unknown", "source": "receipt"} | fields
    return Strike(key, given.pop("number"), at, given.pop("until"), strikes, **given)


def test_strikes_add_up_and_the_newest_is_the_evidence(tmp_path):
    async def story():
        async with opened(tmp_path / "db") as store:
            table = SuppressedTable(store)
            assert table.first_end() == FOR_EVER
            await table.write([strike(bearer="a", code="3/1", message=5)])
            await table.write([strike(at=NOW + 9, bearer="b", code="3/1", message=6)])
            await table.write([strike(at=NOW + 10)])
            row = (7, NUMBER, NOW, NOW + 10, NOW + 110, 3, "unknown", "b", "3/1", 6, "receipt")
            assert await table.page(None, -(2**63), 9) == [row]
            assert await table.page(7, 0, 9) == [row]
            assert await table.page(8, 0, 9) == []
            assert list(table.all()) == [[(7, 3)]]
            assert (table.strikes(7), table.strikes(8)) == (3, -1)
            assert table.first_end() == NOW + 110

    run(story())


def test_an_operators_word_stays(tmp_path):
    async def story():
        async with opened(tmp_path / "db") as store:
            table = SuppressedTable(store)
            await table.write([strike()])
            await table.write(
                [strike(strikes=0, at=NOW + 1, until=NOW + 900, reason="by hand", source="ops")]
            )
            await table.write([strike(at=NOW + 2, code="3/1")])
            ((_, _, since, last, until, strikes, reason, _, code, _, source),) = await table.page(
                None, -(2**63), 9
            )
            assert (since, last, until, strikes, reason, code, source) == (
                NOW, NOW + 2, NOW + 900, 0, "by hand", "3/1", "ops",
            )  # fmt: skip

    run(story())


def test_a_row_that_was_struck_later_or_lasts_longer_is_not_dropped(tmp_path):
    async def story():
        async with opened(tmp_path / "db") as store:
            table = SuppressedTable(store)
            await table.write([strike(key=-4), strike(key=5, at=NOW + 50)])
            await table.drop([-4, 5], before=NOW + 10)
            assert list(table.all()) == [[(5, 1)]]
            assert table.ended(NOW + 149, 9) == []
            assert table.ended(NOW + 150, 9) == [5]
            await table.drop([5], ended=NOW + 149)
            assert list(table.all()) == [[(5, 1)]]
            await table.drop([5])
            assert list(table.all()) == []

    run(story())
