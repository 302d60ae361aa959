"""A picture says what the store and the live parts say, is taken once for all, and shows no number whole."""

import json
import re
import time

import pytest
from page_stage import Stage
from records import Instead

from gateway.listeners.http.page.picture import LAST, OptOutsToday, Pictures
from gateway.stores import rows
from gateway.stores.optout_table import Act

DAY = 86_400_000


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with Stage(tmp_path_factory.mktemp("stage")) as running:
        running.all_up()
        running.trouble()
        running.until(lambda: running.app.queue.count == 1250 + 87)  # the OTPs have left by the modem
        yield running


@pytest.fixture
def pictures(stage):
    return stage.call(lambda: Pictures(stage.app))


def queries(stage, monkeypatch):
    """The SQL that is asked from now on."""
    asked, query = [], stage.app.store.query

    async def counted(sql, arguments=()):
        asked.append(sql)
        return await query(sql, arguments)

    monkeypatch.setattr(stage.app, "store", Instead(stage.app.store, query=counted))
    return asked


def test_many_who_look_ask_the_store_once(stage, pictures, monkeypatch):
    import asyncio

    asked = queries(stage, monkeypatch)

    async def look():
        return await asyncio.gather(*(pictures.now() for _ in range(100)))

    seen = stage.run(look())
    assert all(view is seen[0] for view in seen)
    assert len(asked) <= 5
    before = len(asked)
    time.sleep(0.01)
    assert stage.run(pictures.now(0.001)) is not seen[0]
    assert len(asked) - before == 2  # the last messages, and opt-outs since the last look


def test_worst_first_with_cause_and_remedy(stage, pictures):
    view = stage.run(pictures.now())
    assert view["bearers"][0]["name"] == "sfr"
    first = view["bearers"][0]
    assert first["state"] == "down"
    assert "link.lost" in first["detail"] or "connect.failed" in first["detail"]
    assert first["remedy"]
    alarm = next(alarm for alarm in view["alarms"] if alarm["id"] == "bearer.sfr")
    assert (alarm["why"], alarm["remedy"], alarm["since"]) == (
        first["detail"],
        first["remedy"],
        first["since"],
    )


def test_the_fallback_by_kind(stage, pictures):
    (route,) = stage.run(pictures.now())["routes"]
    assert route["fallen"]
    assert {tuple(way["kinds"]): way["bearers"] for way in route["ways"]} == {
        ("otp", "alert"): ["sim"], ("transactional", "marketing"): [],
    }  # fmt: skip


def test_what_waits_is_what_the_store_has(stage, pictures):
    view = stage.run(pictures.now())
    kinds = {name: kind["count"] for name, kind in view["waiting"]["kinds"].items()}
    stored = dict(stage.run(stage.app.store.query("SELECT kind, count(*) FROM backlog GROUP BY kind")))
    assert (kinds["transactional"], kinds["marketing"]) == (stored[2], stored[3]) == (87, 1250)
    assert view["waiting"]["kinds"]["marketing"]["held"] == 1250
    assert [hold["flow"]["tag"] for hold in view["holds"]] == ["soldes"]


def test_the_last_messages_are_the_newest_and_no_number_is_whole(stage, pictures):
    view = stage.run(pictures.now())
    newest = [
        str(row[0])
        for row in stage.run(stage.app.store.query(f"SELECT id FROM message ORDER BY id DESC LIMIT {LAST}"))
    ]
    assert [message["id"] for message in view["messages"]] == newest
    # Eleven digits, and no more: those of a message's id are eighteen.
    assert not re.search(r"(?:\+|(?<![0-9]))33[67][0-9]{8}(?![0-9])", json.dumps(view))


def test_since_when_an_operator_disabled_a_bearer(stage, pictures):
    from gateway.control.acts import ACTS

    async def link(act):
        await ACTS["link"](stage.app, {"name": "orange", "act": act}, "page:ops", None)

    stage.call(pictures.look)
    time.sleep(0.05)
    before = stage.app.clock.wall_ms()
    stage.run(link("disable"))
    try:
        view = stage.run(pictures.now())
        orange = next(found for found in view["bearers"] if found["name"] == "orange")
        assert (orange["state"], orange["detail"]) == ("disabled", "by page:ops")
        from datetime import datetime

        assert datetime.fromisoformat(orange["since"]).timestamp() * 1000 >= before - 1
    finally:
        stage.run(link("enable"))


def test_opt_outs_of_today_are_numbers_and_count_on(stage):
    now = stage.app.clock.wall_ms()
    midnight = now - 3_600_000

    def write(*acts):
        """(act, scope, number, how long ago)"""
        made = [
            Act(act, scope, f"+3360000{key:04d}", key, now - ago, "mo:36180", "STOP")
            for act, scope, key, ago in acts
        ]
        values = [
            (a.at, a.act, stage.app.store.number(a.scope), a.key, a.number, a.source, a.evidence, None, None)
            for a in made
        ]

        async def put():
            await stage.app.store.write_rows(rows.INSERT_OPTOUT_ACT, values)

        stage.run(put())

    write(("stop", "account:shop", 1, 2 * DAY), ("stop", "account:shop", 2, DAY))
    today = OptOutsToday()
    assert stage.run(today.count(stage.app, midnight)) == {}
    write(
        ("stop", "account:shop", 3, 60_000),
        ("stop", "short_code:36180", 3, 60_000),
        ("start", "account:shop", 1, 30_000),
    )
    assert stage.run(today.count(stage.app, midnight)) == {"stop": 1, "start": 1}
    write(("stop", "account:shop", 4, 0), ("add", "account:shop", 5, 0))
    assert stage.run(today.count(stage.app, midnight)) == {"stop": 2, "start": 1, "add": 1}
    assert stage.run(OptOutsToday().count(stage.app, midnight)) == {"stop": 2, "start": 1, "add": 1}
    assert stage.run(today.count(stage.app, now + DAY)) == {}
