"""Unknown numbers are learnt with their receipt, refused, let go again by a delivery or by time, over restarts."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from core import Clock, core
from making import NOW

from drivers.bearer import MessageState, Receipt, Remedy
from drivers.smpp.dialect import STANDARD
from gateway import answers
from gateway.config.policy import RulesSettings, SuppressSettings
from gateway.lifecycle import State
from gateway.model import Kind
from gateway.rules.optouts import OptOuts
from gateway.rules.suppressed import SuppressedNumbers, SuppressRule
from gateway.stores.suppressed_table import SuppressedTable
from gateway.suppressions import UNKNOWN, Suppressions

NUMBER = "+33612345678"
DAY, DAY_MS = 86_400.0, 86_400_000


@asynccontextmanager
async def suppressing(path, days=90, after=1, order=("stop",), **options):
    """A core with .suppressions, as App makes it."""
    numbers = SuppressedNumbers(OptOuts(bytes(32)).digest)
    async with core(path, rules=[SuppressRule(numbers)], **options) as gw:
        gw.suppressions = Suppressions(gw.ledger, numbers, SuppressedTable(gw.store), gw.outcomes.roads)
        gw.suppressions.apply(RulesSettings(order=order, suppress=SuppressSettings(days=days, after=after)))
        gw.suppressions.load()
        for bearer in gw.bearers.values():
            bearer.dialect = STANDARD
        yield gw


async def fails(gw, kind=Kind.TRANSACTIONAL, code="3/1", to=NUMBER):
    """A message that the carrier takes and then reports undeliverable with this code."""
    sms = gw.sms(to, kind=kind)
    (answer,) = await gw.submit(sms)
    assert answer.status == answers.OK, answer.text
    (carrier_id,) = gw.a.accept()
    await gw.settled()
    await gw.a.receipt(carrier_id, MessageState.UNDELIVERABLE, to=to, code=code)
    return sms


async def arrives(gw, kind=Kind.TRANSACTIONAL):
    await gw.submit(gw.sms(NUMBER, kind=kind))
    (carrier_id,) = gw.a.accept()
    await gw.settled()
    await gw.a.receipt(carrier_id)


async def status(gw, kind=Kind.MARKETING):
    (answer,) = await gw.submit(gw.sms(NUMBER, kind=kind))
    if answer.status == answers.OK:
        gw.a.accept()
        await gw.settled()
    return answer.status


async def rows(gw):
    return await gw.suppressions.table.page(None, -(2**63), 99)


@pytest.mark.parametrize("kind", Kind)
def test_any_kind_teaches_and_only_marketing_is_refused(tmp_path, kind):
    async def story():
        async with suppressing(tmp_path) as gw:
            sms = await fails(gw, kind)
            assert await status(gw) == answers.SUPPRESSED
            assert await status(gw, Kind.OTP) == answers.OK
            ((_, number, since, last, until, strikes, reason, bearer, code, message, source),) = await rows(
                gw
            )
            assert (number, strikes, reason, bearer, code, message, source) == (
                NUMBER, 1, UNKNOWN, "a", "3/1", sms.id, "receipt",
            )  # fmt: skip
            assert since == last and until == since + 90 * DAY_MS

    asyncio.run(story())


def test_it_is_durable_with_its_receipt_and_outlives_the_process(tmp_path):
    async def story():
        async with suppressing(tmp_path) as gw:
            await gw.submit(gw.sms(NUMBER))
            (carrier_id,) = gw.a.accept()
            await gw.settled()
            before = gw.store.transactions
            await gw.a.receipt(carrier_id, MessageState.UNDELIVERABLE, code="3/1")
            assert gw.store.transactions == before + 1  # one commit for both
            assert gw.store.read("SELECT count(*) FROM suppressed") == [(1,)]
        async with suppressing(tmp_path) as gw:
            assert await status(gw) == answers.SUPPRESSED

    asyncio.run(story())


@pytest.mark.parametrize("code", ["", "012", "3/2"])
def test_other_failures_teach_nothing(tmp_path, code):
    async def story():
        async with suppressing(tmp_path) as gw:
            await fails(gw, code=code)
            assert await status(gw) == answers.OK
            assert gw.store.read("SELECT count(*) FROM suppressed") == [(0,)]

    asyncio.run(story())


def test_an_address_that_the_carrier_refuses_is_unknown_too(tmp_path):
    async def story():
        async with suppressing(tmp_path) as gw:
            sms = gw.sms(NUMBER)
            await gw.submit(sms)
            gw.a.refuse(Remedy.GIVE_UP, 11, text="ESME_RINVDSTADR")
            await gw.settled()
            assert gw.state(sms) is State.REJECTED
            assert await status(gw) == answers.SUPPRESSED

    asyncio.run(story())


def test_a_modem_says_it_in_its_own_codes(tmp_path):
    async def story():
        async with suppressing(tmp_path) as gw:
            del gw.a.dialect
            gw.a.from_own_number = True
            await fails(gw, code="41")
            assert await status(gw) == answers.SUPPRESSED

    asyncio.run(story())


def test_a_delivery_takes_it_off_the_list(tmp_path):
    async def story():
        async with suppressing(tmp_path) as gw:
            await fails(gw)
            assert await status(gw) == answers.SUPPRESSED
            gw.clock.pass_(1.0)
            await arrives(gw)
            assert gw.suppressions.numbers.idle
            assert await rows(gw) == []
            assert await status(gw) == answers.OK

    asyncio.run(story())


def test_what_waits_is_refused_before_the_wire(tmp_path):
    async def story():
        async with suppressing(tmp_path) as gw:
            later = gw.sms(NUMBER, kind=Kind.MARKETING, due=gw.clock.wall_ms() + 60_000)
            await gw.submit(later)
            await fails(gw)
            await gw.passes(61.0)
            assert gw.state(later) is State.REJECTED
            assert gw.row(later.id, "error")[0] == "0409"
            assert gw.owed()[-1] == (State.REJECTED, "0409")

    asyncio.run(story())


def test_so_many_in_a_row_counted_over_a_restart(tmp_path):
    async def story():
        clock = Clock()
        async with suppressing(tmp_path, after=3, clock=clock) as gw:
            await fails(gw)
            await fails(gw)
            assert await status(gw) == answers.OK
        async with suppressing(tmp_path, after=3, clock=clock) as gw:
            assert len(gw.suppressions.numbers) == 0
            await fails(gw)
            assert await status(gw) == answers.SUPPRESSED
            clock.pass_(1.0)
            await arrives(gw)
            await fails(gw)
            await fails(gw)
            assert await status(gw) == answers.OK  # a delivery came between
        async with suppressing(
            tmp_path, after=2, clock=clock
        ) as gw:  # another setting judges the same strikes
            assert await status(gw) == answers.SUPPRESSED

    asyncio.run(story())


def test_several_receipts_in_one_batch_count_each(tmp_path):
    async def story():
        async with suppressing(tmp_path, after=2) as gw:
            await gw.submit(gw.sms(NUMBER), gw.sms(NUMBER))
            ids = gw.a.accept()
            await gw.settled()
            state = MessageState.UNDELIVERABLE
            await gw.a.emit([Receipt(i, [i], state, True, NUMBER, "3/1", 0.0, b"") for i in ids])
            assert [row[5] for row in await rows(gw)] == [2]
            assert await status(gw) == answers.SUPPRESSED

    asyncio.run(story())


def test_time_ends_it(tmp_path):
    async def story():
        async with suppressing(tmp_path, days=2) as gw:
            await fails(gw)
            gw.clock.pass_(2 * DAY - 1)
            gw.suppressions.turn()
            assert await status(gw) == answers.SUPPRESSED
            gw.clock.pass_(2.0)
            gw.suppressions.turn()
            await gw.settled()
            assert await rows(gw) == []
            assert await status(gw) == answers.OK
            gw.suppressions.turn()

    asyncio.run(story())


@pytest.mark.parametrize("options", [{"days": 0}, {"order": ("sender",)}])
def test_it_can_be_switched_off(tmp_path, options):
    async def story():
        async with suppressing(tmp_path, **options) as gw:
            assert gw.ledger.learn is None
            await fails(gw)
            assert await status(gw) == answers.OK

    asyncio.run(story())


def test_operators_add_and_remove(tmp_path):
    async def story():
        async with suppressing(tmp_path, after=5) as gw:
            entries = [(NUMBER, NOW, 0, "bounced letters"), ("+33600000002", NOW, NOW + DAY_MS, "trial")]
            assert await gw.suppressions.add(entries, "ops") == 2
            assert await gw.suppressions.add(entries[:1], "ops") == 0
            assert await status(gw) == answers.SUPPRESSED
            kept = {row[1]: row for row in await rows(gw)}
            assert kept[NUMBER][4:7] == (NOW + 90 * DAY_MS, 0, "bounced letters")
            await fails(gw)  # a receipt adds its evidence, and the operator's word stays
            assert (await rows(gw))[0][5:7] in ((0, "bounced letters"), (0, "trial"))
            gw.clock.pass_(DAY + 1)
            gw.suppressions.turn()
            await gw.settled()
            assert [row[1] for row in await rows(gw)] == [NUMBER]
            assert await gw.suppressions.remove([NUMBER, "+33600000002"]) == 1
            assert await status(gw) == answers.OK

    asyncio.run(story())


def test_where_the_rule_stands():
    assert RulesSettings().judging[2:4] == ("stop", "suppress")
    assert RulesSettings(order=("suppress", "stop")).judging == ("suppress", "stop")
    assert RulesSettings(order=("sender",)).judging == ("sender",)
    assert RulesSettings(order=()).judging == ()
    assert RulesSettings(order=("suppress",)).suppresses and not RulesSettings(order=()).suppresses


def test_who_is_reached_while_the_list_is_read_is_not_put_back(tmp_path):
    async def story():
        async with suppressing(tmp_path) as gw:
            await fails(gw)
            assert await status(gw) == answers.SUPPRESSED
            gw.suppressions.reading.begin()
            assert len(gw.suppressions.numbers) == 0
            await arrives(gw)
            gw.suppressions.reading.finish()
            assert await status(gw) == answers.OK

    asyncio.run(story())
