"""What applications see of a gateway on a good day and a bad one, told message by message."""

from __future__ import annotations

import asyncio

import pytest
from system.esme import Esme, settled
from system.world import story, texts_of

from drivers.smpp.build import tlv
from drivers.smpp.pdu import Tag
from drivers.smpp.times import format_absolute

EMOJI = "Votre colis est arrivé 📦 retrait sous 10 jours, à bientôt 😀. "


@story
async def test_a_message_goes_out_and_its_receipt_comes_home(world):
    async with world() as w:
        shop = await w.application()
        ticket = shop.submit(
            "+33612345678", "Bonjour à vous [€]", tlvs=tlv(Tag.USER_MESSAGE_REFERENCE, b"\1\2")
        )
        assert await shop.answered(ticket) == [0]
        assert ticket.id.isdigit() and len(ticket.id) <= 19
        (sent,) = await w.carried(1)
        assert (sent.source, sent.destination, sent.text) == ("36180", "+33612345678", "Bonjour à vous [€]")
        await shop.told(ticket, "DELIVRD")
        (receipt,) = shop.given
        assert receipt.esm_class == 0x04
        assert (receipt.source_addr, receipt.destination_addr) == (b"33612345678", b"36180")
        assert receipt.tlvs[Tag.RECEIPTED_MESSAGE_ID] == ticket.id.encode() + b"\0"
        assert receipt.tlvs[Tag.MESSAGE_STATE] == b"\2"
        assert receipt.tlvs[Tag.USER_MESSAGE_REFERENCE] == b"\1\2"
        await shop.leave()


@story
async def test_an_otp_overtakes_a_campaign(world):
    async with world(bearers={"orange": {"rate": 20}}) as w:
        shop = await w.application()
        crowd = [f"+3361{n:07}" for n in range(400)]
        campaign = shop.submit_many(crowd, "Soldes", service_type=b"PROMO")
        assert set(await shop.answered(*campaign)) == {0}
        await w.carried(3)
        before = len(w.sent())
        otp = shop.submit("+33699999999", "Code 1234", service_type=b"OTP")
        await shop.told(otp, "DELIVRD", 3.0)
        place = [sent.destination for sent in w.sent()].index("+33699999999")
        assert place <= before + 8  # what was INFLIGHT when it came, no more


@story
async def test_while_the_carrier_is_away_messages_wait_and_then_leave_in_their_order(world):
    async with world() as w:
        shop = await w.application()
        await w.stop_carrier("orange")
        numbers = [f"+3361{n:07}" for n in range(300)]
        tickets = [ticket for n in numbers for ticket in shop.submit_many([n])]
        assert set(await shop.answered(*tickets)) == {0}
        assert not w.sent()
        await w.start_carrier("orange")
        await w.carried(300)
        assert [sent.destination for sent in w.sent()] == numbers
        await settled(lambda: len(shop.verdicts()) == 300)


@story
async def test_messages_that_wait_outlive_the_gateway(world):
    async with world() as w:
        shop = await w.application()
        await w.stop_carrier("orange")
        numbers = [f"+3361{n:07}" for n in range(300)]
        assert set(await shop.answered(*shop.submit_many(numbers))) == {0}
        await w.stop_gateway()
        await w.start_carrier("orange")
        await w.start_gateway()
        await w.carried(300)
        assert [sent.destination for sent in w.sent()] == numbers


@pytest.mark.parametrize("mode", ["rx", "trx"])
def test_a_receipt_waits_for_an_application_that_is_away(tmp_path, mode):
    @story
    async def told(world):
        async with world({"orange": {"receipt_delay": 0.3}}) as w:
            sender = await w.application("tx")
            ticket = sender.submit("+33612345678")
            await sender.answered(ticket)
            await sender.leave()
            await settled(lambda: w.carrier.counts["receipts"] == 1)
            await w.application("tx")  # a transmitter is given nothing
            await asyncio.sleep(0.1)
            receiver = await w.application(mode)
            await receiver.told(ticket, "DELIVRD")

    told(tmp_path)


@story
async def test_a_receipt_waits_for_the_application_through_a_restart(world):
    async with world() as w:
        sender = await w.application("tx")
        tickets = sender.submit_many([f"+3361{n:07}" for n in range(700)])
        await sender.answered(*tickets)
        await settled(lambda: w.carrier.counts["receipts"] == 700)
        await w.stop_gateway()
        await w.start_gateway()
        receiver = await w.application("rx")
        await settled(lambda: len(receiver.given) >= 700)
        assert receiver.verdicts() == {ticket.id: ["DELIVRD"] for ticket in tickets}


@story
async def test_what_an_application_did_not_answer_is_given_again(world):
    async with world() as w:
        shop = await w.application(answer=None)
        ticket = shop.submit("+33612345678")
        await shop.told(ticket, "DELIVRD")
        shop.drop()
        again = await w.application("rx")
        await again.told(ticket, "DELIVRD")
        await again.leave()
        third = await w.application("rx")
        await asyncio.sleep(0.2)
        assert not third.given


@story
async def test_an_application_may_ask_for_a_receipt_later(world):
    async with world() as w:
        shop = await w.application(answer=0x64)  # ESME_RX_T_APPN
        ticket = shop.submit("+33612345678")
        await shop.told(ticket, "DELIVRD")
        shop.answer = 0
        await settled(lambda: len(shop.given) == 2, 8.0)
        await asyncio.sleep(0.1)
        assert w.app.outbox.counts() == {}


@story
async def test_the_same_reference_is_one_message(world):
    async with world() as w:
        shop = await w.application()
        reference = tlv(Tag.CLIENT_REFERENCE, b"order-17")
        first = shop.submit("+33612345678", tlvs=reference)
        twin = shop.submit("+33612345678", tlvs=reference)
        assert await shop.answered(first, twin) == [0, 0]
        later = shop.submit("+33612345678", tlvs=reference)
        other = shop.submit("+33612345678", "Bonsoir", tlvs=reference)
        assert await shop.answered(later, other) == [0, 0x408]
        assert first.id == twin.id == later.id
        await shop.told(first, "DELIVRD")
        await w.stop_gateway()
        await w.start_gateway()
        shop = await w.application()
        after = shop.submit("+33612345678", tlvs=reference)
        await shop.answered(after)
        assert after.id == first.id
        await asyncio.sleep(0.2)
        assert len(w.sent()) == 1


@story
async def test_a_message_leaves_when_it_is_scheduled(world):
    async with world() as w:
        shop = await w.application()
        at = format_absolute(w.clock.wall_ms() / 1000 + 3600)
        ticket = shop.submit("+33612345678", schedule_delivery_time=at)
        now = shop.submit("+33611111111")
        assert await shop.answered(ticket, now) == [0, 0]
        await shop.told(now, "DELIVRD")
        assert w.numbers() == {"+33611111111": 1}
        await w.elapse(3601)
        await shop.told(ticket, "DELIVRD")
        assert w.numbers()["+33612345678"] == 1


@story
async def test_a_message_that_waited_too_long_expires_and_says_so(world):
    async with world() as w:
        shop = await w.application()
        await w.stop_carrier("orange")
        ticket = shop.submit("+33612345678", validity_period=b"000000000500000R")
        unasked = shop.submit("+33611111111", validity_period=b"000000000500000R", registered_delivery=0)
        lasting = shop.submit("+33622222222")
        assert await shop.answered(ticket, unasked, lasting) == [0, 0, 0]
        await w.elapse(301)
        await shop.told(ticket, "EXPIRED")
        await w.start_carrier("orange")
        await shop.told(lasting, "DELIVRD")
        assert w.numbers() == {"+33622222222": 1}
        assert set(shop.verdicts()) == {ticket.id, lasting.id}


@story
async def test_a_message_past_its_validity_at_restart_is_not_sent(world):
    async with world() as w:
        shop = await w.application()
        await w.stop_carrier("orange")
        ticket = shop.submit("+33612345678", "1234", service_type=b"OTP")
        await shop.answered(ticket)
        await w.stop_gateway()
        w.clock.ahead += 301  # an OTP waits 5 minutes
        await w.start_carrier("orange")
        await w.start_gateway()
        shop = await w.application()
        await shop.told(ticket, "EXPIRED")
        assert not w.sent()


@story
async def test_what_waits_can_be_asked_for_rewritten_and_cancelled(world):
    async with world() as w:
        shop = await w.application()
        await w.stop_carrier("orange")
        first, second = shop.submit_many(["+33612345678", "+33611111111"])
        await shop.answered(first, second)
        asked = shop.query(first.id)
        assert await shop.answered(asked) == [0]
        assert asked.body == first.id.encode() + b"\0\0\1\0"  # ENROUTE, no final date, no error
        assert await shop.answered(shop.replace(first.id, b"Changed")) == [0]
        assert await shop.answered(shop.cancel(second.id)) == [0]
        await shop.told(second, "DELETED")
        await w.start_carrier("orange")
        await shop.told(first, "DELIVRD")
        assert [sent.text for sent in w.sent()] == ["Changed"]
        late = [
            shop.cancel(first.id),
            shop.replace(first.id, b"Too late"),
            shop.cancel("17"),
            shop.query("17"),
        ]
        assert await shop.answered(*late) == [0x11, 0x13, 0x0C, 0x67]
        asked = shop.query(first.id)
        await shop.answered(asked)
        assert asked.body[-2:] == b"\2\0"
        assert len(asked.body.split(b"\0")[1]) == 16


@story
async def test_another_account_s_message_does_not_exist(world):
    accounts = {"rival": {"password": "secret", "default_kind": "alert", "senders": ["*"]}}
    async with world(accounts=accounts) as w:
        shop, rival = await w.application(), await w.application(system_id="rival")
        await w.stop_carrier("orange")
        ticket = shop.submit("+33612345678")
        await shop.answered(ticket)
        tries = [rival.query(ticket.id), rival.cancel(ticket.id), rival.replace(ticket.id, b"Mine")]
        assert await rival.answered(*tries) == [0x67, 0x0C, 0x13]
        await w.start_carrier("orange")
        await shop.told(ticket, "DELIVRD")


@story
async def test_submit_multi_is_one_id_and_a_receipt_for_each(world):
    async with world() as w:
        shop = await w.application()
        ticket = shop.multi([b"33612345678", b"33611111111", b"12", b"33622222222"])
        assert await shop.answered(ticket) == [0]
        assert ticket.body == ticket.id.encode() + b"\0\x01\x01\x0112\0\0\0\0\x0b"
        await settled(lambda: len(shop.receipts) == 3)
        assert shop.verdicts() == {ticket.id: ["DELIVRD"] * 3}
        assert {sm.source_addr for sm in shop.given} == {b"33612345678", b"33611111111", b"33622222222"}
        assert sum(w.numbers().values()) == 3


@story
async def test_data_sm_is_a_way_in(world):
    async with world() as w:
        shop = await w.application()
        ticket = shop.data("+33612345678", EMOJI * 4)
        assert await shop.answered(ticket) == [0]
        await shop.told(ticket, "DELIVRD")
        assert texts_of(w.sent()) == [EMOJI * 4]


@story
async def test_a_reply_finds_its_application(world):
    async with world() as w:
        shop = await w.application("rx")
        w.carrier.inject_mo("+33612345678", "36180", "STOP")
        w.carrier.inject_mo("+33612345678", "36180", EMOJI * 5)
        w.carrier.inject_mo("+33612345678", "99999", "for nobody")
        await settled(lambda: len(shop.replies) == 2, what=lambda: shop.given)
        assert shop.replies == ["STOP", EMOJI * 5]
        assert {sm.source_addr for sm in shop.given} == {b"33612345678"}
        await settled(lambda: w.carrier.counts["mos"] >= 7, what=lambda: w.carrier.counts)


@story
async def test_a_long_reply_waits_for_its_last_part_through_a_restart(world):
    async with world(accounts={"shop": {"long_mo": "parts", "window": 2}}) as w:
        pieces = w.carrier._core.mo("+33612345678", "36180", EMOJI * 5, 1, 7, "")
        last = pieces.pop()
        w.carrier._deliver(list(reversed(pieces)))
        await settled(lambda: w.carrier.counts["mos"] == len(pieces))
        await w.stop_gateway()
        await w.start_gateway()
        shop = await w.application("rx")
        w.carrier._deliver([last])
        await settled(lambda: shop.replies, what=lambda: shop.given)
        assert shop.replies == [EMOJI * 5]
        assert len(shop.given) > 2  # more parts than the bind's window


@story
async def test_applications_may_leave_and_come_as_they_like(world):
    async with world() as w:
        for _ in range(20):
            shop: Esme = await w.application()
            tickets = shop.submit_many([f"+3361{n:07}" for n in range(20)])
            await shop.answered(*tickets)
            shop.drop()
        last = await w.application("rx")
        await settled(lambda: w.app.outbox.counts() == {} and w.carrier.counts["receipts"] == 400)
        assert len(w.sent()) == 400
        assert all(stats == ["DELIVRD"] for stats in last.verdicts().values())


@story
async def test_data_coding_1_is_ascii_unless_it_cannot_be(world):
    """node-smpp writes GSM 03.38 under it; what no text in ASCII holds gives it away."""
    async with world() as w:
        shop = await w.application()
        octets = [b"a@b.fr [x]", b"\x7f tr\x04s vite \x1be", b"d\xe9j\xe0"]
        await shop.answered(*[shop.submit("+33612345678", each, data_coding=1) for each in octets])
        await w.carried(3)
        assert [sent.text for sent in w.sent()] == ["a@b.fr [x]", "à très vite €", "déjà"]


@story
async def test_a_part_that_fits_no_segment_is_refused_at_once(world):
    async with world() as w:
        shop = await w.application()
        header = b"\5\0\3\x2a\2\1"
        too_long = shop.submit("+33612345678", header + b"x" * 154, esm_class=0x40)
        fitting = shop.submit("+33612345678", header + b"x" * 153, esm_class=0x40)
        sar = tlv(Tag.SAR_MSG_REF_NUM, b"\0\7") + tlv(Tag.SAR_TOTAL_SEGMENTS, b"\2")
        by_sar = shop.submit("+33612345678", b"x" * 153, tlvs=sar + tlv(Tag.SAR_SEGMENT_SEQNUM, b"\1"))
        assert await shop.answered(too_long, fitting, by_sar) == [1, 0, 0]
        await w.carried(2)
        assert {len(sent.sm.short_message) for sent in w.sent()} == {159}


@story
async def test_a_batch_may_name_a_reference_twice(world):
    async with world() as w:
        shop = await w.application()
        reference = tlv(Tag.CLIENT_REFERENCE, b"order-18")
        tickets = shop.submit_many(["+33612345678"] * 3, tlvs=reference)
        other = shop.submit_many(["+33611111111", "+33612345678"], tlvs=reference)
        assert await shop.answered(*tickets, *other) == [0, 0, 0, 0x408, 0]
        assert len({ticket.id for ticket in (*tickets, other[1])}) == 1
        await shop.told(tickets[0], "DELIVRD")
        assert len(w.sent()) == 1
