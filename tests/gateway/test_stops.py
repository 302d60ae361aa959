"""What a reply does: the list, what waits, the answer, the event; all of it once, and over a restart."""

import asyncio

import pytest
from core import Clock
from running_gateway import CONFIG, Running
from stopping import ended, promo, scopes, sent, shop, stopping

from drivers.bearer import Inbound
from drivers.sms.udh import concat_header
from gateway import answers
from gateway.config.policy import StopSettings
from gateway.lifecycle import State
from gateway.model import Kind
from gateway.stores.store import StoreError

NUMBER = "+33612345678"
DAY = 86_400.0
CONFIRMED = "Chappe: votre demande est prise en compte, vous ne recevrez plus de SMS publicitaire du 36180."


def told(gw):
    return [(event.act, list(event.scopes), event.evidence) for event in gw.told]


def test_a_stop_is_durable_with_its_reply_and_refuses_the_next_with_its_reason(tmp_path):
    async def story():
        async with stopping(tmp_path) as gw:
            await gw.a.mo("Arrêt".encode("latin-1"), data_coding=3)
            assert scopes(gw) == ["short_code:36180"]
            (proof,) = await gw.stops.table.story(gw.optouts.digest(NUMBER))
            assert proof[1:] == (
                "stop",
                "short_code:36180",
                NUMBER,
                "mo:36180",
                'first-word "arret" (fr)',
                "Arrêt",
            )
            answer, otp = await gw.submit(promo(gw), gw.sms(NUMBER, b"1234", Kind.OTP))
            assert (answer.status, answer.text) == (
                answers.OPTED_OUT, "stop: the recipient has opted out (short_code:36180)",
            )  # fmt: skip
            assert otp.status == answers.OK
            assert told(gw) == [("stop", ["short_code:36180"], 'first-word "arret" (fr)')]
            assert [note.mo is not None for note in gw.store.owed("shop", 0, 9)][:1] == [True]

    asyncio.run(story())


def test_the_list_outlives_the_process(tmp_path):
    async def story():
        clock = Clock()
        async with stopping(tmp_path, clock=clock) as gw:
            await gw.a.mo(b"STOP")
        async with stopping(tmp_path, clock=clock) as gw:
            (answer,) = await gw.submit(promo(gw))
            assert answer.status == answers.OPTED_OUT
            await gw.a.mo(b"STOP")
            await gw.settled()
            assert sent(gw) == []  # confirmed a moment ago, by the process before

    asyncio.run(story())


def test_what_waits_is_refused_at_once_in_memory_and_in_the_store(tmp_path):
    async def story():
        async with stopping(tmp_path, bearers=()) as gw:
            later = gw.clock.wall_ms() + 3_600_000
            queued, other, bill, scheduled = (
                promo(gw), promo(gw, "+33600000001"), gw.sms(NUMBER), promo(gw, due=later),
            )  # fmt: skip
            await gw.submit(queued, other, bill, scheduled)
            held = promo(gw)
            await gw.submit(held)
            await gw.desk.hold([held], "test")
            gw.add("a")
            gw.dispatcher.roads["a"].health.enabled = False
            await gw.settled()
            await gw.a.mo(b"STOP")
            await ended(gw)
            states = [gw.state(m) for m in (queued, scheduled, held, other, bill)]
            assert states[:3] == [State.REJECTED] * 3
            assert all(state is not State.REJECTED for state in states[3:])
            assert gw.row(held.id, "error, reason") == (
                "0401",
                "stop: the recipient has opted out (short_code:36180)",
            )
            assert gw.owed().count((State.REJECTED, "0401")) == 3

    asyncio.run(story())


def test_one_confirmation_in_24_hours_transactional_and_from_the_short_code(tmp_path):
    async def story():
        async with stopping(tmp_path) as gw:
            for _ in range(3):
                await gw.a.mo(b"STOP")
            await gw.settled()
            assert sent(gw) == [CONFIRMED]
            assert (gw.a.seen[0].source, gw.a.seen[0].destination) == ("36180", NUMBER)
            (kind,) = gw.store.read("SELECT kind FROM message")
            assert kind == (Kind.TRANSACTIONAL,)
            assert len(gw.told) == 1
            assert len(await gw.stops.table.story(gw.optouts.digest(NUMBER))) == 3
            gw.clock.pass_(DAY + 1)
            await gw.a.mo(b"STOP")
            await gw.settled()
            assert sent(gw) == [CONFIRMED] * 2

    asyncio.run(story())


def test_no_confirmation_when_none_is_wanted_or_a_machine_wrote(tmp_path):
    async def story():
        async with stopping(tmp_path, StopSettings(confirm=False)) as gw:
            await gw.a.mo(b"STOP")
            gw.stops._settings = StopSettings()
            await gw.a.mo(b"STOP", source="38000")
            await gw.settled()
            assert (sent(gw), len(gw.optouts)) == ([], 2)

    asyncio.run(story())


def test_a_confirmation_that_finds_no_room_is_sent_later(tmp_path):
    async def story():
        async with stopping(tmp_path, accounts=[shop(rate=1)]) as gw:
            await gw.submit(gw.sms("+33600000009"))
            await gw.a.mo(b"STOP")
            await gw.settled()
            assert sent(gw) == ["Bonjour"]
            gw.clock.pass_(2.0)
            gw.stops.turn()
            await gw.settled()
            assert sent(gw) == ["Bonjour", CONFIRMED]
            gw.clock.pass_(2.0)
            gw.stops.turn()
            await gw.settled()
            assert len(sent(gw)) == 2

    asyncio.run(story())


def test_start_withdraws_with_proof_and_says_so(tmp_path):
    async def story():
        async with stopping(tmp_path) as gw:
            await gw.a.mo(b"START")
            assert told(gw) == []
            await gw.a.mo(b"STOP")
            await gw.a.mo(b"START")
            await gw.settled()
            assert scopes(gw) == []
            assert [event.act for event in gw.told] == ["stop", "start"]
            assert sent(gw)[1].startswith(
                "Chappe: votre demande est prise en compte, vous recevrez de nouveau"
            )
            (answer,) = await gw.submit(promo(gw))
            assert answer.status == answers.OK
            assert [row[1] for row in await gw.stops.table.story(gw.optouts.digest(NUMBER))] == [
                "stop",
                "start",
            ]

    asyncio.run(story())


def test_start_does_not_undo_what_an_operator_did(tmp_path):
    async def story():
        async with stopping(tmp_path) as gw:
            assert await gw.stops.add([("global", NUMBER, 1, "letter of 3 March")], "ops") == 1
            await gw.a.mo(b"STOP")
            await gw.a.mo(b"START")
            assert scopes(gw) == ["global"]

    asyncio.run(story())


def test_a_stop_to_a_long_number_covers_it_and_the_account_that_wrote_last(tmp_path):
    async def story():
        two = [shop("first", mo=("+33600000000",)), shop("second", mo=())]
        async with stopping(tmp_path, accounts=two) as gw:
            await gw.a.mo(b"STOP", destination="+33600000000")
            assert scopes(gw) == ["account:first", "sender:+33600000000"]  # nobody wrote: its owner
            await gw.submit(gw.sms("+33600000007", account="second"))
            await gw.a.mo(b"STOP", source="+33600000007", destination="+33600000000")
            assert scopes(gw) == ["account:first", "account:second", "sender:+33600000000"]
            await gw.a.mo(b"START", source="+33600000007", destination="+33600000000")
            assert scopes(gw) == ["account:first", "sender:+33600000000"]

    asyncio.run(story())


def test_contact_is_answered_with_who_it_is(tmp_path):
    async def story():
        own = shop(keywords={"Contact": "Boutique Chappe, 1 rue du Télégraphe"})
        async with stopping(tmp_path, accounts=[own]) as gw:
            await gw.a.mo(b"CONTACT")
            await gw.a.mo(b"CONTACT")  # at once again: a machine may be answering us
            await gw.settled()
            assert sent(gw) == ["Boutique Chappe, 1 rue du Télégraphe"]
        other = tmp_path / "other"
        other.mkdir()
        async with stopping(other, accounts=[shop()]) as gw:
            await gw.a.mo(b"CONTACT")
            await gw.settled()
            assert sent(gw) == ["Edite par Chappe."]
            assert gw.told == []

    asyncio.run(story())


def test_a_doubtful_reply_holds_marketing_back_for_some_days(tmp_path):
    async def story():
        clock = Clock()
        doubtful = b"je vais porter plainte"
        async with stopping(tmp_path, clock=clock) as gw:
            await gw.a.mo(doubtful)
            assert [event.act for event in gw.told] == ["review"]
            (answer,) = await gw.submit(promo(gw))
            assert (answer.status, "may be an objection" in answer.text) == (answers.WOULD_EXPIRE, True)
        async with stopping(tmp_path, clock=clock) as gw:
            (answer,) = await gw.submit(promo(gw, expires=0))
            assert (answer.status, answer.deferred) == (answers.OK, clock.wall_ms() + 7 * 86_400_000)
            clock.pass_(7 * DAY)
            await gw.passes(1.0)
            assert len(sent(gw)) == 1
        async with stopping(tmp_path, StopSettings(review_days=0), clock=clock) as gw:
            await gw.a.mo(doubtful, source="+33600000008")
            assert gw.told == []

    asyncio.run(story())


@pytest.mark.parametrize(
    ("texts", "after_first", "whole"),
    [
        ((b"Bonjour je ne veux plus recevoir de pub ", b"merci bien"), 1, 1),
        ((b"bonjour le bus s'est ", b"stop net devant la boutique et je me demande"), 0, 0),
        ((b"Bonjour, ne m'env", b"oyez plus de pub"), 0, 1),
    ],
)
def test_a_long_reply_is_read_in_parts_and_whole(tmp_path, texts, after_first, whole):
    async def story():
        async with stopping(tmp_path) as gw:
            await gw.a.mo(texts[0], udh=concat_header(7, 2, 1))
            assert len(gw.optouts) == len(scopes(gw)) == after_first
            await gw.a.mo(texts[1], udh=concat_header(7, 2, 2))
            assert len(gw.optouts) == len(scopes(gw)) == whole

    asyncio.run(story())


def test_a_second_part_that_begins_with_the_word_is_no_stop_by_itself(tmp_path):
    async def story():
        async with stopping(tmp_path) as gw:
            await gw.a.mo(b"stop net devant la boutique", udh=concat_header(7, 2, 2))
            assert len(gw.optouts) == 0
            await gw.a.mo(b"lundi 8 h. STOP. bises", udh=concat_header(8, 2, 2))
            assert len(gw.optouts) == 1

    asyncio.run(story())


def test_without_the_rule_no_reply_is_read(tmp_path):
    async def story():
        async with stopping(tmp_path) as gw:
            gw.stops._law = None
            await gw.a.mo(b"STOP", ack=True)
            assert (len(gw.optouts), scopes(gw), sent(gw)) == (0, [], [])

    asyncio.run(story())


def test_an_operator_ends_a_review_with_proof(tmp_path):
    async def story():
        async with stopping(tmp_path) as gw:
            await gw.a.mo(b"je vais porter plainte")
            assert await gw.stops.remove([("short_code:36180", NUMBER, 5, "called back")], "ops") == 1
            assert gw.optouts.reviews == {}
            assert gw.stops.table.reviews(0) == []
            assert await gw.stops.remove([("short_code:36180", NUMBER, 5, "called back")], "ops") == 0

    asyncio.run(story())


def test_a_whole_gateway_reads_replies_keeps_the_list_over_reload_and_restart(tmp_path):
    config = CONFIG.replace('order = ["sender"]', 'order = ["sender", "stop"]').replace(
        "[accounts.shop]", '[accounts.shop]\nmo = ["36180"]'
    )
    reply = Inbound(NUMBER, "36180", 0, b"", b"Stop !", 0.0, b"", False)
    with Running(tmp_path, config=config) as gateway:
        waits = gateway.submit(NUMBER, kind="marketing")

        async def stop():
            await gateway.app.mo.handle("orange", [reply])

        gateway.run(stop())
        gateway.until(lambda: gateway.app.stops._ending is not None and gateway.app.stops._ending.done())
        assert gateway.ask("trace", id=waits)["state"] == "rejected"
        gateway.run(gateway.app.reload())
        verdict = gateway.ask("explain", to=NUMBER, kind="marketing", **{"from": "CHAPPE"})["rules"][
            "verdict"
        ]
        assert (verdict["rule"], verdict["status"]) == ("stop", "0x0401")
        key = gateway.app.config.store.hmac_key_file
        assert key.stat().st_mode & 0o777 == 0o600
    with Running(tmp_path, config=config) as gateway:
        assert gateway.ask("optouts")["counts"] == {"short_code:36180": 1}
        assert "opted out" in gateway.ask("explain", to=NUMBER, kind="marketing")["outcome"]
    key.unlink()
    with pytest.raises(StoreError, match="put it back from a backup"), Running(tmp_path, config=config):
        pass


def test_what_the_store_refuses_is_obeyed_and_the_same_again_is_written(tmp_path):
    """Else a second try would be told "it stands", and a restart would forget it."""

    async def story():
        async with stopping(tmp_path) as gw:
            entry, key = ("account:shop", NUMBER, 5, "asked"), gw.optouts.digest(NUMBER)
            poison = (*entry[:3], "\ud800")
            with pytest.raises(StoreError):
                await gw.stops.add([poison], "ops")
            assert scopes(gw) == []
            assert not gw.optouts.add("account:shop", key), "it is obeyed all the same"
            assert await gw.stops.add([entry], "ops") == 1
            assert scopes(gw) == ["account:shop"]
            assert await gw.stops.add([entry], "ops") == 0
            with pytest.raises(StoreError):
                await gw.stops.remove([poison], "ops")
            assert not gw.optouts.add("account:shop", key), "without its proof nothing is withdrawn"
            assert await gw.stops.remove([entry], "ops") == 1
            assert scopes(gw) == []

    asyncio.run(story())
