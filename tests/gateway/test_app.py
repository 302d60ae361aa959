"""The whole of it, over a socket: start, serve, reload, stop, and begin again where it ended."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from raw_esme import RawEsme, receipted_id, until
from records import Instead

from gateway.app import App
from gateway.config import load_config
from gateway.lifecycle import State
from gateway.reload import ReloadRefused, apply

TOML = """
[gateway]
state_dir = "{path}"
[store]
min_free_disk = "1MB"
[listeners.smpp]
port = {port}
[accounts.shop]
password = "secret"
default_kind = "transactional"
senders = ["36180"]
mo = ["36180"]
window = 5
max_binds = 2
{shop}
[bearers.sim]
driver = "simulated"
rate = {rate}
[bearers.sim.link]
latency = "5ms"
receipt_delay = "5ms"
{more}
[routes.{route}]
bearers = ["{bearer}"]
"""


def config(path, **fields):
    given = {"path": path, "port": fields.pop("port", 2775), "shop": "", "rate": 1000, "more": "", "route": "all",
             "bearer": "sim"} | fields  # fmt: skip
    file = path / "gateway.toml"
    file.write_text(TOML.format(**given))
    file.chmod(0o600)
    return load_config(file, {})


@asynccontextmanager
async def running(made):
    app = App(made)
    await app.start()
    try:
        yield app
    finally:
        await app.stop(0.5)


class Mute(RawEsme):
    """Answers no deliver_sm."""

    def __init__(self, **options):
        super().__init__(**options)
        self.status = None


def bound(app, **options):
    return RawEsme.bound(app.smpp.port, system_id=b"shop", **options)


def test_a_message_s_whole_way(tmp_path, free_port):
    async def story():
        async with running(config(tmp_path, port=free_port)) as app:
            esme = await bound(app)
            assert esme.session.bind_status == 0
            esme.submit(3)
            answers = await esme.answered(3)
            await esme.given(3)
            assert {a[1] for a in answers} == {0}
            assert sorted(receipted_id(sm) for sm in esme.delivered) == sorted(a[2] for a in answers)
            await until(lambda: app.store.read("SELECT count(*) FROM outbox") == [(0,)])
            esme.close()

    asyncio.run(story())


def test_refusals_are_answers_and_the_window_holds(tmp_path, free_port):
    async def story():
        async with running(config(tmp_path, port=free_port)) as app:
            esme = await bound(app)
            esme.submit(8)
            answers = await esme.answered(8)
            assert [a[1] for a in answers].count(0x58) == 3
            esme.submit(sender="99999")
            esme.submit(to="36180", text=b"x")
            found = await esme.answered(10)
            assert found[8][1] == 0x0A
            assert esme.end is None
            wrong = await bound(app, password=b"guess")
            assert wrong.session.bind_status == 0x0D
            second, third = await bound(app), await bound(app)
            assert (second.session.bind_status, third.session.bind_status) == (0, 0x0D)
            for each in (esme, second):
                each.close()
            await until(lambda: app.accounts.get("shop").bound == 0)

    asyncio.run(story())


def test_receipts_wait_for_who_was_away_and_are_given_until_answered(tmp_path, free_port):
    async def story():
        made = config(tmp_path, port=free_port)
        async with running(made) as app:
            esme = await bound(app, mode="tx")
            esme.submit(3)
            await esme.answered(3)
            await until(lambda: app.store.read("SELECT count(*) FROM outbox") == [(3,)])
            esme.close()
            mute = await Mute.bound(app.smpp.port, "rx", b"shop")
            await mute.given(3)
            mute.close()
            await mute.ended()
        async with running(made) as app:
            rx = await RawEsme.bound(app.smpp.port, "rx", b"shop")
            await rx.given(3)
            await until(lambda: app.store.read("SELECT count(*) FROM outbox") == [(0,)])
            rx.close()

    asyncio.run(story())


def test_reload_changes_what_can_be_changed(tmp_path, free_port):
    async def story():
        async with running(config(tmp_path, port=free_port)) as app:
            esme = await bound(app)
            bearer = app.dispatcher.roads["sim"].bearer
            live = config(tmp_path, port=free_port, rate=50, shop="rate = 7.0")
            changed = await apply(app, live)
            assert sorted(c["effect"] for c in changed) == ["live", "live"]
            assert (app.dispatcher.roads["sim"].throttle.rate, app.accounts.get("shop").rate) == (50, 7.0)
            assert app.dispatcher.roads["sim"].bearer is bearer
            await apply(app, config(tmp_path, port=free_port, more="window = 7"))
            assert app.dispatcher.roads["sim"].bearer is not bearer
            assert esme.end is None
            before = app.config
            with pytest.raises(ReloadRefused, match=r"listeners\.smpp\.port.*Nothing was changed"):
                await apply(app, config(tmp_path, port=free_port + 1, rate=9))
            assert app.config is before
            assert app.dispatcher.roads["sim"].throttle.rate == 1000
            gone = load_config_without_shop(tmp_path, free_port)
            await apply(app, gone)
            await esme.ended()
            assert app.accounts.get("shop") is None

    asyncio.run(story())


def load_config_without_shop(path, port):
    file = path / "gateway.toml"
    file.write_text(TOML.format(path=path, port=port, shop="", rate=1000, more="", route="all", bearer="sim").replace(
        "[accounts.shop]", "[accounts.other]"))  # fmt: skip
    return load_config(file, {})


def test_a_backlog_follows_its_routes(tmp_path, free_port):
    async def story():
        quiet = config(tmp_path, port=free_port, rate=0.01)
        async with running(quiet) as app:
            esme = await bound(app)
            esme.submit(4)
            await esme.answered(4)
            await until(lambda: app.queue.count == 3)
            await apply(app, config(tmp_path, port=free_port, rate=0.01, route="new"))
            assert {flow.key[0] for flow in app.queue.flows() if len(flow)} == {"new"}
            await apply(app, config(tmp_path, port=free_port, route="new"))
            await esme.given(4)
            esme.close()

    asyncio.run(story())


def test_a_start_that_fails_leaves_nothing_open(tmp_path, free_port):
    async def story():
        made = config(tmp_path, port=free_port)
        async with running(made):
            with pytest.raises(Exception, match=r"chappe\.db|in use|lock"):
                await App(made).start()
        async with running(made) as app:
            assert app.store.sick == ""

    asyncio.run(story())


def test_a_tick_that_fails_is_not_the_last(tmp_path, free_port):
    async def story():
        async with running(config(tmp_path, port=free_port, rate=10)) as app:
            real, failed = app.dispatcher, []

            def once():
                failed.append(1)
                app.dispatcher = real
                raise ZeroDivisionError

            app.dispatcher = Instead(real, pump_all=once)
            esme = await bound(app)
            esme.submit(4)
            await esme.answered(4)
            await esme.given(4)
            assert failed
            assert app.store.read("SELECT DISTINCT state FROM message") == [(State.DELIVERED,)]
            esme.close()

    asyncio.run(story())


def test_low_disk_and_drain_close_the_door(tmp_path, free_port):
    async def story():
        async with running(config(tmp_path, port=free_port)) as app:
            app.drained = "by an operator"
            esme = await bound(app)
            esme.submit()
            assert (await esme.answered(1))[0][1] == 0x08
            app.drained, app.lookout.low = "", "10 MB free"
            esme.submit()
            assert (await esme.answered(2))[1][1] == 0x14
            assert "10 MB" not in app._closed()[1]  # our folders are no application's business
            esme.close()

    asyncio.run(story())
