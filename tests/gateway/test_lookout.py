"""What nobody else would notice: bearers that stay away or take nothing, routes on a lower tier, disk, outbox."""

import asyncio
import shutil
from types import SimpleNamespace

import pytest
from core import NOW, core

from drivers.bearer import Remedy
from gateway.alarms import Alarms
from gateway.events import AlarmMoved, FallbackMoved
from gateway.lookout import Lookout
from gateway.model import Kind
from gateway.routing import Route, Router

FREE = 10**9


def looking(gw, path):
    retention = SimpleNamespace(outbox=7 * 86_400)
    config = SimpleNamespace(state_dir=path, store=SimpleNamespace(min_free_disk=FREE, retention=retention))
    alarms = Alarms(gw.bus, gw.clock)
    gw.lookout = Lookout(lambda: config, alarms, gw.bus, gw.clock, gw.outbox, gw.dispatcher)
    gw.events = gw.bus.subscribe("test")
    return alarms


async def passes(gw, seconds):
    await gw.passes(seconds)
    gw.lookout.look()


def heard(gw, kind):
    return [event for event in gw.events._events if isinstance(event, kind)]


def test_a_carrier_that_falls_and_comes_back(tmp_path):
    """One event, one alarm, one line for engaged and for released; flapping in between is not told."""

    async def story():
        async with core(tmp_path, ("a", "b"), tiers=[["a"], ["b"]]) as gw:
            alarms = looking(gw, tmp_path)
            await passes(gw, 11)
            assert not len(alarms)
            gw.a.link(False)
            await passes(gw, 29)
            assert not heard(gw, FallbackMoved)
            await passes(gw, 2)
            assert alarms.standing("fallback") == {"all"}
            assert alarms.standing("bearer") == {"a"}
            await passes(gw, 300)
            gw.a.link(True)
            await passes(gw, 5)
            gw.a.link(False)
            await passes(gw, 1)
            gw.a.link(True)
            await passes(gw, 9)
            moves = [(e.route, e.engaged, e.tier, e.bearers) for e in heard(gw, FallbackMoved)]
            assert moves == [("all", True, 2, ("b",))]
            await passes(gw, 2)
            moves = [(e.route, e.engaged, e.tier, e.bearers) for e in heard(gw, FallbackMoved)]
            assert moves[1:] == [("all", False, 1, ("a",))]
            assert not alarms.standing("fallback")
            raised = [(e.id, e.raised) for e in heard(gw, AlarmMoved) if e.id.startswith("fallback")]
            assert raised == [("fallback.all", True), ("fallback.all", False)]

    asyncio.run(story())


def test_a_route_whose_lower_tier_goes_too_has_not_come_back(tmp_path):
    """No event and no cleared alarm says that all is well while nothing carries anything; a lower tier is another."""

    async def story():
        async with core(tmp_path, ("a", "b", "c"), tiers=[["a"], ["b"], ["c"]]) as gw:
            alarms = looking(gw, tmp_path)
            gw.a.link(False)
            await passes(gw, 31)
            gw.c.link(False)
            gw.b.link(False)
            await passes(gw, 31)
            assert [(e.engaged, e.tier) for e in heard(gw, FallbackMoved)] == [(True, 2)]
            assert alarms.standing("fallback") == {"all"}
            gw.c.link(True)
            await passes(gw, 1)
            (text,) = (alarm.text for alarm in alarms if alarm.id == "fallback.all")
            assert text.startswith("route all uses tier 3 (c)")

    asyncio.run(story())


def test_a_reload_that_takes_the_lower_tier_away_ends_the_fallback(tmp_path):
    async def story():
        async with core(tmp_path, ("a", "b"), tiers=[["a"], ["b"]]) as gw:
            alarms = looking(gw, tmp_path)
            gw.a.link(False)
            await passes(gw, 31)
            gw.dispatcher.router = Router([Route("all", [["a"]])])
            await passes(gw, 1)
            assert [e.engaged for e in heard(gw, FallbackMoved)] == [True, False]
            assert not alarms.standing("fallback")

    asyncio.run(story())


def test_a_bearer_of_two_routes_settles_for_the_one_that_had_replaced_it(tmp_path):
    async def story():
        async with core(tmp_path, ("a", "b"), tiers=[["a"], ["b"]]) as gw:
            looking(gw, tmp_path)
            gw.dispatcher.router = Router([Route("all", [["a"], ["b"]]), Route("only", [["a"]])])
            gw.a.link(False)
            await passes(gw, 31)
            gw.a.link(True)
            await passes(gw, 5)
            assert gw.dispatcher.choices("only", Kind.OTP) == ("a",)
            assert gw.dispatcher.choices("all", Kind.OTP) == ("b",)
            await passes(gw, 6)
            assert gw.dispatcher.choices("all", Kind.OTP) == ("a",)

    asyncio.run(story())


def test_an_alarm_says_in_words_why_a_bearer_is_down(tmp_path):
    async def story():
        async with core(tmp_path, ("a",)) as gw:
            alarms = looking(gw, tmp_path)
            gw.dispatcher.roads["a"].status = {
                "bind/1": {"state": "bound", "detail": "of another time"},
                "bind/2": {"state": "down", "detail": "Connection refused" + "!" * 200},
            }
            gw.a.link(False)
            await passes(gw, 31)
            (alarm,) = alarms
            assert " (Connection refused!!" in alarm.text
            assert len(alarm.text) < 200
            assert alarm.text.endswith("; `chappe links` says what to do")

    asyncio.run(story())


def test_a_bearer_that_takes_nothing_is_sick_and_the_next_tier_is_used(tmp_path):
    async def story():
        async with core(tmp_path, ("a", "b"), tiers=[["a"], ["b"]], road={"tries": 100}) as gw:
            alarms = looking(gw, tmp_path)
            await gw.submit(*(gw.sms(to=f"+3361234567{n}") for n in range(5)))
            for _ in range(6):
                gw.a.refuse(Remedy.RETRY, text="system error")
                await passes(gw, 11)
            assert gw.dispatcher.roads["a"].health.sick == "system error"
            assert heard(gw, FallbackMoved)[0].engaged
            assert "bearer a is sick: system error" in next(iter(alarms)).text
            assert gw.b.seen
            gw.a.refuse(Remedy.RETRY, text="system error")
            await passes(gw, 1)
            gw.dispatcher.roads["a"].health.troubled_at = gw.clock.now()
            gw.dispatcher.health_changed()
            seen = len(gw.a.seen)
            await gw.submit(*(gw.sms(to=f"+3361234500{n}") for n in range(5)))
            assert len(gw.a.seen) == seen, "nothing more goes to the sick one but one probe now and then"
            await passes(gw, 31)
            await gw.submit(*(gw.sms(to=f"+3361234400{n}") for n in range(5)))
            await passes(gw, 1)
            assert len(gw.a.given) == 1, "one at a time is tried"
            assert alarms.standing("fallback")
            gw.a.accept()
            await passes(gw, 1)
            assert not gw.dispatcher.roads["a"].health.sick
            assert not len(alarms)

    asyncio.run(story())


def test_when_both_tiers_have_been_sick_the_one_that_is_well_first_takes_all(tmp_path):
    async def story():
        async with core(tmp_path, ("a", "b"), tiers=[["a"], ["b"]], road={"tries": 100}) as gw:
            looking(gw, tmp_path)
            await gw.submit(*(gw.sms(to=f"+3361234567{n}") for n in range(5)))
            for _ in range(12):
                for bearer in (gw.a, gw.b):
                    bearer.refuse(Remedy.RETRY, text="system error")
                await passes(gw, 11)
            assert [gw.dispatcher.roads[name].health.sick for name in "ab"] == ["system error"] * 2
            for _ in range(10):  # the lower tier takes messages again, the better one does not
                gw.a.refuse(Remedy.RETRY, text="system error")
                gw.b.accept()
                await passes(gw, 31)
            assert not gw.dispatcher.roads["b"].health.sick
            seen = len(gw.b.seen)
            await gw.submit(*(gw.sms(to=f"+3361234400{n}") for n in range(20)))
            await passes(gw, 1)
            assert len(gw.b.seen) >= seen + 19, "all but one that tries the better tier"

    asyncio.run(story())


def test_one_message_that_nobody_wants_makes_no_bearer_sick(tmp_path):
    async def story():
        async with core(tmp_path, road={"tries": 100}) as gw:
            alarms = looking(gw, tmp_path)
            await gw.submit(gw.sms())
            for _ in range(10):
                gw.a.refuse(Remedy.RETRY, text="system error")
                await passes(gw, 700)
            assert not gw.dispatcher.roads["a"].health.sick
            assert not len(alarms)

    asyncio.run(story())


def test_a_kind_that_only_the_second_tier_carries_is_no_fallback(tmp_path):
    async def story():
        async with core(tmp_path, ("a", "b"), tiers=[["a"], ["b"]]) as gw:
            alarms = looking(gw, tmp_path)
            gw.dispatcher.roads["a"].health.kinds = frozenset({Kind.MARKETING})
            await passes(gw, 1)
            assert not len(alarms)
            assert not heard(gw, FallbackMoved)

    asyncio.run(story())


def test_a_disabled_bearer_is_no_alarm_and_a_sim_s_fault_is_one_at_once(tmp_path):
    async def story():
        async with core(tmp_path, ("a", "b")) as gw:
            alarms = looking(gw, tmp_path)
            gw.a.link(False)
            gw.dispatcher.roads["a"].disabled = "root"
            gw.b.link(False, "sim.pin_refused")
            await passes(gw, 60)
            assert alarms.standing("bearer") == {"b"}
            gw.b.link(True)
            await passes(gw, 1)
            assert not len(alarms)

    asyncio.run(story())


@pytest.mark.parametrize(("free", "low"), [(FREE, ""), (FREE - 1, "999 MB free")])
def test_a_disk_that_is_nearly_full(tmp_path, monkeypatch, free, low):
    async def story():
        async with core(tmp_path) as gw:
            monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
            alarms = looking(gw, tmp_path / "not there yet")
            gw.lookout.look()
            assert gw.lookout.low.startswith(low)
            assert bool(gw.lookout.low) is bool(low) is ("disk" in alarms)

    asyncio.run(story())


def test_a_disk_that_cannot_be_looked_at_is_an_alarm_and_no_end_of_looking(tmp_path, monkeypatch):
    def gone(_):
        raise PermissionError(13, "Permission denied")

    async def story():
        async with core(tmp_path, ("a",)) as gw:
            monkeypatch.setattr(shutil, "disk_usage", gone)
            alarms = looking(gw, tmp_path)
            gw.a.link(False)
            await passes(gw, 31)
            assert ("disk" in alarms, "bearer.a" in alarms, gw.lookout.low) == (True, True, "")
            monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=FREE))
            gw.lookout.look()
            assert "disk" not in alarms

    asyncio.run(story())


def test_receipts_that_nobody_fetches(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            alarms = looking(gw, tmp_path)
            day = 86_400_000
            owed = {"shop": (3, NOW)}
            gw.lookout._outbox = SimpleNamespace(counts=lambda: owed)
            await passes(gw, 3 * 86_400)
            assert not len(alarms)
            await passes(gw, 86_400)
            assert alarms.standing("outbox") == {"shop"}
            owed["shop"] = (1, NOW + 3 * day)
            gw.lookout.look()
            assert not len(alarms)

    asyncio.run(story())
