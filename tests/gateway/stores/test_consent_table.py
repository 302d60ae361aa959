"""Proofs of consent on disk: what holds, what led to it, and that nobody rewrites it."""

import sqlite3

import pytest
from making import NOW, opened, run

from gateway.stores.consent_table import GIVEN, REVOKED, ConsentAct, ConsentTable

NUMBER, SHOP = "+33612345678", "account:shop"


def act(
    what, key=7, scope=SHOP, number=NUMBER, reference="form-12", at=NOW, text="I want offers", source="till"
):
    return ConsentAct(what, scope, key, number, at, reference, source, text, "ops")


def test_what_holds_and_what_led_to_it(tmp_path):
    async def story():
        async with opened(tmp_path / "db") as store:
            table = ConsentTable(store)
            await table.write([act("import"), act("add", 8, "brand:Chappe", "", "many")], NOW + 1)
            await table.write([act("revoke", reference="", at=NOW + 5, text="", source="letter")], NOW + 6)
            assert {(scope, state): keys for scope, state, keys in table.all()} == {
                (SHOP, REVOKED): [7], ("brand:Chappe", GIVEN): [8],
            }  # fmt: skip
            assert await table.counts() == {"brand:Chappe": 1}
            ((_, key, scope, number, state, at, reference, source, text),) = await table.page(
                SHOP, None, (0, 0), 9
            )
            assert (key, scope, number, state, at, reference, source, text) == (
                7, SHOP, NUMBER, REVOKED, NOW + 5, "form-12", "letter", None,
            )  # fmt: skip
            assert await table.story(7) == [
                (NOW + 1, NOW, "import", SHOP, "form-12", "till", "I want offers", "ops"),
                (NOW + 6, NOW + 5, "revoke", SHOP, None, "letter", None, "ops"),
            ]
            assert table.same("brand:Chappe", 8, "many", NOW)
            assert not table.same("brand:Chappe", 8, "many", NOW + 1)
            assert not table.same(SHOP, 7, "form-12", NOW + 5)  # it is revoked

    run(story())


def test_pages_follow_each_other(tmp_path):
    async def story():
        async with opened(tmp_path / "db") as store:
            table = ConsentTable(store)
            await table.write([act("add", key) for key in range(-5, 5)], NOW)
            first = await table.page("", None, (0, 0), 6)
            rest = await table.page("", None, first[-1][:2], 6)
            assert [row[1] for row in first + rest] == list(range(-5, 5))
            assert [row[1] for row in await table.page(SHOP, 3, (0, 0), 6)] == [3]

    run(story())


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE consent_act SET number='+33600000000'",
        "UPDATE consent_act SET number=NULL, at=1",
        "UPDATE consent_act SET number=NULL, reference=NULL, text='I never'",
        "DELETE FROM consent_act",
    ],
)
def test_history_is_append_only(tmp_path, sql):
    async def story():
        async with opened(tmp_path / "db") as store:
            await ConsentTable(store).write([act("add")], NOW)
        with (
            sqlite3.connect(tmp_path / "db") as db,
            pytest.raises(sqlite3.IntegrityError, match="append only"),
        ):
            db.execute(sql)
        with sqlite3.connect(tmp_path / "db") as db:  # what erasure may do
            db.execute("UPDATE consent_act SET number=NULL, reference=NULL, text=NULL")

    run(story())
