"""A start with long lists: other kinds leave at once, marketing once it is known who objects; nothing is miscounted."""

import asyncio
import sqlite3
from contextlib import asynccontextmanager

import pytest
from making import message
from peers.process import free_port
from raw_esme import until

import gateway.rulebook
from drivers.bearer import Inbound
from gateway import answers, recall
from gateway.app import App
from gateway.config import load_config
from gateway.control.views import state_of
from gateway.control.waiting import reason_of
from gateway.lifecycle import State
from gateway.model import Kind
from gateway.stores import optout_table
from gateway.stores.optout_table import Act

TOML = """
[gateway]
state_dir = "{path}"
[store]
min_free_disk = "1MB"
[listeners.smpp]
port = {port}
[accounts.shop]
password = "secret08"
default_kind = "marketing"
kinds = ["marketing", "otp"]
senders = ["36180"]
mo = ["36180"]
brand = "Chappe"
stop_number = "36180"
quota = {{ segments_per_day = 8 }}
[bearers.sim]
driver = "simulated"
rate = 1000
[bearers.sim.link]
latency = "1ms"
receipt_delay = "1ms"
[routes.all]
bearers = ["sim"]
[rules]
order = ["stop", "suppress", "consent", "frequency", "quota"]
stop = {{ confirm = false, mention = "off" }}
[rules.frequency.marketing]
messages = 3
per = "7d"
"""
SCOPE = "short_code:36180"
OBJECTED = [f"+3360000000{n}" for n in range(6)]
FREE, LATE = "+33611111111", "+33622222222"
FOREVER = 3_600.0


@asynccontextmanager
async def life(path, closed=False):
    """closed: nothing leaves in this one."""
    file = path / "gateway.toml"
    if not file.exists():
        file.write_text(TOML.format(path=path, port=free_port()))
        file.chmod(0o600)
    app = App(load_config(file, {}))
    await app.start()
    if closed:
        app.dispatcher.bar(frozenset(Kind))
    try:
        yield app
    finally:
        await app.stop(0.5)


class Slow:
    """Reads one slice once the doors are open, and stands still until it is called."""

    def __init__(self, patch):
        self._patch = patch

    def begin(self):
        self._patch.setattr(recall, "AT_ONCE", 0)
        self._patch.setattr(recall, "PAUSE", FOREVER)
        self._patch.setattr(optout_table, "PAGE", 2)
        self._patch.setattr(gateway.rulebook, "PAGE", 2)

    async def __call__(self, app):
        self._patch.setattr(recall, "PAUSE", 0.0)
        await app.recall.stop()
        app.recall.go_on()
        await until(lambda: not app.recall.unread)


@pytest.fixture
def slow(monkeypatch):
    return Slow(monkeypatch)


def sms(to, kind=Kind.MARKETING, text=b"Soldes"):
    return message(0, None, kind=kind, destination=to, source="36180", payload=text)


async def submit(app, *messages):
    submitted = app.intake.submit(app.accounts.get("shop"), list(messages))
    if submitted.durable is not None:
        await submitted.durable
    return submitted.answers


async def reply(app, text, source):
    await app.mo.handle("sim", [Inbound(source, "36180", 0, b"", text, 0.0, b"")])


async def state(app, message_id):
    return (await app.store.get([message_id]))[message_id].state


async def left_behind(path, slow=None):
    """Six who object, one of them only in the store: his message still waits. Ids by recipient."""
    async with life(path, closed=True) as app:
        ids = {}
        for to, kind in ((FREE, Kind.MARKETING), (OBJECTED[5], Kind.MARKETING), (LATE, Kind.OTP)):
            (answer,) = await submit(app, sms(to, kind))
            ids[to] = answer.message_id
        await app.stops.add([(SCOPE, number, 1, "test") for number in OBJECTED[:5]], "test")
        digest = app.optouts.digest(OBJECTED[5])
        await app.stops.table.write([Act("stop", SCOPE, OBJECTED[5], digest, 1, "test", "test")])
    if slow is not None:
        slow.begin()
    return ids


def test_an_otp_leaves_first_and_marketing_once_the_lists_are_there(tmp_path, slow):
    async def story():
        ids = await left_behind(tmp_path, slow)
        async with life(tmp_path) as app:
            delivered = lambda to: app.store.states([ids[to]])[ids[to]] == State.DELIVERED  # noqa: E731
            await until(lambda: delivered(LATE))
            assert app.recall.barred == "opt-outs, suppressed numbers, consents"
            await asyncio.sleep(0.05)  # ten ticks: there is a road, and time
            assert [await state(app, ids[to]) for to in (FREE, OBJECTED[5])] == [State.QUEUED] * 2
            await slow(app)
            await until(lambda: delivered(FREE))
            await until(lambda: app.store.states([ids[OBJECTED[5]]])[ids[OBJECTED[5]]] == State.REJECTED)
            refused = (await app.store.get([ids[OBJECTED[5]]]))[ids[OBJECTED[5]]]
            assert (refused.error, refused.sent_at) == ("0401", 0)

    asyncio.run(story())


def test_new_marketing_is_told_to_come_again_and_a_quota_is_exact_from_the_first_otp_on(tmp_path, slow):
    async def story():
        await left_behind(tmp_path, slow)  # three of eight segments of today
        async with life(tmp_path) as app:
            promo, *otps = await submit(app, sms(FREE), *[sms(FREE, Kind.OTP) for _ in range(6)])
            assert promo.status == answers.THROTTLED
            assert "still reads opt-outs" in promo.text and "send it again" in promo.text
            assert [each.status for each in otps] == [answers.OK] * 5 + [answers.QUOTA_SPENT]
            await slow(app)
            assert [each.status for each in await submit(app, sms(OBJECTED[0]))] == [answers.OPTED_OUT]

    asyncio.run(story())


def test_a_stop_and_a_start_count_while_the_list_is_read_and_ever_after(tmp_path, slow):
    async def story():
        await left_behind(tmp_path, slow)
        async with life(tmp_path) as app:
            await reply(app, b"STOP", FREE)
            await reply(app, b"START", OBJECTED[4])
            await reply(app, b"STOP", OBJECTED[3])
            acts = app.store.read("SELECT act FROM optout_act ORDER BY id DESC LIMIT 3")
            assert [row[0] for row in acts] == ["stop", "start", "stop"]
            assert app.optouts.has(SCOPE, app.optouts.digest(FREE))
            assert app.recall.barred.startswith("opt-outs")
            await slow(app)
            covered = [
                number for number in (*OBJECTED, FREE) if app.optouts.has(SCOPE, app.optouts.digest(number))
            ]
            assert covered == [*OBJECTED[:4], OBJECTED[5], FREE]
            assert len(app.optouts) == 6
        async with life(tmp_path) as app:
            await until(lambda: not app.recall.unread)
            assert len(app.optouts) == 6
            again = await submit(app, sms(FREE), sms(OBJECTED[4]), sms(OBJECTED[3]))
            assert [each.status for each in again] == [answers.OPTED_OUT, answers.OK, answers.OPTED_OUT]

    asyncio.run(story())


def test_what_ends_unsent_while_it_is_counted_is_not_counted(tmp_path, slow):
    """Caps are exact: three to one number are taken before the start, one of the first and of the last page ends."""

    async def story():
        async with life(tmp_path, closed=True) as app:
            taken = [(await submit(app, sms(FREE)))[0].message_id for _ in range(3)]
            late = [(await submit(app, sms(LATE)))[0].message_id for _ in range(3)]
        slow.begin()
        async with life(tmp_path) as app:
            app.dispatcher.bar(frozenset(Kind))
            for _ in range(9):
                app.recall._turn()
                if app.counters.marketing.unread > taken[1]:
                    break
            assert not app.recall.barred and app.recall.unread == "what each number was sent"
            assert app.counters.marketing.unread <= late[0]
            waiting = await app.desk.waiting([taken[0], late[2]])
            await app.desk.cancel(list(waiting.values()), "test")
            await slow(app)
            now = app.clock.wall_ms()
            assert [app.counters.marketing.count(to, now) for to in (FREE, LATE)] == [2, 2]
            for to in (FREE, LATE):
                found = await submit(app, sms(to), sms(to))
                assert [each.status for each in found] == [answers.OK, answers.FREQUENCY_CAP]

    asyncio.run(story())


def test_it_can_be_stopped_and_reloaded_meanwhile(tmp_path, slow):
    async def story():
        ids = await left_behind(tmp_path, slow)
        async with life(tmp_path) as app:
            await until(lambda: app.recall._task is not None)
        assert app.recall._task.done()  # and the store is closed without a complaint
        async with life(tmp_path) as app:
            file = tmp_path / "gateway.toml"
            file.write_text(
                file.read_text().replace('per = "7d"', 'per = "2d"').replace("rate = 1000", "rate = 900")
            )
            await app.reload()
            assert app.recall.barred and app.counters.marketing.per_ms == 2 * 86_400_000
            assert await state(app, ids[FREE]) == State.QUEUED
            await slow(app)
            await until(lambda: app.store.states([ids[FREE]])[ids[FREE]] == State.DELIVERED)
            assert app.counters.marketing.count(FREE, app.clock.wall_ms()) == 1
            file.write_text(file.read_text().replace('per = "2d"', 'per = "3d"'))
            await app.reload()  # counted anew, behind open doors: what waits leaves meanwhile
            assert (app.recall.barred, app.recall.unread) == ("", "what each number was sent")
            await until(lambda: not app.recall.unread)
            assert app.counters.marketing.count(FREE, app.clock.wall_ms()) == 1

    asyncio.run(story())


def test_status_and_queue_say_why_marketing_waits(tmp_path, slow):
    async def story():
        await left_behind(tmp_path, slow)
        async with life(tmp_path) as app:
            await until(lambda: app.dispatcher.roads["sim"].open)
            word, why = state_of(app)
            assert word == "degraded" and "once it has read opt-outs" in why
            flow = next(flow for flow in app.queue.flows() if flow.key[1] == Kind.MARKETING)
            assert "still reads opt-outs" in reason_of(app, flow.key, 0)
            await slow(app)
            assert state_of(app)[0] == "ready"

    asyncio.run(story())


def test_a_disk_that_refuses_is_asked_again_and_marketing_waits(tmp_path, monkeypatch):
    monkeypatch.setattr(recall, "RETRY", 0.01)
    real, refusals, broken = optout_table.OptOutTable.active, [], [True]

    def torn(self):
        if broken:
            refusals.append(1)
            raise sqlite3.OperationalError("disk I/O error")
        yield from real(self)

    async def story():
        ids = await left_behind(tmp_path)
        monkeypatch.setattr(recall, "AT_ONCE", 0)
        monkeypatch.setattr(optout_table.OptOutTable, "active", torn)
        async with life(tmp_path) as app:
            await until(lambda: len(refusals) > 2)
            assert await state(app, ids[FREE]) == State.QUEUED
            broken.clear()
            await until(lambda: not app.recall.unread)
            assert len(app.optouts) == 6

    asyncio.run(story())


def test_what_is_small_is_read_before_the_doors_open(tmp_path):
    async def story():
        await left_behind(tmp_path)
        async with life(tmp_path) as app:
            assert (app.recall.unread, app.recall._task, len(app.optouts)) == ("", None, 6)

    asyncio.run(story())
