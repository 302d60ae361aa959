"""A reload while the store cannot be read: all of it or nothing, and what waits still finds its route."""

import asyncio
import sqlite3

import pytest
from raw_esme import until
from reloading import running


def test_a_store_that_does_not_tell_what_the_rules_count_leaves_everything_untouched(tmp_path):
    async def story():
        async with running(tmp_path) as gw:
            app = gw.app
            before, rules = app.config, app.rules
            quota = (
                'senders = ["36180"]',
                'senders = ["36180"]\nrate = 3\n[accounts.shop.quota]\nsegments_per_day = 2',
            )
            app.store._reader.set_authorizer(lambda *_: sqlite3.SQLITE_DENY)
            with pytest.raises(sqlite3.DatabaseError):
                await gw.reload(quota, ("max_waiting = 1000", "max_waiting = 7"))
            app.store._reader.set_authorizer(None)
            assert (app.config, app.rules, app.intake.rules) == (before, rules, rules)
            assert (app.intake.max_waiting, app.accounts.get("shop").rate) == (1000, 2000)
            await gw.reload()
            esme = await gw.esme()
            esme.submit(3)
            await esme.answered(3)
            assert [answer[1] for answer in esme.answers].count(0) == 2
            assert app.counters.usage["shop"]

    asyncio.run(story())


def test_routes_change_though_the_store_cannot_be_read_for_a_moment(tmp_path):
    async def story():
        async with running(tmp_path) as gw:
            await gw.reload(("rate = 1000", "rate = 0.01"))
            esme = await gw.esme()
            esme.submit(3)
            await esme.answered(3)
            await until(lambda: gw.app.queue.count == 2)
            tries = []

            def once(_action, table, *_):
                if table != "backlog" or tries:
                    return sqlite3.SQLITE_OK
                tries.append(table)
                return sqlite3.SQLITE_DENY

            await gw.app.store.query("SELECT 1")
            await gw.app.store._aio.set_authorizer(once)
            await gw.reload(
                ('[routes.all]\nbearers = ["sim"]', '[routes.new]\nbearers = ["spare"]'),
                ("rate = 5", "rate = 100"),
            )
            await esme.given(3)
            assert (len(tries), gw.road("spare").accepted) == (1, 2)

    asyncio.run(story())
