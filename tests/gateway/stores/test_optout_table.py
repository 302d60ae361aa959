"""Opt-outs on disk: what holds, what proves it, and the key without which nothing is found."""

import sqlite3
import stat

import pytest
from making import NOW, message, opened, run

from gateway.model import Kind
from gateway.stores.optout_table import Act, OptOutTable, load_key
from gateway.stores.store import StoreError

SHORT = "short_code:36180"


def act(what, scope=SHORT, key=7, number="+33612345678", at=NOW, **fields):
    return Act(what, scope, number, key, at, "mo:36180", 'first-word "stop" (fr)', **fields)


def active(table):
    return dict(table.active())


def test_what_holds_outlives_the_process(tmp_path):
    async def story():
        async with opened(tmp_path / "db") as store:
            table = OptOutTable(store)
            assert not table.in_use
            await table.write(
                [
                    act("stop"),
                    act("stop", key=-9),
                    act("add", "global", 3),
                    act("review", "account:x", 5, until=NOW + 1),
                ]
            )
        async with opened(tmp_path / "db") as store:
            table = OptOutTable(store)
            assert table.in_use
            assert active(table) == {SHORT: [-9, 7], "global": [3]}
            assert (table.reviews(NOW), table.reviews(NOW + 1)) == ([(5, NOW + 1)], [])
            assert await table.counts() == {SHORT: 2, "global": 1}

    run(story())


def test_the_first_proof_stays_and_a_withdrawal_has_its_own(tmp_path):
    async def story():
        async with opened(tmp_path / "db") as store:
            table = OptOutTable(store)
            await table.write(
                [
                    act("stop", confirmed=NOW),
                    act("stop", at=NOW + 5),
                    act("review", at=NOW + 6, until=NOW + 9),
                ]
            )
            rows = await table.page("", None, (0, 0), 9)
            assert [(r[2], r[4], r[5]) for r in rows] == [(SHORT, 1, NOW)]
            assert table.confirmed_at(SHORT, 7) == NOW
            await table.write([act("start", at=NOW + 7)])
            assert active(table) == {}
            assert await table.page("", None, (0, 0), 9) == []
            assert [(at, what) for at, what, *_ in await table.story(7)] == [
                (NOW, "stop"), (NOW + 5, "stop"), (NOW + 6, "review"), (NOW + 7, "start"),
            ]  # fmt: skip
            assert table.scopes_of(7, "mo:36180") == [SHORT]
            assert table.scopes_of(7, "mo:36181") == []

    run(story())


def test_stop_and_start_of_one_commit_keep_their_order(tmp_path):
    async def story():
        async with opened(tmp_path / "db") as store:
            table = OptOutTable(store)
            last = [table.write([act(what)]) for what in ("stop", "start", "stop")][-1]
            await last
            assert active(table) == {SHORT: [7]}

    run(story())


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM optout_act",
        "UPDATE optout_act SET at=0",
        "UPDATE optout_act SET number='+1', raw=NULL",
        "UPDATE optout_act SET evidence='', number=NULL, raw=NULL",
    ],
)
def test_proofs_cannot_be_changed_only_erased(tmp_path, sql):
    async def story():
        async with opened(tmp_path / "db") as store:
            await OptOutTable(store).write([act("stop", mo=4, raw="STOP")])
        with sqlite3.connect(tmp_path / "db") as db:
            with pytest.raises(sqlite3.IntegrityError, match="append only"):
                db.execute(sql)
            db.execute("UPDATE optout_act SET number=NULL, raw=NULL")
            db.execute("UPDATE optout SET number=NULL")
        async with opened(tmp_path / "db") as store:
            assert active(OptOutTable(store)) == {SHORT: [7]}

    run(story())


def test_pages_follow_each_other_whatever_the_sign_of_a_key(tmp_path):
    async def story():
        async with opened(tmp_path / "db") as store:
            table = OptOutTable(store)
            keys = [1 - 2**63, -5, 0, 5, 2**63 - 1]
            await table.write([act("add", scope, key) for scope in (SHORT, "global") for key in keys])
            assert active(table) == {SHORT: keys, "global": keys}
            seen, after = [], (0, 0)
            while page := await table.page("", None, after, 3):
                seen += [(row[2], row[1]) for row in page]
                after = page[-1][:2]
            assert seen == [(scope, key) for scope in (SHORT, "global") for key in keys]
            assert [row[2] for row in await table.page("global", 5, (0, 0), 9)] == ["global"]

    run(story())


def test_who_wrote_last_and_what_waits(tmp_path):
    async def story():
        async with opened(tmp_path / "db") as store:
            table = OptOutTable(store)
            assert table.last_writer("+33612345678") == ""
            await store.admit([
                message(1, account="first"), message(2, account="second", kind=Kind.MARKETING),
                message(3, destination="+33600000001", kind=Kind.MARKETING), message(4, destination="+33600000002"),
            ])  # fmt: skip
            assert table.last_writer("+33612345678") == "second"
            assert sorted(await table.waiting(["+33612345678", "+33600000001", "+33600000002"])) == [2, 3]

    run(story())


def test_the_key_is_made_once_and_for_its_owner(tmp_path):
    path = tmp_path / "deep" / "hmac.key"
    key = load_key(path, in_use=False)
    assert (len(key), stat.S_IMODE(path.stat().st_mode)) == (32, 0o600)
    assert load_key(path, in_use=True) == key


def test_a_lost_or_foreign_key_stops_a_store_that_has_opt_outs(tmp_path):
    path = tmp_path / "hmac.key"

    async def story():
        async with opened(tmp_path / "db") as store:
            table = OptOutTable(store)
            table.key_of(path)
            path.write_bytes(bytes(32))
            assert table.key_of(path) == bytes(32)  # nothing depends on it yet
            await table.write([act("stop")])
            path.write_bytes(bytes(31) + b"x")
            with pytest.raises(StoreError, match="not the key with which"):
                table.key_of(path)
            path.write_bytes(b"short")
            with pytest.raises(StoreError, match="32 octets, this file 5"):
                table.key_of(path)
            path.unlink()
            with pytest.raises(StoreError, match="put it back from a backup"):
                table.key_of(path)
            assert not path.exists()

    run(story())
