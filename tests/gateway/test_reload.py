"""A new file in a running gateway: only the difference, all of it or nothing, and nobody loses a message."""

import asyncio

import pytest
from raw_esme import RawEsme, until
from reloading import running

from gateway.config import ConfigError
from gateway.lifecycle import State
from gateway.reload import ReloadRefused

STUBBORN = '''
"""A driver that does not open."""
from drivers.simulated import Settings

def open(name, settings, state):
    raise OSError("no such modem: /dev/ttyUSB7")
'''


def test_nothing_changed_is_nothing_done(tmp_path):
    async def story():
        async with running(tmp_path) as gw:
            roads = dict(gw.app.dispatcher.roads)
            assert await gw.reload() == {}
            assert gw.app.dispatcher.roads == roads

    asyncio.run(story())


def test_live_keys_are_in_force_at_once_and_every_session_stays(tmp_path):
    async def story():
        async with running(tmp_path) as gw:
            esme, bearer, throttle = await gw.esme(), gw.road("sim").bearer, gw.road("sim").throttle
            changed = await gw.reload(
                ("max_waiting = 1000", "max_waiting = 7"),
                ('level = "info"', 'level = "warning"'),
                ("rate = 1000", 'rate = 500\nkinds = ["otp", "transactional"]\nretry = { tries = 9 }'),
                ('senders = ["36180"]', 'senders = ["36180"]\nmax_segments = 2\nwindow = 9'),
            )
            assert changed == {
                "store.max_waiting": "live", "log.level": "live", "bearers.sim.rate": "live", "bearers.sim.kinds": "live",
                "bearers.sim.retry.tries": "live", "accounts.shop.max_segments": "live", "accounts.shop.window": "live",
            }  # fmt: skip
            road, shop = gw.road("sim"), gw.app.accounts.get("shop")
            assert (gw.app.intake.max_waiting, road.throttle.rate, road.tries) == (7, 500, 9)
            assert (shop.max_segments, shop.window) == (2, 9)
            assert [bind.transport.session.window.size for bind in gw.app.smpp.binds()] == [9]
            assert (road.bearer, road.throttle) == (bearer, throttle)
            esme.submit()
            await esme.given(1)
            assert esme.end is None

    asyncio.run(story())


def test_a_change_of_its_link_binds_that_bearer_anew_and_no_other(tmp_path):
    async def story():
        async with running(tmp_path) as gw:
            esme = await gw.esme()
            sim, spare, throttle = gw.road("sim").bearer, gw.road("spare").bearer, gw.road("sim").throttle
            assert await gw.reload(('latency = "1ms"', 'latency = "2ms"')) == {
                "bearers.sim.link.latency": "rebind"
            }
            assert gw.road("sim").bearer is not sim
            assert gw.road("spare").bearer is spare
            assert gw.road("sim").throttle is throttle, (
                "the last second counts, whichever connection it left by"
            )
            await gw.up("sim")
            esme.submit(5)
            await esme.given(5)
            assert (esme.end, {status for _, status, _ in esme.answers}) == (None, {0})

    asyncio.run(story())


def test_what_was_under_way_at_a_rebind_is_answered_first(tmp_path):
    async def story():
        async with running(tmp_path) as gw:
            await gw.reload(
                ('latency = "1ms"', 'latency = "300ms"'), ('receipt_delay = "1ms"', 'receipt_delay = "1m"')
            )
            await gw.up("sim")
            esme = await gw.esme()
            esme.submit(5)
            await esme.answered(5)
            await until(lambda: len(gw.road("sim").unanswered) == 5)
            await gw.reload(('latency = "300ms"', 'latency = "1ms"'))
            states = "SELECT DISTINCT state, tries FROM message"
            await until(lambda: gw.app.store.read(states) == [(State.ENROUTE, 1)])

    asyncio.run(story())


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("port = ", "enquire_link = 11\nport = ", r"listeners\.smpp\.enquire_link"),
        ("[store]", 'name = "other"\n[store]', r"gateway\.name"),
        ("[store]", '[control]\nsocket = "other.sock"\n[store]', r"control\.socket"),
        ("max_waiting = 1000", 'url = "sqlite:other.db"', r"store\.url"),
    ],
)
def test_what_needs_a_restart_refuses_all_of_it(tmp_path, old, new, key):
    async def story():
        async with running(tmp_path) as gw:
            before, bearer = gw.app.config, gw.road("sim").bearer
            with pytest.raises(
                ReloadRefused, match=rf"^a restart is needed for: {key}.*Nothing was changed$"
            ):
                await gw.reload(
                    (old, new), ("rate = 1000", "rate = 9"), ('latency = "1ms"', 'latency = "2ms"')
                )
            assert gw.app.config is before
            assert (gw.road("sim").throttle.rate, gw.road("sim").bearer) == (1000, bearer)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("rate = 1000", "rate = -1", r"bearers\.sim\.rate"),
        ('bearers = ["sim"]', 'bearers = ["nobody"]', "nobody"),
        ("[routes.all]", "[routes.all", "TOML|toml"),
    ],
)
def test_a_bad_file_keeps_the_old(tmp_path, old, new, fault):
    async def story():
        async with running(tmp_path) as gw:
            esme, before = await gw.esme(), gw.app.config
            with pytest.raises(ConfigError, match=fault):
                await gw.reload((old, new), ("rate = 5", "rate = 6"))
            assert gw.app.config is before
            assert gw.road("spare").throttle.rate == 5
            esme.submit()
            await esme.given(1)
            assert await gw.reload((new, old)) == {"bearers.spare.rate": "live"}  # mended, it is taken

    asyncio.run(story())


def test_a_driver_that_does_not_open_leaves_everything_untouched(tmp_path, monkeypatch):
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "stubborn.py").write_text(STUBBORN)
    monkeypatch.syspath_prepend(tmp_path)

    async def story():
        async with running(tmp_path) as gw:
            before, roads, rules = gw.app.config, dict(gw.app.dispatcher.roads), gw.app.rules
            with pytest.raises(OSError, match="/dev/ttyUSB7"):
                await gw.reload(
                    ('[bearers.spare]\ndriver = "simulated"', '[bearers.spare]\ndriver = "acme.stubborn"'),
                    ('latency = "1ms"', 'latency = "2ms"'),
                    ("max_waiting = 1000", "max_waiting = 7"),
                    ('senders = ["36180"]', 'senders = ["36180"]\nrate = 3'),
                )
            assert gw.app.config is before
            assert gw.app.dispatcher.roads == roads
            assert (gw.app.intake.max_waiting, gw.app.rules, gw.app.accounts.get("shop").rate) == (
                1000,
                rules,
                2000,
            )
            assert all(road.open for road in roads.values())

    asyncio.run(story())


def test_bearers_come_and_go(tmp_path):
    async def story():
        async with running(tmp_path) as gw:
            new = '[bearers.third]\ndriver = "simulated"\nrate = 7\n[routes.all]\nbearers = ["third"]'
            changed = await gw.reload(
                ('[routes.all]\nbearers = ["sim"]', new),
                ('[bearers.spare]\ndriver = "simulated"\nrate = 5\n', ""),
            )
            assert changed == {"bearers.spare": "live", "bearers.third": "live", "routes.all.bearers": "live"}
            assert set(gw.app.dispatcher.roads) == {"sim", "third"}
            await gw.up("third")
            esme = await gw.esme()
            esme.submit()
            await esme.given(1)
            assert gw.road("third").accepted == 1

    asyncio.run(story())


def test_an_account_removed_is_dismissed_and_may_come_back(tmp_path):
    async def story():
        async with running(tmp_path) as gw:
            shop, bank = await gw.esme(), await gw.esme(b"bank")
            table = '[accounts.bank]\npassword = "secret"\ndefault_kind = "otp"\nsenders = ["BANK"]\n'
            assert await gw.reload((table, "")) == {"accounts.bank": "live"}
            assert (await bank.ended())[0] == "peer_unbound"
            refused = await RawEsme.bound(gw.app.smpp.port, system_id=b"bank")
            gw.esmes.append(refused)
            assert (refused.session.bind_status, shop.end) == (0x0D, None)
            await gw.reload(("[bearers.sim]", table + "[bearers.sim]"))
            assert (await gw.esme(b"bank")).session.bind_status == 0

    asyncio.run(story())


def test_a_new_password_is_asked_of_who_binds_next(tmp_path):
    async def story():
        async with running(tmp_path) as gw:
            bound = await gw.esme()
            await gw.reload(('[accounts.shop]\npassword = "secret"', '[accounts.shop]\npassword = "another"'))
            refused = await RawEsme.bound(gw.app.smpp.port, system_id=b"shop")
            gw.esmes.append(refused)
            assert (refused.session.bind_status, bound.end) == (0x0D, None)
            await gw.esme(password=b"another")

    asyncio.run(story())


def test_routes_change_under_a_backlog(tmp_path):
    async def story():
        async with running(tmp_path) as gw:
            await gw.reload(("rate = 1000", "rate = 0.01"))
            esme = await gw.esme()
            esme.submit(6)
            await esme.answered(6)
            await until(lambda: gw.app.queue.count == 5)
            await gw.reload(
                ('[routes.all]\nbearers = ["sim"]', '[routes.new]\nbearers = ["spare"]'),
                ("rate = 5", "rate = 100"),
            )
            await esme.given(6)
            assert (gw.road("sim").accepted, gw.road("spare").accepted) == (1, 5)
            assert gw.app.queue.count == 0

    asyncio.run(story())


def test_weights_change_under_a_backlog(tmp_path):
    async def story():
        async with running(tmp_path) as gw:
            await gw.reload(("rate = 1000", "rate = 0.01"))
            shop, bank = await gw.esme(), await gw.esme(b"bank")
            shop.submit(9)
            await shop.answered(9)
            bank.submit(9, sender="BANK", service_type=b"TRANS")
            await bank.answered(9)
            await until(lambda: gw.app.queue.count == 17)
            await gw.reload(
                ('default_kind = "otp"', 'default_kind = "otp"\nweight = 8'), ("rate = 0.01", "rate = 9")
            )
            count = "SELECT count(*) FROM message WHERE source=? AND tries>0"

            def left():
                return [gw.app.store.read(count, (name,))[0][0] for name in ("36180", "BANK")]

            await until(lambda: sum(left()) >= 9)
            ours, theirs = left()
            assert theirs >= 3 * ours - 3, (ours, theirs)  # one of ours had left before

    asyncio.run(story())


def test_a_link_that_an_operator_disabled_stays_so(tmp_path):
    async def story():
        async with running(tmp_path) as gw:
            road = gw.road("sim")
            road.disabled, road.health.enabled = "anna: cable work", False
            await gw.reload(("rate = 1000", "rate = 999"))
            assert gw.road("sim").disabled == "anna: cable work"
            await gw.reload(('latency = "1ms"', 'latency = "2ms"'))
            fresh = gw.road("sim")
            assert fresh is not road
            assert (fresh.disabled, fresh.health.enabled, fresh.open) == ("anna: cable work", False, False)
            esme = await gw.esme()
            esme.submit()
            await esme.answered(1)
            await until(lambda: fresh.health.up)
            assert (gw.app.queue.count, fresh.accepted) == (1, 0)

    asyncio.run(story())


# ── a reload beside other things ─────────────────────────────────────────────────────────────────────────────
def test_two_reloads_at_once_are_one_after_the_other(tmp_path):
    """Two that close the same bearer would take away the one that came after it, with what that one has sent."""

    async def story():
        async with running(tmp_path) as gw:
            closing = slowly(gw, 0.1)
            gw.edit('latency = "1ms"', 'latency = "2ms"')
            first = asyncio.ensure_future(gw.app.reload())
            await until(lambda: closing == ["sim"])
            gw.edit('latency = "2ms"', 'latency = "3ms"')
            both = await asyncio.gather(first, gw.app.reload())
            assert [change["key"] for changes in both for change in changes] == [
                "bearers.sim.link.latency"
            ] * 2
            assert closing == ["sim"], "the second has closed what the first had opened"
            await gw.up("sim", "spare")
            assert links() == ["bearer sim", "bearer spare"]
            assert gw.app.config.bearers["sim"].link.latency == 0.003

    asyncio.run(story())


def test_a_reload_while_it_stops_opens_nothing(tmp_path):
    async def story():
        async with running(tmp_path) as gw:
            closing = slowly(gw, 0.5)
            gw.edit('latency = "1ms"', 'latency = "2ms"')
            under_way = asyncio.ensure_future(gw.app.reload())
            await until(lambda: closing == ["sim"])
            await gw.app.stop(0.1)
            assert await under_way
            with pytest.raises(ValueError, match="the gateway is stopping"):
                await gw.app.reload()
            assert links() == []

    asyncio.run(story())


def slowly(gw, seconds):
    """The bearer "sim" takes so long to give its last answers; an entry for each who has asked for them."""
    begun, bearer = [], gw.road("sim").bearer

    async def drain(_):
        begun.append("sim")
        await asyncio.sleep(seconds)

    bearer.drain = drain
    return begun


def links():
    names = (task.get_name() for task in asyncio.all_tasks())
    return sorted(name for name in names if name.startswith("bearer "))


def test_what_is_bound_anew_goes_on_in_its_outage(tmp_path):
    """A route that has fallen keeps its lower tier through a reload that gives the better one a new password."""

    async def story():
        async with running(tmp_path) as gw:
            health = gw.road("sim").health
            health.moved(False, "link.lost", gw.app.clock.now() - 100)
            health.down_since -= 100
            health.replaced.add(("all", 0))
            await gw.reload(('latency = "1ms"', 'latency = "2ms"'))
            fresh = gw.road("sim").health
            assert fresh is not health
            assert (fresh.down_since, fresh.replaced) == (health.down_since, {("all", 0)})

    asyncio.run(story())
